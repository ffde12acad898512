"""Where the places of a hole find their like among the known places of a picture.

Patches of 7x7 are compared by their principal components, with a preference for near ones: a sample of the hole's
places with a sample of the known ones first, then every place with what its neighbours found (the propagation of Barnes
et al. 2009), and neighbours are made to borrow side by side where that is nearly as good, so that edges stay whole.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Floats = NDArray[np.float32]
Holes = NDArray[np.bool_]

PATCH = 7  # side of the patches that are compared, pixels
PARTS = 20  # principal components of a patch
NEAR = 0.35  # what a distance of the whole crop counts, in the units of a patch's root mean square difference
REACHES = (4, 4, 2, 2, 1, 1, 1)  # how far neighbours are that compare what they borrow, round by round
AGREE = 0.012  # how much worse (in the same units) a place may look to borrow beside its neighbour
SOURCES, ASKING = 10_000, 3_000  # known places and places of the hole that are compared each with each, at most
LOT = 6  # side of the squares of known places that share a price, pixels
FAIR = 1.5  # how much more than its even share a lot may lend freely
PRICE, AUCTIONS = 0.05, 4  # what a lot's distance grows by (rms) where it is asked twice as often, and how many rounds


@dataclass(frozen=True)
class Field:
    """Where each place of a hole borrows from. at, source: (N, 2) as (y, x); distance: (N,), rms of their patches."""

    at: NDArray[np.intp]
    source: NDArray[np.intp]
    distance: Floats


def borrow(
    filled: Floats,
    hole: Holes,
    *,
    seed: int = 0,
    around: int = 0,
    before: Field | None = None,
    barred: Holes | None = None,
    check: Callable[[], None] = lambda: None,
) -> Field | None:
    """Match the places of a hole in a filled picture (H, W, 3) with known ones. None where there is too little known.

    seed: 0 asks all; others leave out a third of the known places, each its own, so that answers differ.
    around: places so near to the hole are matched too.
    before: an earlier field, to be improved by asking neighbours only, which is quick.
    barred: places that are known, but not lent, unless nothing else is left.
    """
    height, width = hole.shape
    whole = patch_is_known(hole)
    if barred is not None and (whole & ~barred).sum() >= 50:
        whole &= ~barred
    if whole.sum() < 50:
        return None
    rng = np.random.default_rng(seed)
    if seed:
        cells = rng.random((height // 24 + 1, width // 24 + 1)) > 0.33
        kept = whole & np.kron(cells, np.ones((24, 24), bool))[:height, :width]
        whole = kept if kept.sum() >= 50 else whole
    facts = described(filled, whole, rng)
    check()
    side = 2 * around + 1
    wanted = cv2.dilate(hole.astype(np.uint8), np.ones((side, side), np.uint8)) > 0 if around else hole
    at = np.argwhere(wanted)
    found = np.full((height, width, 2), -1, np.intp)
    if before is not None:
        found[before.at[:, 0], before.at[:, 1]] = before.source
    else:
        asking = at[rng.permutation(len(at))[:ASKING]] if len(at) > ASKING else at
        sources = np.argwhere(whole)
        if len(sources) > SOURCES:
            sources = sources[rng.permutation(len(sources))[:SOURCES]]
        lent = shared(facts[asking[:, 0], asking[:, 1]], facts[sources[:, 0], sources[:, 1]], sources // LOT, check)
        found[asking[:, 0], asking[:, 1]] = sources[lent]
    return _agree(found, facts, whole, at, check)


def patch_is_known(hole: Holes) -> Holes:
    """Places whose whole patch lies inside the picture and outside the hole."""
    reach = PATCH // 2
    blocked = cv2.dilate(hole.astype(np.uint8), np.ones((PATCH, PATCH), np.uint8)) > 0
    inside = np.zeros_like(hole)
    inside[reach : hole.shape[0] - reach, reach : hole.shape[1] - reach] = True
    return inside & ~blocked


def described(filled: Floats, whole: Holes, rng: np.random.Generator) -> Tensor:
    """Every place as principal components of its patch and its position: (H, W, PARTS + 2); distances are rms."""
    height, width = whole.shape
    padded = np.pad(filled, ((PATCH // 2,) * 2, (PATCH // 2,) * 2, (0, 0)), mode="reflect")
    patches = np.lib.stride_tricks.sliding_window_view(padded, (PATCH, PATCH), axis=(0, 1))  # (H, W, 3, 7, 7)
    some = np.argwhere(whole)
    some = some[rng.permutation(len(some))[:3000]]
    sample = patches[some[:, 0], some[:, 1]].reshape(len(some), -1)
    mean = sample.mean(0)
    _, axes = np.linalg.eigh((sample - mean).T @ (sample - mean))  # ascending
    kernels = axes[:, : -PARTS - 1 : -1].T.reshape(-1, 3, PATCH, PATCH).astype(np.float32)
    x = torch.from_numpy(padded).permute(2, 0, 1)[None]
    parts = torch.nn.functional.conv2d(x, torch.from_numpy(np.ascontiguousarray(kernels)))[0]  # (PARTS, H, W)
    parts = parts / (3**0.5 * PATCH)
    longer = max(height, width)
    y, x2 = torch.meshgrid(torch.arange(height) / longer, torch.arange(width) / longer, indexing="ij")
    return torch.cat([parts, NEAR * torch.stack([y, x2])]).permute(1, 2, 0).contiguous()


def shared(asking: Tensor, known: Tensor, lots: NDArray[np.intp], check: Callable[[], None]) -> NDArray[np.intp]:
    """For each of (N, D) one of (M, D) that is near; what lies in a lot (M, 2) that is asked too often costs more.

    A soft answer looks most like whatever is plainest, which all of it would borrow: ticks in rows, one blade of grass
    again and again (Kaspar et al. 2015 keep to uniform use too).
    """
    _, lot, members = np.unique(lots, axis=0, return_inverse=True, return_counts=True)
    lot = lot.reshape(-1)
    fair = np.maximum(1.0, FAIR * len(asking) * members / len(known))
    price = np.zeros(len(members), np.float32)
    norms = known.square().sum(1)
    for turn in range(AUCTIONS):
        costs = norms + torch.from_numpy(price[lot])
        nearest = torch.cat([(costs - 2 * chunk @ known.t()).argmin(1) for chunk in torch.split(asking, 1024)]).numpy()
        check()
        if turn < AUCTIONS - 1:
            asked = np.bincount(lot[nearest], minlength=len(members)) / fair
            price = np.maximum(0, price + PRICE**2 * np.clip(asked - 1, -0.5, 3)).astype(np.float32)
    return nearest


def _nearest(asking: Tensor, known: Tensor, check: Callable[[], None]) -> NDArray[np.intp]:
    """For each of (N, D) the index of the nearest of (M, D)."""
    norms = known.square().sum(1)
    rows = []
    for chunk in torch.split(asking, 1024):
        rows.append((norms - 2 * chunk @ known.t()).argmin(1))
        check()
    return torch.cat(rows).numpy()


def _agree(
    found: NDArray[np.intp],
    described: Tensor,
    whole: Holes,
    at: NDArray[np.intp],
    check: Callable[[], None],
) -> Field:
    """Spread the matches to all places, and let neighbours borrow side by side where that is nearly as good."""
    height, width = whole.shape
    facts = described.numpy()
    y, x = at[:, 0], at[:, 1]
    source = found[y, x]
    mine = facts[y, x]

    def apart(candidates: NDArray[np.intp]) -> Floats:
        """Distance of each place to its candidate; infinite where that is none."""
        cy, cx = candidates[:, 0], candidates[:, 1]
        usable = (cy >= 0) & (cx >= 0) & (cy < height) & (cx < width)
        cy, cx = np.where(usable, cy, 0), np.where(usable, cx, 0)
        distance = np.sqrt(np.square(mine - facts[cy, cx]).sum(1))
        return np.where(usable & whole[cy, cx], distance, np.inf).astype(np.float32)

    distance = apart(source)
    steps = ((0, 1), (1, 0), (0, -1), (-1, 0))
    for reach in REACHES:
        field = np.full((height, width, 2), -1, np.intp)
        field[y, x] = source
        beside = []
        for dy, dx in steps:
            ny, nx = np.clip(y + dy * reach, 0, height - 1), np.clip(x + dx * reach, 0, width - 1)
            theirs = field[ny, nx]
            candidate = theirs - (reach * dy, reach * dx)
            candidate[(theirs[:, 0] < 0) | (ny != y + dy * reach) | (nx != x + dx * reach)] = -1
            beside.append(candidate)
        agreeing = sum((b == source).all(1).astype(np.float32) for b in beside)
        best, cost = source, distance - AGREE * agreeing
        for candidate in beside:
            other = apart(candidate)
            others = sum((b == candidate).all(1).astype(np.float32) for b in beside)
            better = other - AGREE * others < cost
            best = np.where(better[:, None], candidate, best)
            cost = np.where(better, other - AGREE * others, cost)
        source, distance = best, apart(best)
        check()
    left = ~np.isfinite(distance)
    if left.any():  # places that nothing reached: what the likest of the others found
        good = np.flatnonzero(~left)
        nearest = _nearest(torch.from_numpy(mine[left]), torch.from_numpy(mine[good]), check)
        source[left] = source[good[nearest]]
    colours = np.square(mine - facts[source[:, 0], source[:, 1]])[:, :PARTS].sum(
        1
    )  # where they lie does not count here
    return Field(at, source, np.sqrt(colours).astype(np.float32))
