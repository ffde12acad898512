"""A style-based generator (after Karras et al. 2019, 2020), shaped for two CPU cores: z -> w -> picture.

Modulated convolutions are written as scale in, convolve, scale out, so that a CPU runs plain convolutions in
channels_last; each level adds its own RGB to the enlarged RGB of the level below (the skip generator of StyleGAN2).
Differences from StyleGAN2: the 4x4 input is a constant plus a linear picture of w (a constant alone leaves w too little
say in the first hours of training), 2 mapping layers instead of 8, bilinear enlargement, one convolution at 4x4, no
equalised learning rates, and narrow top levels. Tensors in, tensors out: no files, no devices.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

GAIN = math.sqrt(2.0)  # keeps the variance through a leaky ReLU of slope 0.2, nearly
GRAIN = 0.85  # how strong noise is where it is not drawn anew: a little less leaves no specks beside hair
_FIRST_TUNED = 3  # the level, 4x4 being 0, from which a single person's tuning may change weights


@dataclass(frozen=True)
class GeneratorOptions:
    """The shape of a generator; what its card stores under `options`.

    resolution: side of the picture, 4 times a power of two. z_dim, w_dim: latent sizes. mapping_layers: its depth.
    channels: feature maps at 4, 8, 16 … pixels; as many entries as there are levels, or more (the rest is ignored).
    """

    resolution: int = 128
    z_dim: int = 128
    w_dim: int = 256
    mapping_layers: int = 2
    channels: tuple[int, ...] = (256, 256, 256, 128, 64, 32)

    @property
    def levels(self) -> int:
        """How many levels there are from 4x4 to the full resolution."""
        return int(math.log2(self.resolution)) - 1

    @property
    def num_ws(self) -> int:
        """How many w a picture takes: one the 4x4 input, one a convolution, one an RGB layer."""
        return 3 * self.levels

    @staticmethod
    def of(options: Any) -> "GeneratorOptions":
        """Of the mapping that a card keeps."""
        return GeneratorOptions(**{**options, "channels": tuple(options["channels"])})


def stretched(count: int, num_ws: int) -> list[int]:
    """Which of a smaller generator's `count` latents one that grew from it takes: those of the last level go on."""
    return [*range(count), *(count - 3 + index % 3 for index in range(num_ws - count))]


class Dense(nn.Linear):
    """A linear layer that computes in float32 whatever format its weights are kept in: a slider's small step in w
    must not be rounded away, and these layers cost nothing beside the convolutions."""

    def forward(self, x: Tensor) -> Tensor:
        """x (N, in) -> float32 (N, out)."""
        return F.linear(x.float(), self.weight.float(), None if self.bias is None else self.bias.float())


class Mapping(nn.Module):
    """z -> w: normalise, then fully connected layers, the last one linear so that w has no common offset.

    w_avg is the running mean of w, the centre of truncation.
    """

    w_avg: Tensor

    def __init__(self, options: GeneratorOptions) -> None:
        super().__init__()
        self.z_dim = options.z_dim
        widths = [options.z_dim] + [options.w_dim] * options.mapping_layers
        self.layers = nn.ModuleList(Dense(i, o) for i, o in pairwise(widths))
        for layer in self.layers:
            nn.init.kaiming_normal_(layer.weight, 0.2)  # the default would give everybody the same face
            nn.init.zeros_(layer.bias)
        self.register_buffer("w_avg", torch.zeros(options.w_dim))

    def forward(self, z: Tensor, *, truncation_psi: float = 1.0) -> Tensor:
        """z (N, z_dim), any length -> w (N, w_dim); truncation_psi < 1 draws w towards its mean."""
        w = F.normalize(z, dim=1) * math.sqrt(self.z_dim)  # (N, z_dim), mean square 1
        for index, layer in enumerate(self.layers):
            w = layer(F.leaky_relu(w, 0.2) if index else w)  # (N, w_dim)
        return w if truncation_psi == 1.0 else self.w_avg + truncation_psi * (w - self.w_avg)


class ModulatedConv(nn.Module):
    """A convolution whose input channels are scaled by a style of w, its output brought back to unit variance."""

    def __init__(
        self, in_channels: int, out_channels: int, *, kernel: int, w_dim: int, demodulate: bool = True
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(
            torch.randn(out_channels, in_channels, kernel, kernel) / math.sqrt(in_channels) / kernel
        )
        self.bias = nn.Parameter(torch.zeros(out_channels))
        self.affine = Dense(w_dim, in_channels)
        self.demodulate = demodulate
        nn.init.normal_(self.affine.weight, 0.0, 0.5 / math.sqrt(w_dim))
        nn.init.ones_(self.affine.bias)

    def forward(self, x: Tensor, w: Tensor, *, gain: float = 1.0, delta: Tensor | None = None) -> Tensor:
        """x (N, in, H, W) times gain, w (N, w_dim) -> (N, out, H, W).  delta: added to the weight for this call."""
        style = self.affine(w).float()  # (N, in)
        weight = self.weight if delta is None else self.weight + delta.to(self.weight.dtype)
        y = F.conv2d(x * (style * gain).to(x.dtype)[:, :, None, None], weight, padding=weight.shape[-1] // 2)
        bias = self.bias.to(y.dtype)[None, :, None, None]  # (1, out, 1, 1)
        if not self.demodulate:
            return y + bias
        energy = style.square() @ weight.float().square().sum((2, 3)).t()  # (N, out)
        return torch.addcmul(bias, y, torch.rsqrt(energy + 1e-8).to(y.dtype)[:, :, None, None])


class Level(nn.Module):
    """One resolution: enlarge, one or two modulated convolutions with noise, and this level's RGB.

    grain: what is added as noise where none is drawn, always the same, (convs, 1, size, size); no part of the weights.
    """

    grain: Tensor

    def __init__(self, in_channels: int, out_channels: int, *, w_dim: int, first: bool, size: int) -> None:
        super().__init__()
        self.first = first
        widths = [(in_channels, out_channels)] + ([] if first else [(out_channels, out_channels)])
        self.convs = nn.ModuleList(ModulatedConv(i, o, kernel=3, w_dim=w_dim) for i, o in widths)
        self.noise_strength = nn.Parameter(torch.zeros(len(widths)))
        grain = GRAIN * torch.randn(len(widths), 1, size, size, generator=torch.Generator().manual_seed(size))
        self.register_buffer("grain", grain, persistent=False)
        self.rgb = ModulatedConv(out_channels, 3, kernel=1, w_dim=w_dim, demodulate=False)
        self.rgb.weight.data.mul_(0.2)

    def forward(
        self,
        x: Tensor,
        image: Tensor | None,
        ws: Tensor,
        *,
        noise: torch.Generator | None,
        deltas: Sequence[Tensor | None] = (None, None, None),
    ) -> tuple[Tensor, Tensor]:
        """x (N, in, H, W), image (N, 3, H, W) or None, ws (N, convs + 1, w_dim) -> the same two, twice as large.

        deltas: added to the weights of the convolutions and of the RGB layer, in that order.
        """
        if not self.first:
            x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)  # (N, in, 2H, 2W)
        for index, conv in enumerate(self.convs):
            x = conv(x, ws[:, index], gain=1.0 if self.first else GAIN, delta=deltas[index])  # (N, out, 2H, 2W)
            grain = self.grain[index]
            if noise is not None:
                grain = torch.randn(x.shape[0], 1, *x.shape[2:], generator=noise, device=x.device)
            x = x + (grain * self.noise_strength[index]).to(x.dtype)  # a sum is several times as quick as addcmul here
            x = F.leaky_relu(x, 0.2)
        rgb = self.rgb(x, ws[:, -1], gain=GAIN, delta=deltas[len(self.convs)]).float()  # (N, 3, 2H, 2W)
        if image is None:
            return x, rgb
        return x, F.interpolate(image, scale_factor=2, mode="bilinear", align_corners=False) + rgb


class StyleGenerator(nn.Module):
    """The whole generator: `mapping` z -> w, `synthesis` ws -> picture in [-1, 1] (values may overshoot slightly)."""

    def __init__(self, options: GeneratorOptions) -> None:
        super().__init__()
        self.options = options
        self.mapping = Mapping(options)
        channels = options.channels[: options.levels]
        if len(channels) < options.levels:
            raise ValueError(f"{options.resolution} pixels need {options.levels} channel counts, got {len(channels)}")
        self.const = nn.Parameter(torch.randn(1, channels[0], 4, 4))
        self.input = Dense(options.w_dim, channels[0] * 16, bias=False)
        nn.init.normal_(self.input.weight, 0.0, 1 / math.sqrt(options.w_dim))
        pairs = zip((channels[0], *channels), channels, strict=False)
        self.levels = nn.ModuleList(
            Level(i, o, w_dim=options.w_dim, first=index == 0, size=4 * 2**index) for index, (i, o) in enumerate(pairs)
        )

    def centre(self, like: Tensor) -> Tensor:
        """w_avg for as many pictures as `like` has rows, (N, w_dim)."""
        return self.mapping.w_avg.float().expand(like.shape[0], -1)

    def tunable(self) -> list[torch.Size]:
        """Shapes of what `tuned_synthesis` takes: the convolutions and RGB layers of the levels from 32 pixels up."""
        return [conv.weight.shape for level in self.levels[_FIRST_TUNED:] for conv in [*level.convs, level.rgb]]

    def tuned_synthesis(self, ws: Tensor, *deltas: Tensor) -> Tensor:
        """`synthesis` with something added to the weights that `tunable` lists, for this call alone.

        So one person's pivotal tuning (Roich et al. 2021) travels as inputs, and the shared weights stay as they are.
        """
        rest = iter(deltas)
        parts: list[Sequence[Tensor | None]] = [
            [next(rest, None) if index >= _FIRST_TUNED else None for _ in [*level.convs, level.rgb]]
            for index, level in enumerate(self.levels)
        ]
        return self.synthesis(ws, deltas=parts)

    def probe(self) -> tuple[Tensor]:
        """A fixed z, for whoever wants to try the network: it is no picture-to-picture one."""
        return (torch.randn(1, self.options.z_dim, generator=torch.Generator().manual_seed(0)),)

    def synthesis(
        self,
        ws: Tensor,
        *,
        noise: torch.Generator | None = None,
        deltas: Sequence[Sequence[Tensor | None]] | None = None,
    ) -> Tensor:
        """ws (N, num_ws, w_dim), or one w for all layers (N, w_dim) -> (N, 3, resolution, resolution).

        noise: where the per-layer noise is drawn from; None adds each level's own grain (the constant noise of
        StyleGAN2), so that the same ws give the same picture; without any, hair and skin are painted, not photographed.
        deltas: for each level, what is added to its weights (see `Level`); None adds nothing.
        """
        if ws.dim() == 2:
            ws = ws[:, None].expand(-1, self.options.num_ws, -1)  # (N, num_ws, w_dim)
        _, image = self.climb(self.foot(ws), None, ws, range(len(self.levels)), noise=noise, deltas=deltas)
        return image

    def foot(self, ws: Tensor) -> Tensor:
        """ws (N, num_ws, w_dim) -> what the first level starts from, (N, C, 4, 4)."""
        x = self.const + self.input(ws[:, 0]).unflatten(1, self.const.shape[1:])
        return x.to(self.const.dtype).contiguous(memory_format=torch.channels_last)

    def climb(
        self,
        x: Tensor,
        image: Tensor | None,
        ws: Tensor,
        levels: range,
        *,
        noise: torch.Generator | None = None,
        deltas: Sequence[Sequence[Tensor | None]] | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Some levels on the way from `foot` to the picture, for whoever trains the upper ones alone.

        x (N, C, H, W) and image (N, 3, H, W), None before the first level -> the same two after these levels.
        """
        for index in levels:
            ways = ws[:, 3 * index : 3 * index + 3] if index else ws[:, 1:3]  # the first w is the foot's
            extra = {} if deltas is None else {"deltas": deltas[index]}
            x, image = self.levels[index](x, image, ways, noise=noise, **extra)
        assert image is not None  # there is always a level
        return x, image

    def forward(self, z: Tensor, *, truncation_psi: float = 1.0, noise: torch.Generator | None = None) -> Tensor:
        """z (N, z_dim) -> (N, 3, resolution, resolution) in about [-1, 1]."""
        return self.synthesis(self.mapping(z, truncation_psi=truncation_psi), noise=noise)


def build(
    *,
    resolution: int,
    z_dim: int,
    w_dim: int,
    mapping_layers: int,
    channels: Sequence[int],
) -> StyleGenerator:
    """The generator that a card's options describe, with random weights."""
    return StyleGenerator(GeneratorOptions(resolution, z_dim, w_dim, mapping_layers, tuple(channels)))
