"""CIELAB under D65 as tensors that gradients pass through, and colours that keep their luminance inside sRGB.

Pictures are float (N, 3, H, W). L goes from 0 to 100, a and b about from -110 to 110; grey is exactly a = b = 0.
"""

from __future__ import annotations

import torch
from torch import Tensor

_TO_XYZ = torch.tensor(
    [[0.412453, 0.357580, 0.180423], [0.212671, 0.715160, 0.072169], [0.019334, 0.119193, 0.950227]],
    dtype=torch.float64,
)
TO_WHITE_XYZ = _TO_XYZ / _TO_XYZ.sum(1, keepdim=True)  # white is (1, 1, 1), so that greys have no colour at all
FROM_WHITE_XYZ = torch.linalg.inv(TO_WHITE_XYZ)
KNEE = 6 / 29  # below it CIELAB is linear


def decode(rgb: Tensor) -> Tensor:
    """sRGB values in [0, 1] -> linear light in [0, 1]."""
    return torch.where(rgb > 0.04045, ((rgb.clamp_min(0) + 0.055) / 1.055) ** 2.4, rgb / 12.92)


def encode(linear: Tensor) -> Tensor:
    """Linear light -> sRGB values; negative light stays negative, so that what lies outside can be told."""
    return torch.where(linear > 0.0031308, 1.055 * linear.clamp_min(1e-6) ** (1 / 2.4) - 0.055, 12.92 * linear)


def luminance(rgb: Tensor) -> Tensor:
    """sRGB (N, 3, H, W) in [0, 1] -> L (N, 1, H, W)."""
    r, g, b = decode(rgb).unbind(1)
    weights = TO_WHITE_XYZ[1].tolist()
    return 116 * _root(weights[0] * r + weights[1] * g + weights[2] * b)[:, None] - 16


def rgb_to_lab(rgb: Tensor) -> Tensor:
    """sRGB (N, 3, H, W) in [0, 1] -> Lab (N, 3, H, W)."""
    x, y, z = _root(_mix(decode(rgb), TO_WHITE_XYZ)).unbind(1)
    return torch.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], 1)


def lab_to_linear(lab: Tensor) -> Tensor:
    """Lab (N, 3, H, W) -> linear light, outside [0, 1] where sRGB has no such colour."""
    L, a, b = lab.unbind(1)
    y = (L + 16) / 116
    return _mix(_cube(torch.stack([y + a / 500, y, y - b / 200], 1)), FROM_WHITE_XYZ)


def lab_to_rgb(lab: Tensor) -> Tensor:
    """Lab (N, 3, H, W) -> sRGB values, outside [0, 1] where sRGB has no such colour."""
    return encode(lab_to_linear(lab))


def into_gamut(lab: Tensor, *, steps: int = 9) -> Tensor:
    """Colours that sRGB does not have, pulled towards the grey of their L until it has them: L and hue stay."""
    outside = _outside(lab)
    if not bool(outside.any()):
        return lab
    flat = lab.movedim(1, -1)[outside]  # (M, 3)
    low, high = torch.zeros_like(flat[:, :1]), torch.ones_like(flat[:, :1])
    for _ in range(steps):
        middle = (low + high) / 2
        tried = torch.cat([flat[:, :1], flat[:, 1:] * middle], 1)
        bad = _outside(tried[..., None, None]).reshape(-1, 1)
        low, high = torch.where(bad, low, middle), torch.where(bad, middle, high)
    out = lab.movedim(1, -1).clone()
    out[outside] = torch.cat([flat[:, :1], flat[:, 1:] * low], 1)
    return out.movedim(-1, 1)


def _outside(lab: Tensor) -> Tensor:
    """Where sRGB lacks a colour by more than rounding hides: (N, H, W)."""
    linear = lab_to_linear(lab)
    return ((linear < -1e-4) | (linear > 1.0005)).any(1)


def _mix(channels: Tensor, matrix: Tensor) -> Tensor:
    """A 3x3 matrix on the channels of (N, 3, H, W)."""
    return torch.einsum("ij,njhw->nihw", matrix.to(channels.device, channels.dtype), channels)


def _root(t: Tensor) -> Tensor:
    """CIELAB's cube root with its linear beginning."""
    return torch.where(t > KNEE**3, t.clamp_min(1e-6) ** (1 / 3), t / (3 * KNEE**2) + 4 / 29)


def _cube(f: Tensor) -> Tensor:
    """The inverse of `_root`."""
    return torch.where(f > KNEE, f**3, 3 * KNEE**2 * (f - 4 / 29))
