"""The thing in a box: whatever the surroundings of the box do not explain, with its feet, beak and tail.

Each place in the box is asked four things: how far its colour stands out on the best way from there to outside the box
(minimum barrier distance, Strand et al. 2013, Zhang et al. 2015), how far it is from the colours around the box, from
those of them that are near, and how far it is from the middle. GrabCut (Rother et al. 2004), once on a coarse and once
on a smoothed copy, is heard as a fifth and a sixth voice, because it misses other parts than the rest. A logistic
regression on hand-drawn outlines (`python -m tests.bench.selecting --fit`) says what each voice counts.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.inpaint.masks import Floats, Mask

Places = NDArray[np.bool_]

AROUND = 0.5  # sides of the box that are looked at on each side of it
SIDE, COARSE = 192, 128  # longest side of the copy that is asked, and of the one for the first cut, pixels
LEAST, MOST = 0.03, 0.97  # part of a box that a thing in it covers
SPECK, GAP = 0.004, 0.03  # parts of the box that are too small to be kept beside the thing, and as holes in it
ASKED, LIKEST = 400, 3  # places around the box that colours are compared with, and how many have to be alike
LIGHTS = 20.0  # steps of CIELAB that count as one
NEARER = 6.0  # such steps between two ends of the copy where near colours are meant; else one
ROUNDS = 5  # of each cut
SWEEPS = 2  # of the barrier over the copy, from all four sides
# What each voice counts: (log of the distance, the same beside the mean of the box) of barrier, colours around the box,
# and near colours; distance from the middle and its square; the coarse and the smoothed cut (-2 or 2).
VOICES = (0.5401, 1.2874, 2.701, -0.7171, -4.0235, 1.7243, 2.8487, 1.0069, 0.154, 0.5496)
OFFSET = 3.5319
GENEROUS = 1.2  # logits in favour of the thing: a bit of background is filled unseen, a foot that stays is not


def thing_in(small: Mask, inside: Places) -> Mask | None:
    """The thing in a box: uint8 RGB (H, W, 3), true inside the box -> uint8 (H, W), 255 there.

    None where the box has no surroundings, is tiny, or where it is all or nothing.
    """
    if inside.sum() < 64 or inside.all():
        return None
    part = surroundings(inside)
    box = inside[part]
    found = part_of(small[part], box, np.array([*VOICES, OFFSET]))
    if not LEAST < found.sum() / box.sum() < MOST:
        return None
    out = np.zeros(inside.shape, np.uint8)
    out[part] = found * 255
    return out


def surroundings(inside: Places) -> tuple[slice, slice]:
    """The rows and columns of a box and of AROUND of it on each side."""
    out = []
    for at, length in zip(np.nonzero(inside), inside.shape, strict=True):
        first, last = int(at.min()), int(at.max())
        margin = int(AROUND * (last - first + 1))
        out.append(slice(max(0, first - margin), min(length, last + 1 + margin)))
    return out[0], out[1]


def part_of(crop: Mask, box: Places, weights: NDArray[np.float64]) -> Mask:
    """The thing in a box with its surroundings, uint8 (H, W) of 0 and 1. weights: of `voices`, and the offset."""
    view, place = small_view(crop, box)
    logits = np.full(place.shape, -9, np.float32)
    if place.any() and not place.all():
        logits[place] = voices(view, place) @ weights[:-1] + weights[-1]
    large = cv2.resize(logits, box.shape[::-1], interpolation=cv2.INTER_LINEAR)
    return _whole((large > -GENEROUS) & box, int(box.sum()))


def small_view(crop: Mask, box: Places) -> tuple[Mask, Places]:
    """A crop (H, W, 3) and its box with a longest side of SIDE."""
    height, width = box.shape
    scale = SIDE / max(height, width)
    size = max(8, round(width * scale)), max(8, round(height * scale))
    kind = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    view = np.asarray(cv2.resize(np.ascontiguousarray(crop), size, interpolation=kind), np.uint8)
    return view, cv2.resize(box.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0


def voices(view: Mask, place: Places) -> NDArray[np.float64]:
    """What speaks for the thing at each place in the box, (N, 10); VOICES says what each counts, as logits."""
    height, width = place.shape
    smooth = np.asarray(cv2.bilateralFilter(view, 7, 28, 4), np.uint8)
    lab = np.asarray(cv2.cvtColor(smooth.astype(np.float32) / 255, cv2.COLOR_RGB2LAB), np.float32) / LIGHTS
    at = np.indices((height, width)).transpose(1, 2, 0).astype(np.float32) / max(height, width)
    heard: list[NDArray[Any]] = []
    for far in (
        barrier(lab, ~place)[place],
        _unlike(np.dstack([lab, at]), place),
        _unlike(np.dstack([lab, NEARER * at]), place),
    ):
        near = np.log(far + 0.05)
        heard += [near, (near - near.mean()) / (near.std() + 0.1)]
    middle = -_from_middle(place)[place]
    heard += [middle, np.square(middle)]
    strong = np.asarray(cv2.bilateralFilter(view, 9, 50, 5), np.uint8)
    heard += [4 * cut[place] - 2 for cut in (_cut(view, place, COARSE), _cut(strong, place, SIDE))]
    return np.stack(heard, 1).astype(np.float64)


def barrier(lab: Floats, start: Places) -> Floats:
    """How much each channel has to rise and fall on a way from `start`, at least about; summed over channels, (H, W).

    lab: (H, W, C). Rows and columns are swept from all sides (after Zhang et al. 2015), so ways are nearly the best.
    """
    height, width = start.shape
    apart = np.where(start[..., None], np.float32(0), np.float32(1e6)) + np.zeros_like(lab)
    high, low = lab.copy(), lab.copy()

    def step(here: Any, before: Any) -> None:
        upper, lower = np.maximum(high[before], lab[here]), np.minimum(low[before], lab[here])
        better = upper - lower < apart[here]
        apart[here] = np.where(better, upper - lower, apart[here])
        high[here], low[here] = np.where(better, upper, high[here]), np.where(better, lower, low[here])

    for _ in range(SWEEPS):
        for row in range(1, height):
            step(np.s_[row], np.s_[row - 1])
        for column in range(1, width):
            step(np.s_[:, column], np.s_[:, column - 1])
        for row in range(height - 2, -1, -1):
            step(np.s_[row], np.s_[row + 1])
        for column in range(width - 2, -1, -1):
            step(np.s_[:, column], np.s_[:, column + 1])
    return np.asarray(apart.sum(2), np.float32)


def _unlike(facts: Floats, place: Places) -> NDArray[np.float64]:
    """For each place in the box, the distance of its facts (H, W, F) to the LIKEST-th of a sample around the box."""
    inner, outer = facts[place].astype(np.float64), facts[~place].astype(np.float64)
    if len(outer) > ASKED:
        outer = outer[np.random.default_rng(0).permutation(len(outer))[:ASKED]]
    rank = min(LIKEST, len(outer)) - 1
    norms = np.square(outer).sum(1)
    squares = [
        np.partition(norms - 2 * part @ outer.T, rank, axis=1)[:, rank] + np.square(part).sum(1)
        for part in np.array_split(inner, max(1, len(inner) // 2048))
    ]
    return np.asarray(np.sqrt(np.maximum(np.concatenate(squares), 0)), np.float64)


def _from_middle(place: Places) -> Floats:
    """The distance from the middle of the box, 1 at the middle of a side; half where that side is the picture's own
    edge, which a thing may well go over."""
    ys, xs = np.nonzero(place)
    sides = []
    for at, length in ((ys, place.shape[0]), (xs, place.shape[1])):
        first, last = int(at.min()), int(at.max())
        off = (np.arange(length) - (first + last) / 2) / (last - first + 1) * 2
        open_before, open_after = first == 0, last == length - 1
        off = np.where((off < 0) & open_before | (off > 0) & open_after, off / 2, off)
        sides.append(off)
    return np.hypot(sides[0][:, None], sides[1][None]).astype(np.float32)


def _cut(view: Mask, place: Places, side: int) -> Floats:
    """GrabCut's opinion of the box, (h, w) from 0 to 1, formed on a copy of `side` pixels at most."""
    height, width = place.shape
    scale = min(1.0, side / max(height, width))
    size = max(8, round(width * scale)), max(8, round(height * scale))
    small = np.ascontiguousarray(cv2.resize(view, size, interpolation=cv2.INTER_AREA)[..., ::-1])
    inside = cv2.resize(place.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0
    if inside.all() or not inside.any():
        return np.full(place.shape, 0.5, np.float32)
    marks = np.where(inside, cv2.GC_PR_FGD, cv2.GC_BGD).astype(np.uint8)
    models = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.setRNGSeed(0)  # its clustering draws at random: the same box gives the same mask
    cv2.grabCut(small, marks, None, *models, ROUNDS, cv2.GC_INIT_WITH_MASK)  # type: ignore[call-overload]
    found = ((marks == cv2.GC_FGD) | (marks == cv2.GC_PR_FGD)).astype(np.float32)
    return np.asarray(cv2.resize(found, (width, height)), np.float32)


def _whole(found: Places, area: int) -> Mask:
    """uint8 (H, W) of 0 and 1: without specks beside the thing, and with its small holes filled. area: of the box."""
    out = found.astype(np.uint8)
    for wanted, least in ((1, SPECK), (0, GAP)):
        count, labels, stats, _ = cv2.connectedComponentsWithStats(
            (out == wanted).astype(np.uint8), connectivity=8 if wanted else 4
        )
        for number in range(1, count):
            if stats[number, 4] < least * area:
                out[labels == number] = 1 - wanted
    return out
