"""Colorization: believable colour for greyscale photographs, alone, after hints, a palette or another picture."""

from __future__ import annotations

import argparse
import dataclasses
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from torch.nn import functional as F

from engines.colour import suggest
from engines.colour.blend import Look, lay_on, without_warmth
from engines.colour.cleanup import mended
from engines.colour.hints import RGB, Hint, checked, draw, hex_of, parse_colour, parse_hint, split_hints
from engines.colour.notes import remarks
from engines.colour.passes import Run, Suggestion, halved, other, repainted, seen
from engines.colour.scan import colourfulness, examine
from engines.colour.scratches import filler
from engines.core.card import ModelCard
from engines.core.engine import Command, Engine, Example
from engines.core.errors import CardError, OptionError
from engines.core.files import edit_file
from engines.core.image import Picture, Pixels, read_image
from engines.core.job import Fact, Job, take

__all__ = ["Colorization", "Hint", "Look", "Suggestion", "hex_of", "parse_colour", "parse_hint", "split_hints"]

MODEL = "colorize"
VARIANTS = 6  # suggestions beside the first
SEEDS = 2**31 - 1  # the largest seed
PALETTE = 7  # colours of a palette
PALE = 6.0  # colourfulness under which the network has found no colour worth the name


class Colorization(Engine):
    """Gives colour to pictures without touching their luminance."""

    name = "colorization"

    def colorize(
        self,
        image: Pixels,
        *,
        model: str = MODEL,
        strength: float = 1.0,
        saturation: float = 1.0,
        warmth: float = 0.0,
        balance: float = 0.0,
        repair: float = 0.0,
        clean: bool = False,
        hints: Sequence[Hint] = (),
        palette: Sequence[RGB] = (),
        reference: Pixels | None = None,
        variant: int = 0,
        seed: int = 0,
        job: Job | None = None,
    ) -> Pixels:
        """Colour a picture.

        image: uint8 or uint16 (H, W, 3) RGB or (H, W, 4) RGBA; the result has the same shape and dtype, the same alpha
        and the same luminance within rounding, unless repair is above 0 or, where faults were found, `clean` is on.
        Tinted pictures and pictures in colour lose their own colours first; job.facts["note"] says so, and also when
        hardly any colour was found.
        strength: 0 (as it came) to 1.  saturation: 0 to 2.  warmth: -1 (cool) to 1 (warm).
        balance: 0 to 1, white balance: how much of the colouring's own cast is taken out.
        repair: 0 to 1, how far faded blacks and whites are stretched.  clean: see `clean`.
        hints: colours for places, in pixels of the picture.  palette: up to 7 colours to use.
        reference: a picture in colour to take colours from, from where it shows similar things.
        variant: 0 for the likeliest colours, 1 to 6 for others; `seed` changes what the others are.
        job.facts gain model, title, device, precision, seconds, input, colourfulness, note.

        CardError: unknown model.  OptionError: a value out of range.
        """
        job, start = take(job), time.perf_counter()
        look = _look(strength, saturation, warmth, balance, repair)
        self._card(model)
        _check_image(image)
        if clean:
            image = self.clean(image, job=job.part(0, 0.5))
        found = self.suggest(
            image,
            model=model,
            hints=hints,
            palette=palette,
            reference=reference,
            variant=variant,
            seed=seed,
            job=job.part(0.5 if clean else 0, 0.7),
        )
        result = self.blend(image, found, look=look, job=job.part(0.7, 1.0))
        job.note(seconds=round(time.perf_counter() - start, 3))
        return result

    def suggest(
        self,
        image: Pixels,
        *,
        model: str = MODEL,
        hints: Sequence[Hint] = (),
        palette: Sequence[RGB] = (),
        reference: Pixels | None = None,
        variant: int = 0,
        seed: int = 0,
        urgent: bool = False,
        job: Job | None = None,
    ) -> Suggestion:
        """The network's part of `colorize`: a small colour map. urgent: before other work, for a person who waits."""
        many = self.suggestions(
            image,
            count=_whole("variant", variant, VARIANTS) + 1,
            model=model,
            hints=hints,
            palette=palette,
            reference=reference,
            seed=seed,
            urgent=urgent,
            job=job,
        )
        return many[-1]

    def suggestions(
        self,
        image: Pixels,
        *,
        count: int = 3,
        model: str = MODEL,
        hints: Sequence[Hint] = (),
        palette: Sequence[RGB] = (),
        reference: Pixels | None = None,
        seed: int = 0,
        urgent: bool = False,
        job: Job | None = None,
    ) -> list[Suggestion]:
        """The likeliest colouring and others that differ from it and from each other, where the picture allows."""
        job, start = take(job), time.perf_counter()
        seed = _whole("seed", seed, SEEDS)
        card = self._card(model)
        _check_image(image)
        if len(palette) > PALETTE:
            raise OptionError(f"A palette has at most {PALETTE} colours; these are {len(palette)}. Remove some.")
        if reference is not None:
            _check_image(reference)
            given = examine(reference)
            if given == "grey":
                raise OptionError("The reference picture has no colours to take over. Choose one in colour.")
        height, width = image.shape[:2]
        hints = checked(hints, height, width)
        kind = examine(image)
        looks = seen(image, card)[: 1 if reference is not None else None]  # colours of a reference are laid at one size
        L = looks[-1]
        drawn = [draw(hints, look, height=height, width=width) for look in looks]
        with self.residency.lease(card, job=job.part(0, 0.1)) as network:
            steps = 3 if reference is not None else len(looks)
            run = Run(self.residency, network, job.part(0.1, 1.0), urgent, steps=steps)
            job.note(model=card.id, title=card.title, device=self.residency.device.name, precision=network.precision)
            if reference is None:
                first = run(looks, drawn, kind)
            else:
                cells = run.match(L, reference)
                first = run(looks, [suggest.cells_to_input(cells, L, drawn[0])], kind)
                first = dataclasses.replace(first, one_tint=given == "tinted")
        taken = F.max_pool2d(drawn[-1][:, 2:], suggest.CELL)[0, 0].numpy() > 0
        if palette:
            ab = suggest.after_palette(first.ab, halved(L), first.field, palette, seed=seed, taken=taken)
            first = repainted(first, ab, variant=0)
        found = [first]
        for variant in range(1, count):
            job.check()
            found.append(other(L, found, seed=seed, variant=variant, taken=taken))
        job.note(seconds=round(time.perf_counter() - start, 3), input=kind)
        job.report(1.0)
        return found

    def blend(self, image: Pixels, suggestion: Suggestion, *, look: Look, job: Job | None = None) -> Pixels:
        """Lay a suggestion on its picture, or on a smaller copy of it. No network runs: sliders may call it freely."""
        job = take(job)
        _check_image(image)
        look = _look(*dataclasses.astuple(look))
        result = lay_on(
            image,
            suggestion.ab,
            look,
            tinted=suggestion.kind != "grey",
            progress=lambda fraction: job.report(fraction, "Laying on the colours"),
        )
        amount = found = colourfulness(result)
        asked = min(look.strength, look.saturation) >= 0.7
        if asked and look.warmth:  # which the network did not find
            found = colourfulness(without_warmth(image, suggestion.ab, look, tinted=suggestion.kind != "grey"))
        note = remarks(suggestion, laid_on=look.strength > 0, pale=asked and found < PALE)
        job.note(colourfulness=round(amount, 1), note=note)
        return result

    def clean(self, image: Pixels, *, quick: bool = False, job: Job | None = None) -> Pixels:
        """Take dust and thin, straight scratches out of a scan; every other pixel stays as it is.

        They are told by their shape alone, so wires against the sky and lights in eyes may go too. The inpainting
        network fills scratches where it is at hand, unless it has to be quick. job.facts gain cleaned, in percent.
        """
        job = take(job)
        _check_image(image)
        result, mask = mended(image, fill=None if quick else filler(self.catalogue, self.residency), job=job)
        job.note(cleaned=round(100 * float((mask > 0).mean()), 2))
        return result

    def colorize_file(
        self,
        source: Path | str,
        target: Path | str,
        *,
        options: Mapping[str, Fact],
        model: str = MODEL,
        name: str | None = None,
        job: Job | None = None,
    ) -> Picture:
        """`colorize` from file to file, with all metadata, the mark and the recipe.

        options: as the recipe records them: strength, saturation, warmth, balance, repair, clean, variant, seed; hints
        as text ("x,y,#rrggbb x,y,#rrggbb"), palette as text ("#rrggbb #rrggbb"), reference as a path. name: what to
        call it.
        """
        self._card(model)  # an unknown model is told before any work
        recorded = dict(options)
        if recorded.get("reference"):
            recorded["reference"] = Path(str(recorded["reference"])).name
        return edit_file(
            source,
            target,
            tool="colorize",
            options=recorded,
            edit=lambda pixels, part: self._edit(pixels, {**options, "model": model}, part),
            name=name,
            job=job,
        )

    def _card(self, model: str) -> ModelCard:
        card = self.catalogue[model]
        if card.engine != self.name:
            raise CardError(f"{card.title} does not colour pictures. Choose a model that does.")
        return card

    def examples(self) -> Iterator[Example]:
        """One small picture in 8 bits, one with alpha and a hint in 16, and one of a single pixel."""
        rng = np.random.default_rng(0)
        rgb = rng.integers(0, 256, (20, 30, 3), np.uint8)
        rgba = rng.integers(0, 65536, (24, 16, 4), np.uint16)
        yield Example("colorize", (rgb,), {}, (20, 30, 3))
        hint = Hint(4, 5, (200, 60, 40))
        yield Example("colorize", (rgba,), {"hints": (hint,), "variant": 1}, (24, 16, 4), "uint16")
        yield Example("colorize", (rgb[:1, :1],), {"saturation": 1.5}, (1, 1, 3))

    def commands(self) -> list[Command]:
        """`colorize` for the command line."""
        return [Command("colorize", "give colour to greyscale pictures", _arguments, _options, self._edit)]

    def _edit(self, pixels: Pixels, options: Mapping[str, Fact], job: Job) -> Pixels:
        """`colorize` with options as a recipe records them."""
        rest: dict[str, Any] = dict(options)
        hints = tuple(parse_hint(text) for text in split_hints(str(rest.pop("hints", None) or "")))
        palette = tuple(parse_colour(text) for text in str(rest.pop("palette", None) or "").split())
        path = rest.pop("reference", None)
        reference = read_image(Path(str(path)), srgb=True).pixels if path else None
        return self.colorize(pixels, hints=hints, palette=palette, reference=reference, job=job, **rest)


def _look(strength: float, saturation: float, warmth: float, balance: float, repair: float) -> Look:
    """The five amounts, checked."""
    bounds: tuple[tuple[str, float, float, float], ...] = (
        ("Strength", strength, 0, 1),
        ("Saturation", saturation, 0, 2),
        ("Warmth", warmth, -1, 1),
        ("Balance", balance, 0, 1),
        ("Repair", repair, 0, 1),
    )
    for name, value, low, high in bounds:
        if isinstance(value, bool) or not (isinstance(value, int | float) and low <= value <= high):
            raise OptionError(f"{name} goes from {low:g} to {high:g}; {value} is outside. Choose a value between.")
    return Look(float(strength), float(saturation), float(warmth), float(balance), float(repair))


def _whole(name: str, value: int, most: int) -> int:
    if not (isinstance(value, int) and 0 <= value <= most):
        raise OptionError(
            f"{name.capitalize()} goes from 0 to {most}; {value} is outside. Choose a whole number between."
        )
    return value


def _check_image(image: Pixels) -> None:
    if image.dtype not in (np.uint8, np.uint16) or image.ndim != 3 or image.shape[2] not in (3, 4) or not image.size:
        raise OptionError("An image is an array of uint8 or uint16 with the shape (height, width, 3 or 4).")


def _arguments(parser: argparse.ArgumentParser) -> None:
    add: Callable[..., Any] = parser.add_argument
    add("--model", default=MODEL, help="a model's id, see: python -m engines models")
    add("--strength", type=float, default=1.0, help="0 = as it came, 1 = all colour (default)")
    add("--saturation", type=float, default=1.0, help="0 to 2 (default 1)")
    add("--warmth", type=float, default=0.0, help="-1 = cool, 1 = warm (default 0)")
    add("--balance", type=float, default=0.0, help="0 to 1, take the colouring's cast out (default 0)")
    add("--repair", type=float, default=0.0, help="0 to 1, stretch faded blacks and whites (default 0)")
    add("--clean", action="store_true", help="take out dust and thin straight scratches first")
    add(
        "--hint", action="append", default=[], metavar="X,Y,#RRGGBB", help="a colour for a place, in pixels; repeatable"
    )
    add("--palette", default="", metavar="COLOURS", help='colours to use, "#rrggbb #rrggbb …"')
    add("--reference", default="", metavar="FILE", help="a picture in colour to take the colours from")
    add("--variant", type=int, default=0, help=f"1 to {VARIANTS}: other colours than the likeliest (default 0)")
    add("--seed", type=int, default=0, help=f"what the variants are, 0 to {SEEDS} (default 0)")


def _options(args: argparse.Namespace) -> dict[str, Fact]:
    plain = ("model", "strength", "saturation", "warmth", "balance", "repair", "variant", "seed")
    options: dict[str, Fact] = {name: getattr(args, name) for name in plain}
    if args.clean:
        options["clean"] = True
    if args.hint:
        options["hints"] = " ".join(split_hints(" ".join(args.hint)))
    if args.palette:
        options["palette"] = " ".join(args.palette.replace(",", " ").split())
    if args.reference:
        options["reference"] = str(args.reference)
    return options
