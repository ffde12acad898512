"""What the verbs of inpainting accept, and the sentences for everything else."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engines.core.errors import OptionError
from engines.core.image import Pixels, max_megapixels
from engines.inpaint.masks import MOST, Box
from engines.inpaint.pasting import SCALES
from engines.inpaint.select import Point

FARTHEST = 1_000_000  # pixels from a picture's corner


def image(pixels: Pixels) -> None:
    """OptionError for what is no picture."""
    fits = pixels.dtype in (np.uint8, np.uint16) and pixels.ndim == 3 and pixels.shape[2] in (3, 4)
    if not fits or not pixels.size:
        raise OptionError("An image is an array of uint8 or uint16 with the shape (height, width, 3 or 4).")


def options(*, seed: int = 0, expand: int = 0, feather: int = 0, detail: float = 1.0) -> None:
    """OptionError for a value out of range."""
    whole("Seed", seed, 0, 2**31 - 1)
    whole("Expand", expand, -MOST, MOST)
    whole("Feather", feather, 0, MOST)
    share("Detail", detail)


def growth(height: int, width: int, *, left: int, right: int, top: int, bottom: int) -> None:
    """OptionError where a picture cannot grow so far."""
    for name, value, most in (
        ("Left", left, width),
        ("Right", right, width),
        ("Top", top, height),
        ("Bottom", bottom, height),
    ):
        whole(name, value, 0, most)
    if left + right + top + bottom == 0:
        raise OptionError("Nothing to add: say how many pixels the picture should grow on a side.")
    if (height + top + bottom) * (width + left + right) > max_megapixels() * 1e6:
        raise OptionError(f"The result would have over {max_megapixels():,.0f} megapixels. Add less.")


def selection(points: Sequence[Point], height: int, width: int, *, tolerance: float, box: Box | None) -> None:
    """OptionError for clicks and a box that cannot select anything."""
    share("Tolerance", tolerance)
    for x, y, _ in points:
        if not (0 <= x < width and 0 <= y < height):
            raise OptionError(f"The point {x:g}, {y:g} lies outside the picture of {width} x {height}.")
    if box is not None and (min(box[2], width) - max(box[0], 0) < 2 or min(box[3], height) - max(box[1], 0) < 2):
        raise OptionError("The box holds nothing of the picture. Draw it around what should be selected.")
    if box is None and not any(keep for _, _, keep in points):
        raise OptionError("Click on what should be selected first.")


def kind(name: str, kinds: Sequence[str]) -> None:
    """OptionError for an automatic mask that there is not."""
    if name not in kinds:
        raise OptionError(f'There is no automatic mask of kind "{name}". Choose one of: {", ".join(kinds)}.')


def placing(*, x: int | None, y: int | None, scale: float, strength: float) -> None:
    """OptionError for a place or a size that no object can have."""
    for name, at in (("X", x), ("Y", y)):
        if at is not None:
            whole(name, at, -FARTHEST, FARTHEST)
    if isinstance(scale, bool) or not (isinstance(scale, int | float) and SCALES[0] <= scale <= SCALES[1]):
        raise OptionError(
            f"Scale goes from {SCALES[0]:g} to {SCALES[1]:g}; {scale} is outside. Choose a value between."
        )
    share("Strength", strength)


def whole(name: str, value: int, least: int, most: int) -> None:
    """OptionError for what is no whole number between."""
    if isinstance(value, bool) or not (isinstance(value, int) and least <= value <= most):
        raise OptionError(f"{name} goes from {least} to {most}; {value} is outside. Choose a whole number between.")


def share(name: str, value: float) -> None:
    """OptionError for what is no number from 0 to 1."""
    if isinstance(value, bool) or not (isinstance(value, int | float) and 0 <= value <= 1):
        raise OptionError(f"{name} goes from 0 to 1; {value} is outside. Choose a value between.")
