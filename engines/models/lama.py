"""LaMa (Suvorov et al. 2022): fast Fourier convolutions (Chi et al. 2020) that see a whole picture at once.

Written anew after the papers; parameters bear the names of the published files, so that those load as they are.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engines.models.inpaint_guest import Guest


class FourierUnit(nn.Module):
    """A 1x1 convolution of a map's frequencies, real and imaginary parts as channels side by side."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv_layer = nn.Conv2d(2 * channels, 2 * channels, 1, bias=False)
        self.bn = nn.BatchNorm2d(2 * channels)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W), the same shape."""
        waves = torch.fft.rfft2(x.float(), norm="ortho")
        parts = torch.stack([waves.real, waves.imag], 2).flatten(1, 2).to(x.dtype)  # (N, 2C, H, W/2 + 1)
        mixed = F.relu(self.bn(self.conv_layer(parts))).float().unflatten(1, (-1, 2))
        whole = torch.complex(mixed[:, :, 0].contiguous(), mixed[:, :, 1].contiguous())
        return torch.fft.irfft2(whole, s=x.shape[-2:], norm="ortho").to(x.dtype)


class SpectralTransform(nn.Module):
    """The global path: narrow, add what the frequencies say, widen."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        half = channels // 2
        self.conv1 = nn.Sequential(nn.Conv2d(channels, half, 1, bias=False), nn.BatchNorm2d(half), nn.ReLU())
        self.fu = FourierUnit(half)
        self.conv2 = nn.Conv2d(half, channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W), the same shape."""
        x = self.conv1(x)
        return self.conv2(x + self.fu(x))


class Paths(nn.Module):
    """The convolutions between a local and a global half; a half with no channels has none."""

    def __init__(self, local: int, far: int, out_local: int, out_far: int, *, size: int, stride: int) -> None:
        super().__init__()

        def conv(a: int, b: int) -> nn.Module:
            if not a or not b:
                return nn.Identity()
            return nn.Conv2d(a, b, size, stride, size // 2, bias=False, padding_mode="reflect")

        self.convl2l, self.convl2g, self.convg2l = conv(local, out_local), conv(local, out_far), conv(far, out_local)
        self.convg2g = SpectralTransform(far) if far and out_far else nn.Identity()


class Layer(nn.Module):
    """Paths, a norm and a ReLU for each half. The first layer has padding of its own around the picture."""

    def __init__(self, local: int, far: int, out_local: int, out_far: int, *, size: int = 3, stride: int = 1) -> None:
        super().__init__()
        self.ffc = Paths(local, far, out_local, out_far, size=size, stride=stride)
        self.bn_l = nn.BatchNorm2d(out_local)
        self.bn_g = nn.BatchNorm2d(out_far) if out_far else nn.Identity()
        self.far, self.out_far = far, out_far

    def forward(self, halves: tuple[Tensor, Tensor | None]) -> tuple[Tensor, Tensor | None]:
        """(N, local, H, W) and (N, far, H, W) or None -> the same of the next layer."""
        near, wide = halves
        out = self.ffc.convl2l(near)
        if wide is not None:
            out = out + self.ffc.convg2l(wide)
        if not self.out_far:
            return F.relu(self.bn_l(out)), None
        over = self.ffc.convl2g(near)
        if wide is not None:
            over = over + self.ffc.convg2g(wide)
        return F.relu(self.bn_l(out)), F.relu(self.bn_g(over))


class Block(nn.Module):
    """Two layers and what came in."""

    def __init__(self, local: int, far: int) -> None:
        super().__init__()
        self.conv1 = Layer(local, far, local, far)
        self.conv2 = Layer(local, far, local, far)

    def forward(self, halves: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """Two halves, the same shapes."""
        near, wide = self.conv2(self.conv1(halves))
        return halves[0] + near, halves[1] + wide


class LaMa(Guest):
    """width: channels at full size, doubled at each of three halvings. blocks: at 1/8. far: the global part there."""

    def __init__(self, *, width: int = 64, blocks: int = 18, far: float = 0.75) -> None:
        super().__init__()
        deep = 8 * width
        wide = int(far * deep)
        layers: list[nn.Module] = [nn.Identity(), Layer(4, 0, width, 0, size=7)]
        layers += [Layer(width, 0, 2 * width, 0, stride=2), Layer(2 * width, 0, 4 * width, 0, stride=2)]
        layers += [Layer(4 * width, 0, deep - wide, wide, stride=2)]
        layers += [Block(deep - wide, wide) for _ in range(blocks)]
        layers += [nn.Identity()]
        for channels in (deep, deep // 2, deep // 4):
            up = nn.ConvTranspose2d(channels, channels // 2, 3, 2, 1, output_padding=1)
            layers += [up, nn.BatchNorm2d(channels // 2), nn.ReLU()]
        layers += [nn.ReflectionPad2d(3), nn.Conv2d(width, 3, 7)]
        self.model = nn.ModuleList(layers)  # numbered as in the files
        self.split = 5 + blocks

    def answer(self, image: Tensor, hole: Tensor, noise: Tensor) -> Tensor:
        """See Guest.answer. It knows one answer: the noise is not asked."""
        halves: Any = torch.cat([image * (1 - hole), hole], 1), None
        for layer in self.model[1 : self.split]:
            halves = layer(halves)
        x = torch.cat(halves, 1)
        for layer in self.model[self.split + 1 :]:
            x = layer(x)
        return torch.sigmoid(x.float())


def build(*, width: int = 64, blocks: int = 18, far: float = 0.75) -> LaMa:
    """The network a card's options describe, with random weights."""
    return LaMa(width=width, blocks=blocks, far=far)
