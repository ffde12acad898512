"""Eyes that open wide or narrow: the face's own, warped, and nothing beside them."""

from __future__ import annotations

import numpy as np
import pytest
from skimage import data

from engines import Engines
from engines.core import faces
from engines.face_editing import FaceEditing
from engines.faces import drawing, lids
from engines.faces.motion import Plane
from tests.test_face_drawing import directions

MIDDLES = np.array([[88.0, 120.0], [168.0, 120.0]])
WIDTH, HEIGHT, IRIS = 22.0, 9.0, 8.0  # halves, in pixels of 256
NAMES = ("smile", "eyes", "glasses", "hair_dark", "hair_blond", "hair_grey")


def eyes(side: int, roll: float = 0.0) -> tuple[Plane, np.ndarray]:
    """Skin with two white eyes that have dark irises, rolled by degrees; and their lines as dlib's points."""
    scale, turn = side / 256, np.deg2rad(roll)
    along, down = np.array([np.cos(turn), np.sin(turn)]), np.array([-np.sin(turn), np.cos(turn)])
    places = np.dstack(np.meshgrid(*(np.arange(side) + 0.5,) * 2)) / scale
    face, lines = np.full((side, side, 3), (0.8, 0.62, 0.55), np.float32), []
    for middle in MIDDLES:
        u, v = (places - middle) @ along, (places - middle) @ down
        white = np.hypot(u / WIDTH, v / HEIGHT) < 1
        face[white] = 0.95
        face[np.hypot(u, v) < IRIS] = (0.1, 0.2, 0.3)
        angles = np.deg2rad([180, 240, 300, 0, 60, 120])
        lines.append(middle + WIDTH * np.cos(angles)[:, None] * along + HEIGHT * np.sin(angles)[:, None] * down)
    return face, np.concatenate(lines) * scale


def sizes(face: Plane) -> tuple[float, float, float, float]:
    """Height and width of the left eye, and of its iris, in pixels of 256: of what is not skin, and of what is dark."""
    scale = face.shape[0] / 256
    x, y = (int(part) for part in MIDDLES[0] * scale)
    blue, light = face[..., 2], face.mean(2)
    reach = int(36 * scale)
    column, row = np.s_[y - reach : y + reach, x], np.s_[y, x - reach : x + reach]
    eye, iris = np.abs(blue - 0.55) > 0.12, light < 0.5
    found = eye[column].sum(), eye[row].sum(), iris[column].sum(), iris[row].sum()
    return tuple(float(part) / scale for part in found)


@pytest.mark.parametrize("side", [256, 700])
def test_an_open_eye_is_taller_and_its_iris_stays_round(side: int) -> None:
    face, lines = eyes(side)
    height, width, *_ = sizes(face)
    assert (height, width) == pytest.approx((2 * HEIGHT, 2 * WIDTH), abs=1.1)
    heights = []
    for amount in (-1.0, -0.5, 0.5, 1.0):
        made = lids.opened(face, lines, amount)
        assert made.shape == face.shape and made.dtype == np.float32 and made.min() >= 0 and made.max() <= 1
        heights.append(sizes(made)[0] / height)
    assert heights == sorted(heights) and heights[0] == pytest.approx(0.76, abs=0.09)
    assert heights[1] < 0.95 and heights[2] > 1.05 and heights[3] == pytest.approx(1.26, abs=0.09)
    _, wide, tall, across = sizes(made)
    assert wide > 1.03 * width and 0.9 < tall / across < 1.2
    assert 0.7 < sizes(lids.opened(face, lines, -1.0))[1] / width < 1.02, "narrow eyes are no wider"


def test_nothing_moves_beside_the_eyes() -> None:
    face, lines = eyes(256)
    face = face * np.random.default_rng(0).uniform(0.8, 1, (256, 256, 1)).astype(np.float32)
    made = lids.opened(face, lines, 1.0)
    moved = np.abs(made - face).max(2) > 1e-6
    rows, columns = np.flatnonzero(moved.any(1)), np.flatnonzero(moved.any(0))
    assert moved[110:130, 70:106].mean() > 0.8 and rows.min() > 84 and rows.max() < 156
    assert columns.min() > 30 and columns.max() < 226
    assert np.array_equal(lids.opened(face, lines, 0.0), face)


def test_eyes_open_across_a_face_that_is_rolled() -> None:
    (level, lines), (rolled, along) = eyes(256), eyes(256, 20.0)
    grown = [lids.opened(face, line, 1.0) for face, line in ((level, lines), (rolled, along))]
    before, after = ((np.abs(face[:, :128, 2] - 0.55) > 0.12).sum() for face in (level, grown[0]))
    assert after / before == pytest.approx(1.26 * 1.10, abs=0.12)
    assert (np.abs(grown[1][:, :128, 2] - 0.55) > 0.12).sum() == pytest.approx(after, rel=0.04)


def test_eyes_that_are_not_there_change_nothing() -> None:
    face, lines = eyes(64)
    assert np.array_equal(lids.opened(face, lines + 400, 1.0), face), "beside the square"
    assert np.array_equal(lids.opened(face, (lines - lines.mean(0)) * 0.1 + 32, 1.0), face), "a few pixels"


def test_wide_and_narrow_eyes_are_drawn_and_count_as_the_faces_own() -> None:
    for value in (0.6, -0.6):
        rest, drawn = drawing.taken_out(directions(NAMES), {"smile": 0.5, "eyes": value, "glasses": 1.0})
        assert rest == {"smile": 0.5} and drawn is not None
        assert drawn.features(0.5) == {"eyes": value / 2} and drawn.over == {"glasses": 1.0}
        assert drawing.of_new_face({"eyes": value, "smile": 1.0}) == ({"smile": 1.0}, {"eyes": value})
        assert drawing.scaled({"eyes": value, "glasses": 1.0}, 0.5) == {"eyes": value / 2, "glasses": 1.0}
    assert not drawing.lies_over("eyes", 0.0) and not drawing.lies_over("beard", -1.0)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> FaceEditing:
    return Engines("cpu", home=tmp_path_factory.mktemp("home"))[FaceEditing]


def test_a_photo_changes_around_its_eyes_and_nowhere_else(engine: FaceEditing) -> None:
    photo = np.ascontiguousarray(data.astronaut()[:260, 90:350], np.uint8)
    who = engine.invert(photo, steps=1)
    wide, narrow = (engine.finish(photo, who, {"eyes": value}) for value in (1.0, -1.0))
    left, right = np.array(who.face.eyes)
    apart = float(np.hypot(*(right - left)))
    y, x = np.mgrid[0 : photo.shape[0], 0 : photo.shape[1]]
    near = np.minimum(*(np.hypot(x - eye[0], y - eye[1]) for eye in (left, right))) < 0.62 * apart
    for done in (wide, narrow):
        changed = np.abs(done.pixels.astype(int) - photo).max(2)
        assert changed[~near].max() == 0 and changed[near].max() > 30
        assert 0.03 < done.distance < 0.3, "it counts, and she is still herself"
    dragged = [engine.render(who, {"eyes": value}).astype(int) for value in (0.0, 1.0)]
    assert np.abs(dragged[1] - dragged[0])[90:140].max() > 30 and np.abs(dragged[1] - dragged[0])[175:].max() == 0
    gentle = engine.finish(photo, who, {"eyes": -1.0}, keep=1.0)
    assert gentle.kept == 1.0 or gentle.distance < 0.25


def test_a_new_faces_eyes_count(engine: FaceEditing) -> None:
    who = engine.latents(3)
    base, wide, bearded = (engine.render(who, wish) for wish in ({}, {"eyes": 1.0}, {"eyes": 1.0, "beard": 1.0}))
    apart = faces.identity_distance(base, wide)
    assert engine.identity_distance(base, wide, who, {"eyes": 1.0}) == apart > 0.03
    assert engine.identity_distance(base, bearded, who, {"eyes": 1.0, "beard": 1.0}) == pytest.approx(apart)


def test_eyes_are_where_landmarks_say() -> None:
    marks = drawing.marks_of(np.full((64, 64, 3), 0.5, np.float32))
    assert marks.lids is not None and marks.lids.shape == (12, 2)
    between = marks.between(drawing.Marks(marks.eyes, marks.nose, 0.0, lids=marks.lids + 2))
    assert between.lids is not None and np.allclose(between.lids, marks.lids + 1)
    face, lines = eyes(256)
    here = drawing.Marks(MIDDLES, np.array([128.0, 160.0]), 0.0, lids=lines)
    assert np.array_equal(drawing.laid_over(face, here, {"eyes": 1.0}), lids.opened(face, lines, 1.0))
