"""A hole filled with a few large pieces of its surroundings, each moved as a whole (He & Sun 2012).

Parts of a picture that look alike lie apart by a few offsets: a pattern's period, the way a grain or an edge runs. The
hole is laid of copies of the picture that are moved by these, and by what the network's answer asks for. Which copy
shows where is a labelling in which a seam costs what one would see of it, found by min-sum belief propagation.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engines.inpaint.matching import PARTS, PATCH, Field, described, patch_is_known

Floats = NDArray[np.float32]
Holes = NDArray[np.bool_]
Ints = NDArray[np.intp]

OWN, ASKED = 30, 15  # offsets: of the picture's own repetitions, and of what looks like the answer; at most
APART = 1 / 15  # of the longer side: what lies nearer is alike anyway
MULTIPLES = (1, -1, 2, -2, 3, -3)  # of an own offset that are tried
ASKING, SOURCES = 3_000, 12_000  # places that are compared, at most
LOOKED_AT = 400  # most frequent offsets that are looked at
SERVES = 0.02  # part of the hole that an offset has to serve beside the others
NEVER = 1e3  # what a source costs that is not known
STEER, SOFT = 0.3, 3.0  # what the answer counts, and the sigma of the blur under which it is compared, pixels
SLOPES = 2.0  # what slopes count beside colours
BREAK = 0.01  # what a seam costs that nobody sees, so that pieces are large
ROUNDS, DAMPED = 24, 0.5  # of belief propagation; how much of a message stays from round to round


def montage(
    answer: Floats, hole: Holes, *, barred: Holes | None = None, seed: int = 0, check: Callable[[], None] = lambda: None
) -> Field | None:
    """answer: (H, W, 3), true outside the hole (H, W) -> from where each place is taken. None: nothing fits.

    barred: known places that nothing is taken from. Memory grows with the hole: about 50 KB for each of its pixels.
    """
    rng = np.random.default_rng(seed)
    whole = patch_is_known(hole)
    if barred is not None:
        whole &= ~barred
    if whole.sum() < PATCH * PATCH:
        return None
    moves = _moves(answer, hole, whole, rng, check)
    return _labelled(answer, hole, whole, moves, check) if len(moves) else None


def _moves(answer: Floats, hole: Holes, whole: Holes, rng: np.random.Generator, check: Callable[[], None]) -> Ints:
    """Offsets (N, 2) by which known parts of the picture look alike, and by which the answer looks like known parts."""
    facts = described(answer, whole, rng)[..., :PARTS]
    known, places = np.argwhere(whole), np.argwhere(hole)
    sources = known[rng.permutation(len(known))[:SOURCES]]
    own = _offsets(known[rng.permutation(len(known))[:ASKING]], sources, facts, APART * max(hole.shape), check)
    own = np.concatenate([multiple * own for multiple in MULTIPLES])
    asked = _offsets(places[rng.permutation(len(places))[:ASKING]], sources, facts, 0.0, check)
    kept = _frequent(own, OWN, places, whole) + _frequent(asked, ASKED, places, whole)
    return np.unique(np.array(kept, np.intp).reshape(-1, 2), axis=0)


def _offsets(asking: Ints, sources: Ints, facts: Tensor, apart: float, check: Callable[[], None]) -> Ints:
    """From each place (N, 2) the way to the likest source at least `apart` pixels away."""
    theirs, where = facts[sources[:, 0], sources[:, 1]], torch.from_numpy(sources).float()
    norms = theirs.square().sum(1)
    ways = []
    for some in np.array_split(asking, -(-len(asking) // 512)):
        cost = norms - 2 * facts[some[:, 0], some[:, 1]] @ theirs.t()
        if apart:
            cost.masked_fill_(torch.cdist(torch.from_numpy(some).float(), where) < apart, float("inf"))
        ways.append(sources[cost.argmin(1).numpy()] - some)
        check()
    return np.concatenate(ways)


def _frequent(offsets: Ints, most: int, places: Ints, whole: Holes) -> list[Ints]:
    """The peaks of a histogram of offsets that lead from places of the hole to known ones, the most frequent first."""
    height, width = whole.shape
    offsets = offsets[(np.abs(offsets) <= (height, width)).all(1)]
    counts = np.zeros((2 * height + 1, 2 * width + 1), np.float32)
    np.add.at(counts, (offsets[:, 0] + height, offsets[:, 1] + width), 1)
    counts = np.asarray(cv2.GaussianBlur(counts, (0, 0), 1.4), np.float32)
    peaks = np.argwhere((counts == cv2.dilate(counts, np.ones((5, 5), np.uint8))) & (counts > 1e-3))
    peaks = peaks[np.argsort(-counts[peaks[:, 0], peaks[:, 1]], kind="stable")][:LOOKED_AT]
    kept: list[Ints] = []
    served = np.zeros(len(places), np.float32)
    for move in peaks - (height, width):
        serves = _inside(places + move, whole)
        if (serves / (1 + served)).mean() > SERVES:
            kept.append(move)
            served += serves
        if len(kept) == most:
            break
    return kept


def _inside(places: Ints, mask: Holes) -> Holes:
    """Which of the places (…, 2) lie inside a mask."""
    size = np.array(mask.shape)
    there = ((places >= 0) & (places < size)).all(-1)
    y, x = np.moveaxis(np.clip(places, 0, size - 1), -1, 0)
    return np.asarray(there & mask[y, x])


def _labelled(answer: Floats, hole: Holes, whole: Holes, moves: Ints, check: Callable[[], None]) -> Field | None:
    """The offset of each place of the hole: one that fits its neighbours', the border and the answer."""
    rows, columns = np.flatnonzero(hole.any(1)), np.flatnonzero(hole.any(0))
    box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    grid = np.indices(hole.shape).transpose(1, 2, 0)
    grey = answer.mean(2)
    slopes = [cv2.Sobel(grey, cv2.CV_32F, *way, ksize=3, scale=SLOPES / 8) for way in ((1, 0), (0, 1))]
    facts = np.dstack([answer, *slopes]).astype(np.float32)
    known, patch = ~hole, (PATCH, PATCH)
    guide = cv2.GaussianBlur(answer, (0, 0), SOFT)
    shares = cv2.GaussianBlur(known.astype(np.float32), (0, 0), SOFT)
    soft = cv2.GaussianBlur(answer * known[..., None], (0, 0), SOFT) / np.maximum(shares, 1e-3)[..., None]
    near = cv2.blur(known.astype(np.float32), patch)
    alone = np.full((*hole[box].shape, len(moves)), NEVER, np.float32)
    taken = np.zeros((*alone.shape, facts.shape[2]), np.float32)
    for number, move in enumerate(moves):
        source = grid + move
        y, x = np.moveaxis(np.clip(source, 0, np.array(hole.shape) - 1), -1, 0)
        both = (known & _inside(source, known)).astype(np.float32)
        share = cv2.blur(both, patch)
        unlike = cv2.blur(np.square(facts[y, x] - facts).sum(2) * both, patch) / np.maximum(share, 1e-6)
        border = PATCH * unlike * near  # a copy goes on from what is known beside it
        steer = np.square(soft[y, x] - guide).sum(2)
        alone[..., number] = np.where(_inside(source, whole), STEER * steer + border, NEVER)[box]
        taken[:, :, number] = facts[y, x][box]
        check()
    nodes = hole[box] & (alone.min(2) < NEVER)
    if not nodes.any():
        return None
    labels = _propagated(torch.from_numpy(alone), torch.from_numpy(taken), torch.from_numpy(nodes), check).numpy()
    at = np.argwhere(nodes)
    move = moves[labels[at[:, 0], at[:, 1]]]
    at += np.array([rows[0], columns[0]])
    source = np.clip(at + move, 0, np.array(hole.shape) - 1)
    apart = np.square(guide[at[:, 0], at[:, 1]] - soft[source[:, 0], source[:, 1]]).mean(1)
    return Field(at, source, np.sqrt(apart).astype(np.float32))


def _propagated(alone: Tensor, taken: Tensor, nodes: Tensor, check: Callable[[], None]) -> Tensor:
    """Labels (h, w) that cost little: alone (h, w, K) by themselves, taken (h, w, K, C) where it differs at a seam."""
    norms = taken.square().sum(3)
    apart = (norms[..., :, None] + norms[..., None, :] - 2 * taken @ taken.transpose(2, 3)).clamp_min_(0)
    apart += BREAK * (1 - torch.eye(alone.shape[2]))
    alone = torch.where(nodes[..., None], alone, 0)
    below = (apart[:-1] + apart[1:]) * (nodes[:-1] & nodes[1:])[..., None, None]
    beside = (apart[:, :-1] + apart[:, 1:]) * (nodes[:, :-1] & nodes[:, 1:])[..., None, None]
    del apart
    upper, lower = (slice(None, -1), slice(None)), (slice(1, None), slice(None))
    left, right = (slice(None), slice(None, -1)), (slice(None), slice(1, None))
    # who tells whom, and what their seams cost
    ways = ((upper, lower, below), (lower, upper, below), (left, right, beside), (right, left, beside))
    told = [torch.zeros_like(alone) for _ in ways]
    for _ in range(ROUNDS):
        belief = alone + torch.stack(told).sum(0)
        news = []
        for number, (teller, hearer, seams) in enumerate(ways):
            back = told[number ^ 1]  # what the teller heard from the hearer says nothing new to it
            message = ((belief - back)[teller][..., None] + seams).amin(2)
            news.append((hearer, message - message.amin(2, keepdim=True)))
            check()
        for heard, (hearer, message) in zip(told, news, strict=True):
            heard[hearer] = DAMPED * heard[hearer] + (1 - DAMPED) * message
    return (alone + torch.stack(told).sum(0)).argmin(2)
