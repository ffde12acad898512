"""Patches of different places differ in light. Their seams are taken out in the gradients (image melding, Darabi 2012).

Each patch says how neighbouring pixels differ. The picture whose differences are the mean of what its patches say has
no step where two of them meet, and meets the surroundings at the border of the hole.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from engines.inpaint.matching import Field

Floats = NDArray[np.float32]
Holes = NDArray[np.bool_]

HOLD = 0.001  # how much the laid colours count beside the differences; less evens out further
ROUNDS, GOOD = 120, 2e-3  # of conjugate gradients, at most; and when they may stop, in [0, 1]


def without_seams(
    laid: Floats, image: Floats, hole: Holes, field: Field, *, check: Callable[[], None] = lambda: None
) -> Floats:
    """laid (H, W, 3): the hole filled with patches of image (H, W, 3), which `field` says where from.

    Solves (HOLD - laplacian) change = difference of what patches say from what is laid, 0 outside the hole.
    """
    height, width = hole.shape
    source = np.full((height, width, 2), -1, np.intp)
    source[field.at[:, 0], field.at[:, 1]] = field.source
    wanted = np.zeros_like(laid)
    for dy, dx in ((0, 1), (1, 0)):
        here = (slice(0, height - dy), slice(0, width - dx))
        there = (slice(dy, height), slice(dx, width))
        one, two = source[here], source[there]
        said, voices = np.zeros_like(laid[here]), np.zeros((*one.shape[:2], 1), np.float32)
        for lent, (y, x) in ((one, (dy, dx)), (two, (-dy, -dx))):
            sy, sx = lent[..., 0], lent[..., 1]
            ny, nx = np.clip(sy + y, 0, height - 1), np.clip(sx + x, 0, width - 1)
            good = ((sy >= 0) & ~hole[np.maximum(sy, 0), np.maximum(sx, 0)] & ~hole[ny, nx])[..., None]
            said += np.where(good, (image[ny, nx] - image[sy, sx]) * (y + x), 0)
            voices += good
        told = np.where(voices > 0, said / np.maximum(voices, 1), laid[there] - laid[here])
        excess = np.where((hole[here] | hole[there])[..., None], told - (laid[there] - laid[here]), 0)
        wanted[here] -= excess
        wanted[there] += excess
    return laid + _solved(np.where(hole[..., None], wanted, 0).astype(np.float32), hole, check)


def _solved(wanted: Floats, hole: Holes, check: Callable[[], None]) -> Floats:
    """x (H, W, 3), 0 outside the hole, with (HOLD - laplacian) x = wanted in it, by conjugate gradients."""
    inside = hole[..., None].astype(np.float32)
    x = np.zeros_like(wanted)
    rest, step = wanted, wanted
    size = float((rest * rest).sum())
    for number in range(ROUNDS):
        if size <= GOOD**2 * max(1, int(hole.sum())):
            break
        if number % 10 == 0:
            check()
        applied = (4 + HOLD) * step
        applied[1:] -= step[:-1]
        applied[:-1] -= step[1:]
        applied[:, 1:] -= step[:, :-1]
        applied[:, :-1] -= step[:, 1:]
        applied *= inside
        length = size / max(float((step * applied).sum()), 1e-12)
        x = x + length * step
        rest = rest - length * applied
        before, size = size, float((rest * rest).sum())
        step = rest + (size / before) * step
    return np.asarray(x, np.float32)
