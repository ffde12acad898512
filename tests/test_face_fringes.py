"""A fringe that is drawn into a photo: where it is, of what, and where it is not."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from skimage import data

from engines import Engines
from engines.core import faces
from engines.core.job import Job
from engines.face_editing import FaceEditing
from engines.faces import drawing, fringes, hair, hairlines, moving, pasting
from engines.faces.drawing import Marks
from engines.faces.motion import Plane
from engines.faces.parting import Parts, parts_of
from engines.faces.sliders import Directions
from engines.faces.spectacles import Axes
from engines.faces.workshop import Workshop
from engines.models.face_parts import PARTS

BROWN, SKIN, WALL = (0.24, 0.15, 0.08), (0.80, 0.60, 0.50), (0.55, 0.65, 0.80)
EYES, NOSE = faces.TEMPLATE[:2], faces.TEMPLATE[2]


def person(
    side: int, colour: tuple[float, float, float] = BROWN, *, lean: float = 0.0, shift: float = 0.0
) -> tuple[Plane, Parts]:
    """Hair with strands around a face, before a wall, and its parts.

    lean: how far to the right its hair is combed on its way down.  shift: of the head to the right, in sides.
    """
    y, x = (np.mgrid[0:side, 0:side] + 0.5) / side
    head = np.hypot((x - 0.5 - shift) / 0.33, (y - 0.47) / 0.42) < 1
    skin = ((x - 0.5 - shift) / 0.235) ** 4 + ((y - 0.58) / 0.38) ** 4 < 1
    noise = cv2.GaussianBlur(np.random.default_rng(0).standard_normal(3 * side), (0, 0), 0.7).ravel()
    strands = np.interp((x - lean * y) * side + side, np.arange(3 * side), noise / noise.std())
    face = np.where(head[..., None], np.array(colour) * np.exp(0.2 * strands)[..., None], WALL)
    face = np.where(skin[..., None], SKIN, face)
    planes = np.zeros((192, 192, len(PARTS)), np.float32)
    for name, mask in (("hair", head & ~skin), ("skin", skin), ("background", ~head & ~skin)):
        small = cv2.resize(mask.astype(np.float32), (192, 192), interpolation=cv2.INTER_AREA)
        planes[..., PARTS.index(name)] = cv2.GaussianBlur(small, (0, 0), 0.8)
    return np.asarray(face.clip(0, 1), np.float32), Parts(planes)


def marks(side: int, turn: float = 0.0) -> Marks:
    return Marks(EYES * side, NOSE * side, turn)


def drawn_on(face: Plane, where: Marks, parts: Parts, amount: float) -> Plane:
    return fringes.fringe(face, where, parts, amount)[0]


def places(side: int) -> tuple[np.ndarray, np.ndarray]:
    return Axes(EYES * side).places(EYES.mean(0) * side, side)


def grown(face: Plane, made: Plane) -> np.ndarray:
    """How much of each place is hair that was skin, by its colour."""
    way = np.array(BROWN) - np.array(SKIN)
    return np.asarray(((made - face) @ way / (way @ way)).clip(0, 1))


@pytest.mark.parametrize("side", [128, 256, 640, 1024])
def test_a_fringe_falls_from_the_hairline_to_the_brows(side: int) -> None:
    face, parts = person(side)
    made = drawn_on(face, marks(side), parts, 1.0)
    assert made.shape == face.shape and made.dtype == np.float32 and np.isfinite(made).all()
    u, v = places(side)
    upper = (np.abs(u) < 0.5) & (v > -1.0) & (v < -0.75)
    assert np.abs(face[upper] - SKIN).max() < 1e-3, "a bare forehead before"
    assert grown(face, made)[upper].mean() > 0.85
    colour = made[upper].mean(0)
    assert np.abs(colour - BROWN).max() < 0.07 and colour[0] > colour[1] > colour[2], "of the hair's colour"
    assert np.abs(made - face)[v > -0.15].max() < 0.004, "nothing over the eyes"
    brows = (np.abs(u) < 0.7) & (v > -0.36) & (v < -0.15)
    assert grown(face, made)[brows].mean() < 0.12, "and only shadow, at the most tips, on the brows"
    wall = np.abs(face - WALL).max(2) < 1e-3
    inner = cv2.erode(wall.astype(np.uint8), np.ones((side // 40 | 1,) * 2, np.uint8)) > 0
    assert np.abs(made - face)[inner].max() < 0.02, "nothing beside the head"
    assert np.array_equal(made, drawn_on(face, marks(side), parts, 1.0)), "the same each time"


def test_its_lower_end_is_uneven_with_skin_between_its_tips() -> None:
    face, parts = person(512)
    there = grown(face, drawn_on(face, marks(512), parts, 0.8)) > 0.5
    u, v = places(512)
    columns = np.abs(u[0]) < 0.5
    lowest = np.array([v[there[:, at], at].max() for at in np.flatnonzero(columns)])
    assert 0.04 < lowest.std() < 0.2
    ends = [there[np.abs(v[:, 0] - level).argmin(), columns] for level in (-0.85, np.quantile(lowest, 0.6))]
    solid, tips = (int(np.abs(np.diff(row.astype(int))).sum()) // 2 for row in ends)
    assert ends[0].mean() > 0.9 and 0.1 < ends[1].mean() < 0.7 and tips >= 5 > solid, "tufts, apart from each other"


def test_it_grows_with_its_slider_from_nothing_and_none_of_it_is_lost_on_the_way() -> None:
    face, parts = person(256)
    steps = (0.0, 0.02, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0)
    covers = [grown(face, drawn_on(face, marks(256), parts, amount)) for amount in steps]
    assert not covers[0].any() and covers[1].sum() < 0.02 * covers[-1].sum(), "no jump at the beginning"
    total = [float(cover.sum()) for cover in covers]
    assert all(less < more for less, more in pairwise(total[1:]))
    _, v = places(256)
    ends = [float(v[cover > 0.4].max()) for cover in covers[3:]]
    assert ends == sorted(ends) and ends[-1] > ends[0] + 0.3


def test_locks_run_as_the_hair_is_combed() -> None:
    """Strands lean to the side to which the hair above them leans."""
    u, v = places(512)
    where = (np.abs(u) < 0.45) & (v > -1.0) & (v < -0.7)

    def lean(combed: float) -> float:
        face, parts = person(512, lean=combed)
        light = cv2.GaussianBlur(drawn_on(face, marks(512), parts, 1.0).mean(2), (0, 0), 1.0)
        across, down = cv2.Sobel(light, cv2.CV_32F, 1, 0)[where], cv2.Sobel(light, cv2.CV_32F, 0, 1)[where]
        return float(np.tan(0.5 * np.arctan2(-2 * (across * down).mean(), (across**2 - down**2).mean())))

    left, straight, right = (lean(combed) for combed in (-0.8, 0.0, 0.8))
    assert left < straight - 0.1 and right > straight + 0.1 and abs(straight) < 0.2


def test_the_hairline_is_found_and_so_is_the_comb() -> None:
    face, parts = person(256, lean=0.6)
    where = hair.where(face, parts.hair, parts.skin)
    line = hairlines.Hairline.of(face, where, Axes(EYES * 256), marks(256))
    assert line is not None
    middle = np.abs(line.u) < 0.5
    assert np.abs(line.top[middle] - (0.205 - EYES[0, 1]) / (EYES[1, 0] - EYES[0, 0])).max() < 0.12
    assert (line.root <= line.top + 0.03).all() and (line.end[middle] < -0.35).all()
    assert np.abs(line.lean[middle].mean() - 0.6) < 0.15
    turned = hairlines.Hairline.of(face, where, Axes(EYES * 256), marks(256, 0.2))
    assert turned is not None and turned.middle == pytest.approx(line.middle - 0.2)


def test_it_turns_with_the_head() -> None:
    """Of a head that looks to the right the forehead is further to the left, between the eyes."""

    def middle(turn: float, shift: float) -> float:
        face, parts = person(256, shift=shift)
        cover = grown(face, drawn_on(face, marks(256, turn), parts, 0.6))[:, :, None].sum((0, 2))
        return float((cover * np.arange(256)).sum() / cover.sum())

    assert middle(0.3, -0.05) < middle(0.0, 0.0) - 5 < middle(-0.3, 0.05) - 15


def test_brows_that_are_higher_shorten_it() -> None:
    face, parts = person(256)
    u = np.concatenate([np.linspace(-0.8, -0.25, 5), np.linspace(0.25, 0.8, 5)])
    axes = Axes(EYES * 256)

    def end(brow: float) -> float:
        line = axes.middle + axes.unit * (u[:, None] * axes.along + brow * axes.down)
        made = drawn_on(face, Marks(EYES * 256, NOSE * 256, 0.0, brows=line), parts, 1.0)
        columns, v = places(256)
        return float(v[(grown(face, made) > 0.5) & (np.abs(columns) < 0.6)].max())

    high, low = end(-0.55), end(-0.3)
    assert -0.8 < high < -0.52 and high + 0.1 < low < -0.28


def test_it_has_the_light_and_the_contrast_of_the_hair() -> None:
    """Hair that is lighter on one side has a fringe that is; flat hair has one with hardly any strands."""
    side = 256
    face, parts = person(side)
    u, v = places(side)
    light = np.interp(u, [-1, 1], [0.7, 1.5])
    lit = np.where((grown(face * 0 + np.array(SKIN), face) > 0.5)[..., None], face * light[..., None], face)
    made = drawn_on(np.asarray(lit, np.float32), marks(side), parts, 1.0)
    band = (v > -1.0) & (v < -0.8)
    left, right = (float(made[band & (sign * u > 0.3) & (sign * u < 0.55)].mean()) for sign in (-1, 1))
    assert 1.2 < right / left < 1.8

    def strands(photo: Plane) -> float:
        drawn = np.log(drawn_on(photo, marks(side), parts, 1.0).mean(2))
        return float((drawn - cv2.GaussianBlur(drawn, (0, 0), 3))[band & (np.abs(u) < 0.5)].std())

    flat = np.where(cv2.GaussianBlur(grown(face * 0 + np.array(SKIN), face), (0, 0), 0.5)[..., None] > 0.5, BROWN, face)
    assert strands(np.asarray(flat, np.float32)) < 0.6 * strands(face)


def test_in_a_soft_photo_it_is_soft() -> None:
    face, parts = person(512)
    soft = np.asarray(cv2.GaussianBlur(face, (0, 0), 3.0), np.float32)

    def sharp(photo: Plane) -> float:
        light = drawn_on(photo, marks(512), parts, 1.0).mean(2)
        u, v = places(512)
        tips = (np.abs(u) < 0.6) & (v > -0.75) & (v < -0.4)
        return float(np.abs(cv2.Laplacian(light, cv2.CV_32F))[tips].mean())

    assert sharp(soft) < 0.6 * sharp(face)


def test_who_has_no_hair_gets_none_and_a_fringe_that_is_there_stays() -> None:
    face, parts = person(256)
    bald = Parts(np.zeros_like(parts.planes))
    assert np.array_equal(drawn_on(face, marks(256), bald, 1.0), face)
    sides = parts.planes.copy()
    sides[:, 60:132, PARTS.index("hair")] = 0  # hair beside the ears only
    assert np.array_equal(drawn_on(face, marks(256), Parts(sides), 1.0), face)
    assert np.array_equal(drawn_on(face, marks(256), parts, 0.0), face)
    far = Marks(EYES * 256 + 900, NOSE * 256 + 900, 0.0)
    assert np.isfinite(drawn_on(face, far, parts, 1.0)).all(), "no error where no face is in the square"

    y, x = (np.mgrid[0:256, 0:256] + 0.5) / 256
    long, planes = face.copy(), parts.planes.copy()
    low = (np.abs(x - 0.5) < 0.24) & (y < 0.40) & (np.hypot((x - 0.5) / 0.33, (y - 0.47) / 0.42) < 1)
    long[low] = BROWN
    small = cv2.resize(low.astype(np.float32), (192, 192), interpolation=cv2.INTER_AREA)
    planes[..., PARTS.index("hair")] = np.maximum(planes[..., PARTS.index("hair")], small)
    planes[..., PARTS.index("skin")] *= 1 - small
    made = drawn_on(long, marks(256), Parts(planes), 1.0)
    assert np.abs(made - long)[y > 0.41].max() < 0.12, "no second end below the first"
    assert made[low].mean() < 0.35


def test_no_hair_of_the_photo_shines_through_it() -> None:
    """Its cover says where pixels are laid into the photo: where it hides all, and not on the skin below."""
    face, parts = person(256)
    made, cover = fringes.fringe(face, marks(256), parts, 1.0)
    u, v = places(256)
    assert cover.shape == (256, 256, 1) and cover[(np.abs(u) < 0.5) & (v > -0.95) & (v < -0.8)].min() > 0.7
    assert not cover[v > -0.2].any() and cover[np.abs(made - face).max(2) == 0].max() < 0.02
    photo = np.ascontiguousarray(np.where(face > 0.5, 200, 60), np.uint8).repeat(2, 0).repeat(2, 1)
    streaks = photo.copy()
    streaks[::2, 200:312] = 0  # finer than the square knows
    who = faces.Face((0, 0, 512, 512), (tuple(EYES[0] * 512), tuple(EYES[1] * 512)), tuple(NOSE * 512), 1.0)
    square = pasting.aligned(streaks, who, 256)
    laid, plain = (pasting.paste(streaks, who, square, made, how)[0].astype(float) for how in (cover, None))
    part = np.s_[124:134, 220:292]
    assert np.abs(np.diff(plain[part], axis=0)).mean() > 40 > 5 * np.abs(np.diff(laid[part], axis=0)).mean()


def test_sliders_below_nothing_stay_the_generators() -> None:
    entries = ({"name": "fringe", "low": -1.0, "high": 2.0}, {"name": "beard", "low": 0.0, "high": 1.0})
    directions = Directions(np.zeros((2, 3, 4), np.float32), entries)
    assert drawing.taken_out(directions, {"fringe": -0.5}) == ({"fringe": -0.5}, None)
    rest, drawn = drawing.taken_out(directions, {"fringe": 0.5})
    assert not rest and drawn is not None and drawn.over == {"fringe": 0.5}
    assert drawing.of_new_face({"fringe": 0.5}) == ({"fringe": 0.5}, {}), "of a new face it is its own"
    assert drawing.scaled({"fringe": 0.8, "beard": 0.5}, 0.5) == {"fringe": 0.8, "beard": 0.5}
    assert drawing.scaled({"fringe": -0.8, "smile": 0.4}, 0.5) == {"fringe": -0.4, "smile": 0.2}


def test_a_photo_gets_a_fringe_of_the_colour_its_hair_is_given(tmp_path: Path) -> None:
    """scikit-image's astronaut has a short fringe: the network finds her hair, landmarks her brows."""
    engines = Engines("cpu", home=tmp_path)
    shop = Workshop(engines.catalogue, engines.residency)
    photo = np.ascontiguousarray(data.astronaut()[:260, 90:350], np.uint8)
    found = faces.detect(photo)[0]
    square = faces.align(photo, found, 256)
    own = square.astype(np.float32) / 255
    seen = drawing.marks_of(own, found)
    assert seen.brows is not None and seen.between(seen).brows is not None
    u, v = Axes(seen.eyes).places(seen.eyes.mean(0), 256)
    made = fringes.combed(shop, own, seen, {"fringe": 1.0}, Job())[0]
    assert fringes.combed(shop, own, seen, {"fringe": -1.0}, Job()) == (own, None)
    eyes = (np.abs(np.abs(u) - 0.5) < 0.25) & (np.abs(v) < 0.12)
    assert np.abs(made - own)[eyes].max() < 0.02
    below = (np.abs(u) < 0.6) & (v > -0.55) & (v < -0.35)
    assert (own - made)[below].mean() > 0.08, "it falls further than hers"
    parts = parts_of(shop, square, Job())
    hairy = hair.where(own, parts.hair, parts.skin)[..., None]
    red = np.asarray(own + hairy * (own * np.array([1.2, 0.3, 0.3]) - own), np.float32).clip(0, 1)
    tips = fringes.combed(shop, red, seen, {"fringe": 1.0}, Job())[0][below & ((own - made).mean(2) > 0.15)]
    assert len(tips) > 100 and tips[:, 0].mean() > 1.8 * tips[:, 1].mean()


def test_a_fringe_is_not_somebody_else(tmp_path: Path) -> None:
    """The distance is of the face under it, and the guard leaves it whole."""
    engine = Engines("cpu", home=tmp_path)[FaceEditing]
    photo = np.ascontiguousarray(data.astronaut()[:260, 90:350], np.uint8)
    inverted = engine.invert(photo, steps=2)
    done = engine.finish(photo, inverted, {"fringe": 1.0}, keep=1.0)
    assert done.distance == 0.0 and done.sliders == {"fringe": 1.0} and (done.pixels != photo).any()
    preview = engine.render(inverted, {"fringe": 1.0}).astype(float) - engine.render(inverted)
    y, x = (np.mgrid[0:256, 0:256] + 0.5) / 256
    assert preview[(y > 0.34) & (y < 0.38) & (np.abs(x - 0.5) < 0.12)].mean() < -5, "and the preview shows it"
    assert not preview[y > 0.5].any()


def test_in_a_film_a_fringe_is_drawn_once_and_the_generator_draws_none(tmp_path: Path) -> None:
    engines = Engines("cpu", home=tmp_path)
    shop = Workshop(engines.catalogue, engines.residency)
    photo = np.ascontiguousarray(data.astronaut()[:260, 90:350], np.uint8)
    inverted = engines[FaceEditing].invert(photo, steps=2)
    directions = shop.directions(inverted.model)

    def frames(base: dict[str, float]) -> list[Plane]:
        still = {"exposure": np.zeros(2)}
        with shop.generator(inverted.model, Job()) as generator:
            film = moving.animated(
                shop, generator, inverted, directions, still, base=base, frames=2, size=260, photo=photo, job=Job()
            )
            return [np.asarray(frame, np.float32) / 255 for frame in film]

    plain, drawn = frames({}), frames({"fringe": 1.0})
    assert np.array_equal(drawn[0], drawn[1])
    matrix = inverted.face.to_square(256) @ np.vstack([np.eye(3)[:2] * photo.shape[0] / len(drawn[0]), [0, 0, 1]])
    before, after = (cv2.warpAffine(frame[0], matrix, (256, 256)) for frame in (plain, drawn))
    u, v = places(256)
    assert (before - after)[(np.abs(u) < 0.6) & (v > -0.55) & (v < -0.4)].mean() > 0.06
    assert np.abs(after - before)[(np.abs(u) < 0.6) & (v > 0) & (v < 1)].max() < 0.02
