"""The smallest valid calls of inpainting's verbs, for the contract test."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from engines.core.engine import Example


def small_calls() -> Iterator[Example]:
    """Small pictures in 8 and 16 bits, with alpha, with a hole at the border and one of a single pixel."""
    rng = np.random.default_rng(0)
    rgb = rng.integers(0, 256, (20, 30, 3), np.uint8)
    rgba = rng.integers(0, 65536, (24, 16, 4), np.uint16)
    mask = np.zeros((20, 30), np.uint8)
    mask[5:12, 0:9] = 255
    dot = np.zeros((24, 16), np.uint8)
    dot[3, 4] = 255
    yield Example("inpaint", (rgb, mask), {"seed": 2}, (20, 30, 3))
    yield Example("inpaint", (rgba, dot), {"expand": 2, "feather": 0}, (24, 16, 4), "uint16")
    yield Example("outpaint", (rgb,), {"left": 4, "bottom": 7}, (27, 34, 3))
    yield Example("outpaint", (rgba[:1, :1],), {"right": 1}, (1, 2, 4), "uint16")
    yield Example("auto_mask", (rgb, "text"), {}, (20, 30))
    yield Example("select", (rgb, [(3, 4, True)]), {}, (20, 30))
    yield Example("blend", (rgb, rgba, mask), {"x": -3, "y": 2}, (24, 16, 4), "uint16")
    yield Example("blend", (rgba, rgb), {"scale": 0.5, "strength": 0.5}, (20, 30, 3))
