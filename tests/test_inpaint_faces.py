"""Faces that a hole has cut are completed, and nothing beside them is laid of them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from skimage import data

from engines import Engines
from engines.core.job import Job
from engines.faces.completing import completed
from engines.faces.inverting import moved
from engines.faces.workshop import Workshop
from engines.inpaint import masks
from engines.inpaint.likenesses import FINE, SHARPER, SIDE, Floats, Holes, _found, _lacking, _with_face, likenesses
from engines.inpaint.matching import borrow
from engines.inpaint.painting import FACES, painter
from engines.inpainting import Inpainting

Photo = NDArray[np.uint8]
EYE = (147, 102)  # the right one in the picture


@pytest.fixture(scope="module")
def portrait() -> Photo:
    return np.ascontiguousarray(data.astronaut()[:260, 90:350], np.uint8)


@pytest.fixture(scope="module")
def answer(portrait: Photo) -> Floats:
    return (portrait / 255).astype(np.float32)


def disc(centre: tuple[int, int], radius: int) -> Holes:
    return cv2.circle(np.zeros((260, 260), np.uint8), centre, radius, 1, -1) > 0


def refuse(_square: Photo, _hole: Holes, _seed: int) -> Photo:
    raise AssertionError("there was nothing to draw")


def test_a_cut_face_is_drawn_in_the_hole_and_nowhere_else(answer: Floats) -> None:
    hole, seen = disc(EYE, 24), []

    def paint(square: Photo, gap: Holes, seed: int) -> Photo:
        seen.append((square.shape, gap.mean(), seed))
        return np.where(gap[..., None], np.uint8((0, 0, 255)), square)

    found = likenesses(answer, hole, paint, seed=7)
    assert found is not None and found.drawn == 1
    ((shape, share, seed),) = seen
    assert shape == (SIDE, SIDE, 3) and seed == 7
    assert 0.02 < share < 0.2, "the hole, as it lies in the aligned square"
    assert np.array_equal(found.answer[~hole], answer[~hole])
    middle = found.answer[disc(EYE, 10)].mean(0)
    assert middle[2] > 0.9 and middle[:2].max() < 0.2, "what was drawn"
    assert found.stands[disc(EYE, 10)].min() > 0.9 and not found.barred.any()


def test_the_light_of_the_known_part_is_taken_over(answer: Floats) -> None:
    hole = disc(EYE, 24)

    def darker(square: Photo, _gap: Holes, _seed: int) -> Photo:
        return np.clip(square.astype(int) - 50, 0, 255).astype(np.uint8)

    plain = likenesses(answer, hole, lambda square, _gap, _seed: square)
    dark = likenesses(answer, hole, darker)
    assert plain is not None and dark is not None
    inside = disc(EYE, 16)
    assert np.abs(dark.answer[inside] - plain.answer[inside]).mean() < 0.15 * 50 / 255


def test_a_drawn_face_is_as_sharp_as_the_photo() -> None:
    square = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), np.uint8)
    known = np.ones((SIDE, SIDE), np.float32)
    known[80:120, 80:120] = 0
    same = square.astype(np.float32)
    half = (same + cv2.GaussianBlur(same, (0, 0), FINE * SIDE)) / 2
    assert _lacking(same, square, known) == pytest.approx(0, abs=0.01)
    assert 0.5 < _lacking(half, square, known) <= SHARPER
    assert _lacking(np.full_like(same, 128.0), square, known) == SHARPER, "never more than that"


def test_nothing_is_borrowed_from_a_face_beside_the_hole(answer: Floats) -> None:
    hole = disc((30, 200), 25)
    found = likenesses(answer, hole, refuse)
    assert found is not None and found.drawn == 0 and not found.stands.any()
    assert found.barred[EYE[1], EYE[0]] and not found.barred[hole].any()
    field = borrow(answer, hole, barred=found.barred)
    free = borrow(np.where(hole[..., None], answer[EYE[1], EYE[0]], answer), hole)
    assert field is not None and free is not None
    assert not found.barred[field.source[:, 0], field.source[:, 1]].any()


@pytest.mark.parametrize("case", ["scratch", "hardly anything left", "no face", "too small", "no painter"])
def test_nothing_is_drawn_where_it_should_not_be(answer: Floats, case: str) -> None:
    hole = disc(EYE, 24)
    if case == "scratch":
        hole = cv2.line(np.zeros((260, 260), np.uint8), (90, 60), (170, 160), 1, 2) > 0
    elif case == "hardly anything left":
        hole = disc((132, 110), 75)
    elif case == "no face":
        assert likenesses(np.full_like(answer, 0.5), hole, refuse) is None
        return
    elif case == "too small":
        assert likenesses(answer[:30], hole[:30], refuse) is None
        return
    found = likenesses(answer, hole, None if case == "no painter" else refuse)
    assert found is None or found.drawn == 0


def test_an_eye_comes_back(engines: Engines, portrait: Photo) -> None:
    """The engine with the shipped models: the face is found again as one with two eyes, near the true one."""
    mask = (disc(EYE, 22) * 255).astype(np.uint8)
    job = Job()
    made = np.asarray(engines[Inpainting].inpaint(portrait, mask, job=job), np.uint8)
    assert job.facts["faces"] == 1 and job.facts["model"] == "inpaint"
    outside = masks.grown(mask, 2) == 0  # and its soft edge
    assert np.array_equal(made[outside], portrait[outside])
    inside = disc(EYE, 14)
    eye = made[inside].astype(float).mean(1)
    skin = portrait[disc((EYE[0], EYE[1] + 30), 8)].astype(float).mean()
    assert np.quantile(eye, 0.03) < 0.6 * skin, "an eye is dark where skin is not"
    engines[Inpainting].inpaint(portrait, (disc((30, 40), 12) * 255).astype(np.uint8), job=job)
    assert job.facts["faces"] == 0, "of the picture before"
    assert np.abs(made[inside].astype(float) - portrait[inside]).mean() < 36, "19 to 31 by seed and threads"


def test_what_was_in_the_hole_counts_for_nothing_and_seeds_differ(engines: Engines, answer: Floats) -> None:
    shop, hole = Workshop(engines.catalogue, engines.residency), disc(EYE, 24)

    def paint(square: Photo, gap: Holes, seed: int) -> Photo:
        return completed(shop, square, gap, seed=seed, steps=5, model=FACES, job=Job())

    inside = disc(EYE, 16)
    (face,) = _found(answer, hole)
    other = np.where(hole[..., None], 1 - answer, answer)
    one, two, three = (
        _with_face(picture, hole, face, paint, seed)[inside] for picture, seed in ((answer, 0), (other, 0), (answer, 3))
    )
    assert np.abs(one - two).max() < 1e-3 and np.abs(one - three).mean() > 0.01


def test_a_search_for_a_part_also_finds_where_the_face_lies() -> None:
    picture = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    still, right = moved(picture, torch.zeros(4)), moved(picture, torch.tensor([0.25, 0.0, 0.0, 0.0]))
    assert torch.allclose(still, picture, atol=1e-5)
    assert (right[..., 2:] - picture[..., :-2]).abs().mean() < 1e-3, "a quarter of half of 16 pixels"


def test_without_the_generator_nobody_is_drawn(tmp_path: Path) -> None:
    bare = Engines("cpu", home=tmp_path / "home", cards=tmp_path)
    assert painter(bare.catalogue, bare.residency) is None
