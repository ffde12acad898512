"""What small moves of every kind do to the scores, and the mixture of them that moves one score and holds the others.

The axes are the principal components of w, each laid on one range of layers. Their effects are measured, one standard
deviation each way, on generated faces and not taken from gradients: a gradient through the reader also knows patterns
that please it and that nobody sees. A mixture is solved for by least squares, then tried, and what it moves beyond or
short of the aim is solved for again (Broyden's idea with a fixed Jacobian): scores answer to large moves differently.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from engines.train.responses import Census, Trial
from engines.train.sliders import HELD, POSE, Slider

CUTS = (0, 6, 9, 12, 15, 18)  # layers at which ranges begin; what comes after the last is one more range
COUNT = 40  # axes of a range
PEOPLE, SEED = 32, 33
COARSE = 9  # layers that can turn a head
RIDGE = 0.02
ROUNDS = 12
DAMPING = 0.7  # part of what is missing that a round makes up for


@dataclass(frozen=True)
class Axes:
    """steps (P, num_ws, w_dim), one standard deviation of w each; effects (P, S), what each does to every score."""

    steps: Tensor
    effects: Tensor
    names: tuple[str, ...]

    def mixture(
        self, slider: Slider, effect: Callable[[Tensor], Tensor], *, first: int = 0, rounds: int = ROUNDS
    ) -> Tensor:
        """The step (num_ws, w_dim) that moves the slider's score by about one and others as little as can be.

        effect: step -> (S,), what it does, tried.  first: layers before it stay.  rounds: of solving and trying; each
        holds the others better and takes a longer way.
        """
        sign = -1.0 if slider.score.startswith("-") else 1.0
        wanted = slider.score.lstrip("-")
        held = [name for name in HELD if name != wanted and name not in slider.free]
        columns = [self.names.index(name) for name in (wanted, *held)]
        aim = torch.tensor([sign, *(sign * dict(slider.along).get(name, 0.0) for name in held)])
        use = self.steps[:, :first].flatten(1).abs().sum(1) == 0  # (P,)
        moves = self.effects[use][:, columns].double()  # (U, K)
        inner = moves @ moves.t() + RIDGE * torch.eye(len(moves), dtype=torch.float64)
        answer = torch.linalg.solve(inner, moves)  # (U, K), of any aim
        weights = answer @ aim.double()
        step = self._mixed(use, weights)
        for _ in range(rounds):
            tried = effect(step)
            known = torch.where(tried.isnan(), weights.float() @ self.effects[use], tried)  # (S,)
            weights = weights + DAMPING * (answer @ (aim - known[columns]).double())
            step = self._mixed(use, weights)
        return step

    def _mixed(self, use: Tensor, weights: Tensor) -> Tensor:
        return torch.einsum("u,ulw->lw", weights.float(), self.steps[use])


def axes(trial: Trial, people: Census, by_w: Tensor, *, count: int = COUNT, stored: Path | None = None) -> Axes:
    """Principal axes of the census' w on every range of layers, with their effects measured on the trial's people.

    by_w: (S, w_dim), what scores gain with w; the pose is taken from it, as if each coarse layer did its part, since
    dlib is slow.  stored: file that keeps the effects, or has them.
    """
    num_ws = trial.ws.shape[1]
    lengths, vectors = torch.linalg.eigh(torch.cov(people.w.t()))
    count = min(count, len(lengths))
    main = (vectors[:, -count:] * lengths[-count:].clamp_min(0).sqrt()).t().flip(0)  # (count, w_dim)
    ranges = list(pairwise([*(cut for cut in CUTS if cut < num_ws), num_ws]))
    steps = torch.zeros(len(ranges) * count, num_ws, main.shape[1])
    for index, (first, last) in enumerate(ranges):
        steps[index * count : (index + 1) * count, first:last] = main[:, None]
    if stored is not None and stored.exists():
        effects = load_file(stored)["effects"]
    else:
        effects = torch.stack([trial.effect(step, posed=False) for step in steps])  # (P, S)
        if stored is not None:
            save_file({"effects": effects}, stored)
    for name in POSE:
        column = people.names.index(name)
        for index, (first, last) in enumerate(ranges):
            part = max(0, min(last, COARSE) - first) / COARSE
            effects[index * count : (index + 1) * count, column] = part * (main @ by_w[column])
    return Axes(steps, effects, people.names)
