"""Finds rows of letters by their shape: strokes of one colour, of like height, side by side on one line. No network.

Thresholds cut a plane of tones into pieces; a piece that looks like a letter is kept once, at the threshold where its
colour is most even; pieces join into rows. Letters overlap little in what they share with windows, leaves and bricks,
but a fence of even, pale posts is a row of letters to this.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.inpaint.masks import Mask


@dataclass(frozen=True)
class Rule:
    """What counts as a letter and as a row; lengths in parts of a letter's height unless said otherwise.

    low, high: heights of letters in pixels. stroke: half a stroke's width at most. even: part of a letter that has its
    own colour. apart: steps of 255 by which a letter differs from what surrounds it. alike: by which the colours of
    neighbours may differ. gap: between neighbours. least: letters in a row. straight: part of them on the base line.
    """

    low: float
    high: float
    stroke: float = 0.2
    even: float = 0.6
    apart: float = 40
    alike: float = 24
    gap: float = 1.1
    least: int = 4
    straight: float = 0.7


@dataclass(frozen=True)
class Pieces:
    """Pieces that may be letters: boxes (n, 4) as left, top, width, height; colours (n, 3); the masks of the pieces."""

    boxes: NDArray[np.float64]
    colours: NDArray[np.float64]
    evenness: NDArray[np.float64]
    masks: list[Mask]

    def part(self, where: Iterable[int]) -> Pieces:
        """Some of them."""
        index = np.asarray(list(where), int)
        masks = [self.masks[i] for i in index]
        return Pieces(self.boxes[index], self.colours[index], self.evenness[index], masks)


def comparable(picture: Mask) -> Mask:
    """RGB (H, W, 3) as light and two parts of colour that count half: JPEG files blur colour more than light."""
    out = np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2YCrCb), np.uint8)
    out[..., 1:] = 64 + out[..., 1:] // 2
    return out


def letters(tones: Mask, colour: Mask, rule: Rule, thresholds: Iterable[int], check: Callable[[], None]) -> Pieces:
    """Pieces of a plane (H, W), lighter than a threshold, that may be letters. colour: of `comparable`."""
    boxes, colours, evenness, masks = [], [], [], []
    for threshold in thresholds:
        check()
        above = (tones > threshold).astype(np.uint8)
        _, labels, stats, _ = cv2.connectedComponentsWithStats(above, connectivity=8)
        _, _, width, height, area = (stats[:, i] for i in range(5))
        good = (height >= rule.low) & (height <= rule.high) & (width <= 6 * height) & (area >= 0.09 * width * height)
        good[0] = False
        for i in np.flatnonzero(good)[:3000]:
            found = _letter(np.asarray(labels, np.int32), int(i), np.asarray(stats[i], np.int32), colour, rule)
            if found is not None:
                boxes.append(stats[i, :4].astype(float))
                colours.append(found[0])
                evenness.append(found[1])
                masks.append(found[2])
    if not boxes:
        return Pieces(np.zeros((0, 4)), np.zeros((0, 3)), np.zeros(0), [])
    return _once(Pieces(np.array(boxes), np.array(colours), np.array(evenness), masks))


def _letter(
    labels: NDArray[np.int32], number: int, stats: NDArray[np.int32], colour: Mask, rule: Rule
) -> tuple[NDArray[np.float64], float, Mask] | None:
    """Colour, evenness and mask of a piece that looks like a letter."""
    left, top, width, height = (int(v) for v in stats[:4])
    mask = (labels[top : top + height, left : left + width] == number).astype(np.uint8)
    thick = float(
        cv2.distanceTransform(cv2.copyMakeBorder(mask, 1, 1, 1, 1, cv2.BORDER_CONSTANT), cv2.DIST_L2, 3).max()
    )
    if thick > rule.stroke * max(height, 0.5 * width) + 1.2:
        return None
    own = colour[top : top + height, left : left + width]
    inside = own[mask > 0].astype(np.float64)
    middle = np.median(inside, 0)
    even = float((np.abs(inside - middle).max(1) < 30).mean())
    if even < rule.even:
        return None
    reach = 4
    y0, x0 = max(0, top - reach), max(0, left - reach)
    wide = colour[y0 : top + height + reach, x0 : left + width + reach]
    around = np.zeros(wide.shape[:2], np.uint8)
    around[top - y0 : top - y0 + height, left - x0 : left - x0 + width] = mask
    ring = (cv2.dilate(around, np.ones((7, 7), np.uint8)) > 0) & (cv2.dilate(around, np.ones((5, 5), np.uint8)) == 0)
    if not ring.any() or (np.abs(wide[ring] - middle).max(1) > rule.apart).mean() < 0.75:
        return None
    return middle, even, mask


def _once(pieces: Pieces) -> Pieces:
    """Of pieces that several thresholds cut out in one place the most even one."""
    order = np.argsort(-pieces.evenness * np.sqrt(pieces.boxes[:, 2] * pieces.boxes[:, 3]), kind="stable")
    left, top, width, height = pieces.boxes.T
    right, bottom, area = left + width, top + height, width * height
    kept: list[int] = []
    for i in order:
        if kept:
            k = np.array(kept)
            across = np.minimum(right[i], right[k]) - np.maximum(left[i], left[k])
            down = np.minimum(bottom[i], bottom[k]) - np.maximum(top[i], top[k])
            common = np.clip(across, 0, None) * np.clip(down, 0, None)
            if (common > 0.5 * np.minimum(area[i], area[k])).any():
                continue
        kept.append(int(i))
    return pieces.part(kept)


def rows(pieces: Pieces, rule: Rule) -> list[Pieces]:
    """Pieces in rows, each long, straight and even enough to be writing."""
    n = len(pieces.masks)
    if n < rule.least:
        return []
    left, top, width, height = pieces.boxes.T
    right, bottom = left + width, top + height
    tall = np.maximum(height[:, None], height[None])
    gap = np.maximum(left[:, None], left[None]) - np.minimum(right[:, None], right[None])
    shared = np.minimum(bottom[:, None], bottom[None]) - np.maximum(top[:, None], top[None])
    like = np.abs(pieces.colours[:, None] - pieces.colours[None]).max(2) < rule.alike
    near = (gap < rule.gap * tall) & (shared > 0.5 * np.minimum(height[:, None], height[None]))
    joined = near & like & (tall < 2.4 * np.minimum(height[:, None], height[None]))
    found = []
    for group in _groups(joined):
        row = pieces.part(group)
        row = row.part(_on_line(row))
        if len(row.masks) >= max(rule.least, min(rule.straight * len(group), max(6, 0.4 * len(group)))) and _is_writing(
            row, rule
        ):
            found.append(_extended(row, pieces))
    return found


def _groups(joined: NDArray[np.bool_]) -> list[list[int]]:
    """Connected parts of a graph."""
    left = set(range(len(joined)))
    groups = []
    while left:
        group, edge = [], [min(left)]
        left.discard(edge[0])
        while edge:
            i = edge.pop()
            group.append(i)
            new = [int(j) for j in np.flatnonzero(joined[i]) if int(j) in left]
            left.difference_update(new)
            edge += new
        groups.append(sorted(group))
    return groups


def _on_line(pieces: Pieces) -> list[int]:
    """The pieces of a group that stand on its best line and are of one height: letters without what they touch."""
    left, top, width, height = pieces.boxes.T
    x, bottom = left + width / 2, top + height
    best: list[int] = []
    for i in range(len(x)):
        size = height[i]
        for slope in (0.0, *np.linspace(-0.08, 0.08, 5)):
            off = np.abs(bottom - bottom[i] - slope * (x - x[i])) < max(0.1 * size, 1.5)
            fits = off & (height > 0.55 * size) & (height < 1.7 * size)
            if fits.sum() > len(best):
                best = [int(j) for j in np.flatnonzero(fits)]
    return best


def _extended(row: Pieces, pieces: Pieces) -> Pieces:
    """A row with all pieces of its colour and height that stand on its line, a few letters' width away at most."""
    left, top, width, height = pieces.boxes.T
    size = float(np.median(row.boxes[:, 3]))
    x, bottom = row.boxes[:, 0] + row.boxes[:, 2] / 2, row.boxes[:, 1] + row.boxes[:, 3]
    slope, start = np.polyfit(x, bottom, 1)
    off = np.abs(top + height - slope * (left + width / 2) - start)
    like = np.abs(pieces.colours - np.median(row.colours, 0)).max(1) < 20
    fits = (off < 0.35 * size) & like & (height > 0.4 * size) & (height < 1.8 * size)
    low, high = row.boxes[:, 0].min(), (row.boxes[:, 0] + row.boxes[:, 2]).max()
    taken: NDArray[np.bool_] = np.zeros(len(left), bool)
    while True:
        new = fits & ~taken & (left < high + 2.5 * size) & (left + width > low - 2.5 * size)
        if not new.any():
            return pieces.part(np.flatnonzero(taken))
        taken |= new
        low, high = min(low, left[new].min()), max(high, (left + width)[new].max())


def _is_writing(row: Pieces, rule: Rule) -> bool:
    """Whether a row of letters is much longer than tall, of one colour and of one width of stroke."""
    left, _, width, height = row.boxes.T
    size = float(np.median(height))
    strokes = np.array([2 * mask.sum() / max(edge(mask), 1) for mask in row.masks])
    long = float((left + width).max() - left.min()) > 2.2 * size
    spread = float(np.median(np.abs(row.colours - np.median(row.colours, 0)).max(1)))
    even = float(np.median(row.evenness))
    uneven_strokes = float(strokes.std() / strokes.mean())
    if len(row.masks) < 6:  # the fewer, the surer each must be
        return long and spread <= rule.alike / 8 and even >= 0.85 and uneven_strokes < 0.18
    sure = spread <= rule.alike / 8 and even >= 0.85
    return long and spread < 0.5 * rule.alike and uneven_strokes < (0.5 if sure else 0.25)


def edge(mask: Mask) -> int:
    """Pixels of a piece that touch what is not it."""
    inner = cv2.erode(cv2.copyMakeBorder(mask, 1, 1, 1, 1, cv2.BORDER_CONSTANT), np.ones((3, 3), np.uint8))
    return int(mask.sum() - inner.sum())


def painted(row: Pieces, colour: Mask, *, near: float, border: float) -> Mask:
    """What of the picture a row of letters covers: its pieces, points and accents of its colour, and their border."""
    out = np.zeros(colour.shape[:2], np.uint8)
    for (left, top, width, height), mask in zip(row.boxes.astype(int), row.masks, strict=True):
        part = out[top : top + height, left : left + width]
        part[...] |= mask * 255
    size = float(np.median(row.boxes[:, 3]))
    x0, y0 = (max(0, int(v - 0.5 * size)) for v in row.boxes[:, :2].min(0))
    x1, y1 = (int(v + 0.5 * size) for v in (row.boxes[:, :2] + row.boxes[:, 2:]).max(0))
    view = colour[y0:y1, x0:x1].astype(np.int16)
    close = np.abs(view - np.median(row.colours, 0)).max(2) < near
    _, labels, stats, _ = cv2.connectedComponentsWithStats(close.astype(np.uint8), connectivity=8)
    small = (stats[:, 2] < 1.6 * size) & (stats[:, 3] < 1.6 * size) & (stats[:, 4] < 1.2 * size**2)
    small[0] = False
    out[y0:y1, x0:x1] |= np.where(small[labels], 255, 0).astype(np.uint8)
    reach = max(1, round(border * size))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    return np.asarray(cv2.dilate(out, kernel), np.uint8)
