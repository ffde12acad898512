"""A U-Net that fills holes in pictures. Tensors in, tensors out.

A hole is first filled smoothly from its border (`pull_push`), so that the network only adds what is missing. The
encoder is EfficientNet-lite0 looking at that; in the middle, at 1/8, places in the hole ask all known places for what
fits there (contextual attention, Yu et al. 2018), between blocks that see far: aggregated transformations of several
dilations (AOT, Zeng et al. 2021), gated convolutions (Yu et al. 2019) or fast Fourier convolutions (Suvorov et al.
2022). The decoder enlarges by sub-pixel convolution and gets noise at every scale, which is what grain is made of.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engines.models.colour_unet import Tap
from engines.models.efficientnet_lite import LITE0, EfficientNetLite, Stage, fold_batch_norms

MULTIPLE = 32  # height and width must be multiples of this
DILATIONS = (1, 2, 4, 8)


def pull_push(image: Tensor, hole: Tensor) -> Tensor:
    """Fill a hole smoothly from its border: a pyramid of means of what is known, laid back in where nothing is.

    image (N, 3, H, W), hole (N, 1, H, W) of 0 and 1 -> (N, 3, H, W), equal outside the hole (Gortler et al. 1996).
    """
    known = 1 - hole
    sums, weights = [image * known], [known]  # weights of places, at most 1, and colours times them
    while min(sums[-1].shape[-2:]) > 1:
        below, weight = (F.avg_pool2d(values[-1], 2, ceil_mode=True) for values in (sums, weights))
        full = (4 * weight).clamp_max(1) / weight.clamp_min(1e-6)  # a quarter that is known speaks for the whole
        sums.append(below * full)
        weights.append(weight * full)
    total = weights[-1].sum((2, 3), keepdim=True)
    fill = torch.where(total > 0, sums[-1].sum((2, 3), keepdim=True) / total.clamp_min(1e-6), sums[-1].new_tensor(0.5))
    for part, weight in zip(reversed(sums), reversed(weights), strict=True):
        above = F.interpolate(fill, size=part.shape[-2:], mode="bilinear", align_corners=False)
        fill = part + (1 - weight) * above
    return fill


def a_hole() -> tuple[Tensor, Tensor, Tensor]:
    """What networks that fill holes can be tried with: slopes and a disc with a square hole, and no noise."""
    ramp = torch.linspace(0.1, 0.9, 64)
    disc = ((ramp[None] - 0.4) ** 2 + (ramp[:, None] - 0.5) ** 2 < 0.06).float()
    image = torch.stack([ramp[None].expand(64, 64), ramp[:, None].expand(64, 64), 0.2 + 0.6 * disc])[None]
    hole = torch.zeros(1, 1, 64, 64)
    hole[..., 20:44, 24:52] = 1
    return image, hole, torch.zeros(1, 1, 64, 64)


class Gated(nn.Module):
    """A convolution whose result a second one lets through place by place (Yu et al. 2019), as a residual."""

    def __init__(self, channels: int, *, dilation: int) -> None:
        super().__init__()
        self.content = nn.Conv2d(channels, channels, 3, padding=dilation, dilation=dilation)
        self.gate = nn.Conv2d(channels, channels, 3, padding=dilation, dilation=dilation)
        self.out = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C, H, W)."""
        return x + self.out(F.leaky_relu(self.content(x), 0.1) * torch.sigmoid(self.gate(x)))


class Aggregated(nn.Module):
    """Four dilations side by side, joined, and mixed with what came in by a gate for each place (Zeng et al. 2021)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        part = channels // len(DILATIONS)
        self.arms = nn.ModuleList(nn.Conv2d(channels, part, 3, padding=d, dilation=d) for d in DILATIONS)
        self.join = nn.Conv2d(part * len(DILATIONS), channels, 3, padding=1)
        self.gate = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C, H, W)."""
        seen = torch.cat([F.leaky_relu(arm(x), 0.1) for arm in self.arms], 1)
        gate = torch.sigmoid(self.gate(x))
        return x * (1 - gate) + self.join(seen) * gate


class Fourier(nn.Module):
    """Half of the channels convolved locally, half in the frequencies of the whole map (Suvorov et al. 2022)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.local = nn.Conv2d(channels, channels // 2, 3, padding=1)
        self.before = nn.Conv2d(channels, channels // 2, 1)
        self.waves = nn.Conv2d(channels, channels, 1)
        self.out = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C, H, W)."""
        narrow = F.leaky_relu(self.before(x), 0.1)
        waves = torch.fft.rfft2(narrow.float(), norm="ortho")
        mixed = F.leaky_relu(self.waves(torch.cat([waves.real, waves.imag], 1).to(x.dtype)), 0.1).float()
        real, imaginary = mixed.chunk(2, 1)
        whole = torch.fft.irfft2(torch.complex(real, imaginary), s=x.shape[-2:], norm="ortho").to(x.dtype)
        return x + self.out(torch.cat([F.leaky_relu(self.local(x), 0.1), narrow + whole], 1))


def middle_block(kind: str, channels: int, number: int) -> nn.Module:
    """One block of the middle. kind: "aot", "gated" (dilations 1, 2, 4, 8 in turn) or "fourier"."""
    if kind == "aot":
        return Aggregated(channels)
    if kind == "fourier":
        return Fourier(channels)
    if kind == "gated":
        return Gated(channels, dilation=DILATIONS[number % len(DILATIONS)])
    raise ValueError(f'a block of the middle is "aot", "gated" or "fourier", not "{kind}"')


class Borrow(nn.Module):
    """Places ask all known places for what fits (contextual attention, Yu et al. 2018). It starts as nothing."""

    def __init__(self, channels: int, *, heads: int = 4) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Conv2d(channels, 3 * channels, 1)
        self.out = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor, known: Tensor) -> Tensor:
        """x (N, C, H, W), known (N, 1, H, W), true where a place may be asked -> (N, C, H, W)."""
        n, c, h, w = x.shape
        q, k, v = self.qkv(x).reshape(n, 3, self.heads, c // self.heads, h * w).transpose(-1, -2).unbind(1)
        free = known.flatten(2)[:, :, None]  # (N, 1, 1, HW)
        free = free | ~free.any(-1, keepdim=True)  # nothing known: everybody may be asked
        found = F.scaled_dot_product_attention(q, k, v, attn_mask=free)
        return x + self.out(found.transpose(-1, -2).reshape(n, c, h, w))


class Up(nn.Module):
    """One step of the decoder: enlarge twice by sub-pixels, join the encoder's map, add noise, convolve."""

    def __init__(self, below: int, skip: int, width: int) -> None:
        super().__init__()
        self.up = nn.Conv2d(below, 4 * width, 1)
        self.join = nn.Conv2d(width + skip, width, 3, padding=1)
        self.mix = nn.Conv2d(width, width, 3, padding=1)
        self.noise = nn.Parameter(torch.zeros(1, width, 1, 1))

    def forward(self, x: Tensor, noise: Tensor, *others: Tensor) -> Tensor:
        """x (N, below, h, w), noise (N, 1, 2h, 2w), others at (2h, 2w) -> (N, width, 2h, 2w)."""
        x = torch.cat([F.pixel_shuffle(self.up(x), 2), *others], 1)
        x = F.leaky_relu(self.join(x) + self.noise.to(x.dtype) * noise, 0.1)
        return F.leaky_relu(x + self.mix(x), 0.1)


class InpaintUNet(nn.Module):
    """A picture with a hole in, a whole picture out.

    stages, taps: the encoder and which of its blocks are read, at 1/2, 1/4, 1/8, 1/16, 1/32. widths: of the decoder at
    1, 1/2, 1/4, 1/8, 1/16. middle: kind of the blocks at 1/8; blocks: how many, half of them before the attention.

    Pictures are (N, 3, H, W) in [0, 1], holes (N, 1, H, W) of 0 and 1 (fill), noise (N, 1, H, W) normal, or zero for
    the network's calmest answer. H and W are multiples of 32.
    """

    def __init__(
        self,
        *,
        stages: Sequence[Stage] = LITE0,
        taps: Sequence[int] = (0, 2, 4, 10, 15),
        widths: Sequence[int] = (24, 40, 80, 160, 160),
        middle: str = "aot",
        blocks: int = 4,
    ) -> None:
        super().__init__()
        self.encoder = fold_batch_norms(EfficientNetLite(stages).eval()).requires_grad_(True)
        self.encoder._fc = self.encoder._conv_head = nn.Identity()  # type: ignore[assignment]
        stem = nn.Conv2d(4, 32, 3, 2, padding=1)  # the smoothly filled picture and the hole
        self.encoder._conv_stem = stem
        self.taps = tuple(taps)
        ends = [sum(stage.repeats for stage in stages[: i + 1]) for i in range(len(stages))]
        channels = [next(s.channels for s, end in zip(stages, ends, strict=True) if tap < end) for tap in taps]
        self.skips = nn.ModuleList(Tap(c) for c in channels)
        self.bottom = nn.Conv2d(channels[4] + 1, widths[4], 1)
        self.up16 = Up(widths[4], channels[3] + 1, widths[4])
        self.up8 = Up(widths[4], channels[2] + 1, widths[3])
        self.middle = nn.ModuleList(middle_block(middle, widths[3], i) for i in range(blocks))
        self.borrow = Borrow(widths[3])
        self.up4 = Up(widths[3], channels[1] + 1, widths[2])
        self.up2 = Up(widths[2], channels[0] + 4, widths[1])
        self.up1 = Up(widths[1], 4, widths[0])
        self.rgb = nn.Conv2d(widths[0], 3, 3, padding=1)
        for conv in (m for name, m in self.named_modules() if isinstance(m, nn.Conv2d) and "encoder" not in name):
            nn.init.kaiming_normal_(conv.weight, 0.1)
            nn.init.zeros_(conv.bias)  # type: ignore[arg-type]
        for quiet in (self.borrow.out, self.rgb, *(block.out for block in self.middle if hasattr(block, "out"))):
            quiet.weight.data.mul_(0.1)  # it starts near the smooth fill

    def probe(self) -> tuple[Tensor, Tensor, Tensor]:
        """What it can be tried with."""
        return a_hole()

    def forward(self, image: Tensor, hole: Tensor, noise: Tensor) -> Tensor:
        """image (N, 3, H, W), hole and noise (N, 1, H, W) -> (N, 3, H, W), equal to the picture outside the hole."""
        base = pull_push(image, hole)
        holes = [hole]
        for _ in range(5):
            holes.append(F.max_pool2d(holes[-1], 2))  # a place is known where all of it is
        grains = [noise[..., :: 2**i, :: 2**i] for i in range(5)]
        maps = self.encoder.features(torch.cat([base * 2 - 1, hole], 1), blocks=self.taps)
        at2, at4, at8, at16, at32 = (tap(x) for tap, x in zip(self.skips, maps, strict=True))
        holes = [h.to(at2.dtype) for h in holes]
        grains = [g.to(at2.dtype) for g in grains]
        x = F.leaky_relu(self.bottom(torch.cat([at32, holes[5]], 1)), 0.1)
        x = self.up16(x, grains[4], at16, holes[4])
        x = self.up8(x, grains[3], at8, holes[3])
        for block in self.middle[: len(self.middle) // 2]:
            x = block(x)
        x = self.borrow(x, holes[3] == 0)
        for block in self.middle[len(self.middle) // 2 :]:
            x = block(x)
        x = self.up4(x, grains[2], at4, holes[2])
        small = F.avg_pool2d(base, 2).to(x.dtype)
        x = self.up2(x, grains[1], at2, small, holes[1])
        x = self.up1(x, grains[0], base.to(x.dtype), holes[0])
        return base + hole * self.rgb(x).float()


def build(*, widths: Sequence[int] = (24, 40, 80, 160, 160), middle: str = "aot", blocks: int = 4) -> InpaintUNet:
    """The network a card's options describe, with random weights."""
    return InpaintUNet(widths=tuple(widths), middle=middle, blocks=blocks)
