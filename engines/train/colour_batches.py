"""Batches for colouring: balanced draws from several archives, aged luminance, colour hints taken from the truth."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from engines.core.lab import rgb_to_lab
from engines.models.colour_unet import AB, BINS, soft_bins
from engines.train.data import Pictures
from engines.train.old_photos import Faults, age

CPU = torch.device("cpu")


@dataclass(frozen=True)
class Batch:
    """One step's pictures. L: what the network sees, (N, 1, H, W) in [-1, 1]. hints: (N, 3, H, W), ab / 110 and mask.

    lab: the truth, (N, 3, H, W) in CIELAB's own units.
    """

    L: Tensor
    hints: Tensor
    lab: Tensor


class Mixture:
    """Draws squares from several data sets by their shares, each at a random zoom and mirrored at random.

    closest: the smallest part of a picture's side that a square shows. device: where the pictures are kept and squares
    are cut. Which, where and how is drawn on the CPU, so that the same seed means the same squares on every device.
    """

    def __init__(
        self,
        sets: Mapping[str, Pictures],
        shares: Mapping[str, float],
        *,
        side: int,
        closest: float = 0.62,
        device: torch.device = CPU,
    ) -> None:
        self.sets = {name: data.to(device) for name, data in sets.items()}
        self.side, self.closest = side, closest
        weights = torch.tensor([shares.get(name, 1.0) for name in self.sets])
        self.weights = weights / weights.sum()

    def draw(self, count: int, rng: torch.Generator) -> Tensor:
        """sRGB (count, 3, side, side) in [0, 1], on the device. rng: on the CPU."""
        which = torch.multinomial(self.weights, count, replacement=True, generator=rng).bincount(
            minlength=len(self.sets)
        )
        groups = [self._from(data, int(n), rng) for data, n in zip(self.sets.values(), which, strict=True) if n]
        return torch.cat(groups)

    def _from(self, data: Pictures, count: int, rng: torch.Generator) -> Tensor:
        """Squares of one set, at one zoom a draw but each at a place of its own."""
        chosen = torch.randint(len(data), (count,), generator=rng)
        whole = data.images.shape[-1]
        zoom = float(torch.rand(1, generator=rng))
        part = min(whole, max(round(whole * (self.closest + (1 - self.closest) * zoom)), min(self.side, whole)))
        corners = torch.randint(0, whole - part + 1, (count, 2), generator=rng).tolist()
        crops = torch.stack(
            [data.images[i, :, y : y + part, x : x + part] for i, (y, x) in zip(chosen.tolist(), corners, strict=True)]
        ).float()
        if part != self.side:
            size = (self.side, self.side)
            crops = F.interpolate(crops, size=size, mode="bilinear", align_corners=False, antialias=part > self.side)
        mirrored = (torch.rand(count, 1, 1, 1, generator=rng) < 0.5).to(crops.device)
        return torch.where(mirrored, crops.flip(-1), crops) / 255


def make_batch(rgb: Tensor, rng: torch.Generator, *, faults: Faults | None, hinted: float) -> Batch:
    """sRGB (N, 3, H, W) in [0, 1] -> a batch; `hinted` of the pictures get hints, some with all colours turned.

    The batch is where the pictures are; rng is on the CPU.
    """
    lab = rgb_to_lab(rgb)
    L = age(rgb, rng, faults=faults) if faults else lab[:, :1]
    with_hints = torch.rand(len(rgb), generator=rng) < hinted
    turned = with_hints & (torch.rand(len(rgb), generator=rng) < 0.2)
    lab = torch.cat([lab[:, :1], turn_hue(lab[:, 1:], turned, rng)], 1)
    counts = torch.where(with_hints, hint_counts(len(rgb), rng), 0)
    counts = torch.where(turned, counts.clamp_min(3), counts)
    return Batch(L / 50 - 1, draw_hints(lab[:, 1:] / AB, counts, rng), lab)


def turn_hue(ab: Tensor, turned: Tensor, rng: torch.Generator) -> Tensor:
    """Turn all colours of some pictures by one angle each, so that hints have to be believed against habit."""
    angle = torch.rand(len(ab), 1, 1, generator=rng) * math.tau * turned[:, None, None]
    angle = angle.to(ab.device)
    a, b = ab.unbind(1)
    return torch.stack([a * angle.cos() - b * angle.sin(), a * angle.sin() + b * angle.cos()], 1)


def hint_counts(n: int, rng: torch.Generator) -> Tensor:
    """How many hints each picture gets: geometric with mean 8, so that one or two are common and thirty happen."""
    drawn = torch.rand(n, generator=rng).clamp(1e-4, 1 - 1e-4)
    return (1 + torch.floor(torch.log(drawn) / math.log(1 - 1 / 8))).long().clamp_max(40)


def draw_hints(ab: Tensor, counts: Tensor, rng: torch.Generator) -> Tensor:
    """Squares of 2 to 8 pixels filled with their mean colour: ab (N, 2, H, W) -> (N, 3, H, W) with the mask."""
    n, _, height, width = ab.shape
    hints = torch.zeros(n, 3, height, width, device=ab.device)
    for index, count in enumerate(counts.tolist()):
        for y, x, size in torch.rand(count, 3, generator=rng).tolist():
            side = 2 + int(size * 7)
            top, left = int(y * (height - side)), int(x * (width - side))
            window = (slice(top, top + side), slice(left, left + side))
            hints[index, :2, *window] = ab[index, :, *window].mean((1, 2), keepdim=True)
            hints[index, 2, *window] = 1
    return hints


def bin_weights(sets: Sequence[Pictures], *, mix: float, count: int = 300) -> Tensor:
    """How much a colour should count, (BINS,), 1 on average over the data: rare ones more (Zhang et al. 2016).

    mix: part of a uniform distribution blended into the measured one before it is inverted.
    """
    total = torch.zeros(BINS, device=sets[0].images.device)
    for data in sets:
        step = max(1, len(data) // count)
        small = F.interpolate(data.images[::step].float() / 255, size=(24, 24), mode="area")
        total += soft_bins(rgb_to_lab(small)[:, 1:] / AB).mean((0, 2, 3))
    share = total / total.sum()
    smooth = F.avg_pool2d(share.view(1, 1, 15, 15), 3, 1, 1, count_include_pad=False).flatten()
    weight = 1 / ((1 - mix) * (0.5 * share + 0.5 * smooth) + mix / BINS)
    return weight / (weight * share).sum()
