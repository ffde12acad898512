"""Scratches filled in by the studio's own inpainting network, where it is at hand.

A scratch crosses things, so what belongs there has to be known; a speck lies in calm surroundings and needs no network.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from engines.core.catalogue import Catalogue
from engines.core.image import Pixels
from engines.core.job import Job
from engines.core.residency import Residency
from engines.inpaint.passes import run

MODEL = "inpaint"
Mask = NDArray[np.uint8]
Fill = Callable[[Pixels, Mask, Job], Pixels]  # (H, W, 3), where (255), the job -> the picture filled there


def filler(catalogue: Catalogue, residency: Residency) -> Fill | None:
    """What fills scratches; None where the network is not at hand."""
    card = next((card for card in catalogue.cards() if card.id == MODEL and catalogue.is_local(card)), None)
    if card is None:
        return None

    def fill(image: Pixels, mask: Mask, job: Job) -> Pixels:
        hole = mask > 0
        return run(residency, card, image, hole, hole.astype(np.float32), seeds=[0], detail=1.0, job=job)[0]

    return fill
