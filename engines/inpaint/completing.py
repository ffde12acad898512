"""A fill made of its surroundings: patches of the known part, laid so that they fit each other and the network.

Space-time completion's scheme (Wexler et al. 2007) with the network as guide: from coarse to fine, each place of the
hole is matched with a known place that looks alike (`matching.borrow`), then every pixel becomes the mean of what the
patches over it say; again, until they agree. What is matched is a mixture of the picture so far and the network's
answer, so the network decides what belongs where, and the surroundings how it looks.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.inpaint.matching import PATCH, Field, borrow
from engines.inpaint.montage import montage
from engines.inpaint.seams import without_seams

Floats = NDArray[np.float32]
Holes = NDArray[np.bool_]

COARSEST = 10  # a hole is at most so thick where the patches are first laid, pixels
ROUNDS = (6, 4, 3, 2)  # of matching and laying, from the coarsest level on; later ones have the last number
# What the network's answer counts in the matching, likewise. Bold: textures and patterns go on best, but a thing of the
# picture may grow into the hole. Careful: it does not, but a soft answer stays plain.
BOLD, CAREFUL = (0.3, 0.15, 0.08, 0.05), (0.8, 0.5, 0.2, 0.08)
AFAR = 6.0  # sigma of the blur under which a bold fill has to look like the answer …
STRAY = 0.12  # … to within this, in [0, 1], on 95 of 100 pixels
UNLIKE = 0.1  # distance of a patch from the place it is laid on at which e^-1 of it is left, the rest the network's
FAR = 0.3  # … and beyond the borders of a picture, where the network knows less
VARIED = 0.25  # part of a patch's own variance that counts as no distance
# The mean of patches is softer than each of them, and what is soft finds what is softer still. So before it is matched,
# a picture gets more contrast to its own blur: how much, and the blur's sigma in pixels.
CRISPER, BLUR = 0.5, 1.5
GRAINS = 11  # side of the squares in which grain is compared, pixels
INWARD = 1.25  # how much more a patch counts for each pixel that it lies nearer to the border of the hole


def completed(
    answer: Floats,
    hole: Holes,
    *,
    beyond: bool = False,
    seed: int = 0,
    barred: Holes | None = None,
    check: Callable[[], None] = lambda: None,
) -> tuple[Floats, Field] | None:
    """A network's answer (H, W, 3), true outside the hole -> the picture filled with patches, and where they are from.

    None where too little is known to borrow from. The bold way if it keeps to the answer, seen from afar; else the
    careful one. beyond: the hole goes on to the border of the picture, so the answer says less: a montage of large
    pieces comes first.  barred: known places (H, W) that nothing is borrowed from.
    """
    bold = _completed(answer, hole, BOLD, beyond=beyond, seed=seed, barred=barred, check=check)
    if bold is None or _strays(bold[0], answer, hole) < STRAY:
        return bold
    return _completed(answer, hole, CAREFUL, beyond=beyond, seed=seed, barred=barred, check=check)


def _strays(filled: Floats, answer: Floats, hole: Holes) -> float:
    """How far a fill's colours are from the answer's, seen from afar: the 95th percentile of their rms difference."""
    apart = cv2.GaussianBlur(filled, (0, 0), AFAR) - cv2.GaussianBlur(answer, (0, 0), AFAR)
    return float(np.quantile(np.sqrt(np.square(apart[hole]).mean(1)), 0.95))


def _completed(
    answer: Floats,
    hole: Holes,
    guides: tuple[float, ...],
    *,
    beyond: bool,
    seed: int,
    barred: Holes | None,
    check: Callable[[], None],
) -> tuple[Floats, Field] | None:
    """`completed` with one set of weights for the answer."""
    thick = 2 * float(cv2.distanceTransform(hole.astype(np.uint8), cv2.DIST_L2, 5).max())
    levels = min(3, max(0, math.ceil(math.log2(max(thick, 1) / COARSEST))))
    while levels and min(hole.shape) / 2**levels < 5 * PATCH:
        levels -= 1
    beyond = beyond and levels > 0
    if beyond:
        levels = max(1, levels - 1)  # pieces are more than a few pixels
    now: Floats | None = None
    field: Field | None = None
    for turn, halvings in enumerate(range(levels, -1, -1)):
        guide, gap = _smaller(answer, hole, halvings)
        closed = None if barred is None else _smaller(answer, barred, halvings)[1]
        rounds, weight = ROUNDS[min(turn, len(ROUNDS) - 1)], guides[min(turn, len(guides) - 1)]
        if beyond and not turn:
            made = _pieced(guide, gap, closed, seed=seed, check=check)
            if made is not None:
                now, field = made
                continue
        now = guide if now is None or field is None else _finer(guide, gap, field, now.shape[:2])
        field = None
        for number in range(rounds):
            # All known places are asked at first and where that is quick; then neighbours ask each other.
            before: Field | None = None if turn == 0 or number == 0 else field
            target = np.where(gap[..., None], now + weight * (guide - now), guide).astype(np.float32)
            if turn or number:
                target = np.where(gap[..., None], target + CRISPER * (target - _soft(target)), guide)
            field = borrow(target, gap, seed=seed, around=PATCH // 2, before=before, barred=closed, check=check)
            if field is None:
                return None
            last = not halvings and number == rounds - 1
            now = laid(guide, gap, field, reach=1 if last else PATCH // 2)
    assert now is not None and field is not None
    now = without_seams(now, answer, hole, field, check=check)
    doubt = _doubt(hole, field, answer, unlike=FAR if beyond else UNLIKE)
    now = now + doubt[..., None] * (answer - now)
    return grained(now, answer, hole, field), field


def _pieced(
    guide: Floats, gap: Holes, barred: Holes | None, *, seed: int, check: Callable[[], None]
) -> tuple[Floats, Field] | None:
    """A start of large pieces, whose seams are then laid like the rest: (h, w, 3) and where they are from."""
    field = montage(guide, gap, barred=barred, seed=seed, check=check)
    if field is None:
        return None
    now = laid(guide, gap, field, reach=0)
    for _ in range(2):
        field = borrow(now, gap, seed=seed, around=PATCH // 2, before=field, barred=barred, check=check)
        if field is None:
            return None
        now = laid(guide, gap, field, reach=PATCH // 2)
    return now, field


def grained(filled: Floats, image: Floats, hole: Holes, field: Field) -> Floats:
    """A fill (H, W, 3) as grainy as where it was borrowed, of `image`.

    The mean of patches that differ is smoother than each of them. What it lacks of their finest detail is added from
    each place's own source, as strongly as it lacks.
    """
    at, source = field.at[hole[field.at[:, 0], field.at[:, 1]]], field.source[hole[field.at[:, 0], field.at[:, 1]]]
    fine = image - cv2.blur(image, (3, 3))
    lent = np.zeros_like(filled)
    lent[at[:, 0], at[:, 1]] = fine[source[:, 0], source[:, 1]]
    inside = hole.astype(np.float32)
    share = cv2.blur(inside, (GRAINS, GRAINS)) + 1e-6
    own = filled - cv2.blur(filled, (3, 3))

    def local(one: Floats, other: Floats) -> Floats:
        return np.asarray(cv2.blur((one * other).mean(2) * inside, (GRAINS, GRAINS)) / share, np.float32)

    # running sums leave a hair below nothing, of which no root is to be taken
    wanted, there = np.maximum(local(lent, lent), 0), np.maximum(local(own, own), 0)
    alike = local(own, lent)
    # own + g lent is to vary as much as lent alone does
    lack = np.sqrt(np.square(alike) + wanted * np.maximum(wanted - there, 0)) - alike
    lack = np.clip(lack / np.maximum(wanted, 1e-9), 0, 1) * inside * (there < wanted)
    return np.asarray(filled + lack[..., None] * lent, np.float32)


def _doubt(hole: Holes, field: Field, image: Floats, *, unlike: float) -> Floats:
    """How much of each place (H, W) stays the network's, 0 to 1: there where nothing in the picture looks alike.

    Two patches of one texture are never the same: what a patch of image (H, W, 3) varies excuses a part.
    """
    doubt = np.zeros(hole.shape, np.float32)
    means, squares = (cv2.blur(values, (PATCH, PATCH)) for values in (image, image * image))
    variance = np.maximum(squares - means * means, 0).mean(2)[field.source[:, 0], field.source[:, 1]]
    apart = np.maximum(np.square(field.distance) - VARIED * variance, 0)
    doubt[field.at[:, 0], field.at[:, 1]] = 1 - np.exp(-apart / unlike**2)
    return np.where(hole, cv2.GaussianBlur(doubt, (0, 0), 3), 0).astype(np.float32)


def _smaller(image: Floats, hole: Holes, halvings: int) -> tuple[Floats, Holes]:
    """A picture and its hole at 1 / 2^halvings; a place is known where all of it is."""
    if not halvings:
        return image, hole
    h, w = (-(-side // 2**halvings) for side in hole.shape)
    small = np.asarray(cv2.resize(image, (w, h), interpolation=cv2.INTER_AREA), np.float32)
    gap = cv2.resize(hole.astype(np.float32), (w, h), interpolation=cv2.INTER_AREA) > 1e-3
    return small, gap


def _soft(image: Floats) -> Floats:
    return np.asarray(cv2.GaussianBlur(image, (0, 0), BLUR), np.float32)


def _finer(guide: Floats, gap: Holes, field: Field, before: tuple[int, int]) -> Floats:
    """The picture at the next level, laid with the matches of the one before.

    Every pixel is a mean here too: a line thin as a pixel, which the level before hardly saw, is not copied in dashes.
    """
    height, width = gap.shape
    facts = np.zeros((*before, 3), np.float32)  # of a match: how far down and right it lies, its distance
    facts[field.at[:, 0], field.at[:, 1]] = np.c_[field.source - field.at, field.distance]
    large = cv2.resize(facts, (width, height), interpolation=cv2.INTER_NEAREST)
    at = np.argwhere(gap)
    reach = PATCH // 2
    told = large[at[:, 0], at[:, 1]]
    source = at + np.round(2 * told[:, :2]).astype(np.intp)
    source = np.clip(source, reach, np.array([height, width]) - 1 - reach)
    fine = ~gap[source[:, 0], source[:, 1]]
    if not fine.any():
        return guide
    return laid(guide, gap, Field(at[fine], source[fine], told[fine, 2]), reach=reach)


def laid(image: Floats, hole: Holes, field: Field, *, reach: int) -> Floats:
    """Every pixel of the hole as the weighted mean of what the patches of (2 reach + 1)² around it lay there."""
    height, width = hole.shape
    source = np.full((height, width, 2), -1, np.intp)
    source[field.at[:, 0], field.at[:, 1]] = field.source
    spread = max(float(np.quantile(field.distance, 0.75)), 1e-3)
    depth = cv2.distanceTransform(hole.astype(np.uint8), cv2.DIST_L2, 5)
    weight = np.zeros((height, width), np.float32)
    inward = INWARD ** -np.minimum(depth[field.at[:, 0], field.at[:, 1]], 20)
    weight[field.at[:, 0], field.at[:, 1]] = np.exp(-np.square(field.distance / spread) / 2) * inward + 1e-6
    y, x = np.nonzero(hole)
    total = np.zeros((len(y), 3), np.float32)
    weights = np.zeros(len(y), np.float32)
    for dy in range(-reach, reach + 1):
        for dx in range(-reach, reach + 1):
            cy, cx = y - dy, x - dx
            inside = (cy >= 0) & (cx >= 0) & (cy < height) & (cx < width)
            cy, cx = np.where(inside, cy, 0), np.where(inside, cx, 0)
            theirs = source[cy, cx]
            w = np.where(inside & (theirs[:, 0] >= 0), weight[cy, cx], 0)
            sy, sx = np.clip(theirs[:, 0] + dy, 0, height - 1), np.clip(theirs[:, 1] + dx, 0, width - 1)
            total += w[:, None] * image[sy, sx]
            weights += w
    out = image.copy()
    some = weights > 0
    out[y[some], x[some]] = total[some] / weights[some, None]
    return out
