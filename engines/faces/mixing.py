"""Two faces blended: style mixing by layers (Karras et al. 2019), each group of layers by its own part."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from engines.core.errors import OptionError
from engines.faces.values import Inverted, Latents

# Layers by what they decide: 4 and 8 pixels pose and shape, 16 and 32 features, the rest colours and texture.
_COARSE, _MIDDLE = 6, 12


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
