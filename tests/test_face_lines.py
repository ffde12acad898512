"""The lines of old age: where they are drawn, how deep, and on whom."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
from skimage import data

from engines import Engines
from engines.core.faces import TEMPLATE
from engines.core.job import Job
from engines.face_editing import FaceEditing
from engines.faces import lines
from engines.faces.drawing import Marks
from engines.faces.generator import Generator
from engines.faces.hair import LIGHT
from engines.faces.parting import parts_of
from engines.faces.photos import Ages

SKIN = np.ones((48, 48), np.float32)


def marks(side: int, turn: float = 0.0) -> Marks:
    return Marks(TEMPLATE[:2] * side, TEMPLATE[2] * side, turn)


def flat(side: int) -> Any:
    return np.full((side, side, 3), (0.75, 0.56, 0.47), np.float32)


def place(side: int, u: float, v: float) -> tuple[int, int]:
    """(row, column) of a place in units of the eyes' distance."""
    unit = 0.248 * side
    return round(0.469 * side + v * unit), round(0.5 * side + u * unit)


@pytest.mark.parametrize("side", [128, 500])
def test_folds_lie_where_faces_get_them(side: int) -> None:
    face = flat(side)
    made = lines.aged(face, marks(side), SKIN, 1.0)
    darker = (face - made) @ LIGHT
    reach = max(1, round(side / 90))

    def deepest(u: float, v: float) -> float:
        row, column = place(side, u, v)
        return float(darker[row - reach : row + reach + 1, column - reach : column + reach + 1].max())

    assert min(deepest(0.45, 0.8), deepest(-0.45, 0.8)) > 0.06, "beside nose and mouth"
    assert deepest(0.0, -0.77) > 0.03 and min(deepest(0.95, 0.02), deepest(-0.95, 0.02)) > 0.02, "forehead, crow's feet"
    assert abs(deepest(0.5, 0.0)) < 0.01 and abs(deepest(0.0, 1.05)) < 0.01, "eyes and lips"
    assert made.shape == face.shape and made.dtype == np.float32 and darker.max() < 0.25 and abs(darker.mean()) < 0.01


def test_more_years_are_deeper_lines_and_none_are_none() -> None:
    face = flat(160)
    depths = [float(np.abs(lines.aged(face, marks(160), SKIN, amount) - face).sum()) for amount in (0.0, 0.3, 0.6, 1.0)]
    assert depths[0] == 0 and depths == sorted(depths) and depths[3] == pytest.approx(depths[1] / 0.3, rel=0.05)


def test_only_skin_gets_lines() -> None:
    face, left = flat(160), SKIN.copy()
    left[:, 24:] = 0
    made = lines.aged(face, marks(160), left, 1.0)
    assert np.abs(made - face)[:, 90:].max() < 0.01 < np.abs(made - face)[:, :72].max()


def test_a_faces_own_lines_become_deeper() -> None:
    face = flat(256)
    row, column = place(256, 0.65, 0.6)
    face[row : row + 2, column - 12 : column + 12] *= 0.93
    made = lines.aged(face, marks(256), SKIN, 1.0)
    around = made[row - 8 : row - 4, column - 6 : column + 6].mean()
    before = face[row - 8, column].mean() - face[row, column].mean()
    assert around - made[row : row + 2, column - 6 : column + 6].mean() > 1.3 * before


def test_folds_turn_with_the_head() -> None:
    face = flat(256)

    def middle(turn: float) -> float:
        darker = np.clip((face - lines.aged(face, marks(256, turn), SKIN, 1.0)) @ LIGHT - 0.02, 0, 1)[150:185].sum(0)
        return float((darker * np.arange(256)).sum() / darker.sum())

    assert middle(0.25) > middle(0.0) + 4


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> FaceEditing:
    return Engines("cpu", home=tmp_path_factory.mktemp("home"))[FaceEditing]


def test_new_faces_get_lines_with_their_years(faces: FaceEditing, monkeypatch: pytest.MonkeyPatch) -> None:
    person = faces.latents(7)
    lined = faces.render(person, {"age": 1.0}).astype(np.float32)
    monkeypatch.setattr(lines, "PART", 0.0)
    bare = faces.render(person, {"age": 1.0}).astype(np.float32)

    def fine(frame: Any) -> float:
        grey = frame[110:190, 70:186] @ LIGHT
        return float(np.abs(grey - cv2.GaussianBlur(grey, (0, 0), 2)).mean())

    assert fine(lined) > 1.02 * fine(bare)
    assert np.abs(lined - bare)[60:190, 70:186].mean() > 1.2, "and paler skin"


def test_beyond_the_sliders_end_hair_turns_grey_and_lines_deepen(
    faces: FaceEditing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The longest way of an age in years, on a photo that nobody trained on."""
    photo = np.ascontiguousarray(data.astronaut()[:260, 90:350], np.uint8)
    inverted = faces.invert(photo, steps=2)
    with faces._shop.generator(inverted.model, Job()) as generator:
        curve = ([-1.0, 2.0], np.array([30.0, 60.0]))
        outline = parts_of(faces._shop, inverted.square, Job()).outline
        ages = Ages(faces._shop, generator, photo, inverted, Job(), 36.0, generator.picture(inverted), outline, curve)
        edits = [ages._edit(value) for value in (-0.5, 0.5, 1.0, 1.5, 2.0)]
        assert [edit.lines for edit in edits] == pytest.approx(
            [0.0, lines.PART / 2, lines.PART, (1 + lines.PART) / 2, 1.0]
        )
        assert [round(ages._sliders(value).get("hair_grey", 0.0), 3) for value in (0.5, 1.0, 1.5, 2.0)] == [
            0,
            0,
            0.4,
            0.8,
        ]
        monkeypatch.setattr(Generator, "picture", lambda *_: pytest.fail("the unedited picture is known"))
        slider, oldest = ages.estimate([1.0, 2.0])
        monkeypatch.undo()
        done = ages.at(90, keep=0, sharpen=0, job=Job())
    assert oldest > slider + 4, "the age network sees it"
    assert done.age_after == pytest.approx(oldest, abs=0.5), "what is looked at is what comes out"


def test_a_strip_tells_the_ages_that_were_reached(
    faces: FaceEditing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reached = iter([21.4, 66.6])
    done = lambda self, age, **_: SimpleNamespace(pixels=np.zeros((64, 64, 3), np.uint8), age_after=next(reached))  # noqa: E731
    monkeypatch.setattr(Ages, "at", done)
    monkeypatch.setattr(
        Ages, "of", lambda *_: SimpleNamespace(at=lambda age, **more: done(None, age), inverted=inverted)
    )
    photo = np.ascontiguousarray(data.astronaut()[:260, 90:350], np.uint8)
    inverted, job = faces.invert(photo, steps=2), Job()
    strip = faces.age_strip(photo, (20, 80), inverted=inverted, height=64, job=job)
    assert job.facts["ages"] == "21 67" and strip.shape[0] == 64
