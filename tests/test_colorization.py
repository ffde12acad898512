"""What colouring promises: luminance, depth, alpha, sizes, hints, suggestions, and one clear sentence for the rest."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from engines import Engines
from engines.__main__ import main
from engines.colorization import Colorization, Hint, Look, parse_colour, parse_hint, split_hints
from engines.colour.blend import lay_on
from engines.colour.scan import colourfulness, examine
from engines.core.errors import Cancelled, CardError, OptionError
from engines.core.image import Pixels
from engines.core.job import Job
from engines.core.lab import luminance, rgb_to_lab
from engines.core.provenance import is_marked, read_recipe

RED = (190, 50, 40)


@pytest.fixture
def colour(engines: Engines) -> Colorization:
    return engines[Colorization]


@pytest.fixture(scope="session")
def grey(kitten: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The kitten without colour, (64, 96, 3)."""
    return np.repeat(np.asarray(Image.fromarray(kitten).convert("L"))[..., None], 3, 2)


def light(image: NDArray[np.generic]) -> NDArray[np.float32]:
    """L of every pixel."""
    top = np.iinfo(image.dtype).max  # type: ignore[type-var]
    rgb = torch.from_numpy(image[..., :3].astype(np.float32) / top).permute(2, 0, 1)[None]
    return luminance(rgb)[0, 0].numpy()


def ab(image: Pixels) -> NDArray[np.float32]:
    """a and b of every pixel, (H, W, 2)."""
    rgb = torch.from_numpy(image[..., :3].astype(np.float32) / 255).permute(2, 0, 1)[None]
    return rgb_to_lab(rgb)[0, 1:].permute(1, 2, 0).numpy()


@pytest.mark.parametrize("saturation", [1.0, 2.0])
def test_luminance_stays(colour: Colorization, grey: NDArray[np.uint8], saturation: float) -> None:
    result = colour.colorize(grey, saturation=saturation, hints=[Hint(20, 30, RED)])
    assert colourfulness(result) > 4
    # half a step of 8 bits in each channel: 0.3 of L where it is dark, less elsewhere
    assert np.abs(light(result) - light(grey)).max() < 0.45
    assert np.abs(light(result) - light(grey)).mean() < 0.12


def test_sixteen_bits_and_alpha_keep_their_promises(colour: Colorization, grey: NDArray[np.uint8]) -> None:
    deep = np.dstack([grey.astype(np.uint16) * 257 + 3, np.full(grey.shape[:2], 12345, np.uint16)])
    result = colour.colorize(deep)
    assert result.dtype == np.uint16 and result.shape == deep.shape
    assert (result[..., 3] == 12345).all()
    assert np.abs(light(result) - light(deep)).max() < 0.02
    assert len(np.unique(result[..., 0])) > 300, "more steps than 8 bits have"


@pytest.mark.parametrize("size", [(1, 1), (1, 200), (3, 2), (700, 9)])
def test_any_size_works(colour: Colorization, size: tuple[int, int]) -> None:
    image = np.full((*size, 3), 128, np.uint8)
    result = colour.colorize(image, variant=1)
    assert result.shape == image.shape
    assert np.abs(light(result) - light(image)).max() < 0.45


def test_strength_and_saturation_only_blend(
    colour: Colorization, grey: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = colour.suggest(grey)
    monkeypatch.setattr(colour.residency, "lease", lambda *_, **__: pytest.fail("a network was asked for"))
    full = colour.blend(grey, found, look=Look())
    half = colour.blend(grey, found, look=Look(strength=0.5))
    none = colour.blend(grey, found, look=Look(strength=0.0))
    pale = colour.blend(grey, found, look=Look(saturation=0.0))
    assert np.array_equal(none, grey)
    assert np.abs(pale.astype(int) - grey).max() <= 1
    assert np.abs(ab(half) - ab(full) / 2).mean() < 0.4
    warm = colour.blend(grey, found, look=Look(warmth=1.0))
    assert (ab(warm) - ab(full)).mean((0, 1))[1] > 4


def test_white_balance_takes_a_cast_out_and_leaves_light_as_it_is(
    colour: Colorization, grey: NDArray[np.uint8]
) -> None:
    cast = np.array([3.0, -12.0], np.float32)  # bluish light on a grey world
    found = colour.suggest(grey)
    root = (cv2.resize(light(grey), found.ab.shape[1::-1], interpolation=cv2.INTER_AREA) + 16) / 116
    blue = dataclasses.replace(found, ab=np.asarray(cast * root[..., None], np.float32))
    left, half, gone = (colour.blend(grey, blue, look=Look(balance=b)) for b in (0.0, 0.5, 1.0))
    chroma = [np.hypot(*ab(image).mean((0, 1))) for image in (left, half, gone)]
    assert chroma[0] > 5 and chroma[1] == pytest.approx(chroma[0] / 2, rel=0.3) and chroma[2] < 0.3 * chroma[0]
    assert np.abs(light(gone) - light(left)).max() < 0.6


def test_a_picture_of_one_strong_colour_keeps_most_of_it(colour: Colorization, grey: NDArray[np.uint8]) -> None:
    found = colour.suggest(grey)
    lawn = dataclasses.replace(found, ab=np.broadcast_to(np.float32([-40, 45]), found.ab.shape).copy())
    green = colour.blend(grey, lawn, look=Look(balance=1.0))
    assert np.hypot(*ab(green).mean((0, 1))) > 0.5 * np.hypot(*ab(colour.blend(grey, lawn, look=Look())).mean((0, 1)))


def test_fading_repair_stretches_and_nothing_else_does(colour: Colorization, grey: NDArray[np.uint8]) -> None:
    faded = (grey * 0.4 + 90).astype(np.uint8)
    found = colour.suggest(faded)
    plain, repaired = (light(colour.blend(faded, found, look=Look(repair=r))) for r in (0.0, 1.0))
    assert np.ptp(plain) == pytest.approx(np.ptp(light(faded)), abs=0.6)
    assert np.ptp(repaired) > 1.8 * np.ptp(plain)


def test_a_hint_colours_its_place_and_spreads(colour: Colorization, grey: NDArray[np.uint8]) -> None:
    plain = colour.colorize(grey)
    for wanted in (RED, (40, 80, 200)):
        hinted = colour.colorize(grey, hints=[Hint(48, 32, wanted)])
        aim = ab(np.array([[wanted]], np.uint8))[0, 0]
        before, after = (np.hypot(*(ab(image)[28:36, 44:52].mean((0, 1)) - aim)) for image in (plain, hinted))
        assert after < 0.8 * before
        around = (ab(hinted) - ab(plain))[16:48, 28:68].mean((0, 1))
        assert around @ (aim - ab(plain)[28:36, 44:52].mean((0, 1))) > 0, "the neighbourhood turns that way too"


def test_suggestions_differ_and_come_again(colour: Colorization, grey: NDArray[np.uint8]) -> None:
    found = colour.suggestions(grey, count=3)
    assert [one.variant for one in found] == [0, 1, 2]
    for i in range(3):
        for j in range(i):
            assert np.hypot(*(found[i].ab - found[j].ab).T).mean() > 2
    again = colour.suggestions(grey, count=3)
    assert all(np.array_equal(a.ab, b.ab) for a, b in zip(found, again, strict=True))
    for seed in (5, 2147483647):
        assert not np.array_equal(colour.suggest(grey, variant=1, seed=seed).ab, found[1].ab)
    assert np.array_equal(colour.suggest(grey, variant=2).ab, found[2].ab)


def test_a_palette_and_a_reference_are_followed(colour: Colorization, grey: NDArray[np.uint8]) -> None:
    plain = ab(colour.colorize(grey)).mean((0, 1))
    blue = ab(colour.colorize(grey, palette=[(40, 80, 200)])).mean((0, 1))
    assert blue[1] < plain[1] - 6
    reference = np.full((80, 80, 3), (120, 190, 110), np.uint8)
    reference[40:] = (60, 130, 60)
    green = ab(colour.colorize(grey, reference=reference)).mean((0, 1))
    assert green[0] < plain[0] - 4


def test_a_suggestion_names_its_colours(colour: Colorization, grey: NDArray[np.uint8]) -> None:
    found = colour.suggest(grey)
    for names in (found.palette, found.likely(0.5, 0.5), found.likely(0, 1)):
        assert 2 <= len(names) <= 6
        assert all(parse_colour(name) for name in names)
    assert len(set(found.likely(0.5, 0.5))) == len(found.likely(0.5, 0.5))


def test_kinds_of_pictures_are_told_apart(kitten: NDArray[np.uint8], grey: NDArray[np.uint8]) -> None:
    assert examine(grey) == "grey"
    assert examine(kitten) == "colour"
    curve = np.stack([np.linspace(20, 255, 256), np.linspace(10, 240, 256), np.linspace(0, 200, 256)], 1)
    sepia = curve[grey[..., 0]].astype(np.uint8)
    assert examine(sepia) == "tinted"
    noisy = np.clip(sepia + np.random.default_rng(0).normal(0, 2, sepia.shape), 0, 255).astype(np.uint8)
    assert examine(noisy) == "tinted"


def test_colours_that_came_in_are_taken_out_and_it_is_said(colour: Colorization, kitten: NDArray[np.uint8]) -> None:
    job = Job()
    result = colour.colorize(kitten, job=job)
    assert "was in colour" in str(job.facts["note"]) and job.facts["input"] == "colour"
    assert np.abs(light(result) - light(kitten)).max() < 0.45
    swapped = np.ascontiguousarray(kitten[..., ::-1])
    same_light = colour.suggest(swapped).ab
    assert not np.array_equal(same_light, colour.suggest(kitten).ab)  # other channels, another L
    sepia = (np.array([1.0, 0.85, 0.6]) * kitten.mean(-1, keepdims=True)).astype(np.uint8)
    job = Job()
    result = colour.colorize(sepia, job=job)
    assert "tinted" in str(job.facts["note"])
    assert np.array_equal(colour.blend(sepia, colour.suggest(sepia), look=Look(strength=0)), sepia)


def test_it_says_when_it_found_no_colour(colour: Colorization, grey: NDArray[np.uint8]) -> None:
    found = colour.suggest(grey)
    empty = type(found)(np.zeros_like(found.ab), found.field, "grey")
    job = Job()
    colour.blend(grey, empty, look=Look(), job=job)
    assert "hardly any colour" in str(job.facts["note"])
    job = Job()
    colour.blend(grey, empty, look=Look(strength=0.2), job=job)
    assert job.facts["note"] == "", "a person who asked for little is not warned"


@pytest.mark.parametrize("warmth", [-1.0, 0.6, 1.0])
def test_warmth_is_no_colour_that_was_found(colour: Colorization, grey: NDArray[np.uint8], warmth: float) -> None:
    found = colour.suggest(grey)
    empty = type(found)(np.zeros_like(found.ab), found.field, "grey")
    large = np.kron(grey.astype(np.uint16) * 257, np.ones((4, 4, 1), np.uint16))
    for image in (grey, large):
        job = Job()
        colour.blend(image, empty, look=Look(warmth=warmth), job=job)
        assert "hardly any colour" in str(job.facts["note"])
        colour.blend(image, found, look=Look(warmth=warmth), job=job)
        assert job.facts["note"] == ""


def test_colours_follow_the_edges_of_the_picture() -> None:
    image = np.full((64, 64, 3), 60, np.uint8)
    image[:, 32:] = 200
    small = np.zeros((8, 8, 2), np.float32)
    small[:, :4] = (40, 30)  # the left half is red
    result = lay_on(image, small, Look(), tinted=False, progress=lambda _: None)
    redness = ab(result)[..., 0]
    assert redness[:, :31].min() > 25 and redness[:, 33:].max() < 12


def test_bands_leave_no_seams(monkeypatch: pytest.MonkeyPatch, grey: NDArray[np.uint8]) -> None:
    rng = np.random.default_rng(1)
    small = (rng.normal(0, 20, (12, 16, 2))).astype(np.float32)
    whole = lay_on(grey, small, Look(), tinted=False, progress=lambda _: None)
    monkeypatch.setattr("engines.colour.blend._BAND", 96 * 7)
    assert np.array_equal(lay_on(grey, small, Look(), tinted=False, progress=lambda _: None), whole)


def test_a_reference_of_one_tint_is_told(colour: Colorization, grey: NDArray[np.uint8]) -> None:
    rng = np.random.default_rng(3)
    light = cv2.resize(rng.integers(0, 256, (9, 9), np.uint8), (80, 80)).astype(np.float32)[..., None]
    sepia = (light * (1.0, 0.85, 0.6)).astype(np.uint8)
    job = Job()
    colour.colorize(grey, reference=sepia, variant=1, job=job)
    assert "The reference has one tint only" in str(job.facts["note"])
    colour.colorize(grey, reference=np.dstack([sepia[..., 0], sepia[::-1, :, 1], sepia[:, ::-1, 2]]), job=job)
    assert "one tint" not in str(job.facts["note"])


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"strength": 1.5}, "Strength goes from 0 to 1"),
        ({"saturation": -1}, "Saturation goes from 0 to 2"),
        ({"warmth": 2}, "Warmth goes from -1 to 1"),
        ({"balance": -0.1}, "Balance goes from 0 to 1"),
        ({"repair": "much"}, "Repair goes from 0 to 1"),
        ({"variant": 9}, "Variant goes from 0 to 6"),
        ({"seed": -1}, "Seed goes from 0 to 2147483647; -1 is outside"),
        ({"seed": 2**31, "variant": 1}, "Seed goes from 0 to 2147483647; 2147483648 is outside"),
        ({"seed": 1.5, "palette": [RED]}, "Seed goes from 0 to 2147483647; 1.5 is outside. Choose a whole number"),
        ({"hints": [Hint(96, 3, RED)]}, "lies outside the picture of 96 x 64"),
        ({"hints": [Hint(1, 1, RED)] * 201}, "200 hints"),
        ({"palette": [RED] * 8}, "at most 7 colours"),
        ({"reference": np.zeros((4, 4, 3), np.uint8)}, "no colours to take over"),
    ],
)
def test_wrong_options_get_a_sentence(
    colour: Colorization, grey: NDArray[np.uint8], options: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(OptionError, match=sentence):
        colour.colorize(grey, **options)


def test_other_models_and_shapes_are_refused(colour: Colorization, grey: NDArray[np.uint8]) -> None:
    with pytest.raises(CardError, match="does not colour"):
        colour.colorize(grey, model="realesr-animevideov3")
    with pytest.raises(OptionError, match="An image is an array"):
        colour.colorize(grey[..., 0])


@pytest.mark.parametrize("text", ["1,2", "a,b,#ffffff", "1,#ffffff", "1,2,3,#ffffff", ""])
def test_a_hint_that_cannot_be_read_gets_a_sentence(text: str) -> None:
    with pytest.raises(OptionError, match=r"no hint|no colour"):
        parse_hint(text)


def test_hints_are_written_as_they_are_read() -> None:
    for text in ("12,30.5,#aabbcc", "1,2,30,40,#010203"):
        assert str(parse_hint(text)) == text
    assert parse_colour("#fA0") == (255, 170, 0)
    assert split_hints(" 1, 2 ,#fff\n3,4,#000 ") == ["1,2,#fff", "3,4,#000"]
    assert split_hints(" ") == []


def test_the_command_line_colours_a_folder(tmp_path: Path, grey: NDArray[np.uint8]) -> None:
    (tmp_path / "in").mkdir()
    for name in ("a.png", "b.jpg"):
        Image.fromarray(grey[..., 0]).save(tmp_path / "in" / name)
    reference = tmp_path / "green.png"
    Image.new("RGB", (40, 40), (90, 160, 80)).save(reference)
    command = ["colorize", str(tmp_path / "in"), str(tmp_path / "out"), "--device", "cpu", "--saturation", "1.2"]
    assert main([*command, "--hint", "10,12,#c03a2b", "--hint", "80,50,#2b5ac0", "--palette", "#aa8866"]) == 0
    for name in ("a.png", "b.jpg"):
        made = tmp_path / "out" / name
        with Image.open(made) as image:
            assert image.size == (96, 64) and image.mode == "RGB"
        assert is_marked(made)
        recipe = read_recipe(made)
        assert (recipe.tool, recipe.model) == ("colorize", "colorize")
        assert recipe.options["hints"] == "10,12,#c03a2b 80,50,#2b5ac0"
    assert main([*command, "--hint", "10, 12 , #c03a2b", "--hint", " 8,5, 9,6,#2b5ac0  1,2,#fff"]) == 0
    assert read_recipe(made).options["hints"] == "10,12,#c03a2b 8,5,9,6,#2b5ac0 1,2,#fff"
    assert main([*command, "--reference", str(reference)]) == 0
    assert main([*command[:1], str(tmp_path / "in" / "a.png"), str(tmp_path / "x.png"), "--hint", "500,1,#fff"]) == 1
    assert not (tmp_path / "x.png").exists()


def test_a_file_keeps_its_alpha_and_is_marked(colour: Colorization, tmp_path: Path, grey: NDArray[np.uint8]) -> None:
    source = tmp_path / "in.png"
    alpha = np.full(grey.shape[:2], 90, np.uint8)
    Image.fromarray(np.dstack([grey, alpha])).save(source)
    job = Job()
    colour.colorize_file(source, tmp_path / "out.png", options={"strength": 0.8}, job=job)
    with Image.open(tmp_path / "out.png") as image:
        assert image.mode == "RGBA" and image.getchannel("A").getextrema() == (90, 90)
    assert is_marked(tmp_path / "out.png") and job.facts["title"]


def test_cancel_is_quick_on_a_large_picture(colour: Colorization) -> None:
    image = np.random.default_rng(0).integers(0, 256, (2000, 2000, 1), np.uint8).repeat(3, 2)
    found = colour.suggest(image[:64, :64])
    started = [0.0]

    def stop(progress: object) -> None:
        if not started[0]:
            started[0] = time.monotonic()
            job.cancel()

    job = Job(stop)
    with pytest.raises(Cancelled):
        colour.blend(image, found, look=Look(), job=job)
    assert job.cancelled and time.monotonic() - started[0] < 1
