"""The generator as face editing uses it: latents in, pictures out, one turn of the device a picture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from engines.core import weights
from engines.core.card import ModelCard
from engines.core.catalogue import Catalogue
from engines.core.job import Job
from engines.core.network import Network, build_module
from engines.core.residency import Residency
from engines.faces.values import Frame, Inverted, Latents
from engines.models.style_generator import GeneratorOptions

_BATCH = 8  # pictures in one forward, where several are wanted


@dataclass(frozen=True)
class Generator:
    """A leased generator: the resident network and what it takes to call it, for the length of one job."""

    card: ModelCard
    network: Network
    residency: Residency
    job: Job
    urgent: bool = False

    @property
    def resolution(self) -> int:
        """Side of its pictures."""
        return int(self.card.options["resolution"])

    def mapping(self, z: NDArray[np.float32], truncation: float) -> NDArray[np.float32]:
        """z (N, z_dim) -> ws (N, num_ws, w_dim), the same w for every layer, drawn towards the mean by truncation."""
        with self.residency.turn(self.job, urgent=self.urgent):
            w = self.network(torch.from_numpy(z), method="mapping").cpu()
        w = w + (1 - truncation) * (self.mean() - w)
        count = GeneratorOptions.of(self.card.options).num_ws
        return w[:, None].expand(-1, count, -1).contiguous().numpy()

    def mean(self) -> Tensor:
        """w_avg (w_dim,), the centre of truncation."""
        with self.residency.turn(self.job, urgent=self.urgent):
            return self.network(torch.zeros(1, int(self.card.options["z_dim"])), method="centre").cpu()[0]

    def spread(self, count: int = 2048) -> tuple[Tensor, Tensor]:
        """Mean (w_dim,) and principal axes (w_dim, w_dim), each as long as its standard deviation, of w."""
        z = torch.randn(count, int(self.card.options["z_dim"]), generator=torch.Generator().manual_seed(1))
        with self.residency.turn(self.job, urgent=self.urgent):
            w = self.network(z, method="mapping").cpu()
        _, lengths, axes = torch.linalg.svd(w - w.mean(0), full_matrices=False)
        return w.mean(0), (lengths / np.sqrt(count - 1))[:, None] * axes

    def pictures(self, ws: NDArray[np.float32], deltas: Sequence[NDArray[np.float16]] = ()) -> NDArray[np.float32]:
        """ws (N, num_ws, w_dim) -> float32 (N, R, R, 3) in about [0, 1], not clamped.  deltas: one person's tuning."""
        extra = [torch.from_numpy(np.asarray(delta, np.float32)) for delta in deltas]
        method = "tuned_synthesis" if extra else "synthesis"
        made = []
        for start in range(0, len(ws), _BATCH):
            part = torch.from_numpy(np.ascontiguousarray(ws[start : start + _BATCH], np.float32))
            with self.residency.turn(self.job, urgent=self.urgent):
                made.append(self.network(part, *extra, method=method, breathe=self._breathe).cpu())
            self.job.check()
        return np.ascontiguousarray((torch.cat(made).permute(0, 2, 3, 1) + 1).div_(2).numpy())

    def picture(self, latents: Latents, ws: NDArray[np.float32] | None = None) -> NDArray[np.float32]:
        """One picture, float32 (R, R, 3): of these latents, or of other ws through this person's generator.

        A photo's face remembers the last one: while a mouth is dragged, all the rest of it stays.
        """
        ws = latents.ws if ws is None else ws
        if not isinstance(latents, Inverted):
            return cast(NDArray[np.float32], self.pictures(ws[None])[0])
        key, last = (self.card.id, ws.tobytes()), next(iter(latents.last), None)
        if last is None or last[0] != key:
            last = key, self.pictures(ws[None], latents.deltas)[0]
            latents.last[:] = [last]
        return last[1].copy()

    def _breathe(self, _fraction: float) -> None:
        self.job.check()
        if not self.urgent:
            self.residency.give_way(self.job)


@contextmanager
def leased(residency: Residency, card: ModelCard, job: Job, *, urgent: bool = False) -> Iterator[Generator]:
    """A generator for one job. Facts: model, title, device, precision."""
    with residency.lease(card, job=job) as network:
        job.note(model=card.id, title=card.title, device=residency.device.name, precision=network.precision)
        yield Generator(card, network, residency, job, urgent)


def private_copy(catalogue: Catalogue, card: ModelCard, device: torch.device) -> Any:
    """A float32 copy for gradients, that nobody else sees; its own weights are fixed."""
    module: nn.Module = build_module(card, weights.read(card, catalogue.files(card)))
    return module.to(device, memory_format=torch.channels_last).requires_grad_(False)  # type: ignore[call-overload]


def to_frame(picture: NDArray[np.float32]) -> Frame:
    """float32 in about [0, 1] -> uint8, clamped and rounded."""
    return np.ascontiguousarray(np.clip(picture * 255 + 0.5, 0, 255).astype(np.uint8))
