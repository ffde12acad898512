"""How far a photo's head can turn before much of it would have to be invented.

A photo shows one side of a head. What no flow between the generator's two pictures brings to its place is drawn anew,
and of a head drawn anew in large parts nothing is left of the photo but a smear.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from engines.faces.generator import Generator
from engines.faces.motion import Change, unexplained
from engines.faces.parting import parts_of
from engines.faces.settling import settled
from engines.faces.steadying import POSE
from engines.faces.values import Inverted
from engines.faces.workshop import Workshop

INVENTED = 0.01  # part of a turned head that may be drawn anew
_LEAST = 0.15  # every head turns so far


def reach(shop: Workshop, generator: Generator, who: Inverted) -> dict[str, tuple[float, float]]:
    """For each pose slider how far its value may go down and up, -1 to 1."""
    directions = shop.directions(who.model)
    names = [name for name in directions.names if str(directions.entry(name).get("group") or "").lower() == POSE]
    if not names:
        return {}
    outline = parts_of(shop, who.square, generator.job).outline
    before = generator.picture(who)

    def invented(name: str, sign: float, part: float) -> float:
        after = generator.picture(who, who.ws + directions.shift({name: sign * part}))
        return unexplained(settled(Change(before, after), after, outline), outline.head)

    return {name: (-_end(partial(invented, name, -1.0)), _end(partial(invented, name, 1.0))) for name in names}


def _end(invented: Callable[[float], float]) -> float:
    """The value at which too much is invented, 1 if it never is: between quarters in proportion, by two halvings."""
    low, high = 0.0, 1.0
    known = {low: 0.0, high: invented(high)}
    if known[high] <= INVENTED:
        return 1.0
    for _ in range(2):
        middle = (low + high) / 2
        known[middle] = invented(middle)
        low, high = (low, middle) if known[middle] > INVENTED else (middle, high)
    return max(_LEAST, low + (high - low) * (INVENTED - known[low]) / (known[high] - known[low]))
