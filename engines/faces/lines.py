"""What years leave in a face, at the photo's size: folds and lines, and the person's own ones deeper.

The generator has hardly seen anybody over sixty, and wrinkles are finer than what it draws. The lines that a face has
already are the surest sign of those to come: they are deepened. The folds that everybody gets are drawn where
landmarks say they lie. Pictures are float32 (S, S, 3) in [0, 1], aligned as in engines/core/faces.py.
"""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.core.job import Job
from engines.faces.drawing import Marks
from engines.faces.generator import to_frame
from engines.faces.hair import LIGHT
from engines.faces.motion import even
from engines.faces.parting import parts_of
from engines.faces.spectacles import Axes
from engines.faces.workshop import Workshop

Plane = NDArray[np.float32]
PART = 0.6  # of them, at the end of the age slider
_OWN = 1.5  # how much deeper the face's own lines become with all of them; with few hardly, for they are the person
_DEPTH = 0.16  # of a fold, of the skin's light
_STEPS = 24  # of a line
# Eye, nose and mouth: middle and half axes of what surrounds them, in units of the eyes' distance.
_FEATURES = ((0.5, 0.0, 0.36, 0.17), (0.0, 0.5, 0.28, 0.22), (0.0, 1.04, 0.44, 0.20))
# Lines in units of the eyes' distance, (0, 0) between the eyes, down positive: points, width, depth. Those beside the
# middle are drawn on both sides.
_Kind = tuple[tuple[tuple[float, float], ...], float, float]
_MIDDLE: tuple[_Kind, ...] = (
    (((-0.62, -0.66), (-0.2, -0.60), (0.2, -0.60), (0.62, -0.66)), 0.022, 0.9),
    (((-0.66, -0.81), (-0.2, -0.75), (0.2, -0.75), (0.66, -0.81)), 0.022, 1.0),
    (((-0.56, -0.96), (-0.2, -0.91), (0.2, -0.91), (0.56, -0.96)), 0.022, 0.7),
)
_SIDES: tuple[_Kind, ...] = (
    (((0.10, -0.34), (0.09, -0.26), (0.10, -0.16)), 0.022, 0.6),  # between the brows
    (((0.83, -0.02), (0.93, -0.08), (1.02, -0.17)), 0.014, 0.9),  # crow's feet
    (((0.84, 0.03), (0.95, 0.02), (1.05, -0.01)), 0.014, 1.0),
    (((0.82, 0.08), (0.92, 0.13), (1.00, 0.19)), 0.014, 0.8),
    (((0.24, 0.13), (0.38, 0.22), (0.56, 0.24), (0.74, 0.17)), 0.028, 1.1),  # under the eyes
    (((0.30, 0.22), (0.42, 0.31), (0.58, 0.33)), 0.022, 0.6),
    (((0.30, 0.56), (0.40, 0.70), (0.48, 0.86), (0.54, 1.04)), 0.040, 1.5),  # beside nose and mouth
    (((0.43, 1.16), (0.48, 1.25), (0.50, 1.35)), 0.034, 0.5),
)


def weathered(shop: Workshop, square: Plane, marks: Marks, amount: float, job: Job) -> Plane:
    """An aligned square with the lines of old age on its skin, 0 to 1 of them."""
    return aged(square, marks, parts_of(shop, to_frame(square), job).skin, amount) if amount > 0 else square


def aged(face: Plane, marks: Marks, skin: Plane, amount: float) -> Plane:
    """The face with 0 to 1 of the lines of old age.  skin: (n, n), how likely each place is skin."""
    side, axes = face.shape[0], Axes(marks.eyes)
    u, v = (plane.astype(np.float32) for plane in axes.places(axes.middle, side))
    length = min(max(float((marks.nose - axes.middle) @ axes.down) / axes.unit / 0.65, 0.8), 1.2)
    where = cv2.GaussianBlur(even(skin, side), (0, 0), axes.unit * 0.03) * _free(u, v / length)
    light = np.asarray(face @ LIGHT, np.float32)
    fine = cv2.GaussianBlur(light, (0, 0), max(0.012 * axes.unit, 0.5))
    own = np.minimum(fine - cv2.GaussianBlur(light, (0, 0), 0.07 * axes.unit), 0).clip(-0.06, 0)
    relief = _OWN * amount**3 * _apart(u, v / length) * own / np.maximum(light, 0.1)
    for points, width, depth in _all():
        relief = relief - _DEPTH * depth * _fold(side, _placed(points, axes, length, marks.turn), width * axes.unit)
    shade = 1 + amount * where * relief
    made = face * np.clip(shade, 0.3, 1.3)[..., None]
    pale = amount * where[..., None] * 0.12
    return np.asarray(np.clip(made + pale * ((made @ LIGHT)[..., None] - made), 0, 1), np.float32)


def _all() -> Iterator[tuple[NDArray[np.float64], float, float]]:
    for sides, kinds in (((1,), _MIDDLE), ((1, -1), _SIDES)):
        for points, width, depth in kinds:
            for sign in sides:
                yield np.array(points, np.float64) * (sign, 1), width, depth


def _placed(points: NDArray[np.float64], axes: Axes, length: float, turn: float) -> NDArray[np.float64]:
    """A line's points in pixels of a head that is turned: what stands out moves with the nose."""
    u, v = points.T
    out = np.clip(1 - (u / 1.1) ** 2, 0, 1)  # the middle of a face stands out, its sides do not
    u = u + turn * 0.9 * out * np.clip(v / 0.65, -0.4, 1.4)
    return np.asarray(axes.middle + axes.unit * (u[:, None] * axes.along + (v * length)[:, None] * axes.down))


def _fold(side: int, points: NDArray[np.float64], width: float) -> Plane:
    """A fold along points: its valley above 0, with a lighter edge beside it, weaker towards its ends, (S, S)."""
    at = np.linspace(0, len(points) - 1, _STEPS)
    fit = np.polyfit(np.arange(len(points)), points, min(len(points) - 1, 3))
    line = np.stack([np.polyval(fit[:, axis], at) for axis in (0, 1)], 1)
    rng = np.random.default_rng(len(points))
    strength = np.sin(np.pi * np.linspace(0.08, 0.92, _STEPS - 1)) * rng.uniform(0.7, 1.0, _STEPS - 1)
    mask = np.zeros((side, side), np.float32)
    thick = max(1, round(0.5 * width))
    for start, end, value in zip(line[:-1], line[1:], strength, strict=True):
        first, last = ([round(float(c) * 16) for c in point] for point in (start, end))
        cv2.line(mask, first, last, float(value), thick, cv2.LINE_AA, 4)
    sigma = max(0.45 * width, 0.5)
    valley = cv2.GaussianBlur(mask, (0, 0), sigma)
    relief = valley - 0.75 * cv2.GaussianBlur(mask, (0, 0), 2.2 * sigma)
    most = float(valley.max())
    return np.asarray(relief / most if most > 0 else relief, np.float32)


def _apart(u: Plane, v: Plane) -> Plane:
    """0 around eyes, nose and mouth, whose own edges are no lines of age but the person, 1 on the rest of the face."""
    far = [np.hypot((np.abs(u) - x) / a, (v - y) / b) for x, y, a, b in _FEATURES]
    return np.asarray(np.clip((np.minimum.reduce(far) - 0.9) / 0.25, 0, 1), np.float32)


def _free(u: Plane, v: Plane) -> Plane:
    """0 on eyes, brows, nostrils and lips, 1 on the rest of the face."""

    def away(x: float, y: float, a: float, b: float) -> Plane:
        far = np.hypot((np.abs(u) - x) / a, (v - y) / b)
        return np.asarray(np.clip((far - 0.9) / 0.25, 0, 1), np.float32)

    eyes, brows = away(0.5, 0.0, 0.27, 0.13), away(0.5, -0.28, 0.36, 0.09)
    nostrils, lips = away(0.0, 0.58, 0.24, 0.12), away(0.0, 1.04, 0.40, 0.17)
    return np.asarray(np.minimum.reduce([eyes, brows, nostrils, lips]), np.float32)
