"""Colouring networks of other people, spoken to as the studio's own: L and hints in, ab out. Tensors in, tensors out.

A guest looks at a grey picture and says ab once; it knows nothing of hints and names no other colours. Hints are
carried by likeness (`spread_hints`), on the guest's own features, and a bell around its answer stands in for a
distribution.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engines.models.colour_unet import AB, STEP, bin_colours, spread_hints

BELL = 1.3 * STEP / AB  # width of the bell that stands in for a distribution, in the network's units
SPREAD = 160  # longest short side at which hints are carried: what they cost grows with its fourth power
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet, which both guests learned to see on


class Guest(nn.Module):
    """What is common to them. A subclass has `look`; its parameters bear the names of the published files.

    Units as in ColourUNet: L / 50 - 1, ab / 110, hints (N, 3, H, W); H and W are multiples of 32.
    """

    def __init__(self) -> None:
        super().__init__()
        self.register_load_state_dict_pre_hook(_plain_weights)
        self.register_buffer("bins", bin_colours(), persistent=False)
        self.bins: Tensor

    def look(self, grey: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """sRGB grey (N, 3, H, W), normalised as ImageNet -> ab (N, 2, H, W) of CIELAB, and maps at 1/8 and at 1/16."""
        raise NotImplementedError

    def probe(self) -> tuple[Tensor, Tensor]:
        """What it can be tried with: a slope with a disc, one red hint."""
        ramp = torch.linspace(-0.8, 0.8, 64)
        disc = ((ramp[None] - 0.2) ** 2 + ramp[:, None] ** 2 < 0.1).float()
        hints = torch.zeros(1, 3, 64, 64)
        hints[0, :, 30:34, 38:42] = torch.tensor([0.5, 0.4, 1.0])[:, None, None]
        return (0.7 * ramp[None].expand(64, 64) + 0.3 * disc)[None, None], hints

    def coloured(self, L: Tensor, hints: Tensor) -> Tensor:
        """L (N, 1, H, W), hints (N, 3, H, W) -> ab (N, 2, H/2, W/2), with the hints spread."""
        ab, fine, coarse = (x.float() for x in self.look(normalised(L)))
        ab = F.avg_pool2d(ab / AB, 2)
        if not bool((hints[:, 2:] > 0).any()):
            return ab
        k = 1
        while min(L.shape[-2:]) // k > SPREAD and all(side % (32 * 2 * k) == 0 for side in L.shape[-2:]):
            k *= 2
        if k == 1:
            return spread_hints(ab, L, hints, fine, coarse)
        small, known = F.avg_pool2d(ab, k), F.avg_pool2d(hints[:, 2:], k)
        colours = F.avg_pool2d(hints[:, :2] * hints[:, 2:], k) / known.clamp_min(1e-6)
        told = torch.cat([colours, (known > 0).float()], 1)
        changed = spread_hints(small, F.avg_pool2d(L, k), told, F.avg_pool2d(fine, k), F.avg_pool2d(coarse, k))
        return ab + F.interpolate(changed - small, size=ab.shape[-2:], mode="bilinear", align_corners=False)

    def forward(self, L: Tensor, hints: Tensor) -> Tensor:
        """As `coloured`."""
        return self.coloured(L, hints)

    def both(self, L: Tensor, hints: Tensor) -> Tensor:
        """ab and a distribution in one, as ColourUNet.both: (N, 32 + BINS, H/8, W/8)."""
        ab = self.coloured(L, hints)
        cells = F.avg_pool2d(ab, 4)[:, None]  # (N, 1, 2, H/8, W/8)
        apart = ((cells - self.bins.float()[None, :, :, None, None]) ** 2).sum(2)
        return torch.cat([F.pixel_unshuffle(ab, 4), torch.softmax(-apart / (2 * BELL**2), 1)], 1)

    def describe(self, L: Tensor) -> Tensor:
        """L (N, 1, H, W) -> what is where, for matching places of two pictures: (N, C, H/16, W/16)."""
        _, fine, coarse = self.look(normalised(L))
        parts = (F.avg_pool2d(fine.float(), 2), coarse.float())
        return torch.cat([F.normalize(part - part.mean((2, 3), keepdim=True), dim=1) for part in parts], 1)


def normalised(L: Tensor) -> Tensor:
    """L / 50 - 1, (N, 1, H, W) -> the sRGB grey of that L in three channels, normalised as ImageNet (N, 3, H, W)."""
    f = ((L.float() + 1) * 50 + 16) / 116
    y = torch.where(f > 6 / 29, f**3, 3 * (6 / 29) ** 2 * (f - 4 / 29)).clamp(0, 1)
    grey = torch.where(y > 0.0031308, 1.055 * y.clamp_min(1e-6) ** (1 / 2.4) - 0.055, 12.92 * y)
    return (grey - grey.new_tensor(MEAN).view(1, 3, 1, 1)) / grey.new_tensor(DEVIATION).view(1, 3, 1, 1)


def ab_of_rgb(rgb: Tensor) -> Tensor:
    """sRGB (N, 3, H, W) in [0, 1] -> a and b of CIELAB under D65 (N, 2, H, W)."""
    light = torch.where(rgb > 0.04045, ((rgb.clamp_min(0) + 0.055) / 1.055) ** 2.4, rgb / 12.92)
    matrix = rgb.new_tensor(
        [[0.412453, 0.357580, 0.180423], [0.212671, 0.715160, 0.072169], [0.019334, 0.119193, 0.950227]]
    )
    xyz = torch.einsum("ij,njhw->nihw", matrix / matrix.sum(1, keepdim=True), light)
    f = torch.where(xyz > (6 / 29) ** 3, xyz.clamp_min(1e-6) ** (1 / 3), xyz / (3 * (6 / 29) ** 2) + 4 / 29)
    return torch.stack([500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])], 1)


class Shuffle(nn.Module):
    """Enlarge by sub-pixels, then average neighbours so that no checkerboard stays (Sugawara et al. 2018).

    conv: 1x1, then a batch norm where `norm`; without it the convolution has a bias.
    """

    def __init__(self, channels: int, out: int, *, scale: int = 2, norm: bool = True) -> None:
        super().__init__()
        wide = out * scale**2
        conv = nn.Conv2d(channels, wide, 1, bias=not norm)
        self.conv = nn.Sequential(conv, nn.BatchNorm2d(wide)) if norm else nn.Sequential(conv)
        self.scale = scale

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels, h, w) -> (N, out, h * scale, w * scale)."""
        x = F.pixel_shuffle(F.relu(self.conv(x)), self.scale)
        return F.avg_pool2d(F.pad(x, (1, 0, 1, 0), mode="replicate"), 2, 1)


def conv_block(channels: int, out: int, *, attention: bool = False) -> nn.Sequential:
    """3x3 convolution, ReLU, batch norm, and self-attention where wanted: names 0, 2, 3."""
    layers = [nn.Conv2d(channels, out, 3, padding=1, bias=False), nn.ReLU(), nn.BatchNorm2d(out)]
    return nn.Sequential(*layers, *([Attention(out)] if attention else []))


class Attention(nn.Module):
    """Self-attention over all places as in SAGAN (Zhang et al. 2019), added by a learned share."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.query = nn.Conv1d(channels, channels // 8, 1, bias=False)
        self.key = nn.Conv1d(channels, channels // 8, 1, bias=False)
        self.value = nn.Conv1d(channels, channels, 1, bias=False)
        self.gamma = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C, H, W). The published networks weigh over what they call queries."""
        flat = x.flatten(2)
        q, k, v = (layer(flat).transpose(1, 2) for layer in (self.key, self.query, self.value))
        mixed = F.scaled_dot_product_attention(q, k, v, scale=1.0)
        return x + self.gamma * mixed.transpose(1, 2).reshape(x.shape)


def _plain_weights(_module: nn.Module, state: dict[str, Any], prefix: str, *_: Any) -> None:
    """Make plain weights of spectrally normalised (Miyato et al. 2018) and weight-normalised ones, in place."""
    for key in [key for key in state if key.startswith(prefix) and key.endswith((".weight_orig", ".weight_g"))]:
        name = key.rsplit(".", 1)[0]
        if key.endswith("orig"):
            weight, u, v = state.pop(key), state.pop(f"{name}.weight_u"), state.pop(f"{name}.weight_v")
            state[f"{name}.weight"] = weight / torch.dot(u, weight.flatten(1) @ v)
        else:
            g, weight = state.pop(key), state.pop(f"{name}.weight_v")
            state[f"{name}.weight"] = weight * (g / weight.flatten(1).norm(dim=1).view_as(g))
