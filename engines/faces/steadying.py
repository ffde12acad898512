"""What an edit must not bring along: light that comes with turning a head, colours that nobody had before they smiled.

A generator of this size knows few people who laugh in profile. What it adds is seen in the picture of such sliders
alone, and taken back from the whole edit, so that sliders that are meant to change light or colour still do.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.faces.inverting import importance

Plane = NDArray[np.float32]
# How far around a place, as parts of the side, something as dark, as light and of such a colour must have been before:
# a fringe brings the dark of hair far down; a mouth that opens has teeth, no lighter than the lightest of the face.
NEAR = {"expression": (0.12, 0.4, 0.12), "fringe": (0.3, 0.3, 0.12)}
GREY = {"expression": 0.03}  # teeth: so near to grey (in _MIX' colours) a new place may be whatever was there
POSE = "pose"
_MIX = np.array([[0.299, 0.587, 0.114], [1, -1, 0], [-0.5, -0.5, 1]], np.float32)  # lightness, red-green, blue-yellow
_BACK = np.asarray(np.linalg.inv(_MIX), np.float32)


def kind(entry: Mapping[str, Any]) -> str | None:
    """What a slider must not bring along, by what its file of directions says of it; None: it may do as it likes."""
    if entry.get("name") == "fringe":
        return "fringe"
    group = str(entry.get("group") or "").lower()
    return group if group == POSE or group in NEAR else None


def steadied(before: Plane, after: Plane, alone: Mapping[str, Plane]) -> Plane:
    """The edited picture (R, R, 3) without that.  alone: kind -> the picture that its sliders make alone."""
    for name, picture in alone.items():
        if name == POSE:
            after = np.asarray(after * _light(before) / np.maximum(_light(picture), 0.02), np.float32)
        else:
            after = after + (_colours_of(before, picture, *NEAR[name], grey=GREY.get(name)) - picture)
    return after


def _light(picture: Plane) -> Plane:
    """Mean colour of the face in an aligned picture (R, R, 3) -> (3,)."""
    weight = importance(picture.shape[0])[..., None]
    return np.asarray((picture * weight).sum((0, 1)) / weight.sum(), np.float32)


def _colours_of(
    before: Plane, after: Plane, darker: float, lighter: float, colour: float, *, grey: float | None = None
) -> Plane:
    """`after` with every pixel drawn back into what `before` has nearby."""
    side = before.shape[0]
    known, made = before @ _MIX.T, after @ _MIX.T
    calm = cv2.GaussianBlur(known, (0, 0), side / 128)

    def near(part: float) -> NDArray[np.uint8]:
        return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (int(side * part) | 1,) * 2), np.uint8)

    low = np.dstack([cv2.erode(calm[..., 0], near(darker)), cv2.erode(calm[..., 1:].copy(), near(colour))])
    high = np.dstack([cv2.dilate(calm[..., 0], near(lighter)), cv2.dilate(calm[..., 1:].copy(), near(colour))])
    if grey is not None:  # skin is redder and yellower than teeth
        low[..., 1], high[..., 2] = np.minimum(low[..., 1], grey), np.maximum(high[..., 2], -grey)
    return np.asarray(np.clip(made, low, high) @ _BACK.T, np.float32)
