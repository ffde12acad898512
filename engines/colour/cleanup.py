"""Dust and scratches of an old scan: found by their shape, without a network, and filled in.

Specks are filled from their edge; scratches too, or by whoever is given for that (`scratches.py`).

Found is what is much lighter or darker than the median around it and is either a speck in calm surroundings or a long,
thin, straight line. A wire against the sky or a catchlight in an eye has that shape too: hence off by default.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.colour.scratches import Fill
from engines.core.image import Pixels
from engines.core.job import Job

CALM = 16.0  # steps of 255 by which a fault differs from what is around it, at least …
TIMES = 5.0  # … and, for a speck, so many times as much as the place does anyway
EVEN = 0.4  # of a speck's contrast: how uneven its surroundings may be
LENGTH = 0.2  # of the picture's short side that a scratch is long, at least
COVER = 0.6  # of a line that must differ from both its sides for it to be a scratch
SAME = 0.4  # of a scratch's contrast: how much its two sides differ half of the way. It lies on things, not between
BUSY = 0.12  # of a picture that may look thin from one side; where more does, only what is stronger counts
MOST = 0.02  # of a picture that faults may cover; where more is found it is a pattern, and only what is stronger counts
LOOK = 1400  # longest side at which faults are looked for
RADIUS = 4  # pixels around a hole that it is filled from …
MARGIN = 24  # … and how much of the picture is looked at beyond a band
_BAND = 256  # rows filled in at once
Mask = NDArray[np.uint8]


def mended(image: Pixels, *, fill: Fill | None = None, job: Job) -> tuple[Pixels, Mask]:
    """A picture (H, W, 3 or 4), uint8 or uint16 -> it without dust and scratches, and where it was changed.

    The mask is uint8 (H, W), 255 where changed; every other pixel, and the alpha, is as it was. fill: fills scratches.
    """
    share = 1.0 if fill is None else 0.2  # of the time that is not the filler's
    looking = job.part(0, 0.3 * share)
    specks, scratches = told_apart(image, progress=lambda done: looking.report(done, "Looking for dust and scratches"))
    mask = specks | scratches
    out = _from_edges(image, mask, job.part(0.3 * share, share))
    if fill is not None and scratches.any():
        here = scratches > 0
        colours: Any = np.ascontiguousarray(out[..., :3])
        out[..., :3][here] = fill(colours, scratches, job.part(share, 1.0))[here]
    job.report(1.0)
    return out, mask


def _from_edges(image: Pixels, mask: Mask, job: Job) -> Pixels:
    """A picture with the mask filled in from its edge, a band at a time."""
    out = image.copy()
    height = image.shape[0]
    for first in range(0, height, _BAND):
        job.report(first / height, "Cleaning up")
        columns = np.flatnonzero(mask[first : first + _BAND].any(0))
        if not len(columns):
            continue
        rows = slice(max(0, first - MARGIN), min(height, first + _BAND + MARGIN))
        across = slice(max(0, int(columns[0]) - MARGIN), int(columns[-1]) + MARGIN)
        filled = _filled(image[rows, across, :3], mask[rows, across])[first - rows.start :]
        here = mask[first : first + _BAND, across] > 0
        out[first : first + _BAND, across, :3][here] = filled[: len(here)][here]
    return out


def faults(image: Pixels, *, progress: Callable[[float], None] = lambda _: None) -> Mask:
    """Where dust and scratches are, grown by a pixel: uint8 (H, W), 255 there."""
    specks, scratches = told_apart(image, progress=progress)
    return specks | scratches


def told_apart(image: Pixels, *, progress: Callable[[float], None] = lambda _: None) -> tuple[Mask, Mask]:
    """Where specks and where scratches are, as in `faults`."""
    height, width = image.shape[:2]
    scale = min(1.0, LOOK / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small: Any = np.ascontiguousarray(image[..., :3])
    if scale < 1:
        small = cv2.resize(small, size, interpolation=cv2.INTER_AREA)
    colour: Mask = (small >> 8 if image.dtype == np.uint16 else small).astype(np.uint8)
    grey = np.asarray(cv2.cvtColor(colour, cv2.COLOR_RGB2GRAY), np.uint8)
    dust, lines = np.zeros_like(grey), np.zeros_like(grey)
    window = 2 * max(3, int(min(grey.shape) / 140 + 0.5)) + 1  # about twice as wide as the faults
    if min(grey.shape) < 4 * window:
        return np.zeros((height, width), np.uint8), np.zeros((height, width), np.uint8)
    around = np.asarray(cv2.medianBlur(grey, window), np.uint8)
    for number, sign in enumerate((1, -1)):  # lighter faults, then darker ones
        tones, calm = (grey, around) if sign > 0 else (255 - grey, 255 - around)
        for trial, strength in enumerate((1.0, 1.6, 2.5)):
            progress(0.1 + 0.45 * number + 0.15 * trial)
            specks, scratches = _specks(tones, calm, strength, window), _scratches(tones, strength, window)
            if float((specks | scratches > 0).mean()) <= MOST:
                dust |= specks
                lines |= scratches
                break

    def whole(found: Mask) -> Mask:
        found = np.asarray(cv2.dilate(found, np.ones((3, 3), np.uint8)), np.uint8)
        if scale == 1:
            return found
        return np.asarray(cv2.resize(found, (width, height), interpolation=cv2.INTER_NEAREST), np.uint8)

    return whole(dust), whole(lines)


def _specks(tones: Mask, around: Mask, strength: float, window: int) -> Mask:
    """Small light spots that stand alone where the picture is even."""
    difference = np.asarray(cv2.subtract(tones, around), np.uint8)
    usual = cv2.blur(np.minimum(cv2.absdiff(tones, around), 24), (8 * window, 8 * window))
    limit = strength * np.maximum(CALM, TIMES * usual.astype(np.float32))
    weak = (difference > limit * 0.5).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(weak, connectivity=8)
    peak = np.zeros(count, np.float32)
    ys, xs = np.nonzero(weak)
    np.maximum.at(peak, labels[ys, xs], difference[ys, xs])
    left, top, width, height, area = (stats[:, i] for i in range(5))
    at_y, at_x = np.minimum(top + height // 2, len(tones) - 1), np.minimum(left + width // 2, tones.shape[1] - 1)
    reach = 3 * window
    near = cv2.boxFilter(weak.astype(np.float32), -1, (reach, reach), normalize=False)[at_y, at_x] - area
    mean, square = (cv2.blur(x, (reach, reach)) for x in (around.astype(np.float32), around.astype(np.float32) ** 2))
    uneven = np.sqrt(np.maximum(square - mean**2, 0))[at_y, at_x]
    good = (peak > limit[at_y, at_x]) & (np.maximum(width, height) <= window) & (area >= 2)
    good &= (near <= 0.02 * reach**2) & (uneven <= EVEN * peak)
    good[0] = False
    return np.asarray(np.where(good[labels], 255, 0), np.uint8)


def _scratches(tones: Mask, strength: float, window: int) -> Mask:
    """Long, thin, straight light lines, also where they are broken."""
    found = np.zeros_like(tones)
    longest = LENGTH * min(tones.shape)
    aside = window // 2 + 1
    for upright in (True, False):
        across = np.ones((1, window) if upright else (window, 1), np.uint8)
        thin = np.asarray(cv2.morphologyEx(tones, cv2.MORPH_TOPHAT, across), np.uint8)
        tries = (limit for limit in CALM * strength * np.array([1.0, 1.6, 2.5, 4.0]) if (thin > limit).mean() <= BUSY)
        limit = float(next(tries, 0))
        if not limit:
            continue
        marked = np.asarray(np.where(thin > limit, 255, 0), np.uint8)
        lines: Any = cv2.HoughLinesP(
            marked, 1, np.pi / 360, int(longest * 0.5), minLineLength=longest, maxLineGap=2 * window
        )
        for line in [] if lines is None else lines.reshape(-1, 4)[:500].tolist():
            (x0, y0, x1, y1), thick = line, max(3, window // 2 | 1)
            if (abs(y1 - y0) > abs(x1 - x0)) != upright:
                continue
            count = max(abs(x1 - x0), abs(y1 - y0)) + 1
            xs, ys = (np.linspace(a, b, count).round().astype(int) for a, b in ((x0, x1), (y0, y1)))
            if _stands_out(tones, ys, xs, aside, upright=upright, limit=limit):
                along = np.zeros_like(tones)
                cv2.line(along, (x0, y0), (x1, y1), 255, thick)
                found |= np.where(thin > 0.5 * limit, along, 0).astype(np.uint8)
    return found


def _stands_out(tones: Mask, ys: NDArray[Any], xs: NDArray[Any], aside: int, *, upright: bool, limit: float) -> bool:
    """Whether a line is lighter than both its sides, most of the way, and these are alike."""
    h, w = tones.shape
    values = []
    for shift in (-aside, -1, 0, 1, aside):
        y, x = (ys, xs + shift) if upright else (ys + shift, xs)
        values.append(tones[np.clip(y, 0, h - 1), np.clip(x, 0, w - 1)].astype(np.int16))
    one, other = values[0], values[4]
    above = np.maximum.reduce(values[1:4]) - np.maximum(one, other)
    alike = np.median(np.abs(one - other)) < SAME * np.median(above)
    return bool((above > limit).mean() > COVER and alike)


def _filled(colour: Pixels, mask: Mask) -> Pixels:
    """Pixels with the mask filled in from its edge (Telea 2004)."""
    if colour.dtype == np.uint8:
        return np.asarray(cv2.inpaint(np.ascontiguousarray(colour), mask, RADIUS, cv2.INPAINT_TELEA), np.uint8)
    deep: Pixels = np.empty_like(colour)
    for i in range(3):
        deep[..., i] = cv2.inpaint(np.ascontiguousarray(colour[..., i]), mask, RADIUS, cv2.INPAINT_TELEA)
    return deep
