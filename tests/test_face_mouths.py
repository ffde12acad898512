"""A mouth that opens in a photo: what is asked of the generator, and what stays of the photo."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from skimage import data

from engines import Engines
from engines.core.job import Job
from engines.face_editing import FaceEditing
from engines.faces import lips, mouths, pasting, teeth
from engines.faces.motion import Change
from engines.faces.outline import Outline

SKIN, LIPS, TEETH = (0.75, 0.56, 0.47), (0.70, 0.25, 0.27), (0.86, 0.84, 0.80)
SIDE, SEED = 128, 3


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
    assert rest == {"age": 1.0} and opening == {"smile": 0.5, "mouth_open": -0.2}
    assert mouths.apart({"smile": 0.0, "yaw": -1.0}) == ({"smile": 0.0, "yaw": -1.0}, {})


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


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Change, Any]:
    """Someone with a shut mouth, uint8 (256, 256, 3), how it opens, and the same person laughing."""
    engine = Engines("cpu", home=tmp_path_factory.mktemp("home"))[FaceEditing]
    who = engine.latents(SEED)
    directions = engine._shop.directions(who.model)
    with engine._shop.generator(who.model, Job()) as generator:
        opening = teeth.parted(
            mouths.opening(generator, who.ws, directions.shift({"smile": 1.0}), mouths.ways(directions))
        )
    shut, laughing = (engine.render(who, {"smile": value}) for value in (-0.5, 1.0))
    return shut, opening, laughing


def between_lips(picture: Any) -> Any:
    """How far apart the lips are, in parts of the side, and the line between them in pixels, (8, 2)."""
    points = lips.points(picture)
    return lips._height(points), points[60:] * picture.shape[0]


def within(picture: Any) -> Any:
    """Where the mouth of a picture is open, well inside."""
    mask = np.zeros(picture.shape[:2], np.uint8)
    cv2.fillPoly(mask, [np.round(between_lips(picture)[1]).astype(np.int32)], 1)
    return cv2.erode(mask, np.ones((3, 3), np.uint8)) > 0


def test_lips_part_as_those_of_the_likeness_do(people: Any) -> None:
    shut, opening, _ = people
    made, moved = lips.opened(shut, opening)
    assert made.dtype == moved.dtype == np.float32 and made.shape == shut.shape and moved.shape == (256, 256, 1)
    wider = between_lips(opening.after)[0] - between_lips(opening.before)[0]
    assert wider > 0.01
    assert between_lips(made)[0] - between_lips(shut / np.float32(255))[0] == pytest.approx(wider, rel=0.4)
    assert np.array_equal((made * 255).round()[:100], shut[:100]), "eyes and brows to the bit"
    assert moved[:110].max() == 0 and moved[175:200, 110:146].max() == 1.0


@pytest.mark.parametrize("light", [0.45, 1.0])
def test_teeth_are_as_white_as_the_photos_light_lets_them_be(people: Any, light: float) -> None:
    shut, opening, _ = people
    photo = (shut * light).astype(np.uint8)
    made, _ = lips.opened(photo, opening)
    shown = made[within(made)]
    white = shown[shown.mean(1) > np.median(shown.mean(1))].mean(0)
    skin = made[130:150, 60:80].mean((0, 1))
    assert np.ptp(white) < 0.7 * np.ptp(skin) + 0.05, "whiter than skin"
    assert skin.mean() < white.mean() < 0.9 and white.mean() < 0.25 + 0.65 * light


def test_a_grey_photo_gets_grey_teeth(people: Any) -> None:
    shut, opening, _ = people
    grey = np.repeat(cv2.cvtColor(shut, cv2.COLOR_RGB2GRAY)[..., None], 3, 2)
    made, _ = lips.opened(grey, opening)
    shown = made[within(made)]
    assert np.ptp(shown, axis=1).max() < 0.08 and shown.mean(1).max() > 0.6


def test_a_dark_face_is_looked_at_in_better_light(people: Any) -> None:
    shut, *_ = people
    light, dark = (lips.points((shut * part).astype(np.uint8) / np.float32(255)) for part in (1.0, 0.12))
    assert np.abs(light - dark)[48:].mean() < 0.01


def test_lips_keep_the_photos_own_skin(people: Any) -> None:
    """Grain that no generator draws goes along with the lips, and stays as strong."""
    shut, opening, _ = people
    rng = np.random.default_rng(0)
    grain = cv2.resize(rng.normal(0, 26, (128, 128, 1)).astype(np.float32), (256, 256))[..., None]
    photo = (shut + grain).clip(0, 255).astype(np.uint8)
    made, _ = lips.opened(photo, opening)
    outer = lips._within(lips.points(made)[48:60], 256, 0.002) > 0.9
    skin = outer & ~cv2.dilate(within(made).astype(np.uint8), np.ones((7, 7), np.uint8)).astype(bool)
    assert skin.sum() > 200
    fine = made - cv2.GaussianBlur(made, (0, 0), 3)
    before = photo / 255 - cv2.GaussianBlur(photo / 255, (0, 0), 3)
    was = lips._within(lips.points(photo / np.float32(255))[48:60], 256, 0.002) > 0.9
    assert fine[skin].std() > 0.7 * before[was].std()


def test_a_mouth_that_was_open_keeps_its_teeth(people: Any) -> None:
    shut, opening, laughing = people
    green = laughing.copy()
    green[within(laughing / np.float32(255))] = (0, 255, 0)
    made, _ = lips.opened(green, opening)
    inside = made[within(made)]
    assert np.median(inside[:, 1]) > 0.9 and np.median(inside[:, 0]) < 0.2
    closed = shut.copy()
    closed[170:200, 100:156] = np.where(shut[170:200, 100:156] < 40, (0, 255, 0), shut[170:200, 100:156])
    fresh, _ = lips.opened(closed, opening)
    assert np.median(np.ptp(fresh[within(fresh)], 1)) < 0.35, "of a shut mouth the likeness's teeth are shown"


def test_an_opening_that_moves_nothing_changes_nothing(people: Any) -> None:
    shut, opening, _ = people
    still = Change(opening.before, opening.before)
    made, moved = lips.opened(shut, still)
    assert np.abs(made * 255 - shut).max() < 0.02 and moved.max() == 0
    narrow, wide = (
        np.abs(lips.opened(shut, Change(opening.before, part))[0] * 255 - shut).mean()
        for part in (opening.before + 0.5 * (opening.after - opening.before), opening.after)
    )
    assert 0 < narrow < wide


def test_landmarks_move_evenly_as_a_mouth_opens(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between three looks each point goes straight, so that a film of a smile does not tremble."""
    rng = np.random.default_rng(0)
    ways, start = rng.normal(size=(2, 3, 4)).astype(np.float32), rng.random((68, 2))
    steps = {(index, sign): rng.normal(size=(2, 68, 2)) * 0.01 for index in (0, 1) for sign in (-1, 1)}

    def looked(_: Any, way: Any) -> Any:
        index, sign = next(key for key in steps if np.allclose(way, key[1] * ways[key[0]]))
        return np.stack([start, *(start + steps[index, sign])])

    monkeypatch.setattr(mouths.Motion, "_looked", looked)
    motion = mouths.Motion(None, np.zeros((3, 4), np.float32), ways)  # type: ignore[arg-type]
    before, half = motion.points(np.float32(0.5) * ways[0])
    assert np.array_equal(before, start) and np.allclose(half, start + steps[0, 1][0], atol=1e-6)
    both = motion.points(ways[0] - np.float32(0.25) * ways[1])[1]
    assert np.allclose(both, start + steps[0, 1][1] + 0.5 * steps[1, -1][0], atol=1e-6)
    beyond = motion.points(np.float32(-1.25) * ways[1])[1]
    assert np.allclose(beyond, start + steps[1, -1][1] + 0.5 * (steps[1, -1][1] - steps[1, -1][0]), atol=1e-6)
    path = np.stack([motion.points(np.float32(part) * ways[0])[1] for part in np.linspace(0, 1, 11)])
    assert np.abs(np.diff(path[:6], 2, axis=0)).max() < 1e-6 > np.abs(np.diff(path[5:], 2, axis=0)).max()


def test_a_mouth_that_shows_teeth_shuts_to_a_part_and_another_one_whole(people: Any) -> None:
    _, opening, laughing = people
    closing = Change(opening.after, opening.before, points=(opening.points[1], opening.points[0]))
    was = lips._height(lips.points(laughing / np.float32(255)))
    made, _ = lips.opened(laughing, closing)
    assert 0.3 * was < lips._height(lips.points(made)) < 0.75 * was
    assert np.array_equal((made * 255).round()[:100], laughing[:100])
    before, after = (part[within(part)] for part in (laughing / np.float32(255), made))
    assert np.abs(np.median(before, 0) - np.median(after, 0)).max() < 0.12, "its own teeth, no haze"
    drawn = lips._shut(lips.points(laughing / np.float32(255)), 0.0)
    assert abs(lips._height(drawn)) < 1e-3 and (drawn[[67, 66, 65], 1] >= drawn[[61, 62, 63], 1] - 1e-9).all()


def test_landmarks_are_looked_for_once_a_person(tmp_path: Any) -> None:
    engine = Engines("cpu", home=tmp_path)[FaceEditing]
    who, directions = engine.latents(11), engine._shop.directions("faces-256")
    with engine._shop.generator(who.model, Job()) as generator:
        mouths.opening(generator, who.ws, directions.shift({"smile": 0.3}), mouths.ways(directions))
        looks, real = [], lips.points
        lips.points = lambda *args, **kind: looks.append(1) or real(*args, **kind)  # type: ignore[assignment]
        try:
            mouths.opening(generator, who.ws, directions.shift({"smile": 0.6}), mouths.ways(directions))
            assert not looks
            mouths.opening(generator, who.ws, directions.shift({"smile": -0.6}), mouths.ways(directions))
            assert len(looks) == 3, "the other way has not been looked at"
        finally:
            lips.points = real


def test_steady_landmarks_are_those_of_the_face_and_of_its_mirror_image(people: Any) -> None:
    shut, *_ = people
    plain = shut / np.float32(255)
    once, steady = lips.points(plain), lips.points(plain, steady=True)
    assert np.abs(once - steady).max() < 0.03 and np.abs(once - steady)[48:].mean() < 0.006
    mirrored = lips.points(np.ascontiguousarray(plain[:, ::-1]), steady=True)[lips._MIRRORED]
    assert np.allclose(steady, np.array([1, 0]) + mirrored * np.array([-1, 1]), atol=0.006)


def test_a_spline_meets_its_points_and_is_smooth_between_them() -> None:
    rng = np.random.default_rng(1)
    at = rng.random((30, 2))
    line = at @ np.array([[0.1, -0.2], [0.3, 0.05]]) + np.array([0.02, -0.01])
    where = rng.random((200, 2))
    assert np.allclose(
        lips._spline(at, line, where), where @ np.array([[0.1, -0.2], [0.3, 0.05]]) + [0.02, -0.01], atol=1e-6
    )
    values = np.column_stack([0.02 * np.sin(3 * at[:, 0]), 0.01 * np.cos(2 * at[:, 1])])
    assert np.abs(lips._spline(at, values, at) - values).max() < 1e-3


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
    middle = np.zeros((SIDE, SIDE, 1), bool)
    middle[40:100, 40:88] = True
    lighter = middle & (wide > 0.11)
    assert lighter.sum() > 7000 and np.allclose(both[lighter], wide[lighter] - 0.1, atol=0.006)


def test_a_photos_face_remembers_its_last_picture_and_no_other(tmp_path: Any) -> None:
    engine = Engines("cpu", home=tmp_path)[FaceEditing]
    photo = np.ascontiguousarray(data.astronaut()[:260, 90:350], np.uint8)
    who = engine.invert(photo, steps=1)
    tuned = replace(who, deltas=engine.refine(who, steps=2).deltas)
    with engine._shop.generator(who.model, Job()) as generator:
        first, other = generator.picture(who), generator.picture(tuned)
        assert np.abs(first - other).max() > 0.01, "another person's generator"
        first[:] = 0
        again = generator.picture(who)
        assert again.max() > 0.5 and np.array_equal(again, generator.pictures(who.ws[None])[0])
        assert not np.array_equal(generator.picture(who, who.ws + 0.1), again), "of other latents"
    assert len(who.last) == 1 and replace(who, steps=9).last == []
