"""The engines of GAN Studio: every capability, without the page.

from engines import Engines
from engines.super_resolution import SuperResolution

engines = Engines()
large = engines[SuperResolution].upscale(pixels, scale=4)
"""

from __future__ import annotations

import importlib
import os
import pkgutil
from pathlib import Path
from typing import TypeVar

# Read once, when torch is loaded. A thread that spins for long while it waits stalls a machine that does anything else
# (single frames of 0.4 s); one that sleeps at once takes twice as long to wake on an idle virtual machine.
os.environ.setdefault("GOMP_SPINCOUNT", "10000")

from engines.core import weights
from engines.core.card import ModelCard
from engines.core.catalogue import Catalogue
from engines.core.device import choose
from engines.core.engine import Engine
from engines.core.job import Job
from engines.core.network import Network, build_module
from engines.core.provenance import VERSION
from engines.core.residency import Residency

__all__ = ["Engines", "find_engines"]

E = TypeVar("E", bound=Engine)


class Engines:
    """All engines on one device, sharing one catalogue and one residency.

    device: auto, cpu, cuda or mps.  budget_bytes: how much memory resident networks may take (default: half of what
    is free at the start).  home: the person's folder for own models and downloads (GAN_STUDIO_HOME, ~/.gan-studio).
    own_models: whether models may be added.
    """

    version = VERSION

    def __init__(
        self,
        device: str = "auto",
        budget_bytes: int | None = None,
        *,
        home: Path | str | None = None,
        own_models: bool = True,
        cards: Path | None = None,
    ) -> None:
        self.device = choose(device)
        self.home = Path(home or os.environ.get("GAN_STUDIO_HOME") or Path.home() / ".gan-studio")
        shipped = cards or Path(__file__).parent.parent / "assets" / "models"
        self.catalogue = Catalogue(shipped, self.home, own_models=own_models)
        self.residency = Residency(self.device, budget_bytes or self.device.free_bytes() // 2, self._load)
        self._engines: dict[type[Engine], Engine] = {}

    @property
    def own_models(self) -> bool:
        return self.catalogue.own_models

    def __getitem__(self, kind: type[E]) -> E:
        if kind not in self._engines:
            self._engines[kind] = kind(self.catalogue, self.residency)
        engine = self._engines[kind]
        assert isinstance(engine, kind)
        return engine

    def _load(self, card: ModelCard, precision: str, blend: float | None, job: Job) -> Network:
        """From card to resident network; called by the residency, once per network."""
        paths = self.catalogue.files(card, job)
        job.report(0.0, f"Loading {card.title}")
        state = weights.read(card, paths)
        if blend is not None and blend < 1:
            twin = weights.read(card, paths, role="denoise")
            state = {key: value * blend + twin[key] * (1 - blend) for key, value in state.items()}
        return Network(card, build_module(card, state), self.device, precision=precision)


def find_engines() -> list[type[Engine]]:
    """Every capability: the engine classes in the modules of this folder, by name of the module."""
    found = []
    for module in pkgutil.iter_modules(__path__):
        if module.ispkg or module.name.startswith("_"):
            continue
        members = vars(importlib.import_module(f"engines.{module.name}")).values()
        found += [m for m in members if isinstance(m, type) and issubclass(m, Engine) and m is not Engine]
    return sorted(set(found), key=lambda kind: kind.name)
