"""What lies behind a head, guessed from what lies beside it, for the strip that a turned head uncovers.

Averages make a smear where a collar ends at the neck; OpenCV's inpainting (Telea 2004) goes on with its edge.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.core.faces import Photo

_SIDE = 192
_RIM = 0.045  # of the side: loose hair around the mask, and the light rim of a sharpened photo, are no background
_REACH = 4  # pixels from which each pixel takes its colour
_CALM = 1.5  # sigma of the blur under which Telea's streaks vanish, pixels


def behind(square: Photo, head: NDArray[np.float32]) -> NDArray[np.float32]:
    """An aligned square, uint8 (H, W, 3), and its head (n, n), 0 or 1 -> what is behind, float32 (S, S, 3), 0 to 1."""
    kind = cv2.INTER_AREA if square.shape[0] > _SIDE else cv2.INTER_LINEAR
    own = cv2.resize(square, (_SIDE, _SIDE), interpolation=kind)
    rim = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * round(_RIM * _SIDE) + 1,) * 2)
    wide = cv2.resize(head, (_SIDE, _SIDE), interpolation=cv2.INTER_LINEAR) > 0
    mask = cv2.dilate(wide.astype(np.uint8), rim)
    made = cv2.inpaint(own, mask, _REACH, cv2.INPAINT_TELEA).astype(np.float32) / np.float32(255)
    calm = cv2.GaussianBlur(made, (0, 0), _CALM)
    return np.asarray(np.where(mask[..., None] > 0, calm, made), np.float32)
