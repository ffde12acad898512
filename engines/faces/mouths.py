"""A mouth that opens in a photo, with teeth.

Latents that were searched for one photo, and a generator tuned to it (inverting.py), lie far from the people that the
generator knows: there a shut mouth opens to a pink blur. Of a likeness half way to the mean, untuned, it smiles as it
learnt to. So this is an edit of its own: as the lips of that likeness move between two pictures, so do the photo's
(lips.py), and what shows between them is the likeness's where the photo has nothing to show.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.core.faces import Photo
from engines.faces import lips, pasting
from engines.faces.generator import Generator, to_frame
from engines.faces.motion import Change, Plane, even, smooth
from engines.faces.outline import Outline
from engines.faces.values import Sliders

OPENING = ("smile", "mouth_open")  # above 0
_LIKENESS = 0.6  # of the way from the mean to the person


def apart(sliders: Sliders) -> tuple[dict[str, float], dict[str, float]]:
    """(the other sliders, those that open the mouth)."""
    opening = {name: value for name, value in sliders.items() if name in OPENING and value > 0}
    return {name: value for name, value in sliders.items() if name not in opening}, opening


def likeness(generator: Generator, ws: NDArray[np.float32]) -> NDArray[np.float32]:
    """ws (num_ws, w_dim) of a person of whom the generator knows more."""
    mean = generator.mean().numpy()
    return np.asarray(mean + _LIKENESS * (ws - mean), np.float32)


def opened(before: NDArray[np.float32], after: NDArray[np.float32]) -> Change:
    """Two pictures (R, R, 3) of a likeness without and with its mouth open, its eyes and all around it as they were."""
    y, x = (np.mgrid[0 : before.shape[0], 0 : before.shape[1]] + 0.5) / before.shape[0]
    far = np.hypot(
        (x - 0.5) / 0.20, (y - 0.70) / 0.16
    )  # from the middle of the mouth: at 1 the cheeks, at 1.5 the eyes
    where = smooth(1.5 - far, 0, 0.5)[..., None]
    return Change(before, np.asarray(before + where * (after - before), np.float32))


def opening(generator: Generator, ws: NDArray[np.float32], shift: NDArray[np.float32]) -> Change:
    """How the mouth of a person (num_ws, w_dim) opens with a shift of the latents."""
    near = likeness(generator, ws)
    return opened(*generator.pictures(np.stack([near, near + shift])))


def composed(
    square: Photo,
    wide: Change | None,
    rest: Change | None,
    *,
    outline: Outline | None = None,
) -> tuple[Plane, Plane | None]:
    """A mouth that opens and all that changes beside it, one after the other; as `pasting.composed`."""
    made, under, laid = square.astype(np.float32) / np.float32(255), square, None
    if wide is not None:
        parted, laid = lips.opened(square, wide)
        head = np.float32(1) if outline is None else _soft(outline.head, square.shape[0])
        made, laid = np.asarray(made + head * (parted - made), np.float32), np.asarray(head * laid, np.float32)
        under = to_frame(made)
    if rest is not None:
        edited, over = pasting.composed(under, rest, outline=outline)
        made = np.asarray(np.clip(made + (edited - under.astype(np.float32) / np.float32(255)), 0, 1), np.float32)
        laid = over if laid is None or over is None else np.maximum(laid, over)
    return made, laid


def _soft(head: Plane, side: int) -> Plane:
    """Where a head is, softly, at another size, (side, side, 1)."""
    return even(np.asarray(cv2.GaussianBlur(head, (0, 0), head.shape[0] / 96), np.float32), side)[..., None]
