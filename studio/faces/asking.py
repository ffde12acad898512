"""What a client may ask for, checked: sliders, seeds, links. Anything may be sent, so everything is looked at."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from engines.core.errors import OptionError
from engines.core.job import Fact
from engines.faces.values import Slider

SEEDS = 2**32
MIX = ("coarse", "middle", "fine")


def number(value: object, low: float, high: float, what: str) -> float:
    """A number in a range. OptionError says which it is."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise OptionError(f"{what} goes from {low:g} to {high:g}.")
    try:
        found = float(value)
    except ValueError as error:
        raise OptionError(f"{what} goes from {low:g} to {high:g}.") from error
    if not math.isfinite(found) or not low <= found <= high:
        raise OptionError(f"{what} goes from {low:g} to {high:g}.")
    return found


def seed(value: object) -> int:
    """A whole number from 0 to 4,294,967,295."""
    found = number(value, 0, SEEDS - 1, "A seed")
    if found != int(found):
        raise OptionError("A seed is a whole number.")
    return int(found)


def settings(sent: object) -> dict[str, float]:
    """Sliders a client sent, without those at 0. Unknown names are the engine's to refuse."""
    if not isinstance(sent, Mapping) or len(sent) > 100:
        raise OptionError("These sliders cannot be read. Load the page again.")
    values = {str(name): round(number(value, -1, 1, f"The slider {name}"), 4) for name, value in sent.items()}
    return {name: value for name, value in values.items() if value}


@dataclass(frozen=True)
class Wish:
    """How the face shall look. other: the seed it is mixed with, None for none.

    large: a new face enlarged by the upscaler, for the download.
    """

    sliders: Mapping[str, float] = field(default_factory=dict)
    keep: float = 0.0
    sharpen: float = 0.0
    other: int | None = None
    mix: Mapping[str, float] = field(default_factory=dict)
    large: bool = False

    @staticmethod
    def of(asked: Mapping[str, Any]) -> Wish:
        """From what the page sends. OptionError for values out of range."""
        other = asked.get("other")
        mix = asked.get("mix") if isinstance(asked.get("mix"), Mapping) else {}
        assert isinstance(mix, Mapping)
        parts = {name: number(mix.get(name, 0.5), 0, 1, name.capitalize()) for name in MIX}
        return Wish(
            sliders=settings(asked.get("sliders") or {}),
            keep=number(asked.get("keep") or 0, 0, 1, "Keep this person"),
            sharpen=number(asked.get("sharpen") or 0, 0, 1, "Sharpen"),
            other=None if other is None else seed(other),
            mix={} if other is None else parts,
            large=asked.get("large") is True,
        )

    @property
    def id(self) -> str:
        """The same wish has the same id."""
        return json.dumps(
            [dict(self.sliders), self.keep, self.sharpen, self.other, dict(self.mix), self.large], sort_keys=True
        )

    def besides(self) -> dict[str, Fact]:
        """What a recipe keeps where sliders and keeping go along with a tool."""
        used: dict[str, Fact] = dict(self.sliders)
        return used | ({"keep": self.keep} if self.keep else {})

    def recorded(self) -> dict[str, Fact]:
        """What a recipe keeps: only what was used."""
        used: dict[str, Fact] = dict(self.sliders)
        used |= {"enlarged": True} if self.large else {}
        used |= {name: value for name, value in (("keep", self.keep), ("sharpen", self.sharpen)) if value}
        return used if self.other is None else used | {"mixed_with": self.other, **self.mix}


@dataclass(frozen=True)
class Link:
    """A face that others can open: `?tool=faces&recipe={"seed": 7, "truncation": 0.7, "sliders": {"smile": 0.5}}`.

    other, mix: the seed it is mixed with and how, as in a `Wish`.
    """

    seed: int
    truncation: float
    sliders: dict[str, float]
    other: int | None = None
    mix: Mapping[str, float] = field(default_factory=dict)

    @staticmethod
    def of(text: str, known: Sequence[Slider]) -> Link:
        """OptionError for a link that is damaged; sliders this studio has not are left out."""
        try:
            sent = json.loads(text)
            names = {slider.name for slider in known}
            wish = Wish.of({"sliders": sent.get("sliders"), "other": sent.get("other"), "mix": sent.get("mix")})
            return Link(
                seed=seed(sent["seed"]),
                truncation=number(sent.get("truncation", 0.7), 0, 1.2, "Truncation"),
                sliders={name: value for name, value in wish.sliders.items() if name in names},
                other=wish.other,
                mix=wish.mix,
            )
        except (ValueError, KeyError, AttributeError, TypeError, RecursionError) as error:
            raise OptionError("This link to a face is damaged. Ask for it again, or start with a new face.") from error
