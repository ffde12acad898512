"""The API and MCP tools `inpaint` and `outpaint`."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from gradio import FileData
from PIL import Image

from engines import Engines
from engines.core.errors import OptionError
from engines.core.image import read_image
from engines.core.job import Job
from engines.inpainting import MODEL, Inpainting
from studio.inpainting import FORMATS, Options, fill_file, fillers
from studio.jobs import follow, handler
from studio.pictures import Outcome, new_file, uploaded

Format = Literal["png", "jpeg", "webp"]
Answer = Iterator[tuple[FileData | None, dict[str, Any]]]
BOTH = "Send a mask, or say what to look for: scratches, text or date. One of the two."


def inpaint_tool(engines: Engines) -> Callable[..., Iterator[Any]]:
    """The function behind the API and MCP tool `inpaint`."""

    def inpaint(
        photo: Any,
        mask: Any = None,
        auto: Literal["", "scratches", "text", "date"] = "",
        expand: int = 0,
        feather: int = 2,
        detail: float = 1.0,
        seed: int = 0,
        model: str = MODEL,
        format: Format = "png",
    ) -> Answer:
        """Remove what a mask covers from a photo and fill the hole in, with a network that runs on this machine.

        Every pixel outside the mask stays as it was, to the bit. Keeps EXIF, transparency and 16 bits, and marks the
        file as edited by AI. Returns the picture and facts: model, device, precision, seconds, width, height, filled
        (percent of the picture), sharpness (0 to 1), note, which says so if the fill came out blurry, and faces,
        how many that the mask had cut were made up.

        Args:
            photo: The picture: JPEG, PNG, WebP, TIFF, AVIF, GIF or BMP.
            mask: A picture of the same shape, white where to fill. Not needed with auto.
            auto: Find by itself what should go: scratches (and dust), text (laid over it) or date (a date stamp).
            expand: Pixels by which the mask grows, -64 to 64.
            feather: Pixels of soft border around the mask, 0 to 64.
            detail: 0 for the network's own, softer fill, 1 for one laid of what is around it.
            seed: 0 for the likeliest fill; others differ.
            model: Which network. One of: MODELS.
            format: png is lossless; jpeg is small; webp is lossless and small.
        """
        path, suffix = uploaded(path_of(photo)), suffix_of(format)
        if bool(mask) == bool(auto):
            raise OptionError(BOTH)
        sent = str(uploaded(path_of(mask))) if mask else ""
        options = Options("inpaint", str(model), int(seed), int(expand), int(feather), float(detail), sent)

        def work(job: Job, facts: dict[str, Any]) -> Outcome:
            chosen = options if sent else replace(options, mask=_found(engines, path, auto, job.part(0, 0.2)))
            rest = job if sent else job.part(0.2, 1)
            return _made(engines, path, replace(chosen, suffix=suffix), rest, facts)

        yield from answered(work)

    return documented(engines, inpaint, "photo", "mask")


def outpaint_tool(engines: Engines) -> Callable[..., Iterator[Any]]:
    """The function behind the API and MCP tool `outpaint`."""

    def outpaint(
        photo: Any,
        left: int = 0,
        right: int = 0,
        top: int = 0,
        bottom: int = 0,
        detail: float = 1.0,
        seed: int = 0,
        model: str = MODEL,
        format: Format = "png",
    ) -> Answer:
        """Extend a photo beyond its sides with a network that runs on this machine; the old part stays as it was.

        Keeps EXIF, transparency and 16 bits, and marks the file as edited by AI. Returns the picture and facts:
        model, device, precision, seconds, width, height, filled, sharpness and note.

        Args:
            photo: The picture: JPEG, PNG, WebP, TIFF, AVIF, GIF or BMP.
            left: Pixels to add on the left, at most the picture's width.
            right: Pixels to add on the right, at most the picture's width.
            top: Pixels to add above, at most the picture's height.
            bottom: Pixels to add below, at most the picture's height.
            detail: 0 for the network's own, softer picture, 1 for one laid of what is there.
            seed: 0 for the likeliest extension; others differ.
            model: Which network. One of: MODELS.
            format: png is lossless; jpeg is small; webp is lossless and small.
        """
        path, suffix = uploaded(path_of(photo)), suffix_of(format)
        options = Options(
            verb="outpaint",
            model=str(model),
            seed=int(seed),
            feather=0,
            detail=float(detail),
            left=int(left),
            right=int(right),
            top=int(top),
            bottom=int(bottom),
            suffix=suffix,
        )
        yield from answered(lambda job, facts: _made(engines, path, options, job, facts))

    return documented(engines, outpaint, "photo")


def _made(engines: Engines, path: Path, options: Options, job: Job, facts: dict[str, Any]) -> Outcome:
    """The work itself; facts gain what the job knows."""
    outcome = fill_file(engines, path, path.name, options=options, job=job)
    facts.update(job.facts)
    return outcome


def _found(engines: Engines, path: Path, kind: str, job: Job) -> str:
    """A mask made by itself, as a file. OptionError where nothing is found."""
    mask = engines[Inpainting].auto_mask(read_image(path, srgb=True).pixels, kind, job=job)
    if not mask.any():
        raise OptionError(f"No {kind} found in this picture. Send a mask of what should go.")
    target = new_file(f"{kind}.png")
    Image.fromarray(mask).save(target)
    return str(target)


def answered(work: Callable[[Job, dict[str, Any]], Outcome]) -> Answer:
    """Progress while it works, then the file and its facts."""
    facts: dict[str, Any] = {}
    outcome = yield from follow(lambda job: work(job, facts), lambda now: (None, {"fraction": round(now.fraction, 3)}))
    yield FileData(path=outcome.path, orig_name=outcome.name), facts


def documented(engines: Engines, tool: Callable[..., Answer], *files: str) -> Callable[..., Iterator[Any]]:
    """The tool as clients are told of it."""
    ids = [card.id for card in fillers(engines)]
    tool.__doc__ = inspect.cleandoc(tool.__doc__ or "").replace("MODELS", ", ".join(ids))
    for name in files:  # gradio hands files over as dicts
        tool.__annotations__[name] = FileData | None if name == "mask" else FileData
    tool.__annotations__["format"] = Format
    tool.__annotations__["return"] = tuple[FileData, dict[str, Any]]
    return handler(tool)


def suffix_of(format: str) -> str:
    suffix = {name.lower(): ending for name, ending in FORMATS.items()}.get(format)
    if suffix is None:
        raise OptionError("The format is png, jpeg or webp.")
    return suffix


def path_of(sent: Any) -> str | None:
    """The path in what a client sent for a file."""
    return str(sent.get("path")) if isinstance(sent, dict) else None
