"""Zip data sets: pictures decoded once, brought to the training size, kept as uint8 in a cache and on the device."""

import hashlib
import io
import json
import os
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from engines.core.errors import DatasetError

SUFFIXES = {".webp", ".png", ".jpg", ".jpeg"}
_PACKING = 2  # raise when the packed form changes, so that old caches are left alone


@dataclass(frozen=True)
class Pictures:
    """A data set in memory. images: uint8 (N, 3, R, R), RGB. names: where each came from, `archive/member`."""

    images: Tensor
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.names)

    def to(self, device: torch.device) -> "Pictures":
        """The same pictures, held on a device: a training's once and for all, so that no step has to send them."""
        return Pictures(self.images.to(device), self.names)

    def split(self, hold_out: int, *, prefix: str = "") -> "tuple[Pictures, Pictures]":
        """(training, held out): of the names that begin with prefix, those whose SHA-256 is lowest are held out.

        The rule depends on nothing but the names, so a picture once held out stays so. DatasetError if none is left.
        """
        candidates = [index for index, name in enumerate(self.names) if name.startswith(prefix)]
        if hold_out >= len(candidates):
            raise DatasetError(
                f"Cannot hold out {hold_out} of {len(candidates)} pictures. Send more, or hold out fewer."
            )
        ranked = sorted(candidates, key=lambda index: hashlib.sha256(self.names[index].encode()).hexdigest())
        kept_back = sorted(ranked[:hold_out])
        training = sorted(set(range(len(self))) - set(kept_back))
        return self.subset(training), self.subset(kept_back)

    def subset(self, indices: Sequence[int]) -> "Pictures":
        """The pictures at these indices, in that order."""
        chosen = torch.as_tensor(indices, dtype=torch.long)
        return Pictures(self.images[chosen], tuple(self.names[index] for index in indices))


def cache_folder() -> Path:
    """Where packed data sets are kept, outside the repository: $XDG_CACHE_HOME or ~/.cache, gan-studio/train."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "gan-studio" / "train"


def load_pictures(archives: Sequence[Path], *, resolution: int, cache: Path | None = None) -> Pictures:
    """All pictures of zip archives as squares of the given side, in the archives' order, by name within each.

    cache: folder of the packed copies (default `cache_folder()`). DatasetError names an archive that cannot be used.
    """
    if not archives:
        raise DatasetError("There is nothing to train on. Name at least one zip archive of pictures.")
    parts = [_load_archive(Path(path), resolution, cache or cache_folder()) for path in archives]
    return Pictures(torch.cat([part.images for part in parts]), sum((part.names for part in parts), ()))


def load_sets(
    archives: Sequence[Path], *, sides: Mapping[str, int], side: int, hold_out: int
) -> tuple[dict[str, Pictures], list[Pictures]]:
    """Each archive for itself, by name: (training, held out), at most half of it held out.

    sides: at which side an archive is kept, by name; side: all others.
    """
    training: dict[str, Pictures] = {}
    held_out: list[Pictures] = []
    for path in map(Path, archives):
        pictures = load_pictures([path], resolution=sides.get(path.stem, side))
        training[path.stem], kept_back = pictures.split(min(hold_out, len(pictures) // 2))
        held_out.append(kept_back)
    return training, held_out


def to_square(picture: Image.Image, side: int) -> Image.Image:
    """The middle square of a picture, scaled to the given side with Lanczos, RGB."""
    picture = picture.convert("RGB")
    short = min(picture.size)
    left, top = (picture.width - short) / 2, (picture.height - short) / 2
    if picture.size == (side, side):
        return picture
    return picture.resize((side, side), Image.Resampling.LANCZOS, box=(left, top, left + short, top + short))


def _load_archive(path: Path, resolution: int, cache: Path) -> Pictures:
    """One archive, from its packed copy if that is still valid."""
    try:
        status = path.stat()
    except OSError as error:
        raise DatasetError(f"{path} cannot be read. Check the path.") from error
    identity = f"{path.resolve()}|{status.st_size}|{status.st_mtime_ns}|{resolution}|{_PACKING}"
    packed = cache / f"{path.stem}-{resolution}-{hashlib.sha256(identity.encode()).hexdigest()[:16]}.safetensors"
    if packed.exists():
        with safe_open(packed, framework="pt") as file:
            return Pictures(file.get_tensor("images"), tuple(json.loads(file.metadata()["names"])))
    pictures = _decode(path, resolution)
    cache.mkdir(parents=True, exist_ok=True)
    half_written = packed.with_suffix(f".{os.getpid()}.tmp")
    save_file({"images": pictures.images}, half_written, {"names": json.dumps(pictures.names)})
    os.replace(half_written, packed)
    return pictures


def _decode(path: Path, resolution: int) -> Pictures:
    """Read every picture of an archive; other members are passed over."""
    images, names = [], []
    try:
        with zipfile.ZipFile(path) as archive:
            for member in sorted(archive.namelist()):
                if Path(member).suffix.lower() in SUFFIXES:
                    with Image.open(io.BytesIO(archive.read(member))) as picture:
                        images.append(np.asarray(to_square(picture, resolution)))
                    names.append(f"{path.stem}/{member}")
    except (OSError, zipfile.BadZipFile) as error:
        raise DatasetError(f"{path.name} is not a zip archive of readable pictures: {error}.") from error
    if not images:
        raise DatasetError(f"{path.name} holds no pictures ({', '.join(sorted(SUFFIXES))}).")
    return Pictures(torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).contiguous(), tuple(names))


def to_signed(images: Tensor) -> Tensor:
    """uint8 (N, 3, H, W) -> float32 in [-1, 1], channels_last."""
    return (images.float() / 127.5 - 1).contiguous(memory_format=torch.channels_last)


def to_bytes(images: Tensor) -> Tensor:
    """Floats in about [-1, 1] -> uint8, clamped and rounded."""
    return ((images.float().clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)


def contact_sheet(images: Tensor, *, columns: int) -> Image.Image:
    """uint8 (N, 3, H, W) -> one picture, row by row; an incomplete last row is left out."""
    rows = len(images) // columns
    _, channels, height, width = images.shape
    grid = images[: rows * columns].cpu().reshape(rows, columns, channels, height, width).permute(0, 3, 1, 4, 2)
    return Image.fromarray(grid.reshape(rows * height, columns * width, channels).contiguous().numpy())
