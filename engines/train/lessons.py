"""What a generator is taught that its data hardly shows: glasses and grey hair, put by rule on faces of its own.

Pictures are float32 (S, S, 3) in [0, 1], aligned as in engines/core/faces.py.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.faces import matting

Plane = NDArray[np.float32]
NAMES = ("glasses", "hair_grey")
_FINE = 4  # times the size at which glasses are drawn
_LIGHT = np.array([0.2126, 0.7152, 0.0722], np.float32)
_FRAME, _SHINE, _GLASS = (0.10, 0.085, 0.08), (0.42, 0.40, 0.39), (0.86, 0.91, 0.95)  # colours, RGB


def glasses(eyes: NDArray[np.float64], turn: float, side: int) -> tuple[Plane, Plane]:
    """Dark spectacles for eyes (2, 2) at (x, y) pixels: colour (S, S, 3), and how much it covers, (S, S) in [0, 1].

    turn: the nose's offset from the middle of the eyes over their distance, 0 = frontal (`Face.yaw`). Measures are
    those of a common frame: lenses 50 mm wide, a bridge of 18, 62 mm between the eyes.
    """
    size = side * _FINE
    left, right = eyes * _FINE
    across = right - left
    unit = float(np.hypot(*across))  # the distance of the eyes
    along = across / unit
    down = np.array([-along[1], along[0]])
    middle = (left + right) / 2
    y, x = np.mgrid[0:size, 0:size] + 0.5
    u = ((x - middle[0]) * along[0] + (y - middle[1]) * along[1]) / unit  # (size, size), eyes at -0.5 and 0.5
    v = ((x - middle[0]) * down[0] + (y - middle[1]) * down[1]) / unit
    rim = 0.029
    lens, frame = np.zeros((size, size), bool), np.zeros((size, size), bool)
    for sign in (-1, 1):
        near = 1 - 0.5 * turn * sign  # the half that the head turns away is seen shortened
        centre, reach = sign * 0.535 - 0.10 * turn, 0.40 * min(max(near, 0.75), 1.1)
        r = (np.abs((u - centre) / reach) ** 2.8 + np.abs((v - 0.055) / 0.30) ** 2.8) ** (1 / 2.8)
        lens |= r < 1
        frame |= np.abs(r - 1) * min(reach, 0.30) < rim
        outer = sign * (u - centre) - reach  # the arm, from the lens outwards to the ear
        arm = 0.10 + max(0.0, -sign * turn) * 0.9
        frame |= (outer > -0.01) & (outer < arm) & (np.abs(v + 0.10 + 0.05 * outer) < 0.8 * rim)
    bridge = (np.abs(u + 0.10 * turn) < 0.17) & (np.abs(v + 0.06 - 1.2 * (u + 0.10 * turn) ** 2) < 0.9 * rim)
    frame |= bridge & ~lens
    lens &= ~frame
    colour = np.empty((size, size, 3), np.float32)
    colour[:] = _GLASS
    cover = np.where(lens, 0.05, 0.0).astype(np.float32)
    streak = lens & (np.abs(np.mod(u + 0.55 * v, 1.07) - 0.42) < 0.05)  # light falls across both lenses
    cover[streak] = 0.16
    shade = cv2.GaussianBlur(np.roll(frame, round(0.05 * unit), 0).astype(np.float32), (0, 0), 0.035 * unit)
    shade = np.where(frame, 0, 0.30 * shade).astype(np.float32)  # and the frame's shadow lies below it
    total = shade + (1 - shade) * cover
    colour *= np.where(total > 0, (1 - shade) * cover / np.maximum(total, 1e-6), 1)[..., None]
    upper = np.roll(frame, -max(1, round(0.012 * unit)), 0) & frame & ~np.roll(frame, round(0.02 * unit), 0)
    colour[frame] = _FRAME
    colour[upper] = _SHINE
    total[frame] = 0.96
    kept = cv2.resize(colour * total[..., None], (side, side), interpolation=cv2.INTER_AREA)
    total = cv2.resize(total, (side, side), interpolation=cv2.INTER_AREA)
    return np.asarray(kept / np.maximum(total, 1e-6)[..., None], np.float32), np.asarray(total, np.float32)


def grey_hair(face: Plane, dark: Plane, blond: Plane) -> Plane:
    """The face with grey hair. dark, blond: the same person with the darkest and with very fair hair.

    Where these two differ, within the head, is hair. Its grey has the fair hair's light and the own hair's strands.
    """
    side = face.shape[0]
    mask = matting.head(np.asarray((face * 255).clip(0, 255), np.uint8))
    head = np.asarray(cv2.resize(mask, (side, side), interpolation=cv2.INTER_LINEAR), np.float32)
    between = cv2.GaussianBlur(np.abs((blond - dark) @ _LIGHT), (0, 0), side / 100) * head
    most = float(np.quantile(between[between > 0.05], 0.8)) if (between > 0.05).any() else 1.0
    hair = np.clip((between / most - 0.2) / 0.3, 0, 1) * (1 - _skin(side))
    hair *= np.clip((0.48 - dark @ _LIGHT) / 0.15, 0, 1)  # black hair is darker than any skin
    hair = np.asarray(cv2.GaussianBlur(hair.astype(np.float32), (0, 0), side / 160), np.float32)

    def mean(plane: Plane, sigma: float) -> Plane:
        """Of the hair around each place."""
        weight = cv2.GaussianBlur(hair, (0, 0), sigma) + 1e-3
        return np.asarray(cv2.GaussianBlur(plane * hair, (0, 0), sigma) / weight, np.float32)

    own, fair = face @ _LIGHT, mean(blond @ _LIGHT, side / 64)
    middle = float((fair * hair).sum() / max(float(hair.sum()), 1e-6))
    strands = (own + 0.06) / (mean(own, side / 40) + 0.06)
    light = (0.60 + 0.8 * (fair - middle)) * np.clip(strands, 0.7, 1.15)
    grey = np.clip(light, 0, 1)[..., None] * np.array([0.985, 1.0, 1.01], np.float32)
    return np.asarray(face + hair[..., None] * (grey.clip(0, 1) - face), np.float32)


def _skin(side: int) -> Plane:
    """The front of the face and the neck, soft, where there is skin and no hair but brows, (S, S)."""
    y, x = (np.mgrid[0:side, 0:side] + 0.5) / side
    face = np.hypot((x - 0.5) / 0.235, (y - 0.60) / 0.265)
    neck = np.hypot((x - 0.5) / 0.19, np.maximum(0.80 - y, 0) / 0.1)
    return np.asarray(np.clip((1.06 - np.minimum(face, neck)) / 0.12, 0, 1), np.float32)
