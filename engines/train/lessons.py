"""What a generator is taught that its data hardly shows, put by rule on faces of its own.

Pictures are float32 (S, S, 3) in [0, 1], aligned as in engines/core/faces.py.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.faces.hair import LIGHT
from engines.faces.spectacles import Axes
from engines.train import matting

Plane = NDArray[np.float32]
NAMES = ("glasses", "hair_grey", "eyes_shut", "beard")  # the first lies over all others


def grey_hair(face: Plane, dark: Plane, blond: Plane) -> Plane:
    """The face with grey hair. dark, blond: the same person with the darkest and with very fair hair.

    Where these two differ, within the head, is hair. Its grey has the fair hair's light and the own hair's strands.
    """
    side = face.shape[0]
    mask = matting.head(np.asarray((face * 255).clip(0, 255), np.uint8))
    head = np.asarray(cv2.resize(mask, (side, side), interpolation=cv2.INTER_LINEAR), np.float32)
    between = cv2.GaussianBlur(np.abs((blond - dark) @ LIGHT), (0, 0), side / 100) * head
    most = float(np.quantile(between[between > 0.05], 0.8)) if (between > 0.05).any() else 1.0
    hair = np.clip((between / most - 0.2) / 0.3, 0, 1) * (1 - _skin_of(side))
    hair *= np.clip((0.48 - dark @ LIGHT) / 0.15, 0, 1)  # black hair is darker than any skin
    hair = np.asarray(cv2.GaussianBlur(hair.astype(np.float32), (0, 0), side / 160), np.float32)

    def mean(plane: Plane, sigma: float) -> Plane:
        """Of the hair around each place."""
        weight = cv2.GaussianBlur(hair, (0, 0), sigma) + 1e-3
        return np.asarray(cv2.GaussianBlur(plane * hair, (0, 0), sigma) / weight, np.float32)

    own, fair = face @ LIGHT, mean(blond @ LIGHT, side / 64)
    middle = float((fair * hair).sum() / max(float(hair.sum()), 1e-6))
    strands = (own + 0.06) / (mean(own, side / 40) + 0.06)
    light = (0.60 + 0.8 * (fair - middle)) * np.clip(strands, 0.7, 1.15)
    grey = (light[..., None] * np.array([0.985, 1.0, 1.01], np.float32)).clip(0, 1)
    return np.asarray(face + hair[..., None] * (grey - face), np.float32)


def _skin_of(side: int) -> Plane:
    """The front of the face and the neck, soft, where there is skin and no hair but brows, (S, S)."""
    y, x = (np.mgrid[0:side, 0:side] + 0.5) / side
    face = np.hypot((x - 0.5) / 0.235, (y - 0.60) / 0.265)
    neck = np.hypot((x - 0.5) / 0.19, np.maximum(0.80 - y, 0) / 0.1)
    return np.asarray(np.clip((1.06 - np.minimum(face, neck)) / 0.12, 0, 1), np.float32)


def shut_eyes(face: Plane, eyes: NDArray[np.float64], turn: float) -> Plane:
    """The face with its eyes shut: lids in the skin's own colours over each eye, and lashes along their lower edge.

    eyes, turn: as for `spectacles.glasses`.
    """
    side, axes = face.shape[0], Axes(eyes)
    out = (face * 255).round().clip(0, 255).astype(np.uint8)
    hidden, lashes = np.zeros((side, side), bool), np.zeros((side, side), np.float32)
    for sign, eye in zip((-1, 1), eyes, strict=True):
        u, v = axes.places(eye, side)
        u = u / (0.26 * min(max(1 - 0.5 * turn * sign, 0.75), 1.1))  # the eye's corners at -1 and 1
        hidden |= (np.abs(u) < 1) & (np.abs(v - 0.005) < 0.135 * np.sqrt(np.clip(1 - u * u, 0, 1)) + 0.015)
        lower = 0.055 * np.clip(1 - u * u, 0, 1) + 0.035
        line = np.exp(-(((v - lower) / 0.026) ** 2)) * np.clip((1.02 - np.abs(u)) / 0.15, 0, 1)
        lashes = np.maximum(lashes, line.astype(np.float32))
    filled = cv2.inpaint(out, hidden.astype(np.uint8), 3, cv2.INPAINT_TELEA).astype(np.float32) / 255
    soft = cv2.GaussianBlur(hidden.astype(np.float32), (0, 0), side / 160)[..., None]
    closed = face + soft * (cv2.GaussianBlur(filled, (0, 0), side / 128) - face)
    return np.asarray(closed * (1 - 0.72 * lashes[..., None]), np.float32)


def beard(face: Plane, eyes: NDArray[np.float64], nose: NDArray[np.float64], turn: float, strands: Plane) -> Plane:
    """The face with a full short beard in the colour of its hair.

    eyes, turn: as for `spectacles.glasses`; nose: its base, (x, y). strands: noise (S, S) that its hair follows.
    """
    side, axes = face.shape[0], Axes(eyes)
    u, v = axes.places(axes.middle, side)
    length = float((nose - axes.middle) @ axes.down) / axes.unit / 0.65  # a head that nods is seen shortened
    v = v / min(max(length, 0.8), 1.2)
    u = u - turn * np.clip(v / 0.65, 0, 1.6) * np.clip(1.5 - v, 0.5, 1) * 0.9  # the chin turns with the nose
    jaw = np.hypot(u, (v - 0.60) / 0.93)
    top = 1.0 - 0.75 * np.clip(np.abs(u) / 0.95, 0, 1.2) ** 3  # from the sideburns down over the cheeks
    top = np.where(np.abs(u) < 0.44, 0.71 + 0.20 * np.abs(u / 0.44) ** 2, top)  # and up to the moustache
    inside = np.clip((1.0 - jaw) / 0.06, 0, 1) * np.clip((v - top) / 0.07, 0, 1)
    lips = np.hypot(u / 0.36, (v - 1.03) / 0.10)
    inside *= np.clip((lips - 0.95) / 0.25, 0, 1) * (1 - np.clip((1.25 - lips) / 0.3, 0, 1) * (v > 1.1) * 0.3)
    red = face[..., 0] - face[..., 1]
    cheek = float(np.median(red[(np.abs(u) < 0.7) & (v > 0.35) & (v < 0.6)]))
    mouth = (np.abs(u) < 0.5) & (v > 0.85) & (v < 1.3)
    lips_or_teeth = (red - cheek > 0.06) | (face @ LIGHT < 0.16) | (face.min(2) > 0.62)
    hollow = lips_or_teeth & mouth
    inside *= 1 - cv2.GaussianBlur(hollow.astype(np.float32), (0, 0), side / 110)
    hair = face[round(0.10 * side) : round(0.17 * side), round(0.42 * side) : round(0.58 * side)].mean((0, 1))
    colour = np.clip(0.75 * hair, 0.06, 0.34)
    cover = cv2.GaussianBlur(inside.astype(np.float32), (0, 0), side / 100) * np.clip(0.80 + 0.06 * strands, 0.4, 0.95)
    shaded = colour * (0.55 + 0.9 * (face @ LIGHT)[..., None])
    return np.asarray(face + cover[..., None] * (shaded - face), np.float32)


def strands_of(side: int, rng: np.random.Generator) -> Plane:
    """Noise (S, S) of unit variance that runs downwards, as short hair does."""
    noise = cv2.GaussianBlur(rng.standard_normal((side, side)).astype(np.float32), (0, 0), side / 220, sigmaY=side / 80)
    return np.asarray(noise / noise.std(), np.float32)
