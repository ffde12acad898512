"""What recipes keep: networks, averages, Adam's moments, the count of images and the random state."""

import math
from collections.abc import Sequence
from typing import Generic, TypeVar

import torch
from torch import nn

from engines.train.discriminators import ProjectedDiscriminator
from engines.train.optim import load_optimizer_state, optimizer_state
from engines.train.runs import Parts

N = TypeVar("N", bound=nn.Module)


class Averaged(Generic[N]):
    """A trainee's state, for recipes that train one network. Whoever derives from it sets these in its constructor."""

    net: N
    ema: N
    adam: torch.optim.Optimizer
    rng: torch.Generator
    images: int

    def state(self) -> Parts:
        """Networks, Adam's moments, the count of images and the random state."""
        return {
            "net": self.net.state_dict(),
            "ema": self.ema.state_dict(),
            "adam": optimizer_state(self.adam),
            "counters": {"images": torch.tensor(self.images), "rng": self.rng.get_state()},
        }

    def load_state(self, parts: Parts) -> None:
        """Put a state back."""
        self.net.load_state_dict(parts["net"])
        self.ema.load_state_dict(parts["ema"])
        load_optimizer_state(self.adam, parts["adam"])
        self.images = int(parts["counters"]["images"])
        self.rng.set_state(parts["counters"]["rng"])


class Opposed(Generic[N]):
    """As `Averaged`, for recipes that train one network against a projected discriminator."""

    net: N
    ema: N
    D: ProjectedDiscriminator
    adam_G: torch.optim.Optimizer
    adam_D: torch.optim.Optimizer
    rng: torch.Generator
    images: int

    def state(self) -> Parts:
        """Networks without the frozen backbone, Adam's moments, the count of images and the random state."""
        heads = {name: value for name, value in self.D.state_dict().items() if not name.startswith("backbone.")}
        return {
            "net": self.net.state_dict(),
            "ema": self.ema.state_dict(),
            "D": heads,
            "adam_G": optimizer_state(self.adam_G),
            "adam_D": optimizer_state(self.adam_D),
            "counters": {"images": torch.tensor(self.images), "rng": self.rng.get_state()},
        }

    def load_state(self, parts: Parts) -> None:
        """Put a state back."""
        self.net.load_state_dict(parts["net"])
        self.ema.load_state_dict(parts["ema"])
        backbone = {f"backbone.{name}": value for name, value in self.D.backbone.state_dict().items()}  # type: ignore[attr-defined]
        self.D.load_state_dict(parts["D"] | backbone)
        load_optimizer_state(self.adam_G, parts["adam_G"])
        load_optimizer_state(self.adam_D, parts["adam_D"])
        self.images = int(parts["counters"]["images"])
        self.rng.set_state(parts["counters"]["rng"])

    def cosine(self, rates: Sequence[float], *, total: int, batch: int) -> None:
        """Set the learning rates: a short rise, then half a cosine down to a twentieth at `total` pictures."""
        done = min(1.0, self.images / total)
        factor = min(1.0, (self.images + batch) / 2000) * (0.05 + 0.475 * (1 + math.cos(math.pi * done)))
        for group, rate in zip(self.adam_G.param_groups, rates, strict=True):
            group["lr"] = rate * factor
