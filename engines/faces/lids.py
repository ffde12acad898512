"""Eyes that shut, open wide or narrow, drawn on an aligned face at whatever size.

Shut ones get a lid of the skin around them, and lashes along its edge: what the generator was taught lets a little of
the eye shine through in photos. Wide and narrow ones are the face's own, warped: the generator's direction brings
another light and a longer chin along. Pictures are float32 (S, S, 3) in [0, 1], aligned as in engines/core/faces.py.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.faces.motion import smooth
from engines.faces.spectacles import Axes

Plane = NDArray[np.float32]
_HALF = 0.27  # of an eye's width, in units of the eyes' distance
_FILLED = 256  # largest side of the region in which skin is filled in
_WIDER, _NARROWER = 0.26, 0.24  # of an eye's height at the slider's ends
_SIDEWAYS = 0.45  # how much of it an opening eye grows along, that its iris stays round
_FLAT = 0.16  # least height of an eye, and
_AROUND = 0.28  # how far lids and lashes are from it, in units of its width
_STIFF, _FREE = 0.7, 2.1  # where all moves, and from where on nothing, in such an eye's own size


def shut(face: Plane, eyes: NDArray[np.float64], turn: float, amount: float) -> Plane:
    """The face with its lids lowered.  amount: 0 as they are, 1 shut.

    eyes: (2, 2) at (x, y) pixels; turn: the nose's offset from the middle of the eyes over their distance, 0 = frontal
    (`Face.yaw`).
    """
    side, axes = face.shape[0], Axes(eyes)
    made = face.copy()
    for sign, eye in zip((-1, 1), eyes, strict=True):
        reach = int(np.ceil(0.5 * axes.unit))
        x0, y0 = (max(0, int(at) - reach) for at in eye)
        x1, y1 = (min(side, int(at) + reach) for at in eye)
        if x1 - x0 < 8 or y1 - y0 < 8:
            continue
        u, v = (plane[:, x0:x1].astype(np.float32) for plane in axes.places(eye, side, (y0, y1)))
        u /= _HALF * min(max(1 - 0.5 * turn * sign, 0.75), 1.1)  # the eye's corners at -1 and 1
        made[y0:y1, x0:x1] = _lid(made[y0:y1, x0:x1], u, v, axes.unit, amount)
    return made


def _lid(part: Plane, u: Plane, v: Plane, unit: float, amount: float) -> Plane:
    """One eye's surroundings with its lid lowered.  u, v: along and down from the eye's middle."""
    arch = np.sqrt(np.clip(1 - u * u, 0, 1))
    above, below = -0.135 * arch, 0.05 * np.clip(1 - u * u, 0, 1) + 0.03  # the edge of the lid, open and shut
    edge = above + amount * (below - above)
    opening = (np.abs(u) < 1.05) & (v > above - 0.05) & (v < below + 0.035)
    skin = _filled(part, opening)
    rng = np.random.default_rng(0)
    own = part - cv2.GaussianBlur(part, (0, 0), max(unit / 60, 0.6))
    grain = float(np.median(np.abs(own[~opening]))) * 1.2 if (~opening).any() else 0.0
    skin = skin + grain * cv2.GaussianBlur(rng.standard_normal(u.shape).astype(np.float32), (0, 0), 0.7)[..., None]
    bulge = 1 + 0.05 * np.exp(-((v + 0.03) ** 2) / 0.006) * arch - 0.10 * np.exp(-((v - below) ** 2) / 0.002) * arch
    lid = _soft((np.abs(u) < 1.02) & (v > above - 0.035) & (v < edge), unit / 70)
    made = part + lid[..., None] * (skin * bulge[..., None] - part)
    line = np.exp(-(((v - edge) / (0.010 + 0.008 * np.clip(1 - np.abs(u), 0, 1))) ** 2))
    hairs = 0.75 + 0.5 * np.clip(np.sin(u * 34) + 0.4 * np.sin(u * 71 + 1), -1, 1)  # lashes stand apart below the edge
    under = np.exp(-(((v - edge - 0.016) / 0.014) ** 2)) * np.clip(hairs - 0.6, 0, 1)
    ends = np.clip((1.04 - np.abs(u)) / 0.2, 0, 1)
    lashes = np.clip(0.62 * line + 0.45 * under, 0, 0.75) * ends * min(1.0, 2 * amount)
    dark = np.array([0.13, 0.09, 0.08], np.float32)
    return np.asarray(np.clip(made + lashes[..., None] * (dark - made), 0, 1), np.float32)


def _filled(part: Plane, opening: NDArray[np.bool_]) -> Plane:
    """The surroundings with skin where the eye is (Telea 2004), smooth."""
    height, width = opening.shape
    scale = min(1.0, _FILLED / max(height, width))
    size = max(8, round(width * scale)), max(8, round(height * scale))
    small = cv2.resize((part * 255).round().clip(0, 255).astype(np.uint8), size, interpolation=cv2.INTER_AREA)
    hole = cv2.resize(opening.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
    skin = cv2.inpaint(small, hole, 3, cv2.INPAINT_TELEA).astype(np.float32) / 255
    filled = cv2.GaussianBlur(skin, (0, 0), max(size) / 24)
    return np.asarray(cv2.resize(filled, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)


def _soft(mask: NDArray[np.bool_], sigma: float) -> Plane:
    return np.asarray(cv2.GaussianBlur(mask.astype(np.float32), (0, 0), max(sigma, 0.5)), np.float32)


def opened(face: Plane, lines: NDArray[np.float64], amount: float) -> Plane:
    """The face with its eyes wider or narrower: places around an eye's middle, drawn apart or together.

    lines: of both eyes, (12, 2) at (x, y) pixels, as dlib's points 37 to 48.  amount: -1 narrow, 1 wide open.
    """
    return _stretched(_stretched(face, lines[:6], amount), lines[6:], amount)


def _stretched(face: Plane, line: NDArray[np.float64], amount: float) -> Plane:
    """The face with one eye wider or narrower; as it is where that eye is too small to be seen."""
    side, across = face.shape[0], line[3] - line[0]
    half = float(np.hypot(*across)) / 2
    if half < 2:
        return face
    along, down = across / (2 * half), np.array([-across[1], across[0]]) / (2 * half)
    heights = (line - line[[0, 3]].mean(0)) @ down / half
    top, bottom = float(heights[1:3].mean()), float(heights[4:].mean())
    middle = line[[0, 3]].mean(0) + down * half * (top + bottom) / 2
    size = np.array([1.2, max(0.5 * (bottom - top), _FLAT) + _AROUND])
    reach = _FREE * size.max() * half
    x0, y0 = (max(0, int(at - reach)) for at in middle)
    x1, y1 = (min(side, int(at + reach) + 2) for at in middle)
    if x1 - x0 < 4 or y1 - y0 < 4:
        return face
    places = np.dstack(np.meshgrid(np.arange(x0, x1), np.arange(y0, y1))).astype(np.float64)
    turned = (places + 0.5 - middle) @ np.stack([along, down], 1)  # along the eye and down from its middle, in pixels
    near = 1 - smooth(np.asarray(np.hypot(*np.moveaxis(turned / half / size, 2, 0)), np.float32), _STIFF, _FREE)
    grown = amount * (_WIDER if amount > 0 else _NARROWER)
    change = (1 - 1 / (1 + grown)) * np.array([_SIDEWAYS if amount > 0 else 0.0, 1.0])
    x, y = np.moveaxis((places - near[..., None] * turned * change @ np.stack([along, down])).astype(np.float32), 2, 0)
    made = face.copy()
    moved = cv2.remap(face, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    made[y0:y1, x0:x1] = np.clip(moved, 0, 1)
    return made
