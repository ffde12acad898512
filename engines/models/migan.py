"""MI-GAN (Sargsyan et al. 2023): separable convolutions down to 4x4 and back, small enough for phones.

Written anew after the paper; parameters bear the names of the published files, so that those load as they are. The
files keep fixed resampling filters and noise as weights, so here they are that, too.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engines.models.inpaint_guest import Guest

TENT = (1.0, 3.0, 3.0, 1.0)  # the resampling filter, along each side
CLAMP = 256.0


def activate(x: Tensor) -> Tensor:
    """A leaky ReLU that keeps the variance, clamped."""
    return (F.leaky_relu(x, 0.2) * math.sqrt(2)).clamp(-CLAMP, CLAMP)


def _filter(channels: int, gain: float) -> nn.Conv2d:
    """A fixed 4x4 filter for each channel."""
    conv = nn.Conv2d(channels, channels, 4, groups=channels, bias=False)
    line = torch.tensor(TENT) / sum(TENT)
    conv.weight.data = (gain * torch.outer(line, line)).repeat(channels, 1, 1, 1)
    return conv


class Halve(nn.Module):
    """Half the size, filtered."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.filter = _filter(channels, 1.0)
        self.filter.stride, self.filter.padding = (2, 2), (1, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C, H/2, W/2)."""
        return self.filter(x)


class Double(nn.Module):
    """Twice the size: zeros between the pixels, filtered."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.filter = _filter(channels, 4.0)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C, 2H, 2W)."""
        wide = x.new_zeros(*x.shape[:2], 2 * x.shape[2], 2 * x.shape[3])
        wide[..., ::2, ::2] = x
        return self.filter(F.pad(wide, (2, 1, 2, 1)))


class Separable(nn.Module):
    """Depthwise 3x3, then 1x1, each activated. side: of the constant noise it adds, 0 for none."""

    def __init__(self, channels: int, out: int, *, down: bool = False, up: bool = False, side: int = 0) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, groups=channels)
        self.conv2 = nn.Conv2d(channels, out, 1, bias=False)
        self.downsample = Halve(channels) if down else nn.Identity()
        self.upsample = Double(out) if up else nn.Identity()
        self.side = side
        if side:
            self.register_buffer("noise_const", torch.randn(side, side))
            self.noise_strength = nn.Parameter(torch.zeros([]))

    def forward(self, x: Tensor, noise: Tensor | None = None) -> Tensor:
        """(N, C, H, W) -> (N, out, H, W), half or twice as large. noise: (N, 1, R, R), mixed with the constant one."""
        x = self.upsample(self.conv2(self.downsample(activate(self.conv1(x)))))
        if self.side:
            constant = self.noise_const.to(x.dtype)
            if noise is not None:
                step = noise.shape[-1] // self.side
                constant = (constant + noise[..., ::step, ::step].to(x.dtype)) / math.sqrt(2)
            x = x + self.noise_strength.to(x.dtype) * constant
        return activate(x)


class Down(nn.Module):
    """One step of the encoder: what it found at its size, and half of that size. first: channels of the input."""

    def __init__(self, channels: int, out: int, *, first: int = 0, down: bool = True) -> None:
        super().__init__()
        if first:
            self.fromrgb = nn.Conv2d(first, channels, 1)
        self.conv1 = Separable(channels, channels)
        self.conv2 = Separable(channels, out, down=down)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(N, C, H, W) -> (N, out, H/2, W/2) and (N, C, H, W)."""
        if hasattr(self, "fromrgb"):
            x = activate(self.fromrgb(x))
        found = self.conv1(x)
        return self.conv2(found), found


class Up(nn.Module):
    """One step of the decoder: twice the size, joined with what the encoder found there, and a picture."""

    def __init__(self, channels: int, out: int, side: int) -> None:
        super().__init__()
        first = side == 4
        self.conv1 = Separable(channels, out, up=not first, side=0 if first else side)
        self.conv2 = Separable(out, out, side=0 if first else side)
        self.torgb = nn.Conv2d(out, 3, 1)
        if not first:
            self.upsample = Double(3)

    def forward(self, x: Tensor, found: Tensor, picture: Tensor | None, noise: Tensor | None) -> tuple[Tensor, Tensor]:
        """Features and picture of the step before -> of this one."""
        x = self.conv2(self.conv1(x, noise) + found, noise)
        made = self.torgb(x)
        return x, made if picture is None else self.upsample(picture) + made


class MIGAN(Guest):
    """side: of the square it looks at, a power of 2. base, most: a map has base / size channels, at most `most`."""

    def __init__(self, *, side: int = 512, base: int = 32768, most: int = 512) -> None:
        super().__init__()
        self.register_load_state_dict_pre_hook(_without_grids)
        self.side = side
        sizes = [2**i for i in range(2, int(math.log2(side)) + 1)]  # 4, 8 … side

        def channels(size: int) -> int:
            return min(base // size, most)

        self.synthesis, self.encoder = nn.Module(), nn.Module()
        self.sizes = sizes
        for small, size in zip([4, *sizes], sizes, strict=False):
            self.synthesis.add_module(f"b{size}", Up(channels(small), channels(size), size))
            first = 4 if size == side else 0
            self.encoder.add_module(f"b{size}", Down(channels(size), channels(small), first=first, down=size > 4))

    def answer(self, image: Tensor, hole: Tensor, noise: Tensor) -> Tensor:
        """See Guest.answer. Whatever comes in is looked at as a square of its side."""
        size, square = image.shape[-2:], (self.side, self.side)
        known = 1 - hole
        seen = F.interpolate(image * known, square, mode="bilinear", antialias=True)
        share = F.interpolate(known, square, mode="bilinear", antialias=True)
        known = (share > 0.999).to(image.dtype)  # a place is known where all of it is
        x = torch.cat([known - 0.5, (seen * 2 - share) * known], 1)
        grain = None
        if bool(noise.any()):
            grain = noise.repeat(1, 1, -(-self.side // noise.shape[-2]), -(-self.side // noise.shape[-1]))
            grain = grain[..., : self.side, : self.side]
        found = {}
        for side in reversed(self.sizes):
            x, found[side] = self.encoder.get_submodule(f"b{side}")(x)
        picture = None
        for side in self.sizes:
            x, picture = self.synthesis.get_submodule(f"b{side}")(x, found[side], picture, grain)
        return F.interpolate(picture.float() / 2 + 0.5, size, mode="bilinear", antialias=True).clamp(0, 1)


def _without_grids(module: nn.Module, state: dict[str, Any], *_: Any) -> None:
    """Leaves out what published files keep of where zeros go: grids in newer ones, weights in older ones."""
    for key in [key for key in state if key.endswith((".filter_const", ".insert_zeros.weight"))]:
        del state[key]


def build(*, side: int = 512, base: int = 32768, most: int = 512) -> MIGAN:
    """The network a card's options describe, with random weights."""
    return MIGAN(side=side, base=base, most=most)
