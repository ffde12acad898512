"""The run folder, the only interface of a training: options.json, stats.jsonl, samples/, snapshots/, G_ema/, `stop`.

A snapshot is a folder snapshots/000012345 named by the images shown. It is written under another name and renamed when
complete; its manifest.json holds the size and SHA-256 of every file, so that a damaged one is told from a good one.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image
from safetensors.torch import load_file, save_file
from torch import Tensor

from engines.core.errors import DatasetError

FILE_BYTES = 15_500_000  # larger parts are split, so that every file travels where 16 MB is the limit
Parts = dict[str, dict[str, Tensor]]


@dataclass(frozen=True)
class Snapshot:
    """Everything a training needs to go on. images: shown so far. seconds: spent so far, pauses excluded."""

    images: int
    seconds: float
    parts: Parts


@dataclass(frozen=True)
class RunFolder:
    """The files of one run. Every write is complete or not there: written beside, then renamed."""

    path: Path

    def open(self) -> None:
        """Make the folder, forget a stop request of the run before, and remove what a killed run left half written."""
        for name in ("samples", "snapshots", "G_ema"):
            (self.path / name).mkdir(parents=True, exist_ok=True)
        self.stop_file.unlink(missing_ok=True)
        for left_over in (self.path / "snapshots").glob("*.tmp"):
            shutil.rmtree(left_over)

    @property
    def stop_file(self) -> Path:
        """Whoever creates this file asks the training to snapshot and end."""
        return self.path / "stop"

    # Options and statistics

    def read_options(self) -> dict[str, Any]:
        """What the run was started with; empty for a new run."""
        path = self.path / "options.json"
        options: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        return options

    def write_options(self, options: Mapping[str, Any]) -> None:
        """Keep the options for the next start."""
        self._write_text("options.json", json.dumps(options, indent=1) + "\n")

    def append_stats(self, line: Mapping[str, float]) -> None:
        """One more line of stats.jsonl; `images` is its clock."""
        with (self.path / "stats.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def read_stats(self) -> list[dict[str, float]]:
        """The lines of stats.jsonl; a last line cut short by a kill is left out."""
        path = self.path / "stats.jsonl"
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        return [json.loads(line) for line in lines if line.endswith("}")]

    def rewind_stats(self, images: int) -> None:
        """Drop the lines after this many images: they were measured on a future that was lost."""
        kept = [line for line in self.read_stats() if line["images"] <= images]
        self._write_text("stats.jsonl", "".join(json.dumps(line) + "\n" for line in kept))

    def write_sample(self, sheet: Image.Image, *, images: int) -> Path:
        """Keep a sheet of samples."""
        path = self.path / "samples" / f"{images:09d}.png"
        sheet.save(path)
        return path

    # Snapshots

    def write_snapshot(self, snapshot: Snapshot, *, keep: int = 2) -> Path:
        """Write a snapshot, then remove all but the newest `keep`."""
        final = self.path / "snapshots" / f"{snapshot.images:09d}"
        if final.exists():
            if read_snapshot(final) is not None:
                return final
            shutil.rmtree(final)  # damaged: this one takes its place
        folder = final.with_suffix(".tmp")
        folder.mkdir()
        files: dict[str, dict[str, Any]] = {}
        for part, tensors in snapshot.parts.items():
            for name, shard in shards(part, tensors).items():
                save_file(shard, folder / name)
                files[name] = {
                    "part": part,
                    "bytes": (folder / name).stat().st_size,
                    "sha256": sha256(folder / name),
                }
        manifest = {"images": snapshot.images, "seconds": round(snapshot.seconds, 1), "files": files}
        (folder / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
        os.replace(folder, final)
        for old in self.snapshots()[:-keep]:
            shutil.rmtree(old)
        return final

    def snapshots(self) -> list[Path]:
        """Folders of complete snapshots, oldest first."""
        return sorted(path for path in (self.path / "snapshots").glob("*") if path.name.isdigit())

    def newest_snapshot(self) -> Snapshot | None:
        """The newest snapshot whose files are whole. None for a new run; DatasetError if all are damaged."""
        folders = self.snapshots()
        for folder in reversed(folders):
            snapshot = read_snapshot(folder)
            if snapshot is not None:
                return snapshot
        if folders:
            raise DatasetError(f"Every snapshot in {self.path} is damaged. Start again in another folder.")
        return None

    def write_generator(self, tensors: Mapping[str, Tensor], *, images: int, keep: int = 12) -> Path:
        """Keep a light copy of what would be shipped, and remove all but the newest `keep` of them."""
        path = self.path / "G_ema" / f"{images:09d}.safetensors"
        half_written = path.with_suffix(".tmp")
        save_file({name: tensor.cpu().contiguous() for name, tensor in tensors.items()}, half_written)
        os.replace(half_written, path)
        for old in sorted(path.parent.glob("*.safetensors"))[:-keep]:
            old.unlink()
        return path

    def _write_text(self, name: str, text: str) -> None:
        """Replace a text file in one go."""
        half_written = self.path / f"{name}.tmp"
        half_written.write_text(text, encoding="utf-8")
        os.replace(half_written, self.path / name)


def read_snapshot(folder: Path) -> Snapshot | None:
    """A snapshot folder's content, or None if a file is missing or not what its manifest says."""
    try:
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        parts: Parts = {}
        for name, entry in manifest["files"].items():
            if sha256(folder / name) != entry["sha256"]:
                return None
            parts.setdefault(entry["part"], {}).update(load_file(folder / name))
        return Snapshot(manifest["images"], manifest["seconds"], parts)
    except (OSError, ValueError, KeyError):
        return None


def shards(part: str, tensors: Mapping[str, Tensor], *, limit: int = FILE_BYTES) -> dict[str, dict[str, Tensor]]:
    """Split a part's tensors, in order, into files under `limit` bytes: G-1.safetensors, G-2.safetensors …"""
    groups: list[dict[str, Tensor]] = [{}]
    room = limit
    for name, tensor in tensors.items():
        if tensor.nbytes > room and groups[-1]:
            groups.append({})
            room = limit
        groups[-1][name] = tensor.detach().cpu().contiguous()
        room -= tensor.nbytes
    return {f"{part}-{number}.safetensors": group for number, group in enumerate(groups, 1)}


def sha256(path: Path) -> str:
    """The digest of a file, 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
