"""The finest detail of a fill, at the picture's own size.

A large hole is filled at a smaller size. What that size cannot hold, the band of frequencies above it, is taken from
where the fill was borrowed (contextual residual aggregation, Yi et al. 2020), so that it has the grain around it.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.inpaint.matching import Field

Floats = NDArray[np.float32]
Holes = NDArray[np.bool_]
Ints = NDArray[np.intp]

AT_ONCE = 1 << 18  # pixels that are given their detail in one go: memory is little


def enlarged(
    small: Floats, field: Field | None, image: Floats, hole: Holes, *, detail: float, check: Callable[[], None]
) -> Floats:
    """A fill at the network's size -> at the picture's own, with the finest frequencies of where it borrows.

    small (h, w, 3): filled. image (H, W, 3), hole (H, W): as they are at full size. -> (H, W, 3).
    """
    height, width = hole.shape
    h, w = small.shape[:2]
    smooth = np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC), np.float32)
    if field is None or detail <= 0:
        return np.where(hole[..., None], smooth, image).astype(np.float32)
    known = (~hole).astype(np.float32)
    weight = cv2.resize(known, (w, h), interpolation=cv2.INTER_AREA)[..., None]
    coarse = cv2.resize(image * known[..., None], (w, h), interpolation=cv2.INTER_AREA) / np.maximum(weight, 1e-3)
    fine = image - cv2.resize(coarse.astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
    check()
    y, x = np.nonzero(hole)
    out = image.copy()
    for some in np.array_split(np.arange(len(y)), -(-len(y) // AT_ONCE)):
        at = y[some], x[some]
        out[at] = smooth[at] + np.float32(detail) * _lent(fine, hole, field, (h, w), *at)
        check()
    return out


def _lent(fine: Floats, hole: Holes, field: Field, size: tuple[int, int], y: Ints, x: Ints) -> Floats:
    """The finest frequencies (H, W, 3) for places (y, x) of the hole: (N, 3), as strong as where they come from.

    A place of the field, which is of a smaller size, stands for many pixels. What four of them lend is mixed, or else
    squares would show; where they lend from different places, the mixture would be weaker than each and is amplified.
    """
    (height, width), (h, w) = hole.shape, size
    offsets = np.zeros((h, w, 2), np.intp)
    ways = (field.source - field.at) * np.array([height / h, width / w])
    offsets[field.at[:, 0], field.at[:, 1]] = np.round(ways).astype(np.intp)
    fy, fx = (y + 0.5) * h / height - 0.5, (x + 0.5) * w / width - 0.5
    top, left = np.floor(fy).astype(np.intp), np.floor(fx).astype(np.intp)
    down, right = (fy - top).astype(np.float32), (fx - left).astype(np.float32)
    lent = np.zeros((len(y), 3), np.float32)
    voices: list[tuple[Ints, Floats]] = []  # what each says, as one number, and how loudly
    for dy, dx in ((0, 0), (0, 1), (1, 0), (1, 1)):
        way = offsets[np.clip(top + dy, 0, h - 1), np.clip(left + dx, 0, w - 1)]
        sy, sx = np.clip(y + way[:, 0], 0, height - 1), np.clip(x + way[:, 1], 0, width - 1)
        weight = np.abs(1 - dy - down) * np.abs(1 - dx - right) * ~hole[sy, sx]
        lent += weight[:, None] * fine[sy, sx]
        voices.append((way[:, 0] * (2 * width + 1) + way[:, 1], weight.astype(np.float32)))
    loud = np.sum([weight for _, weight in voices], 0)
    # of sources that have nothing to do with each other, variances add up
    variance = np.sum([one * other * (a == b) for a, one in voices for b, other in voices], 0)
    return np.asarray(
        lent / np.sqrt(np.maximum(variance, 1e-6))[:, None] * np.minimum(1, 2 * loud)[:, None], np.float32
    )
