"""What an edit must not bring along: light that comes with turning a head, colours that nobody had before they smiled.

A generator of this size knows few people who laugh in profile. What it adds is seen in the picture of such sliders
alone, and taken back from the whole edit, so that sliders that are meant to change light or colour still do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.faces.inverting import importance
from engines.faces.sliders import Directions
from engines.faces.values import Sliders

Plane = NDArray[np.float32]
POSE = "pose"
_MIX = np.array([[0.299, 0.587, 0.114], [1, -1, 0], [-0.5, -0.5, 1]], np.float32)  # lightness, red-green, blue-yellow
_BACK = np.asarray(np.linalg.inv(_MIX), np.float32)


@dataclass(frozen=True)
class Near:
    """How far around, as parts of the side, something as dark, as light, of such a colour must have been before.

    grey: so near to grey, in _MIX' colours, a new place may be whatever was there.
    """

    dark: float
    light: float
    colour: float
    grey: float


# Nothing but the face may change, no hair around it and no clothes. A mouth that opens has teeth, no lighter than the
# lightest of the face.
NEAR = {"expression": Near(0.12, 0.4, 0.12, grey=0.03)}


def by_kind(directions: Directions, sliders: Sliders) -> dict[str, dict[str, float]]:
    """Sliders that must not bring something along, by what that is; those that may do as they like are left out."""
    kinds: dict[str, dict[str, float]] = {}
    for name, value in sliders.items():
        group = str(directions.entry(name).get("group") or "").lower()
        if group == POSE or group in NEAR:
            kinds.setdefault(group, {})[name] = value
    return kinds


def steadied(before: Plane, after: Plane, alone: Mapping[str, Plane]) -> Plane:
    """The edited picture (R, R, 3) without that.  alone: kind -> the picture that its sliders make alone."""
    for kind, picture in alone.items():
        if kind == POSE:
            after = np.asarray(after * _light(before) / np.maximum(_light(picture), 0.02), np.float32)
        else:
            drawn = _drawn_back(before, picture, NEAR[kind])
            after = after + (before + _face(before.shape[0]) * (drawn - before) - picture)
    return after


def _face(side: int) -> Plane:
    """1 where an aligned picture shows the face, falling to 0 within its hair and its neck, (side, side, 1)."""
    y, x = (np.mgrid[0:side, 0:side] + 0.5) / side
    far = np.hypot((x - 0.5) / 0.25, (y - 0.61) / 0.29)
    return np.asarray(np.clip((1.4 - far) / 0.4, 0, 1)[..., None], np.float32)


def _light(picture: Plane) -> Plane:
    """Mean colour of the face in an aligned picture (R, R, 3) -> (3,)."""
    weight = importance(picture.shape[0])[..., None]
    return np.asarray((picture * weight).sum((0, 1)) / weight.sum(), np.float32)


def _drawn_back(before: Plane, after: Plane, near: Near) -> Plane:
    """`after` with every pixel drawn back into what `before` has nearby."""
    side = before.shape[0]
    calm = cv2.GaussianBlur(before @ _MIX.T, (0, 0), side / 128)
    light, colour = calm[..., 0], calm[..., 1:].copy()

    def around(part: float) -> NDArray[np.uint8]:
        return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (int(side * part) | 1,) * 2), np.uint8)

    low = np.dstack([cv2.erode(light, around(near.dark)), cv2.erode(colour, around(near.colour))])
    high = np.dstack([cv2.dilate(light, around(near.light)), cv2.dilate(colour, around(near.colour))])
    # skin is redder and yellower than teeth
    low[..., 1], high[..., 2] = np.minimum(low[..., 1], near.grey), np.maximum(high[..., 2], -near.grey)
    return np.asarray(np.clip(after @ _MIX.T, low, high) @ _BACK.T, np.float32)
