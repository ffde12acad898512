"""The blur alarm: has a fill as much fine detail as its surroundings lead one to expect?

Fine detail is a band of frequencies just under that of the grain. Its strength around the hole is carried into the
hole, so that each place has its own expectation: little under a sky, much in a meadow. What is missing there is what
the eye calls blurry. Calibrated on photographs as they are, beside holes in them that the network alone or OpenCV
filled (`python -m tests.bench.blur`).
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.core.image import Pixels
from engines.inpaint.masks import HOLE, Floats, Mask, box_of

BOUND = 0.65  # under it a fill is called blurry; one true picture in thirty is, too
FLOOR = 0.5  # steps of 255: detail that nobody misses
FINE, COARSE = 0.7, 1.2  # sigma of the blurs between which fine detail lies, pixels
USUAL = 1.29  # what true pictures have, in expectations: these are careful, since one edge is no texture
RIM = 2  # pixels at the hole's border that belong to neither side


def sharpness(image: Pixels, mask: Mask) -> float:
    """0 (no detail where there should be some) to 1 (as much as around it) of a filled picture (H, W, 3 or 4).

    A hole without surroundings, and one in which no detail is to be expected, is sharp.
    """
    hole = mask > HOLE
    left, top, right, bottom = box_of(hole)
    left, top, right, bottom = box_of(hole, margin=max(24, max(right - left, bottom - top) // 3))
    hole = hole[top:bottom, left:right]
    if hole.all() or not hole.any():
        return 1.0
    part: Any = np.ascontiguousarray(image[top:bottom, left:right, :3])
    part = part.astype(np.float32) * np.float32(255 / np.iinfo(image.dtype).max)
    grey = np.asarray(cv2.cvtColor(part, cv2.COLOR_RGB2GRAY), np.float32)
    fine = _fine(grey)
    rim = np.ones((2 * RIM + 1, 2 * RIM + 1), np.uint8)
    inside = np.asarray(cv2.erode(hole.astype(np.uint8), rim, borderType=cv2.BORDER_REPLICATE), np.uint8)
    if not inside.any():  # a thin hole is all border
        inside = hole.astype(np.uint8)
    outside = 1 - np.asarray(cv2.dilate(hole.astype(np.uint8), rim), np.uint8)
    if not outside.any():
        outside = (~hole).astype(np.uint8)
    reach = max(4.0, max(hole.shape) / 16)
    where = inside > 0
    expected, got = float(_carried(fine, outside, reach)[where].mean()), float(fine[where].mean())
    return round(min(1.0, (got + FLOOR) / (expected + FLOOR) / USUAL), 3)


def _fine(grey: Floats) -> Floats:
    """How strong fine detail is, steps of 255: what a blur by COARSE pixels takes away and one by FINE pixels leaves.

    Still finer is mostly grain, of which a smear may have enough; coarser is what a smear still has.
    """
    change = cv2.GaussianBlur(grey, (0, 0), FINE) - cv2.GaussianBlur(grey, (0, 0), COARSE)
    return np.asarray(np.abs(change), np.float32)


def _carried(fine: Floats, where: NDArray[np.uint8], reach: float) -> Floats:
    """The strength of what is near a place, taken from `where` alone; far from it, from further away.

    It is the mean of roots, squared, so that a single edge beside a hole does not pass for texture.
    """
    weight = where.astype(np.float32)
    sums, weights = np.sqrt(fine) * weight, weight
    total = np.zeros_like(fine)
    left = np.ones_like(fine)
    for wider in (1, 3, 9):
        near = _blur(weights, wider * reach)
        mean = _blur(sums, wider * reach) / np.maximum(near, 1e-6)
        share = left * np.clip(near / 0.25, 0, 1)
        total += share * mean
        left -= share
    overall = float(sums.sum() / weights.sum())
    return np.asarray((total + left * overall) ** 2, np.float32)


def _blur(x: Floats, sigma: float) -> Floats:
    """A Gaussian blur; a wide one on a smaller copy."""
    step = max(1, int(sigma / 4))
    height, width = x.shape
    if step == 1:
        return np.asarray(cv2.GaussianBlur(x, (0, 0), sigma), np.float32)
    small = cv2.resize(x, (max(1, width // step), max(1, height // step)), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(cv2.GaussianBlur(small, (0, 0), sigma / step), (width, height)), np.float32)
