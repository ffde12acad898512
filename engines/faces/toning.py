"""What is newly drawn in a face, in the light and the colours of where it comes to lie."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float32]


def toned(picture: Plane, base: Plane, wanted: Plane) -> Plane:
    """A picture (S, S, 3) in another light: what is as light as `base` becomes `wanted`, black and white stay."""
    base, wanted = np.clip(base, 0.05, 0.95), np.clip(wanted, 0.02, 0.98)
    away = picture - base
    return np.asarray(wanted + away * np.where(away > 0, (1 - wanted) / (1 - base), wanted / base), np.float32)
