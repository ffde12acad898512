"""What lies behind a head, guessed from what lies beside it, for the strip that a turned head uncovers.

Averages alone make a smear where a collar ends at the neck. So the inpainter's patches are laid over them, in a band
inside the head's outline: no edit uncovers more, and a band is filled in a tenth of the time of a head.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.faces.values import Frame
from engines.inpaint.completing import completed

Plane = NDArray[np.float32]
_SIDE = 128
_RIM, _BAND = 0.045, 0.14  # of the side: loose hair around the mask that is no background, and width of the band


def behind(square: Frame, head: Plane, check: Callable[[], None] = lambda: None) -> Frame:
    """An aligned square, uint8 (H, W, 3), and its head (n, n), 0 or 1 -> the background alone, uint8 (128, 128, 3).

    Further in than the band it is an average. check: called now and then; may raise to cancel.
    """
    kind = cv2.INTER_AREA if square.shape[0] > _SIDE else cv2.INTER_LINEAR
    own = cv2.resize(square, (_SIDE, _SIDE), interpolation=kind).astype(np.float32) / np.float32(255)
    rim = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * round(_RIM * _SIDE) + 1,) * 2)
    mask = cv2.dilate(cv2.resize(head, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA), rim) > 0
    averages = spread(own, (~mask).astype(np.float32))
    guess = np.where(mask[..., None], averages, own).astype(np.float32)
    depth = cv2.distanceTransform(np.pad(mask, 1, mode="edge").astype(np.uint8), cv2.DIST_L2, 5)[1:-1, 1:-1]
    band = mask & (depth <= _BAND * _SIDE)
    laid = completed(guess, band, barred=mask & ~band, check=check)
    picture = guess if laid is None else laid[0]
    return np.ascontiguousarray(np.clip(picture * 255 + 0.5, 0, 255).astype(np.uint8))


def spread(picture: Plane, seen: Plane) -> Plane:
    """A picture (S, S, 3) gone on with from where it is seen, (S, S) from 0 to 1: averages of that, ever wider."""
    size = picture.shape[0]
    known, colour = np.zeros((size, size, 1), np.float32), np.zeros((size, size, 3), np.float32)
    there = picture * seen[..., None]
    for width in (size / 40, size / 16, size / 6, size):
        mass = cv2.GaussianBlur(seen, (0, 0), width)[..., None]
        part = (1 - known) * smooth(np.asarray(mass, np.float32), 0.02, 0.3)
        colour += part * cv2.GaussianBlur(there, (0, 0), width) / np.maximum(mass, 1e-4)
        known += part
    return np.asarray(colour / np.maximum(known, 1e-4), np.float32)


def smooth(x: Plane, low: float, high: float) -> Plane:
    """0 below low, 1 above high, a smooth step between."""
    t = np.clip((x - low) / (high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)
