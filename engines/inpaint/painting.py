"""The face generator as inpainting uses it: it completes faces that a hole has cut."""

from __future__ import annotations

from engines.core.catalogue import Catalogue
from engines.core.residency import Residency
from engines.faces.completing import completed
from engines.faces.workshop import Workshop
from engines.inpaint.passes import Painter

FACES = "faces-256"


def painter(catalogue: Catalogue, residency: Residency) -> Painter | None:
    """What completes faces; None where the generator is not at hand."""
    if not any(card.id == FACES and catalogue.is_local(card) for card in catalogue.cards()):
        return None
    shop = Workshop(catalogue, residency)
    return lambda square, hole, seed, job: completed(shop, square, hole, seed=seed, model=FACES, job=job)
