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
    offsets = np.zeros((h, w, 2), np.float32)
    offsets[field.at[:, 0], field.at[:, 1]] = field.source - field.at
    y, x = np.nonzero(hole)
    py, px = np.minimum(y * h // height, h - 1), np.minimum(x * w // width, w - 1)
    sy = np.clip(y + np.round(offsets[py, px, 0] * height / h).astype(np.intp), 0, height - 1)
    sx = np.clip(x + np.round(offsets[py, px, 1] * width / w).astype(np.intp), 0, width - 1)
    lent = ~hole[sy, sx]
    out = image.copy()
    out[y, x] = smooth[y, x] + (np.float32(detail) * lent)[:, None] * fine[sy, sx]
    return out
