"""The parts of face editing that need no generator: words, makeup, ages, sounds and the films made of them."""

from __future__ import annotations

import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from skimage import data

from engines import Engines
from engines.core import faces
from engines.core.errors import MediaError, OptionError
from engines.core.provenance import EDITED, Recipe
from engines.face_editing import FaceEditing
from engines.faces import ageing, films, makeup, pasting, steadying, talking, words
from engines.faces.commands import parsed
from engines.faces.inverting import importance
from engines.faces.making import Edit, changed
from engines.faces.motion import Change
from engines.faces.outline import Outline
from engines.faces.sliders import Directions
from engines.faces.values import Inverted

NAMES = (
    *("smile", "mouth_open", "eyes", "age", "masculine", "glasses", "beard", "hair_dark", "hair_blond", "hair_grey"),
    *("fringe", "makeup", "yaw", "pitch", "exposure", "warmth", "eyes_shut"),
)
ENTRIES = [{"name": name, "low": -2.0, "high": 2.0, "years_per_unit": 15.0} for name in NAMES]


# sliders


def test_a_slider_that_only_adds_begins_at_nothing() -> None:
    entries = ({"name": "smile", "low": -2.0, "high": 1.0}, {"name": "glasses", "low": 0.0, "high": 1.2})
    directions = Directions(np.ones((2, 3, 4), np.float32), entries)
    assert [slider.least for slider in directions.sliders] == [-1.0, 0.0]
    assert not directions.shift({"glasses": -1.0}).any() and directions.shift({"glasses": 1.0}).max() == np.float32(1.2)


def test_a_bent_slider_ends_where_it_did_and_shows_earlier() -> None:
    entries = ({"name": "smile", "low": -2.0, "high": 1.0, "bend": 0.5},)
    directions = Directions(np.ones((1, 3, 4), np.float32), entries)
    steps = [float(directions.shift({"smile": value}).max()) for value in (1.0, 0.25, -0.5)]
    assert steps == pytest.approx([1.0, 0.5, -1.0])


# words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "a smiling older woman with grey hair and glasses",
            {"smile": 1, "age": 1, "masculine": -1, "hair_grey": 1, "glasses": 1},
        ),
        ("a serious man without a beard", {"smile": -1, "masculine": 1, "beard": -1}),
        ("not smiling, eyes closed", {"smile": -1, "eyes_shut": 1}),
        ("a tired man", {"eyes": -1, "masculine": 1}),
        ("young girl, blond hair with a fringe", {"age": -1, "masculine": -1, "hair_blond": 1, "fringe": 1}),
        ("grandfather looking left in warm light", {"age": 1, "masculine": 1, "yaw": -1, "warmth": 1}),
        ("woman in her fifties, no glasses", {"masculine": -1, "age": 1, "glasses": -1}),
        ("", {}),
    ],
)
def test_a_description_sets_the_sliders_it_means(text: str, expected: dict[str, int]) -> None:
    found = words.read(text, ENTRIES)
    assert {name: np.sign(value) for name, value in found.sliders.items()} == expected
    assert all(-1 <= value <= 1 for value in found.sliders.values())
    assert found.ignored == ()


SAID = [  # text, signs of the sliders, what is said to be ignored
    ("dark eyes", {}, ("dark eyes",)),
    ("a man with dark eyes and blond hair", {"masculine": 1, "hair_blond": 1}, ("dark eyes",)),
    ("blue eyes", {}, ("blue",)),
    ("grey eyes, grey hair", {"hair_grey": 1}, ("grey eyes",)),
    ("bright eyes", {}, ("bright eyes",)),
    ("light eyes", {}, ("light eyes",)),
    ("a warm smile", {"smile": 1}, ()),
    ("a bright smile", {"smile": 1}, ()),
    ("no warm smile", {"smile": -1}, ()),
    ("a wide smile", {"smile": 1}, ()),
    ("warm light", {"warmth": 1}, ()),
    ("in warm tones", {"warmth": 1}, ("tones",)),
    ("a cold expression", {}, ("cold expression",)),
    ("cold light", {"warmth": -1}, ()),
    ("a man in a grey suit", {"masculine": 1}, ("grey suit",)),
    ("a dark suit", {}, ("dark suit",)),
    ("a bright red dress", {}, ("bright red", "dress")),
    ("dark background", {}, ("dark background",)),
    ("a grey man", {"hair_grey": 1, "masculine": 1}, ()),
    ("a grey beard", {"hair_grey": 1, "beard": 1}, ()),
    ("a dark man", {"masculine": 1}, ("dark",)),
    ("dark skin", {}, ("dark skin",)),
    ("dark hair", {"hair_dark": 1}, ()),
    ("dark wavy hair", {"hair_dark": 1}, ("wavy",)),
    ("dark brown hair", {"hair_dark": 1}, ()),
    ("long grey hair", {"hair_grey": 1}, ()),
    ("long hair", {}, ("long hair",)),
    ("light curly hair", {"hair_blond": 1}, ("curly",)),
    ("a dark photo", {"exposure": -1}, ()),
    ("dark", {"exposure": -1}, ()),
    ("bright and warm", {"exposure": 1, "warmth": 1}, ()),
    ("no glasses", {"glasses": -1}, ()),
    ("without a beard", {"beard": -1}, ()),
    ("not wearing glasses", {"glasses": -1}, ()),
    ("no glasses or beard", {"glasses": -1, "beard": -1}, ()),
    ("neither beard nor glasses", {"beard": -1, "glasses": -1}, ()),
    ("glasses or beard", {"glasses": 1, "beard": 1}, ()),
    ("not smiling", {"smile": -1}, ()),
    ("isn't smiling, with glasses", {"smile": -1, "glasses": 1}, ()),
    ("hardly any makeup", {"makeup": -1}, ()),
    ("no makeup, but smiling", {"makeup": -1, "smile": 1}, ()),
    ("clean-shaven", {"beard": -1}, ()),
    ("a bald man", {"masculine": 1}, ("bald",)),
    ("without a hat, smiling", {"smile": 1}, ("hat",)),
    ("a freckled redhead", {}, ("freckled", "redhead")),
    ("light makeup", {"makeup": 1}, ()),
    ("mouth open, eyes wide", {"mouth_open": 1}, ()),
    ("an unsmiling woman", {"smile": -1, "masculine": -1}, ()),
]


@pytest.mark.parametrize(("text", "expected", "ignored"), SAID, ids=[text for text, *_ in SAID])
def test_adjectives_belong_to_their_nouns_and_denials_end(
    text: str, expected: dict[str, int], ignored: tuple[str, ...]
) -> None:
    found = words.read(text, ENTRIES)
    assert {name: np.sign(value) for name, value in found.sliders.items()} == expected
    assert found.ignored == ignored


def test_words_for_beards_tell_stubble_from_a_beard() -> None:
    texts = ("stubble", "a light beard", "a beard", "a man with a full beard")
    grown = [words.read(text, ENTRIES).sliders["beard"] for text in texts]
    assert grown == sorted(grown) and grown[0] < 0.5 < 0.85 < grown[2] < grown[3] == 1.0
    assert words.read("a heavy beard", ENTRIES).sliders["beard"] == 1.0


def test_what_can_only_be_added_is_left_away_when_it_is_denied(tmp_path: Path) -> None:
    faces = Engines("cpu", home=tmp_path)[FaceEditing]
    for text, name in (("no glasses", "glasses"), ("clean-shaven", "beard"), ("without grey hair", "hair_grey")):
        said = faces.describe(text)
        assert said.sliders == {name: 0.0} and said.ignored == () and said.understood[0][1:] == (name, 0.0)


def test_directions_are_meant_as_the_shipped_sliders_are(tmp_path: Path) -> None:
    """What a slider's ends are called and what a description sets belong together."""
    faces = Engines("cpu", home=tmp_path)[FaceEditing]
    ends = {slider.name: (slider.low_word, slider.high_word) for slider in faces.sliders()}
    for text, name, word in (
        ("looking up", "pitch", "up"),
        ("looking down", "pitch", "down"),
        ("turned left", "yaw", "left"),
        ("turned right", "yaw", "right"),
        ("a smiling man", "smile", "smiling"),
        ("blond hair", "hair_blond", "blond"),
    ):
        value = faces.describe(text).sliders[name]
        assert word in ends[name][value > 0], text


def test_strength_ages_and_unknown_words() -> None:
    said = [words.read(text, ENTRIES).sliders["smile"] for text in ("slightly smiling", "smiling", "very happy")]
    assert said == sorted(said) and len(set(said)) == 3
    by_years = [words.read(text, ENTRIES).sliders["age"] for text in ("aged 20", "a 40-year-old man", "60 years old")]
    assert by_years[0] < 0 < by_years[1] < by_years[2] and by_years[2] == pytest.approx((60 - 32) / 30, abs=1e-3)
    odd = words.read("a purple dragon who is smiling", ENTRIES)
    assert odd.ignored == ("purple", "dragon") and odd.understood == (("smiling", "smile", 0.7),)
    few = words.read("smiling with glasses", [{"name": "smile", "low": -1, "high": 1}])
    assert few.sliders == {"smile": 0.7} and few.ignored == ("glasses",)


def test_every_slider_that_is_expected_can_be_said() -> None:
    sayable = {name for values in words._PHRASES.values() for name in values}
    assert sayable == set(NAMES)


def test_settings_of_the_command_line() -> None:
    assert parsed(["smile=0.6", " age = -0.4"]) == {"smile": 0.6, "age": -0.4}
    with pytest.raises(OptionError, match="--set takes NAME=VALUE"):
        parsed(["smile"])


# ages


def test_the_age_slider_is_found_by_looking() -> None:
    def estimate(values: list[float]) -> list[float]:
        return [40 + 22 * value + 6 * value**2 for value in values]

    seen = ageing.curve(estimate)
    for years in (25.0, 40.0, 55.0):
        assert estimate([ageing.slider_for(years, estimate, seen)])[0] == pytest.approx(years, abs=1.0)
    assert ageing.slider_for(16, estimate, seen) == -1.0
    assert 1 < ageing.slider_for(75, estimate, seen) < ageing.OLDEST_WAY == ageing.slider_for(200, estimate, seen)
    flat = ageing.curve(lambda values: [max(30.0, 30 + 10 * (value - 0.3)) for value in values])
    same = ageing.slider_for(30, lambda _: [30.0], flat)
    assert same == pytest.approx(0.0, abs=0.01), "who looks it already stays as they are"
    with pytest.raises(OptionError, match="Ages go from 16 to 90"):
        ageing.wished(5)


# makeup


@pytest.fixture(scope="module")
def square() -> Any:
    photo = np.ascontiguousarray(data.astronaut(), np.uint8)
    return faces.align(photo, faces.detect(photo)[0], makeup.SIDE)


def test_regions_lie_where_lips_eyes_and_skin_are(square: Any) -> None:
    masks = makeup.regions(square)
    side = makeup.SIDE

    def centre(mask: Any) -> Any:
        y, x = np.mgrid[0:side, 0:side] / side
        return np.array([(x * mask).sum(), (y * mask).sum()]) / mask.sum()

    assert centre(masks["lips"]) == pytest.approx([0.5, 0.72], abs=0.04)
    assert centre(masks["eyes"]) == pytest.approx([0.5, 0.46], abs=0.04)
    hair, cheek = masks["skin"][round(0.1 * side), side // 2], masks["skin"][round(0.6 * side), round(0.34 * side)]
    assert hair < 0.05 and cheek > 0.7
    assert 0.005 < masks["lips"].mean() < 0.05 and 0.1 < masks["skin"].mean() < 0.4


def test_a_references_lips_come_over_and_nothing_else(square: Any) -> None:
    masks = makeup.regions(square)
    lab = cv2.cvtColor(square.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    lab[..., 1] += 25 * masks["lips"]
    painted = (np.clip(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB), 0, 1) * 255).astype(np.uint8)
    made = makeup.transferred(square, painted, {"lips": 1.0})
    change = np.abs(made - square / 255).max(2)
    assert change[masks["lips"] < 0.01].max() < 0.01
    where = masks["lips"] > 0.8
    aim, before, after = (picture[where].mean(0) for picture in (painted / 255, square / 255, made))
    assert np.abs(after - aim).max() < 0.4 * np.abs(before - aim).max()
    half = makeup.transferred(square, painted, {"lips": 0.5})
    assert np.abs(half - (made + square / 255) / 2).max() < 0.05
    assert np.abs(makeup.transferred(square, square, dict.fromkeys(makeup.REGIONS, 1.0)) - square / 255).max() < 0.01


def test_references_with_an_open_mouth_or_hidden_lips_do_no_harm(square: Any) -> None:
    gaping = square.copy()
    cv2.ellipse(gaping, (256, 385), (60, 45), 0, 0, 360, (20, 5, 5), -1)
    for reference in (gaping, np.full_like(square, 127), np.zeros_like(square)):
        made = makeup.transferred(square, reference, dict.fromkeys(makeup.REGIONS, 1.0))
        assert np.isfinite(made).all() and np.abs(made - square / 255)[:40].max() < 0.01
    assert all(mask.min() >= 0 and mask.max() <= 1 for mask in makeup.regions(gaping).values())


# sounds and films


def speech(seconds: float = 2.0) -> Any:
    """A tone that is on for half a second and off for half a second."""
    t = np.arange(round(seconds * films.RATE)) / films.RATE
    return (0.4 * np.sin(2 * np.pi * 180 * t) * ((t % 1.0) < 0.5)).astype(np.float32)


def write_wav(path: Path, samples: Any) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(films.RATE)
        file.writeframes((samples * 32767).astype("<i2").tobytes())
    return path


def test_the_mouth_follows_the_sound() -> None:
    loud = talking.loudness(speech(), 48, 24)
    assert loud[4:11].min() > 0.8 and loud[18:23].max() < 0.1 and loud[28:35].min() > 0.8
    assert not talking.loudness(np.zeros(films.RATE, np.float32), 24, 24).any()
    curves = talking.curves(NAMES, frames=48, fps=24, sound=speech(), preset="talk")
    assert curves["mouth_open"][4:11].min() > curves["mouth_open"][18:23].max() + 0.5
    assert all(np.abs(curve).max() <= 1 and curve.shape == (48,) for curve in curves.values())
    fewer = talking.curves(["smile"], frames=48, fps=24, sound=speech(), preset="talk")
    assert fewer["smile"][4:11].min() > fewer["smile"][18:23].max() + 0.4, "without a mouth slider the smile speaks"


@pytest.mark.parametrize("preset", talking.PRESETS)
def test_presets_move_and_repeat(preset: str) -> None:
    curves = talking.curves(NAMES, frames=120, fps=24, sound=None, preset=preset, seed=3)
    again = talking.curves(NAMES, frames=120, fps=24, sound=None, preset=preset, seed=3)
    assert all(np.array_equal(curves[name], again[name]) for name in curves)
    assert curves["eyes_shut"].max() > 0.8 and "eyes" not in curves and np.ptp(curves["yaw"]) > 0.05
    older = talking.curves(["eyes"], frames=120, fps=24, sound=None, preset=preset, seed=3)
    assert np.array_equal(older["eyes"], -curves["eyes_shut"]), "a model that cannot shut them narrows them"
    assert set(talking.curves(["yaw"], frames=5, fps=24, sound=None, preset=preset)) == {"yaw"}


def test_a_film_has_its_frames_its_sound_and_its_mark(tmp_path: Path) -> None:
    def frames() -> Iterator[Any]:
        for index in range(24):
            yield np.full((64, 48, 3), index * 10, np.uint8)

    sound = films.read_sound(write_wav(tmp_path / "a.wav", speech(1.0)))
    assert sound.shape == (films.RATE,) and np.abs(sound - speech(1.0)).max() < 1e-3
    path = films.write_film(tmp_path / "a.mp4", frames(), fps=24, recipe=Recipe("animate", "m", {}, 1), sound=sound)
    with av.open(str(path)) as container:
        assert container.metadata["digitalsourcetype"] == EDITED and '"tool": "animate"' in container.metadata["recipe"]
        levels = [frame.to_ndarray(format="rgb24").mean() for frame in container.decode(video=0)]
        assert np.allclose(levels, np.arange(24) * 10, atol=4)
    heard = films.read_sound(path)
    assert abs(len(heard) - films.RATE) < 3000 and np.abs(heard[: films.RATE // 2]).max() > 0.3
    assert [item.name for item in tmp_path.iterdir() if item.name.startswith(".")] == []


def test_sounds_that_are_none_get_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "a.mp3").write_text("no sound")
    for path, sentence in (
        (tmp_path / "a.mp3", "cannot be read as sound"),
        (tmp_path / "gone.wav", "is not there"),
        (write_wav(tmp_path / "s.wav", speech(0.05)), "shorter than a tenth"),
    ):
        with pytest.raises(MediaError, match=sentence):
            films.read_sound(path)
    with pytest.raises(OptionError, match=r"written as \.mp4"):
        films.check(24, 256, tmp_path / "a.gif")
    with pytest.raises(OptionError, match="1 to 60 frames"):
        films.check(0, 256, tmp_path / "a.mp4")


def test_every_frame_says_that_it_is_generated() -> None:
    for side, height in ((512, 256), (64, 64)):
        frame = np.full((height, side, 3), 128, np.uint8)
        marked = films.labelled(frame)
        rows, columns = np.nonzero((marked != frame).any(2))
        assert marked.max() > 200 and marked.min() < 40, "legible on dark and on light"
        assert rows.min() > 0.7 * height and columns.max() < max(0.25 * side, 62), "small, in the corner"
        assert (frame == 128).all(), "the caller's frame stays"


# what a turned head uncovers


def round_head(side: int, middle: float = 0.5) -> Any:
    y, x = (np.mgrid[0:side, 0:side] + 0.5) / side
    return (np.hypot(x - middle, y - 0.5) < 0.36).astype(np.float32)


def test_what_is_next_to_a_turned_head_goes_along_and_keeps_its_grain() -> None:
    side, step = 256, 12.0
    head = round_head(side)
    wall = np.clip(np.random.default_rng(0).normal(0.7, 0.08, (side, side, 1)), 0, 1).astype(np.float32).repeat(3, 2)
    own = np.where(head[..., None] > 0, np.float32([0.1, 0.0, 0.0]), wall)
    flow = np.zeros((side, side, 2), np.float32)
    flow[..., 0] = step  # the head moves to the left
    beside, other = pasting._beside(own, Outline(head), flow)
    row = side // 2
    uncovered = beside[row - 8 : row + 8, 212:218, 0]  # the head went to 220
    assert uncovered.min() > 0.35 and uncovered.std() > 0.05, "the wall, and no smear of it"
    assert np.allclose(beside[:, :2], own[:, :2], atol=1e-6) and np.allclose(beside[:, -2:], own[:, -2:], atol=1e-6)
    assert other[row, 215] == 1 and not other[:, :2].any()
    assert beside[245:, :, 0].min() > 0.2, "below the collar nothing moves"
    beyond = flow.copy()
    beyond[:, 128:] = -step  # the right half moves outwards, and takes nothing of the head with it
    assert pasting._beside(own, Outline(head), beyond)[0][row, 236:, 0].min() > 0.35


def test_a_flow_goes_on_around_the_head_and_fades() -> None:
    head = round_head(256)
    flow = np.full((256, 256, 2), np.float32(9))
    drawn = pasting._dragged(flow, head)[128, :, 0]
    assert drawn[128] == pytest.approx(9, abs=0.01) and drawn[0] < 1.6
    assert (np.diff(drawn[:36]) >= 0).all() and 3 < drawn[12] < 6, "half of it 24 pixels away from the head"
    assert not pasting._dragged(flow, np.zeros((256, 256), np.float32)).any(), "no head, no motion"


def test_the_rim_of_a_moved_head_in_a_large_photo_is_no_lighter_than_its_ground() -> None:
    """Masks that overshoot where they are enlarged left a white line beside the head."""
    small, large = 128, 398

    def person(side: int, middle: float) -> Any:
        return np.repeat((0.75 - 0.55 * round_head(side, middle))[..., None], 3, 2).astype(np.float32)

    square = (cv2.resize(person(800, 0.5), (large, large), interpolation=cv2.INTER_AREA) * 255).astype(np.uint8)
    change = Change(*(cv2.resize(person(512, at), (small, small), interpolation=cv2.INTER_AREA) for at in (0.5, 0.56)))
    made, _ = pasting.composed(square, change, outline=Outline(round_head(128)))
    assert made.max() < 0.77 and made[large // 2, round(0.15 * large)].min() > 0.72, "the old head is gone"


def test_turning_brings_no_light_of_its_own() -> None:
    """A generator whose turned head is redder: that is taken back, what another slider does to the light stays."""

    class Reddening:
        def pictures(self, ws: Any, deltas: Any = ()) -> Any:
            red, bright = ws[:, 0, 0], ws[:, 0, 1]
            colours = np.stack([0.5 + red, np.full(len(ws), 0.5), np.full(len(ws), 0.5)], 1) * (1 + bright)[:, None]
            return np.repeat(np.repeat(colours[:, None, None], 16, 1), 16, 2).astype(np.float32)

        def picture(self, who: Any) -> Any:
            return self.pictures(who.ws[None])[0]

    who = Inverted(model="x", ws=np.zeros((1, 2), np.float32))
    turn, both = np.array([[0.2, 0.0]], np.float32), np.array([[0.2, 0.3]], np.float32)
    edit = Edit(
        np.zeros((1, 1, 3), np.uint8), who, lambda factor: factor * both, alone={"pose": lambda factor: factor * turn}
    )
    after = changed(Reddening(), edit, 1.0).after  # type: ignore[arg-type]
    assert np.allclose(after, 0.65, atol=1e-3) and importance(16).min() > 0
    plain = changed(Reddening(), Edit(edit.photo, who, edit.after), 1.0).after  # type: ignore[arg-type]
    assert plain[0, 0, 0] == pytest.approx(0.91, abs=1e-3)


def test_what_turns_a_head_is_steadied_and_nothing_else() -> None:
    entries = ({"name": "smile", "group": "Expression"}, {"name": "yaw", "group": "Pose"}, {"name": "age"})
    directions = Directions(np.zeros((3, 1, 1), np.float32), entries)
    assert steadying.by_kind(directions, {"smile": 0.5, "yaw": 0.1, "age": 1.0}) == {"pose": {"yaw": 0.1}}
    assert steadying.by_kind(directions, {"smile": 0.5, "age": 1.0}) == {}
    grey = np.full((16, 16, 3), 0.5, np.float32)
    assert np.array_equal(steadying.steadied(grey, grey * 1.5, {}), grey * 1.5)
    assert np.allclose(steadying.steadied(grey, grey * 1.5, {"pose": grey * 1.2}), 0.5 * 1.5 / 1.2)


def test_no_hair_shines_through_what_is_laid_over_it() -> None:
    """Fine hair is lost in a small square, so a correction cannot take it away; pixels laid in its place can."""
    rng = np.random.default_rng(0)
    photo = np.where(rng.random((300, 300, 1)) > 0.5, 200, 40).astype(np.uint8).repeat(3, 2)
    face = faces.Face((100, 100, 200, 220), ((125.0, 140.0), (175.0, 140.0)), (150.0, 165.0), 1.0)
    square = pasting.aligned(photo, face, 64)
    flat = np.full((64, 64, 3), 0.6, np.float32)
    plain, box = pasting.paste(photo, face, square, flat)
    laid, _ = pasting.paste(photo, face, square, flat, np.ones((64, 64, 1), np.float32))
    left, top, right, bottom = box
    middle = (
        slice((3 * top + bottom) // 4, (top + 3 * bottom) // 4),
        slice((3 * left + right) // 4, (left + 3 * right) // 4),
    )
    assert plain[middle].std() > 20 and laid[middle].std() < 2
    assert abs(float(laid[middle].mean()) - 153) < 1 and np.array_equal(laid[:top], photo[:top])


def test_a_face_is_worked_on_at_its_own_side() -> None:
    def side(size: float) -> int:
        one, two, nose = ((float(x), float(y)) for x, y in faces.TEMPLATE * size)
        return pasting.working_side(faces.Face((0, 0, size, size), (one, two), nose, 1.0))

    assert side(183.0) == 183 and side(300.0) == 300
    assert side(20.0) == pasting.LEAST and side(9000.0) == pasting.WORK


def test_a_small_face_that_turns_leaves_no_outline_behind() -> None:
    """An edge of the photo that the edit removes is gone, though the generator's pictures are larger than the face."""
    y, x = np.mgrid[0:220, 0:220]
    photo = np.where(((x > 110) & (y > 20))[..., None], (220, 190, 170), (40, 30, 30)).astype(np.uint8)
    face = faces.Face((60, 60, 160, 160), ((92.0, 104.0), (128.0, 104.0)), (110.0, 120.0), 1.0)
    side = pasting.working_side(face)
    square = pasting.aligned(photo, face, side)
    before = np.asarray(cv2.resize(square.astype(np.float32) / 255, (256, 256), interpolation=cv2.INTER_CUBIC))
    after = np.broadcast_to(before[128:129, -30:-29], before.shape).astype(np.float32)  # light everywhere
    edited = pasting.compose(square, Change(before, after))
    made, _ = pasting.paste(photo, face, square, edited)
    middle = made[100:120, 100:120].astype(float).mean(2)
    assert 220 > side >= pasting.LEAST and np.abs(np.diff(middle, axis=1)).max() < 8, "the old edge was 160 high"


# sharpening


def test_the_upscalers_detail_shows_only_in_what_is_new() -> None:
    """Its grain, laid on the photo's own skin, would be a patch of another texture with a rim around it."""
    rng = np.random.default_rng(3)
    before = np.asarray(cv2.GaussianBlur(rng.random((256, 256, 3), np.float32), (0, 0), 3), np.float32)
    after = before.copy()
    cv2.circle(after, (128, 180), 26, (0.95, 0.95, 0.95), -1)
    grain = 0.08 * rng.standard_normal((512, 512, 1)).astype(np.float32)
    square = (cv2.resize(before, (512, 512)) * 255).round().astype(np.uint8)
    plain = pasting.compose(square, Change(before, after))
    fine = cv2.resize(after, (512, 512), interpolation=cv2.INTER_LANCZOS4) + grain
    apart = np.abs(pasting.compose(square, Change(before, after, fine)) - plain).mean(2)
    assert apart[340:380, 236:276].mean() > 0.02 > 20 * apart[120:220, 150:360].mean()
    nothing = pasting.compose(square, Change(before, before, cv2.resize(before, (512, 512)) + grain))
    assert np.abs(nothing - square / np.float32(255)).max() < 0.01
