"""Every model the studio knows: the cards it ships, and those a person brought."""

from __future__ import annotations

import re
import shutil
import threading
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import safetensors.torch

from engines.core import weights
from engines.core.card import ModelCard, Source, Tiling, WeightFile, read_card, write_card
from engines.core.errors import CardError, OptionError
from engines.core.job import Job, take
from engines.core.network import recognise

MAX_OWN_BYTES = 1_000_000_000


class Catalogue:
    """Cards by id, and their files.

    shipped: folder of the studio's own cards.  home: a person's folder; models/ in it holds cards they added, cache/
    what was downloaded.  A card that cannot be read is reported in `broken` and the rest live.
    """

    def __init__(self, shipped: Path, home: Path, *, own_models: bool = True) -> None:
        self.own_models = own_models
        self.broken: list[str] = []
        self._own = home / "models"
        self._cache = home / "cache"
        self._checked: set[Path] = set()
        self._lock = threading.Lock()
        self._fetching: defaultdict[str, threading.Lock] = defaultdict(
            threading.Lock
        )  # one download of a card at a time
        self._cards: dict[str, ModelCard] = {}
        for path in [*sorted(shipped.glob("*.toml")), *sorted(self._own.glob("*.toml"))]:
            try:
                card = read_card(path)
            except CardError as error:
                self.broken.append(str(error))
                continue
            self._cards[card.id] = card

    def __getitem__(self, card_id: str) -> ModelCard:
        card = self._cards.get(card_id)
        if card is None:
            known = ", ".join(card.id for card in self.cards())
            raise CardError(f'There is no model "{card_id}". Choose one of: {known}.')
        return card

    def cards(self, engine: str | None = None) -> list[ModelCard]:
        """All cards, or those of one engine, in the order to show them."""
        cards = [card for card in self._cards.values() if engine in (None, card.engine)]
        return sorted(cards, key=lambda card: (card.order, card.title))

    def is_local(self, card: ModelCard) -> bool:
        """Whether every file of the card is on this machine."""
        return all(weights.locate(card, file, self._cache) for file in card.source.files)

    def files(self, card: ModelCard, job: Job | None = None) -> dict[str, Path]:
        """Role -> path of a card's files: downloaded if need be, and checked against their hashes once a process."""
        with self._fetching[card.id]:
            return self._files(card, take(job))

    def _files(self, card: ModelCard, job: Job) -> dict[str, Path]:
        paths = {}
        count = len(card.source.files)
        for index, file in enumerate(card.source.files):
            path = weights.obtain(card, file, self._cache, job.part(index / count, (index + 1) / count))
            if path not in self._checked:
                if weights.sha256(path) != file.sha256:
                    raise CardError(
                        f"{path.name}, the weights of {card.title}, is damaged. Delete it and add the model again."
                    )
                self._checked.add(path)
            paths[file.role] = path
        return paths

    def add_own(self, path: Path | str, job: Job | None = None) -> ModelCard:
        """Make a card of a person's .safetensors or .pth file: recognised, converted, tried once, kept in their folder.

        CardError for a file that is no usable model, OptionError where the studio does not take models.
        """
        path, job = Path(path), take(job)
        self._allow_own()
        if path.suffix.lower() not in (".safetensors", ".pth", ".pt", ".ckpt"):
            raise CardError(f"{path.name} is not a model file. Send a .safetensors or .pth file.")
        if path.stat().st_size > MAX_OWN_BYTES:
            raise CardError(f"{path.name} is larger than {MAX_OWN_BYTES / 1e9:.0f} GB, the limit for a model.")
        job.report(0.1, f"Reading {path.name}")
        state = weights.read_tensors(path)
        job.report(0.4, "Recognising its network")
        card = _own_card(path, state)
        job.report(0.7, "Trying it")
        from engines.core.device import Device
        from engines.core.network import Network, build_module

        Network(card, build_module(card, state), Device("cpu", "CPU", None))
        return self._keep(card, state)

    def _allow_own(self) -> None:
        if not self.own_models:
            raise OptionError("This studio does not take models from visitors. Run your own studio to use your models.")

    def _keep(self, card: ModelCard, state: weights.StateDict) -> ModelCard:
        self._own.mkdir(parents=True, exist_ok=True)
        with self._lock:
            taken, base, number = set(self._cards), card.id, 2
            while card.id in taken:
                card = replace(card, id=f"{base}-{number}")
                number += 1
            file = self._own / f"{card.id}.safetensors"
            safetensors.torch.save_file({key: value.contiguous().clone() for key, value in state.items()}, file)
            entry = WeightFile(file.name, weights.sha256(file), file.stat().st_size)
            card = replace(card, source=Source("own", (entry,)), folder=self._own)
            write_card(card, self._own / f"{card.id}.toml")
            self._cards[card.id] = card
        return card

    def remove_own(self, card_id: str) -> None:
        """Forget a model a person brought, and delete its files. OptionError for the studio's own models."""
        self._allow_own()
        card = self[card_id]
        if card.source.kind != "own":
            raise OptionError(f"{card.title} belongs to the studio. Only models you added can be removed.")
        with self._lock:
            for path in [self._own / f"{card.id}.toml", *(card.folder / file.file for file in card.source.files)]:
                path.unlink(missing_ok=True)
                self._checked.discard(path)
            del self._cards[card_id]

    def clear_downloads(self) -> None:
        """Delete everything fetched from the hub."""
        shutil.rmtree(self._cache, ignore_errors=True)
        self._checked.clear()


def _own_card(path: Path, state: weights.StateDict) -> ModelCard:
    descriptor = recognise(state)
    if descriptor.input_channels != 3 or descriptor.output_channels != 3:
        raise CardError(f"{path.name} works on {descriptor.input_channels} channels. Send a model for colour pictures.")
    size = descriptor.size_requirements
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", path.stem).strip("-._")[:60] or "model"
    return ModelCard(
        id=name.lower(),
        engine="super_resolution",
        title=path.stem[:60],
        about=f"Your own model, a {descriptor.architecture.name} network.",
        architecture="spandrel",
        source=Source("own", (WeightFile(path.name, "0" * 64, path.stat().st_size),)),
        licence="LicenseRef-unknown",
        trained_on="unknown: you brought it",
        order=900,
        scale=descriptor.scale,
        parameters=sum(tensor.numel() for tensor in state.values()),
        tiling=Tiling(margin=32, blend=16, multiple=max(size.multiple_of or 1, 1), best=192),
    )
