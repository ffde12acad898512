"""Hair of another colour in a photo: the generator says which colour, the photo keeps its strands.

A generator of this size knows hair as a soft mass, and its difference laid over a photo is a haze. So only the colour
is its own: the mean of the hair it draws. Where hair is says the network of parting.py, and a guided filter (He et al.
2010) brings its outline down to strands. Pictures are float32 (S, S, 3) in [0, 1], aligned as in engines/core/faces.py.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.faces.motion import even

Plane = NDArray[np.float32]
LIGHT = np.array([0.2126, 0.7152, 0.0722], np.float32)
_LEAST = 0.01  # part of the square; less is no hair
_TIPS = 0.05  # of the side: how far below the hair that the network finds a fringe may reach
_FINE = 100  # parts of the side that strands at a rim are wide
_WORLD = 0.5  # how far the light's colour is believed, as a power
_FLOOR = 0.06  # added to light before ratios are taken


def where(face: Plane, likely: Plane, skin: Plane) -> Plane:
    """How much of each place is hair, (S, S) from 0 to 1; nothing where hardly any is, or the square ends.

    likely, skin: (n, n), how likely each place is hair, and skin.
    """
    side = face.shape[0]
    if likely.mean() < _LEAST:
        return np.zeros((side, side), np.float32)
    soft = _guided(even(_to_its_tips(face, likely), side), np.asarray(face @ LIGHT, np.float32), side // 100 + 1)
    return np.asarray(soft * (1 - _bare(face, likely, skin)) * _frame(side), np.float32)


def _bare(face: Plane, likely: Plane, skin: Plane) -> Plane:
    """Skin that the network takes for hair at a hairline, (S, S) from 0 to 1: of the colour of the skin near it.

    Where hair and skin are of one colour there is nothing to tell them by.
    """
    side = face.shape[0]
    hair, bare = even(likely, side), even(skin, side)
    hairy, smooth = _core(hair, side), _core(bare, side)
    of_hair, of_skin = _mean(face, hairy, side / 16), _mean(face, smooth, side / 16)
    apart = of_hair - of_skin
    far = np.square(apart).sum(2)
    share = ((face - of_skin) * apart).sum(2) / np.maximum(far, 1e-4)
    both = np.minimum(*(_even_blur(plane, side / 16) for plane in (hairy, smooth)))
    away = cv2.distanceTransform((bare < 0.5).astype(np.uint8), cv2.DIST_L2, 5) / np.float32(side)
    sure = np.clip((np.sqrt(far) - 0.15) / 0.1, 0, 1) * np.clip(both / 0.02, 0, 1) * np.clip((0.05 - away) / 0.02, 0, 1)
    found = sure * np.clip((0.6 - cv2.GaussianBlur(share, (0, 0), side / 200)) / 0.3, 0, 1)
    _, labels = cv2.connectedComponents(((bare > 0.5) | (found > 0.3)).astype(np.uint8))
    return np.asarray(found * np.isin(labels, np.unique(labels[smooth > 0])), np.float32)


def _core(mask: Plane, side: int) -> Plane:
    """Where a mask is sure, away from its edge."""
    away = cv2.distanceTransform((mask > 0.8).astype(np.uint8), cv2.DIST_L2, 5)
    return np.asarray(away > side // 25, np.float32)


def _to_its_tips(face: Plane, likely: Plane) -> Plane:
    """Where hair is, with the tips of a fringe: on the forehead, next to hair, and of its colour rather than skin's."""
    side = likely.shape[0]
    lab = cv2.cvtColor(cv2.resize(face, (side, side), interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2LAB)
    y, x = (np.mgrid[0:side, 0:side] + 0.5) / side
    cheeks = (np.abs(x - 0.5) < 0.15) & (np.abs(y - 0.60) < 0.08)
    forehead = (np.abs(x - 0.5) < 0.22) & (y < 0.39)
    above = forehead & (likely > 0.9)
    if above.sum() < _LEAST * above.size:
        return likely
    to_hair, to_skin = (np.square(lab - np.median(lab[known], 0)).sum(2) for known in (above, cheeks))
    reach = np.zeros((2 * round(_TIPS * side) + 1, 1), np.uint8)
    reach[: len(reach) // 2 + 1] = 1  # looks for hair upwards only
    near = cv2.dilate((likely > 0.5).astype(np.uint8), reach) > 0
    tips = cv2.medianBlur((near & forehead & (to_hair < to_skin)).astype(np.uint8), 5)
    return np.asarray(np.maximum(likely, cv2.GaussianBlur(tips.astype(np.float32), (0, 0), 0.7)), np.float32)


def recoloured(face: Plane, hair: Plane, before: Plane, after: Plane, *, grey: float = 0.0) -> Plane:
    """The face with its hair as much lighter, darker or otherwise coloured as `after` differs from `before`.

    hair: (S, S), where it is. before, after: the generator's pictures without and with the change. grey: how much of
    what colour there is then is taken away, 0 to 1.
    """
    total = float(hair.sum())
    if total < _LEAST * hair.size:
        return face
    side = face.shape[0]
    small = even(hair, before.shape[0])[..., None]
    core = _inner(hair) + np.float32(0.02) * hair
    own = np.asarray((face * core[..., None]).sum((0, 1)) / core.sum(), np.float32)  # (3,)
    colour = own + ((after - before) * small).sum((0, 1)) / max(float(small.sum()), 1e-6)
    tint = _tint(face)
    colour = np.clip(colour + grey * (float(colour @ LIGHT) * tint - colour), 0.01, 0.95)
    change = min(1.0, abs(float((colour - own) @ LIGHT)) / 0.25)
    light = face @ LIGHT
    here = _mean(face, core, side / 12)
    around = here @ LIGHT + _FLOOR
    base = (colour + _FLOOR) * (around / (float(own @ LIGHT) + _FLOOR))[..., None] ** (1 - 0.45 * change)
    strands = np.clip((light + _FLOOR) / around, 0.4, 1.9)[..., None] ** (1 - 0.25 * change)
    # at the rim a pixel is hair in part, and only that part changes
    behind = _mean(light[..., None], 1 - np.clip(hair * 20, 0, 1), side / 30)[..., 0]
    apart = behind - here @ LIGHT
    share = np.where(np.abs(apart) > 0.1, (behind - light) / np.where(np.abs(apart) > 0.1, apart, 1), 1).clip(0, 1)
    share = (share * hair)[..., None]
    own_light, weight = (cv2.GaussianBlur(plane, (0, 0), side / _FINE) for plane in (light * hair**2, hair**2))
    fine = (light + _FLOOR) / (own_light / np.maximum(weight, np.float32(1e-4)) + _FLOOR)
    rim = face + share * (base * np.clip(fine, 0.6, 1.04)[..., None] - _FLOOR - here)
    rim += grey * share * ((rim @ LIGHT)[..., None] * tint - rim)
    inner = face + hair[..., None] * (base * strands - _FLOOR - face)
    made = rim + np.clip((core - 0.4) / 0.4, 0, 1)[..., None] * (inner - rim)
    moved = float(np.abs(colour - own).max())
    return np.asarray(np.clip(face + min(1.0, moved / 0.05) * (made - face), 0, 1), np.float32)


def _tint(face: Plane) -> Plane:
    """What is grey in this light, (3,): the mean of a picture is nearly so (grey world, Buchsbaum 1980)."""
    mean = face.mean((0, 1))
    tint = np.clip(mean / max(float(mean @ LIGHT), 0.05), 0.6, 1.5) ** np.float32(_WORLD)
    return np.asarray(tint / float(tint @ LIGHT), np.float32)


def _inner(hair: Plane) -> Plane:
    """Where hair has hair all around it, (S, S)."""
    side = hair.shape[0]
    ellipse = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side // 32 | 1,) * 2)
    return np.asarray(cv2.GaussianBlur(cv2.erode(hair, ellipse), (0, 0), side / 64), np.float32)


def _frame(side: int) -> Plane:
    """1, falling to 0 at the edge of a square: soon above the head, slowly where long hair goes on below."""
    near = (np.arange(side, dtype=np.float32) + 0.5) / side
    rows = np.minimum(near / 0.015, (1 - near) / 0.3)
    columns = np.minimum(near, 1 - near) / 0.03
    return np.asarray(np.minimum.outer(rows.clip(0, 1), columns.clip(0, 1)), np.float32)


def _guided(mask: Plane, guide: Plane, radius: int) -> Plane:
    """A mask that follows the edges of a picture of the same size, both (S, S)."""
    size = (2 * radius + 1,) * 2

    def mean(plane: Plane) -> Plane:
        return np.asarray(cv2.blur(plane, size), np.float32)

    slope = (mean(guide * mask) - mean(guide) * mean(mask)) / (mean(guide * guide) - mean(guide) ** 2 + 1e-4)
    offset = mean(mask) - slope * mean(guide)
    return np.asarray(np.clip(mean(slope) * guide + mean(offset), 0, 1), np.float32)


def _mean(plane: Plane, weight: Plane, sigma: float) -> Plane:
    """What is around each place where the weight (S, S) lies, (S, S, C)."""
    parts = [_even_blur(np.asarray(weight * channel, np.float32), sigma) for channel in np.moveaxis(plane, 2, 0)]
    return np.asarray(np.stack(parts, 2) / (_even_blur(weight, sigma) + 1e-4)[..., None], np.float32)


def _even_blur(plane: Plane, sigma: float) -> Plane:
    """A wide blur, at a quarter of the size, where it is as good and quick."""
    side = plane.shape[0]
    small = cv2.resize(plane, (max(side // 4, 16),) * 2, interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), sigma * small.shape[0] / side)
    return np.asarray(cv2.resize(small, (side, side), interpolation=cv2.INTER_LINEAR), np.float32)
