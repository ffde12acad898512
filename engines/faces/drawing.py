"""What an edit draws into a photo at the photo's own size: hair of another colour, glasses.

The generator has sliders for them, and uses them where it draws everything itself. In a photo its difference would be
as coarse as it is: a haze over hair, a smear around the eyes. So these sliders are taken out of the edit that it makes
and drawn over the result, following what it says of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.core import faces
from engines.core.faces import Face
from engines.faces import hair, matting, spectacles
from engines.faces.generator import to_frame
from engines.faces.sliders import Directions
from engines.faces.values import Sliders

Plane = NDArray[np.float32]
GLASSES, GREY, DARK, FAIR = "glasses", "hair_grey", "hair_dark", "hair_blond"
HAIR = (DARK, FAIR, GREY)
_EXTREMES = ({DARK: 1.0}, {FAIR: 0.8})  # what shows where hair is
_LOOK = 256  # side at which the eyes are looked for
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

    def latents(self, ws: NDArray[np.float32], factor: float) -> NDArray[np.float32]:
        """What the generator has to draw for `over`: the face as it is, recoloured, with dark and with fair hair.

        ws: (num_ws, w_dim) of the edited face -> (4, num_ws, w_dim), or (0, …) where no hair is coloured.
        """
        if not self.hair:
            return ws[None][:0]
        coloured = {name: value * factor for name, value in self.hair.items()}
        return np.stack([ws + self.directions.shift(some) for some in ({}, coloured, *_EXTREMES)])

    def over(self, edited: Plane, pictures: Plane, face: Face, factor: float) -> Plane:
        """The edited square (S, S, 3) with it.  pictures: of `latents`.  face: of the photo the square comes from."""
        if len(pictures):
            plain, coloured, dark, fair = pictures
            where = hair.where(edited, dark, fair, matting.head(to_frame(edited)))
            grey = min(1.0, max(0.0, self.sliders.get(GREY, 0.0) * factor))
            edited = hair.recoloured(edited, where, plain, coloured, grey=grey)
        amount = self.sliders.get(GLASSES, 0.0) * factor
        return edited if amount <= 0 else self._worn(edited, face, amount)

    def _worn(self, edited: Plane, face: Face, amount: float) -> Plane:
        side = edited.shape[0]
        small = to_frame(np.asarray(cv2.resize(edited, (_LOOK, _LOOK), interpolation=cv2.INTER_AREA), np.float32))
        found = faces.detect(small, smallest=_LOOK // 4, rotated=False)
        if found:
            eyes, turn = (np.array(found[0].eyes) + 0.5) * (side / _LOOK), found[0].yaw
        else:  # an eye that no detector finds was there before
            matrix = face.to_square(side)
            eyes, turn = np.array(face.eyes) @ matrix[:, :2].T + matrix[:, 2], face.yaw
        colour, cover = spectacles.glasses(eyes, turn, side, weight=0.5 + 0.5 * amount)
        return np.asarray(edited + min(1.0, _FULL * amount) * cover[..., None] * (colour - edited), np.float32)


def taken_out(directions: Directions, sliders: Sliders) -> tuple[Mapping[str, float], Drawing | None]:
    """(the sliders that the generator draws, what is drawn at the photo's own size)."""
    known = directions.names
    able = {GLASSES} | (set(HAIR) if {DARK, FAIR} <= set(known) else set())
    drawn = {name: value for name, value in sliders.items() if name in able and (value > 0 or name != GLASSES)}
    rest = {name: value for name, value in sliders.items() if name not in drawn}
    return rest, Drawing(drawn, directions) if drawn else None
