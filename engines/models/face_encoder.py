"""Photo of a face -> W+ of a style generator, in one pass (after Richardson et al. 2021, Tov et al. 2021).

One EfficientNet-lite0 trunk; its deep, middle and shallow features answer for the coarse, middle and fine layers of the
generator. The answer is w_avg plus one offset for all layers plus small offsets of each layer, so that training can
keep the layers close to each other, where edits work. Tensors in, tensors out: no files, no devices.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engines.models.efficientnet_lite import LITE0, EfficientNetLite, Stage, fold_batch_norms

BLOCKS = (4, 10, 15)  # of the trunk: strides 8, 16 and 32
GRID = 4  # side to which each feature map is pooled


class Head(nn.Module):
    """A feature map -> offsets of a group of layers."""

    def __init__(self, channels: int, *, layers: int, w_dim: int, width: int) -> None:
        super().__init__()
        self.layers = layers
        self.squeeze = nn.Conv2d(channels, 64, 1)
        self.hidden = nn.Linear(64 * GRID * GRID, width)
        self.out = nn.Linear(width, layers * w_dim)
        nn.init.normal_(self.out.weight, 0.0, 0.01)
        nn.init.zeros_(self.out.bias)

    def forward(self, feature: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, layers, w_dim)."""
        x = F.adaptive_avg_pool2d(F.leaky_relu(self.squeeze(feature), 0.2), GRID)
        x = F.leaky_relu(self.hidden(x.flatten(1)), 0.2)
        return self.out(x).unflatten(1, (self.layers, -1))


class FaceEncoder(nn.Module):
    """num_ws, w_dim: of the generator. width: of the heads' hidden layer."""

    w_avg: Tensor

    def __init__(self, num_ws: int, w_dim: int, *, width: int = 384, stages: tuple[Stage, ...] = LITE0) -> None:
        super().__init__()
        self.trunk = fold_batch_norms(EfficientNetLite(stages).eval())
        self.trunk._fc = nn.Identity()
        self.trunk._conv_head = nn.Identity()
        per = num_ws // 3
        coarse = num_ws - 2 * per
        widths = [stage.channels for stage in stages for _ in range(stage.repeats)]
        shallow, middle, deep = (widths[index] for index in BLOCKS)
        self.base = Head(deep, layers=1, w_dim=w_dim, width=width)
        self.heads = nn.ModuleList(
            Head(channels, layers=layers, w_dim=w_dim, width=width)
            for channels, layers in ((deep, coarse), (middle, per), (shallow, per))
        )
        self.register_buffer("w_avg", torch.zeros(w_dim))

    def probe(self) -> tuple[Tensor]:
        """What it can be tried with."""
        ramp = torch.linspace(-1, 1, 128)
        return (
            torch.stack([ramp.expand(128, 128), ramp[:, None].expand(128, 128), ramp.flip(0).expand(128, 128)])[None],
        )

    def offsets(self, squares: Tensor) -> tuple[Tensor, Tensor]:
        """Aligned squares (N, 3, 128, 128) in [-1, 1] -> common (N, 1, w_dim) and own (N, num_ws, w_dim) offsets."""
        shallow, middle, deep = self.trunk.features(squares, blocks=BLOCKS)
        parts = [head(feature) for head, feature in zip(self.heads, (deep, middle, shallow), strict=True)]
        return self.base(deep).float(), torch.cat(parts, 1).float()

    def forward(self, squares: Tensor) -> Tensor:
        """Aligned squares (N, 3, 128, 128) in [-1, 1] -> ws (N, num_ws, w_dim)."""
        base, layers = self.offsets(squares)
        return self.w_avg + base + layers


def build(*, num_ws: int, w_dim: int, width: int) -> FaceEncoder:
    """The network a card's options describe, with random weights."""
    return FaceEncoder(num_ws, w_dim, width=width)
