"""Where in a portrait its background, hair, skin and clothes are, by the network of the card `face-parts`."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from engines.core.card import ModelCard
from engines.core.errors import CardError
from engines.core.faces import Photo
from engines.core.job import Job
from engines.faces.outline import Outline
from engines.faces.workshop import Workshop
from engines.models.face_parts import PARTS, SIDE

CARD = "face-parts"
Plane = NDArray[np.float32]


@dataclass(frozen=True)
class Parts:
    """How likely each part is at each place of an aligned square, float32 (SIDE, SIDE, len(PARTS)), together 1."""

    planes: Plane

    @property
    def hair(self) -> Plane:
        """(SIDE, SIDE), from 0 to 1."""
        return np.ascontiguousarray(self.planes[..., PARTS.index("hair")])

    @property
    def skin(self) -> Plane:
        """(SIDE, SIDE), from 0 to 1."""
        return np.ascontiguousarray(self.planes[..., PARTS.index("skin")])

    @property
    def outline(self) -> Outline:
        """Hair, face and neck."""
        return Outline(np.asarray(self.hair + self.skin > 0.5, np.float32))


def parts_of(shop: Workshop, square: Photo, job: Job) -> Parts:
    """The parts of an aligned square, uint8 (S, S, 3). CardError where the network is not here."""
    card = _card(shop)
    kind = cv2.INTER_AREA if square.shape[0] > SIDE else cv2.INTER_LINEAR
    small = cv2.resize(square, (SIDE, SIDE), interpolation=kind)
    picture = torch.from_numpy(small.astype(np.float32) / 127.5 - 1).permute(2, 0, 1)[None].contiguous()
    with shop.residency.lease(card, precision="float32", job=job) as network, shop.residency.turn(job):
        logits = network(picture)
    return Parts(np.ascontiguousarray(torch.softmax(logits.float().cpu(), 1)[0].permute(1, 2, 0).numpy()))


def _card(shop: Workshop) -> ModelCard:
    for card in shop.catalogue.cards():
        if card.id == CARD:
            return card
    raise CardError("This needs the model face-parts, which is not here. Add it to assets/models.")
