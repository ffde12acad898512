"""How far a head turns in a photo: to where the photo has nothing more of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from skimage import data

from engines import Engines
from engines.core.job import Job
from engines.face_editing import FaceEditing
from engines.faces import making, motion, pasting, turning
from engines.faces.making import slider_edit
from engines.faces.motion import Change
from engines.faces.outline import Outline
from engines.faces.values import Inverted


def test_a_slider_ends_where_too_much_is_invented() -> None:
    asked = []

    def invented(value: float) -> float:
        asked.append(value)
        return turning.INVENTED * float(np.interp(value, (0.0, 0.5, 0.75, 1.0), (0.0, 0.5, 1.5, 8.0)))

    assert turning._end(invented) == pytest.approx(0.625) and asked == [1.0, 0.5, 0.75]
    assert turning._end(lambda value: turning.INVENTED * value) == 1.0
    assert turning._end(lambda value: 1.0) == pytest.approx(0.15), "every head turns a little"


def test_ends_are_this_heads() -> None:
    who = Inverted(model="x", ws=np.zeros((1, 2), np.float32), reach={"yaw": (-0.5, 0.8)})
    assert who.within_reach({"yaw": -1.0, "smile": -0.7}) == {"yaw": -0.5, "smile": -0.7}
    assert who.within_reach({"yaw": 0.5, "pitch": 0.3}) == {"yaw": pytest.approx(0.4), "pitch": 0.3}
    wearer = Inverted(model="x", ws=np.zeros((1, 2), np.float32), reach={"glasses": (-1.0, 0.0)})
    assert wearer.within_reach({"glasses": 1.0}) == {"glasses": 0.0} and "wears glasses already" in wearer.hints[0]
    assert who.hints == ()


def test_what_moved_is_explained_and_what_is_new_is_not() -> None:
    y, x = np.mgrid[0:128, 0:128] / 128
    head = (np.hypot(x - 0.5, y - 0.5) < 0.35).astype(np.float32)
    rng = np.random.default_rng(0)
    texture = np.asarray(motion.resized(rng.random((24, 24, 3)).astype(np.float32), 128)) * 0.6 + 0.2
    moved = np.roll(texture, 4, 1)
    other = np.asarray(motion.resized(rng.random((24, 24, 3)).astype(np.float32), 128)) * 0.6 + 0.2
    same, shifted, new = (motion.unexplained(Change(texture, after), head) for after in (texture, moved, other))
    assert same == 0.0 and shifted < 0.1 < 0.15 < new
    assert motion.unexplained(Change(texture, other), np.zeros((16, 16), np.float32)) == 0.0


def test_a_photo_has_a_reach_once_it_is_learnt_and_edits_keep_within_it(tmp_path_factory: Any) -> None:
    faces = Engines("cpu", home=tmp_path_factory.mktemp("home"))[FaceEditing]
    photo = np.ascontiguousarray(data.astronaut()[:260, 90:350], np.uint8)
    first = faces.invert(photo, steps=2)
    assert first.reach == {}
    known = faces.refine(first, steps=2)
    assert set(known.reach) == {"yaw", "pitch"}
    low, high = known.reach["yaw"]
    assert -1 <= low <= -0.15 and 0.15 <= high <= 1
    directions = faces._shop.directions(known.model)
    edit = slider_edit(faces._shop, photo, known, {"yaw": 1.0})
    assert np.allclose(edit.after(1.0) - known.ws, directions.shift({"yaw": high}), atol=1e-5)
    free = replace(known, reach={})
    assert np.array_equal(faces.render(known, {"yaw": 1.0}), faces.render(free, {"yaw": high})), (
        "while it is dragged, too"
    )
    shut, wide = (faces.render(known, {"smile": value}).astype(int) for value in (0.0, 1.0))
    assert np.abs(wide - shut)[150:210, 90:166].mean() > 4 > np.abs(wide - shut)[:100].max(), "and so is its mouth"
    assert known.hints == (), "she wears no glasses"
    plain, wearing = (faces.generate(seed=4, sliders={"glasses": value}) for value in (0.0, 1.0))
    assert making.glasses(faces._shop, wearing, Job()) and not making.glasses(faces._shop, plain, Job())
    job = Job()
    done = faces.frontal(photo, inverted=known, job=job)
    assert abs(done.sliders.get("yaw", 0.0)) <= 1 and "yaw_after" in job.facts


def test_a_collar_stays_where_it_is_when_the_head_turns() -> None:
    """A head of stripes moves by 8 of 128 pixels over a patterned collar."""
    y, x = np.mgrid[0:128, 0:128] / 128

    def person(shift: float) -> Any:
        there = (np.abs(x - 0.5 - shift) < 0.25) & (y < 0.99)
        stripes = 0.5 + 0.2 * np.sin((x - shift) * 40) * np.sin(y * 30)
        return np.repeat(np.where(there, stripes, 0.8)[..., None], 3, 2).astype(np.float32)

    photo = (person(0.0) * 255).astype(np.uint8)
    head = (np.abs(x - 0.5) < 0.25).astype(np.float32)
    made, laid = pasting.composed(photo, Change(person(0.0), person(0.0625)), outline=Outline(head))
    apart = np.abs(made * 255 - photo).mean(2)
    assert apart[40:100, 20:108].mean() > 8 and apart[122:].max() < 1
    assert laid is not None and laid[40:100].max() > 0.5 and laid[122:].max() < 0.01


def test_what_moved_takes_its_place_and_leaves_nothing_behind() -> None:
    """What a small square lacks of a photo, a lash or a pore, belongs where it was."""
    y, x = np.mgrid[0:128, 0:128] / 128
    grain = motion.resized(np.random.default_rng(2).random((40, 40, 3)).astype(np.float32), 128) * 0.5 + 0.2
    head = (np.hypot(x - 0.5, y - 0.5) < 0.3).astype(np.float32)
    lower = np.where((y < 0.5)[..., None], np.roll(grain, 5, 1), grain)
    photo = (grain * 255).astype(np.uint8)
    _, laid = pasting.composed(photo, Change(grain, lower), outline=Outline(head))
    assert laid is not None and laid[34:52, 48:80].min() > 0.95, "the upper half moved"
    assert laid[84:100, 48:80].max() < 0.05, "the lower did not"
    large = np.repeat(np.repeat(photo, 8, 0), 8, 1)
    _, laid = pasting.composed(large, Change(grain, lower), outline=Outline(head))
    assert laid is not None and laid[280:410, 400:620].max() < 0.05, "a photo that is finer than its square stays fine"
