"""A network's part of a fill: from a picture, its hole and seeds to finished pictures."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from engines.core.card import ModelCard
from engines.core.image import Pixels
from engines.core.job import Job
from engines.core.network import Network
from engines.core.residency import Residency
from engines.inpaint.composing import as_floats, composed, levelled
from engines.inpaint.filling import CONTEXT, See, fill
from engines.inpaint.likenesses import Complete
from engines.inpaint.masks import Floats, box_of
from engines.inpaint.whole import fill_whole

Frame = NDArray[np.uint8]
PATCHED = ("inpaint_unet",)  # architectures whose answers are a guide for patches; what others answer is the fill
Painter = Callable[[Frame, NDArray[np.bool_], int, Job], Frame]  # an aligned face, its hole, a seed -> the face whole


def run(
    residency: Residency,
    card: ModelCard,
    image: Pixels,
    hole: NDArray[np.bool_],
    weight: Floats,
    *,
    seeds: Sequence[int],
    detail: float,
    paint: Painter | None = None,
    job: Job,
) -> list[Pixels]:
    """One picture for each seed. job's facts gain model, title, device, precision and faces.

    A network of other people looks at squares of its card's `best` size, and its answer is the fill.
    paint: draws what is missing of an aligned face, given a seed and the job, where the studio's own network fills.
    """
    left, top, right, bottom = box_of(hole)
    patched, side = card.architecture in PATCHED, card.tiling.best
    seen = (
        2 * CONTEXT + int(1.2 * min(right - left, bottom - top)) if patched else max(side, right - left, bottom - top)
    )
    left, top, right, bottom = box_of(hole, margin=seen)
    part_of = slice(top, bottom), slice(left, right)
    colours, hole = as_floats(image[part_of]), np.ascontiguousarray(hole[part_of])
    results = []
    job.note(faces=0)  # of another picture before
    with residency.lease(card, job=job.part(0, 0.05)) as network:
        for number, seed in enumerate(seeds):
            low, high = (0.05 + 0.9 * (number + i) / len(seeds) for i in (0, 1))
            part = job.part(low, high)
            see = _see(residency, network, part)
            if patched:
                complete = _in_part(paint, part)
                filled = fill(colours, hole, see, complete=complete, seed=seed, detail=detail, job=part)
            else:
                filled = fill_whole(colours, hole, see, side=side, seed=seed, detail=detail, job=part)
            result = image.copy()
            result[part_of] = composed(image[part_of], levelled(colours, filled, hole, part.check), weight[part_of])
            results.append(result)
        # last, because the painter's generator notes itself
        job.note(model=card.id, title=card.title, device=residency.device.name, precision=network.precision)
    return results


def _in_part(paint: Painter | None, part: Job) -> Complete | None:
    """A painter for one pass. It says by itself that it draws a face, and leaves how far the pass is to the pass."""
    if paint is None:
        return None
    return lambda square, hole, seed: paint(square, hole, seed, part.part(0.5, 0.8))


def _see(residency: Residency, network: Network, job: Job) -> See:
    """One forward of a network in its turn; it gives way to whoever is urgent and stops at a cancel."""

    def breathe(_: float) -> None:
        job.check()
        residency.give_way(job)

    def see(image: Tensor, hole: Tensor, noise: Tensor) -> Tensor:
        with residency.turn(job):
            return network(image, hole, noise, breathe=breathe).cpu()

    return see
