"""What an edit draws into a photo at the photo's own size: glasses, and hair of another colour."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from skimage import data

from engines import Engines
from engines.core import faces
from engines.core.faces import TEMPLATE, Face
from engines.face_editing import FaceEditing
from engines.faces import beards, drawing, hair, lids, makeup, spectacles
from engines.faces.motion import Plane
from engines.faces.sliders import Directions
from engines.faces.spectacles import Axes
from tests.bench.face_sliders import Reader

EYES = np.array([[48.0, 60.0], [80.0, 60.0]])
BROWN, FAIR_SKIN = (0.22, 0.15, 0.10), (0.80, 0.60, 0.50)
NAMES = ("smile", "glasses", "hair_dark", "hair_blond", "hair_grey")


def test_glasses_sit_around_the_eyes() -> None:
    colour, cover = spectacles.glasses(EYES, 0.0, 128)
    assert colour.shape == (128, 128, 3) and cover.shape == (128, 128)
    assert cover.min() >= 0 and cover.max() <= 1 and colour.min() >= 0 and colour.max() <= 1
    for x, y in EYES.astype(int):
        assert cover[y, x] < 0.3, "one sees through the glass"
        column = cover[y - 14 : y + 16, x]
        assert (column[:12] > 0.7).any() and (column[16:] > 0.7).any(), "a rim above and below each eye"
    assert cover[59, 64] < 0.3 < 0.7 < cover[54:60, 64].max(), "a bridge over the nose"
    assert np.allclose(cover, cover[:, ::-1], atol=0.2), "the same on both sides but for the light"
    assert cover[:40].max() < 0.01 and cover[90:].max() < 0.01 and colour[cover > 0.9].mean() < 0.3


def test_glasses_turn_with_the_head_and_lie_with_the_eyes() -> None:
    _, straight = spectacles.glasses(EYES, 0.0, 128)
    _, turned = spectacles.glasses(EYES, 0.3, 128)
    assert turned[:, :32].sum() > 1.5 * straight[:, :32].sum(), "the arm of the near side is seen at length"
    _, moved = spectacles.glasses(EYES + np.array([0, 10]), 0.0, 128)
    assert np.allclose(moved[10:], straight[:-10], atol=0.02)
    _, small = spectacles.glasses(EYES / 2, 0.0, 64)
    assert abs(small.mean() - straight.mean()) < 0.02 * straight.max()


def test_light_frames_are_wire() -> None:
    strong, light = (spectacles.glasses(EYES, 0.0, 128, weight=weight)[1] for weight in (1.0, 0.5))
    assert 0.4 < (light > 0.5).sum() / (strong > 0.5).sum() < 0.7
    assert abs(light.shape[0] - 128) == 0 and spectacles.glasses(EYES * 8, 0.0, 1024)[1].shape == (1024, 1024)


def head(side: int) -> np.ndarray:
    y, x = (np.mgrid[0:side, 0:side] + 0.5) / side
    return (np.hypot((x - 0.5) / 0.36, (y - 0.5) / 0.44) < 1).astype(np.float32)


def person(colour: tuple[float, float, float], side: int = 256, *, strands: float = 0.0) -> np.ndarray:
    """Hair of a colour around a face, before a light wall."""
    y, x = (np.mgrid[0:side, 0:side] + 0.5) / side
    picture = np.full((side, side, 3), (0.82, 0.84, 0.88), np.float32)
    rng = np.random.default_rng(0)
    comb = 1 + strands * np.repeat(rng.standard_normal((1, side, 1)), side, 0).clip(-2, 2)
    picture = np.where(head(side)[..., None] > 0, np.array(colour) * comb, picture)
    skin = np.hypot((x - 0.5) / 0.235, (y - 0.60) / 0.265) < 1
    noise = rng.normal(0, 0.01, (side, side, 1))
    return np.asarray(np.where(skin[..., None], np.array(FAIR_SKIN) + noise, picture).clip(0, 1), np.float32)


def likely(side: int = 64) -> np.ndarray:
    """Where the person's hair is, as a network would say it: softly."""
    y, x = (np.mgrid[0:side, 0:side] + 0.5) / side
    skin = np.hypot((x - 0.5) / 0.235, (y - 0.60) / 0.265)
    truth = (head(side) > 0) & (skin > 1)
    return np.asarray(cv2.GaussianBlur(truth.astype(np.float32), (0, 0), 0.8), np.float32)


def skin_of(hairy: np.ndarray) -> np.ndarray:
    """Where its skin is, next to that hair."""
    side = len(hairy)
    y, x = (np.mgrid[0:side, 0:side] + 0.5) / side
    return np.asarray((np.hypot((x - 0.5) / 0.30, (y - 0.60) / 0.33) < 1) * (1 - hairy), np.float32)


@pytest.fixture(scope="module")
def found() -> np.ndarray:
    return hair.where(person(BROWN), likely(), skin_of(likely()))


def test_hair_is_followed_to_the_photos_edges(found: np.ndarray) -> None:
    y, x = (np.mgrid[0:256, 0:256] + 0.5) / 256
    skin = np.hypot((x - 0.5) / 0.235, (y - 0.60) / 0.265)
    truth = (head(256) > 0) & (skin > 1) & (y < 0.7)
    assert found.shape == (256, 256) and found.dtype == np.float32 and found.min() >= 0 and found.max() <= 1
    assert (found[truth] > 0.5).mean() > 0.97 and found[skin < 0.85].max() < 0.1
    assert found[cv2.dilate(head(256), np.ones((9, 9), np.uint8)) < 1].max() < 0.25
    rough = cv2.resize(likely(), (256, 256), interpolation=cv2.INTER_LINEAR)
    rim = (np.hypot((x - 0.5) / 0.36, (y - 0.5) / 0.44) > 0.97) & (np.hypot((x - 0.5) / 0.36, (y - 0.5) / 0.44) < 1.03)
    rim &= (y > 0.15) & (y < 0.5)
    assert np.abs(found - truth)[rim].mean() < 0.85 * np.abs(rough - truth)[rim].mean(), "sharper than the network says"


def test_the_tips_of_a_fringe_are_hair_and_a_dark_wall_above_it_is_not() -> None:
    """The network leaves the last rows of a fringe out; the wall has the hair's colour."""
    y, _ = (np.mgrid[0:256, 0:256] + 0.5) / 256
    short, reach = likely(192), np.mgrid[0:192, 0:192][0] / 192
    short[(reach > 0.30) & (np.abs(np.mgrid[0:192, 0:192][1] / 192 - 0.5) < 0.22)] = 0  # its fringe ends at 0.30 …
    photo = person(BROWN)
    fringe = (head(256) > 0) & (y < 0.335)  # … and goes on to here
    photo[fringe] = BROWN
    photo[head(256) == 0] = BROWN
    seen = hair.where(photo, short, skin_of(short))
    assert seen[80:84, 100:156].min() > 0.7 and seen[94:120, 106:150].max() < 0.1
    assert seen[:10].mean() < 0.1 and seen[20:60, 4:20].max() < 0.1


def test_a_high_forehead_is_no_hair_and_lit_strands_are() -> None:
    """The network says hair where the forehead begins; light on hair may be of the skin's colour."""
    y, x = (np.mgrid[0:256, 0:256] + 0.5) / 256
    skin = np.hypot((x - 0.5) / 0.235, (y - 0.60) / 0.265)
    coarse = np.asarray(cv2.resize(((head(256) > 0) & (skin > 0.9)).astype(np.float32), (128, 128)), np.float32)
    photo = person(BROWN)
    photo[30:34, 100:156] = FAIR_SKIN  # light on the hair
    middle = (np.abs(x - 0.5) < 0.1) & (y < 0.45)
    forehead = middle & (skin > 0.91) & (skin < 0.97)
    before, after = (hair.where(photo, coarse, plane) for plane in (np.zeros_like(coarse), skin_of(coarse)))
    assert before[forehead].mean() > 0.7 and after[forehead].mean() < 0.15
    hairy = middle & (skin > 1.04) & (head(256) > 0) & (y > 0.09)
    assert after[hairy].mean() > 0.98 * before[hairy].mean() > 0.9


def test_without_hair_nothing_is_found_and_nothing_changes() -> None:
    bald = person(FAIR_SKIN)
    none = hair.where(bald, np.full((64, 64), 0.005, np.float32), skin_of(np.zeros((64, 64), np.float32)))
    assert not none.any()
    assert np.array_equal(hair.recoloured(bald, none, bald, bald, grey=1.0), bald)


def test_grey_takes_all_colour_and_keeps_the_strands(found: np.ndarray) -> None:
    face = person(BROWN, strands=0.2)
    grey = hair.recoloured(face, found, person(BROWN, 64), person((0.5, 0.5, 0.55), 64), grey=1.0)
    row = np.s_[30, 90:166]
    tint = hair._tint(face)
    assert np.ptp(grey[row] / tint, axis=1).max() < 0.02 and 0.4 < grey[row].mean() < 0.6
    assert np.ptp(tint) < 0.1 and tint @ hair.LIGHT == pytest.approx(1, abs=1e-5)
    before, after = face[row].mean(1), grey[row].mean(1)
    assert np.corrcoef(before, after)[0, 1] > 0.95 and after.std() > 0.5 * after.mean() * before.std() / before.mean()
    assert np.abs(grey[150:200, 110:146] - face[150:200, 110:146]).max() < 0.01, "skin"
    assert np.abs(grey[:, :20] - face[:, :20]).max() < 0.01, "wall"
    y, x = (np.mgrid[0:256, 0:256] + 0.5) / 256
    rim = np.abs(np.hypot((x - 0.5) / 0.235, (y - 0.60) / 0.265) - 1) < 0.06
    inside = (found > 0.3) & rim & (y < 0.5)
    assert grey[inside].mean(1).max() < 0.78, "no rim lighter than the hair and the skin it lies between"


def test_grey_has_the_colour_of_the_light(found: np.ndarray) -> None:
    warm = np.array([1.1, 1.0, 0.7], np.float32)
    plain, lit = (
        hair.recoloured(face * light, found, face, face + np.float32(0.3), grey=1.0)[30:40, 90:166].mean((0, 1))
        for face, light in ((person(BROWN, strands=0.2), np.float32(1)), (person(BROWN, strands=0.2), warm))
    )
    assert 1.1 < (lit[0] / lit[2]) / (plain[0] / plain[2]) < 1.1 / 0.7, "half of it is believed"
    assert abs(float(np.log(plain[0] / plain[2]))) < 0.12


def test_hair_has_strands_up_to_its_edge(found: np.ndarray) -> None:
    face = person(BROWN, strands=0.25)
    grey = hair.recoloured(face, found, person(BROWN, 64), person((0.5, 0.5, 0.55), 64), grey=1.0)
    y, x = (np.mgrid[0:256, 0:256] + 0.5) / 256
    away = np.hypot((x - 0.5) / 0.36, (y - 0.5) / 0.44)
    rim = (away > 0.93) & (away < 0.985) & (y < 0.5) & (found > 0.8)
    assert rim.sum() > 500
    fine = [(picture - cv2.GaussianBlur(picture, (0, 0), 2)).mean(2)[rim] for picture in (face, grey)]
    assert np.corrcoef(*fine)[0, 1] > 0.8 and fine[1].std() > 1.5 * fine[0].std(), "lighter hair differs by more"


def test_no_change_is_no_change(found: np.ndarray) -> None:
    face = person(BROWN, strands=0.2)
    assert np.array_equal(hair.recoloured(face, found, face, face), face)
    little = hair.recoloured(face, found, person(BROWN, 64), person((0.225, 0.155, 0.105), 64))
    assert 0 < np.abs(little - face).max() < 0.03


def directions(names: tuple[str, ...] = NAMES) -> Directions:
    entries = tuple({"name": name, "low": -1.0, "high": 2.0} for name in names)
    vectors = np.stack([np.full((3, 4), index + 1, np.float32) for index in range(len(names))])
    return Directions(vectors, entries)


def test_what_is_drawn_is_taken_out_of_what_the_generator_makes() -> None:
    rest, drawn = drawing.taken_out(directions(), {"smile": 0.5, "glasses": 1.0, "hair_blond": -0.5})
    assert rest == {"smile": 0.5} and drawn is not None
    assert drawn.sliders == {"glasses": 1.0, "hair_blond": -0.5} and drawn.hair == {"hair_blond": -0.5}
    assert drawing.taken_out(directions(), {"smile": 0.5}) == ({"smile": 0.5}, None)


def test_the_generator_is_asked_for_the_colour_of_hair() -> None:
    ws = np.ones((3, 4), np.float32)
    _, both = drawing.taken_out(directions(), {"glasses": 1.0, "hair_grey": 0.5})
    assert both is not None
    plain, coloured = both.latents(ws, 0.5)[:, 0, 0]
    assert (plain, coloured) == pytest.approx((1, 1 + 0.25 * 2 * 5))


def test_glasses_lie_where_the_eyes_were_if_nobody_finds_them() -> None:
    square = np.full((128, 128, 3), 0.6, np.float32)
    face = Face((30, 30, 98, 110), ((48.0, 60.0), (80.0, 60.0)), (64.0, 82.0), 1.0)
    marks = drawing.marks_of(square, face)
    assert np.array_equal(marks.eyes, drawing.marks_before(face, 128).eyes)
    worn = drawing.laid_over(square, marks, {"glasses": 1.0})
    reach = round(0.35 * float(np.hypot(*(marks.eyes[1] - marks.eyes[0]))))
    for x, y in marks.eyes.round().astype(int):
        assert worn[y - reach : y, x].min() < 0.3 and worn[y : y + 2 * reach, x].min() < 0.3
        assert worn[y, x].mean() == pytest.approx(0.6, abs=0.08)
    faint = drawing.laid_over(square, marks, {"glasses": 0.05})
    assert 0.02 < np.abs(faint - square).max() < np.abs(worn - square).max() / 2
    assert np.array_equal(drawing.laid_over(square, marks, {"hair_grey": 1.0}), square)
    between = marks.between(drawing.Marks(marks.eyes + 2, marks.nose + 4, marks.turn + 0.2))
    assert np.allclose(between.eyes, marks.eyes + 1) and np.allclose(between.nose, marks.nose + 2)
    assert between.turn == pytest.approx(marks.turn + 0.1)


def test_a_new_face_gets_its_beard_where_all_faces_are_aligned_to() -> None:
    assert drawing.of_new_face({"beard": 0.5, "glasses": 1.0}) == ({"glasses": 1.0}, {"beard": 0.5})
    assert drawing.of_new_face({"beard": -0.5}) == ({"beard": -0.5}, {})
    marks = drawing.marks_of(np.full((64, 64, 3), 0.5, np.float32))
    assert np.allclose(marks.eyes, TEMPLATE[:2] * 64) and np.allclose(marks.nose, TEMPLATE[2] * 64) and not marks.turn


def bare(side: int = 128) -> np.ndarray:
    """A face with dark brows, a red mouth with teeth, before a blue wall."""
    y, x = (np.mgrid[0:side, 0:side] + 0.5) * 128 / side
    face = np.full((side, side, 3), (0.3, 0.4, 0.7), np.float32)
    face[np.hypot((x - 64) / 40, (y - 70) / 52) < 1] = (0.8, 0.62, 0.55)
    for cx in (48, 80):
        face[(np.abs(x - cx) < 8) & (np.abs(y - 50) < 2)] = (0.2, 0.12, 0.06)
    face[np.hypot((x - 64) / 11, (y - 93) / 4) < 1] = (0.75, 0.3, 0.3)
    face[np.hypot((x - 64) / 8, (y - 93) / 1.5) < 1] = (0.95, 0.93, 0.9)
    return face


NOSE = np.array([64.0, 80.8])


@pytest.mark.parametrize("side", [128, 400])
def test_a_beard_is_where_beards_are(side: int) -> None:
    scale, face = side / 128, bare(side)
    made = beards.beard(face, EYES * scale, NOSE * scale, 0.0, 1.0)
    assert made.shape == face.shape and made.dtype == np.float32

    def darker(y: float, x: float) -> float:
        part = np.s_[int((y - 3) * scale) : int((y + 3) * scale), int((x - 3) * scale) : int((x + 3) * scale)]
        return float(1 - made[part].mean() / face[part].mean())

    assert darker(106, 64) > 0.4 and darker(86, 64) > 0.25 and darker(98, 41) > 0.15, "chin, moustache, jaw"
    assert abs(darker(93, 64)) < 0.1, "lips and teeth"
    between = np.s_[: int(68 * scale), int(40 * scale) : int(88 * scale)]
    assert np.abs(made - face)[between].max() < 0.02, "eyes and nose, between the sideburns"
    chin = made[int(102 * scale) : int(110 * scale), int(56 * scale) : int(72 * scale)].mean((0, 1))
    assert chin[0] > chin[1] > chin[2], "brown, as the brows are"
    assert np.array_equal(made, beards.beard(face, EYES * scale, NOSE * scale, 0.0, 1.0)), "the same each time"
    grey = beards.beard(face, EYES * scale, NOSE * scale, 0.0, 1.0, grey=1.0)
    old = grey[int(102 * scale) : int(110 * scale), int(56 * scale) : int(72 * scale)].mean((0, 1))
    assert np.ptp(old) < 0.7 * np.ptp(chin) and old.mean() > chin.mean() + 0.1


def test_a_beard_is_not_somebody_else(tmp_path: Path) -> None:
    """Of a new face as of a photo's: the distance is of the face under what is drawn over it."""
    engine = Engines("cpu", home=tmp_path)[FaceEditing]
    who = engine.latents(3)
    base, bearded, old = (engine.render(who, wish) for wish in ({}, {"beard": 1.0}, {"beard": 1.0, "age": 1.0}))
    assert faces.identity_distance(base, bearded) > 0.1, "dlib sees it"
    assert engine.identity_distance(base, bearded, who, {"beard": 1.0}) == 0.0
    alone = engine.render(who, {"age": 1.0})
    assert engine.identity_distance(base, old, who, {"beard": 1.0, "age": 1.0}) == pytest.approx(
        faces.identity_distance(base, alone)
    )
    assert engine.identity_distance(base, alone, who, {"age": 1.0}) == faces.identity_distance(base, alone) > 0.1


@pytest.mark.parametrize("side", [256, 512])
def test_a_laughing_mouth_stays_free_of_hair(side: int) -> None:
    """scikit-image's astronaut shows her teeth, and her upper lip is drawn up to where a shut one has a moustache."""
    photo = np.ascontiguousarray(data.astronaut()[:260, 90:350], np.uint8)
    square = faces.align(photo, faces.detect(photo)[0], side)
    face, line = square.astype(np.float32) / 255, makeup.landmarks(square)[48:60].astype(np.float64)
    marks = drawing.marks_of(face)
    assert marks.mouth is not None and np.abs(marks.mouth - line).max() < side / 40
    made = drawing.laid_over(face, marks, {"beard": 1.0})
    mouth = np.zeros((side, side), np.uint8)
    cv2.fillPoly(mouth, [np.round(line).astype(np.int32)], 1)
    taken = (face - made).mean(2)
    within = cv2.erode(mouth, np.ones((3, 3), np.uint8)) > 0
    assert np.abs(taken[within]).mean() < 0.006 and np.quantile(np.abs(taken[within]), 0.98) < 0.05
    nose, lip = makeup.landmarks(square)[[33, 51]]
    x, y = np.round(nose + 0.6 * (lip - nose)).astype(int)
    part = np.s_[y - side // 64 : y + side // 64 + 1, x - side // 16 : x + side // 16]
    assert taken[part].mean() > 0.04, "a moustache between them"
    guess = drawing.laid_over(face, replace(marks, mouth=None), {"beard": 1.0})
    assert np.abs((face - guess).mean(2)[within]).mean() > 0.03, "the mouth has to be looked at"


def test_each_sixth_of_a_beard_is_seen(tmp_path: Path) -> None:
    """By the network that reads faces, on people that it was not looked at on."""
    engine, reader = Engines("cpu", home=tmp_path)[FaceEditing], Reader.shipped()
    people = [engine.latents(seed) for seed in range(40, 46)]
    frames = [engine.render(who, {"beard": step / 6}) for step in range(7) for who in people]
    read = reader.read(frames, posed=False)[:, reader.names.index("beard")].reshape(7, -1)
    assert (np.median(np.diff(read, axis=0), 1) > 0.05).all() and np.median(read[1] - read[0]) > 0.5


def test_a_beard_follows_the_jaw() -> None:
    """A jaw that is drawn narrower has no hair where the wider one has some."""
    face, axes = bare(), Axes(EYES)
    turned = np.linspace(np.pi, 0, 17)

    def grown(width: float) -> Plane:
        places = np.stack([width * np.cos(turned), 0.6 + 0.9 * np.sin(turned)], 1)
        line = axes.middle + axes.unit * (places[:, :1] * axes.along + places[:, 1:] * axes.down)
        return np.asarray((face - beards.beard(face, EYES, NOSE, 0.0, 1.0, jaw=line)).mean(2), np.float32)

    wide, narrow = grown(0.95), grown(0.7)
    u, v = axes.places(axes.middle, 128)
    ends = (np.abs(u) > 0.78) & (np.abs(u) < 0.86) & (v > 0.5) & (v < 0.9)
    assert wide[ends].mean() > 0.05 and narrow[ends].mean() < 0.3 * wide[ends].mean()
    chin = (np.abs(u) < 0.2) & (v > 1.25) & (v < 1.4)
    assert min(wide[chin].mean(), narrow[chin].mean()) > 0.1


def test_a_beard_closes_beside_a_wide_smile() -> None:
    """No bare skin between the ends of the moustache and the cheeks."""
    face, axes = bare(), Axes(EYES)
    turned = np.linspace(np.pi, 3 * np.pi, 13)[:12]
    corners = 0.12 * np.abs(np.cos(turned)) ** 3  # drawn up and out
    places = np.stack([0.55 * np.cos(turned), 0.9 + 0.16 * np.sin(turned) - corners], 1)
    mouth = axes.middle + axes.unit * (places[:, :1] * axes.along + places[:, 1:] * axes.down)
    grown = (face - beards.beard(face, EYES, NOSE, 0.0, 0.5, mouth=mouth)).mean(2)
    u, v = axes.places(axes.middle, 128)
    chin = grown[(np.abs(u) < 0.2) & (v > 1.25) & (v < 1.4)].mean()
    for side in (-1, 1):
        beside = (side * u > 0.48) & (side * u < 0.56) & (v > 0.86) & (v < 0.92)
        assert grown[beside].mean() > 0.6 * chin


def test_a_beard_grows_with_its_slider_and_turns_with_the_head() -> None:
    face = bare()
    grown = [float((face - beards.beard(face, EYES, NOSE, 0.0, amount)).sum()) for amount in (0.02, 0.3, 0.65, 1.0)]
    assert grown == sorted(grown) and grown[0] < 0.25 * grown[1] and grown[3] > 1.5 * grown[1]

    def middle(turn: float) -> float:
        taken = np.clip(face - beards.beard(face, EYES, NOSE, turn, 1.0), 0, 1)[95:115].sum((0, 2))
        return float((taken * np.arange(128)).sum() / taken.sum())

    assert middle(0.25) > middle(0.0) + 2


def test_hairs_run_down_the_chin_and_outwards_over_the_lip() -> None:
    """Light changes across hairs and not along them: in grain it would change alike both ways."""
    axes = Axes(EYES * 4)
    u, v = (np.asarray(plane, np.float32) for plane in axes.places(axes.middle, 512))
    grown = beards._strands(u, v, long=3.0)
    assert np.array_equal(grown, beards._strands(u, v, long=3.0)) and 0.5 < grown.std() < 1.1
    gx, gy = cv2.Sobel(grown, cv2.CV_32F, 1, 0), cv2.Sobel(grown, cv2.CV_32F, 0, 1)

    def runs(where: np.ndarray) -> tuple[float, float]:
        """How many degrees from straight down, to the right positive, and how sure, 0 for grain to 1 (tensor)."""
        xx, yy, xy = (float((one * other)[where].mean()) for one, other in ((gx, gx), (gy, gy), (gx, gy)))
        return float(np.degrees(0.5 * np.arctan2(-2 * xy, xx - yy))), float(np.hypot(xx - yy, 2 * xy) / (xx + yy))

    down, sure = runs((np.abs(u) < 0.1) & (v > 1.3) & (v < 1.5))
    assert abs(down) < 12 and sure > 0.4
    for sign in (-1, 1):
        over, sure = runs((np.abs(u - 0.25 * sign) < 0.12) & (np.abs(v - 0.86) < 0.08))
        assert 35 < sign * over < 75 and sure > 0.25


@pytest.mark.parametrize("side", [128, 400])
def test_lids_come_down_over_the_eyes(side: int) -> None:
    scale, face = side / 128, bare(side)
    y, x = (np.mgrid[0:side, 0:side] + 0.5) / scale
    for cx, cy in EYES:
        white = np.hypot((x - cx) / 7, (y - cy) / 3.2) < 1
        face[white] = (0.92, 0.92, 0.92)
        face[white & (np.abs(x - cx) < 2.5)] = (0.15, 0.2, 0.4)
    shut = lids.shut(face, EYES * scale, 0.0, 1.0)
    half = lids.shut(face, EYES * scale, 0.0, 0.5)
    for cx, cy in EYES:
        at = np.s_[round((cy - 1.5) * scale), round(cx * scale)]
        assert np.abs(shut[at] - (0.8, 0.62, 0.55)).max() < 0.1, "skin where the iris was"
        column = slice(round((cy + 0.5) * scale), round((cy + 5) * scale)), round(cx * scale)
        assert shut[column].mean(1).min() < 0.45, "lashes"
        low = np.s_[round((cy + 2) * scale), round((cx - 4) * scale)]
        assert half[low].mean() > 0.85 > shut[low].mean(), "half shut, the lower eye is seen"
    assert np.array_equal(shut[: int(50 * scale)], face[: int(50 * scale)])
    assert np.array_equal(shut[int(74 * scale) :], face[int(74 * scale) :])


def test_no_beard_grows_beside_a_turned_face() -> None:
    face = bare()
    face[:, 80:] = (0.3, 0.4, 0.7)  # the wall begins where the cheek ends
    made = beards.beard(face, EYES, NOSE, 0.0, 1.0)
    assert np.abs(made - face)[:, 86:].max() < 0.05
    assert (face - made)[95:110, 44:76].mean() > 0.15


def test_a_square_without_a_face_gets_no_error() -> None:
    blank = np.full((64, 64, 3), 0.5, np.float32)
    far = np.array([[200.0, 200.0], [230.0, 200.0]])
    assert np.array_equal(lids.shut(blank, far, 0.0, 1.0), blank)
    made = beards.beard(blank, far, np.array([215.0, 220.0]), 0.0, 1.0)
    assert made.shape == blank.shape and np.isfinite(made).all()
    colour, cover = spectacles.glasses(far, 0.0, 64)
    assert not cover.any() and colour.shape == blank.shape


def test_the_guided_filter_follows_edges() -> None:
    guide = np.zeros((64, 64), np.float32)
    guide[:, 32:] = 1
    rough = np.asarray(cv2.GaussianBlur(guide, (0, 0), 3), np.float32)
    followed = hair._guided(rough, guide, 4)
    assert followed[:, 31].max() < 0.35 and followed[:, 32].min() > 0.65
    assert followed[32, 32] - followed[32, 31] > 3 * (rough[32, 32] - rough[32, 31])
