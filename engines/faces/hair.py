"""Hair of another colour in a photo: the generator says which colour, the photo keeps its strands.

A generator of this size knows hair as a soft mass, and its difference laid over a photo is a haze. So only the colour
is its own: the mean of the hair it draws. Where hair is, both say: the places that differ most between the generator's
darkest and fairest hair begin a GrabCut (Rother et al. 2004) on the photo, and a guided filter (He et al. 2010) brings
its outline down to strands. Pictures are float32 (S, S, 3) in [0, 1], aligned as in engines/core/faces.py.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.faces.pasting import even

Plane = NDArray[np.float32]
LIGHT = np.array([0.2126, 0.7152, 0.0722], np.float32)
SIDE = 192  # at which hair is looked for
_LEAST = 0.01  # part of the square; less is no hair
_FLOOR = 0.06  # added to light before ratios are taken
_ROUNDS = 3
_NOTCH = 31  # how wide a gap between hair and hair, in those pixels, is looked at once more


def where(face: Plane, dark: Plane, fair: Plane) -> Plane:
    """How much of each place is hair, (S, S) from 0 to 1; nothing where hardly any is found, or the square ends.

    dark, fair: the generator's pictures of this face with the darkest and with very fair hair, of any size.
    """
    small = np.asarray(cv2.resize(face, (SIDE, SIDE), interpolation=cv2.INTER_AREA), np.float32)
    likely, skin, around = _likely(dark, fair), skin_of(SIDE), _around(1.0)
    if likely[~around].mean() > 0.25:  # it recoloured the background, too
        around = _around(0.9)
    middle_third = (np.arange(SIDE) * 6 // SIDE == 3)[:, None]
    sure = (likely > 0.7) & (skin < 0.05) & around
    other = _unless(sure, _unlike(small, (skin > 0.9) & middle_third))
    free = _unless(sure & other, _unlike(small, ~around & (np.arange(SIDE)[:, None] < SIDE // 2)))
    sure &= other & free
    doubt = 0.25 + 0.2 * np.clip((np.arange(SIDE)[:, None] / SIDE - 0.65) / 0.15, 0, 1)  # clothes are recoloured, too
    if free.all():  # the background has the hair's colour: only the generator tells them apart
        doubt, near = doubt + 0.4, around & (likely > doubt + 0.4)
    else:
        near = (cv2.dilate(likely, np.ones((9, 9), np.uint8)) > doubt) & around
        near[: SIDE // 4, SIDE // 8 : -SIDE // 8] = True  # what stands above the hair that it drew
    marks = np.where(near & free, np.uint8(cv2.GC_PR_BGD), np.uint8(cv2.GC_BGD))
    marks[near & (likely > doubt + 0.1) & other & free] = cv2.GC_PR_FGD
    marks[sure] = cv2.GC_FGD
    marks[(skin > 0.6) | ~other & (skin_of(SIDE, reach=1.5) > 0)] = cv2.GC_BGD
    if min((marks == cv2.GC_FGD).mean(), (marks == cv2.GC_BGD).mean()) < _LEAST:
        return np.zeros(face.shape[:2], np.float32)
    view = np.ascontiguousarray((small[..., ::-1] * 255).clip(0, 255), np.uint8)
    cv2.setRNGSeed(0)  # its clustering draws at random: the same photo gives the same hair
    cv2.grabCut(view, marks, None, np.zeros((1, 65)), np.zeros((1, 65)), _ROUNDS, cv2.GC_INIT_WITH_MASK)  # type: ignore[call-overload]
    found = ((marks == cv2.GC_FGD) | (marks == cv2.GC_PR_FGD)).astype(np.float32)
    ellipse = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (_NOTCH,) * 2)
    notches = cv2.erode(cv2.dilate(found, ellipse), ellipse, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    found = np.maximum(found, notches * (other & free & (skin < 0.6)))  # a fringe redder than the rest is left out
    opened = cv2.morphologyEx(found, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    found = _joined(np.asarray(opened, np.float32), sure)
    side = face.shape[0]
    soft = _guided(even(found, side), np.asarray(face @ LIGHT, np.float32), side // 100 + 1)
    return np.asarray(soft * np.clip((1 - even(skin, side)) * 2, 0, 1) * _frame(side), np.float32)


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
    colour = np.clip(colour + grey * (float(colour @ LIGHT) * np.array([1.0, 1.0, 0.995]) - colour), 0.01, 0.95)
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
    rim = face + share * (base - _FLOOR - here)
    rim += grey * share * ((rim @ LIGHT)[..., None] - rim)
    inner = face + hair[..., None] * (base * strands - _FLOOR - face)
    made = rim + np.clip((core - 0.4) / 0.4, 0, 1)[..., None] * (inner - rim)
    moved = float(np.abs(colour - own).max())
    return np.asarray(np.clip(face + min(1.0, moved / 0.05) * (made - face), 0, 1), np.float32)


def skin_of(side: int, *, reach: float = 1.0) -> Plane:
    """The front of the face and the neck, soft, where there is skin and no hair but brows, (S, S). reach: times it."""
    y, x = (np.mgrid[0:side, 0:side] + 0.5) / side
    face = np.hypot((x - 0.5) / 0.235, (y - 0.60) / 0.265)
    neck = np.hypot((x - 0.5) / 0.19, np.maximum(0.80 - y, 0) / 0.1)
    return np.asarray(np.clip((1.06 - np.minimum(face, neck) / reach) / 0.12, 0, 1), np.float32)


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


def _around(reach: float) -> NDArray[np.bool_]:
    """Where hair may be, (SIDE, SIDE): around a head and down its sides, not at collars; at 1 almost anywhere."""
    y, x = (np.mgrid[0:SIDE, 0:SIDE] + 0.5) / SIDE
    collar = (y > 0.82) & (np.abs(x - 0.5) < 0.34)
    return np.asarray((np.hypot((x - 0.5) / 0.5 / reach, np.minimum(y - 0.52, 0) / 0.56) < 1) & ~collar)


def _unless(sure: NDArray[np.bool_], other: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Where a colour tells from hair; everywhere if most of the hair is of that colour, too."""
    return other if (sure & other).sum() >= 0.4 * sure.sum() else np.ones_like(other)


def _unlike(small: Plane, known: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Where a picture (SIDE, SIDE, 3) is of another colour than most of what is known."""
    lab = cv2.cvtColor(small, cv2.COLOR_RGB2LAB)
    middle = np.median(lab[known], 0)
    spread = np.maximum(1.5 * np.median(np.abs(lab[known] - middle), 0), (4, 2, 2))
    return np.asarray(np.square((lab - middle) / (3 * spread)).sum(2) > 1)


def _joined(found: Plane, sure: NDArray[np.bool_]) -> Plane:
    """The pieces of a mask that have something sure in them, around the head: what begins below it is clothes."""
    _, names = cv2.connectedComponents((found > 0.5).astype(np.uint8))
    kept = np.unique(names[: SIDE * 3 // 5][(sure & (found > 0.5))[: SIDE * 3 // 5]])
    return np.asarray(np.isin(names, kept[kept > 0]), np.float32)


def _likely(dark: Plane, fair: Plane) -> Plane:
    """How much each place differs between dark and fair hair, (SIDE, SIDE), about 1 in the middle of hair."""
    between = even(np.asarray(np.abs((fair - dark) @ LIGHT), np.float32), SIDE)
    between = np.asarray(cv2.GaussianBlur(between, (0, 0), SIDE / 100), np.float32)
    seen = between[between > 0.05]
    return between / (float(np.quantile(seen, 0.8)) if seen.size else 1.0)


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
