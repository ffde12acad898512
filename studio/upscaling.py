"""What the Upscale tab and the API tool `upscale` share: the options, and the way from a file to a file."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from gradio import FileData

from engines import Engines
from engines.core.errors import OptionError
from engines.core.job import Job
from engines.super_resolution import SuperResolution
from studio.jobs import follow, handler
from studio.pictures import Outcome, Shot, new_file, uploaded

ENGINE = "super_resolution"
FORMATS = {"PNG": ".png", "JPEG": ".jpg", "WebP": ".webp"}
NOTHING = "Add a picture to see its new size."


@dataclass(frozen=True)
class Options:
    """What the panel says. denoise is None for models without that slider."""

    model: str
    scale: float
    strength: float
    denoise: float | None
    suffix: str

    @property
    def key(self) -> str:
        """Two runs with the same key give the same file."""
        return json.dumps(vars(self), sort_keys=True)

    @property
    def factor(self) -> str:
        """4x, 2.5x."""
        return f"{self.scale:g}x"


def upscale_file(engines: Engines, source: Path, name: str, *, options: Options, job: Job) -> Outcome:
    """One picture from file to file, with everything the page wants to say about it."""
    target = new_file(f"{Path(name).stem or 'picture'}_{options.factor}{options.suffix}")
    made = engines[SuperResolution].upscale_file(
        source,
        target,
        model=options.model,
        scale=options.scale,
        strength=options.strength,
        denoise=options.denoise,
        job=job,
    )
    return Outcome.of(target, made, job, words=f"{options.scale:g}×", key=options.key)


def target_size(engines: Engines, shots: Sequence[Shot], scale: float) -> str:
    """What a run would make: `800 × 600 → 3200 × 2400`, or why it cannot."""
    good = [shot for shot in shots if shot.width]
    if not good:
        return NOTHING
    largest = max(good, key=lambda shot: shot.width * shot.height)
    try:
        height, width = engines[SuperResolution].output_size(largest.height, largest.width, scale)
    except OptionError as error:
        return str(error)
    megapixels = width * height / 1e6
    size = f"{largest.width} × {largest.height} → {width} × {height}"
    pixels = f"{megapixels:.0f}" if megapixels >= 10 else f"{megapixels:.1f}"
    return f"{size} · {pixels} megapixels" if len(good) == 1 else f"{len(good)} pictures · largest {size}"


def api(engines: Engines) -> Callable[..., Iterator[Any]]:
    """The function behind the API and MCP tool `upscale`."""
    ids = [card.id for card in engines.catalogue.cards(engine=ENGINE)]

    def upscale(
        photo: Any,
        scale: float = 4.0,
        model: str = ids[0] if ids else "",
        strength: float = 1.0,
        denoise: float = 0.5,
        format: Literal["png", "jpeg", "webp"] = "png",
    ) -> Iterator[tuple[FileData | None, dict[str, Any]]]:
        """Enlarge one photo and make it sharper with a super-resolution network that runs on this machine.

        Keeps EXIF, colour profile, transparency and 16 bits, and marks the file as edited by AI.
        Returns the picture and facts: model, device, precision, seconds, width, height, bytes.

        Args:
            photo: The picture: JPEG, PNG, WebP, TIFF, AVIF, GIF or BMP.
            scale: How many times larger, 1 to 8. 1 restores at the same size.
            model: The network. One of: MODELS.
            strength: 0 is a plain enlargement, 1 the network's full effect.
            denoise: 0 keeps grain and noise, 1 removes it; used only by models that have this option.
            format: png is lossless; jpeg is small; webp is lossless and small.
        """
        card = engines.catalogue[model]
        path = uploaded(str(photo.get("path")) if isinstance(photo, dict) else None)
        suffix = {name.lower(): ending for name, ending in FORMATS.items()}.get(format)
        if suffix is None:
            raise OptionError("The format is png, jpeg or webp.")
        grain = float(denoise) if card.denoise else None
        options = Options(card.id, float(scale), float(strength), grain, suffix)
        facts: dict[str, Any] = {}

        def work(job: Job) -> Outcome:
            outcome = upscale_file(engines, path, path.name, options=options, job=job)
            facts.update(job.facts)
            return outcome

        outcome = yield from follow(work, lambda now: (None, {"fraction": round(now.fraction, 3)}))
        yield FileData(path=outcome.path, orig_name=outcome.name), facts

    upscale.__doc__ = inspect.cleandoc(upscale.__doc__ or "").replace("MODELS", ", ".join(ids))
    upscale.__annotations__["photo"] = FileData  # for clients; gradio hands it over as a dict
    upscale.__annotations__["return"] = tuple[FileData, dict[str, Any]]
    return handler(upscale)
