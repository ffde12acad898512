"""A U-Net that gives colour to a luminance picture, alone or after hints. Tensors in, tensors out.

The encoder is EfficientNet-lite0 looking at the picture as grey; hints enter the decoder at every scale, so that one
point colours a whole region (after Zhang et al. 2017). Self-attention at 1/16 lets far places agree (Zhang et al. 2019,
DeOldify). At 1/8 a distribution over colours is read off (Zhang et al. 2016); its peaked mean is the first guess that
the finer levels correct, down to half the picture's size. Upsampling is by sub-pixel convolution (Shi et al. 2016).
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engines.models.efficientnet_lite import LITE0, EfficientNetLite, Stage, fold_batch_norms

AB = 110.0  # a and b of 1.0 in the network's own units
GRID = 15  # the distribution is over GRID x GRID colours …
STEP = 15.0  # … this far apart in a and in b, centred on grey
BINS = GRID * GRID
PEAK = 0.38  # temperature of the mean that the first guess is (Zhang et al. 2016)
# How hints spread (`spread_hints`), chosen on training pictures: weight of likeness, widths in L / 50 and in parts of
# the longer side, and how much weight a place needs before it believes.
LOOKS, LIGHT, NEAR, DOUBT = 4.0, 0.3, 0.3, 0.03
MULTIPLE = 32  # height and width must be multiples of this


def bin_colours() -> Tensor:
    """a and b of each bin, in the network's units: (BINS, 2)."""
    line = (torch.arange(GRID) - GRID // 2) * (STEP / AB)
    a, b = torch.meshgrid(line, line, indexing="ij")
    return torch.stack([a.flatten(), b.flatten()], 1)


class Attention(nn.Module):
    """Self-attention over all places, several heads, added to what came in. It starts as nothing (gain 0)."""

    def __init__(self, channels: int, *, heads: int = 4) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Conv2d(channels, 3 * channels, 1)
        self.out = nn.Conv2d(channels, channels, 1)
        self.gain = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C, H, W)."""
        n, c, h, w = x.shape
        q, k, v = self.qkv(x).reshape(n, 3, self.heads, c // self.heads, h * w).transpose(-1, -2).unbind(1)
        mixed = F.scaled_dot_product_attention(q, k, v)  # (N, heads, HW, C / heads)
        return x + self.gain * self.out(mixed.transpose(-1, -2).reshape(n, c, h, w))


class Level(nn.Module):
    """One step of the decoder: enlarge twice by sub-pixels, join the encoder's map and the hints, convolve."""

    def __init__(self, below: int, skip: int, width: int, *, extra: int = 3, attention: bool = False) -> None:
        super().__init__()
        self.up = nn.Conv2d(below, 4 * width, 1)
        self.join = nn.Conv2d(width + skip + extra, width, 3, padding=1)
        self.attention = Attention(width) if attention else nn.Identity()
        self.mix = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor, *others: Tensor) -> Tensor:
        """x (N, below, h, w), others at (2h, 2w) -> (N, width, 2h, 2w)."""
        x = torch.cat([F.pixel_shuffle(self.up(x), 2), *others], 1)
        x = self.attention(F.leaky_relu(self.join(x), 0.1))
        return F.leaky_relu(x + self.mix(x), 0.1)


class Tap(nn.Module):
    """Brings a map of the encoder to mean 0 and deviation 1; both are set from pictures, then learned."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1, channels, 1, 1))
        self.shift = nn.Parameter(torch.zeros(1, channels, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> the same shape."""
        return x * self.scale + self.shift

    @torch.no_grad()
    def fit(self, x: Tensor) -> None:
        """Set both from one batch of maps."""
        deviation, mean = torch.std_mean(x.float(), (0, 2, 3), keepdim=True)
        self.scale.copy_(1 / deviation.clamp_min(1e-3))
        self.shift.copy_(-mean * self.scale)


class ColourUNet(nn.Module):
    """L and hints in, ab out.

    stages, taps: the encoder and which of its blocks are read, fine to coarse, at 1/2, 1/4, 1/8, 1/16, 1/32.
    widths: of the decoder at 1/2, 1/4, 1/8, 1/16, 1/32.

    Units: L / 50 - 1 in [-1, 1]; ab / 110. Hints are (N, 3, H, W): a, b where there is a hint and 0 elsewhere, and a
    mask of 0 and 1. H and W are multiples of 32.
    """

    def __init__(
        self,
        *,
        stages: Sequence[Stage] = LITE0,
        taps: Sequence[int] = (0, 2, 4, 10, 15),
        widths: Sequence[int] = (32, 64, 128, 192, 256),
    ) -> None:
        super().__init__()
        self.encoder = fold_batch_norms(EfficientNetLite(stages).eval()).requires_grad_(True)
        self.encoder._fc = self.encoder._conv_head = nn.Identity()  # type: ignore[assignment]
        stem = nn.Conv2d(1, 32, 3, 2, padding=1)  # grey in, one channel
        self.encoder._conv_stem = stem
        self.taps = tuple(taps)
        ends = [sum(stage.repeats for stage in stages[: i + 1]) for i in range(len(stages))]
        channels = [next(s.channels for s, end in zip(stages, ends, strict=True) if tap < end) for tap in taps]
        self.skips = nn.ModuleList(Tap(c) for c in channels)
        self.bottom = nn.Conv2d(channels[4] + 3, widths[4], 1)
        self.level16 = Level(widths[4], channels[3], widths[3], attention=True)
        self.level8 = Level(widths[3], channels[2], widths[2])
        self.bins = nn.Conv2d(widths[2], BINS, 1)
        self.level4 = Level(widths[2], channels[1], widths[1], extra=5)
        self.level2 = Level(widths[1], channels[0], widths[0], extra=5)
        self.ab = nn.Conv2d(widths[0], 2, 3, padding=1)
        self.register_buffer("colours", bin_colours(), persistent=False)
        self.colours: Tensor
        for conv in (m for name, m in self.named_modules() if isinstance(m, nn.Conv2d) and "encoder" not in name):
            nn.init.kaiming_normal_(conv.weight, 0.1)
            nn.init.zeros_(conv.bias)  # type: ignore[arg-type]
        nn.init.normal_(self.bins.weight, 0.0, 0.01)
        nn.init.zeros_(self.ab.weight)  # it starts as the first guess

    def probe(self) -> tuple[Tensor, Tensor]:
        """What it can be tried with: a slope with a disc, one red hint."""
        ramp = torch.linspace(-0.8, 0.8, 64)
        disc = ((ramp[None] - 0.2) ** 2 + ramp[:, None] ** 2 < 0.1).float()
        hints = torch.zeros(1, 3, 64, 64)
        hints[0, :, 30:34, 38:42] = torch.tensor([0.5, 0.4, 1.0])[:, None, None]
        return (0.7 * ramp[None].expand(64, 64) + 0.3 * disc)[None, None], hints

    def encode(self, L: Tensor) -> list[Tensor]:
        """L (N, 1, H, W) -> the maps of the taps, before they are brought to one scale."""
        return self.encoder.features(L, blocks=self.taps)

    def decode(self, maps: Sequence[Tensor], hints: Tensor) -> tuple[Tensor, Tensor]:
        """Maps and hints (N, 3, H, W) -> ab (N, 2, H/2, W/2) and logits of the colours (N, BINS, H/8, W/8)."""
        at2, at4, at8, at16, at32 = (tap(x) for tap, x in zip(self.skips, maps, strict=True))
        spots = [s.to(at2.dtype) for s in hint_pyramid(hints)]
        x = F.leaky_relu(self.bottom(torch.cat([at32, spots[4]], 1)), 0.1)
        x = self.level16(x, at16, spots[3])
        x = self.level8(x, at8, spots[2])
        logits = self.bins(x)
        guess = self.mean_colour(logits).to(x.dtype)  # (N, 2, H/8, W/8)
        guess4 = F.interpolate(guess, scale_factor=2, mode="bilinear", align_corners=False)
        guess2 = F.interpolate(guess, scale_factor=4, mode="bilinear", align_corners=False)
        x = self.level4(x, at4, spots[1], guess4)
        x = self.level2(x, at2, spots[0], guess2)
        return guess2 + self.ab(x), logits

    def mean_colour(self, logits: Tensor) -> Tensor:
        """Logits (N, BINS, h, w) -> ab (N, 2, h, w), the mean of the distribution made peaked."""
        p = torch.softmax(logits.float() / PEAK, 1)
        return torch.einsum("nkhw,kc->nchw", p, self.colours.float())

    def spread(self, ab: Tensor, L: Tensor, hints: Tensor, maps: Sequence[Tensor]) -> Tensor:
        """Carry what hints still miss in ab (N, 2, H/2, W/2) to other places, on the encoder's features."""
        fine, coarse = (self.skips[i](maps[i]).float() for i in (2, 3))
        return spread_hints(ab, L, hints, fine, coarse)

    def coloured(self, L: Tensor, hints: Tensor) -> tuple[Tensor, Tensor]:
        """As `decode`, with the hints spread."""
        maps = self.encode(L)
        ab, logits = self.decode(maps, hints)
        return self.spread(ab.float(), L, hints.float(), maps), logits

    def forward(self, L: Tensor, hints: Tensor) -> Tensor:
        """L (N, 1, H, W), hints (N, 3, H, W) -> ab (N, 2, H/2, W/2)."""
        return self.coloured(L, hints)[0]

    def both(self, L: Tensor, hints: Tensor) -> Tensor:
        """ab and the probabilities of the colours in one: (N, 32 + BINS, H/8, W/8), ab folded into 16 places each."""
        ab, logits = self.coloured(L, hints)
        return torch.cat([F.pixel_unshuffle(ab.float(), 4), torch.softmax(logits.float(), 1)], 1)

    def describe(self, L: Tensor) -> Tensor:
        """L (N, 1, H, W) -> what is where, for matching places of two pictures: (N, C, H/16, W/16)."""
        maps = self.encode(L)
        low = self.skips[4](maps[4])
        low = F.interpolate(low, size=maps[3].shape[-2:], mode="bilinear", align_corners=False)
        return torch.cat([F.normalize(self.skips[3](maps[3]).float(), dim=1), F.normalize(low.float(), dim=1)], 1)


def spread_hints(ab: Tensor, L: Tensor, hints: Tensor, fine: Tensor, coarse: Tensor) -> Tensor:
    """Carry what hints still miss in ab (N, 2, H/2, W/2) to places that look alike, are as light, and lie near.

    fine, coarse: features (N, C, H/8, W/8) and (N, D, H/16, W/16). Affinity without weights of its own: what a decoder
    has not learned about hints is made up for here, so that a hint always shows. The idea is Levin et al.'s (2004).
    """
    at2 = hint_pyramid(hints, levels=1)[0]
    known2 = at2[:, 2:]
    known8 = F.avg_pool2d(known2, 4)  # (N, 1, H/8, W/8)
    if not bool(known8.any()):
        return ab

    def at_hints(x: Tensor) -> Tensor:
        """The mean over the hints in each cell of 1/8, (N, C, H/2, W/2) -> (N, C, cells)."""
        return (F.avg_pool2d(x * known2, 4) / known8.clamp_min(1e-6)).flatten(2)[..., cells]

    cells = known8.flatten(1).any(0).nonzero()[:, 0]  # those that have a hint in one of the pictures
    L = L.float()
    missed, there = at_hints(at2[:, :2] - ab), at_hints(F.avg_pool2d(L, 2))
    here = F.avg_pool2d(L, 4)  # (N, 1, H/4, W/4)
    h, w = here.shape[-2:]
    coarse = F.interpolate(coarse, size=fine.shape[-2:], mode="bilinear", align_corners=False)
    looks8 = torch.cat([F.normalize(fine, dim=1), F.normalize(coarse, dim=1)], 1) * math.sqrt(0.5)
    looks4 = F.normalize(F.interpolate(looks8, size=(h, w), mode="bilinear", align_corners=False), dim=1)
    alike = looks4.flatten(2).transpose(1, 2) @ looks8.flatten(2)[..., cells]  # (N, places, cells), at most 1
    apart = torch.cdist(_places(h, w, ab.device), _places(h // 2, w // 2, ab.device)[cells]) ** 2
    lighter = here.flatten(2).transpose(1, 2) - there
    weight = torch.exp(LOOKS * (alike - 1) - lighter**2 / (2 * LIGHT**2) - apart / (2 * NEAR**2))
    weight = weight * (known8.flatten(2)[..., cells] > 0)
    change = weight @ missed.transpose(1, 2) / (weight.sum(2, keepdim=True) + DOUBT)  # (N, places, 2)
    change = change.transpose(1, 2).reshape(len(ab), 2, h, w)
    return ab + F.interpolate(change, size=ab.shape[-2:], mode="bilinear", align_corners=False)


def _places(height: int, width: int, device: torch.device) -> Tensor:
    """Where the cells of a grid are, in parts of its longer side: (height * width, 2)."""
    y, x = ((torch.arange(size, device=device) + 0.5) / max(height, width) for size in (height, width))
    return torch.cartesian_prod(y, x)


def unfold(both: Tensor) -> tuple[Tensor, Tensor]:
    """What `both` gave -> ab (N, 2, H/2, W/2) and probabilities (N, BINS, H/8, W/8)."""
    return F.pixel_shuffle(both[:, :-BINS], 4), both[:, -BINS:]


def hint_pyramid(hints: Tensor, *, levels: int = 5) -> list[Tensor]:
    """Hints (N, 3, H, W) at 1/2, 1/4 … : the mean colour of the hints in a cell, and whether it has any."""
    sums, mask = hints[:, :2] * hints[:, 2:], hints[:, 2:]
    found = []
    for _ in range(levels):
        sums, mask = F.avg_pool2d(sums, 2), F.avg_pool2d(mask, 2)
        found.append(torch.cat([sums / mask.clamp_min(1e-6), (mask > 0).to(mask.dtype)], 1))
    return found


def soft_bins(ab: Tensor) -> Tensor:
    """ab (N, 2, H, W) in the network's units -> shares of the four nearest bins, (N, BINS, H, W), summing to 1."""
    place = (ab * (AB / STEP) + GRID // 2).clamp(0, GRID - 1 - 1e-4)
    low = place.floor()
    part = place - low  # (N, 2, H, W)
    i, j = low.long().unbind(1)
    n, _, h, w = ab.shape
    shares = torch.zeros(n, BINS, h, w, dtype=ab.dtype, device=ab.device)
    for di in (0, 1):
        for dj in (0, 1):
            weight = (part[:, 0] if di else 1 - part[:, 0]) * (part[:, 1] if dj else 1 - part[:, 1])
            shares.scatter_(1, ((i + di) * GRID + j + dj)[:, None], weight[:, None])
    return shares


def working_size(height: int, width: int, *, short: int, longest: int) -> tuple[int, int]:
    """The size at which the network looks at a picture: about `short` on the short side, multiples of 32."""
    scale = min(short / min(height, width), longest / max(height, width))
    sides = (max(2, math.floor(side * scale / MULTIPLE + 0.5)) * MULTIPLE for side in (height, width))
    return next(sides), next(sides)


def build(*, widths: Sequence[int] = (32, 64, 128, 192, 256)) -> ColourUNet:
    """The network a card's options describe, with random weights."""
    return ColourUNet(widths=tuple(widths))
