"""The pictures of one browser session: read once on arrival, shown losslessly, each with its result or error.

The session holds paths and facts only (a list of `Shot` in a `gr.State`), never pixels or networks. Files lie
under gradio's folder in directories with random names, so another session can neither list nor guess them.
"""

from __future__ import annotations

import base64
import hashlib
import io
import os
import secrets
import time
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engines.core.errors import ImageError, StudioError
from engines.core.image import Picture, read_image
from engines.core.job import Job, Progress, facts_line

SHOWN_PIXELS = 40_000_000  # larger results are shown reduced; the download is always whole
BEFORE_PIXELS = 24_000_000  # the same for what came in
THUMB = 112  # longest side of the picture in the list


@dataclass(frozen=True)
class Outcome:
    """What came out. path: the file for download; view: what the page shows (the same file unless huge)."""

    path: str
    view: str
    name: str
    width: int
    height: int
    bytes: int
    line: str  # model · device · precision · seconds
    words: str  # what the "after" side is called
    note: str
    key: str  # the options that made it

    @staticmethod
    def of(target: Path, made: Picture, job: Job, *, words: str, key: str, note: object = "") -> Outcome:
        """A result that was just written, as the page tells it. note: what is to be said besides."""
        height, width = made.size
        view, smaller = shown_copy(target, made)
        return Outcome(
            path=str(target),
            view=view,
            name=target.name,
            width=width,
            height=height,
            bytes=target.stat().st_size,
            line=facts_line(job.facts),
            words=words,
            note=" ".join(filter(None, (str(note or ""), smaller))),
            key=key,
        )


@dataclass(frozen=True)
class Shot:
    """One picture a person brought. Without `before` it could not be read, and `error` says why."""

    id: str
    path: str
    name: str
    width: int = 0
    height: int = 0
    before: str = ""
    thumb: str = ""
    note: str = ""
    error: str = ""
    outcome: Outcome | None = None

    def made_by(self, key: str) -> bool:
        """Whether these options have made its outcome already."""
        return self.outcome is not None and self.outcome.key == key


def files_folder() -> Path:
    """Where gradio serves files from; `studio.serve.private_folder` has set it."""
    return Path(os.environ["GRADIO_TEMP_DIR"]).resolve()


def new_file(name: str) -> Path:
    """A path for a file that will be served: nobody can guess its folder, its name is the one people see."""
    folder = files_folder() / secrets.token_hex(16)
    folder.mkdir(parents=True)
    return folder / name


def uploaded(path: str | None) -> Path:
    """The path of a file a client sent; anything outside gradio's folder is refused."""
    found = Path(path or "").resolve()
    if not path or not found.is_file() or not found.is_relative_to(files_folder()):
        raise ImageError("Send the picture as an uploaded file.")
    return found


def shown_name(path: Path) -> str:
    """A file's name as people see it."""
    return path.name or "picture"


def eight_bit(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    """uint8 or uint16 (H, W, C) as uint8, rounded: only for looking at."""
    if pixels.dtype == np.uint16:
        return ((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8)
    return pixels.astype(np.uint8, copy=False)


def for_page(pixels: NDArray[Any], limit: int) -> tuple[Image.Image, bool]:
    """A picture the browser can show, and whether it had to be reduced."""
    area = pixels.shape[0] * pixels.shape[1]
    step = max(1, int((area / (4 * limit)) ** 0.5))  # first drop whole pixels: a full copy could be huge
    image = Image.fromarray(np.ascontiguousarray(eight_bit(pixels[::step, ::step])))
    if area <= limit:
        return image, False
    area = image.width * image.height
    factor = (limit / area) ** 0.5
    size = (max(1, int(image.width * factor)), max(1, int(image.height * factor)))
    return image.resize(size, Image.Resampling.LANCZOS, reducing_gap=2.0), True


def data_url(image: Image.Image, side: int, quality: int = 82) -> str:
    """A small JPEG inside the page itself: thumbnails and live previews."""
    small = image.copy()
    small.thumbnail((side, side))
    if small.mode == "RGBA":
        paper = Image.new("RGB", small.size, (232, 232, 228))
        paper.paste(small, mask=small.getchannel("A"))
        small = paper
    buffer = io.BytesIO()
    small.convert("RGB").save(buffer, "JPEG", quality=quality)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def read_shot(path: Path) -> Shot:
    """Read a picture as soon as it arrives, so that a broken one is said at once and not after a wait."""
    shot = Shot(id=secrets.token_hex(8), path=str(path), name=shown_name(path))
    try:
        picture = read_image(path, shot.name)
    except StudioError as error:
        return replace(shot, error=str(error))
    height, width = picture.pixels.shape[:2]
    image, _ = for_page(picture.pixels, BEFORE_PIXELS)
    before = path
    if not browser_shows(path):
        before = new_file("before.png")
        save_view(image, before, picture.icc)
    thumb = data_url(image, THUMB)
    note = picture.note or ""
    return replace(shot, width=width, height=height, before=str(before), thumb=thumb, note=note)


def browser_shows(path: Path) -> bool:
    """Whether a browser shows this file as the engine reads it: then it need not be sent again, ten times as large."""
    with Image.open(path) as image:
        plain = image.format in ("JPEG", "PNG", "WEBP") and image.mode in ("1", "L", "LA", "P", "RGB", "RGBA")
        still = getattr(image, "n_frames", 1) == 1
        small = image.width * image.height <= BEFORE_PIXELS
    return plain and still and small and path.suffix.lower() in (".jpg", ".jpeg", ".png", ".webp")


def read_shots(paths: Iterable[Path], job: Job) -> list[Shot]:
    """Read several; one that fails carries its sentence."""
    shots = []
    for path in paths:
        job.check()
        shots.append(read_shot(path))
    return shots


def save_view(image: Image.Image, path: Path, icc: bytes | None) -> None:
    """A lossless PNG for the browser, in its own profile; level 1 is five times faster than PIL's default."""
    image.save(path, "PNG", compress_level=1, **({"icc_profile": icc} if icc else {}))


def shown_copy(path: Path, picture: Picture) -> tuple[str, str]:
    """The file the page shows for a result, and a note if that is a smaller copy."""
    image, reduced = for_page(picture.pixels, SHOWN_PIXELS)
    if not reduced:
        return str(path), ""
    view = new_file("view.png")
    save_view(image, view, picture.icc)
    size = f"{image.width} × {image.height}"
    return str(view), f"The page shows a copy of {size}; the download has every pixel."


def unique(names: Sequence[str]) -> list[str]:
    """The same names, where a second cat.png becomes cat (2).png."""
    taken: set[str] = set()
    result = []
    for name in names:
        stem, suffix, free, count = Path(name).stem, Path(name).suffix, name, 1
        while free.lower() in taken:
            count += 1
            free = f"{stem} ({count}){suffix}"
        taken.add(free.lower())
        result.append(free)
    return result


def bundle(shots: Sequence[Shot], name: str) -> dict[str, Any] | None:
    """One zip of all results under their own names; None for fewer than two."""
    outcomes = [shot.outcome for shot in shots if shot.outcome]
    if len(outcomes) < 2:
        return None
    secret = hashlib.sha256("|".join(outcome.path for outcome in outcomes).encode()).hexdigest()[:32]
    target = files_folder() / secret / name  # the same results make the same zip, which is then there already
    if not target.exists():
        names = unique([outcome.name for outcome in outcomes])
        partial = new_file(name)
        with zipfile.ZipFile(partial, "w", zipfile.ZIP_STORED) as archive:  # pictures are compressed already
            for outcome, free in zip(outcomes, names, strict=True):
                archive.write(outcome.path, free)
        target.parent.mkdir(exist_ok=True)
        os.replace(partial, target)
    return {"path": str(target), "name": name, "count": len(outcomes)}


def view(
    shots: Sequence[Shot],
    *,
    work: dict[str, Any] | None = None,
    queued: Sequence[str] = (),
    archive: dict[str, Any] | None = None,
    current: str | None = None,
) -> dict[str, Any]:
    """The value of the stage (studio/web/stage.js)."""
    busy = work["id"] if work else None
    return {
        "items": [_item(shot, busy, queued) for shot in shots],
        "work": work,
        "zip": archive,
        "current": current,
    }


class Batch:
    """How far a run over several pictures is: each counts by its pixels."""

    def __init__(self, shots: Sequence[Shot]) -> None:
        self._ids = [shot.id for shot in shots]
        self._sizes = [shot.width * shot.height for shot in shots]
        self._began = time.monotonic()

    def waiting(self, index: int) -> list[str]:
        """The pictures after this one."""
        return self._ids[index + 1 :]

    def look(self, index: int, now: Progress) -> dict[str, Any]:
        """The `work` of `view` while the picture at this index is worked on."""
        count, total = len(self._sizes), max(1, sum(self._sizes))
        seconds = time.monotonic() - self._began
        fraction = (sum(self._sizes[:index]) + now.fraction * self._sizes[index]) / total
        left = now.remaining
        if count > 1:
            left = seconds * (1 - fraction) / fraction if fraction > 0.03 and seconds > 2 else None
        return {
            "id": self._ids[index],
            "fraction": round(fraction, 4),
            "message": now.message if count == 1 else f"{index + 1} of {count} · {now.message}",
            "seconds": round(seconds, 1),
            "remaining": None if left is None else round(left, 1),
            "preview": None if now.preview is None else data_url(Image.fromarray(now.preview), 900),
        }


def _item(shot: Shot, busy: str | None, queued: Sequence[str]) -> dict[str, Any]:
    if shot.id == busy:
        status = "working"
    elif shot.id in queued:
        status = "queued"
    elif shot.error:
        status = "failed"
    else:
        status = "done" if shot.outcome else "ready"
    out = shot.outcome
    return {
        "id": shot.id,
        "name": shot.name,
        "width": shot.width,
        "height": shot.height,
        "before": shot.before,
        "thumb": shot.thumb,
        "note": shot.note,
        "error": shot.error,
        "status": status,
        "result": None
        if out is None
        else {
            "path": out.path,
            "view": out.view,
            "name": out.name,
            "width": out.width,
            "height": out.height,
            "bytes": out.bytes,
            "line": out.line,
            "words": out.words,
            "note": out.note,
        },
    }
