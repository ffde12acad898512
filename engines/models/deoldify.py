"""DeOldify (Antic 2019): a U-Net around a ResNet, with self-attention, trained with a short adversarial end (NoGAN).

Written anew; parameters bear the names of the published files, so that those load as they are. `deep` is the artistic
network (ResNet-34), `wide` the stable one (ResNet-101).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engines.models.colour_guest import DEVIATION, MEAN, Guest, Shuffle, ab_of_rgb, conv_block

REACH = 3.0  # what comes out lies between -REACH and REACH, in ImageNet's normalised units


class Basic(nn.Module):
    """ResNet's block of two convolutions (He et al. 2016)."""

    grow = 1

    def __init__(self, channels: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, width, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.downsample = _shortcut(channels, width, stride)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, width, H / stride, W / stride)."""
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(y + (x if self.downsample is None else self.downsample(x)))


class Bottleneck(nn.Module):
    """ResNet's block of three convolutions, the stride in the middle one."""

    grow = 4

    def __init__(self, channels: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, 4 * width, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(4 * width)
        self.downsample = _shortcut(channels, 4 * width, stride)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, 4 * width, H / stride, W / stride)."""
        y = F.relu(self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))))
        y = self.bn3(self.conv3(y))
        return F.relu(y + (x if self.downsample is None else self.downsample(x)))


def _shortcut(channels: int, out: int, stride: int) -> nn.Sequential | None:
    """What brings a block's input to the shape of its result, where they differ."""
    if stride == 1 and channels == out:
        return None
    return nn.Sequential(nn.Conv2d(channels, out, 1, stride, bias=False), nn.BatchNorm2d(out))


def resnet(kind: type[Basic] | type[Bottleneck], depths: Sequence[int], base: int) -> tuple[nn.Sequential, list[int]]:
    """A ResNet without its head, in the files' order, and its channels at 1/2, 1/4, 1/8, 1/16, 1/32."""
    layers: list[nn.Module] = [
        nn.Conv2d(3, base, 7, 2, 3, bias=False),
        nn.BatchNorm2d(base),
        nn.ReLU(),
        nn.MaxPool2d(3, 2, 1),
    ]
    channels, found = base, [base]
    for level, depth in enumerate(depths):
        blocks = []
        for number in range(depth):
            width = base << level
            blocks.append(kind(channels, width, 2 if level and not number else 1))
            channels = width * kind.grow
        layers.append(nn.Sequential(*blocks))
        found.append(channels)
    return nn.Sequential(*layers), found


class Step(nn.Module):
    """One step of the decoder: enlarge twice, join the encoder's map, convolve."""

    def __init__(self, below: int, skip: int, out: int, *, up: int, deep: bool, attention: bool) -> None:
        super().__init__()
        self.shuf = Shuffle(below, up)
        self.bn = nn.BatchNorm2d(skip)
        if deep:
            self.conv1 = conv_block(up + skip, out)
            self.conv2 = conv_block(out, out, attention=attention)
        else:
            self.conv = conv_block(up + skip, out, attention=attention)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        """(N, below, h, w), (N, skip, 2h, 2w) -> (N, out, 2h, 2w)."""
        x = F.relu(torch.cat([self.shuf(x), self.bn(skip)], 1))
        for name in ("conv1", "conv2", "conv"):
            if hasattr(self, name):
                x = getattr(self, name)(x)
        return x


class Residual(nn.Module):
    """Two convolutions with a bias, added to what came in; the files call them layers.0.0 and layers.1.0."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Sequential(nn.Conv2d(channels, channels, 3, padding=1)) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W), the same shape."""
        y = x
        for layer in self.layers:
            y = F.relu(layer(y))
        return x + y


class DeOldify(Guest):
    """Grey in; it paints a picture in colour, of which only ab is taken.

    deep: two convolutions a step of the decoder, `factor` times as wide as what they get, around a ResNet of basic
    blocks; otherwise one of 256 x factor channels, around a ResNet of bottlenecks. depths, base: blocks at each level
    and channels at the first.
    """

    def __init__(self, *, deep: bool, depths: Sequence[int], base: int, factor: float) -> None:
        super().__init__()
        encoder, (at2, at4, at8, at16, at32) = resnet(Basic if deep else Bottleneck, depths, base)
        middle = nn.Sequential(conv_block(at32, 2 * at32), conv_block(2 * at32, at32))
        steps: list[nn.Module] = []
        below = at32
        for number, skip in enumerate((at16, at8, at4, at2)):
            last, attention = number == 3, number == 1
            if deep:
                up = below // 2
                out = int(((up + skip) // 2 if last else up + skip) * factor)
            else:
                up = out = int(512 * factor) // (4 if last else 2)
            steps.append(Step(below, skip, out, up=up, deep=deep, attention=attention))
            below = out
        wide = below + 3
        final = nn.Sequential(nn.Conv2d(wide, 3, 1))
        self.layers = nn.ModuleList(
            [
                encoder,
                nn.BatchNorm2d(at32),
                nn.ReLU(),
                middle,
                *steps,
                Shuffle(below, below, norm=False),
                nn.Identity(),
                Residual(wide),
                final,
            ]
        )

    def look(self, grey: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """See Guest.look."""
        x, maps = grey, []
        for number, layer in enumerate(self.layers[0]):
            x = layer(x)
            if number in (2, 4, 5, 6):
                maps.append(x)
        x = self.layers[3](self.layers[2](self.layers[1](x)))
        for step, skip in zip(self.layers[4:8], reversed(maps), strict=True):
            x = step(x, skip)
        x = self.layers[8](x)
        x = torch.cat([x, grey.to(x.dtype)], 1)
        painted = torch.sigmoid(self.layers[11](self.layers[10](x)).float()) * (2 * REACH) - REACH
        mean, deviation = (painted.new_tensor(values).view(1, 3, 1, 1) for values in (MEAN, DEVIATION))
        return ab_of_rgb((painted * deviation + mean).clamp(0, 1)), maps[2], maps[3]


def build(*, deep: bool, depths: Sequence[int], base: int = 64, factor: float = 1.5, short: int = 448) -> DeOldify:
    """The network a card's options describe, with random weights. short: what the engine shows it, see passes.py."""
    return DeOldify(deep=deep, depths=depths, base=base, factor=factor)
