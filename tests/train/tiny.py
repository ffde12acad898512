"""Tiny random networks, pictures and archives for the tests of the forge."""

import io
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from engines.models.efficientnet_lite import EfficientNetLite, Stage
from engines.models.style_generator import GeneratorOptions
from engines.train.loop import Trainee

STAGES = (Stage(1, 8, 1, 3, 1), Stage(2, 12, 2, 3, 2), Stage(2, 16, 1, 3, 2))
GENERATOR = GeneratorOptions(resolution=16, z_dim=8, w_dim=12, mapping_layers=2, channels=(12, 8, 6))


def backbone() -> EfficientNetLite:
    """A random backbone of four blocks, frozen; blocks 0, 2, 3 have strides 2, 4, 8."""
    torch.manual_seed(1)
    return EfficientNetLite(STAGES, classes=5, width=24).eval().requires_grad_(False)


def pictures(count: int, *, size: int = 16, seed: int = 0) -> Tensor:
    """Random smooth pictures, uint8 (count, 3, size, size)."""
    rng = torch.Generator().manual_seed(seed)
    coarse = torch.rand(count, 3, 4, 4, generator=rng)
    return (torch.nn.functional.interpolate(coarse, size=(size, size), mode="bilinear") * 255).to(torch.uint8)


def write_archive(path: Path, images: Tensor, names: Sequence[str] = ()) -> Path:
    """A zip of PNG files."""
    with zipfile.ZipFile(path, "w") as archive:
        for index, image in enumerate(images):
            buffer = io.BytesIO()
            Image.fromarray(np.ascontiguousarray(image.permute(1, 2, 0).numpy())).save(buffer, "PNG")
            archive.writestr(names[index] if names else f"{index:03d}.png", buffer.getvalue())
    return path


def gone_on(make: Callable[..., Trainee]) -> Trainee:
    """A trainee of two steps, its state put back between them. Fails unless it equals one that was not interrupted."""
    first, second, through = make(), make(seed=3), make()
    first.step()
    second.load_state({part: {n: t.clone() for n, t in tensors.items()} for part, tensors in first.state().items()})
    second.step()
    through.step()
    through.step()
    mine, theirs = second.state(), through.state()
    assert all(torch.equal(mine[part][name], theirs[part][name]) for part in mine for name in mine[part])
    return second
