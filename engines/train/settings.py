"""People set before other pictures, and pictures spoilt: what `parts` is trained on.

All of it is made where the pictures are kept; random numbers come from the CPU: a seed means the same everywhere.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from engines.train.data import to_signed
from engines.train.recipes.attributes import recolour, soften, view


@dataclass(frozen=True)
class People:
    """Cut out people. pictures: uint8 (N, 3, S, S). parts, cover: uint8 (N, S, S), as in cutouts.Cutout."""

    pictures: Tensor
    parts: Tensor
    cover: Tensor

    def __len__(self) -> int:
        return len(self.pictures)

    def to(self, device: torch.device) -> "People":
        """The same on a device."""
        return People(self.pictures.to(device), self.parts.to(device), self.cover.to(device))


def composed(people: People, scenes: Sequence[Tensor], count: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """People before other pictures, moved at random: (count, 3, S, S) in [-1, 1], and their parts, uint8 (count, S, S).

    scenes: archives of backgrounds, uint8 (N, 3, S, S), each as likely.
    """
    side, device = people.pictures.shape[-1], people.pictures.device
    chosen = torch.randint(len(people), (count,), generator=rng).to(device)
    behind = []
    for _ in range(count):
        some = scenes[int(torch.randint(len(scenes), (1,), generator=rng))]
        index = int(torch.randint(len(some), (1,), generator=rng))
        behind.append(to_signed(some[index : index + 1]))
    walls = _blurred(recolour(view(torch.cat(behind), (0.5, 0.5, 0.8), jitter=rng, side=side), rng), rng)
    own = recolour(to_signed(people.pictures[chosen]), rng)
    flat = own.mean((2, 3), keepdim=True) + 0.6 * torch.randn(count, 3, 1, 1, generator=rng).to(device)
    plain = (torch.rand(count, 1, 1, 1, generator=rng) < 0.15).to(device)
    walls = torch.where(plain, flat.clamp(-1, 1), walls)
    together = walls + people.cover[chosen][:, None].float() / 255 * (own - walls)
    return _moved(torch.cat([together, people.parts[chosen][:, None].float()], 1), rng)


def spoil(images: Tensor, rng: torch.Generator) -> Tensor:
    """Other colours, less sharp, grain, and a patch that is missing, (N, 3, S, S) in [-1, 1]."""
    n, side, device = len(images), images.shape[-1], images.device
    tint = 1 + 0.15 * (torch.rand(n, 3, 1, 1, generator=rng).to(device) * 2 - 1)
    images = soften(recolour((images + 1) * tint - 1, rng), rng)
    grey = (torch.rand(n, 1, 1, 1, generator=rng) < 0.1).to(device)
    images = torch.where(grey, images.mean(1, keepdim=True), images)
    strength = 0.12 * torch.rand(n, 1, 1, 1, generator=rng).to(device)
    images = images + strength * torch.randn(images.shape, generator=rng).to(device)
    size = side // 4
    for index in range(n):
        if torch.rand(1, generator=rng) < 0.5:
            top, left = torch.randint(side - size, (2,), generator=rng).tolist()
            colour = torch.rand(3, 1, 1, generator=rng).to(device) * 2 - 1
            images[index, :, top : top + size, left : left + size] = colour
    return images.clamp(-1, 1).contiguous(memory_format=torch.channels_last)


def _blurred(walls: Tensor, rng: torch.Generator) -> Tensor:
    """Half of the backgrounds out of focus, as behind portraits."""
    for index in range(len(walls)):
        if torch.rand(1, generator=rng) < 0.5:
            small = int(torch.randint(6, 48, (1,), generator=rng))
            reduced = F.interpolate(walls[index : index + 1], size=(small, small), mode="area")
            walls[index] = F.interpolate(reduced, size=walls.shape[-2:], mode="bicubic", align_corners=False)[0]
    return walls.clamp(-1, 1)


def _moved(stacked: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """Pictures (N, 3, S, S) with parts as a fourth plane, moved, turned, scaled and mirrored together."""
    n = len(stacked)
    drawn = torch.rand(n, 5, generator=rng) * 2 - 1
    angle, scale = drawn[:, 0] * 0.12, 1 + 0.1 * drawn[:, 1]
    mirror = torch.where(drawn[:, 4] > 0, 1.0, -1.0)
    rows = torch.stack(
        [
            torch.stack([mirror * scale * angle.cos(), -scale * angle.sin(), 0.06 * drawn[:, 2]], 1),
            torch.stack([mirror * scale * angle.sin(), scale * angle.cos(), 0.06 * drawn[:, 3]], 1),
        ],
        1,
    )  # (N, 2, 3)
    grid = F.affine_grid(rows.to(stacked.device), list(stacked.shape), align_corners=False)
    pictures = F.grid_sample(stacked[:, :3], grid, mode="bilinear", padding_mode="border", align_corners=False)
    parts = F.grid_sample(stacked[:, 3:], grid, mode="nearest", padding_mode="border", align_corners=False)
    return pictures, parts[:, 0].round().to(torch.uint8)
