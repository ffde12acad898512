"""A mouth that opens in a photo: what is asked of the generator, and what stays of the photo."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from engines.faces import mouths, pasting
from engines.faces.motion import Change
from engines.faces.outline import Outline

SKIN, LIPS, TEETH = (0.75, 0.56, 0.47), (0.70, 0.25, 0.27), (0.86, 0.84, 0.80)
SIDE = 128


def face(mouth: tuple[float, float, float], *, light: float = 0.0, teeth: bool = False) -> Any:
    """Skin with lips, open on teeth or not; light: how much lighter the skin is."""
    y, x = (np.mgrid[0:SIDE, 0:SIDE] + 0.5) / SIDE
    rng = np.random.default_rng(0)
    picture = np.full((SIDE, SIDE, 3), SKIN, np.float32) + np.float32(light)
    picture += rng.normal(0, 0.01, (SIDE, SIDE, 1)).astype(np.float32)
    lips = np.hypot((x - 0.5) / 0.13, (y - 0.72) / (0.085 if teeth else 0.03)) < 1
    picture[lips] = mouth
    if teeth:
        picture[np.hypot((x - 0.5) / 0.10, (y - 0.72) / 0.05) < 1] = TEETH
    for eye in (0.376, 0.624):
        picture[np.hypot((x - eye) / 0.05, (y - 0.469) / 0.02) < 1] = 0.1
    return picture


def test_what_opens_the_mouth_is_an_edit_of_its_own() -> None:
    rest, opening = mouths.apart({"smile": 0.5, "mouth_open": -0.2, "age": 1.0})
    assert rest == {"mouth_open": -0.2, "age": 1.0} and opening == {"smile": 0.5}
    assert mouths.apart({"smile": -1.0}) == ({"smile": -1.0}, {})


def test_a_likeness_lies_between_the_person_and_everybody() -> None:
    class Known:
        def mean(self) -> torch.Tensor:
            return torch.tensor([1.0, 0.0])

    near = mouths.likeness(Known(), np.array([[2.0, 1.0], [1.0, -1.0]], np.float32))  # type: ignore[arg-type]
    assert near == pytest.approx(np.array([[1.6, 0.6], [1.0, -0.6]])) and near.dtype == np.float32


def test_only_the_mouth_and_what_it_moves_is_taken_over() -> None:
    before, after = face(LIPS), face(LIPS, teeth=True) + np.float32(0.05)
    after[55:66] = 0.9  # other eyes
    made = mouths.opened(before, after).after
    assert np.array_equal(made[55:60, 40:52], before[55:60, 40:52]), "the eyes stay"
    assert np.allclose(made[84:100, 54:74], after[84:100, 54:74], atol=1e-6) and np.array_equal(
        made[:, :12], before[:, :12]
    )


@pytest.mark.parametrize("light", [-0.25, 0.0, 0.2])
def test_teeth_are_as_white_as_the_photos_light_lets_them_be(light: float) -> None:
    """The photo's lips are much redder than the likeness' are: nothing of that may lie on the teeth."""
    photo = (face((0.55, 0.10, 0.12), light=light).clip(0, 1) * 255).astype(np.uint8)
    opening = mouths.opened(face(LIPS), face(LIPS, teeth=True))
    made, laid = mouths.composed(photo, opening, None)
    assert laid is None and made.dtype == np.float32 and made.min() >= 0 and made.max() <= 1
    middle = made[88:96, 58:70].mean((0, 1))
    assert np.ptp(middle) < 0.14, "white"
    skin = (np.array(SKIN) + light).mean()
    assert skin < middle.mean() < 0.97, "lighter than the skin and not blown out"
    assert np.array_equal((made * 255).round()[:60], photo[:60]), "the upper face to the bit"


def test_behind_the_chin_nothing_changes() -> None:
    photo = (face(LIPS) * 255).astype(np.uint8)
    head = np.zeros((96, 96), np.float32)
    head[:, :48] = 1
    opening = mouths.opened(face(LIPS), face(LIPS, teeth=True))
    made, _ = mouths.composed(photo, opening, None, outline=Outline(head))
    assert np.allclose(made[:, 72:] * 255, photo[:, 72:], atol=0.01)
    assert np.abs(made[90:94, 52:60] * 255 - photo[90:94, 52:60]).mean() > 20


def test_another_edit_is_made_over_the_open_mouth() -> None:
    photo = (face(LIPS) * 255).astype(np.uint8)
    opening = mouths.opened(face(LIPS), face(LIPS, teeth=True))
    grey = np.full((SIDE, SIDE, 3), 0.5, np.float32)
    rest = Change(grey, grey - np.float32(0.1))
    alone, _ = mouths.composed(photo, None, rest)
    assert np.allclose(alone, pasting.compose(photo, rest), atol=1e-6)
    wide, _ = mouths.composed(photo, opening, None)
    both, _ = mouths.composed(photo, opening, rest)
    middle = (slice(40, 100), slice(40, 88))
    assert np.allclose(both[middle], wide[middle] - 0.1, atol=0.006)
