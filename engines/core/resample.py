"""Resampling with exact positions: any part of an enlarged picture equals the same part of the whole.

Lanczos-3, widened when it shrinks (no aliasing), pixel centres at (i + 0.5), edges repeated by renormalising:
the convention of Pillow's `Image.resize`, which the tests compare it with. Numbers are never clamped here.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor


def lanczos(x: Tensor, *, a: int = 3) -> Tensor:
    """The Lanczos window of `a` lobes at x (any shape)."""
    return torch.where(x.abs() < a, torch.sinc(x) * torch.sinc(x / a), 0.0)


def weights(out_from: int, out_to: int, in_from: int, in_to: int, *, ratio: float, in_size: int) -> Tensor:
    """Matrix (out_to - out_from, in_to - in_from) that resamples one axis.

    ratio: output pixels per input pixel of the whole axis.  in_size: length of the whole input axis.
    The input window must hold every pixel the output needs (`needs`), or lie at the picture's edge.
    """
    stretch = max(1.0 / ratio, 1.0)
    centre = (torch.arange(out_from, out_to, dtype=torch.float64) + 0.5) / ratio - 0.5
    at = torch.arange(in_from, in_to, dtype=torch.float64)
    matrix = lanczos((at[None] - centre[:, None]) / stretch)
    matrix[:, (at < 0) | (at >= in_size)] = 0
    return (matrix / matrix.sum(1, keepdim=True)).float()


def needs(out_from: int, out_to: int, *, ratio: float, in_size: int) -> tuple[int, int]:
    """The input pixels [from, to) that the output pixels [out_from, out_to) are made of."""
    reach = 3 * max(1.0 / ratio, 1.0)
    low = math.floor((out_from + 0.5) / ratio - 0.5 - reach)
    high = math.ceil((out_to - 0.5) / ratio - 0.5 + reach) + 1
    return max(low, 0), min(high, in_size)


def resize(image: Tensor, height: int, width: int) -> Tensor:
    """image (..., H, W) to (..., height, width), float32."""
    rows = weights(0, height, 0, image.shape[-2], ratio=height / image.shape[-2], in_size=image.shape[-2])
    columns = weights(0, width, 0, image.shape[-1], ratio=width / image.shape[-1], in_size=image.shape[-1])
    return rows.to(image) @ image @ columns.to(image).T
