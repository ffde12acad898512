"""What a recipe with one network keeps: the network, its average, Adam, the count of images and the random state."""

from typing import Generic, TypeVar

import torch
from torch import nn

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
