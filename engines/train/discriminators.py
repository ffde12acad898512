"""Discriminators: a projected one on frozen features (Sauer et al. 2021), and a patch one (Isola et al. 2017).

Both answer a list of logit maps, (N, 1, h, w) each, the form that losses.py takes.
"""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Backbone(Protocol):
    """A frozen network that gives feature maps of chosen blocks."""

    def features(self, x: Tensor, *, blocks: Sequence[int]) -> list[Tensor]:
        """(N, 3, H, W) in [-1, 1] -> (N, C_i, H_i, W_i) each, fine to coarse."""
        ...


class SpectralConv(nn.Conv2d):
    """A convolution divided by its largest singular value (Miyato et al. 2018).

    One power iteration at each pass in training mode; none in evaluation mode, as in the generator's passes.
    """

    u: Tensor

    def __init__(self, in_channels: int, out_channels: int, kernel: int, *, stride: int = 1, padding: int = 1) -> None:
        super().__init__(in_channels, out_channels, kernel, stride, padding)
        self.register_buffer("u", F.normalize(torch.randn(out_channels), dim=0))

    def forward(self, x: Tensor) -> Tensor:
        """(N, in, H, W) -> (N, out, H / stride, W / stride)."""
        matrix = self.weight.flatten(1)  # (out, in * kernel * kernel)
        with torch.no_grad(), torch.autocast(x.device.type, enabled=False):
            v = F.normalize(matrix.t() @ self.u, dim=0)
            u = F.normalize(matrix @ v, dim=0)
            if self.training:
                self.u.copy_(u)
        with torch.autocast(x.device.type, enabled=False):
            sigma = u @ (matrix @ v)
        return F.conv2d(x, self.weight / sigma, self.bias, self.stride, self.padding)


class Head(nn.Module):
    """A light discriminator of one feature map: down to about 8x8, a deviation channel, one logit a place."""

    def __init__(self, channels: int, size: int, *, width: int = 128, widest: int = 384, target: int = 8) -> None:
        super().__init__()
        now = max(width, channels)
        layers: list[nn.Module] = [SpectralConv(channels, now, 3)]
        while size > target:
            after = min(widest, 2 * now)
            layers.append(SpectralConv(now, after, 4, stride=2))
            now, size = after, size // 2
        self.layers = nn.ModuleList(layers)
        self.logit = SpectralConv(now + 1, 1, 3)

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels, H, W) -> (N, 1, h, w)."""
        for layer in self.layers:
            x = F.leaky_relu(layer(x), 0.2)
        return self.logit(torch.cat([x, minibatch_deviation(x)], 1))  # type: ignore[no-any-return]


def minibatch_deviation(x: Tensor, *, group: int = 4) -> Tensor:
    """How much the members of a group differ, (N, C, H, W) -> (N, 1, H, W): one number a group (Karras et al. 2018).

    A group takes every (N / group)-th picture. Batches that do not divide by it form one group.
    """
    n = x.shape[0]
    group = group if n % group == 0 else n
    members = x.float().reshape(group, n // group, *x.shape[1:])
    variance = (members - members.mean(0)).square().mean(0)  # four times as quick on a CPU as Tensor.var
    deviation = variance.add(1e-6).sqrt().mean((1, 2, 3))  # (N / group,)
    return deviation.repeat(group).to(x.dtype)[:, None, None, None].expand(-1, 1, *x.shape[2:])


class RandomMixing(nn.Module):
    """Frozen random convolutions that mix features across channels, then across scales from coarse to fine.

    Each map leaves divided by its own root mean square: without it logits run away.
    """

    def __init__(self, in_channels: Sequence[int], out_channels: Sequence[int]) -> None:
        super().__init__()
        self.across_channels = nn.ModuleList(
            nn.Conv2d(i, o, 1, bias=False) for i, o in zip(in_channels, out_channels, strict=True)
        )
        self.across_scales = nn.ModuleList(
            nn.Conv2d(coarse, fine, 3, padding=1, bias=False) for fine, coarse in pairwise(out_channels)
        )
        for parameter in self.parameters():
            nn.init.kaiming_normal_(parameter)
        self.requires_grad_(False)

    def forward(self, features: Sequence[Tensor]) -> list[Tensor]:
        """Maps fine to coarse, (N, C_i, H_i, W_i) -> (N, out_i, H_i, W_i), each of root mean square 1."""
        mixed = [conv(feature) for conv, feature in zip(self.across_channels, features, strict=True)]
        for index in range(len(mixed) - 2, -1, -1):
            coarse = self.across_scales[index](mixed[index + 1])
            size = mixed[index].shape[-2:]
            mixed[index] = mixed[index] + F.interpolate(coarse, size=size, mode="bilinear", align_corners=False)
        return [unit_rms(x) for x in mixed]


def unit_rms(x: Tensor) -> Tensor:
    """Divide each of (N, C, H, W) by the root of its mean square."""
    return x * x.float().square().mean((1, 2, 3), keepdim=True).add(1e-6).rsqrt().to(x.dtype)


class ProjectedDiscriminator(nn.Module):
    """Heads on randomly mixed features of a frozen backbone. Only the heads learn.

    blocks: which blocks of the backbone are read; out_channels: maps after mixing, one a block.
    size: side of the pictures it will see; view: side to which they are resized for the backbone (None: as they are).
    width: of the heads, at least.
    """

    def __init__(
        self,
        backbone: Backbone,
        *,
        size: int,
        blocks: Sequence[int] = (2, 4, 10, 15),
        out_channels: Sequence[int] = (64, 64, 128, 256),
        view: int | None = None,
        width: int = 128,
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.blocks = tuple(blocks)
        self.view = view
        with torch.no_grad():
            probe = self.backbone_features(torch.zeros(1, 3, size, size))
        self.mixing = RandomMixing([feature.shape[1] for feature in probe], out_channels)
        self.heads = nn.ModuleList(
            Head(channels, feature.shape[-1], width=width)
            for channels, feature in zip(out_channels, probe, strict=True)
        )

    def backbone_features(self, images: Tensor) -> list[Tensor]:
        """The backbone's maps of pictures brought to the side it looks at."""
        if self.view is not None and self.view != images.shape[-1]:
            images = F.interpolate(images, size=(self.view, self.view), mode="bilinear", align_corners=False)
        return self.backbone.features(images, blocks=self.blocks)

    def features(self, images: Tensor) -> list[Tensor]:
        """(N, 3, size, size) in about [-1, 1] -> mixed maps; the costly half, worth keeping between two `logits`."""
        return self.mixed(self.backbone_features(images))

    def mixed(self, maps: Sequence[Tensor]) -> list[Tensor]:
        """The backbone's own maps -> what the heads look at."""
        mixed: list[Tensor] = self.mixing(maps)
        return mixed

    def logits(self, features: Sequence[Tensor]) -> list[Tensor]:
        """Mixed maps -> one logit map a head."""
        return [head(feature) for head, feature in zip(self.heads, features, strict=True)]

    def forward(self, images: Tensor) -> list[Tensor]:
        """(N, 3, size, size) in about [-1, 1] -> one logit map a head."""
        return self.logits(self.features(images))


class PatchDiscriminator(nn.Module):
    """Convolutions on the picture itself, judging overlapping patches: 70x70 with three halvings (Isola et al. 2017).

    in_channels: of the picture, plus those of a condition concatenated to it.
    """

    def __init__(self, in_channels: int = 3, *, width: int = 64, halvings: int = 3) -> None:
        super().__init__()
        widths = [in_channels] + [width * min(8, 2**i) for i in range(halvings + 1)]
        strides = [2] * halvings + [1]
        self.layers = nn.ModuleList(
            SpectralConv(i, o, 4, stride=s) for i, o, s in zip(widths, widths[1:], strides, strict=False)
        )
        self.logit = SpectralConv(widths[-1], 1, 4)

    def features(self, images: Tensor) -> list[Tensor]:
        """(N, in_channels, H, W) -> the maps after each layer, for feature matching."""
        maps: list[Tensor] = []
        for layer in self.layers:
            images = F.leaky_relu(layer(images), 0.2)
            maps.append(images)
        return maps

    def logits(self, features: Sequence[Tensor]) -> list[Tensor]:
        """The maps of `features` -> a list of one logit map."""
        return [self.logit(features[-1])]

    def forward(self, images: Tensor) -> list[Tensor]:
        """(N, in_channels, H, W) -> a list of one logit map (N, 1, h, w)."""
        return self.logits(self.features(images))


def trainable(net: nn.Module) -> list[nn.Parameter]:
    """The parameters an optimiser should hold: all but frozen ones."""
    return [parameter for parameter in net.parameters() if parameter.requires_grad]


def count(net: nn.Module) -> int:
    """How many numbers a network learns."""
    return sum(math.prod(parameter.shape) for parameter in trainable(net))
