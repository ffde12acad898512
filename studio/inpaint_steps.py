"""A picture of the Inpaint tab and the steps it went through: each result can be gone on from, and back to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from engines.core.errors import OptionError
from studio.inpainting import Filled
from studio.pictures import Shot

HELPED = "This fill is sharper than the one before."
VARIANTS = 9  # fills of one mask that are kept to choose from


@dataclass(frozen=True)
class Sheet(Shot):
    """A picture with its past. `path` is what the last run began with, `outcome` what it made.

    trail: the earlier states, the picture as it came first, each made from the one before. variants: other outcomes
    of the same run, with other seeds.
    """

    trail: tuple[Sheet, ...] = ()
    variants: tuple[Filled, ...] = ()

    @property
    def made(self) -> Filled | None:
        """What the last run made."""
        return self.outcome if isinstance(self.outcome, Filled) else None


def sheets(shots: Sequence[Shot]) -> list[Sheet]:
    """Pictures that have just arrived."""
    return [Sheet(**vars(shot)) for shot in shots]


def begin_at(sheet: Sheet, path: str) -> Sheet:
    """The sheet as it is worked on when a run begins at one of its states, given by that state's file.

    OptionError for a file that is none of them.
    """
    made = sheet.made
    if path in ("", sheet.path):
        return sheet
    if made and path == made.path:
        new = replace(sheet, path=path, before=made.view, width=made.width, height=made.height, note="", error="")
        return replace(new, outcome=None, variants=(), trail=(*sheet.trail, replace(sheet, trail=())))
    for number, older in enumerate(sheet.trail):
        if older.path == path:
            return replace(older, trail=sheet.trail[:number])
    raise OptionError("This state of the picture is not here any more. Load the page again.")


def with_fills(sheet: Sheet, fills: Sequence[Filled]) -> Sheet:
    """The sheet after a run: its fills join those that differ in their seed only.

    The first of them that is not blurry is shown. One made after a blurry one says whether it is better.
    """
    if not fills:
        return sheet
    family, before = fills[0].family, sheet.made
    if before and before.family == family and before.blurry:
        fills = [_after_blurry(fill, before) for fill in fills]
    seeds = {fill.seed for fill in fills}
    known = [fill for fill in sheet.variants if fill.family == family and fill.seed not in seeds]
    shown = next((fill for fill in fills if not fill.blurry), fills[0])
    return replace(sheet, error="", outcome=shown, variants=tuple([*known, *fills][-VARIANTS:]))


def _after_blurry(fill: Filled, before: Filled) -> Filled:
    """A fill that was asked for because the one before was blurry, with what to say of it."""
    if fill.blurry or fill.sharpness <= before.sharpness:
        return fill
    return replace(fill, helped=True, note=" ".join(filter(None, (HELPED, fill.note))))


def take(sheet: Sheet, number: int) -> Sheet:
    """Another of the fills becomes the outcome."""
    if not 0 <= number < len(sheet.variants):
        raise OptionError("This suggestion is not here any more. Make new ones.")
    return replace(sheet, outcome=sheet.variants[number])


def desk_item(sheet: Sheet) -> dict[str, Any]:
    """What the desk (studio/web/inpaint.js) needs to know of a picture: its states from first to last."""
    states = (*sheet.trail, sheet)
    first = states[0]
    steps: list[dict[str, Any]] = [
        {"path": first.path, "view": first.before, "width": first.width, "height": first.height, "note": first.note}
    ]
    steps += [_step(state.made) for state in states if state.made]
    return {
        "id": sheet.id,
        "name": sheet.name,
        "steps": steps,
        "variants": [{"close": fill.close, "on": fill == sheet.made, "blurry": fill.blurry} for fill in sheet.variants],
    }


def _step(made: Filled) -> dict[str, Any]:
    """A result as a state of its picture."""
    return {
        "path": made.path,
        "view": made.view,
        "width": made.width,
        "height": made.height,
        "note": made.note,
        "name": made.name,
        "verb": made.verb,
        "words": made.words,
        "seed": made.seed,
        "left": made.left,
        "top": made.top,
        "blurry": made.blurry,
        "helped": made.helped,
    }
