"""The Faces tab without a browser: what may be asked, whose faces are where, and quick answers about new faces."""

from __future__ import annotations

import base64
import io
import json
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gradio import Error
from numpy.typing import NDArray
from PIL import Image
from skimage import data

from engines import Engines
from engines.core.errors import ImageError, OptionError
from engines.core.job import Job
from engines.core.provenance import is_marked, read_recipe
from engines.face_editing import FaceEditing
from engines.faces import words
from engines.faces.values import Finished
from studio.faces import api, arrivals, asking, work
from studio.faces.asking import Link, Wish
from studio.faces.desk import Desk
from studio.faces.presets import EXPRESSIONS, PRESETS
from studio.faces.sitting import Gone, Sitting, Sittings, to_canvas


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Gradio's folder, for this test alone."""
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    return tmp_path


@pytest.fixture(scope="module")
def desk(engines: Engines) -> Iterator[Desk]:
    yield Desk(engines)


def pixels(url: str) -> NDArray[np.uint8]:
    with Image.open(io.BytesIO(base64.b64decode(url.split(",")[1]))) as image:
        return np.asarray(image.convert("RGB"))


# what may be asked


@pytest.mark.parametrize("value", [None, True, "x", float("nan"), float("inf"), 2, [1]])
def test_a_number_out_of_range_gets_a_sentence(value: object) -> None:
    with pytest.raises(OptionError, match="Age goes from 0 to 1"):
        asking.number(value, 0, 1, "Age")


@pytest.mark.parametrize("value", [-1, 2**32, 1.5])
def test_a_seed_is_a_whole_number(value: object) -> None:
    with pytest.raises(OptionError, match="seed"):
        asking.seed(value)


def test_a_wish_keeps_what_was_used_and_is_the_same_for_the_same_sliders() -> None:
    wish = Wish.of({"sliders": {"smile": 0.5, "age": 0}, "keep": 0.3})
    assert wish.recorded() == {"smile": 0.5, "keep": 0.3}
    assert wish.id == Wish.of({"keep": 0.3, "sliders": {"smile": "0.5"}, "mix": {"fine": 1}}).id
    mixed = Wish.of({"other": 9, "mix": {"fine": 1}})
    assert mixed.recorded() == {"mixed_with": 9, "coarse": 0.5, "middle": 0.5, "fine": 1.0}
    for bad in ({"sliders": "x"}, {"sliders": {"smile": 1.2}}, {"keep": 2}, {"other": -1}):
        with pytest.raises(OptionError):
            Wish.of(bad)


def test_a_link_says_seed_and_sliders(desk: Desk) -> None:
    text = json.dumps({"seed": 7, "truncation": 0.5, "sliders": {"smile": 0.4, "wings": 1, "age": 0}})
    assert Link.of(text, desk.sliders()) == Link(7, 0.5, {"smile": 0.4})
    mixed = json.dumps({"seed": 7, "other": 9, "mix": {"fine": 1.0}})
    assert Link.of(mixed, desk.sliders()) == Link(7, 0.7, {}, 9, {"coarse": 0.5, "middle": 0.5, "fine": 1.0})
    for bad in ("", "[]", "{}", "null", '{"seed": "x"}', '{"seed": 1, "sliders": 3}', "[" * 5000):
        with pytest.raises(OptionError):
            Link.of(bad, desk.sliders())


# whose faces are where


def test_the_store_is_bounded_and_forgets(desk: Desk) -> None:
    one = desk.newcomer(1, 0.7)
    store = Sittings(most=2, keep_seconds=60)
    for key in ("a", "b", "c"):
        store.put(replace(one, key=key))
        store.get(key)
    store.get("b")
    store.put(replace(one, key="d"))
    assert len(store) == 2 and store.get("b").key == "b" and store.get("d").key == "d"
    for gone in ("a", "c", "", None, 5, ["d"]):
        with pytest.raises(Gone, match="Choose it again"):
            store.get(gone)
    old = Sittings(keep_seconds=-1)
    old.put(one)
    with pytest.raises(Gone):
        old.get(one.key)


def test_keys_cannot_be_guessed_and_answers_need_one(desk: Desk) -> None:
    first, second = desk.newcomer(1, 0.7), desk.newcomer(1, 0.7)
    assert first.key != second.key and len(first.key) >= 32
    for key in ("1", first.key[:-1], None):
        assert desk.look({"key": key})["gone"] is True
    assert desk.look({"key": first.key}).keys() == {"frame", "ms"}


def test_a_session_brings_its_own_face_back_and_no_other(engines: Engines) -> None:
    from studio.tabs.faces import Room

    room = Room(engines)
    mine, other = room.desk.newcomer(1, 0.7), room.desk.newcomer(2, 0.7)
    room.desk.sittings = Sittings()
    assert room.desk.look({"key": mine.key})["gone"] is True
    assert room.awake(mine.key, mine) is mine
    assert "frame" in room.desk.look({"key": mine.key})
    for session in (mine, None):
        with pytest.raises(Gone):
            room.awake(other.key, session)


def test_a_matrix_is_in_the_order_of_a_canvas() -> None:
    assert to_canvas(np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])) == (1.0, 4.0, 2.0, 5.0, 3.0, 6.0)


# quick answers


def test_a_new_face_answers_sliders_and_is_saved_with_its_recipe(desk: Desk, files: Path) -> None:
    subject = desk.make({"seed": 11})["subject"]
    assert (subject["kind"], subject["seed"], subject["width"], subject["side"]) == ("new", 11, 256, 256)
    base = pixels(subject["base"])
    assert base.shape == (256, 256, 3)
    same, moved = (pixels(desk.look({"key": subject["key"], "sliders": s})["frame"]) for s in ({}, {"smile": 1}))
    assert np.array_equal(base, same)
    assert np.abs(base.astype(int) - moved).mean() > 1

    asked = {"key": subject["key"], "sliders": {"smile": 1.0}}
    done = desk.finish(asked)
    with Image.open(done["view"]) as image:
        exact = np.asarray(image)
    assert exact.shape == (256, 256, 3) and np.abs(exact.astype(int) - moved).mean() < 2
    assert 0 < done["distance"] < 1 and done["verdict"] and "Faces" in done["line"]
    saved = desk.save({**asked, "format": "webp"})
    assert saved["name"] == "face-11_smile.webp" and Path(saved["path"]).is_relative_to(files)
    recipe = read_recipe(saved["path"])
    assert (recipe.tool, recipe.seed, recipe.options) == ("generate-face", 11, {"truncation": 0.7, "smile": 1.0})
    assert is_marked(saved["path"]) and is_marked(done["view"])


def test_a_mix_lies_between_two_seeds(desk: Desk) -> None:
    one, two = desk.make({"seed": 1})["subject"], desk.make({"seed": 2})["subject"]

    def mixed(amount: float) -> NDArray[np.uint8]:
        mix = dict.fromkeys(asking.MIX, amount)
        return pixels(desk.look({"key": one["key"], "other": 2, "mix": mix})["frame"])

    assert np.array_equal(mixed(0), pixels(one["base"])) and np.array_equal(mixed(1), pixels(two["base"]))
    assert not np.array_equal(mixed(0.5), mixed(1))


def test_the_sheet_shows_the_faces_of_its_seeds(desk: Desk) -> None:
    sheet = desk.sheet({"seed": 2**32 - 3, "sliders": {}})["faces"]
    assert [face["seed"] for face in sheet] == list(range(2**32 - 12, 2**32))
    assert len({face["thumb"] for face in sheet}) == 12


def test_words_are_understood_or_shown_as_ignored(desk: Desk) -> None:
    said = desk.words({"text": "a smiling wizard with a fringe"})
    assert said["sliders"]["smile"] > 0 and said["sliders"]["fringe"] > 0
    assert said["ignored"] == ["wizard"]
    assert desk.words({"text": None}) == {"sliders": {}, "understood": [], "ignored": []}


def test_presets_use_sliders_that_are_there(desk: Desk) -> None:
    setup = desk.setup()
    names = {slider["name"] for slider in setup["sliders"]}
    titles = [preset["title"] for preset in setup["presets"]]
    assert {"Friendly", "Ten years on"} <= set(titles)
    assert all(set(preset["sliders"]) <= names for preset in setup["presets"])
    sets = {preset["title"]: preset["sliders"] for preset in setup["presets"]}
    whole = set().union(*(sets[title] for title in EXPRESSIONS if title in sets))
    assert all(set(sets[title]) == whole for title in EXPRESSIONS if title in sets), "nothing of the last one is left"
    assert sum(title in sets for title in EXPRESSIONS) > 1 and sets["Friendly"]["smile"] > 0
    assert setup["reason"] == ""
    beard = words.read(dict(PRESETS)["Beard"], [{"name": "beard", "low": 0.0, "high": 1.0}])
    assert beard.sliders["beard"] >= 0.8 and not beard.ignored, "a beard and no stubble"


@pytest.mark.parametrize("asked", [None, 3, {}, {"key": "x", "sliders": {"smile": 9}}])
def test_nonsense_gets_a_sentence(desk: Desk, asked: Any) -> None:
    for answer in (desk.look, desk.finish, desk.save):
        assert answer(asked)["error"]


# photos and tools


def test_a_photo_without_a_face_says_so(desk: Desk, files: Path) -> None:
    Image.fromarray(data.coffee()).save(files / "coffee.png")
    with pytest.raises(ImageError, match="No face was found"):
        arrivals.bring(desk, files / "coffee.png", Job())
    (files / "text.png").write_text("no picture")
    with pytest.raises(ImageError, match="not a picture"):
        arrivals.bring(desk, files / "text.png", Job())


def test_a_group_is_asked_whose_face(desk: Desk, files: Path) -> None:
    one = data.astronaut()[:256, 80:336]
    Image.fromarray(np.hstack([one, one[:, ::-1]])).save(files / "two.png")
    brought = arrivals.bring(desk, files / "two.png", Job())
    choose = arrivals.choices(brought)
    assert (choose["width"], choose["height"], len(choose["faces"])) == (512, 256, 2)
    assert all(face["usable"] for face in choose["faces"])
    with pytest.raises(OptionError, match="no such face"):
        arrivals.sit(desk, brought, 5, Job())


def pair(path: Path) -> Path:
    """A photo of two: the larger face, and the same one smaller and in other colours."""
    one = data.astronaut()[:256, 80:336]
    two = np.zeros_like(one)
    two[:180, :180] = np.asarray(Image.fromarray(one[..., [2, 0, 1]]).resize((180, 180)))
    Image.fromarray(np.hstack([one, two])).save(path)
    return path


@pytest.fixture(scope="module")
def sitting(desk: Desk, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sitting]:
    """The larger face of `pair`, brought into the generator for a second."""
    place = tmp_path_factory.mktemp("pair")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADIO_TEMP_DIR", str(place))
        patch.setattr(arrivals, "FIRST_SECONDS", 1.0)
        yield arrivals.sit(desk, arrivals.bring(desk, pair(place / "two.png"), Job()), 0, Job())


def test_the_next_face_gets_the_picture_as_it_is_now(desk: Desk, sitting: Sitting, files: Path) -> None:
    assert sitting.shot and sitting.face
    brought = arrivals.Brought(sitting.shot, tuple(desk.engine.detect(desk.sittings.photo(sitting.shot).pixels)))
    assert arrivals.carried(desk, brought, sitting, Wish(), 1).shot == brought.shot
    next_one = arrivals.carried(desk, brought, sitting, Wish(sliders={"smile": 0.9}), 1)
    assert (next_one.faces, next_one.shot.name) == (brought.faces, "two.png")
    was, now = (np.asarray(Image.open(shot.path)) for shot in (sitting.shot, next_one.shot))
    assert (was[:, :256] != now[:, :256]).any() and np.array_equal(was[:, 256:], now[:, 256:])
    assert read_recipe(next_one.shot.path).options["smile"] == 0.9
    assert [arrivals.nearest(brought, list(face.box)) for face in brought.faces] == [0, 1]
    assert arrivals.nearest(brought, [0, 0, 3, 3]) is None and arrivals.nearest(brought, None) is None


def test_who_comes_back_finds_what_was_done_and_nobody_else_s_undone(
    desk: Desk, sitting: Sitting, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrivals, "FIRST_SECONDS", 1.0)
    assert sitting.shot
    first, wish = arrivals.Brought(sitting.shot, tuple(arrivals.bring(desk, Path(sitting.shot.path), Job()).faces)), 0.9
    second = arrivals.carried(desk, first, sitting, Wish(sliders={"smile": wish}, keep=0.1), 1)
    assert arrivals.done_before(second, 1) is None
    other = arrivals.sit(desk, second, 1, Job())
    assert other.shot == second.shot
    back = arrivals.carried(desk, second, other, Wish(sliders={"age": 0.8}), 0)
    assert arrivals.done_before(back, 0) == {"sliders": {"smile": wish}, "keep": 0.1, "sharpen": 0.0}
    monkeypatch.setattr(desk.engine, "invert", None)  # nobody is learned twice
    again = arrivals.sit(desk, back, 0, Job())
    assert again.who is sitting.who and again.shot == back.shot and desk.sittings.get(sitting.key) is again
    was, now = (np.asarray(Image.open(shot.path)) for shot in (sitting.shot, back.shot))
    assert np.array_equal(was[:, :256], now[:, :256]), "unedited, to be edited and undone"
    assert (was[:, 256:] != now[:, 256:]).any(), "and the other one as he was left"
    assert arrivals.choices(back)["origin"] == arrivals.choices(first)["origin"] == sitting.shot.path
    made = desk.made(again, Wish(sliders={"smile": wish}, keep=0.1)).pixels
    assert np.array_equal(made[:, 300:], now[:, 300:]), "not the picture that was made of the photo before"


def test_a_tool_takes_the_sliders_along(desk: Desk, sitting: Sitting, files: Path) -> None:
    plain = work.tool(desk, sitting, {"do": "front"}, Job())
    smiling = work.tool(desk, sitting, {"do": "front", "sliders": {"smile": 0.9}, "keep": 0.1}, Job())
    assert read_recipe(plain.path).options == {"frontal": 1.0, "face": 0}
    assert read_recipe(smiling.path).options == {"smile": 0.9, "keep": 0.1, "frontal": 1.0, "face": 0}
    with Image.open(plain.path) as one, Image.open(smiling.path) as other:
        assert (np.asarray(one) != np.asarray(other)).any()
    with pytest.raises(OptionError, match="Keep this person goes from 0 to 1"):
        work.tool(desk, sitting, {"do": "years", "keep": 3}, Job())


def test_the_other_photo_s_face_is_chosen(desk: Desk, sitting: Sitting, files: Path) -> None:
    path = pair(files / "other.png")
    choose = arrivals.second(desk, {"path": str(path)})["choose"]
    assert [(face["number"], face["usable"]) for face in choose["faces"]] == [(0, True), (1, True)]
    assert choose["name"] == "other.png" and Path(choose["picture"]).is_file()
    sent = {"do": "makeup", "path": str(path), "skin": 0}
    made = [work.tool(desk, sitting, {**sent, "other_face": face}, Job()) for face in (0, 1)]
    assert [read_recipe(one.path).options["other_face"] for one in made] == [0, 1]
    own, other = (np.asarray(Image.open(one.path)).astype(int) for one in made)
    assert np.abs(own - other).max() > 20, "the second face has other colours"
    painted = work.tool(desk, sitting, {**sent, "generator": 1, "lips": 1}, Job())
    assert read_recipe(painted.path).options["generator"] == 1
    assert (np.asarray(Image.open(painted.path)) != own).any()
    for nonsense in ({}, {"path": "/etc/passwd"}, None):
        assert "uploaded file" in arrivals.second(desk, nonsense)["error"]
    with pytest.raises(OptionError, match="counted from 0"):
        work.tool(desk, sitting, {**sent, "other_face": 7}, Job())


def test_tools_for_photos_refuse_a_new_face(desk: Desk, files: Path) -> None:
    sitting = desk.newcomer(3, 0.7)
    with pytest.raises(OptionError, match="face in a photo"):
        work.tool(desk, sitting, {"do": "strip"}, Job())
    with pytest.raises(OptionError, match="no such tool"):
        work.tool(desk, sitting, {"do": "rm"}, Job())
    with pytest.raises(ImageError, match="uploaded file"):
        work.tool(desk, sitting, {"do": "makeup", "path": "/etc/passwd"}, Job())


def test_a_film_of_a_new_face(desk: Desk, files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "FILM_SECONDS", 0.25)
    made = work.tool(desk, desk.newcomer(3, 0.7), {"do": "film", "preset": "look around"}, Job())
    assert (made.kind, made.name) == ("film", "face-3_look_around.mp4")
    assert Path(made.path).read_bytes()[4:8] == b"ftyp"


def test_a_film_into_other_faces_and_a_set_of_them(desk: Desk, files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "OTHER_COUNT", 2)
    sitting = desk.newcomer(2**32 - 1, 0.7)
    made = work.tool(desk, sitting, {"do": "film", "preset": work.OTHERS}, Job())
    assert made.kind == "film" and made.words == "Seeds 4294967295, 0 and back"
    made = work.tool(desk, sitting, {"do": "set", "count": "3", "sliders": {"smile": 0.5}}, Job())
    with zipfile.ZipFile(made.path) as archive:
        labels = json.loads(archive.read("labels.json"))
        assert len(archive.namelist()) == 4
    assert [face["seed"] for face in labels["faces"]] == list(range(2**32 - 3, 2**32))
    assert labels["options"]["smile"] == 0.5
    with pytest.raises(OptionError, match="goes from 2 to 1000"):
        work.tool(desk, sitting, {"do": "set", "count": 1}, Job())


# the API


def test_generate_face_makes_a_marked_file(engines: Engines) -> None:
    *_, (sent, facts) = api.tools(engines)["generate_face"](seed=5, description="smiling wizard", scale=1)
    assert facts["seed"] == 5 and facts["ignored"] == ["wizard"] and facts["sliders"]["smile"] > 0
    assert facts["seconds"] > 0 and facts["device"]
    recipe = read_recipe(sent.path)
    assert (recipe.tool, recipe.seed) == ("generate-face", 5) and is_marked(sent.path)
    with Image.open(sent.path) as image:
        assert image.size == (256, 256)


def test_transfer_makeup_changes_the_face_alone(engines: Engines, files: Path) -> None:
    Image.fromarray(data.astronaut()).save(files / "astronaut.png")
    sent = {"path": str(files / "astronaut.png")}
    *_, (made, facts) = api.tools(engines)["transfer_makeup"](sent, sent, lips=1.0)
    assert made.orig_name == "astronaut_makeup.png" and facts["verdict"] == "The same person"
    assert read_recipe(made.path).tool == "transfer-makeup"
    with Image.open(made.path) as image:
        assert np.array_equal(np.asarray(image)[300:], data.astronaut()[300:])


def test_api_tools_take_sliders_and_the_other_face_along(
    engines: Engines, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, dict[str, Any]] = {}

    def stand_in(name: str) -> Any:
        def verb(self: FaceEditing, photo: Any, *rest: Any, **options: Any) -> Finished:
            seen[name] = options
            return Finished(255 - photo, (0, 0, 1, 1), 0.0, "", {})

        return verb

    for name in ("age", "makeup", "mix_photos"):
        monkeypatch.setattr(FaceEditing, name, stand_in(name))
    sent, tools = {"path": str(pair(files / "two.png"))}, api.tools(engines)
    besides = {"keep": 0.2, "sliders": {"smile": 0.5, "age": 0}}
    *_, (aged, _) = tools["age_face"](sent, 60, face=1, **besides)
    *_, (made_up, _) = tools["transfer_makeup"](sent, sent, generator=0.4, other_face=1, **besides)
    *_, (mixed, _) = tools["mix_faces"](sent, sent, face=1, other_face=1, **besides)
    for options in seen.values():
        assert (options["keep"], options["sliders"]) == (0.2, {"smile": 0.5})
    assert seen["age"]["face"] == 1
    assert (seen["makeup"]["generator"], seen["makeup"]["face"], seen["makeup"]["reference_face"]) == (0.4, 0, 1)
    assert (seen["mix_photos"]["face_a"], seen["mix_photos"]["face_b"]) == (1, 1)
    for file, other in ((aged, None), (made_up, 1), (mixed, 1)):
        recorded = read_recipe(file.path).options
        assert (recorded["smile"], recorded["keep"], recorded.get("other_face")) == (0.5, 0.2, other)
    with pytest.raises(Error, match="slider smile goes from -1 to 1"):
        list(tools["mix_faces"](sent, sent, sliders={"smile": 3}))


@pytest.mark.parametrize("name", ["edit_face", "age_face", "transfer_makeup", "mix_faces"])
def test_files_that_were_not_sent_are_refused(
    engines: Engines, tmp_path_factory: pytest.TempPathFactory, name: str
) -> None:
    path = tmp_path_factory.mktemp("elsewhere") / "astronaut.png"
    Image.fromarray(data.astronaut()).save(path)
    more: dict[str, dict[str, Any]] = {
        "edit_face": {"sliders": {"smile": 1}},
        "age_face": {"years": 60},
        "transfer_makeup": {"reference": {"path": str(path)}},
        "mix_faces": {"other": {"path": str(path)}},
    }
    with pytest.raises(Error, match="uploaded file"):
        list(api.tools(engines)[name]({"path": str(path)}, **more[name]))


def test_every_tool_explains_itself(engines: Engines) -> None:
    tools = api.tools(engines)
    assert list(tools) == ["edit_face", "generate_face", "age_face", "transfer_makeup", "mix_faces"]
    for function in tools.values():
        assert function.__doc__ and "Args:" in function.__doc__ and "SLIDERS" not in function.__doc__
    assert "smile" in (tools["edit_face"].__doc__ or "")
