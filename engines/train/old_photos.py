"""Greyscale as old photographs are: orthochromatic film, faded prints, blur, grain, scratches, JPEG (of the scan).

Each fault falls on a picture with its own probability, so that part of a batch stays clean. Everything random comes
from the generator that is passed in.
"""

import io
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from engines.core.lab import luminance


@dataclass(frozen=True)
class Faults:
    """How often a picture gets each fault."""

    film: float = 0.25  # another mix of the channels, from orthochromatic (red dark, blue light) to red-filtered
    fading: float = 0.35  # contrast and gamma changed, blacks raised, whites yellowed to grey
    blur: float = 0.25
    grain: float = 0.25
    scratches: float = 0.05
    jpeg: float = 0.15


def age(rgb: Tensor, rng: torch.Generator, *, faults: Faults | None = None) -> Tensor:
    """sRGB (N, 3, H, W) in [0, 1] -> what an old photograph of it has for L, (N, 1, H, W) in [0, 100].

    It is made where the pictures are; rng is on the CPU. Only grain and JPEG files travel between the two.
    """
    faults, device = faults or Faults(), rgb.device
    n = len(rgb)

    def hit(probability: float) -> Tensor:
        return (torch.rand(n, 1, 1, 1, generator=rng) < probability).float().to(device)

    def between(low: float, high: float) -> Tensor:
        return (low + (high - low) * torch.rand(n, 1, 1, 1, generator=rng)).to(device)

    def some(probability: float) -> list[int]:
        return torch.nonzero(torch.rand(n, generator=rng) < probability).flatten().tolist()

    L = luminance(rgb) / 100
    L = torch.lerp(L, _film(rgb, rng), hit(faults.film))
    faded = between(0.0, 0.2) + (between(0.8, 1.0) - between(0.0, 0.15)) * L.clamp(1e-4, 1) ** between(0.65, 1.5)
    L = torch.lerp(L, faded, hit(faults.fading))
    L = torch.lerp(L, _blurred(L, float(between(0.5, 1.6)[0])), hit(faults.blur))
    noise = torch.randn(L.shape, generator=rng).to(device)
    noise = 0.6 * noise + 0.8 * F.avg_pool2d(noise, 3, 1, 1) * 2
    L = L + hit(faults.grain) * between(0.01, 0.06) * noise
    for index in some(faults.scratches):
        L[index] = _scratched(L[index], rng)
    L = L.clamp(0, 1)
    for index in some(faults.jpeg):
        L[index] = _through_jpeg(L[index], quality=int(torch.randint(25, 80, (1,), generator=rng)))
    return L * 100


def _film(rgb: Tensor, rng: torch.Generator) -> Tensor:
    """A random mix of the channels, two in three like blue-sensitive film: (N, 1, H, W) in [0, 1]."""
    weights = torch.rand(len(rgb), 3, generator=rng) + torch.tensor([0.05, 0.5, 0.5])
    panchromatic = torch.rand(len(rgb), 1, generator=rng) < 1 / 3
    weights = torch.where(
        panchromatic, torch.rand(len(rgb), 3, generator=rng) + 0.3, weights * torch.tensor([0.3, 1, 1])
    )
    weights = (weights / weights.sum(1, keepdim=True)).to(rgb.device)
    return (rgb * weights[:, :, None, None]).sum(1, keepdim=True)


def _blurred(L: Tensor, sigma: float) -> Tensor:
    """A Gaussian blur of sigma pixels."""
    line = torch.exp(-(torch.arange(-3, 4, dtype=L.dtype) ** 2) / (2 * sigma**2))
    line = (line / line.sum()).to(L.device)
    L = F.conv2d(F.pad(L, (3, 3, 3, 3), mode="reflect"), line.view(1, 1, 1, -1))
    return F.conv2d(L, line.view(1, 1, -1, 1))


def _scratched(L: Tensor, rng: torch.Generator) -> Tensor:
    """One to four thin, nearly upright lines and some specks on (1, H, W)."""
    L = L.clone()
    height, width = L.shape[-2:]
    tone = float(torch.rand(1, generator=rng) > 0.4)
    for _ in range(int(torch.randint(1, 5, (1,), generator=rng))):
        start, lean = torch.rand(2, generator=rng).tolist()
        rows = torch.arange(height)
        columns = (start * width + (lean - 0.5) * 0.3 * rows).long() % width
        rows, columns = rows.to(L.device), columns.to(L.device)
        L[0, rows, columns] = 0.3 * L[0, rows, columns] + 0.7 * tone
    for y, x in torch.rand(6, 2, generator=rng).tolist():
        L[0, int(y * (height - 2)) :, int(x * (width - 2)) :][:2, :2] = tone
    return L


def _through_jpeg(L: Tensor, *, quality: int) -> Tensor:
    """(1, H, W) in [0, 1] after a JPEG file of it."""
    buffer = io.BytesIO()
    Image.fromarray((L[0] * 255).round().to(torch.uint8).cpu().numpy()).save(buffer, "JPEG", quality=quality)
    return torch.from_numpy(np.array(Image.open(buffer), np.float32) / 255)[None].to(L.device)
