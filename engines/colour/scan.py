"""What came in: a grey picture, a tinted one (sepia, cyanotype, a yellowed scan), or one in colour."""

from __future__ import annotations

from typing import Any, Literal

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engines.core.image import Pixels
from engines.core.lab import rgb_to_lab

Kind = Literal["grey", "tinted", "colour"]
GREY = 2.5  # chroma that hardly a pixel of a grey picture exceeds (JPEG leaves about 1)
STRAY = 3.0  # how far colours may stray from one tone curve (root of the mean square) in a tinted picture
LOOK = 96  # longest side of the copy that is looked at


def reduced(image: Pixels, height: int, width: int) -> Tensor:
    """The colours of a picture at another size, averaged: float32 (1, 3, height, width) in [0, 1]."""
    colour: NDArray[Any] = np.ascontiguousarray(image[..., :3])
    smaller = height < colour.shape[0] or width < colour.shape[1]
    kind = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    small = cv2.resize(colour, (width, height), interpolation=kind)
    top = np.iinfo(image.dtype).max
    return torch.from_numpy(small.astype(np.float32) / top).permute(2, 0, 1)[None]


def examine(image: Pixels) -> Kind:
    """Tell a picture's kind. Tinted: all its colours lie on one curve over L, as toning and yellowing make them."""
    scale = min(1.0, LOOK / max(image.shape[:2]))
    size = (max(1, round(image.shape[0] * scale)), max(1, round(image.shape[1] * scale)))
    L, a, b = rgb_to_lab(reduced(image, *size)).flatten(2)[0].double().numpy()
    if np.quantile(np.hypot(a, b), 0.98) < GREY:
        return "grey"
    powers = np.stack([np.ones_like(L), L / 50 - 1, (L / 50 - 1) ** 2, (L / 50 - 1) ** 3], 1)
    curve, *_ = np.linalg.lstsq(powers, np.stack([a, b], 1), rcond=None)
    stray = np.stack([a, b], 1) - powers @ curve
    if len(L) < 64:  # too few places to tell a curve from a coincidence
        return "colour"
    return "tinted" if float(np.sqrt((stray**2).sum(1).mean())) < STRAY else "colour"


def colourfulness(pixels: Pixels) -> float:
    """How colourful a picture is (Hasler & Süsstrunk 2003); 0 for grey, about 33 for moderately colourful."""
    scale = min(1.0, 512 / max(pixels.shape[:2]))
    size = (max(1, round(pixels.shape[0] * scale)), max(1, round(pixels.shape[1] * scale)))
    red, green, blue = (reduced(pixels, *size)[0] * 255).double()
    rg, yb = red - green, (red + green) / 2 - blue
    spread = torch.sqrt(rg.var(unbiased=False) + yb.var(unbiased=False))
    return float(spread + 0.3 * torch.sqrt(rg.mean() ** 2 + yb.mean() ** 2))
