"""How far a photo's head can turn before much of it would have to be invented.

A photo shows one side of a head. What no flow between the generator's two pictures brings to its place is drawn anew,
and of a head drawn anew in large parts nothing is left of the photo but a smear.
"""

from __future__ import annotations

import numpy as np

from engines.faces import pasting
from engines.faces.generator import Generator
from engines.faces.parting import parts_of
from engines.faces.pasting import Change
from engines.faces.steadying import POSE
from engines.faces.values import Inverted
from engines.faces.workshop import Workshop

INVENTED = 0.015  # part of a turned head that may be drawn anew
_STEPS = (0.25, 0.5, 0.75, 1.0)
_LEAST = 0.15  # every head turns so far


def reach(shop: Workshop, generator: Generator, who: Inverted) -> dict[str, tuple[float, float]]:
    """For each pose slider how far its value may go down and up, -1 to 1."""
    directions = shop.directions(who.model)
    names = [name for name in directions.names if str(directions.entry(name).get("group") or "").lower() == POSE]
    if not names:
        return {}
    head = parts_of(shop, who.square, generator.job).outline.head
    before = generator.picture(who)
    found = {}
    for name in names:
        ends = []
        for sign in (-1.0, 1.0):
            ws = np.stack([who.ws + directions.shift({name: sign * step}) for step in _STEPS])
            new = [pasting.unexplained(Change(before, after), head) for after in generator.pictures(ws, who.deltas)]
            ends.append(sign * _last(new))
        found[name] = (ends[0], ends[1])
    return found


def _last(invented: list[float]) -> float:
    """The first step's value at which too much is invented, between steps in proportion; 1 if none is."""
    known = [0.0, *invented]
    values = (0.0, *_STEPS)
    for low, high, start, end in zip(known[:-1], known[1:], values[:-1], values[1:], strict=True):
        if high > INVENTED:
            return max(_LEAST, start + (end - start) * max(0.0, INVENTED - low) / (high - low))
    return 1.0
