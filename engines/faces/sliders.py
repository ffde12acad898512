"""The sliders of a generator: measured directions in its latent space, and how far each may go."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
from numpy.typing import NDArray
from safetensors.numpy import load_file

from engines.core.card import ModelCard
from engines.core.errors import CardError, OptionError
from engines.faces.values import Slider
from engines.models.style_generator import GeneratorOptions

ROLE = "directions"


@dataclass(frozen=True)
class Directions:
    """Directions (K, num_ws, w_dim) and what the file says of each, in its order.

    A slider at v adds v * high * direction to ws, or v * |low| * direction where v is negative; one that is bent adds
    v ** bend in the place of v above 0, so that its first steps show as well.
    """

    vectors: NDArray[np.float32]
    entries: tuple[Mapping[str, Any], ...]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(str(entry["name"]) for entry in self.entries)

    @property
    def sliders(self) -> tuple[Slider, ...]:
        """For people."""
        return tuple(
            Slider(
                name=str(entry["name"]),
                label=str(entry.get("label") or entry["name"]),
                group=str(entry.get("group") or "Other"),
                low_word=str(entry.get("low_word") or "less"),
                high_word=str(entry.get("high_word") or "more"),
                identity=float(entry.get("identity") or 0.0),
                least=-1.0 if float(entry["low"]) < 0 else 0.0,
            )
            for entry in self.entries
        )

    def checked(self, sliders: Mapping[str, float]) -> dict[str, float]:
        """The sliders that are not 0. OptionError for a name that is none, or a value that is no number in -1 to 1."""
        for name, value in sliders.items():
            if name not in self.names:
                raise OptionError(f'There is no slider "{name}". Choose one of: {", ".join(self.names)}.')
            if not isinstance(value, int | float) or not -1 <= value <= 1:
                raise OptionError(f"The slider {name} goes from -1 to 1; {value} is outside. Choose a value between.")
        return {name: float(value) for name, value in sliders.items() if value}

    def shift(self, sliders: Mapping[str, float]) -> NDArray[np.float32]:
        """What these sliders add to ws, float32 (num_ws, w_dim)."""
        total = np.zeros(self.vectors.shape[1:], np.float32)
        for name, value in self.checked(sliders).items():
            index = self.names.index(name)
            entry = self.entries[index]
            reach = float(entry["high"]) if value > 0 else abs(float(entry["low"]))
            way = value ** float(entry.get("bend", 1.0)) if value > 0 else value
            total += np.float32(way * reach) * self.vectors[index]
        return total

    def entry(self, name: str) -> Mapping[str, Any]:
        """What the file says of one. OptionError if it has no such slider."""
        if name not in self.names:
            raise OptionError(f'This model has no slider "{name}". Choose another model.')
        return self.entries[self.names.index(name)]


def read_directions(card: ModelCard, files: Mapping[str, Path]) -> Directions:
    """The directions of a card. CardError where it has none or they do not fit its generator."""
    path = files.get(ROLE)
    if path is None:
        raise CardError(f"{card.title} has no sliders yet: its card names no file of directions. Choose another model.")
    try:
        with safetensors.safe_open(path, "numpy") as file:
            entries = tuple(json.loads((file.metadata() or {})["directions"]))
        vectors = load_file(path)["directions"].astype(np.float32)
        shape = GeneratorOptions.of(card.options)
        if vectors.shape != (len(entries), shape.num_ws, shape.w_dim):
            raise ValueError(f"shape {vectors.shape}")
        for entry in entries:
            if not (float(entry["low"]) <= 0 <= float(entry["high"]) and entry["name"]):
                raise ValueError(f"range of {entry['name']}")
    except (OSError, KeyError, TypeError, ValueError, safetensors.SafetensorError) as error:
        raise CardError(f"The directions of {card.title} do not fit its generator. Add the model again.") from error
    return Directions(vectors, entries)
