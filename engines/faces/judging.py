"""What a face looks like in numbers: attributes and an estimated age, by the network of the card `face-attributes`."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from engines.core.card import ModelCard
from engines.core.catalogue import Catalogue
from engines.core.errors import CardError
from engines.core.job import Job
from engines.core.residency import Residency
from engines.faces.values import Frame

CARD, SIDE = "face-attributes", 112


def judge_card(catalogue: Catalogue) -> ModelCard | None:
    """The card of the network that judges faces, or None where it is not here."""
    return next((card for card in catalogue.cards() if card.id == CARD), None)


def judged(
    catalogue: Catalogue, residency: Residency, squares: Sequence[Frame], job: Job
) -> tuple[tuple[str, ...], NDArray[np.float32], NDArray[np.float32]]:
    """Of aligned squares: names of the attributes, their logits (N, names), estimated years (N,).

    In float32 everywhere: what compares two faces that hardly differ must not round, and on a processor the depthwise
    convolutions of this network are no quicker in bfloat16.  CardError where the network is not here.
    """
    card = judge_card(catalogue)
    if card is None:
        raise CardError("This needs the model face-attributes, which is not here. Add it to assets/models.")
    small = [cv2.resize(square, (SIDE, SIDE), interpolation=cv2.INTER_AREA) for square in squares]
    batch = torch.from_numpy(np.stack(small).astype(np.float32) / 127.5 - 1).permute(0, 3, 1, 2).contiguous()
    rows = []
    with residency.lease(card, precision="float32", job=job) as network:
        for part in (batch[at : at + 16] for at in range(0, len(batch), 16)):
            with residency.turn(job):
                rows.append(network(part, breathe=lambda _fraction: job.check()).cpu().numpy())
    numbers = np.concatenate(rows).astype(np.float32)
    return tuple(str(name) for name in card.options["names"]), numbers[:, :-1], numbers[:, -1]
