"""A face of which a part is missing, completed by the generator: what is known says who it is, the rest follows.

The latents are sought that make the known part, as for a photo's face (`inverting.py`); the generator, which never drew
a face with one eye, draws the other (semantic inpainting, Yeh et al. 2017, in W+).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from engines.core.job import Job
from engines.faces.making import search
from engines.faces.values import Frame
from engines.faces.workshop import Workshop

STEPS = 60  # of the search; on two cores a step takes about 50 ms


def completed(
    shop: Workshop,
    square: Frame,
    hole: NDArray[np.bool_],
    *,
    seed: int = 0,
    steps: int = STEPS,
    model: str,
    job: Job,
) -> Frame:
    """An aligned face, uint8 (R, R, 3), as the generator has it: alike where it is known, likely in its hole (R, R).

    What the square holds in the hole stands in for it where a network looks: best something plain.
    seed: others begin elsewhere and may find another face.
    """
    with shop.generator(model, job.part(0.0, 0.1)) as generator:
        work = search(shop, generator, square, job.part(0.1, 1.0), None, hole=hole)
        return replace(work, seed=seed, words="Drawing the face").whole(steps)
