"""What a mask can be made for without painting: scratches, text laid over a picture, date stamps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.colour.cleanup import faults
from engines.core.image import Pixels
from engines.inpaint.lettering import Rule, comparable, letters, painted, rows
from engines.inpaint.masks import Mask

KINDS = ("scratches", "text", "date")
LOOK = 1200  # longest side at which writing is looked for
CORNER = (0.3, 0.5)  # of the height and of the width: how far from a corner a date may lie
Progress = Callable[[float], None]


def found(image: Pixels, kind: str, progress: Progress) -> Mask:
    """Where things of a kind are, uint8 (H, W), 255 there."""
    if kind == "scratches":
        return faults(image, progress=progress)
    height, width = image.shape[:2]
    scale = min(2.0, LOOK / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small: Any = np.ascontiguousarray(image[..., :3])
    if scale != 1:
        small = cv2.resize(small, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    colour: Mask = (small >> 8 if image.dtype == np.uint16 else small).astype(np.uint8)
    mask = text(colour, progress) if kind == "text" else date(colour, progress)
    progress(1.0)
    if scale != 1:
        large = cv2.resize(mask, (width, height), interpolation=cv2.INTER_LINEAR)
        mask = np.asarray(np.where(large > 64, 255, 0), np.uint8)
    return mask


def text(colour: Mask, progress: Progress) -> Mask:
    """Captions and subtitles of a picture (H, W, 3): letters lighter, darker or more colourful than what is behind."""
    least, most = colour.min(2), colour.max(2)
    out = np.zeros(least.shape, np.uint8)
    planes = (least, 255 - most, most - least)
    rule = Rule(low=8, high=0.12 * min(least.shape))
    colour = comparable(colour)
    for number, plane in enumerate(planes):
        start = number / len(planes)
        pieces = letters(plane, colour, rule, range(60, 250, 16), lambda start=start: progress(start))  # type: ignore[misc]
        for row in rows(pieces, rule):
            out |= painted(row, colour, near=40, border=0.16)
    return out


def date(colour: Mask, progress: Progress) -> Mask:
    """The date stamp of a picture (H, W, 3): red to yellow digits near a corner, upright or turned."""
    best, out = 0.0, np.zeros(colour.shape[:2], np.uint8)
    for turn in range(4):
        progress(turn / 4)
        strength, mask = _stamp(np.ascontiguousarray(np.rot90(colour, turn)))
        if strength > best:  # a picture has one stamp
            best, out = strength, np.ascontiguousarray(np.rot90(mask, -turn))
    return out


def _stamp(colour: Mask) -> tuple[float, Mask]:
    """The strongest date stamp that reads from left to right in one of the corners, and how strong it is."""
    height, width = colour.shape[:2]
    best, out = 0.0, np.zeros((height, width), np.uint8)
    red, green, blue = (colour[..., i].astype(np.int16) for i in range(3))
    warm = np.clip(np.minimum(red - blue, 2 * (red - 100)), 0, 255)
    warm[green > red + 10] = 0
    side = 2 * round(0.025 * height) + 1  # wider than a stroke, so that what is warm all over goes
    tones = np.asarray(
        cv2.morphologyEx(warm.astype(np.uint8), cv2.MORPH_TOPHAT, np.ones((side, side), np.uint8)), np.uint8
    )
    deep, wide = int(CORNER[0] * height), int(CORNER[1] * width)
    for top in (0, height - deep):
        for left in (0, width - wide):
            place = slice(top, top + deep), slice(left, left + wide)
            if tones[place].size:
                strength, mask = _digits(tones[place], height)
                if strength > best:
                    best, out = strength, np.zeros((height, width), np.uint8)
                    out[place] = mask
    return best, out


def _digits(tones: Mask, height: int) -> tuple[float, Mask]:
    """Bright digits of one height in a row, in one corner of a picture that is `height` pixels tall: strength, mask."""
    peak = float(np.percentile(tones, 99.7))
    for share in (0.5, 0.35, 0.65):
        if share * peak < 35:
            continue
        bright = (tones > share * peak).astype(np.uint8)
        _, labels, stats, _ = cv2.connectedComponentsWithStats(bright, connectivity=8)
        left, top, wide, tall, area = (stats[:, i] for i in range(5))
        digit = (
            (tall >= max(6, 0.012 * height))
            & (tall <= 0.08 * height)
            & (wide <= 4 * tall)
            & (area >= 0.1 * wide * tall)
        )
        digit[0] = False
        for i in np.flatnonzero(digit):
            bottom = top + tall
            like = digit & (np.abs(bottom - bottom[i]) <= 0.2 * tall[i]) & (np.abs(tall - tall[i]) <= 0.25 * tall[i])
            row = _neighbours(np.flatnonzero(like), int(i), left, left + wide, 2.0 * tall[i])
            long = left[row].max() + wide[row[np.argmax(left[row])]] - left[row].min()
            if len(row) < 3 or not (4 if len(row) > 3 else 5) * tall[i] <= long <= 14 * tall[i]:
                continue
            margin = int(0.5 * tall[i])
            box = (
                slice(max(0, int(top[row].min()) - margin), int(bottom[row].max()) + margin),
                slice(max(0, int(left[row].min()) - margin), int((left + wide)[row].max()) + margin),
            )
            inside = bright[box] > 0
            own = np.isin(labels[box], row)
            strength = float(tones[box][own].mean())
            if inside.mean() > 0.5 or own.sum() < 0.6 * inside.sum() or strength < 58:
                continue
            found = np.zeros(tones.shape, np.uint8)
            found[box] = (tones[box] > 0.2 * peak) * 255
            reach = max(2, round(0.2 * float(tall[i])))
            kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
            return strength, np.asarray(cv2.dilate(found, kernel), np.uint8)
    return 0.0, np.zeros(tones.shape, np.uint8)


def _neighbours(among: NDArray[np.intp], first: int, left: NDArray[Any], right: NDArray[Any], gap: float) -> list[int]:
    """Those of a row that follow each other without a larger gap, to both sides of the first."""
    order = among[np.argsort(left[among])]
    at = int(np.flatnonzero(order == first)[0])
    low = high = at
    while low > 0 and left[order[low]] - right[order[low - 1]] <= gap:
        low -= 1
    while high + 1 < len(order) and left[order[high + 1]] - right[order[high]] <= gap:
        high += 1
    return [int(i) for i in order[low : high + 1]]
