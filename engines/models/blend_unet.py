"""The colour constraint of Gaussian-Poisson blending (GP-GAN, Wu et al. 2019), learned: the light an object needs.

A U-Net sees a small composite and where the object is. It does not draw: it answers a smooth map of colour curves, for
each place a quadratic of red, green and blue (after the pixel-wise transforms of PCT-Net, Guerreiro et al. 2023), which
any resolution of the object can be put through. So it can change light, contrast and tint, and no structure. Tensors
in, tensors out: no files, no devices.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engines.models.colour_unet import Tap
from engines.models.efficientnet_lite import LITE0, EfficientNetLite, Stage, fold_batch_norms
from engines.models.inpaint_unet import Borrow

SIDE = 64  # of the pictures it was trained on
CELL = 8  # pixels of the composite to a place of the map
TERMS = 10  # of a quadratic in three colours
MULTIPLE = 16  # height and width must be multiples of this
_FACTS = 16  # what is told of a region's colours


def terms(rgb: Tensor) -> Tensor:
    """(N, 3, H, W) in [0, 1] -> (N, TERMS, H, W): 1, colours from -1 to 1, their squares and products."""
    x = rgb * 2 - 1
    r, g, b = x.unbind(1)
    return torch.stack([torch.ones_like(r), r, g, b, r * r, g * g, b * b, r * g, g * b, b * r], 1)


def relit(rgb: Tensor, curves: Tensor) -> Tensor:
    """A picture (N, 3, H, W) in [0, 1] put through curves (N, 3 * TERMS, h, w) of any size, not clamped."""
    full = F.interpolate(curves, size=rgb.shape[-2:], mode="bilinear", align_corners=False)
    return rgb + (full.unflatten(1, (3, TERMS)) * terms(rgb)[:, None]).sum(2)


class BlendUNet(nn.Module):
    """A composite and its object's mask in, colour curves of the object out.

    stages, taps: the encoder, and which two of its blocks are read, at 1/8 and 1/16. widths: of the decoder there.
    Composites are (N, 3, H, W) in [0, 1], masks (N, 1, H, W) from 0 to 1 (object). H and W are multiples of 16.
    """

    def __init__(
        self,
        *,
        stages: Sequence[Stage] = LITE0[:5],
        taps: Sequence[int] = (4, 10),
        widths: Sequence[int] = (96, 128),
    ) -> None:
        super().__init__()
        self.encoder = fold_batch_norms(EfficientNetLite(stages).eval()).requires_grad_(True)
        self.encoder._fc = self.encoder._conv_head = nn.Identity()  # type: ignore[assignment]
        self.encoder._conv_stem = nn.Conv2d(4, 32, 3, 2, padding=1)  # the composite and the mask
        self.taps = tuple(taps)
        every = [stage.channels for stage in stages for _ in range(stage.repeats)]
        fine, coarse = (every[tap] for tap in taps)
        at8, at16 = widths
        self.skips = nn.ModuleList([Tap(fine), Tap(coarse)])
        self.bottom = nn.Conv2d(coarse + 1, at16, 3, padding=1)
        self.borrow = Borrow(at16)
        self.told = nn.Linear(3 * _FACTS + 2 * at16, 256)
        self.all = nn.Linear(256, 2 * at16 + 3 * TERMS)  # scales and shifts of the channels; curves of the whole object
        self.join = nn.Conv2d(at16 + fine + 7, at8, 3, padding=1)
        self.mix = nn.Conv2d(at8, at8, 3, padding=1)
        self.curves = nn.Conv2d(at8, 3 * TERMS, 1)
        for layer in (self.bottom, self.told, self.join, self.mix):
            nn.init.kaiming_normal_(layer.weight, 0.1)
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
        self.borrow.out.weight.data.mul_(0.1)
        for quiet in (self.all, self.curves):  # it starts by leaving colours as they are
            quiet.weight.data.mul_(0.01)
            nn.init.zeros_(quiet.bias)  # type: ignore[arg-type]

    def probe(self) -> tuple[Tensor, Tensor]:
        """What it can be tried with: slopes with a darker disc."""
        ramp = torch.linspace(0.1, 0.9, SIDE)
        disc = ((ramp[None] - 0.4) ** 2 + (ramp[:, None] - 0.5) ** 2 < 0.05).float()
        slopes = torch.stack([ramp[None].expand(SIDE, SIDE), ramp[:, None].expand(SIDE, SIDE), ramp.outer(ramp)])
        return (slopes * (1 - 0.5 * disc))[None], disc[None, None]

    def forward(self, composite: Tensor, mask: Tensor) -> Tensor:
        """composite (N, 3, H, W), mask (N, 1, H, W) -> curves (N, 3 * TERMS, H / CELL, W / CELL)."""
        maps = self.encoder.features(torch.cat([composite * 2 - 1, mask], 1), blocks=self.taps)
        at8, at16 = (tap(x) for tap, x in zip(self.skips, maps, strict=True))
        mask16 = F.adaptive_avg_pool2d(mask, (at16.shape[-2], at16.shape[-1]))
        x = F.leaky_relu(self.bottom(torch.cat([at16, mask16.to(at16.dtype)], 1)), 0.1)
        x = self.borrow(x, mask16 < 0.5)  # a place of the object asks all of the background
        pooled = [_mean(x.float(), weight)[..., 0, 0] for weight in (mask16, 1 - mask16)]
        told = torch.cat([*pooled, facts(composite.float(), mask.float())], 1)
        scale, shift, whole = self.all(F.leaky_relu(self.told(told), 0.1)).split([x.shape[1], x.shape[1], 3 * TERMS], 1)
        x = x * (1 + scale[..., None, None]) + shift[..., None, None]
        size = (at8.shape[-2], at8.shape[-1])
        x = F.interpolate(x, size=size, mode="bilinear", align_corners=False)
        x = torch.cat([x, at8, cells(composite, mask, size).to(at8.dtype)], 1)
        x = F.leaky_relu(self.join(x), 0.1)
        x = F.leaky_relu(x + self.mix(x), 0.1)
        return (self.curves(x) + whole[..., None, None]).float()


def facts(image: Tensor, mask: Tensor) -> Tensor:
    """The colours of the object, of what is around it and of all else, (N, 3 * _FACTS): means, spreads, ends."""
    reach = 2 * (max(image.shape[-2:]) // 8) + 1
    ring = F.max_pool2d(mask, reach, 1, reach // 2) - mask
    said = []
    for weight in (mask, ring, 1 - mask):
        middle = _mean(image, weight)
        spread = _mean((image - middle).square(), weight).add(1e-5).sqrt()
        high = _mean(image.clamp_min(1e-3) ** 6, weight) ** (1 / 6)
        low = 1 - _mean((1 - image).clamp_min(1e-3) ** 6, weight) ** (1 / 6)
        dim = _mean((image + 0.02).log(), weight)
        chroma = _mean((image.amax(1, keepdim=True) - image.amin(1, keepdim=True)), weight)
        said.append(torch.cat([middle * 2 - 1, spread * 4, high * 2 - 1, low * 2 - 1, dim / 2, chroma * 2], 1))
    return torch.cat(said, 1)[..., 0, 0]


def cells(image: Tensor, mask: Tensor, size: tuple[int, int]) -> Tensor:
    """Mean colours of object and background in each cell, and how much of it is object, (N, 7, h, w)."""
    part = F.adaptive_avg_pool2d(mask, size)
    inside = F.adaptive_avg_pool2d(image * mask, size) / part.clamp_min(0.02)
    outside = F.adaptive_avg_pool2d(image * (1 - mask), size) / (1 - part).clamp_min(0.02)
    return torch.cat([inside, outside, part], 1)


def _mean(values: Tensor, weight: Tensor) -> Tensor:
    """The weighted mean over all places, (N, C, 1, 1)."""
    return (values * weight).sum((2, 3), keepdim=True) / weight.sum((2, 3), keepdim=True).clamp_min(1.0)


def build(*, widths: Sequence[int] = (96, 128)) -> BlendUNet:
    """The network a card's options describe, with random weights."""
    return BlendUNet(widths=tuple(widths))
