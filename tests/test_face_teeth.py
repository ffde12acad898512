"""Teeth in a mouth that opens: drawn where the generator has some, as light as it has them, and parted."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from engines import Engines
from engines.core.job import Job
from engines.face_editing import FaceEditing
from engines.faces import mouths, teeth
from engines.faces.makeup import landmarks
from engines.faces.motion import LUMA, Change, resized


@pytest.fixture(scope="module")
def smile(tmp_path_factory: Any) -> Change:
    """A new face with its mouth shut, and with a wide smile."""
    faces = Engines("cpu", home=tmp_path_factory.mktemp("home"))[FaceEditing]
    who = faces.latents(4)
    with faces._shop.generator(who.model, Job()) as generator:
        directions = faces._shop.directions(who.model)
        shut, wide = (directions.shift({"smile": one, "mouth_open": other}) for one, other in ((-1, -1), (1.0, 0.3)))
        return mouths.opened(*generator.pictures(mouths.likeness(generator, who.ws) + np.stack([shut, wide])))


def test_a_smile_has_teeth_and_nothing_else_is_drawn(smile: Change) -> None:
    plain, made = resized(smile.after, 512), teeth.parted(smile).sharp
    assert made is not None and made.shape == (512, 512, 3) and np.isfinite(made).all()
    apart = np.abs(made - plain).max(2)
    points = landmarks((plain.clip(0, 1) * 255).astype(np.uint8))
    (left, top), (right, bottom) = points[48:60].min(0) - 4, points[48:60].max(0) + 4
    outside = np.ones((512, 512), bool)
    outside[int(top) : int(bottom), int(left) : int(right)] = False
    assert not apart[outside].any() and (apart > 0.03).sum() > 1000
    middle = np.s_[int(points[62, 1]) + 8 : int(points[66, 1]) - 8, int(points[61, 0]) : int(points[63, 0])]
    before, after = plain[middle].mean((0, 1)), made[middle].mean((0, 1))
    assert after[0] - after[1] < 0.6 * (before[0] - before[1]), "no longer pink"
    assert 0.75 * (before @ LUMA) < after @ LUMA < 1.15 * (before @ LUMA), "as light as it was"


def test_a_shut_mouth_stays_shut(smile: Change) -> None:
    assert np.array_equal(teeth.drawn(smile.before), resized(smile.before, 512))
    sharpened = teeth.parted(Change(smile.before, smile.after, resized(smile.after, 1024))).sharp
    assert sharpened is not None and sharpened.shape == (1024, 1024, 3), "over what the upscaler made"


def test_teeth_are_parted_where_teeth_are() -> None:
    """Two incisors of 8 mm in the middle, narrower ones beside them, alike on both sides."""
    u = np.linspace(-0.4, 0.4, 801, dtype=np.float32)[None]
    row = teeth._relief(u, np.full_like(u, 0.6))[0]
    assert np.allclose(row, row[::-1], atol=1e-5)
    lowest = [at for at in range(1, 800) if row[at] < row[at - 1] and row[at] <= row[at + 1]]
    parted = np.abs(u[0, lowest])
    for edge in (0.0, 0.132, 0.232, 0.32):
        assert np.abs(parted - edge).min() < 0.004, edge
    assert row[466] > 1.08 * row[400], "a tooth's middle is lighter than the gap beside it"
    down = teeth._relief(np.zeros((3, 1), np.float32), np.array([[0.05], [0.6], [0.97]], np.float32))[:, 0]
    assert down[1] > down[0] and down[1] > down[2], "a lip's shadow above, round corners below"
