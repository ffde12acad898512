"""What a face looks like, in numbers: 40 attributes and an apparent age, on an EfficientNet-lite0 trunk.

Both heads share the trunk. Attributes are read off the whole aligned square (hair and hats count), the age off the
tight crop that age data sets are made of, as the mean of a distribution over 101 years (Rothe et al. 2015).
Tensors in, tensors out: no files, no devices.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engines.models.efficientnet_lite import LITE0, EfficientNetLite, Stage, fold_batch_norms

SIDE = 112
# left, top, right, bottom of the tight crop as parts of the aligned square: UTKFace's frame in engines.core.faces'
TIGHT = (0.183, 0.273, 0.832, 0.922)
YEARS = 101


class FaceAttributes(nn.Module):
    """names: of the attributes, in the order of the logits. stages: of the trunk (tests use tiny ones)."""

    def __init__(self, names: tuple[str, ...], *, stages: tuple[Stage, ...] = LITE0) -> None:
        super().__init__()
        self.names = names
        self.trunk = fold_batch_norms(EfficientNetLite(stages).eval())
        self.trunk._fc = nn.Identity()
        self.attributes = nn.Linear(1280, len(names))
        self.years = nn.Linear(1280, YEARS)
        nn.init.zeros_(self.years.bias)

    def probe(self) -> tuple[Tensor]:
        """What it can be tried with."""
        ramp = torch.linspace(-1, 1, SIDE)
        return (
            torch.stack(
                [ramp[None].expand(SIDE, SIDE), ramp[:, None].expand(SIDE, SIDE), ramp.flip(0)[None].expand(SIDE, SIDE)]
            )[None],
        )

    def forward(self, squares: Tensor) -> Tensor:
        """Aligned squares (N, 3, 112, 112) in [-1, 1] -> (N, attributes + 1): logits, then the age in years."""
        both = self.trunk.pooled(torch.cat([squares, tight_crop(squares)]))  # (2N, 1280)
        whole, tight = both.chunk(2)
        return torch.cat([self.attributes(whole).float(), self.age(tight)[:, None]], 1)

    def age(self, pooled: Tensor) -> Tensor:
        """Pooled features of tight crops (N, 1280) -> years (N,)."""
        ages = torch.arange(YEARS, dtype=torch.float32, device=pooled.device)
        return self.years(pooled).float().softmax(1) @ ages


def tight_crop(squares: Tensor) -> Tensor:
    """The middle of aligned squares at the same size, (N, 3, H, W)."""
    height, width = squares.shape[-2:]
    left, top, right, bottom = TIGHT
    part = squares[..., round(top * height) : round(bottom * height), round(left * width) : round(right * width)]
    return F.interpolate(part, size=(height, width), mode="bilinear", align_corners=False)


def build(*, names: list[str]) -> FaceAttributes:
    """The network a card's options describe, with random weights."""
    return FaceAttributes(tuple(names))
