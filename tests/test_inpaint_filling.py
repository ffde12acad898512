"""How holes are cut into cells, matched with what is around them, laid with it, and given its grain."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor

from engines.core.errors import Cancelled
from engines.core.job import Job
from engines.inpaint import completing
from engines.inpaint.completing import completed
from engines.inpaint.detail import enlarged
from engines.inpaint.filling import CELL, CONTEXT, SEEN, THICK, Floats, Holes, fill, look, plan
from engines.inpaint.matching import PATCH, Field, borrow, shared
from engines.models.inpaint_unet import pull_push


def see(image: Tensor, hole: Tensor, _noise: Tensor) -> Tensor:
    """A network that knows nothing: the smooth fill."""
    assert image.shape[-1] % 32 == 0 and image.shape[-2] % 32 == 0
    return pull_push(image, hole)


def stripes(height: int = 96, width: int = 128, period: int = 12) -> Floats:
    line = (np.arange(width) % period < period // 2).astype(np.float32)
    return np.ascontiguousarray(
        np.broadcast_to(line[None, :, None] * [0.8, 0.5, 0.2] + 0.1, (height, width, 3)), np.float32
    )


def disc(height: int, width: int, radius: int) -> Holes:
    y, x = np.ogrid[:height, :width]
    return np.asarray((y - height // 2) ** 2 + (x - width // 2) ** 2 < radius**2)


def test_cells_cover_every_hole_once_and_thick_ones_are_looked_at_smaller() -> None:
    hole = np.zeros((1200, 1600), np.uint8)
    cv2.line(hole, (20, 20), (1500, 300), 255, 7)
    cv2.circle(hole, (900, 800), 190, 255, -1)
    cv2.circle(hole, (5, 1190), 40, 255, -1)
    cells = list(plan(hole > 0))
    covered = np.zeros(hole.shape, int)
    for cell in cells:
        top, left, bottom, right = cell.box
        covered[top:bottom, left:right] += 1
        assert (bottom - top) * cell.scale <= CELL + 1 and (right - left) * cell.scale <= CELL + 1
        t, f, b, e = cell.crop
        assert t <= top and f <= left and b >= bottom and e >= right
        assert left - f >= min(left, CONTEXT) and e - right >= min(1600 - right, CONTEXT)
    assert (covered[hole > 0] >= 1).all()
    scales = [cell.scale for cell in cells]
    assert scales == sorted(scales, reverse=True), "thin ones first"
    assert (
        scales[0] == 1.0
        and 380 * scales[-1] <= THICK
        and 380 * scales[-1] > THICK / 2
        and 380 * scales[-1] * cells[-1].view <= SEEN + 2
    )
    assert not list(plan(np.zeros((10, 10), bool)))


def test_a_pattern_goes_on_through_a_hole_and_the_rest_stays() -> None:
    image, hole = stripes(), disc(96, 128, 22)
    filled = fill(image, hole, see, job=Job())
    assert np.array_equal(filled[~hole], image[~hole])
    error = np.abs(filled - image)[hole].mean()
    smooth = np.abs(fill(image, hole, see, detail=0.0, job=Job()) - image)[hole].mean()
    assert smooth > 0.1 and error < 0.15 * smooth
    torn = image.copy()
    torn[hole] = np.random.default_rng(0).random((int(hole.sum()), 3))
    assert np.allclose(fill(torn, hole, see, job=Job()), filled), "what lies under the hole is not seen"


def test_matches_are_known_and_alike() -> None:
    image, hole = stripes(), disc(96, 128, 12)
    field = borrow(image, hole, around=PATCH // 2)
    assert field is not None and len(field.at) > hole.sum()
    grown = cv2.dilate(hole.astype(np.uint8), np.ones((PATCH, PATCH), np.uint8)) > 0
    assert not grown[field.source[:, 0], field.source[:, 1]].any(), "no patch reaches into the hole"
    assert field.distance.max() < 0.02, "a pattern of whole periods is its own like"
    shift = (field.source - field.at)[:, 1]
    assert (np.abs(shift) % 12 == 0).mean() > 0.95, "whole periods"
    assert borrow(image, np.ones_like(hole)) is None
    almost = np.ones_like(hole)
    almost[:8] = False
    assert completed(image, almost) is None


def test_what_is_plain_is_not_borrowed_by_everybody_unless_it_fits_far_better() -> None:
    side = np.arange(24)
    lots = np.stack(np.meshgrid(side, side, indexing="ij"), -1).reshape(-1, 2) // 6
    rng = torch.Generator().manual_seed(0)
    asking = 0.01 * torch.randn(300, 8, generator=rng)
    known = 0.03 * torch.randn(len(lots), 8, generator=rng)
    known[(lots == 0).all(1)] *= 0.1  # one lot of 16 is plainer than the others
    plain = (torch.cdist(asking, known).argmin(1).numpy()[:, None] == np.flatnonzero((lots == 0).all(1))).any(1).mean()
    shares = np.unique(lots[shared(asking, known, lots, lambda: None)], axis=0, return_counts=True)[1] / 300
    assert plain > 0.8 and shares.max() < 0.4 and len(shares) > 8
    known[(lots != 0).any(1)] += 0.5
    assert (lots[shared(asking, known, lots, lambda: None)] == 0).all(), "nothing else fits"


@pytest.mark.parametrize(("tint", "taken"), [(0.02, "bold"), (0.5, "careful")])
def test_a_bold_fill_is_taken_only_where_it_keeps_to_the_answer(
    monkeypatch: pytest.MonkeyPatch, tint: float, taken: str
) -> None:
    hole = disc(96, 128, 22)
    answer = np.full((96, 128, 3), 0.4, np.float32)
    field = borrow(stripes(), hole)
    made = {completing.BOLD: answer + np.float32(tint) * hole[..., None], completing.CAREFUL: answer}
    monkeypatch.setattr(completing, "_completed", lambda _answer, _hole, guides, **_rest: (made[guides], field))
    found = completing.completed(answer, hole)
    assert found is not None
    assert found[0] is made[completing.BOLD if taken == "bold" else completing.CAREFUL]


def test_a_fill_has_the_fine_detail_of_its_surroundings() -> None:
    """Patches that differ are not averaged to a smear, and a texture is no reason to doubt them."""
    rng = np.random.default_rng(1)
    noise = np.asarray(cv2.GaussianBlur(rng.normal(0, 1, (128, 128, 3)), (0, 0), 1.2), np.float32)
    image = np.asarray(0.5 + 0.1 * noise / noise.std(), np.float32)
    hole = np.zeros((128, 128), bool)
    hole[40:88, 40:88] = True
    answer = np.where(hole[..., None], np.float32(0.5), image)
    made = completed(answer, hole)
    assert made is not None

    def fine(picture: Floats) -> float:
        return float(np.abs(picture - cv2.GaussianBlur(picture, (0, 0), 1.2))[46:82, 46:82].mean())

    assert 0.83 < fine(made[0]) / fine(image) < 1.15, "0.78 with all that is unlike taken for wrong"


def test_seeds_differ_and_repeat() -> None:
    rng = np.random.default_rng(1)
    image = np.asarray(cv2.GaussianBlur(rng.random((96, 96, 3)), (0, 0), 1.5), np.float32)
    hole = disc(96, 96, 18)
    first, again, other = (fill(image, hole, see, seed=seed, job=Job()) for seed in (0, 0, 3))
    assert np.array_equal(first, again) and np.abs(first - other)[hole].mean() > 0.005
    told: list[tuple[int, ...]] = []

    def watching(picture: Tensor, gap: Tensor, noise: Tensor) -> Tensor:
        told.append(tuple(picture.shape))
        return pull_push(picture, gap)

    for seed in range(8):
        y = look(stripes(64, 96), disc(64, 96, 10), watching, seed=seed)
        assert y.shape == (64, 96, 3) and np.abs(y - stripes(64, 96))[~disc(64, 96, 10)].max() < 1e-5, "turned back"
    assert set(told) == {(1, 3, 64, 96), (1, 3, 96, 64)}


def test_a_large_fill_has_the_grain_around_it() -> None:
    rng = np.random.default_rng(0)
    slope = np.linspace(0.3, 0.6, 900, dtype=np.float32)[None, :, None]
    image = np.asarray(slope + rng.normal(0, 0.03, (700, 900, 3)), np.float32)
    hole = disc(700, 900, 150)
    filled = fill(image, hole, see, job=Job())
    high = filled - cv2.GaussianBlur(filled, (0, 0), 2)
    inside = disc(700, 900, 140)
    ring = disc(700, 900, 250) & ~disc(700, 900, 160)
    assert 0.7 < high[inside].var() / high[ring].var() < 1.3
    smooth = fill(image, hole, see, detail=0.0, job=Job())
    assert (smooth - cv2.GaussianBlur(smooth, (0, 0), 2))[inside].var() < 0.2 * high[ring].var()


def test_fine_detail_of_many_places_shows_no_squares_and_is_as_strong() -> None:
    y, x = np.mgrid[:240, :320]
    wave = np.sin(2 * np.pi * x / 9) * np.sin(2 * np.pi * y / 11)
    image = np.repeat(0.5 + 0.2 * wave[..., None], 3, 2).astype(np.float32)
    hole = disc(240, 320, 80)
    small = np.full((30, 40, 3), 0.5, np.float32)  # an eighth, where the wave is grey
    at = np.argwhere(np.ones((30, 40), bool))
    rng = np.random.default_rng(0)
    field = Field(at, np.c_[rng.integers(1, 4, len(at)), rng.integers(1, 39, len(at))], np.zeros(len(at), np.float32))
    out = enlarged(small, field, image, hole, detail=1.0, check=lambda: None)
    assert np.array_equal(out[~hole], image[~hole])
    inside = disc(240, 320, 70)
    steps = np.abs(np.diff(out[..., 0], axis=1))[:, :319]
    border = inside[:, :319] & (np.arange(319) % 8 == 7)[None]
    assert steps[border].mean() < 1.15 * steps[inside[:, :319] & ~border].mean()
    assert 0.8 < out[inside].std() / image[inside].std() < 1.2


def test_without_a_field_enlarging_is_smooth() -> None:
    image, hole = stripes(64, 64), disc(64, 64, 10)
    small = np.asarray(cv2.resize(image, (32, 32), interpolation=cv2.INTER_AREA), np.float32)
    out = enlarged(small, None, image, hole, detail=1.0, check=lambda: None)
    assert np.array_equal(out[~hole], image[~hole]) and out.dtype == np.float32


def test_cancel_stops_between_rounds() -> None:
    job = Job()

    def cancelling(image: Tensor, hole: Tensor, _noise: Tensor) -> Tensor:
        job.cancel()
        return torch.zeros_like(image)

    with pytest.raises(Cancelled):
        fill(stripes(), disc(96, 128, 20), cancelling, job=job)
