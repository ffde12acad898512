"""What the Colorize tab and the API tool `colorize` share: options, and the way from a file to a file."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from gradio import FileData

from engines import Engines
from engines.colorization import Colorization, Hint, Look, parse_colour, split_hints
from engines.core.errors import OptionError
from engines.core.job import Fact, Job
from studio.jobs import follow, handler
from studio.pictures import Outcome, new_file, uploaded

ENGINE = "colorization"
MODEL = "colorize"
FORMATS = {"PNG": ".png", "JPEG": ".jpg", "WebP": ".webp"}
NOT_RECORDED = ("suffix", "model")  # a recipe names the model by itself
POINTS = 100  # of one stroke


@dataclass(frozen=True)
class Options:
    """What one picture is coloured with. hints: "x,y,#rrggbb …" in pixels; palette: "#rrggbb …"; reference: a path."""

    model: str = MODEL
    strength: float = 1.0
    saturation: float = 1.0
    warmth: float = 0.0
    balance: float = 0.0
    repair: float = 0.0
    clean: bool = False
    hints: str = ""
    palette: str = ""
    reference: str = ""
    variant: int = 0
    seed: int = 0
    suffix: str = ".png"

    @property
    def key(self) -> str:
        """Two runs with the same key give the same file."""
        return json.dumps(vars(self), sort_keys=True)

    @property
    def look(self) -> Look:
        """The part that needs no network."""
        return Look(self.strength, self.saturation, self.warmth, self.balance, self.repair)

    def recorded(self) -> dict[str, Fact]:
        """What the recipe keeps: only what was used."""
        plain = vars(Options())
        kept = {name: value for name, value in vars(self).items() if name not in NOT_RECORDED and value != plain[name]}
        return {"strength": self.strength, "saturation": self.saturation, **kept}


def colorize_file(engines: Engines, source: Path, name: str, *, options: Options, job: Job) -> Outcome:
    """One picture from file to file, with everything the page wants to say about it."""
    target = new_file(f"{Path(name).stem or 'picture'}_colour{options.suffix}")
    made = engines[Colorization].colorize_file(
        source, target, options=options.recorded(), model=options.model, name=name, job=job
    )
    return Outcome.of(target, made, job, words="In colour", key=options.key, note=job.facts.get("note"))


def panel_options(
    panel: tuple[Any, ...], edit: Mapping[str, Any], reference: str, size: tuple[int, int], *, model: str = MODEL
) -> Options:
    """The panel's values and one picture's own edits as options, checked: a client may send anything.

    panel: strength, saturation, warmth, balance, repair, palette, clean, format. edit: hints (x, y in [0, 1], colour,
    and path, further [x, y] of a stroke), variant, seed. size: (width, height) of the picture.
    """
    strength, saturation, warmth, balance, repair, palette, clean, kind = panel
    try:
        hints = []
        for hint in list(edit.get("hints") or [])[:200]:
            path = list(hint.get("path") or [])[:POINTS]
            (x, y), *rest = [_inside(point, size) for point in ((hint["x"], hint["y"]), *path)]
            hints.append(str(Hint(x, y, parse_colour(str(hint["colour"])), tuple(rest))))
        colours = " ".join(str(palette or "").replace(",", " ").split())
        for colour in colours.split():
            parse_colour(colour)
        return Options(
            model=model,
            strength=float(strength),
            saturation=float(saturation),
            warmth=float(warmth),
            balance=float(balance),
            repair=float(repair),
            clean=bool(clean),
            hints=" ".join(hints),
            palette=colours,
            reference=str(uploaded(reference)) if reference else "",
            variant=int(edit.get("variant") or 0),
            seed=int(edit.get("seed") or 0),
            suffix=FORMATS.get(str(kind), ".png"),
        )
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise OptionError("These settings cannot be read. Load the page again.") from error


def _inside(point: Sequence[Any], size: tuple[int, int]) -> tuple[float, float]:
    """x and y in parts of a picture's sides -> pixels of it, moved inside."""
    x, y = (min(side - 0.5, min(max(float(v), 0.0), 1.0) * side) for v, side in zip(point, size, strict=True))
    return x, y


def api(engines: Engines) -> Callable[..., Iterator[Any]]:
    """The function behind the API and MCP tool `colorize`."""

    def colorize(
        photo: Any,
        strength: float = 1.0,
        saturation: float = 1.0,
        hints: str = "",
        palette: str = "",
        reference: Any = None,
        variant: int = 0,
        seed: int = 0,
        warmth: float = 0.0,
        repair: float = 0.0,
        clean: bool = False,
        model: str = MODEL,
        format: Literal["png", "jpeg", "webp"] = "png",
        balance: float = 0.0,
    ) -> Iterator[tuple[FileData | None, dict[str, Any]]]:
        """Give a greyscale or sepia photo believable colour with a network that runs on this machine.

        Luminance stays what it was, so nothing gets blurred. Keeps EXIF, transparency and 16 bits, and marks the file
        as edited by AI. Returns the picture and facts: model, device, precision, seconds, width, height, input, note.

        Args:
            photo: The picture: JPEG, PNG, WebP, TIFF, AVIF, GIF or BMP.
            strength: 0 leaves it as it is, 1 is all the colour.
            saturation: 0 to 2.
            hints: Colours for places, "x,y,#rrggbb x,y,#rrggbb", in pixels; "x,y,x,y,#rrggbb" is a stroke.
            palette: Up to seven colours to use, "#rrggbb #rrggbb".
            reference: A picture in colour to take the colours from.
            variant: 0 for the likeliest colours, 1 to 6 for others.
            seed: What the other variants are.
            warmth: -1 is cool, 1 is warm.
            repair: 0 to 1, how far faded blacks and whites are stretched.
            clean: Take out dust and thin straight scratches first; may take a wire or a light in an eye for one.
            model: Which network: colorize, or one that is downloaded once, such as ddcolor.
            format: png is lossless; jpeg is small; webp is lossless and small.
            balance: 0 to 1, white balance: how much of the colouring's cast is taken out.
        """
        path = uploaded(_path(photo))
        suffix = {name.lower(): ending for name, ending in FORMATS.items()}.get(format)
        if suffix is None:
            raise OptionError("The format is png, jpeg or webp.")
        options = Options(
            model=str(model),
            strength=float(strength),
            saturation=float(saturation),
            warmth=float(warmth),
            balance=float(balance),
            repair=float(repair),
            clean=bool(clean),
            hints=" ".join(split_hints(str(hints or ""))),
            palette=" ".join(str(palette or "").replace(",", " ").split()),
            reference=str(uploaded(_path(reference))) if reference else "",
            variant=int(variant),
            seed=int(seed),
            suffix=suffix,
        )
        facts: dict[str, Any] = {}

        def work(job: Job) -> Outcome:
            outcome = colorize_file(engines, path, path.name, options=options, job=job)
            facts.update(job.facts)
            return outcome

        outcome = yield from follow(work, lambda now: (None, {"fraction": round(now.fraction, 3)}))
        yield FileData(path=outcome.path, orig_name=outcome.name), facts

    colorize.__doc__ = inspect.cleandoc(colorize.__doc__ or "")
    colorize.__annotations__["photo"] = FileData  # for clients; gradio hands it over as a dict
    colorize.__annotations__["reference"] = FileData | None
    colorize.__annotations__["return"] = tuple[FileData, dict[str, Any]]
    return handler(colorize)


def _path(sent: Any) -> str | None:
    """The path in what a client sent for a file."""
    return str(sent.get("path")) if isinstance(sent, dict) else None
