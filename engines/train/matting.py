"""Where the head is in an aligned square, so that an edit leaves the background alone (GrabCut, Rother et al. 2004)."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.core.faces import Photo

_SIDE, _ROUNDS = 128, 2


def head(square: Photo) -> NDArray[np.float32]:
    """Head and hair of an aligned square, float32 (128, 128), 0 or 1. The face itself is always in it."""
    view = square
    if square.shape[0] != _SIDE:
        kind = cv2.INTER_AREA if square.shape[0] > _SIDE else cv2.INTER_LINEAR
        view = np.asarray(cv2.resize(square, (_SIDE, _SIDE), interpolation=kind), np.uint8)
    y, x = (np.mgrid[0:_SIDE, 0:_SIDE] + 0.5) / _SIDE

    def within(cx: float, cy: float, rx: float, ry: float) -> NDArray[np.bool_]:
        return np.asarray(np.hypot((x - cx) / rx, (y - cy) / ry) < 1)

    marks = np.full((_SIDE, _SIDE), cv2.GC_PR_BGD, np.uint8)
    marks[within(0.5, 0.52, 0.40, 0.47)] = cv2.GC_PR_FGD
    marks[within(0.5, 0.56, 0.25, 0.34) | within(0.5, 0.24, 0.16, 0.10)] = cv2.GC_FGD  # face, and hair above it
    marks[(y < 0.55) & ~within(0.5, 0.56, 0.50, 0.56)] = cv2.GC_BGD
    cv2.setRNGSeed(0)  # its clustering draws at random: the same photo gives the same mask
    models = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.grabCut(np.ascontiguousarray(view[..., ::-1]), marks, None, *models, _ROUNDS, cv2.GC_INIT_WITH_MASK)  # type: ignore[call-overload]
    return np.asarray((marks == cv2.GC_FGD) | (marks == cv2.GC_PR_FGD), np.float32)
