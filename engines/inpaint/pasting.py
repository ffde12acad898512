"""An object pasted into another picture with the colour and light of the place.

Gaussian-Poisson blending (GP-GAN, Wu et al. 2019) looks for the picture x whose gradients are the object's and whose
low frequencies follow a colour constraint c: the least of |grad x - grad c|^2 + |x - c|^2 / fade^2, here in logarithms,
since light multiplies. c is the object under the light that a network says it needs (lighting.py), with all its detail,
so that its gradients are the object's in that light and x - c solves a homogeneous, screened Poisson equation, which is
smooth and solved at a small size (membrane.py). What drives it is the border: where the mask runs through the object's
own surroundings x has to meet the place. Where the mask follows the object's outline there is nothing to meet, the
colours there should differ: the border is left free, so that none of the place's colour bleeds into the object (Perez
et al. 2003 have that fault).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.core.errors import OptionError
from engines.core.image import Pixels, max_megapixels
from engines.inpaint.lighting import Light, Seen, light_of
from engines.inpaint.masks import HOLE, Box, Floats, Mask, box_of
from engines.inpaint.membrane import means, spread
from engines.inpaint.rims import cleaned

AROUND = 0.35  # of an object's size: how far its surroundings reach
FADE = 0.22  # of an object's size: how deep the correction at the border reaches
EDGE = 0.06  # change of colour across the mask's border, of 1, that tells an outline
DIM = 0.04  # added to colours before their logarithm: what is nearly black gets no wild gains
SOFT = 1.5  # pixels of soft border along an outline …
SOFTER = 0.05  # … and of an object's size where the mask runs through its surroundings
SMALL = 640  # longest side at which borders are looked at: what is found there is smooth
BEYOND = 32  # pixels around what shows of an object that tell what its rim is mixed with
BAND = 128  # rows that are laid at a time
SCALES = (0.01, 20.0)  # of the object
Progress = Callable[[float], None]


@dataclass(frozen=True)
class _Object:
    """What is visible of the object, at its new size, and where it lies.

    fore: float32 (h, w, 3) in [0, 1]. share: (h, w) in [0, 1], how much of it shows. known: where the foreground shows
    anything at all. cut: whether a mask made the outline and not the foreground's own alpha. x, y: its left upper
    corner in the background.
    """

    fore: Floats
    share: Floats
    known: NDArray[np.bool_]
    cut: bool
    size: float
    x: int
    y: int

    def within(self, box: Box) -> _Object:
        """Of it what lies in a box (left, top, right, bottom)."""
        left, top, right, bottom = box
        here = np.s_[top:bottom, left:right]
        x, y = self.x + left, self.y + top
        return _Object(self.fore[here], self.share[here], self.known[here], self.cut, self.size, x, y)

    @property
    def rows(self) -> slice:
        return slice(self.y, self.y + self.share.shape[0])

    @property
    def columns(self) -> slice:
        return slice(self.x, self.x + self.share.shape[1])


def pasted(
    foreground: Pixels,
    background: Pixels,
    mask: Mask,
    *,
    x: int | None,
    y: int | None,
    scale: float,
    strength: float,
    look: Seen,
    progress: Progress,
) -> Pixels:
    """The background with the object in it; equal to it outside the mask. OptionError if they do not touch."""
    progress(0.02)
    thing = _object(foreground, background.shape, mask, x=x, y=y, scale=scale)
    progress(0.15)
    light = light_of(background, thing.fore, thing.share, x=thing.x, y=thing.y, look=look)
    progress(0.3)
    border, correction = _border(thing), None
    if strength > 0 and border.max() > 0.01:
        correction = _correction(
            thing, background, light, border, strength, lambda share: progress(0.35 + 0.15 * share)
        )
    progress(0.5)
    return _laid(background, thing, light, border, correction, strength, progress)


def _object(fore: Pixels, shape: tuple[int, ...], mask: Mask, *, x: int | None, y: int | None, scale: float) -> _Object:
    """Cut out, scaled and placed; without x or y in the middle that way."""
    hole = mask > HOLE
    size = float(np.sqrt(hole.sum())) * scale
    left, top, right, bottom = box_of(hole)
    middle = (left + right) / 2 * scale, (top + bottom) / 2 * scale
    x, y = (round(n / 2 - m) if at is None else at for at, n, m in ((x, shape[1], middle[0]), (y, shape[0], middle[1])))
    left, top, right, bottom = box_of(hole, margin=int(AROUND * size / scale) + 4)
    peak = np.float32(np.iinfo(fore.dtype).max)
    part, share = fore[top:bottom, left:right], _share(mask[top:bottom, left:right])
    layers = np.empty((*share.shape, 5), np.float32)  # colours times alpha, alpha, how much shows
    layers[..., 3] = part[..., 3] / peak if part.shape[2] == 4 else 1
    cut = bool((layers[..., 3] > 0.99).all())
    np.multiply(part[..., :3], (layers[..., 3] / peak)[..., None], out=layers[..., :3])
    np.multiply(layers[..., 3], share, out=layers[..., 4])
    height, width = (max(1, round(n * scale)) for n in share.shape)
    if height * width > max_megapixels() * 1e6:
        raise OptionError(f"The object would have over {max_megapixels():,.0f} megapixels. Scale it less.")
    if scale != 1:
        kind = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
        parts = (layers[..., :3], layers[..., 3], layers[..., 4])
        layers = np.dstack([cv2.resize(part, (width, height), interpolation=kind) for part in parts]).clip(0, 1)
    x, y = x + round(left * scale), y + round(top * scale)
    rows, columns = slice(max(0, -y), shape[0] - y), slice(max(0, -x), shape[1] - x)
    layers = layers[rows, columns] if rows.stop > 0 and columns.stop > 0 else layers[:0]
    if not layers.size or not (layers[..., 4] > 0).any():
        raise OptionError("The object lies outside the picture. Move it in.")
    layers[..., :3] /= np.maximum(layers[..., 3:4], np.float32(1e-4))
    return _Object(layers[..., :3], layers[..., 4], layers[..., 3] > 0.5, cut, size, max(0, x), max(0, y))


def _share(mask: Mask) -> Floats:
    return np.asarray(np.clip((mask.astype(np.float32) - HOLE) / np.float32(255 - HOLE), 0, 1), np.float32)


def _reduced(thing: _Object) -> float:
    return min(1.0, SMALL / float(max(thing.share.shape)))


def _resized(values: Floats, size: tuple[int, int]) -> Floats:
    kind = cv2.INTER_AREA if values.shape[1] > size[0] else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(values, size, interpolation=kind), np.float32)


def _size_at(thing: _Object, step: float) -> tuple[int, int]:
    height, width = thing.share.shape
    return max(1, round(width * step)), max(1, round(height * step))


def _border(thing: _Object) -> Floats:
    """1 where the mask's border runs through the object's own surroundings, 0 where it is its outline, small.

    Told by the change of the foreground's colour across the border, a little off it to both sides.
    """
    step = _reduced(thing)
    size = _size_at(thing, step)
    fore = _resized(thing.fore, size)
    inside = (_resized(thing.share, size) > 0.5).astype(np.float32)
    known = _resized(thing.known.astype(np.float32), size)
    off = max(2.0, min(6.0, 0.02 * thing.size * step))
    within, without = (means(fore, part, off) for part in (inside * known, (1 - inside) * known))
    change = np.abs(within[0] - without[0]).max(2)
    seen = np.minimum(within[1], without[1]) > 0.05
    through = np.where(seen, np.exp(-((change / EDGE) ** 2)), 0).astype(np.float32)
    line = np.asarray(cv2.morphologyEx(inside, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)), np.float32)
    return means(through[..., None], line, max(3.0, 0.06 * thing.size * step))[0][..., 0]


def _correction(
    thing: _Object, background: Pixels, light: Light, border: Floats, strength: float, progress: Progress
) -> Floats:
    """Logarithms of the gains by which the lit object meets the place at the border, (h, w, 3), small."""
    step = border.shape[1] / thing.share.shape[1]
    size = border.shape[1], border.shape[0]
    peak = np.float32(np.iinfo(background.dtype).max)
    place = _resized(np.ascontiguousarray(background[thing.rows, thing.columns, :3]), size) / peak
    lit = light.on(_resized(thing.fore, size), x=thing.x, y=thing.y, strength=strength, step=1 / step)
    blur = max(1.0, 0.01 * thing.size * step)
    place, lit = (np.asarray(cv2.GaussianBlur(x, (0, 0), blur), np.float32).clip(0) for x in (place, lit))
    apart = np.log((place + DIM) / (lit + DIM))
    inside = (_resized(thing.share, size) > 0.5).astype(np.float32)
    wanted = np.asarray(strength * apart * border[..., None], np.float32)
    return spread(wanted, inside, fade=FADE * thing.size * step, progress=progress)


def _lit(thing: _Object, light: Light, strength: float, rows: slice) -> Floats:
    if strength == 0:
        return thing.fore[rows]
    return light.on(thing.fore[rows], x=thing.x, y=thing.y + rows.start, strength=strength)


def _laid(
    background: Pixels,
    thing: _Object,
    light: Light,
    border: Floats,
    correction: Floats | None,
    strength: float,
    progress: Progress,
) -> Pixels:
    """The background with the object laid on, band by band; where nothing of it shows it is the background's."""
    result = background.copy()
    size, shown = thing.share.shape[::-1], box_of(thing.share > 0, margin=BEYOND)
    left, top, right, bottom = shown
    here = np.s_[top:bottom, left:right]
    thing = thing.within(shown)
    height = thing.share.shape[0]
    weight, fore = thing.share, thing.fore
    if thing.cut:
        near = np.asarray(cv2.distanceTransform((thing.share > 0).astype(np.uint8), cv2.DIST_L2, 5), np.float32)
        wide = _resized(border, size)[here]
        t = np.clip(near / (SOFT + 1 + strength * wide * (SOFTER * thing.size)), 0, 1)
        weight = np.minimum(thing.share, t * t * (3 - 2 * t))
        fore, weight = cleaned(fore, thing.share, weight, near, outline=1 - wide)
        progress(0.6)
    thing = _Object(fore, weight, thing.known, thing.cut, thing.size, thing.x, thing.y)
    change = None if correction is None else _resized(correction, size)[here]
    for first in range(0, height, BAND):
        rows = slice(first, min(height, first + BAND))
        lit = _lit(thing, light, strength, rows)
        if change is not None:
            lit = (lit + DIM) * np.exp(change[rows]) - DIM
        _lay(result[thing.rows, thing.columns][rows], lit, weight[rows])
        progress(0.6 + 0.4 * rows.stop / height)
    return result


def _lay(view: Pixels, lit: Floats, weight: Floats) -> None:
    """Lay colours (rows, columns, 3) onto a part of a picture, in place; where the weight is 0 not a bit changes."""
    peak = np.float32(np.iinfo(view.dtype).max)
    shown = weight[..., None]
    under = view[..., :3].astype(np.float32)
    mixed: Floats
    if view.shape[2] == 4:
        alpha = view[..., 3:].astype(np.float32) / peak
        total = shown + alpha * (1 - shown)
        mixed = np.asarray((lit * peak * shown + under * alpha * (1 - shown)) / np.maximum(total, 1e-6), np.float32)
        view[..., 3] = np.where(weight > 0, np.rint(total[..., 0] * peak), view[..., 3]).astype(view.dtype)
    else:
        mixed = np.asarray(under + shown * (lit * peak - under), np.float32)
    view[..., :3] = np.where(shown > 0, np.clip(np.rint(mixed), 0, peak), under).astype(view.dtype)
