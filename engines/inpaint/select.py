"""A click selects what it hits. Flat cells that follow edges, the cheapest way through them from the click, and a cut.

Watershed (Meyer 1992) divides a small copy into cells; from cell to cell it costs what their colours and the edge
between them differ. What can be reached cheaply from a click belongs to it, what is nearer to a place clicked away does
not. GrabCut (Rother et al. 2004) then moves the border to where the picture has one. A box alone is `boxes.thing_in`.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.core.image import Pixels
from engines.inpaint.boxes import thing_in
from engines.inpaint.masks import Box, Floats, Mask

Point = tuple[float, float, bool]  # x, y in pixels of the picture; whether what is there is meant
LOOK = 448  # longest side of the small copy
CELL = 9  # side of a cell in it
FREE = 3.0  # difference of colour between cells that costs nothing
AWAY = 0.25  # of the difference to the click's own colour that is added on the way
BAND = 7  # pixels of the small copy by which the cut may move the border


@dataclass(frozen=True)
class _Cells:
    """labels (h, w) from 0; colours (n, 3) in Lab; neighbours: for each cell, others and what the way there costs."""

    labels: NDArray[np.int32]
    colours: Floats
    neighbours: list[list[tuple[int, float]]]


def selected(image: Pixels, points: Sequence[Point], *, tolerance: float = 0.5, box: Box | None = None) -> Mask:
    """What the points mean, uint8 (H, W), 255 there. box: left, top, right, bottom that it lies in."""
    height, width = image.shape[:2]
    small, scale = _small(image)
    h, w = small.shape[:2]
    places = [(min(w - 1, int(x * scale)), min(h - 1, int(y * scale)), keep) for x, y, keep in points]
    allowed = np.ones((h, w), bool)
    if box is not None:
        allowed[:] = False
        first, upper, last, lower = (max(0.0, v * scale) for v in box)
        allowed[int(upper) : int(np.ceil(lower)), int(first) : int(np.ceil(last))] = True
    thing = None if box is None or points else thing_in(small, allowed)
    if thing is None:
        thing = _cut(small, _reached(small, places, tolerance, allowed, box is not None), places, allowed)
    mask = _enlarged(thing, height, width)
    if box is None:
        return mask
    inside = np.zeros_like(mask)
    left, top, right, bottom = box
    inside[max(0, top) : bottom, max(0, left) : right] = 255
    return mask & inside


def _reached(
    small: Mask, places: Sequence[tuple[int, int, bool]], tolerance: float, allowed: NDArray[np.bool_], boxed: bool
) -> NDArray[np.bool_]:
    """What can be reached cheaply from the clicks, (h, w), or from the middle of the box where nothing was clicked."""
    cells = _cells(small)
    meant = [cells.labels[y, x] for x, y, keep in places if keep]
    others = [cells.labels[y, x] for x, y, keep in places if not keep]
    if boxed:
        rim, inner = np.unique(cells.labels[~allowed]), np.unique(cells.labels[allowed])
        others = [*others, *np.setdiff1d(rim, inner).tolist()]
        ys, xs = np.nonzero(allowed)
        meant = meant or [cells.labels[int((ys[0] + ys[-1]) / 2), int((xs.min() + xs.max()) / 2)]]
    near = _ways(cells, meant)
    far = _ways(cells, others) if others else np.full(len(near), np.inf)
    limit = 5.0 * 28.0**tolerance if not others or not boxed else np.inf
    if any(not keep for _, _, keep in places):
        limit *= 3  # what is clicked away bounds it, too
    return np.asarray(((near < limit) & (near < far))[cells.labels] & allowed)


def _small(image: Pixels) -> tuple[Mask, float]:
    """An 8-bit copy of the colours, LOOK long at most, and its scale."""
    height, width = image.shape[:2]
    scale = min(1.0, LOOK / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    step = max(
        1, int(0.5 / scale)
    )  # a large photo is thinned out first: averaging all of it takes longer than the rest
    small: Any = np.ascontiguousarray(image[::step, ::step, :3])
    if small.shape[1::-1] != size:
        small = cv2.resize(small, size, interpolation=cv2.INTER_AREA)
    return (small >> 8 if small.dtype == np.uint16 else small).astype(np.uint8), scale


def _cells(small: Mask) -> _Cells:
    """The small copy in cells that follow its edges."""
    h, w = small.shape[:2]
    smooth = np.asarray(cv2.bilateralFilter(small, 7, 28, 4), np.uint8)
    lab = np.asarray(cv2.cvtColor(smooth.astype(np.float32) / 255, cv2.COLOR_RGB2LAB), np.float32)
    ys, xs = np.arange(min(CELL // 2, h - 1), h, CELL), np.arange(min(CELL // 2, w - 1), w, CELL)
    marks = np.zeros((h + 2, w + 2), np.int32)
    seeds = np.arange(1, len(ys) * len(xs) + 1, dtype=np.int32).reshape(len(ys), len(xs))
    for dy in (0, 1):
        for dx in (0, 1):
            marks[1 + np.minimum(ys + dy, h - 1)[:, None], 1 + np.minimum(xs + dx, w - 1)[None]] = seeds
    framed = cv2.copyMakeBorder(smooth, 1, 1, 1, 1, cv2.BORDER_REPLICATE)
    cv2.watershed(np.ascontiguousarray(framed), marks)
    marks = marks[1:-1, 1:-1]
    while (marks <= 0).any():  # the lines between cells go to a neighbour
        grown = cv2.dilate(marks.astype(np.float32), np.ones((3, 3), np.uint8)).astype(np.int32)
        marks = np.where(marks <= 0, grown, marks)
    labels = np.asarray(np.unique(marks, return_inverse=True)[1].reshape(h, w), np.int32)
    count = int(labels.max()) + 1
    sizes = np.bincount(labels.ravel(), minlength=count)
    colours = np.stack([np.bincount(labels.ravel(), lab[..., i].ravel(), count) / sizes for i in range(3)], 1)
    return _Cells(labels, colours.astype(np.float32), _neighbours(labels, colours, lab))


def _neighbours(labels: NDArray[np.int32], colours: NDArray[Any], lab: Floats) -> list[list[tuple[int, float]]]:
    """Which cells touch, and what it costs to go over: how their colours and the two sides of their border differ."""
    count = len(colours)
    keys, steps = [], []
    for one, other, a, b in (
        (labels[:, :-1], labels[:, 1:], lab[:, :-1], lab[:, 1:]),
        (labels[:-1], labels[1:], lab[:-1], lab[1:]),
    ):
        cross = one != other
        low, high = np.minimum(one[cross], other[cross]), np.maximum(one[cross], other[cross])
        keys.append(low.astype(np.int64) * count + high)
        steps.append(np.sqrt(((a[cross] - b[cross]) ** 2).sum(-1)))
    pairs, index = np.unique(np.concatenate(keys), return_inverse=True)
    jump = np.bincount(index, np.concatenate(steps)) / np.bincount(index)
    first, second = pairs // count, pairs % count
    apart = np.sqrt(((colours[first] - colours[second]) ** 2).sum(1))
    cost = np.maximum(apart + 0.5 * jump - FREE, 0.05)
    out: list[list[tuple[int, float]]] = [[] for _ in range(count)]
    for i, j, value in zip(first.tolist(), second.tolist(), cost.tolist(), strict=True):
        out[i].append((j, value))
        out[j].append((i, value))
    return out


def _ways(cells: _Cells, starts: Iterable[int]) -> NDArray[np.float64]:
    """What the cheapest way from any start to each cell costs (Dijkstra); colours unlike the start's cost more."""
    best = np.full(len(cells.colours), np.inf)
    own = np.full(len(cells.colours), -1)
    queue: list[tuple[float, int, int]] = []
    for start in set(int(s) for s in starts):
        heapq.heappush(queue, (0.0, start, start))
    while queue:
        cost, here, start = heapq.heappop(queue)
        if cost >= best[here]:
            continue
        best[here], own[here] = cost, start
        for there, step in cells.neighbours[here]:
            if cost + step < best[there]:
                heapq.heappush(queue, (cost + step, there, start))
    found = np.isfinite(best)
    unlike = np.sqrt(((cells.colours - cells.colours[np.maximum(own, 0)]) ** 2).sum(1))
    best[found] += AWAY * unlike[found]
    return best


def _cut(small: Mask, region: NDArray[np.bool_], places: Sequence[Point], allowed: NDArray[np.bool_]) -> Mask:
    """The region with its border moved to the picture's, and only the parts that were clicked."""
    if not region.any() or region.all():
        return np.asarray(region * 255, np.uint8)
    inside = cv2.distanceTransform(region.astype(np.uint8), cv2.DIST_L2, 3)
    outside = cv2.distanceTransform((~region).astype(np.uint8), cv2.DIST_L2, 3)
    deep = min(float(BAND), 0.6 * float(inside.max()))
    marks = np.where(region, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    marks[inside > deep] = cv2.GC_FGD
    marks[(outside > BAND) | ~allowed] = cv2.GC_BGD
    for x, y, keep in places:
        cv2.circle(marks, (int(x), int(y)), 2, cv2.GC_FGD if keep else cv2.GC_BGD, -1)
    if (marks == cv2.GC_BGD).any() and (marks == cv2.GC_FGD).any():
        cv2.setRNGSeed(0)  # its clustering draws at random: the same click gives the same mask
        models = np.zeros((1, 65)), np.zeros((1, 65))
        cv2.grabCut(np.ascontiguousarray(small[..., ::-1]), marks, None, *models, 1, cv2.GC_INIT_WITH_MASK)  # type: ignore[call-overload]
    found = ((marks == cv2.GC_FGD) | (marks == cv2.GC_PR_FGD)).astype(np.uint8)
    found = np.asarray(cv2.medianBlur(found, 5), np.uint8)
    _, parts = cv2.connectedComponents(found)
    clicked = {int(parts[int(y), int(x)]) for x, y, keep in places if keep} - {0}
    if clicked:
        found = np.isin(parts, list(clicked)).astype(np.uint8)
    holes, labels, stats, _ = cv2.connectedComponentsWithStats(1 - found, connectivity=4)
    for i in range(1, holes):
        away = any(not keep and labels[int(y), int(x)] == i for x, y, keep in places)
        if stats[i, 4] < 0.004 * found.size and not away:  # specks inside belong to it
            found[labels == i] = 1
    return np.asarray(found * 255, np.uint8)


def _enlarged(found: Mask, height: int, width: int) -> Mask:
    """The mask at the picture's size with a smooth border."""
    if found.shape == (height, width):
        return found
    smooth = cv2.GaussianBlur(found, (0, 0), 0.8)
    large = cv2.resize(smooth, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(np.where(large > 127, 255, 0), np.uint8)
