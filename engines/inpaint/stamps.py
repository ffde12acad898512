"""Date stamps: digits of one glowing colour in a row, told from anything else by reading them. No network.

For each colour that cameras stamp with, a plane says how much of it lies over what is behind each place, so a digit
weighs as much before a bright wall as before a dark one. Where pieces of that plane may stand on a line, windows slide
along it and are compared with drawn digits, of two fonts and of seven segments; a row that reads as digits is a stamp.
Leaves and gravel, as green and white as they may be, read as nothing.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.inpaint.masks import Floats, Mask

GLOWS = ((255, 255, 250), (250, 60, 40), (255, 120, 45), (255, 190, 60), (255, 235, 70), (90, 255, 110))
STRIP = 0.3  # of the height: how far from the upper or lower border a stamp may lie
LOW, HIGH = 0.018, 0.085  # of the height: how tall digits are
LONGEST = 14.0  # digits' heights that a stamp is long, at most
CUTS, GAPS = (0.2, 0.4), (0, 0.005, 0.01, 0.018)  # shares that cut out pieces; parts of the height that they bridge
MOST, MANY = 10, 1500  # lines that are read in one strip; pieces that are looked at for them
TALL, ABOVE, WIDE = 20, 3, 16  # of a window: how tall its digit is, what is above and below, its width
STRETCH = (0.85, 1.0, 1.2)  # digits are wider and narrower
APART, SPACE = 10, 46  # between the middles of digits, at least and at most
FAINT = 1.2  # length of a window under which it is next to empty
LIKE = 0.62  # correlation with a digit over which a window counts
ENOUGH = 0.5  # by which the digits of a row are over LIKE, in sum: one photo of 25 without a stamp has such a row
INK = 0.2  # share over which a place near a row is of the stamp
SEGMENTS = ("abcdef", "bc", "abged", "abgcd", "fgbc", "afgcd", "afgedc", "abc", "abcdefg", "abcdfg")
ENDS = {
    "a": ((0, 0), (1, 0)), "b": ((1, 0), (1, 1)), "c": ((1, 1), (1, 2)), "d": ((0, 2), (1, 2)), "e": ((0, 1), (0, 2)),
    "f": ((0, 0), (0, 1)), "g": ((0, 1), (1, 1)),
}  # fmt: skip
Boxes = NDArray[np.int64]  # (n, 4) as left, top, right, bottom


@dataclass(frozen=True)
class Row:
    """Digits side by side: by how much they are over LIKE in sum, and the box around them."""

    worth: float
    left: int
    top: int
    right: int
    bottom: int


def date(colour: Mask, progress: Callable[[float], None]) -> Mask:
    """The date stamp of a picture (H, W, 3), uint8 (H, W), 255 there: upright or turned; all 0 where there is none."""
    planes = shares(colour)
    best, out = ENOUGH, np.zeros(colour.shape[:2], np.uint8)
    for number, plane in enumerate(planes):
        progress(number / len(planes))
        boxes = pieces(plane, min(plane.shape))
        for turn in range(4):
            turned, lying = np.rot90(plane, turn), _turned(boxes, plane.shape, turn)
            for row in rows(np.ascontiguousarray(turned), lying):
                if row.worth > best:  # a picture has one stamp
                    best, out = row.worth, np.ascontiguousarray(np.rot90(painted(turned, row), -turn))
    return out


def shares(colour: Mask) -> list[Floats]:
    """For each of GLOWS how much of it lies over a picture (H, W, 3): planes (H, W), 0 to 1."""
    side = min(255, 2 * round(0.05 * min(colour.shape[:2])) + 1)
    behind = [cv2.medianBlur(np.ascontiguousarray(colour[..., i]), side) for i in range(3)]
    base = cv2.GaussianBlur(np.dstack(behind).astype(np.float32), (0, 0), side / 8)
    change = colour.astype(np.float32) - base
    out = []
    for glow in GLOWS:
        way = np.array(glow, np.float32) - base
        length = np.einsum("ijk,ijk->ij", way, way)
        share = np.einsum("ijk,ijk->ij", change, way) / np.maximum(length, 1)
        along = share * np.sqrt(length)
        off = np.linalg.norm(change - share[..., None] * way, axis=2)
        fit = np.clip(1.5 - off / np.maximum(0.6 * along, 12), 0, 1)
        fit[(length < 50**2) | (along < 18)] = 0
        out.append(np.asarray(np.clip(share, 0, 1) * fit, np.float32))
    return out


def pieces(plane: Floats, height: int) -> Boxes:
    """Boxes of what lies together in a plane of shares and may be digits; height: of the picture."""
    found: list[NDArray[np.int64]] = [np.zeros((0, 4), np.int64)]
    for cut, gap in itertools.product(CUTS, GAPS):
        bright = (plane > cut).astype(np.uint8)
        side = 2 * round(gap * height / 2) + 1
        if side > 1:
            bright = np.asarray(cv2.morphologyEx(bright, cv2.MORPH_CLOSE, np.ones((side, side), np.uint8)), np.uint8)
        _, _, stats, _ = cv2.connectedComponentsWithStats(bright, connectivity=8)
        left, top, wide, tall, area = (stats[1:, i].astype(np.int64) for i in range(5))
        fits = (area > 0.15 * wide * tall) & (np.minimum(wide, tall) <= HIGH * height)
        fits &= np.maximum(wide, tall) >= max(6, LOW * height)
        found.append(np.stack([left, top, left + wide, top + tall], 1)[fits])
    return np.unique(np.concatenate(found), axis=0)


def _turned(boxes: Boxes, shape: tuple[int, ...], turn: int) -> Boxes:
    """Boxes in a plane of a shape as they are after `np.rot90(plane, turn)`."""
    height, width = shape
    for _ in range(turn):
        left, top, right, bottom = boxes.T
        boxes = np.stack([top, width - right, bottom, width - left], 1)
        height, width = width, height
    return boxes


def rows(plane: Floats, boxes: Boxes) -> Iterator[Row]:
    """Rows of digits from left to right, near the upper and the lower border of a plane with such pieces."""
    height = plane.shape[0]
    deep = int(STRIP * height)
    for start in (0, height - deep):
        inside = boxes[(boxes[:, 1] >= start) & (boxes[:, 3] <= start + deep)]
        for top, bottom in lines(inside, min(plane.shape)):
            row = read(plane, top, bottom)
            if row:
                yield row


def lines(boxes: Boxes, height: int) -> list[tuple[int, int]]:
    """Where digits may stand: the tops and bottoms that several pieces share or a long one has, at most MOST."""
    left, top, right, bottom = boxes.T
    tall, wide = bottom - top, right - left
    fits = (tall >= max(6, LOW * height)) & (tall <= HIGH * height) & (wide <= LONGEST * tall) & (wide > 0.25 * tall)
    top, bottom, tall, wide = top[fits][:MANY], bottom[fits][:MANY], tall[fits][:MANY], wide[fits][:MANY]
    apart = np.maximum(np.abs(top[:, None] - top), np.abs(bottom[:, None] - bottom))
    near = apart <= 0.08 * tall[:, None] + 1
    length = (near * np.minimum(wide[None], 4 * tall[:, None])).sum(1) / np.maximum(tall, 1)
    out: list[tuple[int, int]] = []
    for i in np.argsort(-length, kind="stable"):
        if length[i] < 1.6 or len(out) == MOST:
            break
        if all(abs(top[i] - a) + abs(bottom[i] - b) > 0.08 * tall[i] for a, b in out):
            out.append((int(top[i]), int(bottom[i])))
    return out


def read(plane: Floats, top: int, bottom: int) -> Row | None:
    """The best row of digits that stand between two heights of a plane."""
    shapes, worths = digits()
    tall = bottom - top
    margin = round(ABOVE * tall / TALL)
    border = max(0, margin - top), max(0, bottom + margin - plane.shape[0])
    strip = plane[max(0, top - margin) : bottom + margin]
    strip = np.asarray(cv2.copyMakeBorder(strip, *border, 0, 0, cv2.BORDER_CONSTANT), np.float32)
    way = cv2.INTER_AREA if tall > TALL else cv2.INTER_LINEAR
    best: Row | None = None
    for stretch in STRETCH:
        scale = TALL / tall * stretch
        small = cv2.resize(strip, (max(1, round(plane.shape[1] * scale)), TALL + 2 * ABOVE), interpolation=way)
        small = cv2.copyMakeBorder(small, 0, 0, WIDE // 2, WIDE // 2, cv2.BORDER_CONSTANT)
        windows = np.lib.stride_tricks.sliding_window_view(small, WIDE, axis=1)
        windows = windows.transpose(1, 0, 2).reshape(windows.shape[1], -1)
        windows = windows - windows.mean(1, keepdims=True)
        strength = np.linalg.norm(windows, axis=1)
        like = windows @ shapes.T / np.maximum(strength, FAINT)[:, None]
        worth, digit = _row((np.maximum(like - LIKE, 0) * worths).max(1), strength)
        if worth > (best.worth if best else 0.0):
            ends = (digit[0] - WIDE / 3) / scale, (digit[-1] + WIDE / 3) / scale
            best = Row(worth, max(0, round(ends[0])), top, min(plane.shape[1], round(ends[1])), bottom)
    return best


def _row(value: Floats, strength: Floats) -> tuple[float, list[int]]:
    """The best digits that follow each other, none over another, of like brightness: the sum of values, and places."""
    left, kept = value.copy(), []
    while left.max() > 0:
        x = int(left.argmax())
        kept.append(x)
        left[max(0, x - APART + 1) : x + APART] = 0
    best: tuple[float, list[int]] = 0.0, []
    run: list[int] = []
    for x in [*sorted(kept), len(value) + SPACE]:
        if run and x - run[-1] > SPACE:
            usual = float(np.median(strength[run]))
            own = [at for at in run if 0.5 * usual < strength[at] < 2 * usual]
            worth = float(value[own].sum())
            if len(own) >= 3 and worth > best[0]:
                best = worth, own
            run = []
        run.append(x)
    return best


def painted(plane: Floats, row: Row) -> Mask:
    """What of a plane a row of digits covers, with the signs that go on beside it and their border."""
    height, width = plane.shape
    size = row.bottom - row.top
    ink = plane > INK
    near, far = round(0.15 * size), round(0.45 * size)
    on, above, below = (
        np.asarray(ink[max(0, start) : max(0, stop)].any(axis=0), bool)
        for start, stop in (
            (row.top, row.bottom),
            (row.top - far, row.top - near),
            (row.bottom + near, row.bottom + far),
        )
    )
    signs = on & ~above & ~below
    left, right = row.left, row.right
    while True:
        low, high = max(0, round(left - 1.8 * size)), min(width, round(right + 1.8 * size))
        more = np.flatnonzero(signs[low:high]) + low
        ends = min(left, *more.tolist(), left), max(right - 1, *more.tolist(), right - 1) + 1
        if ends == (left, right) or ends[1] - ends[0] > LONGEST * size:
            break
        left, right = ends
    out = np.zeros((height, width), np.uint8)
    box = slice(max(0, row.top - near), row.bottom + near), slice(max(0, left - near), right + near)
    out[box] = ink[box] * np.uint8(255)
    reach = max(2, near)
    return np.asarray(
        cv2.dilate(out, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))), np.uint8
    )


@functools.cache
def digits() -> tuple[Floats, Floats]:
    """Digits in the middle of windows, (n, pixels) of mean 0 and length 1, and what each counts (n,).

    A one is little more than an upright line, of which the world is full.
    """
    drawn: list[tuple[int, Mask]] = []
    for number, lit in enumerate(SEGMENTS):
        drawn += [(number, _segments(lit, thick, gap)) for thick, gap in ((14, 0), (16, 10))]
    for number, font in itertools.product(range(10), (cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_COMPLEX)):
        sheet = np.zeros((140, 120), np.uint8)
        cv2.putText(sheet, str(number), (15, 115), font, 4.0, 255, 9, cv2.LINE_AA)
        drawn.append((number, sheet))
    windows = []
    for _, sheet in drawn:
        x, y, wide, tall = cv2.boundingRect((sheet > 60).astype(np.uint8))
        size = min(WIDE - 2, max(2, round(wide * TALL / tall))), TALL
        soft = cv2.GaussianBlur(sheet[y : y + tall, x : x + wide], (0, 0), 3)
        window = np.zeros((TALL + 2 * ABOVE, WIDE), np.float32)
        start = (WIDE - size[0]) // 2
        window[ABOVE:-ABOVE, start : start + size[0]] = cv2.resize(soft, size, interpolation=cv2.INTER_AREA)
        window -= window.mean()
        windows.append((window / np.linalg.norm(window)).ravel())
    return np.array(windows, np.float32), np.array([0.4 if number == 1 else 1.0 for number, _ in drawn], np.float32)


def _segments(lit: str, thick: int, gap: int) -> Mask:
    """A digit of seven segments as (140, 100), 0 to 255; gap: by which each end is shortened."""
    sheet = np.zeros((140, 100), np.uint8)
    for name in lit:
        start, end = (np.array([24 + 52 * x, 22 + 48 * y], float) for x, y in ENDS[name])
        along = (end - start) / np.linalg.norm(end - start) * gap
        a, b = np.round(start + along).astype(int).tolist(), np.round(end - along).astype(int).tolist()
        cv2.line(sheet, a, b, 255, thick)
    return sheet
