"""Beyond the borders of a picture: the network goes on step by step, and large pieces are laid first."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from engines.core.errors import Cancelled
from engines.core.job import Job
from engines.inpaint.filling import STEP, Floats, Holes, answered, fill, outwards
from engines.inpaint.montage import montage
from engines.models.inpaint_unet import pull_push


def leaning(height: int = 72, width: int = 120) -> Floats:
    """Slanted stripes that move by 3 down for every 5 to the right."""
    y, x = np.mgrid[:height, :width]
    wave = (np.sin(2 * np.pi * (3 * x + 5 * y) / 60) > 0).astype(np.float32)
    return np.asarray(wave[..., None] * [0.8, 0.5, 0.2] + 0.1, np.float32)


def extended(image: Floats, right: int) -> tuple[Floats, Holes]:
    hole = np.zeros(image.shape[:2], bool)
    hole[:, -right:] = True
    return np.where(hole[..., None], 0.5, image).astype(np.float32), hole


def smooth(image: Tensor, hole: Tensor, _noise: Tensor) -> Tensor:
    """A network that knows nothing."""
    return pull_push(image, hole)


def test_a_montage_goes_on_with_a_slant_that_no_answer_told() -> None:
    truth = leaning()
    cut, hole = extended(truth, 30)
    field = montage(cut, hole)
    assert field is not None and len(field.at) == hole.sum()
    assert hole[tuple(field.at.T)].all() and not hole[tuple(field.source.T)].any()
    right = np.abs(truth[tuple(field.source.T)] - truth[tuple(field.at.T)]).max(1) < 0.01
    assert right.mean() > 0.85, "by chance it were a half"
    moves = np.zeros((*hole.shape, 2))
    moves[tuple(field.at.T)] = field.source - field.at
    alike = (moves[:, 91:] == moves[:, 90:-1]).all(2)
    assert alike.mean() > 0.7, "pieces, not pixels"


def test_nothing_known_or_nothing_lent_makes_no_montage_and_cancel_stops_one() -> None:
    cut, hole = extended(leaning(), 30)
    assert montage(cut, np.ones_like(hole)) is None
    assert montage(cut, hole, barred=~hole) is None
    barred = np.zeros_like(hole)
    barred[:, :45] = True
    field = montage(cut, hole, barred=barred)
    assert field is not None and not barred[tuple(field.source.T)].any()

    def stop() -> None:
        raise Cancelled("stop")

    with pytest.raises(Cancelled):
        montage(cut, hole, check=stop)


def test_a_picture_grows_from_what_is_known_step_by_step() -> None:
    hole = np.ones((100, 140), bool)
    hole[10:90, 50:130] = False
    steps = list(outwards(hole))
    assert len(steps) == -(-50 // STEP)
    before = np.zeros_like(hole)
    before[10:90, 50:130] = True
    for step in steps:
        now = np.zeros_like(hole)
        now[step] = True
        wider, higher = now.any(0).sum() - before.any(0).sum(), now.any(1).sum() - before.any(1).sum()
        assert (now >= before).all() and wider <= 2 * STEP and higher <= 2 * STEP
        before = now
    assert before.all()
    inner = np.zeros_like(hole)
    inner[40:60, 60:90] = True
    assert list(outwards(inner)) == [(slice(0, 100), slice(0, 140))], "a hole inside is asked for once"
    assert list(outwards(np.ones((5, 5), bool))) == [(slice(0, 5), slice(0, 5))]


def test_each_step_sees_what_was_drawn_before() -> None:
    image, hole = np.zeros((32, 90, 3), np.float32), np.zeros((32, 90), bool)
    hole[:, 40:] = True
    widths: list[float] = []

    def counting(picture: Tensor, gap: Tensor, _noise: Tensor) -> Tensor:
        widths.append(float((gap[0, 0, 0] == 0).sum()))
        return torch.full_like(picture, len(widths) / 10)

    steps = list(outwards(hole))
    answer = answered(image, hole, counting, steps=steps, seeds=[0])
    assert widths == [40, 57, 73] and len(steps) == 3
    assert np.allclose(answer[0, [39, 45, 60, 80], 0], [0, 0.1, 0.2, 0.3])


def test_a_picture_is_extended_along_its_grain() -> None:
    truth = leaning(96, 160)
    cut, hole = extended(truth, 40)
    filled = fill(cut, hole, smooth, job=Job())
    assert np.array_equal(filled[~hole], truth[~hole])
    assert np.abs(filled - truth)[hole].mean() < 0.06


def test_the_smooth_fill_goes_on_in_the_colours_of_each_row() -> None:
    image = torch.zeros(1, 3, 64, 64)
    image[:, :, :32] = 1.0
    gap = torch.zeros(1, 1, 64, 64)
    gap[..., 40:] = 1
    filled = pull_push(image, gap)
    assert filled[0, 0, 8, 40:].min() > 0.8 and filled[0, 0, 56, 40:].max() < 0.2
