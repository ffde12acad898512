"""Where else the colours could go: regions of a picture, other colours for them, a palette, a reference picture.

Suggestions and palettes give whole regions another colour, drawn from or weighed by the network's own distribution, so
that each is one coherent colouring and not a tint. A reference ends in hints that the network is asked to follow.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from engines.colour.hints import RGB, ab_of, hex_of, to_input
from engines.core.lab import into_gamut, lab_to_rgb
from engines.models.colour_unet import AB, GRID, bin_colours

REGIONS = 7
SOFT = 1.5  # squared distance over which a place belongs to a region a third as much
CELL = 8  # pixels of the network's picture a cell stands for, on a side
APART = 15.0  # distance in ab at which a colour is another colour
LOUD = 32.0  # chroma beyond which suggestions do not like to go
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Field:
    """What the network said about a picture, cell by cell. L (h, w), ab (h, w, 2), p (h, w, BINS): all at 1/8."""

    L: Floats
    ab: Floats
    p: Floats

    @property
    def size(self) -> tuple[int, int]:
        """(h, w)."""
        return self.L.shape[0], self.L.shape[1]


def regions(L: Floats, ab: Floats, *, seed: int) -> Floats:
    """Places that belong together by lightness, colour and position: soft shares (h, w, REGIONS) that sum to 1.

    k-means, then every place belongs to the near centres by distance, smoothed, so that a region has no hard edge but
    the picture's own.
    """
    h, w = L.shape
    y, x = np.mgrid[0:h, 0:w].astype(np.float32)
    features = np.stack([L / 14, ab[..., 0] / 9, ab[..., 1] / 9, 3 * y / max(h, w), 3 * x / max(h, w)], -1)
    rows = features.reshape(-1, 5)
    rng = np.random.default_rng(seed)
    centres = rows[rng.choice(len(rows), min(REGIONS, len(rows)), replace=False)]
    for _ in range(12):
        nearest = ((rows[:, None] - centres[None]) ** 2).sum(-1).argmin(1)
        centres = np.stack(
            [rows[nearest == k].mean(0) if (nearest == k).any() else centres[k] for k in range(len(centres))]
        )
    distance = ((rows[:, None] - centres[None]) ** 2).sum(-1)
    share = np.exp(-(distance - distance.min(1, keepdims=True)) / SOFT).reshape(h, w, -1)
    share = np.stack([cv2.blur(share[..., k], (3, 3)) for k in range(share.shape[-1])], -1)
    return np.asarray(share / share.sum(-1, keepdims=True), np.float32)


def other_colours(
    ab: Floats, L: Floats, field: Field, *, seed: int, variant: int, boldness: float, taken: NDArray[np.bool_]
) -> Floats:
    """Other colours for two or three regions, drawn from what the network thinks possible there: ab (h, w, 2).

    variant: 1 or more, each another draw. boldness: 1, or more to flatten the distribution. taken, at 1/8: cells whose
    colour a person has chosen; their regions are left alone.
    """
    rng = np.random.default_rng([seed, variant])
    shares = regions(L, ab, seed=seed)
    bins = (bin_colours().numpy() * AB).astype(np.float32)
    mild = np.exp(-((np.hypot(*bins.T) / LOUD) ** 2))  # a flat distribution is no reason to shout
    choices: list[tuple[float, int, Floats]] = []
    for number, (now, likely_here, held, area) in enumerate(_each(shares, ab, field, taken)):
        far = np.hypot(*(bins - now).T) > APART
        mass = np.where(far, likely_here ** (1.4 / boldness) * mild, 0)
        if held < 0.02 and mass.sum() > 0:
            choices.append((area * float(likely_here[far].sum()), number, np.asarray(mass / mass.sum(), np.float32)))
    choices.sort(key=lambda choice: -choice[0])
    first = (variant - 1) % 2 if len(choices) > 3 else 0  # not the same regions each time
    wanted = {
        number: bins[rng.choice(len(bins), p=mass.astype(np.float64) / mass.astype(np.float64).sum())]
        for _, number, mass in choices[first : first + 3]
    }
    return _repaint(ab, shares, wanted)


def after_palette(
    ab: Floats, L: Floats, field: Field, colours: Sequence[RGB], *, seed: int, taken: NDArray[np.bool_]
) -> Floats:
    """ab that uses a palette: each colour takes the region where it is likeliest, others their nearest colour."""
    shares = regions(L, ab, seed=seed)
    wanted = np.array([ab_of(colour) for colour in colours], np.float32)
    bins = bin_colours().numpy() * AB
    rows: dict[int, NDArray[np.float64]] = {}
    for number, (now, likely_here, held, area) in enumerate(_each(shares, ab, field, taken)):
        if held < 0.02:
            near = np.exp(-((bins[None] - wanted[:, None]) ** 2).sum(-1) / (2 * 20.0**2))
            rows[number] = np.log(1e-4 + near @ likely_here) - np.hypot(*(now - wanted).T) / 60 + area
    if not rows:
        return ab
    numbers, fit = list(rows), np.stack(list(rows.values()))
    chosen = {i: int(fit[i].argmax()) for i in range(len(numbers))}
    left = fit.copy()
    for _ in range(min(fit.shape)):  # every colour of the palette is used at least once
        i, j = divmod(int(left.argmax()), left.shape[1])
        chosen[i] = j
        left[i, :], left[:, j] = -np.inf, -np.inf
    return _repaint(ab, shares, {numbers[i]: wanted[j] for i, j in chosen.items()})


def _each(
    shares: Floats, ab: Floats, field: Field, taken: NDArray[np.bool_]
) -> Iterator[tuple[Floats, Floats, float, float]]:
    """Of each region: its mean ab, its mean distribution, the part of it that a person has coloured, its area."""
    h, w = field.size
    for number in range(shares.shape[-1]):
        here = shares[..., number]
        cells = cv2.resize(here, (w, h), interpolation=cv2.INTER_AREA)
        total = float(cells.sum()) + 1e-6
        now = (here[..., None] * ab).sum((0, 1)) / (here.sum() + 1e-6)
        spread = (cells[..., None] * field.p).sum((0, 1)) / total
        yield (
            np.asarray(now, np.float32),
            np.asarray(spread, np.float32),
            float(cells[taken].sum()) / total,
            total / (h * w),
        )


def _repaint(ab: Floats, shares: Floats, wanted: dict[int, Floats]) -> Floats:
    """Move the mean colour of regions to other colours; within a region colours keep their differences."""
    out = ab.copy()
    for number, colour in wanted.items():
        here = shares[..., number : number + 1]
        now = (here * ab).sum((0, 1)) / (here.sum() + 1e-6)
        out += here * (colour - now)
    return np.asarray(out, np.float32)


def after_reference(
    what: Tensor, L: Floats, reference_what: Tensor, reference_L: Floats, reference_ab: Floats
) -> Floats:
    """Hints taken from a picture in colour, from where it shows the most similar thing at a similar lightness.

    what: descriptions (1, C, h, w) at 1/16; L (h, w) and ab (h, w, 2) at the same places. Returns ab at 1/8, NaN
    where there is no hint: one in each block of 2x2 places, the surest.
    """
    ours, theirs = (F.normalize(t[0].float().flatten(1), dim=0) for t in (what, reference_what))
    alike = (ours.t() @ theirs).numpy()  # (places, reference places)
    alike = alike - ((L.reshape(-1, 1) - reference_L.reshape(1, -1)) / 60) ** 2
    best = alike.argmax(1)
    sure = np.take_along_axis(alike, best[:, None], 1).reshape(L.shape)
    ab = reference_ab.reshape(-1, 2)[best].reshape(*L.shape, 2)
    h, w = L.shape
    out = np.full((2 * h, 2 * w, 2), np.nan, np.float32)
    bound = np.quantile(sure, 0.35)
    for y in range(0, h, 2):
        for x in range(0, w, 2):
            block = sure[y : y + 2, x : x + 2]
            dy, dx = divmod(int(block.argmax()), block.shape[1])
            if block.max() >= bound:
                out[2 * (y + dy), 2 * (x + dx)] = ab[y + dy, x + dx]
    return out


def cells_to_input(cells: Floats, L: Tensor, hints: Tensor) -> Tensor:
    """ab of cells (h/8, w/8, 2; NaN for none) joined to hints (1, 3, h, w) that a person gave, which come first."""
    h, w = L.shape[-2:]
    mask = np.zeros((h, w), np.float32)
    colours = np.zeros((h, w, 2), np.float32)
    for y, x in zip(*np.nonzero(~np.isnan(cells[..., 0])), strict=True):
        spot = (slice(y * CELL + 1, y * CELL + CELL - 1), slice(x * CELL + 1, x * CELL + CELL - 1))
        colours[spot], mask[spot] = cells[y, x], 1
    drawn = to_input(colours, mask, L)
    return torch.where(hints[:, 2:] > 0, hints, drawn)


def likely(field: Field, y: int, x: int, *, count: int = 6) -> list[str]:
    """Colours the network thinks possible in a cell, likeliest first, told apart by eye: #rrggbb at the cell's L."""
    share = field.p[y, x].reshape(GRID, GRID)
    padded = np.pad(share, 1)
    smooth = np.sum([padded[i : i + GRID, j : j + GRID] for i in range(3) for j in range(3)], 0).reshape(-1)
    bins = bin_colours().numpy() * AB
    found: list[NDArray[np.float64]] = [field.ab[y, x].astype(np.float64)]
    for index in np.argsort(-smooth):
        if len(found) == count:
            break
        if min(float(np.hypot(*(bins[index] - one))) for one in found) > 18:
            found.append(bins[index])
    return [_swatch(float(field.L[y, x]), ab) for ab in found]


def main_colours(field: Field, *, count: int = 6) -> list[str]:
    """The colours a colouring is made of, largest area first."""
    labels = regions(field.L, field.ab, seed=0).argmax(-1)
    areas = sorted(((labels == n).sum(), n) for n in range(int(labels.max()) + 1) if (labels == n).any())[::-1]
    return [
        _swatch(float(field.L[labels == n].mean()), field.ab[labels == n].mean(0).astype(np.float64))
        for _, n in areas[:count]
    ]


def _swatch(L: float, ab: NDArray[np.float64]) -> str:
    """A colour as #rrggbb, of a lightness at which it can be seen."""
    lab = torch.tensor([min(max(L, 35.0), 85.0), *ab], dtype=torch.float64).reshape(1, 3, 1, 1)
    r, g, b = (lab_to_rgb(into_gamut(lab)).flatten().clamp(0, 1) * 255).round().int().tolist()
    return hex_of((r, g, b))
