"""The network's passes over one picture, and what comes of them: suggestions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from engines.colour import suggest
from engines.colour.scan import Kind, reduced
from engines.colour.suggest import Field
from engines.core.card import ModelCard
from engines.core.image import Pixels
from engines.core.job import Job
from engines.core.lab import luminance, rgb_to_lab
from engines.core.network import Network
from engines.core.residency import Residency
from engines.models.colour_unet import AB, unfold, working_size

SHORTS = (128, 192)  # short sides at which a network looks at a picture unless its card says one; 128 is its training
LONGEST = 2.5  # the longer side is shown up to so many times the short one


@dataclass(frozen=True)
class Suggestion:
    """One colouring of a picture, small and without the picture itself: what `blend` lays on.

    ab: float32 (h, w, 2), a and b of CIELAB. field: what the network said, cell by cell. kind: what came in.
    variant: 0 for the likeliest colours, 1 and more for others. one_tint: its reference had a single tint to give.
    """

    ab: NDArray[np.float32]
    field: Field
    kind: Kind
    variant: int = 0
    one_tint: bool = False

    @property
    def palette(self) -> list[str]:
        """The colours it is made of, #rrggbb, largest area first."""
        return suggest.main_colours(self.field)

    def likely(self, x: float, y: float) -> list[str]:
        """Colours to choose from at a place (x, y in [0, 1] of the picture's sides), #rrggbb, the present one first."""
        h, w = self.field.size
        return suggest.likely(self.field, min(h - 1, int(y * h)), min(w - 1, int(x * w)))


class Run:
    """The network's passes over one picture."""

    def __init__(self, residency: Residency, network: Network, job: Job, urgent: bool, *, steps: int) -> None:
        self._residency, self._network, self._job, self._urgent = residency, network, job, urgent
        self._done, self._steps = 0, steps

    def __call__(self, looks: Sequence[Tensor], hints: Sequence[Tensor], kind: Kind) -> Suggestion:
        """L (1, 1, h, w) in [0, 100] at each size, as `seen` gives it, and hints for each -> a suggestion."""
        said = [unfold(self._pass("both", L / 50 - 1, h)) for L, h in zip(looks, hints, strict=True)]
        L, ab, p = looks[-1], joined([ab * AB for ab, _ in said]), said[-1][1]
        cells = F.avg_pool2d(ab, 4)[0].permute(1, 2, 0).numpy()
        field = Field(F.avg_pool2d(L, 8)[0, 0].numpy(), cells, p[0].permute(1, 2, 0).numpy())
        return Suggestion(np.ascontiguousarray(ab[0].permute(1, 2, 0).numpy()), field, kind)

    def match(self, L: Tensor, reference: Pixels) -> suggest.Floats:
        """Cells with colours of a reference picture."""
        theirs = rgb_to_lab(reduced(reference, *working_sizes_of(reference, self._network.card)[0]))
        what = self._pass("describe", L / 50 - 1)
        their_what = self._pass("describe", theirs[:, :1] / 50 - 1)
        at16 = F.avg_pool2d(theirs, 16)[0]
        ours = F.avg_pool2d(L, 16)[0, 0].numpy()
        return suggest.after_reference(what, ours, their_what, at16[0].numpy(), at16[1:].permute(1, 2, 0).numpy())

    def _pass(self, method: str, *inputs: Tensor) -> Tensor:
        """One forward, in its turn."""
        self._job.report(min(1.0, self._done / self._steps), "Finding colours")

        def breathe(_: float) -> None:
            self._job.check()
            if not self._urgent:
                self._residency.give_way(self._job)

        with self._residency.turn(self._job, urgent=self._urgent):
            result = self._network(*inputs, method=method, breathe=breathe).cpu()
        self._done += 1
        return result


def other(L: Tensor, before: Sequence[Suggestion], *, seed: int, variant: int, taken: NDArray[np.bool_]) -> Suggestion:
    """Another colouring of L (1, 1, h, w): bolder and bolder until it differs from all before, four times at most."""
    first, apart = before[0], -1.0
    best = first
    for trial in range(4):
        ab = suggest.other_colours(
            first.ab,
            halved(L),
            first.field,
            seed=seed,
            variant=variant + 100 * trial,
            boldness=1 + 0.5 * trial,
            taken=taken,
        )
        distance = min(float(np.hypot(*(ab - one.ab).T).mean()) for one in before)
        if distance > apart:
            best, apart = repainted(first, ab, variant=variant), distance
        if apart > 4.0:
            break
    return best


def repainted(suggestion: Suggestion, ab: suggest.Floats, *, variant: int) -> Suggestion:
    """The same suggestion with another ab."""
    h, w = suggestion.field.size
    cells = np.asarray(cv2.resize(ab, (w, h), interpolation=cv2.INTER_AREA), np.float32)
    field = Field(suggestion.field.L, cells, suggestion.field.p)
    return replace(suggestion, ab=ab, field=field, variant=variant)


def halved(L: Tensor) -> suggest.Floats:
    """L (1, 1, h, w) at the size of ab: (h / 2, w / 2)."""
    return np.asarray(F.avg_pool2d(L, 2)[0, 0].numpy(), np.float32)


def joined(maps: Sequence[Tensor]) -> Tensor:
    """ab (1, 2, h, w) of one picture as seen at several sizes -> one map of the last one's size.

    An average in which more colour weighs more: what is too small for the first look (a face in a group) is found by
    the last, what is too large for the last (a sky) by the first, and each answers grey where it does not know.
    """
    size = maps[-1].shape[-2:]
    maps = [F.interpolate(ab, size=size, mode="bilinear", align_corners=False) for ab in maps]
    weights = [(torch.linalg.vector_norm(ab, dim=1, keepdim=True) + 2).sqrt() for ab in maps]
    return sum((ab * w for ab, w in zip(maps, weights, strict=True)), torch.zeros(())) / sum(weights, torch.zeros(()))


def seen(image: Pixels, card: ModelCard) -> list[Tensor]:
    """L of a picture at the sizes at which a card's network looks, small first: (1, 1, h, w), 0 to 100."""
    return [luminance(reduced(image, *size)) for size in working_sizes_of(image, card)]


def working_sizes_of(image: Pixels, card: ModelCard) -> list[tuple[int, int]]:
    """(height, width) of each look of a card's network at a picture, small first."""
    shorts = [int(card.options["short"])] if "short" in card.options else SHORTS
    height, width = image.shape[:2]
    return [working_size(height, width, short=short, longest=round(LONGEST * short)) for short in shorts]
