"""CIELAB over whole photographs, quickly: tables where values are few, arrays of float32 that are used again.

Bands of pixels are (h, W, 3) or planes (3, h, W), (2, h, W), (h, W); linear light is in [0, 1]. The definitions are
those of engines.core.lab, which is for tensors with gradients.
"""

from __future__ import annotations

import functools
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from engines.core.image import Pixels
from engines.core.lab import FROM_WHITE_XYZ, KNEE, TO_WHITE_XYZ, decode, encode

Floats = NDArray[np.float32]
LOW, HIGH = -1e-4, 1.0005  # linear light outside by no more than rounding hides
STEPS = 9  # halvings in the search for the strongest colour inside sRGB
_FINE = 65535  # steps of linear light told apart on the way to 8 bits: 0.05 of a step of 8 bits where it is darkest


@functools.cache
def _decoding(dtype: Any) -> Floats:
    """Linear light of every value of uint8 or uint16."""
    top = np.iinfo(dtype).max
    return decode(torch.arange(top + 1, dtype=torch.float64) / top).numpy().astype(np.float32)


@functools.cache
def _encoding() -> NDArray[np.uint8]:
    """The uint8 value of linear light in steps of 1 / _FINE."""
    values = encode(torch.arange(_FINE + 1, dtype=torch.float64) / _FINE).numpy()
    return np.asarray((values * 255).round(), np.uint8)


def linear(band: Pixels) -> Floats:
    """Pixels (h, W, 3), uint8 or uint16 -> linear light (h, W, 3)."""
    table = _decoding(band.dtype)
    if band.dtype == np.uint8:
        return np.asarray(cv2.LUT(np.ascontiguousarray(band), table), np.float32)
    return table[band]


def brightness(linear: Floats) -> Floats:
    """Linear light (h, W, 3) -> Y (h, W)."""
    return np.asarray(cv2.transform(linear, TO_WHITE_XYZ[1:2].numpy().astype(np.float32)), np.float32).reshape(
        linear.shape[:2]
    )


def root(t: Floats) -> Floats:
    """CIELAB's cube root with its linear beginning."""
    result = np.cbrt(t)
    dark = t <= KNEE**3
    if dark.any():
        result[dark] = t[dark] / (3 * KNEE**2) + 4 / 29
    return np.asarray(result, np.float32)


def cube(f: Floats) -> Floats:
    """The inverse of `root`."""
    result = f * f
    result *= f
    dark = f <= KNEE
    if dark.any():
        result[dark] = 3 * KNEE**2 * (f[dark] - 4 / 29)
    return result


def own_colour(linear: Floats, root_y: Floats) -> Floats:
    """Linear light (h, W, 3) and its f(Y) -> its a and b, (2, h, W)."""
    xz = cv2.transform(linear, TO_WHITE_XYZ[[0, 2]].numpy().astype(np.float32))
    fx, fz = (root(np.ascontiguousarray(xz[..., i])) for i in (0, 1))
    return np.stack([500 * (fx - root_y), 200 * (root_y - fz)])


def inside(y: Floats, root_y: Floats, ab: Floats) -> Floats:
    """Y, f(Y) (h, W) and ab (2, h, W) -> linear light (3, h, W); colours that sRGB lacks are pulled towards grey."""
    h, w = y.shape
    y, root_y, ab = y.reshape(-1), root_y.reshape(-1), ab.reshape(2, -1)
    rgb = _to_rgb(y, root_y, ab)
    outside = np.flatnonzero((rgb.min(0) < LOW) | (rgb.max(0) > HIGH))
    if len(outside):
        rgb[:, outside] = _pulled(y[outside], root_y[outside], ab[:, outside])
    return rgb.reshape(3, h, w)


def _pulled(y: Floats, root_y: Floats, ab: Floats) -> Floats:
    """As `inside`, for places that are all outside: (n,), (n,), (2, n) -> (3, n)."""
    low, high = np.zeros_like(y), np.ones_like(y)
    for _ in range(STEPS):
        middle: Floats = (low + high) * np.float32(0.5)
        rgb = _to_rgb(y, root_y, ab * middle)
        bad = (rgb.min(0) < LOW) | (rgb.max(0) > HIGH)
        high = np.where(bad, middle, high)
        low = np.where(bad, low, middle)
    return _to_rgb(y, root_y, ab * low)


def _to_rgb(y: Floats, root_y: Floats, ab: Floats) -> Floats:
    """Y, f(Y) (n,) and ab (2, n) -> linear light (3, n), outside [0, 1] where sRGB has no such colour."""
    xyz = np.empty((3, len(y)), np.float32)
    xyz[0] = cube(root_y + ab[0] / 500)
    xyz[1] = y
    xyz[2] = cube(root_y - ab[1] / 200)
    return np.asarray(FROM_WHITE_XYZ.numpy().astype(np.float32) @ xyz)


def encoded(rgb: Floats, dtype: Any) -> Pixels:
    """Linear light (3, h, W) -> pixels (h, W, 3) of uint8 or uint16; rgb is used up."""
    np.clip(rgb, 0, 1, out=rgb)
    if dtype == np.uint8:
        rgb *= _FINE
        rgb += 0.5
        planes = np.take(_encoding(), rgb.astype(np.uint16))
        return np.asarray(cv2.merge(list(planes)), np.uint8)
    values = encode(torch.from_numpy(rgb)).mul_(np.iinfo(dtype).max).round_().numpy()
    return np.asarray(values.transpose(1, 2, 0).astype(dtype))
