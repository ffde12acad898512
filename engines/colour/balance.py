"""White balance of a colouring: the cast that all of it has, as light of one colour would give it.

Shades of grey (Finlayson & Trezzi 2004): the sixth-order mean of the channels in linear light is the light's colour.
Places count less the stronger their colour is: a lawn is green in any light.
"""

from __future__ import annotations

import numpy as np

from engines.colour import light
from engines.colour.light import Floats
from engines.core.lab import TO_WHITE_XYZ

ORDER = 6  # of the mean: between all of the picture (1) and its brightest places alone
MOST = 18.0  # chroma of the cast of white that is believed
PLAIN = 14.0  # chroma at which a place counts e^-1


def cast(L: Floats, ab: Floats) -> Floats:
    """L (h, w) in [0, 100] and ab (h, w, 2) -> a and b that white has under the light, (2,).

    What is darker has as much less of it as its f(Y) is below white's: a place's cast is this times f(Y).
    """
    root = np.asarray((L + 16) / 116, np.float32)
    rgb = light.inside(light.cube(root), root, np.ascontiguousarray(ab.transpose(2, 0, 1), np.float32))
    weight = np.exp(-np.square(ab / PLAIN).sum(2, dtype=np.float64)) + 1e-6
    channels = np.average(rgb.clip(0, 1).astype(np.float64) ** ORDER, (1, 2), np.broadcast_to(weight, rgb.shape))
    channels **= 1 / ORDER
    x, y, z = TO_WHITE_XYZ.double().numpy() @ channels
    if y <= 1e-6:
        return np.zeros(2, np.float32)
    found = np.array([500 * (np.cbrt(x / y) - 1), 200 * (1 - np.cbrt(z / y))])
    return np.asarray(found * min(1.0, MOST / max(float(np.hypot(*found)), 1e-6)), np.float32)
