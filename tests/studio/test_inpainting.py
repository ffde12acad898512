"""The Inpaint tab without a browser: what a client may send, the steps of a picture, masks while they are made."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
import pytest
from PIL import Image

from engines import Engines
from engines.core.errors import ImageError, OptionError
from engines.core.job import Job
from engines.core.provenance import read_recipe
from studio.inpaint_masks import LARGEST, PREFIX, Masks, decoded, encoded
from studio.inpaint_objects import look_at, place_options
from studio.inpaint_steps import HELPED, VARIANTS, Sheet, begin_at, desk_item, sheets, take, with_fills
from studio.inpainting import Filled, Options, fill_file, panel_options
from studio.jobs import Stop
from studio.pictures import read_shot
from studio.tabs.inpaint import Room

PANEL = (4, 2, 1.0, "inpaint", "PNG")


@pytest.fixture
def photo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A ramp with a bright square among the files of the page, 80x60."""
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    pixels = np.zeros((60, 80, 3), np.uint8)
    pixels[..., 0] = np.arange(80) + 40
    pixels[20:40, 30:50] = (40, 200, 90)
    path = tmp_path / "ramp.png"
    Image.fromarray(pixels).save(path)
    return path


@pytest.fixture
def mask(photo: Path) -> Path:
    """Where the square is, at half the size."""
    plane = np.zeros((30, 40), np.uint8)
    plane[10:20, 15:25] = 255
    path = photo.with_name("mask.png")
    Image.fromarray(plane).save(path)
    return path


def outcome(path: str, seed: int = 0, **more: Any) -> Filled:
    shown: dict[str, Any] = {
        "width": 80,
        "height": 60,
        "bytes": 1,
        "line": "",
        "words": "Filled",
        "note": "",
        "key": f"k{seed}",
    }
    return Filled(**{"path": path, "view": path, "name": "a.png", "seed": seed, "family": "f", **shown, **more})


def test_the_panel_becomes_options_and_only_what_matters_is_their_key(engines: Engines, mask: Path) -> None:
    fill = panel_options(PANEL, {"mask": str(mask), "left": 9, "seed": 3}, "inpaint", engines=engines)
    assert (fill.verb, fill.expand, fill.left, fill.mask, fill.seed) == ("inpaint", 4, 0, str(mask), 3)
    assert fill.recorded() == {"expand": 4, "feather": 2, "seed": 3, "detail": 1.0}
    wide = panel_options(PANEL, {"mask": str(mask), "left": 9.6, "seed": 3}, "outpaint", engines=engines)
    assert (wide.left, wide.mask) == (10, "")
    assert wide.recorded() == {"left": 10, "right": 0, "top": 0, "bottom": 0, "seed": 3, "detail": 1.0}
    other = panel_options((9, 9, 1.0, "inpaint", "PNG"), {"left": 10, "seed": 4}, "outpaint", engines=engines)
    assert wide.key != other.key and wide.family == other.family


@pytest.mark.parametrize(
    ("panel", "edit"),
    [
        (("much", 2, 1, "inpaint", "PNG"), {}),
        (PANEL, {"left": "wide"}),
        (PANEL, {"seed": [1]}),
        (PANEL, {"top": float("inf")}),
        (PANEL[:3], {}),
        (PANEL, ["mask"]),
    ],
)
def test_what_cannot_be_read_gets_a_sentence(engines: Engines, panel: tuple[Any, ...], edit: Any) -> None:
    with pytest.raises(OptionError, match="cannot be read"):
        panel_options(panel, edit, "inpaint", engines=engines)


def test_a_mask_elsewhere_on_the_server_is_refused(engines: Engines, photo: Path) -> None:
    with pytest.raises(ImageError):
        panel_options(PANEL, {"mask": "/etc/hostname"}, "inpaint", engines=engines)


def test_a_fill_changes_nothing_outside_its_mask_and_tells_what_it_is(
    engines: Engines, photo: Path, mask: Path
) -> None:
    job = Job()
    made = fill_file(engines, photo, "holiday.png", options=Options(mask=str(mask), expand=2, seed=1), job=job)
    before, after = (np.asarray(Image.open(path).convert("RGB")) for path in (photo, made.path))
    changed = (before != after).any(2)
    assert changed[22:38, 32:48].mean() > 0.9 and not changed[:16].any() and not changed[:, 54:].any()
    assert (made.name, made.verb, made.seed, made.words) == ("holiday_filled.png", "inpaint", 1, "Filled")
    assert made.close.startswith("data:image/jpeg") and "CPU" in made.line
    assert read_recipe(made.path).options["expand"] == 2


def test_an_extension_says_where_the_picture_went(engines: Engines, photo: Path) -> None:
    made = fill_file(engines, photo, "a.png", options=Options("outpaint", left=8, bottom=4), job=Job())
    assert (made.name, made.width, made.height, made.left, made.top) == ("a_extended.png", 88, 64, 8, 0)
    after = np.asarray(Image.open(made.path).convert("RGB"))
    assert np.array_equal(after[:60, 8:], np.asarray(Image.open(photo)))


def test_without_a_mask_there_is_a_sentence(engines: Engines, photo: Path) -> None:
    with pytest.raises(OptionError, match="Paint over what should go"):
        fill_file(engines, photo, "a.png", options=Options(), job=Job())


def test_a_picture_goes_on_from_its_result_and_back(photo: Path) -> None:
    (sheet,) = sheets([read_shot(photo)])
    once = with_fills(sheet, [outcome("/1.png")])
    assert begin_at(once, str(photo)) is once
    on = begin_at(once, "/1.png")
    assert (on.path, on.outcome, on.name, len(on.trail)) == ("/1.png", None, "ramp.png", 1)
    twice = with_fills(on, [outcome("/2.png", width=90, left=10)])
    item = desk_item(twice)
    assert [step["path"] for step in item["steps"]] == [str(photo), "/1.png", "/2.png"]
    assert item["steps"][2]["left"] == 10
    assert begin_at(twice, "/2.png").width == 90
    back = begin_at(twice, str(photo))
    assert (back.path, back.trail, back.made) == (str(photo), (), outcome("/1.png"))
    with pytest.raises(OptionError, match="not here any more"):
        begin_at(twice, "/elsewhere.png")


def test_fills_of_other_seeds_are_kept_to_choose_from(photo: Path) -> None:
    (sheet,) = sheets([read_shot(photo)])
    first = with_fills(sheet, [outcome("/0.png", 0)])
    three = with_fills(first, [outcome(f"/{seed}.png", seed) for seed in (1, 2, 3)])
    assert [fill.seed for fill in three.variants] == [0, 1, 2, 3] and three.made == outcome("/1.png", 1)
    assert [fill["on"] for fill in desk_item(take(three, 3))["variants"]] == [False, False, False, True]
    assert [fill.path for fill in with_fills(three, [outcome("/new.png", 2)]).variants] == [
        "/0.png",
        "/1.png",
        "/3.png",
        "/new.png",
    ]
    assert len(with_fills(three, [outcome("/o.png", 0, family="other")]).variants) == 1
    many = with_fills(sheet, [outcome(f"/{seed}.png", seed) for seed in range(20)])
    assert len(many.variants) == VARIANTS
    with pytest.raises(OptionError):
        take(three, 7)


def test_a_retry_of_a_blurry_fill_says_whether_it_helped(photo: Path) -> None:
    (sheet,) = sheets([read_shot(photo)])
    soft = with_fills(sheet, [outcome("/0.png", 0, blurry=True, sharpness=0.3, note="Blurry.")])
    better = with_fills(soft, [outcome("/1.png", 1, sharpness=0.8)])
    assert better.made and better.made.helped and better.made.note == HELPED
    step = desk_item(better)["steps"][-1]
    assert step["helped"] is True and step["note"] == HELPED
    assert [fill["blurry"] for fill in desk_item(better)["variants"]] == [True, False]
    again = with_fills(soft, [outcome("/2.png", 2, blurry=True, sharpness=0.4, note="Blurry.")])
    assert again.made and not again.made.helped and again.made.note == "Blurry."
    plain = with_fills(sheet, [outcome("/3.png", 3, sharpness=0.9)])
    other = with_fills(plain, [outcome("/4.png", 4, sharpness=1.0)])
    assert other.made and not other.made.helped, "nothing was wrong before"
    elsewhere = with_fills(soft, [outcome("/5.png", 0, sharpness=0.9, family="other")])
    assert elsewhere.made and not elsewhere.made.helped, "another mask is no retry"


def test_of_several_fills_one_that_is_not_blurry_is_shown(photo: Path) -> None:
    (sheet,) = sheets([read_shot(photo)])
    fills = [outcome(f"/{seed}.png", seed, blurry=seed < 2) for seed in range(3)]
    assert with_fills(sheet, fills).made == fills[2]
    assert with_fills(sheet, fills[:2]).made == fills[0]


def run(room: Room, shots: list[Sheet], **asked: Any) -> tuple[list[Sheet], dict[str, Any]]:
    """A whole run; the session and the stage at its end."""
    wanted = {"verb": "inpaint", "count": 1, "edits": {}, "bases": {}, "ids": list(asked.get("edits", {})), **asked}
    *_, last = room.run(Stop(), wanted, shots, *PANEL)
    return last[0], last[1]


def test_a_run_works_on_what_was_asked_for_only(engines: Engines, photo: Path, mask: Path) -> None:
    room = Room(engines)
    first, second = sheets([read_shot(photo), read_shot(photo)])
    edits = {first.id: {"mask": str(mask)}}
    shots, stage = run(room, [first, second], edits=edits)
    assert shots[0].made and shots[0].made.verb == "inpaint" and shots[1] == second
    assert [item["status"] for item in stage["items"]] == ["done", "ready"]
    same, _ = run(room, shots, edits=edits)
    assert same == shots, "what is there already is not made again"
    onward = {first.id: {"right": 10}}
    wider, _ = run(room, shots, verb="outpaint", edits=onward, bases={first.id: shots[0].made.path})
    assert wider[0].made and wider[0].made.width == 90 and wider[0].trail[0].made == shots[0].made
    three, _ = run(room, wider, edits=edits, count=3)  # from the first picture again
    assert [fill.seed for fill in three[0].variants] == [0, 1, 2]


def test_a_run_that_fails_leaves_the_picture_as_it_was(engines: Engines, photo: Path, mask: Path) -> None:
    room = Room(engines)
    (sheet,) = sheets([read_shot(photo)])
    done = with_fills(sheet, [outcome(str(photo), 5)])
    steps = room.run(
        Stop(), {"verb": "inpaint", "ids": [sheet.id], "edits": {sheet.id: {}}, "bases": {}}, [done], *PANEL
    )
    said: list[tuple[Any, ...]] = []
    with pytest.raises(gr.Error, match="Paint over what should go"):
        said.extend(steps)
    shots = said[-1][0]
    assert shots[0].made == done.made and "Paint over" in shots[0].error


def test_cancel_leaves_the_picture_as_it_was(engines: Engines, photo: Path, mask: Path) -> None:
    (sheet,) = sheets([read_shot(photo)])
    stop = Stop()
    stop.press()
    asked = {"verb": "inpaint", "ids": [sheet.id], "edits": {sheet.id: {"mask": str(mask)}}, "bases": {}}
    *_, last = Room(engines).run(stop, asked, [sheet], *PANEL)
    assert last[0] == [sheet] and last[3]["visible"] is True


@pytest.fixture
def disc(photo: Path) -> Path:
    """A blue disc on nothing, 20x20."""
    y, x = np.mgrid[:20, :20]
    alpha = np.where(np.hypot(x - 9.5, y - 9.5) < 8, 255, 0).astype(np.uint8)
    path = photo.with_name("disc.png")
    Image.fromarray(np.dstack([np.full((20, 20, 3), (30, 60, 220), np.uint8), alpha])).save(path)
    return path


def test_an_object_is_pasted_and_one_goes_on_from_it_and_back(engines: Engines, photo: Path, disc: Path) -> None:
    room = Room(engines)
    (sheet,) = sheets([read_shot(photo)])
    edits = {sheet.id: {"object": str(disc), "x": 55.2, "y": 5, "scale": 1, "strength": 0.0}}
    shots, _ = run(room, [sheet], verb="blend", edits=edits)
    made = shots[0].made
    assert made and (made.verb, made.name, made.words, made.width) == ("blend", "ramp_pasted.png", "Pasted", 80)
    after, before = (np.asarray(Image.open(path).convert("RGB")) for path in (made.path, photo))
    assert (after[14, 64] == (30, 60, 220)).all() and np.array_equal(after[:, :55], before[:, :55])
    assert read_recipe(made.path).options["foreground"] == "disc.png"
    same, _ = run(room, shots, verb="blend", edits=edits)
    assert same == shots, "what is there already is not made again"
    moved = {sheet.id: edits[sheet.id] | {"x": 2}}
    twice, _ = run(room, shots, verb="blend", edits=moved, bases={sheet.id: made.path})
    assert [step["verb"] for step in desk_item(twice[0])["steps"][1:]] == ["blend", "blend"]
    anew, _ = run(room, twice, verb="blend", edits=moved, bases={sheet.id: str(photo)})
    assert len(desk_item(anew[0])["steps"]) == 2


@pytest.mark.parametrize("edit", [{"x": "left"}, {"scale": None}, {"strength": []}, ["object"]])
def test_a_paste_that_cannot_be_read_gets_a_sentence(disc: Path, edit: Any) -> None:
    with pytest.raises(OptionError, match="cannot be read"):
        place_options(PANEL, {"object": str(disc), **edit} if isinstance(edit, dict) else edit)
    with pytest.raises(OptionError, match="Choose the picture with the object"):
        place_options(PANEL, {})
    with pytest.raises(ImageError):
        place_options(PANEL, {"object": "/etc/hostname"})


def test_the_page_sees_an_object_as_the_engine_does(photo: Path, disc: Path) -> None:
    said = look_at({"path": str(disc)})
    assert (said["width"], said["height"], said["cut"]) == (20, 20, True) and said["view"].startswith(PREFIX)
    assert look_at({"path": str(photo)})["cut"] is False
    assert look_at({"path": "/etc/hostname"}) == {"error": "Send the picture as an uploaded file."}


def test_a_painted_mask_is_kept_as_it_was_painted(engines: Engines, photo: Path) -> None:
    plane = np.zeros((30, 40), np.uint8)
    plane[3:9, 5:20] = 255
    buffer = io.BytesIO()
    Image.fromarray(plane).convert("RGBA").save(buffer, "PNG")
    said = Masks(engines).keep({"mask": PREFIX + base64.b64encode(buffer.getvalue()).decode()})
    path = Path(said["mask"])
    assert path.is_relative_to(photo.parent) and np.array_equal(np.asarray(Image.open(path)), plane)


def as_sent(plane: np.ndarray[Any, Any]) -> str:
    buffer = io.BytesIO()
    Image.fromarray(plane).save(buffer, "PNG")
    return PREFIX + base64.b64encode(buffer.getvalue()).decode()


def test_an_uploaded_mask_keeps_its_own_size_under_what_is_painted(engines: Engines, photo: Path) -> None:
    """A comb that the small copy cannot hold stays as it is, but for where a stroke was painted or rubbed out."""
    comb = np.zeros((300, 400), np.uint8)
    comb[:, ::4] = 255
    Image.fromarray(comb).save(photo.with_name("comb.png"))
    small = np.full((30, 40), 64, np.uint8)
    sent = {"mask": as_sent(small), "original": str(photo.with_name("comb.png")), "changed": None}
    assert np.array_equal(np.asarray(Image.open(Masks(engines).keep(sent)["mask"])), comb)
    changed = np.zeros_like(small)
    changed[3:9, 5:20] = changed[20:25, 30:35] = 255
    small[3:9, 5:20], small[20:25, 30:35] = 255, 0
    made = np.asarray(
        Image.open(Masks(engines).keep(sent | {"mask": as_sent(small), "changed": as_sent(changed)})["mask"])
    )
    assert (made[34:86, 54:196] == 255).all() and not made[200:250, 300:350].any()
    rest = np.ones(comb.shape, bool)
    rest[30:90, 50:200] = rest[200:250, 300:350] = False
    assert np.array_equal(made[rest], comb[rest])
    elsewhere = Masks(engines).keep(sent | {"original": "/etc/hostname"})
    assert elsewhere["error"] == "Send the picture as an uploaded file."
    assert "cannot be read" in Masks(engines).keep(sent | {"changed": as_sent(comb)})["error"]


@pytest.mark.parametrize(
    "sent",
    [
        None,
        7,
        "data:image/gif;base64,R0lGOD",
        PREFIX + "####",
        PREFIX + "aGVsbG8=",
        PREFIX + "A" * LARGEST,
        encoded(np.zeros((10, 4000), np.uint8)),
    ],
)
def test_a_mask_that_is_none_gets_a_sentence(sent: object) -> None:
    with pytest.raises(OptionError, match="mask cannot be read"):
        decoded(sent)


def opacity(answer: dict[str, Any]) -> np.ndarray[Any, Any]:
    assert "error" not in answer
    data = base64.b64decode(answer["mask"].removeprefix(PREFIX))
    return np.asarray(Image.open(io.BytesIO(data)).getchannel("A"))


def test_a_click_selects_the_thing_it_hits(engines: Engines, photo: Path) -> None:
    masks = Masks(engines)
    clicked = opacity(masks.select({"path": str(photo), "points": [[0.5, 0.5, True]], "tolerance": 0.3}))
    boxed = opacity(masks.select({"path": str(photo), "box": [0.3, 0.25, 0.7, 0.75]}))
    for found in (clicked, boxed):
        assert found.shape == (60, 80)
        assert found[22:38, 32:48].mean() > 240 and found[:15].mean() < 10
    assert "cannot be read" in masks.select({"path": str(photo), "points": [[1]]})["error"]
    assert masks.select({"path": "/etc/hostname"}) == {"error": "Send the picture as an uploaded file."}


def test_scratches_are_found_and_nothing_where_nothing_is(engines: Engines, photo: Path) -> None:
    pixels = np.full((300, 400, 3), 110, np.uint8)
    pixels[20:280, 200] = 250
    Image.fromarray(pixels).save(photo)
    masks = Masks(engines)
    answer = masks.find({"path": str(photo), "kind": "scratches"})
    found = opacity(answer)
    assert found[100:200, 200].min() == 255 and found[:, :150].max() == 0 and 0.05 < answer["found"] < 5
    assert masks.find({"path": str(photo), "kind": "date"})["found"] == 0
    assert "no automatic mask" in masks.find({"path": str(photo), "kind": "cats"})["error"]


def test_what_is_kept_is_bounded(engines: Engines, photo: Path) -> None:
    masks = Masks(engines)
    for side in range(20, 60):
        masks._copy(photo, side)
    assert len(masks._copies) == 8
