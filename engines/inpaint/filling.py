"""From a picture of any size with holes of any shape to the filled picture.

The network looks at a hole in a size in which it sees across it; its answer guides patches of the surroundings that are
laid in a larger size, and what is finest comes at the picture's own. Large holes are cut into cells that are filled one
after the other, each with what was filled before as known surroundings.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engines.core.job import Job
from engines.inpaint.completing import completed
from engines.inpaint.detail import enlarged
from engines.inpaint.likenesses import Complete, likenesses

Floats = NDArray[np.float32]
Holes = NDArray[np.bool_]
See = Callable[[Tensor, Tensor, Tensor], Tensor]  # the network: image (1, 3, h, w), hole, noise (1, 1, h, w) -> image

MULTIPLE = 32
VIEWS = (0, 1, 4, 5)  # seeds of `look` (as it is, mirrored, upside down, both) whose mean guides the patches
SEEN = 80  # a hole is at most so thick where the network looks, in its pixels …
THICK = 110  # … and where patches are laid in it, which is in pieces of at most …
CELL = 224
STEP = 20  # beyond all that is known of a picture the network goes on by so many of its pixels at a time, at most
CONTEXT = 112  # pixels of surroundings that are seen on each side of a piece


@dataclass(frozen=True)
class Cell:
    """One piece of work. box: (top, left, bottom, right) to fill; crop: what is seen of the picture.

    scale: at which size patches are laid; view: at which size of that the network looks.
    """

    box: tuple[int, int, int, int]
    crop: tuple[int, int, int, int]
    scale: float
    view: float


def fill(
    image: Floats,
    hole: Holes,
    see: See,
    *,
    complete: Complete | None = None,
    seed: int = 0,
    detail: float = 1.0,
    job: Job,
) -> Floats:
    """image (H, W, 3) in [0, 1], hole (H, W) -> the same picture with the hole filled, equal outside it.

    see: one forward of the network, in its turn. complete: draws what is missing of a face (`likenesses.py`).
    seed: 0 is the likeliest answer, others differ. detail: from the network's own answer (0) to one laid of what is
    around it (1). job hears of progress and may cancel; its facts gain faces, how many were completed at most in one
    piece, if there are any.
    """
    out = image.copy()
    left = hole.copy()
    out[hole] = image[~hole].mean(0) if (~hole).any() else 0.5
    cells = list(plan(hole))
    for number, cell in enumerate(cells):
        part = job.part(number / len(cells), (number + 1) / len(cells))
        part.report(0.0, "Filling in")
        top, first, bottom, last = cell.crop
        inside = np.zeros_like(hole[top:bottom, first:last])
        y0, x0, y1, x1 = cell.box
        inside[y0 - top : y1 - top, x0 - first : x1 - first] = True
        now = left[top:bottom, first:last]
        if not (now & inside).any():
            continue
        crop = out[top:bottom, first:last]
        filled = _fill_crop(crop, now, see, cell, complete=complete, seed=seed, detail=detail, job=part)
        todo = now & inside
        out[top:bottom, first:last][todo] = filled[todo]
        left[top:bottom, first:last][todo] = False
    job.report(1.0, "Filling in")
    return out.clip(0, 1)


def plan(hole: Holes) -> Iterator[Cell]:
    """Cut holes into cells, the thinnest first: what is filled there helps the thick ones.

    Holes of about one thickness are looked at in one size, and those of them that lie near each other in one crop.
    """
    height, width = hole.shape
    grown = cv2.dilate(hole.astype(np.uint8), np.ones((9, 9), np.uint8))  # what lies close together is one hole
    count, labels, stats, _ = cv2.connectedComponentsWithStats(grown, connectivity=8)
    # Beyond the picture nothing can be asked, so its border does not make a hole thinner there.
    depth = cv2.distanceTransform(hole.astype(np.uint8), cv2.DIST_L2, 5)
    groups: dict[int, list[int]] = {}
    thickest: dict[int, float] = {}
    for label in range(1, count):
        x, y, w, h = (int(stats[label, i]) for i in range(4))
        here = (labels[y : y + h, x : x + w] == label) & hole[y : y + h, x : x + w]
        if here.any():
            thick = 2 * float(depth[y : y + h, x : x + w][here].max())
            halvings = max(0, math.ceil(2 * math.log2(thick / THICK)))
            groups.setdefault(halvings, []).append(label)
            thickest[halvings] = max(thick, thickest.get(halvings, 0.0))
    for halvings, members in sorted(groups.items()):
        scale = 2 ** (-halvings / 2)
        view = min(1.0, SEEN / (thickest[halvings] * scale))
        ours = hole & np.isin(labels, members)
        top, first, bottom, last = _box(ours)
        step = round(CELL / scale)
        for y in _starts(top, bottom, step):
            for x in _starts(first, last, step):
                part = ours[y : min(y + step, bottom), x : min(x + step, last)]
                if part.any():
                    t, f, b, e = _box(part)
                    box = (y + t, x + f, y + b, x + e)
                    yield Cell(box, _crop(box, height, width, round(CONTEXT / scale)), scale, view)


def _box(mask: Holes) -> tuple[int, int, int, int]:
    """(top, left, bottom, right) of what is true; something is."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1


def _starts(first: int, last: int, step: int) -> range:
    """Where cells of about equal length, at most `step`, begin."""
    count = -(-(last - first) // step)
    return range(first, last, -(-(last - first) // count))


def _crop(box: tuple[int, int, int, int], height: int, width: int, context: int) -> tuple[int, int, int, int]:
    """A box with its surroundings, inside the picture."""
    top, first, bottom, last = box
    return max(0, top - context), max(0, first - context), min(height, bottom + context), min(width, last + context)


def _fill_crop(
    image: Floats,
    hole: Holes,
    see: See,
    cell: Cell,
    *,
    complete: Complete | None,
    seed: int,
    detail: float,
    job: Job,
) -> Floats:
    """One crop (H, W, 3): the network's answer, patches laid after it, and the finest detail at its own size."""
    height, width = hole.shape
    small, mask = shrunk(image, hole, cell.scale)
    h, w = mask.shape
    looked_at = shrunk(small, mask, cell.view)
    # Patches want a guide that errs little: the mean of several views. Alone, one view is the sharper answer.
    views = [seed + turn for turn in VIEWS] if detail > 0 else [seed]
    steps = list(outwards(looked_at[1]))
    answer = answered(*looked_at, see, steps=steps, seeds=views)
    if answer.shape[:2] != (h, w):
        answer = np.asarray(cv2.resize(answer, (w, h), interpolation=cv2.INTER_CUBIC), np.float32)
    job.report(0.5, "Filling in")
    filled = np.where(mask[..., None], answer, small).astype(np.float32)
    faces = likenesses(filled, mask, complete, seed=seed)
    if faces is not None:
        filled = faces.answer
        job.note(faces=max(faces.drawn, int(job.facts.get("faces") or 0)))
    barred = None if faces is None else faces.barred
    made = None
    if detail > 0:
        made = completed(filled, mask, beyond=len(steps) > 1, seed=seed, barred=barred, check=job.check)
    field = None
    if made is not None:
        laid, field = made
        if faces is not None:
            laid = laid + faces.stands[..., None] * (filled - laid)
        filled = filled + np.float32(detail) * (laid - filled)
    job.report(0.8, "Adding detail")
    if (h, w) == (height, width):
        return filled
    return enlarged(filled, field, image, hole, detail=detail, check=job.check)


def shrunk(image: Floats, hole: Holes, scale: float) -> tuple[Floats, Holes]:
    """A crop and its hole at a scale, of known pixels only: nothing of the hole bleeds into its surroundings."""
    if scale == 1.0:
        return np.asarray(image, np.float32), hole
    h, w = (max(8, round(side * scale)) for side in hole.shape)
    known = (~hole).astype(np.float32)
    weight = cv2.resize(known, (w, h), interpolation=cv2.INTER_AREA)
    sums = cv2.resize(image * known[..., None], (w, h), interpolation=cv2.INTER_AREA)
    mask = weight < 0.5
    mask |= cv2.resize(hole.astype(np.uint8), (w, h), interpolation=cv2.INTER_NEAREST) > 0
    return np.asarray(sums / np.maximum(weight, 1e-3)[..., None], np.float32), mask


def outwards(hole: Holes) -> Iterator[tuple[slice, slice]]:
    """Growing parts of a picture, from the one that holds all that is known to the whole of it, STEP by STEP."""
    top, first, bottom, last = _box(~hole) if not hole.all() else (0, 0, *hole.shape)
    beyond = top, first, hole.shape[0] - bottom, hole.shape[1] - last
    count = max(1, *(-(-side // STEP) for side in beyond))
    for number in range(1, count + 1):
        up, before, down, after = (round(side * number / count) for side in beyond)
        yield slice(top - up, bottom + down), slice(first - before, last + after)


def answered(
    image: Floats, hole: Holes, see: See, *, steps: Sequence[tuple[slice, slice]], seeds: Sequence[int]
) -> Floats:
    """The mean of the network's answers to several seeds, (h, w, 3), given for one part after the other.

    What lies beyond all that is known has surroundings on one side only. There the network goes on step by step, each
    time with what it drew before as known.
    """
    out, left = image.copy(), hole.copy()
    for step in steps:
        part, gap = out[step], left[step]
        if gap.any():
            answer = np.mean([look(part, gap, see, seed=seed) for seed in seeds], 0)
            part[gap] = answer[gap]
            gap[:] = False
    return out


def look(image: Floats, hole: Holes, see: See, *, seed: int, multiple: int = MULTIPLE) -> Floats:
    """The network's answer for (h, w, 3), padded to sizes it takes; another seed mirrors or turns what it sees."""
    h, w = hole.shape
    pad_h, pad_w = (-side % multiple for side in (h, w))
    x = cv2.copyMakeBorder(
        image, 0, pad_h, 0, pad_w, cv2.BORDER_REFLECT_101 if min(h, w) > 32 else cv2.BORDER_REPLICATE
    )
    mask = np.pad(hole, ((0, pad_h), (0, pad_w)), mode="constant", constant_values=True).astype(np.float32)
    picture, gap = torch.from_numpy(x).permute(2, 0, 1)[None], torch.from_numpy(mask)[None, None]
    mirrored, quarter = seed % 2 == 1, seed // 2 % 4  # eight ways of seeing one crop
    picture, gap = _turned(picture, mirrored, quarter), _turned(gap, mirrored, quarter)
    noise = torch.randn(gap.shape, generator=torch.Generator().manual_seed(seed))
    answer = _turned_back(see(picture.contiguous(), gap.contiguous(), noise), mirrored, quarter)
    return np.ascontiguousarray(answer[0, :, :h, :w].permute(1, 2, 0).numpy(), np.float32)


def _turned(x: Tensor, mirrored: bool, quarter: int) -> Tensor:
    x = x.flip(-1) if mirrored else x
    return x.rot90(quarter, (-2, -1))


def _turned_back(x: Tensor, mirrored: bool, quarter: int) -> Tensor:
    x = x.rot90(-quarter, (-2, -1))
    return x.flip(-1) if mirrored else x
