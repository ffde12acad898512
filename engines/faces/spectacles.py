"""Spectacles, drawn on an aligned face at whatever size: what the generator was taught to wear at its own.

A rim is a pixel wide at the generator's size, so in a photo the same spectacles are drawn anew at the photo's. Pictures
are float32 (S, S, 3) in [0, 1], aligned as in engines/core/faces.py.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float32]
_FINE, _LARGEST = 4, 1200  # times the size at which glasses are drawn, up to so many pixels
_FRAME, _SHINE, _GLASS = (0.10, 0.085, 0.08), (0.42, 0.40, 0.39), (0.86, 0.91, 0.95)  # colours, RGB


class Axes:
    """A face's own directions: along its eyes (2, 2) and down, and their distance as the unit."""

    def __init__(self, eyes: NDArray[np.float64]) -> None:
        across = eyes[1] - eyes[0]
        self.unit, self.middle = float(np.hypot(*across)), eyes.mean(0)
        self.along = across / self.unit
        self.down = np.array([-self.along[1], self.along[0]])

    def places(
        self, origin: NDArray[np.float64], side: int, rows: tuple[int, int] | None = None
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """How far along and how far down from there each pixel of a square lies, two (side, side), or of some rows."""
        first, last = rows or (0, side)
        y, x = np.mgrid[first:last, 0:side] + 0.5
        x, y = x - origin[0], y - origin[1]
        along, down = self.along / self.unit, self.down / self.unit
        return x * along[0] + y * along[1], x * down[0] + y * down[1]


def glasses(eyes: NDArray[np.float64], turn: float, side: int, *, weight: float = 1.0) -> tuple[Plane, Plane]:
    """Dark spectacles for eyes (2, 2) at (x, y) pixels: colour (S, S, 3), and how much it covers, (S, S) in [0, 1].

    turn: the nose's offset from the middle of the eyes over their distance, 0 = frontal (`Face.yaw`). Measures are
    those of a common frame: lenses 50 mm wide, a bridge of 18, 62 mm between the eyes. weight: of the frame, 1 is
    strong, less is wire.
    """
    fine = max(1, min(_FINE, _LARGEST // side))
    axes = Axes(eyes * fine)
    unit, middle = axes.unit / fine, axes.middle[1] / fine
    reach_down = (0.7 + 1.6 * abs(float(axes.along[1]))) * unit
    rows = slice(max(0, int(middle - reach_down)), max(0, min(side, int(middle + reach_down) + 2)))
    colour, cover = np.zeros((side, side, 3), np.float32), np.zeros((side, side), np.float32)
    if rows.start < rows.stop:
        colour[rows], cover[rows] = _band(axes, turn, side, fine, rows, 0.029 * weight)
    return colour, cover


def _band(axes: Axes, turn: float, side: int, fine: int, rows: slice, rim: float) -> tuple[Plane, Plane]:
    """Some rows of the spectacles, drawn `fine` times as large, and brought to (rows, side)."""
    unit = axes.unit
    u, v = axes.places(axes.middle, side * fine, (rows.start * fine, rows.stop * fine))  # the eyes at -0.5 and 0.5
    u, v = u.astype(np.float32), v.astype(np.float32)
    lens, frame = np.zeros(u.shape, bool), np.zeros(u.shape, bool)
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
    colour = np.empty((*u.shape, 3), np.float32)
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
    size = side, rows.stop - rows.start
    kept = cv2.resize(colour * total[..., None], size, interpolation=cv2.INTER_AREA)
    total = cv2.resize(total, size, interpolation=cv2.INTER_AREA)
    return np.asarray(kept / np.maximum(total, 1e-6)[..., None], np.float32), np.asarray(total, np.float32)
