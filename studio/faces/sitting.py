"""Who sits for the portrait: one face of a photo, or one of a seed, and where a browser's session finds it again.

A server function of the page receives only what the client sends. So a sitting lies in a store under a key that
nobody can guess, and in the session's `gr.State` as well, from where it comes back when the store has let it go.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.core.errors import OptionError
from engines.core.image import Picture, read_image
from engines.faces.values import FoundFace, Frame, Inverted, Latents
from studio.pictures import Shot

MOST, KEEP_SECONDS = 96, 4 * 3600.0  # sittings in the store, and how long one lies there untouched
PICTURE_BYTES = 400_000_000  # decoded photos kept for the next release of a slider
GONE = "This face is not here any more: the studio has been restarted or it lay too long. Choose it again."
Matrix = tuple[float, float, float, float, float, float]  # a, b, c, d, e, f as in a canvas: x' = a x + c y + e


class Gone(OptionError):
    """The store has let a sitting go; the session may still have it."""


@dataclass(frozen=True)
class Sitting:
    """One face that can be edited.

    who: its latents; an `Inverted` for a photo's face.  base: the generator's picture of it, unedited, (R, R, 3).
    picture: a path or a data URL the browser can show, of width x height.  matrix: from its pixels to base's.
    shot: the photo's file, None for a new face.  seed, truncation: of a new face.
    version: grows when the same face was learned better.
    """

    key: str
    who: Latents
    base: Frame
    name: str
    picture: str
    width: int
    height: int
    matrix: Matrix
    shot: Shot | None = None
    face: FoundFace | None = None
    seed: int = 0
    truncation: float = 0.7
    version: int = 1
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def inverted(self) -> Inverted:
        """The photo's face. OptionError for a new one."""
        if not isinstance(self.who, Inverted):
            raise OptionError("This works on a face in a photo. Bring a photo first.")
        return self.who


def new_key() -> str:
    """Nobody can guess it."""
    return secrets.token_urlsafe(24)


def to_canvas(matrix: NDArray[np.float64]) -> Matrix:
    """A (2, 3) matrix in the order a canvas takes it."""
    (a, c, e), (b, d, f) = matrix.tolist()
    return a, b, c, d, e, f


class Sittings:
    """The store: bounded in number and age, the longest untouched go first. Safe from any thread."""

    def __init__(self, most: int = MOST, keep_seconds: float = KEEP_SECONDS) -> None:
        self._most, self._keep_seconds = most, keep_seconds
        self._held: OrderedDict[str, tuple[float, Sitting]] = OrderedDict()
        self._pictures: OrderedDict[str, Picture] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._held)

    def put(self, sitting: Sitting) -> Sitting:
        """Keep one; it is the newest now."""
        now = time.monotonic()
        with self._lock:
            self._held[sitting.key] = (now, sitting)
            self._held.move_to_end(sitting.key)
            while self._held:
                key, (used, _) = next(iter(self._held.items()))
                if len(self._held) <= self._most and now - used <= self._keep_seconds:
                    break
                del self._held[key]
        return sitting

    def get(self, key: object) -> Sitting:
        """The sitting under a key. Gone for one that is not here."""
        with self._lock:
            held = self._held.get(key) if isinstance(key, str) else None
            if held is None or time.monotonic() - held[0] > self._keep_seconds:
                raise Gone(GONE)
            self._held[held[1].key] = (time.monotonic(), held[1])
            self._held.move_to_end(held[1].key)
        return held[1]

    def photo(self, shot: Shot) -> Picture:
        """A session's photo, decoded; the last few are kept."""
        with self._lock:
            kept = self._pictures.get(shot.path)
            if kept is not None:
                self._pictures.move_to_end(shot.path)
                return kept
        picture = read_image(Path(shot.path), shot.name)
        with self._lock:
            self._pictures[shot.path] = picture
            while len(self._pictures) > 1 and sum(one.pixels.nbytes for one in self._pictures.values()) > PICTURE_BYTES:
                self._pictures.popitem(last=False)
        return picture
