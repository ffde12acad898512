"""What recipes keep: networks, averages, Adam's moments, the count of images and the random state."""

import math
from collections.abc import Sequence
from typing import Generic, TypeVar

import torch
from torch import Tensor, nn

from engines.train import losses
from engines.train.backbones import to_channels_last
from engines.train.discriminators import ProjectedDiscriminator
from engines.train.ema import averaged_copy, ema_beta, update_ema
from engines.train.loop import Machine
from engines.train.optim import adam, load_optimizer_state, optimizer_state
from engines.train.runs import Parts
from engines.train.spectral import folded

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
    rates: list[float]
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

    def result(self) -> dict[str, Tensor]:
        """The averaged network in float16, spectral norms folded into its weights."""
        return {name: value.half() for name, value in folded(self.ema.state_dict()).items()}

    def oppose(self, net: N, D: ProjectedDiscriminator, device: torch.device) -> None:
        """Take the two networks: on the device, in the fast memory order, the first with an average."""
        self.net = to_channels_last(net.to(device))
        self.ema = averaged_copy(self.net)
        self.D = to_channels_last(D).to(device)
        self.images = 0

    def learn(self, encoder: nn.Module, *, encoder_lr: float, decoder_lr: float, d_lr: float) -> None:
        """Make the optimisers: Adam for the network, its encoder at a rate of its own, and for the heads."""
        self.adam_G = adam([(encoder, encoder_lr), (self.net, decoder_lr)], betas=(0.9, 0.99))
        self.adam_D = adam([(self.D.heads, d_lr)])
        self.rates = [group["lr"] for group in self.adam_G.param_groups]

    def descend(self, loss: Tensor) -> None:
        """One step of the network down a loss."""
        self.adam_G.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_([p for p in self.net.parameters() if p.requires_grad], 5.0)
        self.adam_G.step()

    def tell_apart(
        self,
        real: Sequence[Tensor],
        fake: Sequence[Tensor],
        *,
        machine: Machine,
        where: Tensor | None = None,
        r1: float = 0.0,
    ) -> Tensor:
        """One step of the heads on features already computed; returns its hinge loss.

        where: (N, 1, H, W), the places that count, all where None.  r1: weight of R1 on the real features, 0 for none.
        """
        self.D.train()
        fake = [x.detach() for x in fake]
        if r1 > 0:
            real = [x.detach().requires_grad_() for x in real]
        with machine.autocast():
            logits, others = self.D.logits(real), self.D.logits(fake)
            if where is None:
                loss = losses.hinge_discriminator(logits, others)
            else:
                loss = losses.hinge_discriminator_at(logits, others, where)
        if r1 > 0:
            loss = loss + losses.r1_penalty(logits, real, r1_gamma=r1)
        self.adam_D.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        self.adam_D.step()
        return loss

    def shown(self, batch: int, *, half_life: float) -> None:
        """A batch was shown: count it, and let the average follow, with this half-life in pictures."""
        self.images += batch
        update_ema(self.ema, self.net, beta=ema_beta(self.images, half_life=half_life, batch=batch, rampup=0.2))

    def cosine(self, *, total: int, batch: int) -> None:
        """Set the learning rates: a short rise, then half a cosine down to a twentieth at `total` pictures."""
        done = min(1.0, self.images / total)
        factor = min(1.0, (self.images + batch) / 2000) * (0.05 + 0.475 * (1 + math.cos(math.pi * done)))
        for group, rate in zip(self.adam_G.param_groups, self.rates, strict=True):
            group["lr"] = rate * factor
