"""A head that turns on its neck in a photo."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from engines.faces import pasting, settling
from engines.faces.making import Made
from engines.faces.motion import Change, resized, shifted
from engines.faces.outline import Outline
from engines.faces.settling import calmed, settled
from engines.faces.steadying import POSE, steadied

SIDE = 128
Y, X = (np.mgrid[0:SIDE, 0:SIDE] + 0.5) / SIDE
HEAD = ((np.hypot((X - 0.5) / 0.3, (Y - 0.45) / 0.38) < 1) | ((np.abs(X - 0.5) < 0.16) & (Y > 0.5))).astype(np.float32)
GRAIN = resized(np.random.default_rng(0).random((40, 40, 3)).astype(np.float32), 2 * SIDE).clip(0, 1)


def grain(across: Any, down: Any) -> Any:
    """A texture at places of a square, (SIDE, SIDE, 1), 0 to 1."""
    x, y = (np.clip((plane * SIDE + 0.5 * SIDE).astype(int), 0, 2 * SIDE - 1) for plane in (across, down))
    return GRAIN[y, x, :1]


def person(turned: float) -> Any:
    """Someone before a wall, as a generator draws them, (SIDE, SIDE, 3): the face is always in the middle, neck and
    skull are where that leaves them.  turned: by how much of the side.
    """
    about = X + turned
    out = np.hypot((about - 0.5) / 0.3, (Y - 0.45) / 0.38)
    neck = (np.abs(about - 0.5) < 0.16) & (Y > 0.5)
    skin = np.array([0.8, 0.6, 0.5]) + 0.3 * (grain(about - turned * np.clip(1.2 - out, 0, 1), Y) - 0.5)
    collar = np.where(np.abs(about - 0.5)[..., None] < 0.24, 0.95, 0.15) * np.ones(3)
    behind = np.where(Y[..., None] > 0.86, collar, np.array([0.35, 0.4, 0.45]))
    return np.where((out < 1)[..., None] | neck[..., None], skin, behind).astype(np.float32)


def test_a_head_turns_and_its_collar_stays() -> None:
    straight, turned = person(0.0), person(0.08)
    photo = (straight * 255).round().astype(np.uint8)
    outline = Outline(HEAD)
    change = settled(Change(straight, turned), turned, outline)
    assert change.shift == pytest.approx((0.08, 0.0), abs=0.02)
    made, plain = (pasting.composed(photo, one, outline=outline)[0] * 255 for one in (change, Change(straight, turned)))
    collar = (Y > 0.86) & (np.abs(X - 0.5) > 0.18) & (np.abs(X - 0.5) < 0.4)
    assert np.abs(made - photo)[collar].mean() < 1 < 4 < np.abs(plain - photo)[collar].mean()
    middle = (np.abs(X - 0.5) < 0.12) & (np.abs(Y - 0.45) < 0.15)
    where = np.asarray(shifted(straight, (0.08, 0.0)))[middle] * 255
    assert np.abs(made[middle] - where).mean() < 0.5 * np.abs(made[middle] - photo[middle]).mean(), (
        "the face has turned"
    )


def test_a_turned_head_keeps_its_light_and_shows_what_is_new() -> None:
    straight, turned = person(0.0), person(0.03)
    red = np.exp(-np.square((X - 0.35) / 0.1) - np.square((Y - 0.5) / 0.15))[..., None] * np.array([0.1, -0.08, -0.08])
    eye = (np.hypot(X - 0.6, Y - 0.4) < 0.03)[..., None] * np.full(3, -0.4, np.float32)
    outline = Outline(HEAD)
    plain, seen = (
        settled(Change(straight, one), one, outline) for one in (turned, (turned + red + eye).astype(np.float32))
    )
    apart = seen.after - plain.after
    cheek, moved = (
        (np.abs(X - 0.38) < 0.04) & (np.abs(Y - 0.5) < 0.05),
        shifted(eye.astype(np.float32), seen.shift)[..., 0] < -0.35,
    )
    assert np.abs(red[cheek]).mean() > 0.06 > 0.03 > np.abs(apart[cheek]).mean(), "no blush that nobody had"
    assert apart[moved].mean() < -0.2, "an eye that opens"


def test_other_edits_turn_with_the_head() -> None:
    straight, turned = person(0.0), person(0.05)
    spot = (np.hypot(X - 0.5, Y - 0.3) < 0.05)[..., None] * np.full(3, -0.2, np.float32)
    alone = calmed(straight, turned, {POSE: turned}, Outline(HEAD))
    both = calmed(straight, np.asarray(turned + spot, np.float32), {POSE: turned}, Outline(HEAD))
    assert both.shift == alone.shift
    assert np.abs(both.after - alone.after - shifted(spot.astype(np.float32), alone.shift)).max() < 1e-5


def test_without_a_turn_or_an_outline_nothing_settles() -> None:
    straight, turned = person(0.0), person(0.05)
    for kinds, outline in (({}, Outline(HEAD)), ({POSE: turned}, None)):
        change = calmed(straight, turned, kinds, outline)
        assert change.shift == (0.0, 0.0) and np.array_equal(change.after, steadied(straight, turned, kinds))
    bald = settled(Change(straight, turned), turned, Outline(np.zeros((SIDE, SIDE), np.float32)))
    assert bald.shift == (0.0, 0.0), "nobody's neck"


def test_an_edited_face_is_looked_at_where_faces_are_aligned() -> None:
    square = person(0.0)
    made = Made(shifted(square, (0.0625, -0.03125)), None, (0.0625, -0.03125))
    inner = np.s_[16:-16, 16:-16]
    assert np.abs(made.aligned(made.square)[inner].astype(int) - (square[inner] * 255)).max() <= 2, "rounded twice"


def test_more_contrast_is_nothing_new() -> None:
    """A generator's ear that comes into view redder and harder than the photo's is still the photo's ear."""
    rng = np.random.default_rng(1)
    known, other = (resized(rng.random((32, 32, 1)).astype(np.float32), 128) * 0.4 + 0.3 for _ in range(2))
    harder = (known - 0.5) * 1.8 + 0.4
    assert np.allclose(settling._unlike(harder, known), 0, atol=2e-3)
    weaker = settling._unlike(known * 0.5 + other * 0.5, known)
    assert weaker.mean() > settling._NEW_FROM / 2 and settling._unlike(other, known).mean() > 1.5 * weaker.mean()
    flat = np.full_like(known, 0.5)
    assert np.abs(settling._unlike(flat, known)).max() < 1e-6, "smooth skin is a pattern with its contrast gone"
    assert settling._unlike(known, flat).mean() > settling._NEW_FROM, "but no motion brings a pattern to smooth skin"
