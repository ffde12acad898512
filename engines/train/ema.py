"""Exponential moving average of a network's parameters: G_ema, the generator that is shown and shipped."""

import copy
from typing import TypeVar

import torch
from torch import Tensor, nn

M = TypeVar("M", bound=nn.Module)


def averaged_copy(net: M) -> M:
    """A frozen copy to average into, in evaluation mode, with memory of its own."""
    return copy.deepcopy(net).eval().requires_grad_(False)


def ema_beta(images: int, *, half_life: float, batch: int, rampup: float = 0.05) -> float:
    """The share of the old average kept at a step, after this many images were shown.

    half_life: images after which a weight counts half. At the start it is shortened to rampup times the images
    shown, so that the random first weights are forgotten at once (Karras et al. 2020).
    """
    return float(0.5 ** (batch / max(min(half_life, rampup * images), 1e-8)))


@torch.no_grad()
def update_ema(average: nn.Module, net: nn.Module, *, beta: float) -> None:
    """average = beta average + (1 - beta) net for every parameter; buffers are copied. In place."""
    ours: list[Tensor] = list(average.parameters())
    theirs: list[Tensor] = list(net.parameters())
    torch._foreach_lerp_(ours, theirs, 1 - beta)
    for buffer, source in zip(average.buffers(), net.buffers(), strict=True):
        buffer.copy_(source)
