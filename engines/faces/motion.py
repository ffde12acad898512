"""What moves between two pictures of a face, and by how much: the flow along which a photo's detail follows an edit."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float32]
LUMA = np.array([0.299, 0.587, 0.114], np.float32)
Shift = tuple[float, float]
FLOW_SIDE = 256
_PASSES = (3.0, 3.0, 2.0)  # one pass finds about 5 pixels of motion; the blur of each, in pixels
_FAR = 4  # times as far, at a size as much smaller
_FADE_FROM, _FADE_TO = 0.035, 0.11  # difference of structure, of 1, at which old detail begins to fade, and is gone
COARSE = 1 / 28  # width of the blur, of the side, that separates light and colour from structure


@dataclass(frozen=True)
class Change:
    """What the generator made of a face without and with an edit, float32 (side, side, 3) in about [0, 1].

    sharp: the edited one with finer detail, of any side; it shows where the photo's own gives way to what is new.
    shift: by how much of the side the edited one was moved to the right and down, so that what should stay there does.
    start: where about each of its pixels comes from, as of `motion`, where somebody knows.
    points: dlib's landmarks in both, (68, 2) at (x, y) in parts of the side, where somebody looked.
    """

    before: Plane
    after: Plane
    sharp: Plane | None = None
    shift: Shift = (0.0, 0.0)
    start: Plane | None = None
    points: tuple[NDArray[np.float64], NDArray[np.float64]] | None = None

    def at(self, side: int) -> Change:
        """All at another size."""
        sharp = None if self.sharp is None else resized(self.sharp, side)
        before, after = resized(self.before, side), resized(self.after, side)
        return Change(before, after, sharp, self.shift, self.start, self.points)

    def along(self, shift: Shift) -> Change:
        """Both pictures moved."""
        return Change(shifted(self.before, shift), shifted(self.after, shift), self.sharp)


def motion(change: Change) -> tuple[Plane, Plane]:
    """(flow, apart) at FLOW_SIDE: where in `before` each pixel of `after` comes from, (S, S, 2) in pixels, and how
    different the two still are there once moved, (S, S) from 0 to 1.
    """
    two = change.at(FLOW_SIDE)
    before, after = (_structure(picture) for picture in (two.before, two.after))
    flow = np.zeros((FLOW_SIDE, FLOW_SIDE, 2), np.float32) if change.start is None else change.start
    for calm in _PASSES:
        rest = _found(after, warped(before, flow), calm)
        flow = warped(flow, rest) + rest
    there = warped(before, flow)
    still = np.abs(after - before) < np.abs(after - there)  # where moving explains less than staying
    weight = cv2.GaussianBlur((~still).astype(np.float32), (0, 0), 4.0)
    flow = flow * smooth(np.asarray(weight, np.float32), 0.2, 0.6)[..., None]
    there = warped(before, flow)
    apart = np.asarray(cv2.GaussianBlur(np.abs(after - there), (0, 0), 2.5), np.float32)
    return flow, smooth(apart, _FADE_FROM, _FADE_TO)


def far_motion(change: Change) -> Plane:
    """Where about each pixel of `after` comes from, as of `motion`, for what moves further than that finds."""
    two = change.at(FLOW_SIDE)
    before, after = (resized(_structure(picture), FLOW_SIDE // _FAR) for picture in (two.before, two.after))
    return resized(_found(after, before, _PASSES[0]), FLOW_SIDE) * np.float32(_FAR)


def _found(after: Plane, before: Plane, calm: float) -> Plane:
    """One pass of the search (dense inverse search, Kroeger et al. 2016), blurred, in pixels of its planes (S, S)."""
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    found = search.calc(_grey(after), _grey(before), np.zeros((*after.shape, 2), np.float32))
    return np.asarray(cv2.GaussianBlur(found, (0, 0), calm), np.float32)


def unexplained(change: Change, head: Plane) -> float:
    """How much of a head (n, n) is after an edit nothing that moved there but drawn anew, 0 to 1."""
    flow, apart = motion(change)
    there = warped(even(head, FLOW_SIDE), flow) > 0.5
    return float(apart[there].mean()) if there.any() else 0.0


def _structure(picture: Plane) -> Plane:
    """Luma without what is coarse: light and colour do not count as structure."""
    luma = picture @ LUMA
    return np.asarray(luma - cv2.GaussianBlur(luma, (0, 0), FLOW_SIDE * 2 * COARSE), np.float32)


def _grey(structure: Plane) -> NDArray[np.uint8]:
    return np.clip(structure * 300 + 128, 0, 255).astype(np.uint8)


def resized(picture: Plane, side: int) -> Plane:
    """At another size, sharp."""
    if picture.shape[0] == side:
        return picture
    kind = cv2.INTER_LANCZOS4 if side > picture.shape[0] else cv2.INTER_AREA
    return np.asarray(cv2.resize(picture, (side, side), interpolation=kind), np.float32)


def even(plane: Plane, side: int) -> Plane:
    """At another size without overshoot: two masks that share a place must not come to more than 1."""
    if plane.shape[0] == side:
        return plane
    kind = cv2.INTER_LINEAR if side > plane.shape[0] else cv2.INTER_AREA
    return np.asarray(cv2.resize(plane, (side, side), interpolation=kind), np.float32)


def warped(plane: Plane, flow: Plane) -> Plane:
    """Each pixel taken from where the flow points to, in pixels of this plane."""
    y, x = np.mgrid[0 : plane.shape[0], 0 : plane.shape[1]].astype(np.float32)
    kind = cv2.INTER_CUBIC if plane.ndim == 3 else cv2.INTER_LINEAR
    made = cv2.remap(plane, x + flow[..., 0], y + flow[..., 1], kind, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(made, np.float32)


def shifted(picture: Plane, shift: Shift) -> Plane:
    """A picture (S, S, C) moved to the right and down by parts of its side; what comes in repeats its edge."""
    if not any(shift):
        return picture
    side = picture.shape[0]
    matrix = np.array([[1, 0, shift[0] * side], [0, 1, shift[1] * side]], np.float64)
    made = cv2.warpAffine(picture, matrix, (side, side), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(made, np.float32)


def smooth(x: NDArray[np.floating], low: float, high: float) -> Plane:
    """0 below low, 1 above high, a smooth step between."""
    t = np.clip((x - low) / (high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)
