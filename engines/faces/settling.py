"""A head that turns stays on its neck, in the photo's light, with the photo's own hair.

A generator's faces are all aligned by their eyes: where one turns, its eyes stay, and neck, collar and skull move. In a
photo it is the other way round. So the turned picture is moved back to where its neck was; and of what turning changes,
only what no motion brings there is the generator's: all else is the unturned picture, moved.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import cv2
import numpy as np

from engines.faces.motion import (
    FLOW_SIDE,
    LUMA,
    Change,
    Plane,
    Shift,
    even,
    far_motion,
    motion,
    resized,
    shifted,
    smooth,
    warped,
)
from engines.faces.outline import Outline
from engines.faces.steadying import POSE, steadied

_CHIN = 0.8  # how far down a square a chin reaches
_CALM = 4.0  # blur of the flow, in its pixels: a head turns as a whole
_LIGHT = 12.0  # blur beyond which a difference is light and colour, in pixels of the flow
_ALIKE, _GAIN = 3.0, 2.5  # blur of what is compared, in the same pixels, and how much harder it may be drawn
_NEW_FROM, _NEW_TO = 0.06, 0.14  # luma, of 1, that motion and contrast do not explain, from which on something is new


def calmed(before: Plane, after: Plane, alone: Mapping[str, Plane], outline: Outline | None) -> Change:
    """Two pictures (R, R, 3) without and with an edit, steadied; and where an outline is known, with the head settled.

    alone: kind -> the picture that its sliders make alone, as for `steadied`.
    """
    if outline is None or POSE not in alone:
        return Change(before, steadied(before, after, alone))
    return settled(Change(before, after), alone[POSE], outline)


def settled(change: Change, pose: Plane, outline: Outline) -> Change:
    """A change with its turned head on the neck it had.

    pose: the picture of the sliders that turn it, alone, float32 (R, R, 3).  outline: of the head before.
    """
    turned = Change(change.before, pose)
    flow, apart = motion(replace(turned, start=far_motion(turned)))
    now = warped(even(outline.head, FLOW_SIDE), flow)
    shift = _held(flow, now)
    flow = shifted(flow, shift) - np.array(shift, np.float32) * np.float32(FLOW_SIDE)
    sure = np.maximum(shifted(now * (1.01 - apart), shift), np.float32(1e-3))
    flow = _mean(flow, sure, _CALM)
    large = resized(shifted(pose, shift), FLOW_SIDE)
    carried = warped(resized(change.before, FLOW_SIDE), flow)
    new = large - carried
    new = new - _mean(new, sure, _LIGHT)
    much = _unlike(large @ LUMA, carried @ LUMA)
    steady = carried + smooth(much, _NEW_FROM, _NEW_TO)[..., None] * new
    side = change.after.shape[0]
    after = shifted(change.after, shift) + resized(np.asarray(steady - large, np.float32), side)
    return Change(change.before, np.asarray(after, np.float32), shift=shift, start=flow)


def _unlike(plane: Plane, other: Plane) -> Plane:
    """How much of a plane (S, S) around each place is not the other one with more or less contrast and light."""
    a, b = (p - cv2.GaussianBlur(p, (0, 0), _ALIKE) for p in (plane, other))
    aa, bb, ab = (cv2.GaussianBlur(p, (0, 0), _ALIKE) for p in (a * a, b * b, a * b))
    gain = np.clip(ab / np.maximum(bb, np.float32(1e-5)), 0, _GAIN)
    rest = aa - 2 * gain * ab + gain * gain * bb
    return np.asarray(np.sqrt(np.maximum(rest, 0)), np.float32)


def _held(flow: Plane, head: Plane) -> Shift:
    """How far what is below a head's chin comes from, in parts of the side; (0, 0) where nothing is."""
    neck = head > 0.5
    neck[: round(_CHIN * FLOW_SIDE)] = False
    if not neck.any():
        return 0.0, 0.0
    x, y = np.median(flow[neck], 0) / FLOW_SIDE
    return float(x), float(y)


def _mean(plane: Plane, weight: Plane, width: float) -> Plane:
    """A blur of a plane (S, S, C) in which what has more weight (S, S) counts more."""
    total = cv2.GaussianBlur(plane * weight[..., None], (0, 0), width)
    return np.asarray(total / cv2.GaussianBlur(weight, (0, 0), width)[..., None], np.float32)
