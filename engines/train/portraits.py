"""What the latents of many portraits have in common with what can be read off them.

An encoder puts pictures that the generator did not make into W+. Where thousands of blond people are, and thousands who
are not, lies a direction that no gradient through the generator finds, because nobody it draws by itself is blond.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from engines.models.face_encoder import FaceEncoder
from engines.train.data import load_pictures, to_signed
from engines.train.responses import Scores

SEEN_AT = 128
MEASURED = ("age", "exposure", "warmth")  # scores in units of their own; all others are logits


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
