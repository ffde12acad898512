"""Differentiable augmentation (Zhao et al. 2020): the same kinds of change on real and generated pictures, in one pass.

The discriminator never sees an unchanged picture, so it cannot learn a small data set by heart; gradients pass through.
What to change is drawn apart from changing it, so that a pair of pictures can be changed alike.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F


@dataclass(frozen=True)
class AugmentOptions:
    """How strong each change is; 0 switches it off.

    brightness: largest shift, in units of the range [-1, 1]. saturation, contrast: largest relative change.
    translation: largest shift as a part of the side. cutout: side of the grey square as a part of the side.
    cutout_probability: how often a picture gets one.
    """

    brightness: float = 0.5
    saturation: float = 1.0
    contrast: float = 0.5
    translation: float = 0.125
    cutout: float = 0.5
    cutout_probability: float = 0.5


@dataclass(frozen=True)
class Changes:
    """What happens to each picture of a batch. All (N,), shift and hole (N, 2) as (y, x).

    brightness is added; saturation and contrast multiply; shift and the hole's centre and side are parts of the side,
    a side of 0 means no hole.
    """

    brightness: Tensor
    saturation: Tensor
    contrast: Tensor
    shift: Tensor
    hole: Tensor
    hole_side: Tensor

    def __call__(self, images: Tensor) -> Tensor:
        """Change (N, 3, H, W) in about [-1, 1]; what comes in from outside, and the hole, is mid-grey (0)."""
        return self._cut(self._translate(self._colour(images)))

    def _colour(self, images: Tensor) -> Tensor:
        """Shift brightness, then scale saturation and contrast about the picture's own greys and mean."""
        brightness, saturation, contrast = (
            value[:, None, None, None] for value in (self.brightness, self.saturation, self.contrast)
        )
        images = images + brightness
        images = torch.lerp(images.mean(1, keepdim=True), images, saturation)
        return torch.lerp(images.mean((1, 2, 3), keepdim=True), images, contrast)

    def _translate(self, images: Tensor) -> Tensor:
        """Move each picture by whole pixels."""
        n, _, height, width = images.shape
        dy, dx = (self.shift * self.shift.new_tensor([height, width])).long().unbind(1)  # (N,), towards zero
        reach = int(max(height, width) * 0.25)  # no shift is larger (draw_changes)
        rows = torch.arange(height, device=images.device) + reach + dy[:, None]  # (N, H) into the padded picture
        columns = torch.arange(width, device=images.device) + reach + dx[:, None]  # (N, W)
        padded = F.pad(images, (reach,) * 4).permute(0, 2, 3, 1)  # (N, H', W', 3)
        batch = torch.arange(n, device=images.device)[:, None, None]
        return padded[batch, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)  # (N, 3, H, W)

    def _cut(self, images: Tensor) -> Tensor:
        """Paint the holes."""
        _, _, height, width = images.shape
        y = (torch.arange(height, device=images.device) + 0.5) / height  # (H,)
        x = (torch.arange(width, device=images.device) + 0.5) / width  # (W,)
        half = self.hole_side[:, None] / 2
        rows, columns = (
            (y - self.hole[:, :1]).abs() < half,
            (x - self.hole[:, 1:]).abs() < half,
        )  # (N, H), (N, W)
        return images.masked_fill((rows[:, :, None] & columns[:, None, :])[:, None], 0.0)


def draw_changes(n: int, options: AugmentOptions, *, rng: torch.Generator) -> Changes:
    """Random changes for n pictures, on the generator's device. ValueError if translation exceeds a quarter."""
    if not 0 <= options.translation <= 0.25:
        raise ValueError(f"translation is a part of the side from 0 to 0.25, not {options.translation}")
    uniform = torch.rand(n, 9, generator=rng, device=rng.device)  # (N, 9) in [0, 1)
    signed = uniform * 2 - 1
    cut = uniform[:, 8] < options.cutout_probability
    return Changes(
        brightness=options.brightness * signed[:, 0],
        saturation=1 + options.saturation * signed[:, 1],
        contrast=1 + options.contrast * signed[:, 2],
        shift=options.translation * signed[:, 3:5],
        hole=uniform[:, 5:7],
        hole_side=options.cutout * cut,
    )
