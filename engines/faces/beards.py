"""A beard, drawn on an aligned face at whatever size, hair by hair.

The generator's own direction hardly draws one, and what it draws is a shadow in a photo. Pictures are float32
(S, S, 3) in [0, 1], aligned as in engines/core/faces.py.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.faces.hair import LIGHT
from engines.faces.motion import even, smooth
from engines.faces.spectacles import Axes

Plane = NDArray[np.float32]
_HAIRS = 460  # across the square
_NOSE = 0.65  # where the nose ends, down from the eyes, in units of their distance
_NARROW = 0.3  # half of a jaw's least width, in units of the eyes' distance
_CHEEK = 0.98  # where it begins below the middle of a cheek's front, in the same units
_THINNER = 0.2  # how much less of it grows beside the ears
_TONE, _VARIED = 1.25, 0.26  # of a hair, over the brows' colour, and how far one differs from the next
_APART = 0.23  # how far hairs stand apart: what is evenly dark is read as a shadow
_STUBBLE = 0.055  # of a full beard, from which on stubble is there as such; below it appears
_NEAR = 0.04  # so near to the mouth what is red or white belongs to it
_HAIR, _TUFT = 0.38, 1.0  # widths of hairs and of tufts, blurs in parts of 1/_HAIRS of the square
_LONG = 3.0  # of a hair, in the same parts, over its length
_CURL = 0.25  # how far hairs stray from how they grow, as a slope
_TUFTS = 0.5  # of tufts, beside the hairs themselves
_CALM = 0.6  # how much less hairs differ where a pixel holds several: their number evens them out


def beard(
    face: Plane,
    eyes: NDArray[np.float64],
    nose: NDArray[np.float64],
    turn: float,
    amount: float,
    *,
    mouth: NDArray[np.float64] | None = None,
    jaw: NDArray[np.float64] | None = None,
    grey: float = 0.0,
) -> Plane:
    """The face with a beard of the colour of its brows.  amount: above 0 a shadow and stubble, 1 a full short beard.

    eyes: (2, 2) at (x, y) pixels; nose: its base; turn: the nose's offset from the middle of the eyes over their
    distance, 0 = frontal (`Face.yaw`). mouth: the lips' outer line, (12, 2) from the left corner over the upper lip, as
    dlib's points 49 to 60; None: a shut mouth of common size. jaw: its line, (17, 2), from ear to ear over the chin, as
    dlib's points 1 to 17; None: a common one. grey: how grey it is, 0 to 1.
    """
    side, axes = face.shape[0], Axes(eyes)
    u, v = (plane.astype(np.float32) for plane in axes.places(axes.middle, side))
    length = float((nose - axes.middle) @ axes.down) / axes.unit / 0.65  # a head that nods is seen shortened
    v = v / min(max(length, 0.8), 1.2)
    u = u - turn * np.clip(v / 0.65, 0, 1.6) * np.clip(1.5 - v, 0.5, 1) * 0.9  # the chin turns with the nose
    lips = _Mouth.of(u, v, mouth)
    where = (
        _where(u, v, amount, lips, _Jaw.of(u, v, axes, jaw))
        * _not_lips(face, u, v, lips.away(axes.unit))
        * _on_skin(face, u, v)
    )
    strands = _strands(u, v, long=0.6 + 3.6 * amount)
    dense = where * (0.3 + 0.7 * amount)
    hairs = (
        np.clip(1.6 * dense - 0.3 + 0.5 * amount * where + _APART * strands, 0, 1)
        * np.clip(4 * where, 0, 1)
        * (0.40 + 0.50 * amount)
    )
    hairs = hairs * min(1.0, amount / _STUBBLE)
    shadow = (0.10 + 0.5 * amount) * min(1.0, 4 * amount) * np.clip(where * 1.4, 0, 1)
    brows = _brows(face, u, v)
    colour = (brows + 0.8 * grey * (0.42 - brows)) * (_TONE - _VARIED * np.clip(strands, -2, 2)[..., None])
    light = face @ LIGHT
    around = cv2.GaussianBlur(light, (0, 0), axes.unit / 6)
    cheeks = light[(np.abs(u) < 0.7) & (v > 0.3) & (v < 0.6)]
    skin = float(np.median(cheeks)) if cheeks.size else 0.5
    shade = np.clip(around / max(skin, 0.05), 0.5, 1.25)[..., None]  # hair lies in the face's own light
    under = face + shadow[..., None] * (colour * 0.5 + face * 0.35 - face)
    made = under + hairs[..., None] * (colour.clip(0.02, 1) * shade - under)
    return np.asarray(np.clip(made, 0, 1), np.float32)


@dataclass(frozen=True)
class _Mouth:
    """Lips and all that they enclose. inside: (S, S), 0 or 1.  top: the upper lip's line, (7, 2) of (u, v), by u."""

    inside: NDArray[np.uint8]
    top: NDArray[np.float64]

    @staticmethod
    def of(u: Plane, v: Plane, line: NDArray[np.float64] | None) -> _Mouth:
        """The mouth of a line in pixels; see `beard`."""
        if line is None:
            across = np.linspace(-1, 1, 7)
            top = np.stack([0.36 * across, 1.04 - 0.11 * np.sqrt(1 - across**2)], 1)
            return _Mouth((np.hypot(u / 0.36, (v - 1.04) / 0.11) < 1).astype(np.uint8), top)
        inside = np.zeros(u.shape, np.uint8)
        cv2.fillPoly(inside, [np.round(line * 16 - 8).astype(np.int32)], 1, cv2.LINE_8, 4)
        x, y = np.clip(np.round(line[:7] - 0.5).astype(int), 0, u.shape[0] - 1).T
        top = np.stack([u[y, x], v[y, x]], 1).astype(np.float64)
        return _Mouth(inside, top[np.argsort(top[:, 0])])

    def away(self, unit: float) -> Plane:
        """How far each place is from it, 0 within, in units of the eyes' distance."""
        far = np.float32(2 * self.inside.shape[0])  # where no mouth is in the square
        return np.asarray(np.minimum(cv2.distanceTransform(1 - self.inside, cv2.DIST_L2, 5), far) / unit, np.float32)


@dataclass(frozen=True)
class _Jaw:
    """The line of a jaw.  inside: (S, S), how far within it each place is, in units of the eyes' distance; below 0
    without.  half: (S, S), how far from the face's middle it is at that height, on that side.
    """

    inside: Plane
    half: Plane

    @staticmethod
    def of(u: Plane, v: Plane, axes: Axes, line: NDArray[np.float64] | None) -> _Jaw:
        """The jaw of a line in pixels; see `beard`."""
        side = u.shape[0]
        if line is None:
            below = np.clip((v - 0.60) / 0.99, 0, 1)
            within = 0.98 * (1 - np.hypot(u / 0.98, below))
            return _Jaw(np.asarray(within, np.float32), np.maximum(0.98 * np.sqrt(1 - below**2), _NARROW))
        head = np.stack([line[-1] - 2 * axes.unit * axes.down, line[0] - 2 * axes.unit * axes.down])
        filled = np.zeros(u.shape, np.uint8)
        cv2.fillPoly(filled, [np.round(np.concatenate([line, head]) * 16 - 8).astype(np.int32)], 1, cv2.LINE_8, 4)
        far = [cv2.distanceTransform(mask, cv2.DIST_L2, 5) for mask in (filled, 1 - filled)]
        x, y = np.clip(np.round(line - 0.5).astype(int), 0, side - 1).T
        across, down = u[y, x], v[y, x]
        left, right = (
            np.interp(v, np.maximum.accumulate(down[part]), np.abs(across[part]))
            for part in (slice(0, 8), slice(16, 8, -1))
        )
        half = np.maximum(np.where(u < 0, left, right), _NARROW)
        return _Jaw(np.asarray((far[0] - far[1]) / axes.unit, np.float32), np.asarray(half, np.float32))


def _where(u: Plane, v: Plane, amount: float, mouth: _Mouth, jaw: _Jaw) -> Plane:
    """How thick a beard grows at places in units of the eyes' distance, 0 to 1, soft at its ends.

    It begins before the ears and follows the jaw; a fuller one reaches further up the cheeks. The moustache fills what
    is between the nose and the upper lip, however far that is drawn up, and goes on into the beard beside the mouth.
    """
    out = np.clip(np.abs(u) / jaw.half, 0, 1.1)
    cheek = _CHEEK - 0.10 * amount - 0.95 * out**4
    under = 0.09 * smooth(0.85 - np.abs(u), 0, 0.3)  # a chin has hair below it, too
    chin = smooth(v - cheek, 0, 0.22) * smooth(jaw.inside + under, 0, 0.10)
    top = np.interp(u, mouth.top[:, 0], mouth.top[:, 1])
    high = float(np.interp(0.0, mouth.top[:, 0], mouth.top[:, 1])) - _NOSE
    begin = np.minimum(_NOSE + min(0.05, 0.1 * high) + 0.45 * u * u, top - 0.85 * high)
    soft = np.clip(0.5 * (top - begin), 0.04, 0.16)
    reach = max(0.62, float(np.abs(mouth.top[:, 0]).max()) + 0.2)
    lip = smooth((v - begin) / soft, 0, 1) * smooth(reach - np.abs(u), 0, 0.25)
    lip = lip * smooth(top + 0.16 - v, 0, 0.1) * (1 - 0.3 * np.exp(-((u / 0.05) ** 2)))
    chin = chin * (1 - _THINNER * smooth(out - 0.45, 0, 0.4))
    wide = float(np.abs(mouth.top[:, 0]).max())
    corner = smooth(0.30 - np.abs(np.abs(u) - wide - 0.06), 0, 0.16) * smooth(v - top + 0.04, 0, 0.10)
    corner = corner * smooth(v - begin, 0, 0.1) * smooth(jaw.inside, 0, 0.10)  # where a smile has pushed the cheek down
    return np.asarray(np.clip(np.maximum(np.maximum(chin, lip), corner), 0, 1), np.float32)


def _not_lips(face: Plane, u: Plane, v: Plane, away: Plane) -> Plane:
    """0 on lips, teeth and what is between them, 1 elsewhere.  away: how far the mouth is."""
    free = smooth(away, 0.0, 0.03)
    red = face[..., 0] - face[..., 1]
    cheeks, least = (np.abs(u) < 0.7) & (v > 0.35) & (v < 0.6), face.min(2)
    if not cheeks.any():
        return free
    teeth = max(0.55, float(np.quantile(least[cheeks], 0.9)) + 0.04)
    inner = ((red - float(np.median(red[cheeks])) > 0.06) | (least > teeth)) & (away < _NEAR)
    soft = cv2.GaussianBlur(inner.astype(np.float32), (0, 0), max(face.shape[0] / 140, 0.6))
    return np.asarray(np.minimum(free, 1 - np.clip(1.6 * soft, 0, 1)), np.float32)


def _on_skin(face: Plane, u: Plane, v: Plane) -> Plane:
    """1 where the face is, 0 beside it: behind a head that is turned is no jaw."""
    side = face.shape[0]
    lab = cv2.cvtColor(cv2.GaussianBlur(face, (0, 0), max(side / 100, 0.6)), cv2.COLOR_RGB2LAB)
    cheeks = lab[(np.abs(u) < 0.5) & (v > 0.3) & (v < 0.6)]
    if not len(cheeks):
        return np.ones_like(u)
    away = np.abs(lab - np.median(cheeks, 0)) / np.array([45, 16, 18], np.float32)
    mask = cv2.morphologyEx(
        (away.max(2) < 1).astype(np.uint8), cv2.MORPH_CLOSE, np.ones((side // 24 | 1,) * 2, np.uint8)
    )
    return np.asarray(cv2.GaussianBlur(mask.astype(np.float32), (0, 0), side / 128), np.float32)


def _brows(face: Plane, u: Plane, v: Plane) -> Plane:
    """The colour of the brows: the darkest of what lies above the eyes, (3,)."""
    above = (np.abs(np.abs(u) - 0.5) < 0.28) & (v > -0.48) & (v < -0.16)
    pixels = face[above]
    light = pixels @ LIGHT
    dark = pixels[light <= np.quantile(light, 0.12)] if len(pixels) else np.full((1, 3), 0.15, np.float32)
    return np.asarray(np.clip(dark.mean(0) * 0.85, 0.03, 0.45), np.float32)


def _strands(u: Plane, v: Plane, *, long: float) -> Plane:
    """Noise of about unit variance, less where a pixel holds several hairs, that runs along them as they grow, (S, S).

    Line integrals of noise along a field (Cabral and Leedom 1993): from the nose outwards over the lip, down the
    cheeks, and from the chin down and apart. Fine hairs, and tufts of them.  long: of a hair, over its width.
    """
    side = u.shape[0]
    fine = max(side, _HAIRS)
    across, down = (even(plane, fine) for plane in (u, v))
    lip = np.exp(-(((down - 0.86) / 0.16) ** 2)) * np.clip(1.2 - np.abs(across), 0, 1)
    along = 0.35 * np.clip(across, -1, 1) + 1.5 * lip * np.tanh(across / 0.12)
    rng = np.random.default_rng(0)
    wave = cv2.GaussianBlur(rng.standard_normal((fine, fine)).astype(np.float32), (0, 0), fine / 60)
    along = along + wave * (_CURL / max(float(wave.std()), 1e-6))
    pixel = fine / _HAIRS
    step = np.dstack([along, np.ones_like(along)]) / np.hypot(along, 1.0)[..., None] * (_LONG * long / 8 * pixel)
    noise = [
        cv2.GaussianBlur(rng.standard_normal((fine, fine)).astype(np.float32), (0, 0), pixel * width)
        for width in (_HAIR, _TUFT)
    ]
    hairs, tufts = np.moveaxis(_along(np.dstack(noise), np.asarray(step, np.float32)), 2, 0)
    made = even(np.asarray(hairs / hairs.std() + _TUFTS * tufts / tufts.std(), np.float32), side)
    made = made - made.mean()
    return np.asarray(made / max(float(made.std()), 1e-6) ** (1 - _CALM), np.float32)


def _along(noise: Plane, step: Plane) -> Plane:
    """The sum of noise (S, S, C) at eight places along a field, each a step (S, S, 2) in pixels further."""
    grid = np.dstack(np.meshgrid(*(np.arange(noise.shape[0], dtype=np.float32),) * 2))
    for _ in range(3):  # twice as many places each time
        x, y = np.moveaxis(grid + step, 2, 0)
        noise = noise + cv2.remap(noise, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
        step = step + cv2.remap(step, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(noise, np.float32)
