"""What every verb of face editing needs: the generator's card, its sliders, its encoder, and a place to run them."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass, field

import torch

from engines.core.card import ModelCard
from engines.core.catalogue import Catalogue
from engines.core.errors import CardError
from engines.core.job import Job
from engines.core.residency import Residency
from engines.faces.generator import Generator, leased
from engines.faces.sliders import Directions, read_directions

ENGINE = "face_editing"
ARCHITECTURE = "style_generator"


@dataclass(frozen=True)
class Workshop:
    """Catalogue and residency, and the directions that were read, by card. Nothing of any person is in it."""

    catalogue: Catalogue
    residency: Residency
    _directions: dict[str, Directions] = field(default_factory=dict)

    @property
    def device(self) -> torch.device:
        return self.residency.device.torch_device

    def card(self, model: str) -> ModelCard:
        """A generator's card. CardError for any other model."""
        card = self.catalogue[model]
        if card.architecture != ARCHITECTURE:
            raise CardError(f"{card.title} makes no faces. Choose a model that generates faces.")
        return card

    def directions(self, model: str) -> Directions:
        """The sliders of a generator. CardError where it has none."""
        if model not in self._directions:
            card = self.card(model)
            self._directions[model] = read_directions(card, self.catalogue.files(card))
        return self._directions[model]

    def generator(self, model: str, job: Job, *, urgent: bool = False) -> AbstractContextManager[Generator]:
        """The generator, leased for a job."""
        return leased(self.residency, self.card(model), job, urgent=urgent)

    def encoder(self, model: str) -> ModelCard | None:
        """The card of the network that guesses a generator's latents, or None where there is none.

        A generator that grew names the smaller one's as its companion.
        """
        wanted = self.card(model).companions.get("encoder", f"{model}-encoder")
        return next((card for card in self.catalogue.cards() if card.id == wanted), None)
