"""What the Inpaint tab and its API tools share: options, and the way from a file to a file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from PIL import Image

from engines import Engines
from engines.core.card import ModelCard
from engines.core.errors import OptionError
from engines.core.image import Picture
from engines.core.job import Fact, Job
from engines.inpaint.masks import box_of, read_mask
from engines.inpaint.sharpness import BOUND
from engines.inpainting import MODEL, READER, Inpainting
from studio.pictures import Outcome, data_url, eight_bit, new_file, uploaded

ENGINE = "inpainting"
FORMATS = {"PNG": ".png", "JPEG": ".jpg", "WebP": ".webp"}
SIDES = ("left", "right", "top", "bottom")
THUMB = 220  # longest side of a suggestion in the list
AROUND = 0.35  # of the hole's size: what a suggestion shows of its surroundings


@dataclass(frozen=True)
class Options:
    """What one picture is filled or extended with. mask: a path; left to bottom: pixels; expand, feather: pixels."""

    verb: Literal["inpaint", "outpaint", "blend"] = "inpaint"
    model: str = MODEL
    seed: int = 0
    expand: int = 0
    feather: int = 2
    detail: float = 1.0
    mask: str = ""
    left: int = 0
    right: int = 0
    top: int = 0
    bottom: int = 0
    suffix: str = ".png"

    @property
    def key(self) -> str:
        """Two runs with the same key give the same file."""
        return json.dumps(vars(self), sort_keys=True)

    @property
    def family(self) -> str:
        """The same for all that differ in their seed only."""
        return replace(self, seed=0).key

    def recorded(self) -> dict[str, Fact]:
        """What the engine takes and the recipe keeps."""
        names = ("expand", "feather") if self.verb == "inpaint" else SIDES
        return {name: getattr(self, name) for name in (*names, "seed", "detail")}


@dataclass(frozen=True)
class Filled(Outcome):
    """A result. verb: what made it; left, top: where the picture that went in lies in it; close: the fill, near.

    sharpness: 0 to 1, as the engine judges it; blurry: too little of it; helped: made after a blurry one, and sharper.
    """

    verb: str = "inpaint"
    family: str = ""
    seed: int = 0
    left: int = 0
    top: int = 0
    blurry: bool = False
    sharpness: float = 1.0
    helped: bool = False
    close: str = ""


def fillers(engines: Engines) -> list[ModelCard]:
    """The models that fill holes, in the order to show them."""
    return [card for card in engines.catalogue.cards(engine=ENGINE) if card.role != READER]


def fill_file(engines: Engines, source: Path, name: str, *, options: Options, job: Job) -> Filled:
    """One picture from file to file, filled or extended, with everything the page wants to say about it."""
    ending = "filled" if options.verb == "inpaint" else "extended"
    target = new_file(f"{Path(name).stem or 'picture'}_{ending}{options.suffix}")
    engine, common = engines[Inpainting], {"options": options.recorded(), "model": options.model, "name": name}
    if options.verb == "inpaint":
        if not options.mask:
            raise OptionError("The mask is empty. Paint over what should go.")
        made = engine.inpaint_file(source, target, mask=options.mask, job=job, **common)  # type: ignore[arg-type]
    else:
        made = engine.outpaint_file(source, target, job=job, **common)  # type: ignore[arg-type]
    words = f"{ending.capitalize()}, a face made up" if job.facts.get("faces") else ending.capitalize()
    plain = Outcome.of(target, made, job, words=words, key=options.key, note=job.facts.get("note"))
    told = job.facts.get("sharpness")
    sharp = float(told) if isinstance(told, int | float) else 1.0
    return Filled(
        **vars(plain),
        verb=options.verb,
        family=options.family,
        seed=options.seed,
        left=options.left,
        top=options.top,
        blurry=sharp < BOUND,
        sharpness=sharp,
        close=_close(made, options),
    )


def _close(made: Picture, options: Options) -> str:
    """The filled part with some of its surroundings, as a small picture inside the page."""
    height, width = made.size
    left, top, right, bottom = 0, 0, width, height
    if options.verb == "inpaint":
        mask = read_mask(options.mask)
        across, down = width / mask.shape[1], height / mask.shape[0]
        x0, y0, x1, y1 = box_of(mask > 127)
        side = max((x1 - x0) * across, (y1 - y0) * down, 24)
        reach = (1 + 2 * AROUND) * side / 2
        x, y = (x0 + x1) / 2 * across, (y0 + y1) / 2 * down
        left, right = max(0, int(x - reach)), min(width, int(x + reach) + 1)
        top, bottom = max(0, int(y - reach)), min(height, int(y + reach) + 1)
    return data_url(Image.fromarray(eight_bit(made.pixels[top:bottom, left:right])), THUMB, quality=88)


def panel_options(panel: tuple[Any, ...], edit: Mapping[str, Any], verb: object, *, engines: Engines) -> Options:
    """The panel's values and one picture's own mask and sides as options, checked: a client may send anything.

    panel: expand, feather, detail, model, format. edit: mask (a path that `keep` gave), left to bottom, seed.
    """
    try:
        expand, feather, detail, model, kind = panel
        mask = str(edit.get("mask") or "")
        left, right, top, bottom = (round(float(edit.get(name) or 0)) for name in SIDES)
        options = Options(
            model=engines.catalogue[str(model)].id,
            seed=int(edit.get("seed") or 0),
            expand=round(float(expand)),
            feather=round(float(feather)),
            detail=float(detail),
            suffix=FORMATS.get(str(kind), ".png"),
        )
    except (TypeError, ValueError, KeyError, AttributeError, OverflowError) as error:
        raise OptionError("These settings cannot be read. Load the page again.") from error
    if verb == "outpaint":  # what does not matter for a result is not in its key
        bare = replace(options, verb="outpaint", expand=0, feather=0)
        return replace(bare, left=left, right=right, top=top, bottom=bottom)
    return replace(options, mask=str(uploaded(mask)) if mask else "")
