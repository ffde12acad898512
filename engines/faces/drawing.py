"""What an edit draws into a photo at the photo's own size: hair of another colour, a fringe, eyes wide or shut, a
beard, glasses.

The generator has sliders for them, and uses them where it draws everything itself. In a photo its difference would be
as coarse as it is: a haze over hair, blotches for a fringe, a smear around the eyes, a shadow for a beard; and wide
eyes would come with another light. So these sliders are taken out of the edit that it makes and drawn over the result,
following what it says of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.core import faces
from engines.core.faces import Face
from engines.faces import beards, hair, lids, makeup, spectacles
from engines.faces.generator import to_frame
from engines.faces.parting import Parts
from engines.faces.sliders import Directions
from engines.faces.values import Frame, Sliders

Plane = NDArray[np.float32]
GLASSES, BEARD, SHUT, GREY, DARK, FAIR = "glasses", "beard", "eyes_shut", "hair_grey", "hair_dark", "hair_blond"
EYES, FRINGE = "eyes", "fringe"
HAIR, OVER = (DARK, FAIR, GREY), (FRINGE, EYES, SHUT, BEARD, GLASSES)
_LOOK = 256  # side at which the eyes are looked for
_GROWTH = 1.3  # of a beard over its slider: stubble is told from none at once, a full beard hardly from a fuller one
_FULLEST = 0.56  # of what beards.py can draw: more is darker and no more of a beard, and less of the person
_FULL = 3.0  # glasses are opaque from a third of the slider on; beyond it their frame grows stronger


@dataclass(frozen=True)
class Drawing:
    """Sliders that are drawn, and the directions they come from."""

    sliders: Sliders
    directions: Directions

    @property
    def hair(self) -> dict[str, float]:
        """Those that colour hair."""
        return {name: value for name, value in self.sliders.items() if name in HAIR}

    @property
    def over(self) -> dict[str, float]:
        """Those that lie over the face and are nobody's features."""
        return {name: value for name, value in self.sliders.items() if name in OVER and name != EYES}

    def features(self, factor: float) -> dict[str, float]:
        """Those by which it is another face, at a part of their strength."""
        return {name: factor * value for name, value in self.sliders.items() if name == EYES}

    def latents(self, ws: NDArray[np.float32], factor: float) -> NDArray[np.float32]:
        """What the generator has to draw for `dyed`: the face as it is, and recoloured.

        ws: (num_ws, w_dim) of the edited face -> (2, num_ws, w_dim).
        """
        coloured = {name: value * factor for name, value in self.hair.items()}
        return np.stack([ws + self.directions.shift(some) for some in ({}, coloured)])

    def dyed(self, square: Plane, pictures: Plane, parts: Parts, factor: float) -> Plane:
        """The edited square (S, S, 3) with its hair coloured.  pictures: of `latents`; parts: of the square."""
        plain, coloured = pictures
        grey = min(1.0, max(0.0, self.sliders.get(GREY, 0.0) * factor))
        return hair.recoloured(square, hair.where(square, parts.hair, parts.skin), plain, coloured, grey=grey)


@dataclass(frozen=True)
class Marks:
    """Where a face is in an aligned square: eyes (2, 2) and the nose's base at (x, y) pixels, and its `Face.yaw`.

    mouth, jaw: the lips' outer line, (12, 2), and the jaw's, (17, 2), as `beards.beard` takes them; lids: the lines of
    both eyes, (12, 2), as `lids.opened` does; brows: (10, 2), the left one in the picture first, as `Hairline.of` does;
    None where nobody looked.
    """

    eyes: NDArray[np.float64]
    nose: NDArray[np.float64]
    turn: float
    mouth: NDArray[np.float64] | None = None
    jaw: NDArray[np.float64] | None = None
    lids: NDArray[np.float64] | None = None
    brows: NDArray[np.float64] | None = None

    def between(self, other: Marks) -> Marks:
        """Halfway to others."""
        eyes, nose, turn = (self.eyes + other.eyes) / 2, (self.nose + other.nose) / 2, (self.turn + other.turn) / 2
        pairs = (self.mouth, other.mouth), (self.jaw, other.jaw), (self.lids, other.lids), (self.brows, other.brows)
        return Marks(eyes, nose, turn, *(_middle(*pair) for pair in pairs))

    def with_lines(self, square: Plane) -> Marks:
        """With the mouth, the jaw, the brows and the eyes' lines that a square shows."""
        return self._with_lines(_small(square), square.shape[0])

    def _with_lines(self, small: Frame, side: int) -> Marks:
        """Of a square of this side, of which `small` is the picture, uint8 (_LOOK, _LOOK, 3)."""
        points = (makeup.landmarks(small).astype(np.float64) + 0.5) * (side / _LOOK)
        return replace(self, mouth=points[48:60], jaw=points[:17], lids=points[36:48], brows=points[17:27])


def _middle(one: NDArray[np.float64] | None, other: NDArray[np.float64] | None) -> NDArray[np.float64] | None:
    return one if one is None or other is None else (one + other) / 2


def marks_of(square: Plane, face: Face | None = None) -> Marks:
    """Where the face is in an aligned square (S, S, 3).

    face: of the photo the square comes from; what no detector finds was there before. None: where all are aligned to.
    """
    side = square.shape[0]
    small = _small(square)
    found = faces.detect(small, smallest=_LOOK // 4, rotated=False)
    if not found:
        return marks_before(face, side)._with_lines(small, side)
    eyes, nose = ((np.array(points) + 0.5) * (side / _LOOK) for points in (found[0].eyes, found[0].nose))
    return Marks(eyes, nose, found[0].yaw)._with_lines(small, side)


def _small(square: Plane) -> Frame:
    return to_frame(np.asarray(cv2.resize(square, (_LOOK, _LOOK), interpolation=cv2.INTER_AREA), np.float32))


def marks_before(face: Face | None, side: int) -> Marks:
    """Where a photo's face is in its own aligned square; without one, where all faces are aligned to."""
    if face is None:
        return Marks(faces.TEMPLATE[:2] * side, faces.TEMPLATE[2] * side, 0.0)
    matrix = face.to_square(side)
    eyes, nose = (np.array(points) @ matrix[:, :2].T + matrix[:, 2] for points in (face.eyes, face.nose))
    return Marks(eyes, nose, face.yaw)


def laid_over(square: Plane, marks: Marks, sliders: Sliders) -> Plane:
    """A square (S, S, 3) with eyes wide, narrow or shut, a beard as grey as the hair is, and glasses over it.

    A fringe needs to know where hair is: `fringes.combed` draws it, before these.
    """
    if sliders.get(EYES) and marks.lids is not None:
        square = lids.opened(square, marks.lids, sliders[EYES])
    shut, bearded, grey, glasses = (max(0.0, sliders.get(name, 0.0)) for name in (SHUT, BEARD, GREY, GLASSES))
    if shut > 0:
        square = lids.shut(square, marks.eyes, marks.turn, shut)
    if bearded > 0:
        square = beards.beard(
            square,
            marks.eyes,
            marks.nose,
            marks.turn,
            _FULLEST * bearded**_GROWTH,
            mouth=marks.mouth,
            jaw=marks.jaw,
            grey=grey,
        )
    if glasses > 0:
        colour, cover = spectacles.glasses(marks.eyes, marks.turn, square.shape[0], weight=0.5 + 0.5 * glasses)
        square = np.asarray(square + min(1.0, _FULL * glasses) * cover[..., None] * (colour - square), np.float32)
    return square


def lies_over(name: str, value: float) -> bool:
    """Whether a slider at this value is drawn over a photo's face: all of OVER, and less than nothing of eyes only."""
    return name in OVER and (value > 0 or (name == EYES and value < 0))


def taken_out(directions: Directions, sliders: Sliders) -> tuple[Mapping[str, float], Drawing | None]:
    """(the sliders that the generator draws, what is drawn at the photo's own size)."""
    drawn = {name: value for name, value in sliders.items() if name in HAIR or lies_over(name, value)}
    rest = {name: value for name, value in sliders.items() if name not in drawn}
    return rest, Drawing(drawn, directions) if drawn else None


def of_new_face(sliders: Sliders) -> tuple[dict[str, float], dict[str, float]]:
    """(the sliders that the generator draws on a face of its own, those it draws badly and that lie over it)."""
    over = {name: value for name, value in sliders.items() if name in (BEARD, EYES) and lies_over(name, value)}
    return {name: value for name, value in sliders.items() if name not in over}, over


def scaled(sliders: Sliders, factor: float) -> dict[str, float]:
    """Sliders at a part of their strength; what lies over the face, other than its features, stays as it is."""
    return {name: value * (1 if lies_over(name, value) and name != EYES else factor) for name, value in sliders.items()}
