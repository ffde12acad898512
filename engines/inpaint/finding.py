"""What a mask can be made for without painting: scratches, text laid over a picture, date stamps."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.colour.cleanup import faults
from engines.core.image import Pixels
from engines.inpaint.lettering import Rule, comparable, edge, letters, painted, rows
from engines.inpaint.masks import Mask

KINDS = ("scratches", "text", "date")
LOOK = 1200  # longest side at which writing is looked for
CORNER = (0.3, 0.65)  # of the height and of the width: how far from a corner a date may lie
CROWD = 300  # pieces in a corner of which no row of digits can be told any more
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
    """The date stamp of a picture (H, W, 3): red to yellow, green or white digits near a corner, upright or turned."""
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
    side = 2 * round(0.025 * height) + 1  # wider than a stroke, so that what is bright all over goes
    planes = [
        (cv2.morphologyEx(plane, cv2.MORPH_TOPHAT, np.ones((side, side), np.uint8)), strict)
        for plane, strict in ((_warm(colour), False), (_green(colour), True), (colour.min(2), True))
    ]
    deep, wide = int(CORNER[0] * height), int(CORNER[1] * width)
    for top in (0, height - deep):
        for left in (0, width - wide):
            place = slice(top, top + deep), slice(left, left + wide)
            for tones, strict in planes:
                if not tones[place].size:
                    continue
                strength, mask = _digits(np.asarray(tones[place], np.uint8), height, strict)
                if strength > best:
                    best, out = strength, np.zeros((height, width), np.uint8)
                    out[place] = mask
    return best, out


def _warm(colour: Mask) -> Mask:
    """How red to yellow each place is."""
    red, green, blue = (colour[..., i].astype(np.int16) for i in range(3))
    warm = np.clip(np.minimum(red - blue, 2 * (red - 100)), 0, 255)
    warm[green > red + 10] = 0
    return np.asarray(warm, np.uint8)


def _green(colour: Mask) -> Mask:
    """How green each place is."""
    red, green, blue = (colour[..., i].astype(np.int16) for i in range(3))
    return np.asarray(np.clip(np.minimum(green - np.maximum(red, blue), 2 * (green - 100)), 0, 255), np.uint8)


def _digits(tones: Mask, height: int, strict: bool) -> tuple[float, Mask]:
    """Bright digits of one height in a row, in one corner of a picture that is `height` pixels tall: strength, mask.

    strict: leaves and gravel are green and white, too, so the digits have to be as regular as `_regular` says.
    """
    peak = float(np.percentile(tones, 99.7))
    best, longest, out = 0.0, 0.0, np.zeros(tones.shape, np.uint8)
    gap = 2 * round(0.004 * height) + 1  # between the segments of a digit
    for share, closed in itertools.product((0.5, 0.35, 0.65), (False, True)):
        if share * peak < 35:
            continue
        bright = (tones > share * peak).astype(np.uint8)
        if closed:
            bright = np.asarray(cv2.morphologyEx(bright, cv2.MORPH_CLOSE, np.ones((gap, gap), np.uint8)), np.uint8)
        _, labels, stats, _ = cv2.connectedComponentsWithStats(bright, connectivity=8)
        left, top, wide, tall, area = (stats[:, i] for i in range(5))
        digit = (
            (tall >= max(6, 0.012 * height))
            & (tall <= 0.08 * height)
            & (wide <= 4 * tall)
            & (area >= 0.1 * wide * tall)
        )
        digit[0] = False
        if digit.sum() > CROWD:
            continue
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
            if strict and not _regular(labels[box], row, tall[row], tones[box]):
                continue
            if inside.mean() > 0.5 or own.sum() < 0.6 * inside.sum() or strength < 58:
                continue
            if long <= longest:
                continue
            size = float(tall[i])
            like = (np.abs(bottom - bottom[i]) <= 0.3 * size) & (tall >= 0.55 * size) & (tall <= 1.3 * size)
            like &= wide <= 1.3 * size
            box = box[0], _along(left[like], (left + wide)[like], box[1], size)
            best, longest, out = strength, float(long), np.zeros(tones.shape, np.uint8)
            levels = (share * peak,) if strict else (0.25 * strength, 0.35 * strength, 0.5 * strength)
            level = next((one for one in levels if (tones[box] > one).mean() < 0.45), levels[-1])
            out[box] = (tones[box] > level) * 255
            reach = max(2, round(0.2 * size))
            kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
            out = np.asarray(cv2.dilate(out, kernel), np.uint8)
    return best, out


def _along(left: NDArray[Any], right: NDArray[Any], columns: slice, size: float) -> slice:
    """The columns of a row of digits with the pieces that go on beside it, left to right each; size: of a digit.

    A space is at most twice as wide as a digit is high, and a stamp fourteen times as long.
    """
    first, last = columns.start, columns.stop
    while True:
        near = (left < last + 2 * size) & (right > first - 2 * size) & ((left < first) | (right > last))
        low, high = min(first, *left[near].tolist(), first), max(last, *right[near].tolist(), last)
        if (low, high) == (first, last) or high - low > 14 * size:
            return slice(first, last)
        first, last = int(low), int(high)


def _regular(labels: NDArray[Any], row: list[int], tall: NDArray[Any], tones: Mask) -> bool:
    """Whether the digits of a row are many, of one height, of one width of stroke and of one brightness."""
    shapes = [labels == i for i in row]
    strokes = np.array([2 * shape.sum() / max(1, edge(shape.astype(np.uint8))) for shape in shapes])
    bright = np.array([float(np.percentile(tones[shape], 70)) for shape in shapes])
    return bool(
        len(row) >= 5
        and tall.std() < 0.13 * tall.mean()
        and strokes.std() < 0.28 * strokes.mean()
        and strokes.mean() < 0.35 * tall.mean()
        and bright.std() < 0.2 * bright.mean()
    )


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
