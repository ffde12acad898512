"""Where hair ends above a forehead, how it is combed there, and where the brows begin.

Pictures are float32 (S, S, 3) in [0, 1], aligned as in engines/core/faces.py; lengths are in units of the eyes'
distance, u to the right and v down from their middle.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.faces.drawing import Marks
from engines.faces.hair import LIGHT
from engines.faces.spectacles import Axes

Plane = NDArray[np.float32]
Line = NDArray[np.float64]
WIDE = 1.1  # how far beside the middle of a forehead its hairline is looked for
_COLUMNS, _TOP, _BOTTOM, _ROWS = 101, -2.0, 0.1, 192
_MOST = 0.5  # part of a forehead's width above which there must be hair
_ABOVE = 0.03  # how far above the brows the longest lock of a fringe ends


@dataclass(frozen=True)
class Hairline:
    """Along u, (n,): top, where hair ends; root, the same but well within it; end, where a fringe ends at the most;
    thick, how much hair is above; lean, how far to the right it is combed on its way down, 1 = as far as down.
    """

    u: Line
    top: Line
    root: Line
    end: Line
    thick: Line
    lean: Line

    @property
    def middle(self) -> float:
        """Of the forehead."""
        return float(self.u.mean())

    @staticmethod
    def of(face: Plane, where: Plane, axes: Axes, marks: Marks) -> Hairline | None:
        """Of hair (S, S); None where there is too little.  A forehead lies behind the nose, and turns the other way."""
        u, v = np.linspace(-WIDE, WIDE, _COLUMNS) - marks.turn, np.linspace(_TOP, _BOTTOM, _ROWS)
        end = _brows(u, axes, marks) - _ABOVE
        seen = at_places(where, axes, *np.meshgrid(u, v)) > 0.5
        above = seen & (v[:, None] < end)
        there = np.asarray(above.any(0))
        if there[_COLUMNS // 6 : -_COLUMNS // 6].mean() < _MOST:
            return None
        lowest = v[_ROWS - 1 - np.argmax(above[::-1], 0)]
        edge = _around(np.interp(u, u[there], lowest[there]), 9)
        top = _calm(np.asarray(np.median(edge, 1), np.float64), 2.0)  # stray hairs are no hairline
        root = _calm(_around(top, 19).min(1), 3.0)
        thick = _calm(above.sum(0) * (v[1] - v[0]), 2.0)
        return Hairline(u, top, root, end, thick, _lean(face, where, axes, u, root))


def _brows(u: Line, axes: Axes, marks: Marks) -> Line:
    """How far down the brows begin; beside them it goes on to the ears."""
    if marks.brows is None:
        return np.asarray(-0.40 + 0.5 * np.clip(np.abs(u + marks.turn) - 0.8, 0, 1))
    x, y = ((marks.brows - axes.middle) @ np.stack([axes.along, axes.down], 1) / axes.unit).T
    order = np.argsort(x)
    beside = np.maximum(0, np.maximum(x.min() - u, u - x.max()))
    return _calm(np.interp(u, x[order], y[order]) + 0.5 * beside, 4.0)


def _lean(face: Plane, where: Plane, axes: Axes, u: Line, root: Line) -> Line:
    """How the hair above a hairline is combed, by its structure tensor."""
    rows = np.arange(-0.5, -0.04, u[1] - u[0])[:, None] + root
    columns = np.broadcast_to(u, rows.shape)
    light = cv2.GaussianBlur(at_places(np.asarray(face @ LIGHT, np.float32), axes, columns, rows), (0, 0), 1.0)
    weight = cv2.erode(at_places(where, axes, columns, rows), np.ones((3, 3), np.uint8)) ** 4
    across, down = cv2.Sobel(light, cv2.CV_32F, 1, 0), cv2.Sobel(light, cv2.CV_32F, 0, 1)
    sums = [(one * weight).sum(0, dtype=np.float64) for one in (across * across, down * down, across * down)]
    xx, yy, xy = (_calm(one, 8.0) + 0.15 * one.mean() for one in sums)
    return _calm(np.tan(np.clip(0.5 * np.arctan2(-2 * xy, xx - yy), -0.9, 0.9)), 5.0)


def at_places(plane: Plane, axes: Axes, u: Line, v: Line) -> Plane:
    """A plane (S, S, …) at places of the face."""
    places = axes.middle + axes.unit * (u[..., None] * axes.along + v[..., None] * axes.down) - 0.5
    x, y = np.moveaxis(places.astype(np.float32), -1, 0)
    return np.asarray(cv2.remap(plane, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.float32)


def _around(values: Line, width: int) -> Line:
    """Each value with those around it, (n, width)."""
    padded = np.pad(values, width // 2, mode="edge")
    return np.asarray(np.lib.stride_tricks.sliding_window_view(padded, width))


def _calm(values: Line, width: float) -> Line:
    """A blur of a line."""
    return np.asarray(cv2.GaussianBlur(values[None], (0, 0), width, borderType=cv2.BORDER_REPLICATE)[0], np.float64)
