"""Smooth corrections: given on a border, spread inwards, fading with depth. What pasting and composing share."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from engines.inpaint.masks import Floats

SIDE = 320  # longest side at which a correction is found: it is smooth
_ROUNDS = 40


def spread(wanted: Floats, inside: Floats, *, fade: float, progress: Callable[[float], None]) -> Floats:
    """What solves (laplace - 1 / fade^2) h = 0 inside and is `wanted` elsewhere: a screened membrane, (h, w, 3).

    wanted: (h, w, 3), what the correction should be where `inside` (h, w) is under 0.5. fade: how deep it reaches, in
    pixels. Solved coarse to fine by relaxation, on a small copy where the picture is large.
    """
    height, width = inside.shape
    scale = min(1.0, SIDE / max(height, width))
    size = max(4, round(width * scale)), max(4, round(height * scale))
    levels = [(_shrunk(wanted, size), _shrunk(inside, size))]
    while min(levels[-1][1].shape) > 8:
        half = max(4, levels[-1][1].shape[1] // 2), max(4, levels[-1][1].shape[0] // 2)
        levels.append((_shrunk(levels[-1][0], half), _shrunk(levels[-1][1], half)))
    found = levels[-1][0]
    kernel = np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]], np.float32)
    for number, (value, mask) in enumerate(reversed(levels)):
        screen = np.float32((height / mask.shape[0] / max(fade, 1.0)) ** 2)
        found = np.asarray(cv2.resize(found, mask.shape[::-1], interpolation=cv2.INTER_LINEAR), np.float32)
        free = (mask > 0.5)[..., None]
        for _ in range(_ROUNDS):
            around = cv2.filter2D(found, -1, kernel, borderType=cv2.BORDER_REPLICATE)
            found = np.where(free, around / (4 + screen), value)
        progress((number + 1) / len(levels))
    return np.asarray(cv2.resize(found, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)


def means(values: Floats, weight: Floats, sigma: float) -> tuple[Floats, Floats]:
    """Local means of (h, w, c), weighted (h, w), and how much weight there was."""
    found = np.asarray(cv2.GaussianBlur(weight, (0, 0), sigma), np.float32)
    sums = np.asarray(cv2.GaussianBlur(values * weight[..., None], (0, 0), sigma), np.float32)
    return np.asarray(sums.reshape(values.shape) / np.maximum(found, 1e-6)[..., None], np.float32), found


def _shrunk(values: Floats, size: tuple[int, int]) -> Floats:
    return np.asarray(cv2.resize(values, size, interpolation=cv2.INTER_AREA), np.float32)
