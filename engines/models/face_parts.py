"""What is where in a portrait: background, hair, skin, clothes.

A U-Net (Ronneberger et al. 2015) on an EfficientNet-lite0 trunk. Tensors in, tensors out: no files, no devices.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engines.models.efficientnet_lite import LITE0, EfficientNetLite, Stage, fold_batch_norms

PARTS = ("background", "hair", "skin", "clothes")
SIDE = 192
BLOCKS = (0, 2, 4, 10, 15)  # of the trunk: strides 2, 4, 8, 16 and 32
WIDTHS = (24, 32, 64, 96, 128)  # of the decoder at those strides


class Join(nn.Module):
    """A coarse map, doubled, with the trunk's map of that size -> a finer map."""

    def __init__(self, coarse: int, skip: int, out: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(coarse + skip, out, 3, padding=1)
        self.second = nn.Conv2d(out, out, 3, padding=1)

    def forward(self, coarse: Tensor, skip: Tensor) -> Tensor:
        """(N, coarse, H, W), (N, skip, 2H, 2W) -> (N, out, 2H, 2W)."""
        x = torch.cat([F.interpolate(coarse, size=skip.shape[-2:], mode="bilinear", align_corners=False), skip], 1)
        return F.relu(self.second(F.relu(self.first(x))))


class FaceParts(nn.Module):
    """stages, blocks, widths: of the trunk, those of its blocks that are used, and the decoder's (tests: tiny ones)."""

    def __init__(
        self, *, stages: Sequence[Stage] = LITE0, blocks: Sequence[int] = BLOCKS, widths: Sequence[int] = WIDTHS
    ) -> None:
        super().__init__()
        self.blocks = tuple(blocks)
        self.trunk = fold_batch_norms(EfficientNetLite(stages).eval())
        self.trunk._fc = nn.Identity()
        self.trunk._conv_head = nn.Identity()
        every = [stage.channels for stage in stages for _ in range(stage.repeats)]
        found = [every[index] for index in blocks]
        self.deepest = nn.Conv2d(found[-1], widths[-1], 1)
        coarse = (widths[-1], *widths[-2:0:-1])
        self.joins = nn.ModuleList(
            Join(above, skip, out) for above, skip, out in zip(coarse, found[-2::-1], widths[-2::-1], strict=True)
        )
        self.last = nn.Conv2d(widths[0] + 3, 16, 3, padding=1)
        self.out = nn.Conv2d(16, len(PARTS), 1)
        for module in (self.deepest, self.joins, self.last):
            for conv in (part for part in module.modules() if isinstance(part, nn.Conv2d)):
                nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
        nn.init.normal_(self.out.weight, 0.0, 0.01)

    def probe(self) -> tuple[Tensor]:
        """What it can be tried with."""
        ramp = torch.linspace(-1, 1, SIDE)
        return (
            torch.stack([ramp.expand(SIDE, SIDE), ramp[:, None].expand(SIDE, SIDE), ramp.flip(0).expand(SIDE, SIDE)])[
                None
            ],
        )

    def forward(self, squares: Tensor) -> Tensor:
        """Aligned squares (N, 3, H, W) in [-1, 1], H and W multiples of 32 -> logits (N, len(PARTS), H, W)."""
        *skips, x = self.trunk.features(squares, blocks=self.blocks)
        x = F.relu(self.deepest(x))
        for join, skip in zip(self.joins, reversed(skips), strict=True):
            x = join(x, skip)
        x = F.interpolate(x, size=squares.shape[-2:], mode="bilinear", align_corners=False)
        x = F.relu(self.last(torch.cat([x, squares], 1)))
        return self.out(x).float()


def build() -> FaceParts:
    """The network with random weights."""
    return FaceParts()
