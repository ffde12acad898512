"""What lies behind a head, guessed from what lies beside it, for the strip that a turned head uncovers.

Averages make a smear where a collar ends at the neck; OpenCV's inpainting (Telea 2004) goes on with its edge.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.core.faces import Photo

_SIDE = 192
_RIM, _EDGE = 0.045, 0.015  # of the side: loose hair around hair, and a sharpened photo's rim, are no background
_REACH = 4  # pixels from which each pixel takes its colour
_CALM = 1.5  # sigma of the blur under which Telea's streaks vanish, pixels


@dataclass(frozen=True)
class Outline:
    """Where an aligned square shows the head with its neck, and its hair alone, float32 (n, n), 0 or 1."""

    head: NDArray[np.float32]
    hair: NDArray[np.float32]


def behind(square: Photo, outline: Outline) -> NDArray[np.float32]:
    """An aligned square, uint8 (H, W, 3), and whose head is in it -> what is behind, float32 (S, S, 3), 0 to 1."""
    kind = cv2.INTER_AREA if square.shape[0] > _SIDE else cv2.INTER_LINEAR
    own = cv2.resize(square, (_SIDE, _SIDE), interpolation=kind)
    mask = np.maximum(_wider(outline.head, _EDGE), _wider(outline.hair, _RIM))
    made = cv2.inpaint(own, mask, _REACH, cv2.INPAINT_TELEA).astype(np.float32) / np.float32(255)
    calm = cv2.GaussianBlur(made, (0, 0), _CALM)
    return np.asarray(np.where(mask[..., None] > 0, calm, made), np.float32)


def _wider(mask: NDArray[np.float32], part: float) -> NDArray[np.uint8]:
    """A mask of any size, wider by a part of the side, (S, S)."""
    rim = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * round(part * _SIDE) + 1,) * 2)
    wide = cv2.resize(mask, (_SIDE, _SIDE), interpolation=cv2.INTER_LINEAR) > 0
    return np.asarray(cv2.dilate(wide.astype(np.uint8), rim), np.uint8)
