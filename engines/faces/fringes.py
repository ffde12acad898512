"""A fringe, drawn on an aligned face at whatever size, hair by hair, out of the person's own hair.

The generator's own direction draws one as coarse as it is: blotches on a forehead that has none. Here locks begin
within the hair, along which it is combed, and fall over the forehead: in the colour and the light that the hair has
where they begin, as rich in contrast and as sharp as it is, and with its grain. Pictures are float32 (S, S, 3) in
[0, 1], aligned as in engines/core/faces.py; lengths are in units of the eyes' distance, u to the right and v down.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.core.job import Job
from engines.faces import hair
from engines.faces.drawing import FRINGE, Marks
from engines.faces.generator import to_frame
from engines.faces.hair import LIGHT
from engines.faces.hairlines import WIDE, Hairline, at_places
from engines.faces.motion import even, smooth
from engines.faces.parting import Parts, parts_of
from engines.faces.spectacles import Axes
from engines.faces.values import Sliders
from engines.faces.workshop import Workshop

Plane = NDArray[np.float32]
Mask = NDArray[np.bool_]
Line = NDArray[np.float64]
_LOCKS, _LAYERS, _TONES, _POINTS = 90, 5, 9, 12  # locks, one layer over the other; shades of hairs, points of one
_RISE, _WIDTH = (0.15, 0.42), (0.03, 0.18)  # of locks: how far above the hairline they begin, half of their width
_DENSE, _THIN = 2.0, 0.2  # hairs to a pixel of a lock's width, as drawn; of them, in a short fringe
_CANVAS = 1100  # side at which hairs are drawn, up to three times the square's, from one and a half times
_TUFT, _PULL = 0.26, 0.6  # width of the tufts that locks gather to, and how much they do
_UNEVEN = 0.18  # how much shorter a tuft may be than the next
_REACH = 1.12  # of the way to the brows, for the longest tips, of which one sees little
_LONG = 0.25  # of their length, that the first locks have at once
_SLOPE = 0.4  # of the way down a lock, that one goes up in the hair to see what colour it has there
_GRAIN, _FALLEN = 0.55, 0.65  # of the hair's own grain, and of what is drawn, below the hairline
_GLOSS, _DEPTH = 0.12, 0.2  # how light the middle of a fringe is, and how much its locks differ, as logarithms
_SHADOW = np.array([0.28, 0.33, 0.36], np.float32)  # on the skin below, of its light
_BLURS = (0.0, 0.3, 0.5, 0.7, 1.0, 1.4, 2.0)  # pixels, of which one makes what is drawn as soft as the hair


def combed(
    shop: Workshop, square: Plane, marks: Marks, sliders: Sliders, job: Job, *, laid: Plane | None = None
) -> tuple[Plane, Plane | None]:
    """An aligned square with the fringe that sliders ask for, out of the hair that is seen in it.

    laid: as of `pasting.paste`, comes back with where the fringe is, so that no hair of the photo shines through it.
    """
    amount = max(0.0, sliders.get(FRINGE, 0.0))
    if amount <= 0:
        return square, laid
    made, cover = fringe(square, marks, parts_of(shop, to_frame(square), job), amount)
    return made, cover if laid is None else np.maximum(laid, cover)


def fringe(face: Plane, marks: Marks, parts: Parts, amount: float) -> tuple[Plane, Plane]:
    """The face with a fringe of its own hair, and how much that covers, (S, S, 1): nothing where no hair is above it.

    amount: above 0 a few short locks, 1 a full fringe that ends above the brows.
    """
    covered = np.zeros((*face.shape[:2], 1), np.float32)
    if amount <= 0:
        return face, covered
    side, axes = face.shape[0], Axes(marks.eyes)
    where = hair.where(face, parts.hair, parts.skin)
    line = Hairline.of(face, where, axes, marks)
    if line is None:
        return face, covered
    box = _box(axes, line, side)
    left, top, right, bottom = box
    if right - left < 4 or bottom - top < 4:
        return face, covered
    part = np.s_[top:bottom, left:right]
    u, v = (plane[:, left:right] for plane in axes.places(axes.middle, side, (top, bottom)))
    root = np.interp(u, line.u, line.root)
    tone, cover = _painted(_Hairs.of(line, amount, axes.unit * _scale(side)), axes, box, _scale(side))
    shade, cover = _shaded(face, where, tone, cover, part, axes, line, u, v)
    colour = _base(face, where, axes, line, u, v) * shade[..., None]
    head = even(np.asarray(parts.hair + parts.skin, np.float32), side)[part]
    cover = cover * smooth(head, 0.5, 0.95) * smooth(v - root, -_RISE[1], -0.1)
    beside = smooth(np.abs(u - line.middle), 0.65 * WIDE, WIDE)  # where its own hair stays
    cover = cover * (1 - beside * smooth(_depth(where[part]) / axes.unit, 0.10, 0.26))
    below = (1 - where[part]) * smooth(v - np.interp(u, line.u, line.top), -0.02, 0.05)
    under = face[part] * (1 - (_fallen(cover, axes.unit) * below)[..., None] * _SHADOW)
    made = face.copy()
    made[part] = np.clip(under + cover[..., None] * (colour - under), 0, 1)
    covered[part] = cover[..., None]
    return made, covered


@dataclass(frozen=True)
class _Hairs:
    """Hairs in locks, one layer over the other.  paths: (n, _POINTS, 2) of (u, v); layer, tone: (n,), from 0 on."""

    paths: Line
    layer: NDArray[np.int_]
    tone: NDArray[np.int_]

    @staticmethod
    def of(line: Hairline, amount: float, unit: float) -> _Hairs:
        """A fringe, the same for each hairline however often it is drawn.  unit: in pixels as drawn.

        A lock is a quadratic curve: along the comb to the hairline, then down, to the tip of its tuft. Its hairs run
        beside it, come together on the way, and end one before the other.
        """
        rng, n = np.random.default_rng(7), _LOCKS
        beside = rng.permutation(2 * WIDE * ((np.arange(n) + rng.random(n)) / n - 0.5))
        at, layer = line.middle + beside, np.arange(n) * _LAYERS // n
        root, end, lean, thick = (np.interp(at, line.u, one) for one in (line.root, line.end, line.lean, line.thick))
        tufts = line.middle + np.arange(-WIDE, WIDE, _TUFT)
        tufts = tufts + rng.uniform(-0.3, 0.3, len(tufts)) * _TUFT
        tuft = np.abs(at[:, None] - tufts).argmin(1)
        due = rng.uniform(0.0, 0.35, n) + 0.25 * smooth(np.abs(beside), 0.6, 1.0)
        grown = smooth(amount - due, 0.0, 0.25) * (_LONG + (1 - _LONG) * amount)
        reach = 1 - 0.22 * rng.random(n) ** 1.3 - 0.10 * (1 - layer / _LAYERS)
        reach = _REACH * reach * (1 - _UNEVEN * rng.random(len(tufts))[tuft])
        length = np.maximum(end - root, 0) * reach * grown
        rise = np.minimum(rng.uniform(*_RISE, n), 0.8 * thick)
        most = _WIDTH[0] + (_WIDTH[1] - _WIDTH[0]) * rng.random(n) ** 1.5
        width = np.minimum(most, 0.02 + 0.32 * length)
        tip = at + 0.02 * beside + _PULL * amount * (tufts[tuft] - at) + (_comb(line) + rng.normal(0, 0.1, n)) * length
        knee = at + rng.normal(0, 0.05, n) * (rise + length) + 0.1 * lean
        locks = np.stack([at - lean * rise, root - rise, knee, root + 0.35 * length, tip, root + length], 1)
        per = (1 + _DENSE * 2 * unit * most).astype(int)  # hairs, of which a thin lock shows the first
        of, number = np.repeat(np.arange(n), per), np.concatenate([np.arange(count) for count in per])
        dense = _DENSE * (_THIN + (1 - _THIN) * float(smooth(np.array(amount), 0.1, 0.7)))
        shown = number < np.where(length > 0.03, np.maximum(3, dense * 2 * unit * width), 0)[of]
        hairs = len(of)
        across = rng.uniform(-1, 1, hairs)
        across = across * np.abs(across) ** 0.25
        t = np.linspace(0, 1, _POINTS) * (1 - 0.8 * rng.random((hairs, 1)) ** 1.1)
        start, bow, stop = (locks[of, None, at : at + 2] for at in (0, 2, 4))
        weights = (part[..., None] for part in ((1 - t) ** 2, 2 * t * (1 - t), t**2))
        paths = sum(weight * point for weight, point in zip(weights, (start, bow, stop), strict=True))
        astray = 0.06 * rng.normal(0, 1, (hairs, 1)) * (rng.random((hairs, 1)) < 0.06)
        paths[..., 0] += (width[of] * across)[:, None] * (1 - 0.96 * t**1.3) + astray * t**2
        paths[..., 0] += rng.normal(0, 0.01, (hairs, 1)) * t
        paths[..., 1] += rng.uniform(-0.2, 0.2, (hairs, 1)) * rise[of][:, None] * (1 - t)
        tone = rng.normal(0, 0.35, n)[of] + rng.normal(0, 0.7, hairs) + 0.5 * (0.5 - across**2)  # a lock is round
        steps = np.clip(np.round((tone + 2) / 4 * (_TONES - 1)), 0, _TONES - 1).astype(int)
        return _Hairs(paths[shown], layer[of][shown], steps[shown])


def _comb(line: Hairline) -> float:
    """To which side a fringe falls."""
    return 0.22 * float(line.lean[np.abs(line.u - line.middle) < 0.75 * WIDE].mean())


def _scale(side: int) -> float:
    """How many times as large as the square hairs are drawn."""
    return float(np.clip(_CANVAS / side, 1.5, 3.0))


def _painted(hairs: _Hairs, axes: Axes, box: tuple[int, int, int, int], scale: float) -> tuple[Plane, Plane]:
    """How light the hairs are in a box of the square, from about -1 to 1, and how much of each place they cover."""
    left, top, right, bottom = box
    places = axes.middle + axes.unit * (hairs.paths[..., :1] * axes.along + hairs.paths[..., 1:] * axes.down)
    points = np.round((places - (left, top)) * scale * 16 - 8).astype(np.int32)
    canvas = np.zeros((round((bottom - top) * scale), round((right - left) * scale), 3), np.uint8)
    order = np.random.default_rng(7)
    for layer in range(_LAYERS):
        for tone in order.permutation(_TONES):
            those = list(points[(hairs.layer == layer) & (hairs.tone == tone)])
            level = 0.1 + 0.8 * tone / (_TONES - 1), layer / (_LAYERS - 1), 1.0
            cv2.polylines(canvas, those, False, [255 * one for one in level], 1, cv2.LINE_AA, 4)
    small = cv2.resize(canvas, (right - left, bottom - top), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    cover = small[..., 2]
    tone_of, depth = (small[..., channel] / np.maximum(cover, 1e-3) - 0.5 for channel in (0, 1))
    return np.asarray(2 * tone_of + 0.5 * depth, np.float32), np.asarray(cover, np.float32)


def _shaded(
    face: Plane,
    where: Plane,
    tone: Plane,
    cover: Plane,
    part: tuple[slice, slice],
    axes: Axes,
    line: Hairline,
    u: Line,
    v: Line,
) -> tuple[Plane, Plane]:
    """How light a fringe is, over the mean of the hair, and its cover, both as sharp as the hair is."""
    root, hairy = np.interp(u, line.u, line.root), where[part]
    light = np.log(face[part] @ LIGHT + np.float32(0.03))
    above, full = (hairy > 0.9) & (v > root - 0.6), cover > 0.9
    own, fine = _detail(light, hairy > 0.8, axes.unit), _detail(tone, full, axes.unit)
    locks, blur = tone - fine, _softness(light, above, fine, full)
    if blur:
        soft = cv2.GaussianBlur(cover, (0, 0), blur)
        fine = np.asarray(cv2.GaussianBlur(fine * cover, (0, 0), blur) / np.maximum(soft, 1e-3), np.float32)
        cover = np.asarray(soft, np.float32)
    contrast = np.clip(_spread(own, above), 0.03, 0.2) / _spread(fine, cover > 0.9)
    along = (v - root) / np.maximum(np.interp(u, line.u, line.end) - root, 0.2)
    gloss = _GLOSS * (np.exp(-(((along - 0.35) / 0.28) ** 2)) - 0.35) * (1 + 1.5 * locks)
    grain = np.zeros(face.shape[:2], np.float32)
    grain[part] = own
    turn = root - 0.06
    beside = _comb(line) + _SLOPE * np.interp(u, line.u, line.lean)  # so that grain, too, runs along the locks
    seen = at_places(grain, axes, u - beside * np.maximum(v - turn, 0), _up(v, turn))
    down = smooth(v - root, -0.35, 0.15)  # above the hairline the hair stays as it is
    room = np.interp(u, line.u, line.end - line.top)
    more = 0.4 + 0.6 * smooth(room, 0.25, 0.65)  # a fringe that is there has strands of its own
    drawn = more * (contrast * fine + _DEPTH * locks + gloss) * (0.3 + (_FALLEN - 0.3) * down)
    shade = np.exp(np.clip(drawn + (1 + (_GRAIN - 1) * down) * seen, -0.8, 0.5))
    return np.asarray(shade, np.float32), cover


def _detail(plane: Plane, mask: Mask, unit: float) -> Plane:
    """What is as fine as hairs within a mask, 0 elsewhere."""
    inside, width = mask.astype(np.float32), max(0.05 * unit, 1.0)
    mean = cv2.GaussianBlur(plane * inside, (0, 0), width) / np.maximum(cv2.GaussianBlur(inside, (0, 0), width), 1e-3)
    return np.asarray((plane - mean) * inside, np.float32)


def _spread(plane: NDArray[Any], mask: Mask) -> float:
    return max(float(plane[mask].std()), 1e-3) if mask.sum() > 20 else 0.15


def _softness(light: Plane, hairy: Mask, drawn: Plane, full: Mask) -> float:
    """By how many pixels what is drawn has to be blurred to be no sharper than the hair, at the most of _BLURS."""

    def sharp(plane: NDArray[Any], mask: Mask) -> float:
        fine, wide = (_spread(plane - cv2.GaussianBlur(plane, (0, 0), width), mask) for width in (0.8, 3.2))
        return fine / wide

    wish = sharp(light, hairy)
    soft = (blur for blur in _BLURS if sharp(cv2.GaussianBlur(drawn, (0, 0), max(1.7 * blur, 0.01)), full) <= wish)
    return next(soft, _BLURS[-1])


def _base(face: Plane, where: Plane, axes: Axes, line: Hairline, u: Line, v: Line) -> Plane:
    """The colour and the light of the hair where a lock begins, without its hairs."""
    side = face.shape[0]
    small = max(side // 4, 64)
    tiny, hairy = (cv2.resize(plane, (small, small), interpolation=cv2.INTER_AREA) for plane in (face, where))
    inner, core = (cv2.erode(hairy, np.ones((width, width), np.uint8)) for width in (3, 5))
    weight = core**3 + 1e-3 * inner + 1e-4 * hairy**2 + 1e-9  # a rim has the colour of what is beside it
    width = 0.12 * axes.unit * small / side
    mean = (
        cv2.GaussianBlur(tiny * weight[..., None], (0, 0), width) / cv2.GaussianBlur(weight, (0, 0), width)[..., None]
    )
    field = even(np.asarray(mean, np.float32), side)
    across = line.middle + np.clip(u - line.middle, -0.75 * WIDE, 0.75 * WIDE)
    return at_places(field, axes, across, _up(v, np.interp(u, line.u, line.root) - 0.12))


def _up(v: Line, turn: Line) -> Line:
    """Where in the hair to look for what is below a line: as in a mirror, nearer."""
    return np.asarray(np.minimum(v, turn - _SLOPE * (v - turn)))


def _depth(where: Plane) -> Plane:
    """How far within hair each place is, in pixels."""
    return np.asarray(cv2.distanceTransform((where > 0.5).astype(np.uint8), cv2.DIST_L2, 5), np.float32)


def _fallen(cover: Plane, unit: float) -> Plane:
    """The soft shadow of what covers a place, a little further down."""
    soft = cv2.GaussianBlur(cover, (0, 0), 0.07 * unit)
    matrix = np.array([[1, 0, 0.01 * unit], [0, 1, 0.05 * unit]])
    return np.asarray(cv2.warpAffine(soft, matrix, soft.shape[::-1]), np.float32)


def _box(axes: Axes, line: Hairline, side: int) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of what a fringe may change."""
    high, low = float(line.root.min()) - 0.7, float(line.end.max()) + 0.2
    corners = np.array([(u, v) for u in (line.u[0] - 0.2, line.u[-1] + 0.2) for v in (high, low)])
    places = axes.middle + axes.unit * (corners[:, :1] * axes.along + corners[:, 1:] * axes.down)
    (left, top), (right, bottom) = (np.clip(end, 0, side).astype(int) for end in (places.min(0), places.max(0) + 1))
    return int(left), int(top), int(right), int(bottom)
