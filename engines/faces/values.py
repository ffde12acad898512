"""What face editing hands out and takes back: plain values of numbers and arrays that a session can keep and copy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from engines.core.faces import Face
from engines.core.image import Pixels

Sliders = Mapping[str, float]  # name of a slider -> -1 to 1; a missing one is 0
WEARS_GLASSES = "This person wears glasses already, so the Glasses slider adds none."
Frame = NDArray[np.uint8]  # (R, R, 3) RGB, R the generator's resolution


@dataclass(frozen=True)
class Slider:
    """One edit that a model knows.

    name: as in links and on the command line.  label: for people.  group: Expression, Age, Hair …  low_word, high_word:
    what -1 and 1 look like, "serious" and "smiling".  identity: how far the full slider moves the identity descriptor,
    measured as a median over faces; 0 if it was not measured.  least: where it begins, -1, or 0 if it only adds.
    """

    name: str
    label: str
    group: str
    low_word: str
    high_word: str
    identity: float = 0.0
    least: float = -1.0


@dataclass(frozen=True)
class FoundFace:
    """A face in a photo.

    number: 0 is the largest.  box: left, top, right, bottom in the photo's pixels, whole numbers, inside the photo.
    hints: sentences about what will make an edit weak; empty when nothing will.  usable: False where an edit cannot
    work at all (a face of few pixels, hardly a face).
    """

    number: int
    face: Face
    box: tuple[int, int, int, int]
    hints: tuple[str, ...] = ()
    usable: bool = True


@dataclass(frozen=True)
class Latents:
    """A face the generator makes. model: its card's id.  ws: float32 (num_ws, w_dim)."""

    model: str
    ws: NDArray[np.float32]


@dataclass(frozen=True)
class Inverted(Latents):
    """A photo's face brought into the generator: everything a session needs beside the photo, about 2.5 MB.

    deltas: what was added to the generator's weights for this face alone, float16, in the order of
    `StyleGenerator.tuned_synthesis`; empty before `refine`.  face: where it is in the photo.  square: the aligned face,
    uint8 (R, R, 3).  distance: identity distance between the photo's face and the generator's copy.
    error: mean absolute difference between the two inside the face, in steps of 1/255.  seconds, steps: what it took.
    reach: slider -> how far its raw value may go down and up, -1 and 1 for those not in it: poses end before much of
    the head is invented, and who wears glasses gets no others.  last: its last picture, and of which latents.
    """

    deltas: tuple[NDArray[np.float16], ...] = ()
    face: Face = field(default_factory=lambda: Face((0, 0, 1, 1), ((0.0, 0.0), (1.0, 0.0)), (0.5, 0.6), 1.0))
    square: Frame = field(default_factory=lambda: np.zeros((1, 1, 3), np.uint8))
    distance: float = 0.0
    error: float = 0.0
    seconds: float = 0.0
    steps: int = 0
    reach: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    last: list[tuple[tuple[str, bytes], NDArray[np.float32]]] = field(
        init=False, default_factory=list, repr=False, compare=False
    )

    @property
    def hints(self) -> tuple[str, ...]:
        """Sentences about what will not happen to this face."""
        return (WEARS_GLASSES,) if self.reach.get("glasses", (-1.0, 1.0))[1] == 0 else ()

    def within_reach(self, sliders: Sliders) -> dict[str, float]:
        """Sliders with their ends where this face's are."""
        ends = {name: self.reach.get(name, (-1.0, 1.0)) for name in sliders}
        return {name: value * (ends[name][1] if value > 0 else -ends[name][0]) for name, value in sliders.items()}


@dataclass(frozen=True)
class Finished:
    """An edited photo.

    pixels: like the photo's, same shape and dtype.  box: left, top, right, bottom outside of which nothing changed.
    distance: identity distance to the photo before the edit (0 the same, dlib calls up to 0.6 one person).
    verdict: that in words.  sliders: what was really applied.  kept: the part of the wish that was, 1 if all of it;
    less where `keep` pulled it back.  age_before, age_after: estimated years, None where nobody asked.
    """

    pixels: Pixels
    box: tuple[int, int, int, int]
    distance: float
    verdict: str
    sliders: dict[str, float]
    kept: float = 1.0
    age_before: float | None = None
    age_after: float | None = None


@dataclass(frozen=True)
class Described:
    """What a text says about a face.

    sliders: what to set.  understood: (words of the text, slider, value).  ignored: words that mean nothing here.
    """

    sliders: dict[str, float]
    understood: tuple[tuple[str, str, float], ...]
    ignored: tuple[str, ...]
