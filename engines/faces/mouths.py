"""A mouth that opens or shuts in a photo.

Latents that were searched for one photo, and a generator tuned to it (inverting.py), lie far from the people that the
generator knows: there a shut mouth opens to a pink blur. Of a likeness half way to the mean, untuned, it smiles as it
learnt to. So this is an edit of its own: as the lips of that likeness move between two pictures, so do the photo's
(lips.py), and what shows between them is the likeness's where the photo has nothing to show.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.core.faces import Photo
from engines.faces import lips, pasting
from engines.faces.generator import Generator, to_frame
from engines.faces.motion import Change, Plane, even, smooth
from engines.faces.outline import Outline
from engines.faces.sliders import Directions
from engines.faces.values import Sliders

OPENING = ("smile", "mouth_open")
_LOCK, _MOST = Lock(), 96  # pictures and landmarks of likenesses that are kept, for those who are in use
_KNOWN = dict[tuple[Any, ...], NDArray[Any]]()
_LIKENESS = 0.6  # of the way from the mean to the person


def apart(sliders: Sliders) -> tuple[dict[str, float], dict[str, float]]:
    """(the other sliders, those that open or shut the mouth)."""
    opening = {name: value for name, value in sliders.items() if name in OPENING and value}
    return {name: value for name, value in sliders.items() if name not in opening}, opening


def likeness(generator: Generator, ws: NDArray[np.float32]) -> NDArray[np.float32]:
    """ws (num_ws, w_dim) of a person of whom the generator knows more."""
    mean = generator.mean().numpy()
    return np.asarray(mean + _LIKENESS * (ws - mean), np.float32)


def ways(directions: Directions) -> NDArray[np.float32]:
    """What each slider that opens the mouth adds to ws at its end, (K, num_ws, w_dim)."""
    return np.stack([directions.shift({name: 1.0}) for name in OPENING if name in directions.names])


@dataclass(frozen=True)
class Motion:
    """How the landmarks of a likeness move as its mouth opens or shuts.

    Looked for in each picture they would tremble from one frame to the next; between a few pictures they go straight.
    near: ws of the likeness, (num_ws, w_dim).  ways: see `ways`.
    """

    generator: Generator
    near: NDArray[np.float32]
    ways: NDArray[np.float32]

    def points(self, shift: NDArray[np.float32]) -> tuple[lips.Points, lips.Points]:
        """Landmarks before and after a shift of the latents that lies along the ways, as of `lips.points`."""
        parts = np.linalg.lstsq(self.ways.reshape(len(self.ways), -1).T, shift.ravel(), rcond=None)[0]
        before, moves = None, np.zeros((68, 2))
        for part, way in zip(parts, self.ways, strict=True):
            if before is None or abs(part) > 1e-6:
                before, half, whole = self._looked(way * np.float32(np.sign(part) or 1))
                along = 2 * abs(part)
                moves += along * (half - before) if along < 1 else half - before + (along - 1) * (whole - half)
        assert before is not None
        return before, before + moves

    def _looked(self, way: NDArray[np.float32]) -> lips.Points:
        """Landmarks at the beginning of a way, halfway and at its end, (3, 68, 2); once while the person is in use."""

        def look() -> lips.Points:
            pictures = self.generator.pictures(np.stack([self.near + np.float32(part) * way for part in (0, 0.5, 1)]))
            return np.stack([lips.points(opened(pictures[0], each).after, steady=True) for each in pictures])

        return _kept((self.generator.card.id, self.near.tobytes(), way.tobytes()), look)


def _kept(key: tuple[Any, ...], make: Callable[[], NDArray[Any]]) -> NDArray[Any]:
    """What was made of a key before, or is made now; the oldest go."""
    with _LOCK:
        known = _KNOWN.get(key)
    if known is None:
        known = make()
        with _LOCK:
            _KNOWN[key] = known
            while len(_KNOWN) > _MOST:
                _KNOWN.pop(next(iter(_KNOWN)))
    return known


def opened(before: Plane, after: Plane, points: tuple[lips.Points, lips.Points] | None = None) -> Change:
    """Two pictures (R, R, 3) of a likeness without and with its mouth open, its eyes and all around it as they were."""
    y, x = (np.mgrid[0 : before.shape[0], 0 : before.shape[1]] + 0.5) / before.shape[0]
    far = np.hypot(
        (x - 0.5) / 0.20, (y - 0.70) / 0.16
    )  # from the middle of the mouth: at 1 the cheeks, at 1.5 the eyes
    where = smooth(1.5 - far, 0, 0.5)[..., None]
    return Change(before, np.asarray(before + where * (after - before), np.float32), points=points)


def opening(
    generator: Generator, ws: NDArray[np.float32], shift: NDArray[np.float32], ways: NDArray[np.float32]
) -> Change:
    """How the mouth of a person (num_ws, w_dim) opens with a shift of the latents along `ways`."""
    near = likeness(generator, ws)
    motion = Motion(generator, near, ways)
    before = _kept((generator.card.id, near.tobytes()), lambda: generator.pictures(near[None])[0])
    return opened(before, generator.pictures((near + shift)[None])[0], motion.points(shift))


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
