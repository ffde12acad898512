"""Where a head is in its aligned square."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Outline:
    """Where an aligned square shows the head with its neck and hair, float32 (n, n), 0 or 1."""

    head: NDArray[np.float32]
