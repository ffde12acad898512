"""Fills of networks that look at a hole whole: other people's, each asked in the size it was made for.

Such a network sees a square of the picture around a hole, as large as it takes or, where the hole needs more, reduced
to that. Its answer stays as it is: only grain, and what a reduced answer lacks of the finest detail, comes from the
surroundings (contextual residual aggregation, Yi et al. 2020).
"""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np

from engines.core.job import Job
from engines.inpaint.completing import grained
from engines.inpaint.detail import enlarged
from engines.inpaint.filling import Floats, Holes, See, look, shrunk
from engines.inpaint.matching import borrow

AROUND = 0.5  # of a hole's length that is seen on each side of it, at least …
NEAREST = 64  # … and so many pixels


def fill_whole(
    image: Floats, hole: Holes, see: See, *, side: int, seed: int = 0, detail: float = 1.0, job: Job
) -> Floats:
    """image (H, W, 3) in [0, 1], hole (H, W) -> the picture with the hole filled, equal outside it.

    side: of the square that the network looks at, pixels. seed: 0 asks it for the picture as it is, others for it
    mirrored or turned. detail: how much of the surroundings' grain and finest detail is added, 0 to 1.
    """
    out, left = image.copy(), hole.copy()
    out[hole] = image[~hole].mean(0) if (~hole).any() else 0.5
    squares = list(plan_whole(hole, side))
    for number, (part, here) in enumerate(squares):
        piece = job.part(number / len(squares), (number + 1) / len(squares))
        piece.report(0.0, "Filling in")
        crop, gap = out[part], left[part]
        small, mask = shrunk(crop, gap, min(1.0, side / max(gap.shape)))
        answer = look(small, mask, see, seed=seed, multiple=1)
        filled = np.where(mask[..., None], answer, small).astype(np.float32)
        piece.report(0.7, "Adding detail")
        field = borrow(filled, mask, seed=seed, check=piece.check) if detail > 0 else None
        if field is not None:
            filled = filled + np.float32(detail) * (grained(filled, small, mask, field) - filled)
        if mask.shape != gap.shape:
            filled = enlarged(filled, field, crop, gap, detail=detail, check=piece.check)
        todo = gap & here
        crop[todo] = filled[todo]
        gap[todo] = False
    job.report(1.0, "Filling in")
    return out.clip(0, 1)


def plan_whole(hole: Holes, side: int) -> Iterator[tuple[tuple[slice, slice], Holes]]:
    """Squares, small ones first, and what is filled in each: the holes that it shows with enough around them."""
    height, width = hole.shape
    grown = cv2.dilate(hole.astype(np.uint8), np.ones((9, 9), np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(grown, connectivity=8)
    left, top, wide, tall = (stats[:, i] for i in range(4))
    right, bottom, length = left + wide, top + tall, np.maximum(wide, tall)
    margin = np.maximum(NEAREST, np.ceil(AROUND * length).astype(int))
    done: Holes = np.zeros(count, bool)
    done[0] = True  # what is known
    for label in np.argsort(length, kind="stable"):
        if done[label]:
            continue
        square = max(side, int(length[label] + 2 * margin[label]))
        y, x = _span(top[label], bottom[label], square, height), _span(left[label], right[label], square, width)
        shown = (np.maximum(top - margin, 0) >= y.start) & (np.minimum(bottom + margin, height) <= y.stop)
        shown &= (np.maximum(left - margin, 0) >= x.start) & (np.minimum(right + margin, width) <= x.stop)
        shown[label] = True
        yield (y, x), np.isin(labels[y, x], np.flatnonzero(shown & ~done))
        done |= shown


def _span(first: int, last: int, length: int, most: int) -> slice:
    """`length` of a side of `most`, with first to last in the middle or as near to it as the side lets."""
    length = min(length, most)
    start = min(max(0, (int(first) + int(last) - length) // 2), most - length)
    return slice(start, start + length)
