"""Two faces blended: style mixing by layers (Karras et al. 2019), each group of layers by its own part.

In a photo the blend shows where both it and the photo show bare face, in the complexion that the photo has there:
hair and neck stay the first person's, and so a second complexion in between would look pasted.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.core.errors import OptionError
from engines.faces import makeup
from engines.faces.generator import to_frame
from engines.faces.motion import Change, Plane
from engines.faces.values import Frame, Inverted, Latents

# Layers by what they decide: 4 and 8 pixels pose and shape, 16 and 32 features, the rest colours and texture.
_COARSE, _MIDDLE = 6, 12
_TONE = 9  # parts of the side over which complexions are compared
_RIM = 35  # width of the rim at which a blend meets the photo, in pixels of makeup.SIDE


def parts(layers: int, *, coarse: float, middle: float, fine: float) -> NDArray[np.float32]:
    """For each layer how much of the second face it takes, (layers, 1)."""
    for name, value in (("coarse", coarse), ("middle", middle), ("fine", fine)):
        if not 0 <= value <= 1:
            raise OptionError(f"{name.capitalize()} goes from 0 (the first face) to 1 (the second), not {value}.")
    part = np.full((layers, 1), fine, np.float32)
    part[:_MIDDLE], part[:_COARSE] = middle, coarse
    return part


def mix(a: Latents, b: Latents, *, coarse: float, middle: float, fine: float) -> Latents:
    """A blend; 0 is a, 1 is b. If a is a photo's, the blend keeps its place in the photo."""
    if a.model != b.model or a.ws.shape != b.ws.shape:
        raise OptionError("These two faces come from different models. Bring both into the same one.")
    part = parts(len(a.ws), coarse=coarse, middle=middle, fine=fine)
    ws = ((1 - part) * a.ws + part * b.ws).astype(np.float32)
    own = a.deltas if isinstance(a, Inverted) else ()
    other = b.deltas if isinstance(b, Inverted) else ()
    place = a if isinstance(a, Inverted) else b
    if not isinstance(place, Inverted):
        return replace(a, ws=ws)
    if not own and not other:
        return replace(place, ws=ws)
    own = own or tuple(np.zeros_like(delta) for delta in other)
    other = other or tuple(np.zeros_like(delta) for delta in own)
    share = (coarse + middle + fine) / 3  # tuning belongs to all of a person's layers
    deltas = tuple(((1 - share) * p + share * q).astype(np.float16) for p, q in zip(own, other, strict=True))
    return replace(place, ws=ws, deltas=deltas)


def fitted(photo: Frame, change: Change) -> tuple[Change, Plane]:
    """A blend in the complexion of the photo, and where it may show, (S, S) from 0 to 1.

    photo: the aligned square, uint8 (makeup.SIDE, makeup.SIDE, 3).  change: the first face and the blend.
    """
    blend = to_frame(change.at(makeup.SIDE).after)
    both = (np.minimum(makeup.face(photo), makeup.face(blend)) > 0.5).astype(np.float32)
    core = cv2.erode(both, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (_RIM, _RIM)))
    weight = np.asarray(cv2.GaussianBlur(core, (0, 0), _RIM / 3.5), np.float32)
    skin = np.minimum(makeup.regions(photo)["skin"], makeup.regions(blend)["skin"]) * both
    side = change.before.shape[0]
    seen = cv2.resize(skin, (side, side), interpolation=cv2.INTER_AREA)
    wide = (0, 0), side / _TONE
    mass = cv2.GaussianBlur(seen, *wide)[..., None]
    missing = cv2.GaussianBlur((change.before - change.after) * seen[..., None], *wide) / np.maximum(mass, 1e-4)
    sure = np.clip(mass / 0.02, 0, 1)  # where there is hardly any bare skin nearby nothing can be told
    return Change(change.before, np.asarray(change.after + sure * missing, np.float32)), weight
