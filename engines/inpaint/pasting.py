"""An object pasted into another picture with the colour and light of the place. Known statistics, no network.

The aim is that of GP-GAN (Wu et al. 2019), the Gaussian-Poisson equation: the object keeps its gradients, and its low
frequencies follow a colour constraint. Here the constraint is the object under the light of the place, a gain for each
channel, and on top of it lies a correction that is right at the border and fades inwards (a screened membrane). Where
the mask follows the object's own outline there is nothing to be right about, the colours there should differ: the
correction is left out, so that none of the place's colour bleeds into the object (Perez et al. 2003 have that fault).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.core.errors import OptionError
from engines.core.image import Pixels
from engines.inpaint.masks import HOLE, Floats, Mask, box_of
from engines.inpaint.membrane import means, spread

AROUND = 0.35  # of an object's size: how far its surroundings reach
LIGHT, HUE = 0.75, 0.45  # how far the brightness and the tint of the surroundings are followed
ALONE = 0.5  # of that for an object that brings no surroundings of its own
MOST = 2.5  # a gain at most
FADE = 0.22  # of an object's size: how deep the correction at the border reaches
EDGE = 0.06  # change of colour across the mask's border, of 1, that tells an outline
SOFT = 1.5  # pixels of soft border along an outline …
SOFTER = 0.05  # … and of an object's size where the mask runs through its surroundings


@dataclass(frozen=True)
class _Place:
    """The object and what it is laid on, in one frame: float32 (h, w, 3) in [0, 1], share (h, w) in [0, 1]."""

    fore: Floats
    back: Floats
    share: Floats
    known: NDArray[np.bool_]  # where the foreground shows anything
    size: float


def pasted(
    foreground: Pixels,
    background: Pixels,
    mask: Mask,
    *,
    x: int,
    y: int,
    match: float,
    progress: Callable[[float], None],
) -> Pixels:
    """The background with the object in it; equal to it outside the mask. OptionError if they do not touch."""
    hole = mask > HOLE
    left, top, right, bottom = box_of(hole)
    size = float(np.sqrt(hole.sum()))
    left, top, right, bottom = box_of(hole, margin=int(AROUND * size) + 4)
    height, width = background.shape[:2]
    rows, columns = slice(max(0, y + top), min(height, y + bottom)), slice(max(0, x + left), min(width, x + right))
    theirs = slice(rows.start - y, rows.stop - y), slice(columns.start - x, columns.stop - x)
    if rows.start >= rows.stop or columns.start >= columns.stop or not hole[theirs].any():
        raise OptionError("The object lies outside the picture. Move it in.")
    progress(0.05)
    place = _place(foreground[theirs], background[rows, columns], mask[theirs], size)
    progress(0.2)
    lit = _lit(place, match)
    progress(0.5)
    border = _border(place)
    weight = _weight(place, border, match)
    if match > 0:
        lit = lit + match * _correction(place, lit, border, lambda share: progress(0.55 + 0.3 * share))
    progress(0.85)
    return _laid(background, lit, weight, rows, columns)


def _place(fore: Pixels, back: Pixels, mask: Mask, size: float) -> _Place:
    """Both pictures as floats; the foreground's alpha counts as mask."""
    share: Floats = np.clip((mask.astype(np.float32) - HOLE) / np.float32(255 - HOLE), 0, 1)
    known = np.ones(mask.shape, bool)
    if fore.shape[2] == 4:
        alpha = fore[..., 3].astype(np.float32) / np.float32(np.iinfo(fore.dtype).max)
        share = share * alpha
        known = alpha > 0.5
    return _Place(_unit(fore), _unit(back), share, known, size)


def _unit(pixels: Pixels) -> Floats:
    return np.asarray(pixels[..., :3] * np.float32(1 / np.iinfo(pixels.dtype).max), np.float32)


def _lit(place: _Place, match: float) -> Floats:
    """The object under the light of the place: a gain for each channel of linear light, whites kept white."""
    if match == 0:
        return place.fore
    inside = place.share > 0.5
    reach = max(3, int(AROUND * place.size)) | 1
    near = cv2.dilate(inside.astype(np.uint8), np.ones((reach, reach), np.uint8)) > 0
    ring = near & ~(cv2.dilate(inside.astype(np.uint8), np.ones((7, 7), np.uint8)) > 0) & place.known
    own, follow = (ring, 1.0) if ring.sum() > 0.1 * inside.sum() else (inside, ALONE)
    if not own.any():
        return place.fore
    theirs, ours = _mean_light(place.fore[own]), _mean_light(place.back[near])
    bright = float(ours.mean() / theirs.mean())
    tint = ours / theirs / bright
    gain = np.clip(bright ** (LIGHT * follow * match) * tint ** (HUE * follow * match), 1 / MOST, MOST)
    linear = place.fore**2.2
    lifted = np.where(gain > 1, linear * gain / (1 + (gain - 1) * linear), linear * gain)
    return np.asarray(lifted ** (1 / 2.2), np.float32)


def _mean_light(colours: Floats) -> NDArray[np.float64]:
    return np.asarray((colours.astype(np.float64) ** 2.2).mean(0) + 0.004)


def _border(place: _Place) -> Floats:
    """(h, w): 1 where the mask's border runs through the object's own surroundings, 0 where it is its outline.

    Told by the change of the foreground's colour across the border, a little off it to both sides.
    """
    step = max(2.0, min(6.0, 0.02 * place.size))
    inside = (place.share > 0.5).astype(np.float32)
    known = place.known.astype(np.float32)
    within, without = (means(place.fore, part, step) for part in (inside * known, (1 - inside) * known))
    change = np.abs(within[0] - without[0]).max(2)
    seen = np.minimum(within[1], without[1]) > 0.05
    through = np.where(seen, np.exp(-((change / EDGE) ** 2)), 0).astype(np.float32)
    line = np.asarray(cv2.morphologyEx(inside, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)), np.float32)
    return means(through[..., None], line, max(3.0, 0.06 * place.size))[0][..., 0]


def _weight(place: _Place, border: Floats, match: float) -> Floats:
    """How much of the object shows, (h, w): soft inside the mask, more so where it runs through its surroundings."""
    hard = (place.share > 0).astype(np.uint8)
    near = cv2.distanceTransform(hard, cv2.DIST_L2, 5)
    soft = SOFT + match * border * (SOFTER * place.size)
    t = np.clip(near / (soft + 1), 0, 1)
    return np.asarray(np.minimum(place.share, t * t * (3 - 2 * t)), np.float32)


def _correction(place: _Place, lit: Floats, border: Floats, progress: Callable[[float], None]) -> Floats:
    """What to add to the lit object so that it meets the place at the border, (h, w, 3)."""
    apart = np.asarray(cv2.GaussianBlur(place.back - lit, (0, 0), max(1.0, 0.01 * place.size)), np.float32)
    inside = (place.share > 0.5).astype(np.float32)
    return spread(apart * border[..., None], inside, fade=FADE * place.size, progress=progress)


def _laid(background: Pixels, lit: Floats, weight: Floats, rows: slice, columns: slice) -> Pixels:
    """The background with the object laid on; where the weight is 0 it is the background's, to the bit."""
    result = background.copy()
    peak = np.float32(np.iinfo(background.dtype).max)
    shown = weight[..., None]
    view = result[rows, columns]
    under = view[..., :3].astype(np.float32)
    mixed: Floats
    if background.shape[2] == 4:
        alpha = view[..., 3:].astype(np.float32) / peak
        total = shown + alpha * (1 - shown)
        mixed = np.asarray((lit * peak * shown + under * alpha * (1 - shown)) / np.maximum(total, 1e-6), np.float32)
        view[..., 3] = np.where(weight > 0, np.rint(total[..., 0] * peak), view[..., 3]).astype(background.dtype)
    else:
        mixed = np.asarray(under + shown * (lit * peak - under), np.float32)
    view[..., :3] = np.where(shown > 0, np.clip(np.rint(mixed), 0, peak), under).astype(background.dtype)
    return result
