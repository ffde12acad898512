"""What an edit must not bring along: the light that comes with turning a head.

A generator of this size knows most people who look aside in other light. What turning adds is seen in the picture of
such sliders alone, and taken back from the whole edit, so that sliders that are meant to change light still do.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from engines.faces.inverting import importance
from engines.faces.sliders import Directions
from engines.faces.values import Sliders

Plane = NDArray[np.float32]
POSE = "pose"


def by_kind(directions: Directions, sliders: Sliders) -> dict[str, dict[str, float]]:
    """Sliders that must not bring something along, by what that is; those that may do as they like are left out."""
    turning = {
        name: value for name, value in sliders.items() if str(directions.entry(name).get("group") or "").lower() == POSE
    }
    return {POSE: turning} if turning else {}


def steadied(before: Plane, after: Plane, alone: Mapping[str, Plane]) -> Plane:
    """The edited picture (R, R, 3) without that.  alone: kind -> the picture that its sliders make alone."""
    if POSE not in alone:
        return after
    return np.asarray(after * _light(before) / np.maximum(_light(alone[POSE]), 0.02), np.float32)


def _light(picture: Plane) -> Plane:
    """Mean colour of the face in an aligned picture (R, R, 3) -> (3,)."""
    weight = importance(picture.shape[0])[..., None]
    return np.asarray((picture * weight).sum((0, 1)) / weight.sum(), np.float32)
