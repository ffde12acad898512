"""Colours that a person wants in certain places, and how the network is told."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engines.core.errors import OptionError
from engines.core.lab import into_gamut, rgb_to_lab
from engines.models.colour_unet import AB

RADIUS = 2  # of a hint, in pixels of the size at which the network looks
MOST = 200  # hints of one picture
RGB = tuple[int, int, int]


@dataclass(frozen=True)
class Hint:
    """A colour for a place, or along a stroke. x, y: pixels of the picture; path: further points of a stroke.

    The place keeps its own lightness: of the colour only hue and saturation count.
    """

    x: float
    y: float
    colour: RGB
    path: tuple[tuple[float, float], ...] = ()

    def __str__(self) -> str:
        points = ",".join(f"{round(v, 1):g}" for point in ((self.x, self.y), *self.path) for v in point)
        return f"{points},{hex_of(self.colour)}"


def hex_of(colour: RGB) -> str:
    """#rrggbb."""
    return "#" + "".join(f"{value:02x}" for value in colour)


def parse_colour(text: str) -> RGB:
    """#rrggbb or #rgb as three bytes. OptionError otherwise."""
    found = re.fullmatch(r"#?([0-9a-fA-F]{3}|[0-9a-fA-F]{6})", text.strip())
    if not found:
        raise OptionError(f'"{text}" is no colour. Write it as #rrggbb, for example #7a9bd1.')
    digits = found[1] if len(found[1]) == 6 else "".join(2 * digit for digit in found[1])
    return int(digits[:2], 16), int(digits[2:4], 16), int(digits[4:], 16)


def parse_hint(text: str) -> Hint:
    """`x,y,#rrggbb`, or `x,y,x,y,…,#rrggbb` for a stroke, in pixels of the picture. OptionError otherwise."""
    *numbers, colour = text.split(",")
    try:
        values = [float(number) for number in numbers]
    except ValueError:
        values = []
    if len(values) < 2 or len(values) % 2:
        raise OptionError(f'"{text}" is no hint. Write x,y,#rrggbb with x and y in pixels, for example 120,80,#c03a2b.')
    points = tuple(zip(values[::2], values[1::2], strict=True))
    return Hint(*points[0], parse_colour(colour), points[1:])


def split_hints(text: str) -> list[str]:
    """Hints in one text, apart: spaces part them, but not those around a comma."""
    return re.sub(r"\s*,\s*", ",", text).split()


def checked(hints: Sequence[Hint], height: int, width: int) -> tuple[Hint, ...]:
    """The hints as they are. OptionError for too many, or for one outside the picture."""
    if len(hints) > MOST:
        raise OptionError(f"A picture takes {MOST} hints; these are {len(hints)}. Remove some.")
    for hint in hints:
        for x, y in ((hint.x, hint.y), *hint.path):
            if not (0 <= x < width and 0 <= y < height):
                raise OptionError(
                    f"The hint at {x:g}, {y:g} lies outside the picture of {width} x {height}. Move it inside."
                )
    return tuple(hints)


def draw(hints: Sequence[Hint], L: Tensor, *, height: int, width: int) -> Tensor:
    """Hints in pixels of a picture of that size -> what the network takes, (1, 3, h, w), for L (1, 1, h, w).

    Later hints cover earlier ones.
    """
    h, w = L.shape[-2:]
    colours, mask = np.zeros((h, w, 2), np.float32), np.zeros((h, w), np.uint8)
    for hint in hints:
        spot = np.zeros((h, w), np.uint8)
        points = [
            (min(w - 1, int(x * w / width)), min(h - 1, int(y * h / height))) for x, y in ((hint.x, hint.y), *hint.path)
        ]
        cv2.circle(spot, points[0], RADIUS, 1, -1)
        if len(points) > 1:
            cv2.polylines(spot, [np.array(points, np.int32)], False, 1, 2 * RADIUS)
        where = spot > 0
        colours[where], mask[where] = ab_of(hint.colour), 1
    return to_input(colours, mask, L)


def to_input(colours: NDArray[np.float32], mask: NDArray[Any], L: Tensor) -> Tensor:
    """ab (h, w, 2) where mask (h, w) is 1 -> the network's input, each colour brought into what sRGB has at that L."""
    ab = torch.from_numpy(colours).permute(2, 0, 1)[None]
    ab = into_gamut(torch.cat([L, ab], 1))[:, 1:]
    known = torch.from_numpy(mask.astype(np.float32))[None, None]
    return torch.cat([ab * known / AB, known], 1)


def ab_of(colour: RGB) -> tuple[float, float]:
    """a and b of an sRGB colour."""
    lab = rgb_to_lab(torch.tensor(colour, dtype=torch.float64).reshape(1, 3, 1, 1) / 255).flatten().tolist()
    return lab[1], lab[2]
