"""Small colour maps laid over a picture of any size. No network: strength and saturation only pass through here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from engines.colour import light
from engines.colour.balance import cast
from engines.colour.light import Floats
from engines.colour.scan import reduced
from engines.core.image import Pixels
from engines.core.lab import luminance

RADIUS = 2  # of the window within which ab follows L, in pixels of the small map
BRIEF = 160  # longest side of the copy that is coloured only to be measured
SLACK = 25.0  # variance of L below which ab does not follow it, so that grain stays without colour
WARM = (4.0, 14.0)  # a and b that full warmth adds in the middle tones
_BAND = 1 << 16  # pixels worked on at once: what is made of them stays in the processor's cache


@dataclass(frozen=True)
class Look:
    """How colours are laid on. strength: 0 (as it came) to 1. saturation: 0 to 2. warmth: -1 to 1.

    balance: 0 to 1, how much of the colouring's cast is taken out. repair: 0 to 1.
    """

    strength: float = 1.0
    saturation: float = 1.0
    warmth: float = 0.0
    balance: float = 0.0
    repair: float = 0.0


def lay_on(
    image: Pixels, ab: NDArray[np.float32], look: Look, *, tinted: bool, progress: Callable[[float], None]
) -> Pixels:
    """Colour a picture: uint8 or uint16 (H, W, 3 or 4), ab (h, w, 2) -> the same shape and dtype, alpha as it was.

    ab follows the edges of the picture's own L (guided filter, He & Sun 2015). L stays what it was, but for `repair`;
    colours that sRGB lacks at that L are pulled towards grey. tinted: the picture has colours of its own, which
    strength fades out.
    """
    if look.strength == 0 and look.repair == 0:
        progress(1.0)
        return image.copy()
    height, width = image.shape[:2]
    small = luminance(reduced(image, *ab.shape[:2]))
    levels = _levels(small)
    shift = look.balance * cast(small[0, 0].numpy(), look.saturation * ab) if look.balance else np.zeros(2, np.float32)
    maps = _follow(small, torch.from_numpy(np.ascontiguousarray(ab)).permute(2, 0, 1)[None])[0].numpy()
    out = np.empty_like(image)
    out[..., 3:] = image[..., 3:]
    rows = max(1, _BAND // width)
    for first in range(0, height, rows):
        progress(first / height)
        band = image[first : first + rows, :, :3]
        here = _rows(maps, first, len(band), height, width)
        out[first : first + rows, :, :3] = _coloured(band, here, look, levels, shift, tinted=tinted)
    progress(1.0)
    return out


def without_warmth(image: Pixels, ab: NDArray[np.float32], look: Look, *, tinted: bool) -> Pixels:
    """A small copy of a picture, coloured as `lay_on` does but without the look's warmth: uint8 (h, w, 3)."""
    scale = min(1.0, BRIEF / max(image.shape[:2]))
    height, width = (max(1, round(side * scale)) for side in image.shape[:2])
    small = (reduced(image, height, width)[0].permute(1, 2, 0).numpy() * 255).round().astype(np.uint8)
    return lay_on(small, ab, replace(look, warmth=0.0), tinted=tinted, progress=lambda _: None)


def _coloured(
    band: Pixels, maps: Floats, look: Look, levels: tuple[float, float], shift: Floats, *, tinted: bool
) -> Pixels:
    """One band (h, W, 3), its interpolated maps (8, h, W), white's cast -> its new pixels, inside sRGB."""
    linear = light.linear(band)
    y = light.brightness(linear)
    root = light.root(y)  # CIELAB's f(Y), (L + 16) / 116
    ab = _wanted(maps, 116 * root - 16, look)
    if look.balance:
        ab -= look.strength * shift[:, None, None] * root
    if tinted and look.strength < 1:
        ab += (1 - look.strength) * light.own_colour(linear, root)
    if look.repair:
        black, white = levels
        L = 116 * root - 16
        L += look.repair * (2 + 95 * (L - black) / (white - black) - L)
        root = np.asarray((np.clip(L, 0, 100) + 16) / 116, np.float32)
        y = light.cube(root)
    return light.encoded(light.inside(y, root, ab), band.dtype)


def _wanted(maps: Floats, L: Floats, look: Look) -> Floats:
    """ab (2, h, W) as the maps and the look have it at that L."""
    slope, offset, low, high = maps[0:2], maps[2:4], maps[4:6], maps[6:8]
    ab = slope * L
    ab += offset
    np.minimum(np.maximum(ab, low, out=ab), high, out=ab)
    ab *= look.saturation * look.strength
    if look.warmth:
        middle = np.maximum(1 - (L / 50 - 1) ** 2, 0)  # neither ink nor paper
        ab += look.warmth * look.strength * middle * np.array(WARM, np.float32)[:, None, None]
    return ab


def _levels(L: Tensor) -> tuple[float, float]:
    """The L that is black and the L that is white in a picture, far enough apart to stretch between."""
    black, white = torch.quantile(L.flatten(), torch.tensor([0.005, 0.995])).tolist()
    if white - black < 15:
        return 2.0, 97.0
    return black, white


def _follow(L: Tensor, ab: Tensor) -> Tensor:
    """Slope and offset of ab over L around each place, and the range ab has there: (1, 8, h, w)."""
    mean_L, mean_ab = _mean(L), _mean(ab)
    variance = _mean(L * L) - mean_L**2
    slope = (_mean(L * ab) - mean_L * mean_ab) / (variance + SLACK)
    offset = mean_ab - slope * mean_L
    high = F.max_pool2d(ab, 3, 1, 1)
    low = -F.max_pool2d(-ab, 3, 1, 1)
    return torch.cat([_mean(slope), _mean(offset), low, high], 1)


def _mean(x: Tensor) -> Tensor:
    """The mean over a window around each place; windows end at the picture's edge."""
    return F.avg_pool2d(x, 2 * RADIUS + 1, 1, RADIUS, count_include_pad=False)


def _rows(maps: Floats, first: int, count: int, height: int, width: int) -> Floats:
    """Rows first … first + count of small maps (8, h, w) enlarged to (height, width), without enlarging the rest."""
    h = maps.shape[1]
    at = np.clip((np.arange(first, first + count, dtype=np.float32) + 0.5) * (h / height) - 0.5, 0, h - 1)
    above = at.astype(np.intp)
    part = (at - above)[:, None].astype(np.float32)
    out = np.empty((len(maps), count, width), np.float32)
    for plane, target in zip(maps, out, strict=True):
        low = plane[above]
        low += part * (plane[np.minimum(above + 1, h - 1)] - low)
        cv2.resize(low, (width, count), dst=target, interpolation=cv2.INTER_LINEAR)
    return out
