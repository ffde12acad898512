"""Spectral normalisation of a generator's convolutions with a learned gain, folded into plain weights when it ships.

Dividing by the largest singular value alone (Miyato et al. 2018; for generators Zhang et al. 2019) needs a
normalisation after each convolution that gives the scale back. The colouring decoder has none, so each convolution
learns its own scale (Zhai et al. 2023): W = gain V / sigma(V). At the start the gain is sigma of what was there, so
that a network goes on as it was.
"""

import copy
from collections.abc import Iterable, Mapping
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import parametrize

M = TypeVar("M", bound=nn.Module)
_STARTING = 20  # power iterations when it is put on; then one at each pass in training mode
_ORIGINAL, _PARTS = ".parametrizations.weight.original", ".parametrizations.weight.0."


class Spectral(nn.Module):
    """The parametrisation of one weight (out, …): gain V / sigma(V), sigma by power iteration."""

    u: Tensor

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        matrix = weight.detach().flatten(1)
        u = F.normalize(matrix.sum(1) + 1e-6, dim=0)
        for _ in range(_STARTING):
            u = _turned(matrix, u)[0]
        self.register_buffer("u", u)
        self.gain = nn.Parameter(self._sigma(matrix).detach().clone())

    def _sigma(self, matrix: Tensor) -> Tensor:
        with torch.no_grad():
            u, v = _turned(matrix, self.u)
            if self.training:
                self.u.copy_(u)
        return u @ (matrix @ v)

    def forward(self, weight: Tensor) -> Tensor:
        """V -> W, the same shape and memory order."""
        with torch.autocast(weight.device.type, enabled=False):
            return weight * (self.gain / self._sigma(weight.flatten(1)))

    def right_inverse(self, weight: Tensor) -> Tensor:
        """The V that a W starts from: itself."""
        return weight


def _turned(matrix: Tensor, u: Tensor) -> tuple[Tensor, Tensor]:
    """One power iteration: better u (out,), v (in,), both of length 1."""
    v = F.normalize(matrix.t() @ u, dim=0)
    return F.normalize(matrix @ v, dim=0), v


def normalise(parts: Iterable[nn.Module]) -> None:
    """Put it on every convolution in these modules."""
    for part in parts:
        for conv in [m for m in part.modules() if isinstance(m, nn.Conv2d)]:
            parametrize.register_parametrization(conv, "weight", Spectral(conv.weight))


def folded(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A state with it -> the state of the same network without it: plain weights under their own names."""
    plain = {}
    for name, value in state.items():
        if name.endswith(_ORIGINAL):
            owner = name.removesuffix(_ORIGINAL)
            matrix = value.float().flatten(1)
            u, v = _turned(matrix, state[owner + _PARTS + "u"].float())
            plain[f"{owner}.weight"] = value * (state[owner + _PARTS + "gain"] / (u @ (matrix @ v))).to(value.dtype)
        elif _PARTS not in name:
            plain[name] = value
    return plain


def plain_copy(net: M) -> M:
    """A copy of a network without it: plain weights of the same values."""
    copied = copy.deepcopy(net)
    for part in copied.modules():
        if parametrize.is_parametrized(part, "weight"):
            parametrize.remove_parametrizations(part, "weight")
    return copied
