"""What the latents of many portraits have in common with what can be read off them.

An encoder puts pictures that the generator did not make into W+. Where thousands of blond people are, and thousands who
are not, lies a direction that no gradient through the generator finds, because nobody it draws by itself is blond.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from engines.models.face_encoder import FaceEncoder
from engines.train.data import load_pictures, to_signed
from engines.train.responses import Scores
from engines.train.sliders import MEASURED

SEEN_AT = 128


@dataclass(frozen=True)
class Portraits:
    """ws (N, num_ws, w_dim) of pictures, values (N, S) read off them, standardised; attributes as probabilities."""

    ws: Tensor
    values: Tensor
    names: tuple[str, ...]


@torch.no_grad()
def portraits(encoder: FaceEncoder, scores: Scores, archives: Sequence[Path], *, count: int) -> Portraits:
    """Up to `count` pictures of the archives, evenly from all, into W+ and read."""
    encoder.eval()
    everybody = load_pictures(list(archives), resolution=SEEN_AT).images
    chosen = torch.linspace(0, len(everybody) - 1, min(count, len(everybody))).long()
    latents, rows = [], []
    for part in torch.split(chosen, 40):
        squares = to_signed(everybody[part])
        latents.append(encoder(squares.contiguous(memory_format=torch.channels_last)).half())
        rows.append(scores(squares))
    values = torch.cat(rows)
    logits = [index for index, name in enumerate(scores.names) if name not in MEASURED]
    values[:, logits] = values[:, logits].sigmoid()
    values = (values - values.mean(0)) / values.std(0).clamp_min(1e-6)
    return Portraits(torch.cat(latents), values, scores.names)


def differences(people: Portraits, wanted: str, held: Sequence[str], *, ridge: float = 0.02) -> Tensor:
    """How ws differ where only the wanted score differs by one standard deviation: ridge regression, (num_ws, w_dim).

    held: other scores in the same regression, whose part in the difference is thereby taken out. KeyError for a score
    that was not read.
    """
    names = [wanted, *(name for name in held if name in people.names and name != wanted)]
    if wanted not in people.names:
        raise KeyError(wanted)
    y = people.values[:, [people.names.index(name) for name in names]].double()  # (N, K)
    x = people.ws.flatten(1).double()
    gram = y.t() @ y + ridge * len(y) * torch.eye(len(names), dtype=torch.float64)
    weights = torch.linalg.solve(gram, y.t())[0]  # (N,)
    difference: Tensor = (weights - weights.mean()) @ x
    return difference.float().reshape(people.ws.shape[1:])


@dataclass(frozen=True)
class Mix:
    """What the differences of several scores do to one another, over one range of layers.

    steps: (K, num_ws, w_dim), one a score.  effects: (K, K), how far step k moves score j, in standard deviations of
    generated faces.
    """

    steps: Tensor
    effects: Tensor
    names: tuple[str, ...]

    def only(self, wanted: str, free: Sequence[str], *, ridge: float = 0.02) -> Tensor:
        """The mixture of all steps that moves the wanted score by one and no other, but for free ones, by anything.

        Least squares with a ridge: what would take large steps against one another is left undone. (num_ws, w_dim)
        """
        target = [index for index, name in enumerate(self.names) if name == wanted or name not in free]
        aim = torch.zeros(len(target), dtype=torch.float64)
        aim[target.index(self.names.index(wanted))] = 1.0
        moves = self.effects[:, target].double()  # (K, T)
        gram = moves @ moves.t()
        weights = torch.linalg.solve(gram + ridge * gram.diagonal().mean() * torch.eye(len(gram)), moves @ aim)
        return torch.einsum("k,klw->lw", weights.float(), self.steps)


def mixes(
    people: Portraits, names: Sequence[str], ranges: Sequence[tuple[int, int]], effect: Callable[[Tensor], Tensor]
) -> dict[tuple[int, int], Mix]:
    """Every score's difference, the others held, and what it does to them.  effect: step -> (K,), of these names."""
    every = torch.stack([differences(people, name, names) for name in names])
    found = {}
    for first, last in ranges:
        steps = torch.zeros_like(every)
        steps[:, first:last] = every[:, first:last]
        found[first, last] = Mix(steps, torch.stack([effect(step) for step in steps]), tuple(names))
    return found
