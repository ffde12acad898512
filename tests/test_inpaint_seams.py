"""Patches of different light meet without a step, and what they show stays."""

from __future__ import annotations

import numpy as np
import pytest

from engines.core.errors import Cancelled
from engines.core.job import Job
from engines.inpaint.matching import Field
from engines.inpaint.seams import without_seams


def scene() -> tuple[np.ndarray, np.ndarray, np.ndarray, Field]:
    """A striped wall, grey on the left and lighter on the right; the hole in the middle is laid half of each."""
    y, x = np.mgrid[0:48, 0:96]
    wall = 0.5 + 0.1 * np.sin(y * 1.3)
    image = np.repeat((wall + np.where(x >= 48, 0.12, 0.0))[..., None], 3, 2).astype(np.float32)
    image[:, 40:56] = np.repeat(wall[:, 40:56, None], 3, 2) + 0.06  # what is around the hole lies between the two
    hole = np.zeros((48, 96), bool)
    hole[16:32, 42:54] = True
    at = np.argwhere(hole)
    source = at + np.where(at[:, 1:] < 48, (0, -30), (0, 30))
    laid = image.copy()
    laid[at[:, 0], at[:, 1]] = image[source[:, 0], source[:, 1]]
    return laid, image, hole, Field(at, source, np.zeros(len(at), np.float32))


def test_the_step_goes_and_the_pattern_stays() -> None:
    laid, image, hole, field = scene()
    made = without_seams(laid, image, hole, field)
    step = np.abs(laid[16:32, 48] - laid[16:32, 47]).mean()
    assert step > 0.1 and np.abs(made[16:32, 48] - made[16:32, 47]).mean() < 0.1 * step
    assert np.array_equal(made[~hole], image[~hole])
    rows = made[16:32, 42:54].mean((1, 2))
    assert np.corrcoef(rows, image[16:32, 41, 0])[0, 1] > 0.99, "stripes"
    assert np.abs(made[hole] - np.broadcast_to(image[:, 41:42], image.shape)[hole]).mean() < 0.015


def test_a_fill_that_fits_is_left_alone() -> None:
    _, image, hole, field = scene()
    plain = np.broadcast_to(image[:, :1], image.shape).copy()
    made = without_seams(plain, plain, hole, Field(field.at, field.at - np.array([0, 30]), field.distance))
    assert np.abs(made - plain).max() < 1e-4


def test_cancel_is_heard() -> None:
    job = Job()
    job.cancel()
    with pytest.raises(Cancelled):
        without_seams(*scene(), check=job.check)
