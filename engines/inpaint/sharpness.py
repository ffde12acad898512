"""The blur alarm: is a fill as crisp as its surroundings, and has it as much fine detail as they lead one to expect?

Fine detail is a band of frequencies just under that of the grain. Crisp is what has as much of it as places around the
hole have that vary as much in a coarser band: a sharp edge has both, a smear and a flat place beside it have not, and a
sky has neither. What has nothing coarse, either, is judged by the strength of fine detail around the hole, carried into
it, so that each place has its own expectation: little under a sky, much in a meadow. Calibrated on photographs as they
are, beside holes in them that the network alone, OpenCV or we with patches filled (`python -m tests.bench.blur`).
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.core.image import Pixels
from engines.inpaint.masks import HOLE, Floats, Mask, box_of

BOUND = 0.54  # under it a fill is called blurry; one true picture in sixty is, too
FLOOR = 0.5  # steps of 255: detail that nobody misses
FINE = 0.7, 1.2  # sigma of the blurs between which fine detail lies, pixels
COARSE = 2.0, 3.4  # … and between which lies what an edge and a smear both have
NEAR = 9.0  # sigma within which both are compared, pixels
LEVELS = np.linspace(np.log(0.4), np.log(60), 23)  # of coarse change, logarithms of steps of 255
ALIKE = 1.5  # levels by which places may differ that are compared
STEP = 3  # pixels by which places lie apart
FEW, DOUBT = 4.0, 2.0  # fewer places say nothing about a level; as many speak for the fill from the start
USUAL = 1.29  # what true pictures have, in expectations: these are careful, since one edge is no texture
AS_WELL, ALONE = 0.3, 0.7  # powers of missing detail: beside missing crispness, and by itself, as on something smooth
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
    fine = _band(grey, FINE)
    rim = np.ones((2 * RIM + 1, 2 * RIM + 1), np.uint8)
    inside = np.asarray(cv2.erode(hole.astype(np.uint8), rim, borderType=cv2.BORDER_REPLICATE), np.uint8)
    if not inside.any():  # a thin hole is all border
        inside = hole.astype(np.uint8)
    outside = 1 - np.asarray(cv2.dilate(hole.astype(np.uint8), rim), np.uint8)
    if not outside.any():
        outside = (~hole).astype(np.uint8)
    reach = max(4.0, max(hole.shape) / 16)
    expected, got = _expected(fine, inside, outside, reach), float(cv2.mean(fine, inside)[0])
    detail = min(1.0, (got + FLOOR) / (expected + FLOOR) / USUAL)
    crisp = _crispness(fine, _band(grey, COARSE), inside, outside)
    return round(float(min(1.0, crisp * detail**AS_WELL, detail**ALONE)), 3)


def _band(grey: Floats, sigmas: tuple[float, float]) -> Floats:
    """How strong change is, steps of 255, that a blur by the second sigma takes away and one by the first leaves.

    Finer than FINE is mostly grain, of which a smear may have enough; coarser is what a smear still has.
    """
    change = cv2.GaussianBlur(grey, (0, 0), sigmas[0]) - cv2.GaussianBlur(grey, (0, 0), sigmas[1])
    return np.asarray(np.abs(change), np.float32)


def _crispness(fine: Floats, coarse: Floats, inside: NDArray[np.uint8], outside: NDArray[np.uint8]) -> float:
    """Power of fine detail in a hole, in what places outside have that are as strong in coarse; such places count most.

    Where nothing outside compares with it, or nothing in the hole is coarse, it is 1.
    """
    share_in, fine_in, coarse_in = _near(fine, coarse, inside)
    share_out, fine_out, coarse_out = _near(fine, coarse, outside)
    level_in, level_out = np.digitize(coarse_in, LEVELS), np.digitize(coarse_out, LEVELS)
    levels = np.arange(len(LEVELS) + 1)
    alike = np.exp(-(((levels[:, None] - levels) / ALIKE) ** 2) / 2)
    places = alike @ np.bincount(level_out, share_out, minlength=len(levels))
    usual = alike @ np.bincount(level_out, share_out * fine_out, minlength=len(levels)) / np.maximum(places, 1e-9)
    weight = np.exp(coarse_in) * (places > FEW)[level_in]
    total = float((share_in * weight).sum()) + DOUBT * float(weight.max())
    return float(np.exp(2 * (share_in * (fine_in - usual[level_in]) * weight).sum() / max(total, 1e-6)))


def _near(fine: Floats, coarse: Floats, where: NDArray[np.uint8]) -> tuple[Floats, Floats, Floats]:
    """Of each STEP x STEP pixels that touch `where`: which part does, and logarithms of how strong both bands are near.

    That is the root of the mean square of what is in `where` alone.
    """
    height, width = where.shape
    size = max(1, round(width / STEP)), max(1, round(height / STEP))
    weight = where.astype(np.float32)
    share = cv2.resize(weight, size, interpolation=cv2.INTER_AREA)
    within = share > 0.01
    near = np.maximum(cv2.GaussianBlur(share, (0, 0), NEAR / STEP), 1e-3)
    logs = []
    for band in (fine, coarse):
        power = cv2.GaussianBlur(
            cv2.resize(band * band * weight, size, interpolation=cv2.INTER_AREA), (0, 0), NEAR / STEP
        )
        logs.append(np.asarray(np.log(power / near + 0.16)[within] / 2, np.float32))
    return np.asarray(share[within], np.float32), logs[0], logs[1]


def _expected(fine: Floats, inside: NDArray[np.uint8], outside: NDArray[np.uint8], reach: float) -> float:
    """The mean strength inside of what is near each place, taken from outside alone; far from it, from further away.

    It is the mean of roots, squared, so that a single edge beside a hole does not pass for texture.
    """
    height, width = fine.shape
    step = max(1, int(reach / 4))
    size = max(1, width // step), max(1, height // step)
    weights, sums, share = (
        cv2.resize(x.astype(np.float32), size, interpolation=cv2.INTER_AREA)
        for x in (outside, np.sqrt(fine) * outside, inside)
    )
    total = np.zeros_like(sums)
    left = np.ones_like(sums)
    for wider in (1, 3, 9):
        near = cv2.GaussianBlur(weights, (0, 0), wider * reach / step)
        mean = cv2.GaussianBlur(sums, (0, 0), wider * reach / step) / np.maximum(near, 1e-6)
        part = left * np.clip(near / 0.25, 0, 1)
        total += part * mean
        left -= part
    overall = float(sums.sum() / weights.sum())
    return float(np.average((total + left * overall) ** 2, weights=share))
