"""The Colorize tab without a browser: what a client may send, and live looks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from engines import Engines
from engines.colorization import Colorization, Suggestion
from engines.core.errors import ImageError, OptionError
from studio.colorize_looks import Looks
from studio.colorizing import Options, panel_options
from studio.jobs import Stop
from studio.pictures import read_shot
from studio.tabs.colorize import EMPTY, Room

PANEL = (1.0, 1.2, 0.0, 0.5, 0.0, "#aa8866,#123", False, "PNG")


@pytest.fixture
def photo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A grey picture among the files of the page."""
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    ramp = np.add.outer(np.arange(60), np.arange(80)) + 40
    path = tmp_path / "grey.png"
    Image.fromarray(ramp.astype(np.uint8)).save(path)
    return path


def asked(path: Path, **more: object) -> dict[str, object]:
    return {"path": str(path), "panel": list(PANEL[:7]), "edit": {"hints": []}, "reference": "", **more}


def test_hints_of_the_page_become_pixels() -> None:
    edit = {"hints": [{"x": 0.5, "y": 1.0, "colour": "#c03a2b"}, {"x": -3, "y": 0.25, "colour": "#fff"}], "variant": 1}
    options = panel_options(PANEL, edit, "", (80, 60))
    assert options.hints == "40,59.5,#c03a2b 0,15,#ffffff"
    assert (options.palette, options.variant, options.suffix) == ("#aa8866 #123", 1, ".png")
    assert options.recorded() == {
        "strength": 1.0,
        "saturation": 1.2,
        "balance": 0.5,
        "hints": options.hints,
        "palette": "#aa8866 #123",
        "variant": 1,
    }
    assert options.key != Options(saturation=1.2).key


@pytest.mark.parametrize(
    ("panel", "edit"),
    [
        (("much", 1, 0, 0, 0, "", False, "PNG"), {}),
        (PANEL, {"hints": [{"x": 0.5}]}),
        (PANEL, {"hints": [{"x": 0, "y": 0, "colour": "red"}]}),
        ((1, 1, 0, 0, 0, "blue", False, "PNG"), {}),
        (PANEL, {"hints": ["here"]}),
        (PANEL, {"hints": [{"x": 0, "y": 0, "colour": "#fff", "path": [[0.1]]}]}),
    ],
)
def test_what_cannot_be_read_gets_a_sentence(panel: tuple[object, ...], edit: dict[str, object]) -> None:
    with pytest.raises(OptionError, match=r"cannot be read|is no colour"):
        panel_options(panel, edit, "", (80, 60))


def test_a_reference_elsewhere_on_the_server_is_refused(photo: Path) -> None:
    with pytest.raises(ImageError):
        panel_options(PANEL, {}, "/etc/hostname", (80, 60))


def test_a_look_answers_with_a_picture_and_is_quick_the_second_time(engines: Engines, photo: Path) -> None:
    looks = Looks(engines)
    first = looks.look(asked(photo, at={"x": 0.5, "y": 0.5}))
    assert first["after"].startswith("data:image/jpeg") and len(first["likely"]) > 2 and first["palette"]
    used = [row.last_used for row in engines.residency.resident() if row.card_id == "colorize"]
    again = looks.look(asked(photo, panel=[0.5, 1.2, 0, 0, 0, PANEL[5], False]))
    assert again["after"] != first["after"]
    assert used == [row.last_used for row in engines.residency.resident() if row.card_id == "colorize"]
    thumbs = looks.choices(asked(photo))["thumbs"]
    assert len(set(thumbs)) == 3


def test_the_last_value_of_a_run_says_what_was_made_and_how(engines: Engines, photo: Path, tmp_path: Path) -> None:
    second = tmp_path / "second.png"
    Image.new("L", (40, 30), 90).save(second)
    shots = [read_shot(photo), read_shot(second)]
    edit = {"hints": [{"x": 0.5, "y": 0.5, "colour": "#c03a2b"}], "variant": 1, "seed": 0}
    room, panel = Room(engines), (1, 1.2, 0.0, 0.0, 0.0, None, False, "PNG")
    desk = room.show(shots, {**EMPTY, "edits": {shots[0].id: edit, "gone": edit}}, current=shots[0].id)[2]
    assert "ran" not in desk

    *_, (made, stage, last, *_) = room.run(Stop(), shots, desk, *panel)
    assert last["ran"] == {"panel": [1.0, 1.2, 0.0, 0.0, 0.0, "", False], "done": [shot.id for shot in shots]}
    assert last["edits"] == {shots[0].id: edit} and last["model"] == "colorize"
    assert all(item["result"] for item in last["items"]) and stage["current"] is None
    assert "ran" not in room.show(made, last)[2], "the mark does not outlive the run"

    stop = Stop()
    stop.press()
    *_, (_, _, last, *_) = room.run(stop, made, {**desk, "edits": {}}, *panel)
    assert last["ran"]["done"] == [shots[1].id], "cancelled: the first was made with a hint, the second is as wished"


def test_a_stroke_becomes_a_hint_with_a_path_and_shows(engines: Engines, photo: Path) -> None:
    stroke = {"x": 0.25, "y": 0.5, "colour": "#c03a2b", "path": [[0.5, 0.5], [2, 0.75]]}
    options = panel_options(PANEL, {"hints": [stroke]}, "", (80, 60))
    assert options.hints == "20,30,40,30,79.5,45,#c03a2b"
    looks = Looks(engines)
    plain = looks._suggestion(photo, Options())
    drawn = looks._suggestion(photo, options)
    h, w = plain.ab.shape[:2]
    change = (drawn.ab - plain.ab)[int(0.5 * h), int(0.27 * w) : int(0.48 * w)]
    assert change.mean(0)[0] > 10, "red all along the stroke, not only where it begins"


def test_a_model_that_is_not_here_is_not_fetched_by_a_look(engines: Engines, photo: Path) -> None:
    looks = Looks(engines)
    answer = looks.look(asked(photo, model="ddcolor"))
    assert answer["after"] is None and "downloaded (912 MB)" in answer["note"]
    assert looks.choices(asked(photo, model="ddcolor")) == {"thumbs": []}
    assert "There is no model" in looks.look(asked(photo, model="nothing"))["error"]


def test_a_look_can_be_cleaned_up_first(engines: Engines, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    pixels = np.full((300, 400), 110, np.uint8)
    pixels[20:280, 200] = 250
    Image.fromarray(pixels).save(tmp_path / "scratched.png")
    looks = Looks(engines)
    plain, clean = (looks._small(tmp_path / "scratched.png", 200, clean=clean) for clean in (False, True))
    assert plain.max() > 170 and clean.max() < 120 and clean.shape == plain.shape


def test_a_look_elsewhere_on_the_server_is_refused(engines: Engines, photo: Path, tmp_path: Path) -> None:
    outside = tmp_path.parent / "outside.png"
    Image.new("L", (4, 4)).save(outside)
    looks = Looks(engines)
    assert looks.look(asked(outside)) == {"error": "Send the picture as an uploaded file."}
    assert "cannot be read" in looks.choices(asked(photo, panel=[1]))["error"]


def test_what_is_kept_is_bounded(engines: Engines, photo: Path) -> None:
    looks = Looks(engines)
    for seed in range(40):
        looks._keep(str(seed), lambda: 1)
    assert len(looks._kept) == 24


def test_a_quick_look_takes_no_suggestions_away(engines: Engines, photo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looks, engine = Looks(engines), engines[Colorization]
    plain = engine.suggestions
    meanwhile: list[list[Suggestion]] = []

    def slow(image: Any, *, count: int, **rest: Any) -> list[Suggestion]:
        if count == 1:  # while one is looked for, somebody asks for three
            meanwhile.append(looks._suggestions(photo, Options(), 3))
        return plain(image, count=count, **rest)

    monkeypatch.setattr(engine, "suggestions", slow)
    assert len(looks._suggestions(photo, Options(), 1)) == 1
    assert len(meanwhile[0]) == 3 and len(looks._suggestions(photo, Options(), 3)) == 3
