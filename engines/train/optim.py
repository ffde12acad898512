"""Adam's state as named tensors, so that a snapshot holds nothing but safetensors."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


def adam(groups: Sequence[tuple[nn.Module, float]], *, betas: tuple[float, float] = (0.0, 0.99)) -> torch.optim.Adam:
    """Adam over the learning parameters of several networks, each with a learning rate of its own.

    A part of a network may come before the whole: what a group already holds is left out of later ones.
    """
    taken: set[int] = set()
    described = []
    for net, rate in groups:
        parameters = [p for p in net.parameters() if p.requires_grad and id(p) not in taken]
        taken.update(map(id, parameters))
        described.append({"params": parameters, "lr": rate})
    return torch.optim.Adam(described, betas=betas)


def optimizer_state(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Every tensor of the optimiser's state as `<parameter>.<name>`, parameters numbered in the optimiser's order.

    The first moment of Adam with beta1 = 0 is the last gradient, which no later step reads: it is left out.
    """
    tensors: dict[str, Tensor] = {}
    for number, entry in optimizer.state_dict()["state"].items():
        for name, value in entry.items():
            if name != "exp_avg" or _first_moment_matters(optimizer):
                tensors[f"{number}.{name}"] = value
    return tensors


def load_optimizer_state(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """Put back what `optimizer_state` gave. Learning rates stay the optimiser's own. ValueError if shapes differ."""
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        number, name = key.split(".", 1)
        if int(number) >= len(parameters) or (value.dim() and value.shape != parameters[int(number)].shape):
            raise ValueError(f"the optimiser's state does not fit the network at {key}")
        state.setdefault(int(number), {})[name] = value.float() if name != "step" else value
    for index, entry in state.items():
        entry.setdefault("exp_avg", torch.zeros_like(parameters[index]))
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})


def _first_moment_matters(optimizer: torch.optim.Optimizer) -> bool:
    """Whether any group averages gradients over time."""
    return any(group["betas"][0] != 0 for group in optimizer.param_groups)
