"""A photo's face into the generator: latent optimisation, then pivotal tuning (Roich et al. 2021, arXiv 2106.05744).

Latents are sought in W+ in whitened coordinates, where w of random z is a unit ball: distance from its middle is what
makes a face unlikely and edits of it break (the P-norm space of Zhu et al. 2020, arXiv 2012.09036). Tuning then moves
the generator's upper levels a little for this face alone; its gradient never touches the shared network.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from engines.core.job import Job
from engines.core.residency import Residency
from engines.faces.values import Frame

STEPS = 100  # of each of the two stages; on two cores a step at 256 pixels takes 70 to 100 ms
_PRIOR, _SPREAD = 0.004, 0.008  # pull towards the mean face; of the layers' w towards each other
_STEP, _TUNING_STEP = 0.12, 1.5e-3  # Adam's, of whitened latents and of weights
_MOVE = 0.015  # Adam's, of where a face lies whose landmarks were guessed, in halves of the square's side
_STRAY = 60.0  # pull of the tuned weights towards the shared ones
_LOOK = 12  # steps between two previews
_FEATURES = (2, 4, 10)  # blocks of the face reader's trunk in which the two shall agree
_PERCEIVED = 1.5  # weight of that
_SEEN = 112  # side at which the face reader looks


@dataclass(frozen=True)
class Target:
    """What is to be met: the aligned face (1, 3, R, R) in [-1, 1], and where it counts (1, 1, R, R).

    reader: a private copy of the network that reads faces, and what it sees of the target; None does without.
    known: (1, 1, R, R), 0 where nothing is to be met and the target only stands in; None if all is known.
    """

    picture: Tensor
    weight: Tensor
    reader: Any = None
    seen: tuple[Tensor, ...] = ()
    known: Tensor | None = None

    @staticmethod
    def of(square: Frame, device: torch.device, reader: Any = None, *, hole: NDArray[np.bool_] | None = None) -> Target:
        """The target that an aligned face is.  hole: (R, R), where it is not known."""
        picture = torch.from_numpy(square.astype(np.float32)).permute(2, 0, 1)[None].to(device) / 127.5 - 1
        weight = torch.from_numpy(importance(square.shape[0]))[None, None].to(device)
        known = None if hole is None else torch.from_numpy(~hole)[None, None].to(weight)
        weight = weight if known is None else weight * known
        return Target(picture, weight, reader, () if reader is None else features(reader, picture), known)


def features(reader: Any, picture: Tensor) -> tuple[Tensor, ...]:
    """What the face reader's trunk sees of a picture, each place's channels of unit length (as in LPIPS)."""
    small = F.interpolate(picture, size=(_SEEN, _SEEN), mode="bilinear", align_corners=False)
    return tuple(F.normalize(map_.float(), dim=1) for map_ in reader.trunk.features(small, blocks=_FEATURES))


def importance(side: int) -> NDArray[np.float32]:
    """How much each pixel of an aligned square counts, (side, side): 1 in the face, more at eyes and mouth."""
    y, x = (np.mgrid[0:side, 0:side] + 0.5) / side
    head = 0.2 + 0.8 / (1 + np.exp((((x - 0.5) / 0.36) ** 2 + ((y - 0.56) / 0.45) ** 2 - 1) * 6))
    for cx, cy, rx, ry in ((0.376, 0.465, 0.11, 0.07), (0.624, 0.465, 0.11, 0.07), (0.5, 0.745, 0.15, 0.09)):
        head += np.exp(-(((x - cx) / rx) ** 2) - ((y - cy) / ry) ** 2)
    return np.asarray(head, np.float32)


def difference(made: Tensor, target: Target) -> Tensor:
    """Weighted distance of a picture to its target: over a pyramid, values and the slopes at its fine levels; and what
    the face reader sees.
    """
    total = made.new_zeros(())
    if target.known is not None:  # the same stands in the hole of both, so that nothing of it is met
        made = target.picture + target.known * (made - target.picture)
    if target.reader is not None:
        for ours, theirs in zip(features(target.reader, made), target.seen, strict=True):
            counts = F.adaptive_avg_pool2d(target.weight, (ours.shape[-2], ours.shape[-1]))
            total = total + _PERCEIVED * ((ours - theirs).square().sum(1, keepdim=True) * counts).mean() / counts.mean()
    a, b, weight = made, target.picture, target.weight
    for level in range(5):
        norm = weight.mean()
        total = total + (weight * (a - b).abs()).mean() / norm
        if level < 3:
            for axis in (-1, -2):
                slope = (a - b).diff(dim=axis).abs()
                total = total + 1.5 * (weight.narrow(axis, 1, slope.shape[axis]) * slope).mean() / norm
        a, b, weight = (F.avg_pool2d(t, 2) for t in (a, b, weight))
    return total


@dataclass(frozen=True)
class Search:
    """One inversion at work: the private generator, the space of w, the target, and whoever waits for it.

    axes: (w_dim, w_dim), principal axes of w, as long as their standard deviations.  deadline: time.monotonic(), or
    None: then the steps alone decide.  seed: of the faces among which a search without a start finds one.
    words: what the search for latents is called while it runs.
    """

    generator: Any
    mean: Tensor
    axes: Tensor
    target: Target
    residency: Residency
    job: Job
    deadline: float | None = None
    seed: int = 0
    words: str = "Bringing the face into the generator"

    def latents(self, start: NDArray[np.float32] | None, steps: int) -> tuple[NDArray[np.float32], int]:
        """ws (num_ws, w_dim) that make the face, and how many steps it took.  start: where to begin, or None."""
        inverse = torch.linalg.pinv(self.axes)
        layers = 3 * len(self.generator.levels)
        begin = self._guess() if start is None else (torch.from_numpy(start).to(self.mean) - self.mean) @ inverse
        v = begin.expand(layers, -1).clone().requires_grad_(True)
        anchor = v.detach().clone() if start is not None else torch.zeros_like(v)
        optimiser = torch.optim.Adam([v], lr=_STEP, betas=(0.9, 0.98))
        shared = 0 if start is not None else steps // 4  # at first one w for all layers: a likely face

        def loss(step: int) -> tuple[Tensor, Tensor]:
            code = v.mean(0, keepdim=True).expand_as(v) if step < shared else v
            made = self._make(self.mean + code @ self.axes)
            likely = _PRIOR * (v - anchor).square().mean() + _SPREAD * (v - v.mean(0)).square().mean()
            return self._distance(made) + likely, made

        done = self._descend(optimiser, loss, steps, self.words, shared)
        return (self.mean + v.detach() @ self.axes).cpu().numpy(), done

    def whole(self, steps: int) -> Frame:
        """The face of which a part is missing, whole, as the generator draws it where the target has it.

        Landmarks of half a face are guessed, so that where the face lies is sought as well: shift, size and turn.
        """
        layers = 3 * len(self.generator.levels)
        v = self._guess().expand(layers, -1).clone().requires_grad_(True)
        place = torch.zeros(4, device=self.mean.device, requires_grad=True)
        optimiser = torch.optim.Adam(
            [{"params": [v], "lr": _STEP}, {"params": [place], "lr": _MOVE}], betas=(0.9, 0.98)
        )

        def loss(step: int) -> tuple[Tensor, Tensor]:
            code = v.mean(0, keepdim=True).expand_as(v) if step < steps // 4 else v
            made = moved(self._make(self.mean + code @ self.axes), place)
            likely = _PRIOR * v.square().mean() + _SPREAD * (v - v.mean(0)).square().mean()
            return self._distance(made) + likely + place.square().sum(), made

        self._descend(optimiser, loss, steps, self.words, steps // 4, show=False)
        with self.residency.turn(self.job), torch.no_grad():
            return _preview(moved(self._make(self.mean + v @ self.axes), place))

    def tuning(
        self, ws: NDArray[np.float32], steps: int, begin: tuple[NDArray[np.float16], ...] = ()
    ) -> tuple[tuple[NDArray[np.float16], ...], int]:
        """What to add to the generator's weights so that these ws make the face exactly."""
        pivot = torch.from_numpy(ws).to(self.mean)
        shapes = self.generator.tunable()
        scales = [float(weight.std()) for weight in tuned_weights(self.generator)]
        known = begin or tuple(np.zeros(shape, np.float16) for shape in shapes)
        deltas = [torch.from_numpy(np.asarray(d, np.float32)).to(self.mean).requires_grad_(True) for d in known]
        optimiser = torch.optim.Adam(
            [{"params": [d], "lr": _TUNING_STEP * s * 20} for d, s in zip(deltas, scales, strict=True)]
        )

        def loss(_step: int) -> tuple[Tensor, Tensor]:
            made = self._make(pivot, deltas)
            stray = sum((d / s).square().mean() for d, s in zip(deltas, scales, strict=True))
            return self._distance(made) + _STRAY / 100 * stray, made

        done = self._descend(optimiser, loss, steps, "Learning this one face", 0)
        return tuple(d.detach().to(torch.float16).cpu().numpy() for d in deltas), done

    def _guess(self) -> Tensor:
        """The best of a few random faces halfway to the mean, (1, w_dim) whitened."""
        rng = torch.Generator().manual_seed(2 + self.seed)
        noise = torch.randn(31, self.axes.shape[0], generator=rng).to(self.mean) * 0.6
        tries = torch.cat([torch.zeros_like(noise[:1]), noise])
        scores = []
        with torch.no_grad():
            for one in tries:
                made = self._make((self.mean + one[None] @ self.axes).expand(3 * len(self.generator.levels), -1))
                scores.append(float(self._distance(made)))
        return tries[int(np.argmin(scores))][None]

    def _make(self, ws: Tensor, deltas: list[Tensor] | None = None) -> Tensor:
        self.job.check()
        with self._reduced():
            made: Tensor = self.generator.tuned_synthesis(ws[None], *(deltas or []))
        return made.float()

    def _distance(self, made: Tensor) -> Tensor:
        with self._reduced():
            return difference(made, self.target)

    def _reduced(self) -> AbstractContextManager[object]:
        """bfloat16 for convolutions where the device is fast in it."""
        device = self.residency.device
        reduced = device.fast == "bfloat16" or device.kind == "cuda"
        return torch.autocast(device.kind, torch.bfloat16) if reduced else nullcontext()

    def _descend(
        self,
        optimiser: torch.optim.Optimizer,
        loss: Callable[[int], tuple[Tensor, Tensor]],
        steps: int,
        words: str,
        shared: int,
        *,
        show: bool = True,
    ) -> int:
        """Adam with a warm start and a cosine end; the deadline shortens it. Returns the steps made.

        show: whether those who watch get to see the picture so far.
        """
        rates = [group["lr"] for group in optimiser.param_groups]
        began, done = time.monotonic(), 0
        while done < steps:
            fraction = done / steps
            if self.deadline is not None:
                span = max(self.deadline - began, 1e-3)
                fraction = max(fraction, (time.monotonic() - began) / span)
                if fraction >= 1:
                    break
            rate = min(1.0, (done + 1) / 5) * (0.5 + 0.5 * np.cos(np.pi * max(0.0, fraction * 1.25 - 0.25)))
            for group, full in zip(optimiser.param_groups, rates, strict=True):
                group["lr"] = full * rate
            with self.residency.turn(self.job), torch.enable_grad():
                value, made = loss(done)
                optimiser.zero_grad(set_to_none=True)
                value.backward()  # type: ignore[no-untyped-call]
                optimiser.step()
            preview = _preview(made) if show and done % _LOOK == 0 else None
            self.job.report(fraction, words, preview)
            done += 1
            if done == shared:
                self._spread(optimiser)
        return done

    def _spread(self, optimiser: torch.optim.Optimizer) -> None:
        """From here on every layer has a w of its own, all starting at the common one."""
        (v,) = optimiser.param_groups[0]["params"]
        with torch.no_grad():
            v.copy_(v.mean(0, keepdim=True).expand_as(v))


def moved(picture: Tensor, place: Tensor) -> Tensor:
    """A picture (1, 3, R, R) shifted by place[:2] (of half its side), grown by e^place[2], turned by place[3]."""
    x, y, grown, turn = place.unbind()
    cos, sin = torch.cos(turn) / grown.exp(), torch.sin(turn) / grown.exp()
    matrix = torch.stack([torch.stack([cos, sin, -x]), torch.stack([-sin, cos, -y])])[None]
    grid = F.affine_grid(matrix, list(picture.shape), align_corners=False)
    return F.grid_sample(picture, grid, mode="bilinear", padding_mode="border", align_corners=False)


def tuned_weights(generator: Any) -> list[Tensor]:
    """The weights that `tuned_synthesis` changes, in its order."""
    shapes = len(generator.tunable())
    every = [layer.weight for level in generator.levels for layer in [*level.convs, level.rgb]]
    return every[-shapes:]


def _preview(made: Tensor) -> Frame:
    pixels = (made.detach()[0].permute(1, 2, 0) * 127.5 + 128).clamp(0, 255).byte()
    return np.ascontiguousarray(pixels.cpu().numpy())
