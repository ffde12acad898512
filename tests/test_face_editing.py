"""Face editing on a tiny random generator, and on a public-domain portrait (scikit-image's astronaut)."""

from __future__ import annotations

import copy
import hashlib
import json
import pickle
import shutil
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import safetensors.torch
import torch
from PIL import Image
from skimage import data

from engines import Engines
from engines.__main__ import main
from engines.core.card import ModelCard, Source, WeightFile, write_card
from engines.core.errors import Cancelled, CardError, ImageError, OptionError
from engines.core.faces import Face
from engines.core.image import Picture, read_image, write_image
from engines.core.job import Job, Progress
from engines.core.provenance import is_marked, read_recipe
from engines.face_editing import FaceEditing
from engines.faces import ageing, finding, guard, makeup, mixing, pasting, photos
from engines.faces.generator import Generator, private_copy
from engines.faces.motion import Change
from engines.faces.outline import Outline
from engines.faces.parting import parts_of
from engines.faces.values import Finished, Inverted, Latents
from engines.models.style_generator import build
from tests.conftest import ROOT

TINY = "tiny-faces"
SHAPE = {"resolution": 32, "z_dim": 8, "w_dim": 16, "mapping_layers": 2, "channels": [12, 12, 12, 12]}
ENTRIES = [
    {"name": "smile", "label": "Smile", "group": "Expression", "low_word": "serious", "high_word": "smiling"},
    {"name": "age", "label": "Age", "group": "Age", "low_word": "young", "high_word": "old", "years_per_unit": 12.0},
    {"name": "yaw", "label": "Turn", "group": "Head", "low_word": "left", "high_word": "right"},
    {"name": "mouth_open", "label": "Mouth", "group": "Expression", "low_word": "closed", "high_word": "open"},
    {"name": "makeup", "label": "Makeup", "group": "Look", "low_word": "without", "high_word": "with"},
    *({"name": name, "label": name, "group": "Hair"} for name in ("hair_dark", "hair_blond", "hair_grey")),
    {"name": "glasses", "label": "Glasses", "group": "Person"},
]


def tiny_card(folder: Path, *, directions: bool = True, layers: int = 12) -> ModelCard:
    """A random generator of 32 pixels with random directions, as a card in a folder."""
    torch.manual_seed(0)
    state = {key: value.contiguous() for key, value in build(**SHAPE).state_dict().items()}
    safetensors.torch.save_file(state, folder / f"{TINY}.safetensors")
    rng = np.random.default_rng(0)
    vectors = torch.from_numpy(rng.standard_normal((len(ENTRIES), layers, 16)).astype(np.float16) / 4)
    entries = [entry | {"low": -2.0, "high": 1.5} for entry in ENTRIES]
    safetensors.torch.save_file(
        {"directions": vectors}, folder / "directions.safetensors", {"directions": json.dumps(entries)}
    )
    files = [("weights", f"{TINY}.safetensors")] + ([("directions", "directions.safetensors")] if directions else [])
    source = Source("bundled", tuple(_file(folder / name, role) for role, name in files))
    parameters = sum(value.numel() for value in state.values())
    card = ModelCard(
        id=TINY,
        engine="face_editing",
        title="Tiny",
        about="A test.",
        architecture="style_generator",
        source=source,
        licence="MIT",
        trained_on="nothing",
        input_range=(-1.0, 1.0),
        options=SHAPE,
        parameters=parameters,
        folder=folder,
    )
    write_card(card, folder / f"{TINY}.toml")
    for name in ("face-parts.toml", "face-parts.safetensors"):
        shutil.copyfile(ROOT / "assets" / "models" / name, folder / name)
    return card


def _file(path: Path, role: str) -> WeightFile:
    return WeightFile(path.name, hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_size, role)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Engines:
    folder = tmp_path_factory.mktemp("cards")
    tiny_card(folder)
    return Engines("cpu", home=folder / "home", cards=folder)


@pytest.fixture(scope="module")
def faces(tiny: Engines) -> FaceEditing:
    return tiny[FaceEditing]


@pytest.fixture(scope="module")
def portrait() -> Any:
    photo = np.ascontiguousarray(data.astronaut()[:260, 90:350], np.uint8)
    photo.flags.writeable = False
    return photo


@pytest.fixture(scope="module")
def inverted(faces: FaceEditing, portrait: Any) -> Inverted:
    """The portrait's face in the tiny generator, tuned."""
    made = faces.invert(portrait, steps=8, model=TINY)
    return faces.refine(made, steps=40)


# finding


def test_a_face_is_found_with_its_box_and_without_hints(faces: FaceEditing, portrait: Any) -> None:
    (face,) = faces.detect(portrait)
    left, top, right, bottom = face.box
    assert left < 115 < 155 < right and top < 100 < bottom and face.usable and face.number == 0
    assert face.hints == ()


@pytest.mark.parametrize(
    ("change", "hint"),
    [
        (lambda photo: photo[::2, ::2], "is small"),
        (lambda photo: (photo * 0.2).astype(np.uint8), "very dark"),
        (lambda photo: photo[:, 100:], "border cuts"),
    ],
)
def test_weak_photos_get_a_hint(faces: FaceEditing, portrait: Any, change: Any, hint: str) -> None:
    (face,) = faces.detect(np.ascontiguousarray(change(portrait)))
    assert any(hint in sentence for sentence in face.hints), face.hints


@pytest.mark.parametrize(("cover", "hint"), [("mask", "mouth"), ("hand", "mouth"), ("glasses", "eyes"), (None, "")])
@pytest.mark.parametrize("look", [1.0, 0.5, "grey"])
def test_covered_faces_get_a_hint_in_any_light(
    faces: FaceEditing, portrait: Any, cover: Any, hint: str, look: Any
) -> None:
    (face,) = faces.detect(portrait)
    photo = portrait.copy()
    if cover == "mask":  # below the nose, from ear to ear, in the light of the photo
        cv2.ellipse(photo, (135, 138), (48, 30), 0, 0, 360, (150, 190, 215), -1, cv2.LINE_AA)
    if cover == "hand":
        photo[140:172, 105:165] = (200, 160, 140)
    if cover == "glasses":
        for x, y in face.face.eyes:
            cv2.ellipse(photo, (round(x), round(y)), (19, 14), 0, 0, 360, (25, 22, 20), -1, cv2.LINE_AA)
    photo = np.repeat(photo.mean(2, keepdims=True), 3, 2) if look == "grey" else photo * look
    hints = finding.described(photo.astype(np.uint8), face.face).hints
    said = [word for word in ("mouth", "eyes") if any(f"The {word} seem" in sentence for sentence in hints)]
    assert said == ([hint] if hint else [])


def shrunk(photo: Any) -> Any:
    """The portrait with a face 20 pixels wide, in a larger photo."""
    small = cv2.resize(photo, (58, 58), interpolation=cv2.INTER_AREA)
    return cv2.copyMakeBorder(small, 200, 200, 200, 200, cv2.BORDER_REPLICATE)


NOBODY = {
    "a cat": lambda _: data.chelsea(),
    "another cat": lambda _: read_image(ROOT / "assets/samples/kitten.png").pixels[..., :3],
    "a drawing": lambda _: read_image(ROOT / "assets/samples/robot-drawing.png").pixels[..., :3],
    "a plain wall": lambda _: np.full((40, 50, 3), 90, np.uint8),
    "a face of 20 pixels": shrunk,
    "a face that is nearly black": lambda photo: (photo * 0.04).astype(np.uint8),
    "half a face": lambda photo: photo[:, 135:],
}


@pytest.mark.parametrize("name", NOBODY)
def test_photos_without_a_face_get_a_sentence(faces: FaceEditing, portrait: Any, name: str) -> None:
    photo = np.ascontiguousarray(NOBODY[name](portrait))
    assert faces.detect(photo) == []
    for call in (
        lambda: faces.invert(photo, model=TINY),
        lambda: faces.edit(photo, {"smile": 0.5}, model=TINY),
        lambda: faces.makeup(photo, portrait, generator=0, model=TINY),
        lambda: faces.frontal(photo, model=TINY),
    ):
        with pytest.raises(ImageError, match=r"^No face was found\. Send a photo .* at least 40 pixels wide;"):
            call()
    with pytest.raises(ImageError, match=r"^The other photo: No face was found"):
        faces.mix_photos(portrait, photo, model=TINY)


@pytest.mark.parametrize(
    ("scale", "turn", "hint", "usable"),
    [
        (0.3, 0.0, "This face is small (27 pixels): the edit will be soft", False),
        (0.45, 0.0, "This face is small (40 pixels): the edit will be soft", True),
        (1.0, 0.3, "This face is turned away: strong edits may look wrong.", True),
        (1.0, 0.5, "This face is nearly a profile: edits will look wrong.", True),
        (1.0, -0.7, "This face is nearly a profile: edits will look wrong.", False),
    ],
)
def test_small_and_turned_faces_get_a_hint_and_at_last_a_refusal(
    faces: FaceEditing, portrait: Any, scale: float, turn: float, hint: str, usable: bool
) -> None:
    side = round(260 * scale)
    photo = np.asarray(cv2.resize(portrait, (side, side), interpolation=cv2.INTER_AREA), np.uint8)
    (straight,) = (found.face for found in faces.detect(portrait))
    eyes, nose = np.array(straight.eyes) * scale, np.array(straight.nose) * scale
    nose[0] += (turn - straight.yaw) * (eyes[1, 0] - eyes[0, 0])
    left, right = ((float(x), float(y)) for x, y in eyes)
    box = [value * scale for value in straight.box]
    face = Face((box[0], box[1], box[2], box[3]), (left, right), (float(nose[0]), float(nose[1])), 1.0)
    found = finding.described(photo, face)
    assert found.usable is usable and any(said.startswith(hint) for said in found.hints), found.hints
    if usable:
        assert faces.invert(photo, found, steps=1, model=TINY).face == face
    else:
        with pytest.raises(ImageError, match=r"^This face cannot be edited: it is too small or turned too far away\."):
            faces.invert(photo, found, steps=1, model=TINY)


def test_a_portrait_that_its_camera_turned_is_edited_upright(faces: FaceEditing, portrait: Any, tmp_path: Path) -> None:
    turned = Image.fromarray(np.ascontiguousarray(np.rot90(portrait[:250])))  # 6: the camera was on its side
    exif = Image.Exif()
    exif[0x0112] = 6
    turned.save(tmp_path / "turned.png", exif=exif)
    made = faces.edit_photo(tmp_path / "turned.png", tmp_path / "out.png", {"smile": 1.0}, steps=2, model=TINY)
    read = read_image(tmp_path / "out.png")
    assert read.pixels.shape == made.pixels.shape == (250, 260, 3)
    (before,) = faces.detect(np.ascontiguousarray(portrait[:250]))
    changed = np.abs(read.pixels.astype(int) - portrait[:250]).max(2) > 0
    left, top, right, bottom = before.box
    assert changed[top:bottom, left:right].mean() > 0.5 and not changed[:, :8].any()


def test_a_wrong_number_says_how_many_there_are(faces: FaceEditing, portrait: Any) -> None:
    with pytest.raises(OptionError, match="There is one face in this photo"):
        faces.invert(portrait, 1, model=TINY)
    two = np.concatenate([portrait, portrait], 1)
    with pytest.raises(OptionError, match="There are 2 faces"):
        faces.invert(two, 2, model=TINY)


# inverting and rendering


def test_tuning_brings_the_face_closer_and_is_small(inverted: Inverted, faces: FaceEditing, portrait: Any) -> None:
    first = faces.invert(portrait, steps=8, model=TINY)
    assert inverted.error < 0.9 * first.error
    assert np.array_equal(inverted.ws, first.ws) and first.deltas == ()
    assert all(delta.dtype == np.float16 for delta in inverted.deltas) and len(inverted.deltas) == 3
    assert (inverted.steps, first.steps) == (48, 8) and inverted.square.shape == (32, 32, 3)


def test_the_same_call_gives_the_same_latents(inverted: Inverted, faces: FaceEditing, portrait: Any) -> None:
    again = faces.refine(faces.invert(portrait, steps=8, model=TINY), steps=40)
    assert np.array_equal(again.ws, inverted.ws)
    assert all(np.array_equal(a, b) for a, b in zip(again.deltas, inverted.deltas, strict=True))


def test_a_session_value_survives_copying_and_pickling(inverted: Inverted, faces: FaceEditing) -> None:
    expected = faces.render(inverted, {"smile": 0.5})
    for twin in (copy.deepcopy(inverted), pickle.loads(pickle.dumps(inverted))):
        assert np.array_equal(faces.render(twin, {"smile": 0.5}), expected)


def test_one_persons_tuning_never_reaches_anybody_else(inverted: Inverted, faces: FaceEditing, tiny: Engines) -> None:
    stranger = faces.latents(5, model=TINY)
    before = faces.render(stranger)
    plain = faces.render(Latents(TINY, inverted.ws))
    tuned = faces.render(inverted)
    assert not np.array_equal(plain, tuned)
    assert np.array_equal(faces.render(stranger), before)
    assert np.array_equal(faces.render(Latents(TINY, inverted.ws)), plain)
    held = {id(value) for value in vars(faces).values()} | {id(value) for value in vars(faces._shop).values()}
    assert not held & {id(delta) for delta in inverted.deltas}
    assert [row.card_id for row in tiny.residency.resident() if row.card_id.endswith("faces")] == [TINY]


def test_seconds_end_the_search_and_cancel_stops_it(faces: FaceEditing, portrait: Any) -> None:
    made = faces.invert(portrait, steps=10_000, seconds=0.5, model=TINY)
    assert 0 < made.steps < 10_000 and made.seconds < 5
    seen: list[Progress] = []
    job = Job(lambda progress: (seen.append(progress), job.cancel() if progress.preview is not None else None))
    with pytest.raises(Cancelled):
        faces.invert(portrait, steps=500, model=TINY, job=job)
    assert seen[-1].preview is not None and seen[-1].preview.shape == (32, 32, 3)


def test_sliders_add_their_measured_reach(faces: FaceEditing) -> None:
    directions = faces._shop.directions(TINY)
    up, down = directions.shift({"smile": 1.0}), directions.shift({"smile": -0.5})
    assert np.allclose(up, 1.5 * directions.vectors[0]) and np.allclose(down, -directions.vectors[0])
    assert np.allclose(directions.shift({"smile": 1.0, "age": 0.5}) - up, 0.75 * directions.vectors[1], atol=1e-6)
    names = [slider.name for slider in faces.sliders(model=TINY)]
    assert names[:5] == ["smile", "age", "yaw", "mouth_open", "makeup"] and len(names) == len(ENTRIES)


@pytest.mark.parametrize(
    ("sliders", "sentence"),
    [
        ({"wings": 0.5}, 'no slider "wings". Choose one of: smile, age'),
        ({"smile": 1.5}, "goes from -1 to 1; 1.5"),
        ({"smile": float("nan")}, "goes from -1 to 1"),
    ],
)
def test_wrong_sliders_get_a_sentence(faces: FaceEditing, sliders: Any, sentence: str) -> None:
    with pytest.raises(OptionError, match=sentence):
        faces.generate(sliders=sliders, model=TINY)


def test_a_model_without_sliders_or_with_wrong_ones_says_so(tmp_path: Path) -> None:
    tiny_card(tmp_path, directions=False)
    engine = Engines("cpu", home=tmp_path / "home", cards=tmp_path)[FaceEditing]
    with pytest.raises(CardError, match="Tiny has no sliders yet"):
        engine.sliders(model=TINY)
    assert engine.generate(model=TINY).shape == (32, 32, 3)
    tiny_card(tmp_path, layers=9)
    engine = Engines("cpu", home=tmp_path / "home", cards=tmp_path)[FaceEditing]
    with pytest.raises(CardError, match="do not fit its generator"):
        engine.sliders(model=TINY)


# pasting


def test_outside_the_face_nothing_changes_and_inside_something_does(
    inverted: Inverted, faces: FaceEditing, portrait: Any
) -> None:
    canvas = np.pad(portrait, ((40, 60), (100, 80), (0, 0)), mode="reflect")
    face = faces.detect(canvas)[0].face
    done = faces.finish(canvas, replace(inverted, face=face), {"smile": 0.8})
    left, top, right, bottom = done.box
    outside = np.ones(canvas.shape[:2], bool)
    outside[top:bottom, left:right] = False
    assert outside.mean() > 0.3
    assert np.array_equal(done.pixels[outside], canvas[outside])
    assert np.abs(done.pixels.astype(int) - canvas).max() > 10
    assert done.sliders == {"smile": 0.8} and done.kept == 1.0 and done.verdict == faces.verdict(done.distance)


def test_no_edit_gives_the_photo_back_bit_for_bit(inverted: Inverted, faces: FaceEditing, portrait: Any) -> None:
    assert np.array_equal(faces.finish(portrait, inverted, {}).pixels, portrait)
    assert faces.finish(portrait, inverted, {}).distance == 0


def test_glasses_and_hair_are_drawn_at_the_photos_own_size(
    inverted: Inverted, faces: FaceEditing, portrait: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    pictures = Generator.pictures
    monkeypatch.setattr(Generator, "pictures", lambda self, ws, *rest: (asked.append(ws), pictures(self, ws, *rest))[1])
    worn = faces.finish(portrait, inverted, {"glasses": 1.0}, keep=1)
    assert worn.distance == 0 and worn.sliders == {"glasses": 1.0}, "the same person, in glasses"
    assert all(np.array_equal(one, inverted.ws) for ws in asked for one in ws), "the generator draws none itself"
    dark = (portrait.astype(int) - worn.pixels).max(2) > 60
    (left, top), (right, bottom) = inverted.face.eyes
    near = [[y, x] for x, y in inverted.face.eyes] + [[(top + bottom) / 2, (left + right) / 2]]
    apart = np.hypot(right - left, bottom - top)
    away = np.min([np.hypot(*(np.argwhere(dark) - np.array(point)).T) for point in near], 0)
    assert dark.sum() > 0.1 * apart**2 and away.max() < 0.75 * apart
    asked.clear()
    grey = faces.finish(portrait, inverted, {"hair_grey": 1.0, "glasses": 0.5}, keep=0)
    assert [len(ws) for ws in asked] == [2], "only hair is asked for: nothing else moves"
    assert grey.sliders == {"hair_grey": 1.0, "glasses": 0.5}
    frame, plain = (faces.render(inverted, sliders) for sliders in ({"glasses": 1.0}, {}))
    assert (plain.astype(int) - frame).max() > 60 and np.array_equal(frame[-6:], plain[-6:])


def test_what_is_where_in_a_portrait_is_known(faces: FaceEditing, portrait: Any, inverted: Inverted) -> None:
    square = pasting.aligned(portrait, inverted.face, 256)
    parts = parts_of(faces._shop, square, Job())
    assert parts.planes.shape == (192, 192, 4) and np.allclose(parts.planes.sum(2), 1, atol=1e-4)
    hair, head = parts.hair > 0.5, parts.outline.head
    assert hair[15:45, 70:120].mean() > 0.95 and hair[75:150, 75:120].max() == 0, "above the forehead, not in the face"
    assert head[75:150, 75:120].min() == 1 and head[:120, 188:].max() == 0, "the wall is no part of her"
    assert np.array_equal(np.maximum(head, hair), head)


def test_without_the_network_that_finds_hair_one_sentence_says_so(tmp_path: Path, portrait: Any) -> None:
    tiny_card(tmp_path)
    (tmp_path / "face-parts.toml").unlink()
    faces = Engines("cpu", home=tmp_path / "home", cards=tmp_path)[FaceEditing]
    with pytest.raises(CardError, match="face-parts, which is not here"):
        faces.finish(portrait, faces.invert(portrait, steps=1, model=TINY), {"yaw": 0.5})


def test_sixteen_bits_and_alpha_stay(inverted: Inverted, faces: FaceEditing, portrait: Any) -> None:
    rng = np.random.default_rng(1)
    fine = portrait.astype(np.uint16) * 257 + rng.integers(0, 200, portrait.shape).astype(np.uint16)
    alpha = rng.integers(0, 65536, (*portrait.shape[:2], 1)).astype(np.uint16)
    deep = np.concatenate([fine, alpha], 2)
    done = faces.finish(deep, inverted, {"smile": 0.8}).pixels
    assert done.dtype == np.uint16 and np.array_equal(done[..., 3], deep[..., 3])
    eight = faces.finish(portrait, inverted, {"smile": 0.8}).pixels
    difference = done[..., :3] / 257 - eight
    assert np.abs(difference).mean() < 1.0
    changed = np.abs(eight.astype(int) - portrait).max(2) > 8
    assert len(np.unique(done[changed][:, 0] % 257)) > 100, "the low bits were lost"


def test_a_moved_feature_takes_its_detail_along_and_leaves_none_behind() -> None:
    """Before and after are smooth pictures of a bar at two heights; the photo's bar also has stripes."""
    side = 128
    y = np.mgrid[0:side, 0:side][0].astype(np.float32)

    def bar(centre: float) -> Any:
        return np.repeat((0.75 - 0.5 * np.exp(-(((y - centre) / 5) ** 2)))[..., None], 3, 2).astype(np.float32)

    stripes = (((np.arange(side) // 2) % 2) * 2 - 1) * 0.08
    detail = np.exp(-(((y - 68) / 5) ** 2))[..., None] * stripes[None, :, None]
    photo = ((bar(68) + detail) * 255).astype(np.uint8)
    made = pasting.compose(photo, Change(bar(68), bar(73)))
    middle = made[40:100, 50:78].mean(2)
    assert abs(int(middle.mean(1).argmin()) + 40 - 73) <= 1
    texture = middle.std(1)
    assert texture[33] > 0.6 * np.std(detail[68, 50:78]), "the detail did not come along"
    assert middle.mean(1)[22] > 0.62, "a ghost of the old bar remained"


def test_a_head_that_moves_leaves_no_outline_behind_and_no_halo() -> None:
    """A wide dark head on a light ground moves by 10 of 128 pixels; the generator's own ground is lighter than that."""
    y, x = np.mgrid[0:128, 0:128]

    def person(middle: float, ground: float) -> Any:
        there = np.clip(48 - np.hypot(x - middle, (y - 64) * 0.9), 0, 1)
        bands = 0.2 + 0.1 * np.sin((x - middle) / 4) * np.sin(y / 5)
        return np.repeat((there * bands + (1 - there) * ground)[..., None], 3, 2).astype(np.float32)

    photo = (person(60, 0.7) * 255).astype(np.uint8)
    head = (person(60, 1.0)[..., 0] < 0.5).astype(np.float32)
    outline = Outline(head)
    made = pasting.composed(photo, Change(person(60, 0.7), person(70, 0.85)), outline=outline)[0][..., 0]
    left = made[40:88, 12:18]  # the old head was here, the new one begins at 22
    assert np.abs(left - 0.7).max() < 0.05, "an outline of the old head remained"
    assert made[20:108, 70].max() < 0.4 and made[20:108].max() < 0.76, "the generator's light ground shines at the rim"


def test_light_and_colour_change_without_loss_of_detail() -> None:
    rng = np.random.default_rng(0)
    grain = rng.integers(90, 160, (96, 96, 3)).astype(np.uint8)
    flat = np.full((32, 32, 3), 0.5, np.float32)
    made = pasting.compose(grain, Change(flat, flat + 0.1))
    middle = (slice(40, 60), slice(40, 60))
    assert np.allclose(made[middle], grain[middle] / 255 + 0.1, atol=0.004)


def test_the_guard_draws_an_edit_back_to_its_bound() -> None:
    asked: list[float] = []

    def distance(factor: float) -> float:
        asked.append(factor)
        return 0.8 * factor

    kept, left = guard.strongest(distance, 0.4)
    assert 0.45 <= kept <= 0.5 and left <= 0.4 and left == pytest.approx(0.8 * kept)
    assert guard.strongest(lambda factor: 0.1 * factor, 0.4) == (1.0, 0.1)
    assert len(asked) <= 8
    assert guard.bound(0) == float("inf") and guard.bound(1) < guard.bound(0.5) < guard.bound(0.01)
    words = [guard.verdict(distance) for distance in (0.1, 0.4, 0.55, 0.7)]
    assert len(set(words)) == 4 and words[0] == "The same person" and words[-1] == "Looks like someone else"


def test_keeping_the_person_pulls_the_sliders_back(inverted: Inverted, faces: FaceEditing, portrait: Any) -> None:
    wish = {"smile": 1.0, "age": 1.0, "yaw": -1.0}
    free, kept = (faces.finish(portrait, inverted, wish, keep=keep) for keep in (0.0, 1.0))
    assert free.kept == 1.0 and free.distance > guard.bound(1.0)
    assert kept.kept < 1.0 and kept.distance < free.distance and kept.distance < guard.bound(1.0) + 0.08
    assert kept.sliders == pytest.approx({name: value * kept.kept for name, value in wish.items()})
    with pytest.raises(OptionError, match="Keep goes from 0 to 1"):
        faces.finish(portrait, inverted, wish, keep=2)


def test_from_file_to_file_with_metadata_and_mark(faces: FaceEditing, portrait: Any, tmp_path: Path) -> None:
    source, target = tmp_path / "me.png", tmp_path / "out.png"
    exif = (
        b"Exif\x00\x00"
        + b"II*\x00\x08\x00\x00\x00\x01\x00\x0f\x01\x02\x00\x05\x00\x00\x00\x1a\x00\x00\x00\x00\x00\x00\x00Acme\x00"
    )
    write_image(source, Picture(portrait, "me.png", exif=exif))
    job = Job()
    made = faces.edit_photo(source, target, {"smile": 0.4}, steps=3, model=TINY, job=job)
    assert made.pixels.shape == portrait.shape and is_marked(target)
    recipe = read_recipe(target)
    assert (recipe.tool, recipe.model) == ("edit-face", TINY) and recipe.options["smile"] == 0.4
    assert b"Acme" in (read_image(target).exif or b"")
    assert {"identity_distance", "verdict", "kept", "seconds", "precision"} <= set(job.facts)


# people who do not exist


def test_a_seed_is_a_face_however_many_are_asked_for(faces: FaceEditing, tmp_path: Path) -> None:
    one = faces.generate(seed=4, model=TINY)
    assert one.shape == (32, 32, 3) and one.dtype == np.uint8
    assert np.abs(faces.render(faces.latents(4, model=TINY)).astype(int) - one).max() <= 1
    paths = faces.generate_files(tmp_path, seed=3, count=3, model=TINY, size=48)
    assert [path.name for path in paths] == ["0000000003.png", "0000000004.png", "0000000005.png"]
    assert read_image(paths[1]).size == (48, 48) and is_marked(paths[1])
    assert read_recipe(paths[1]).seed == 4
    sheet = faces.sheet(seed=3, count=3, columns=2, model=TINY)
    assert sheet.shape == (68, 68, 3)
    assert np.abs(sheet[:32, 36:].astype(int) - one).max() <= 1 and (sheet[36:, 36:] == 255).all()


def test_a_dataset_has_labels(faces: FaceEditing, tmp_path: Path) -> None:
    path = faces.dataset(tmp_path / "set.zip", seed=7, count=5, sliders={"smile": 0.3}, model=TINY)
    with zipfile.ZipFile(path) as archive:
        labels = json.loads(archive.read("labels.json"))
        assert [face["seed"] for face in labels["faces"]] == [7, 8, 9, 10, 11]
        assert labels["options"] == {"truncation": 1.0, "smile": 0.3} and labels["model"] == TINY
        assert sorted(archive.namelist()) == sorted(["labels.json", *(face["file"] for face in labels["faces"])])
        (tmp_path / "one.png").write_bytes(archive.read(labels["faces"][0]["file"]))
    assert is_marked(tmp_path / "one.png") and read_recipe(tmp_path / "one.png").seed == 7
    assert [item.name for item in tmp_path.iterdir() if item.name.startswith(".")] == []


def test_mixing_takes_layers_from_either(faces: FaceEditing, inverted: Inverted) -> None:
    a, b = faces.latents(1, model=TINY), faces.latents(2, model=TINY)
    mixed = faces.mix(a, b, coarse=1, middle=0, fine=0.5)
    assert np.array_equal(mixed.ws[:6], b.ws[:6])
    assert np.allclose(faces.mix(a, b, coarse=0, middle=0.25, fine=1).ws[6:], 0.75 * a.ws[6:] + 0.25 * b.ws[6:])
    assert np.array_equal(faces.mix(a, b, coarse=0, middle=0, fine=0).ws, a.ws)
    placed = faces.mix(inverted, a, coarse=1, middle=1, fine=1)
    assert isinstance(placed, Inverted) and placed.face == inverted.face
    assert all(not delta.any() for delta in placed.deltas)
    with pytest.raises(OptionError, match="Coarse goes from 0"):
        faces.mix(a, b, coarse=2)
    with pytest.raises(OptionError, match="different models"):
        faces.mix(a, Latents("other", b.ws))


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda f: f.generate(seed=-1, model=TINY), "A seed is a whole number"),
        (lambda f: f.generate(truncation=3, model=TINY), "Truncation goes from 0"),
        (lambda f: f.sheet(count=0, model=TINY), "From 1 to"),
        (lambda f: f.generate(model="realesr-animevideov3"), "There is no model"),
    ],
)
def test_wrong_wishes_get_a_sentence(faces: FaceEditing, call: Any, sentence: str) -> None:
    with pytest.raises((OptionError, CardError), match=sentence):
        call(faces)


# films


def test_films_from_seeds_and_of_a_talking_photo(
    faces: FaceEditing, inverted: Inverted, portrait: Any, tmp_path: Path
) -> None:
    import av

    loop = faces.film(tmp_path / "loop.mp4", [1, 2], seconds_each=0.25, fps=12, size=64, model=TINY)
    with av.open(str(loop)) as container:
        frames = [frame.to_ndarray(format="rgb24").astype(int) for frame in container.decode(video=0)]
    assert len(frames) == 6 and frames[0].shape == (64, 64, 3)
    steps = [np.abs(a - b).mean() for a, b in zip(frames, [*frames[1:], frames[0]], strict=True)]
    assert max(steps) < 4 * np.median(steps) + 1, "it does not loop smoothly"
    path = faces.animate(tmp_path / "talk.mp4", inverted, photo=portrait, preset="talk", seconds=0.5, fps=12, size=128)
    with av.open(str(path)) as container:
        frames = [frame.to_ndarray(format="rgb24").astype(int) for frame in container.decode(video=0)]
        assert "animate" in container.metadata["recipe"]
    assert len(frames) == 6 and max(frames[0].shape) == 128
    assert any(np.abs(a - frames[0]).max() > 12 for a in frames[1:])
    wish = {"glasses": 1.0, "hair_grey": 1.0}
    path = faces.animate(
        tmp_path / "worn.mp4", inverted, photo=portrait, sliders=wish, preset="talk", seconds=0.5, fps=12, size=128
    )
    with av.open(str(path)) as container:
        worn = [frame.to_ndarray(format="rgb24").astype(int) for frame in container.decode(video=0)]
    dark = [(a - b).max(2) > 70 for a, b in zip(frames, worn, strict=True)]
    assert min(one.sum() for one in dark) > 40, "glasses in every frame"
    with pytest.raises(OptionError, match='no preset "dance"'):
        faces.animate(tmp_path / "x.mp4", inverted, preset="dance")
    with pytest.raises(OptionError, match="2 to 64 seeds"):
        faces.film(tmp_path / "x.mp4", [1], model=TINY)
    assert not (tmp_path / "x.mp4").exists()


# makeup, mixing and turning in photos


def test_makeup_without_the_generator_is_local_and_quick(faces: FaceEditing, portrait: Any) -> None:
    red = portrait.copy()
    red[135:160, 105:165, 0] = np.minimum(red[135:160, 105:165, 0] + 50.0, 255).astype(np.uint8)
    done = faces.makeup(portrait, red, generator=0, model=TINY)
    assert done.pixels.shape == portrait.shape and done.sliders == {}
    changed = np.abs(done.pixels.astype(int) - portrait).max(2) > 3
    assert changed.any() and not changed[:30].any() and not changed[200:].any()
    assert done.distance < 0.5


def test_a_blend_sits_in_the_first_photo(faces: FaceEditing, portrait: Any) -> None:
    other = np.ascontiguousarray(portrait[:, ::-1])
    with pytest.raises(ImageError, match="The other photo: No face was found"):
        faces.mix_photos(portrait, np.full((200, 200, 3), 90, np.uint8), steps=300, model=TINY)
    done = faces.mix_photos(portrait, other, steps=3, model=TINY)
    assert done.pixels.shape == portrait.shape and not np.array_equal(done.pixels, portrait)
    none = faces.mix_photos(portrait, other, coarse=0, middle=0, fine=0, steps=3, model=TINY)
    assert np.array_equal(none.pixels, portrait)


def test_a_face_that_is_known_is_not_learnt_again_for_a_blend(
    faces: FaceEditing, portrait: Any, inverted: Inverted, monkeypatch: pytest.MonkeyPatch
) -> None:
    learnt: list[int] = []
    refine = FaceEditing.refine
    monkeypatch.setattr(
        FaceEditing, "refine", lambda self, *some, **more: (learnt.append(1), refine(self, *some, **more))[1]
    )
    other = np.ascontiguousarray(portrait[:, ::-1])
    done = faces.mix_photos(portrait, other, inverted=inverted, steps=2)
    assert len(learnt) == 1 and not np.array_equal(done.pixels, portrait)


TOOLS = {
    "frontal": lambda f, photo, **more: f.frontal(photo, **more),
    "makeup": lambda f, photo, **more: f.makeup(photo, np.ascontiguousarray(photo[..., ::-1]), **more),
    "mix_photos": lambda f, photo, **more: f.mix_photos(photo, np.ascontiguousarray(photo[:, ::-1]), steps=2, **more),
}


@pytest.mark.parametrize("name", TOOLS)
def test_sliders_and_keeping_the_person_go_along_with_every_tool(
    faces: FaceEditing, portrait: Any, inverted: Inverted, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(photos, "turn_to_front", lambda *_, **__: 0.5)  # what this generator makes has no eyes
    tool, wish = TOOLS[name], {"age": 1.0, "glasses": 1.0}
    alone, both, kept = (
        tool(faces, portrait, inverted=inverted, sliders=sliders, keep=keep)
        for sliders, keep in ((None, 0.0), (wish, 0.0), (wish, 1.0))
    )
    assert not set(wish) & set(alone.sliders) and wish.items() <= both.sliders.items()
    assert not np.array_equal(alone.pixels, both.pixels)
    assert both.distance > guard.bound(1.0) and kept.distance < guard.bound(1.0) + 0.08
    assert kept.kept < both.kept == 1.0
    assert kept.sliders["age"] == pytest.approx(kept.kept) and kept.sliders["glasses"] == 1.0
    with pytest.raises(OptionError, match='no slider "horns"'):
        tool(faces, portrait, inverted=inverted, sliders={"horns": 1.0})


def test_sliders_alone_and_beside_a_tool_that_does_nothing_are_one_edit(
    faces: FaceEditing, portrait: Any, inverted: Inverted
) -> None:
    wish = {"smile": 0.7, "age": -0.5, "hair_grey": 0.6, "glasses": 1.0}
    plain = faces.finish(portrait, inverted, wish)
    other = np.ascontiguousarray(portrait[:, ::-1])
    nothing = {"coarse": 0.0, "middle": 0.0, "fine": 0.0}
    mixed = faces.mix_photos(portrait, other, inverted=inverted, sliders=wish, steps=1, **nothing)
    unpainted = faces.makeup(portrait, other, lips=0, eyes=0, skin=0, generator=0, sliders=wish, inverted=inverted)
    for done in (mixed, unpainted):
        apart = np.abs(done.pixels.astype(int) - plain.pixels)
        assert apart.max() <= 2 and done.sliders == plain.sliders and done.distance == pytest.approx(plain.distance)


def test_a_blend_and_makeup_ask_which_faces_are_meant(faces: FaceEditing, portrait: Any) -> None:
    red = np.ascontiguousarray(portrait[..., ::-1])
    pair = np.ascontiguousarray(np.concatenate([portrait, red], 1))
    first, second = sorted(faces.detect(pair), key=lambda face: face.box[0])
    ends = [
        faces.makeup(portrait, pair, generator=0, reference_face=face.number, model=TINY) for face in (first, second)
    ]
    assert (
        np.abs(ends[0].pixels.astype(int) - portrait).max() < 12 < np.abs(ends[1].pixels.astype(int) - portrait).max()
    )
    for call in (
        lambda: faces.makeup(portrait, pair, reference_face=2, model=TINY),
        lambda: faces.mix_photos(portrait, pair, face_b=2, model=TINY),
        lambda: faces.mix_photos(pair, portrait, face_a=2, steps=1, model=TINY),
    ):
        with pytest.raises(OptionError, match="There are 2 faces"):
            call()


def test_a_blend_meets_the_photo_in_colour_and_ends_with_the_face(portrait: Any) -> None:
    face = finding.find(portrait)[0].face
    square = pasting.aligned(portrait, face, makeup.SIDE)
    own = square.astype(np.float32) / 255
    other = own * np.array([0.75, 0.8, 0.95], np.float32)  # the same face, bluer and darker
    other[: makeup.SIDE // 3] = (0.9, 0.1, 0.1)  # under another's hair
    change, weight = mixing.fitted(square, Change(own, other).at(128))
    bare = makeup.face(square)
    assert weight.shape == bare.shape and not weight[bare < 0.5].max() > 0.5 and not weight[: makeup.SIDE // 4].any()
    small = cv2.resize(weight, (128, 128), interpolation=cv2.INTER_AREA) > 0.9
    before, after = change.before[small].mean(0), change.after[small].mean(0)
    assert small.mean() > 0.05 and np.abs(after - before).max() < 0.03
    made = pasting.compose(square, change, weight=weight)
    outside = cv2.dilate(bare, np.ones((9, 9))) < 0.05
    assert np.abs(made - own)[outside].max() < 0.01


def test_ages_need_the_reader_and_say_so(faces: FaceEditing, inverted: Inverted, portrait: Any) -> None:
    with pytest.raises(CardError, match="face-attributes"):
        faces.age(portrait, 60, inverted=inverted)
    with pytest.raises(OptionError, match="Ages go from 16"):
        faces.age(portrait, 7, inverted=inverted)


# the command line


@pytest.fixture
def command(tiny: Engines, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Runs a command on the tiny generator; returns exit code, printed JSON, and what went to the error stream."""
    monkeypatch.setattr("engines.__main__.Engines", lambda device: tiny)

    def run(*arguments: str) -> tuple[int, Any, str]:
        code = main([*arguments, "--model", TINY, "--json"])
        printed = capsys.readouterr()
        return code, json.loads(printed.out) if printed.out.strip() else None, printed.err

    return run


def test_edit_face_and_mix_faces_from_the_command_line(command: Any, portrait: Any, tmp_path: Path) -> None:
    photo, out = tmp_path / "in" / "me.png", tmp_path / "out"
    photo.parent.mkdir()
    write_image(photo, Picture(portrait))
    (photo.parent / "no-face.png").write_bytes((ROOT / "assets/samples/kitten.png").read_bytes())
    code, facts, _ = command("edit-face", str(photo.parent), str(out), "--set", "smile=0.6", "--seconds", "0.6")
    assert code == 1 and [Path(row["file"]).name for row in facts["failed"]] == ["no-face.png"]
    assert "No face was found" in facts["failed"][0]["reason"]
    (done,) = facts["done"]
    assert {"identity_distance", "verdict", "seconds", "kept"} <= set(done) and done["model"] == TINY
    assert read_recipe(out / "me.png").options["set"] == "smile=0.6"
    code, facts, _ = command("mix-faces", str(photo), str(photo), str(tmp_path / "mix.png"), "--seconds", "0.4")
    assert code == 0 and read_recipe(tmp_path / "mix.png").tool == "mix-faces"
    code, facts, _ = command("transfer-makeup", str(photo), str(photo), str(tmp_path / "up.png"), "--generator", "0")
    assert code == 0 and facts["done"][0]["identity_distance"] < 0.1
    pair = tmp_path / "two.png"
    write_image(pair, Picture(np.ascontiguousarray(np.concatenate([portrait, portrait], 1))))
    target, which = str(tmp_path / "chosen.png"), ("--face", "1", "--other-face", "1", "--seconds", "0.4")
    code, facts, _ = command("mix-faces", str(pair), str(pair), target, *which, "--set", "smile=0.5", "--keep", "0.5")
    options = read_recipe(tmp_path / "chosen.png").options
    assert code == 0 and (options["face"], options["other_face"], options["set"]) == (1, 1, "smile=0.5")
    assert "kept" in facts["done"][0] and options["keep"] == 0.5
    for verb in ("mix-faces", "transfer-makeup"):
        code, facts, _ = command(verb, str(photo), str(pair), target, "--other-face", "4", "--seconds", "0.4")
        assert code == 1 and "There are 2 faces" in facts["failed"][0]["reason"]
    words = ("--describe", "a smiling purple wizard", "--seconds", "0.4")
    code, facts, _ = command("edit-face", str(photo), str(tmp_path / "said.png"), *words)
    assert code == 0 and facts["done"][0]["note"] == "Not understood: purple, wizard."
    code, facts, _ = command("edit-face", str(photo), str(tmp_path / "x.png"), "--describe", "purple")
    assert code == 1 and "Nothing to do" in facts["failed"][0]["reason"] and not (tmp_path / "x.png").exists()


def test_a_slider_at_nothing_copies_the_file_and_learns_nothing(
    command: Any, portrait: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FaceEditing, "invert", lambda *_, **__: pytest.fail("a face was learnt for nothing"))
    photo, out = tmp_path / "me.png", tmp_path / "out.png"
    write_image(photo, Picture(portrait))
    code, facts, _ = command("edit-face", str(photo), str(out), "--set", "smile=0")
    assert code == 0 and "every slider is at 0" in facts["done"][0]["note"]
    assert out.read_bytes() == photo.read_bytes() and not is_marked(out)
    code, facts, _ = command("edit-face", str(photo), str(out), "--set", "horns=0")
    assert code == 1 and 'no slider "horns"' in facts["failed"][0]["reason"]


def test_an_age_says_what_it_looks_like(
    command: Any, portrait: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    photo, out = tmp_path / "me.png", tmp_path / "out.png"
    write_image(photo, Picture(portrait))
    ages = iter([{"age_before": 36.0, "age_after": 70.6}, {"age_before": 36.0, "age_after": 61.2}] * 2)

    class Looks:
        """Ages as they might be reached; this model has no reader of ages."""

        def at(self, years: float, **_: Any) -> Finished:
            return Finished(portrait + 1, (0, 0, 1, 1), 0.1, "The same person", {}, **next(ages))

    monkeypatch.setattr(photos.Ages, "of", lambda *_: Looks())
    said = []
    for years in ("70", "80"):
        code, facts, _ = command("age-face", str(photo), str(out), "--years", years, "--seconds", "0.2")
        assert code == 0
        said.append(facts["done"][0]["note"])
    assert said == [
        "Looked 36, looks 71.",
        "Looked 36, looks 61. 80 years are not reached: this face cannot be made to look that old.",
    ]
    assert main(["age-face", str(photo), str(out), "--years", "70", "--seconds", "0.2", "--model", TINY]) == 0
    assert "Looked 36, looks 71." in capsys.readouterr().out
    assert ageing.missed(20, 31, held_back=True) == "20 years are not reached: keeping the person allows no more."
    assert ageing.missed(20, 22.5) == "" == ageing.missed(20, None)


def test_generate_face_from_the_command_line(command: Any, tmp_path: Path) -> None:
    code, facts, _ = command("generate-face", str(tmp_path / "one.png"), "--seed", "7", "--set", "age=0.5")
    assert code == 0 and facts["done"][0]["width"] == 32 and read_recipe(tmp_path / "one.png").seed == 7
    code, facts, _ = command("generate-face", str(tmp_path / "many"), "--count", "3", "--size", "64")
    assert code == 0 and len(facts["done"]) == 3 and len(list((tmp_path / "many").glob("*.png"))) == 3
    code, facts, _ = command("generate-face", str(tmp_path / "set.zip"), "--count", "2")
    assert code == 0 and zipfile.ZipFile(tmp_path / "set.zip").testzip() is None
    code, facts, _ = command("generate-face", str(tmp_path / "turn.mp4"), "--count", "2", "--size", "64")
    assert code == 0 and facts["done"][0]["count"] == 2 and (tmp_path / "turn.mp4").stat().st_size > 1000
    code, _, said = command("generate-face", str(tmp_path / "one.png"), "--count", "3")
    assert code == 1 and "need a folder" in said
    for name in ("out.bmp", "out.jpeg2000", "me.gif"):
        code, _, said = command("generate-face", str(tmp_path / name))
        assert code == 1 and f'not written as ".{name.split(".")[1]}" files' in said and not (tmp_path / name).exists()
    code, facts, _ = command("generate-face", str(tmp_path / "one.webp"))
    assert code == 0 and (tmp_path / "one.webp").is_file()
    (tmp_path / "v1.2").mkdir()
    code, facts, _ = command("generate-face", str(tmp_path / "v1.2"))
    assert code == 0 and len(list((tmp_path / "v1.2").glob("*.png"))) == 1
    code, _, said = command("generate-face", str(tmp_path / "two.png"), "--set", "smile")
    assert code == 1 and "--set takes NAME=VALUE" in said


HARD = {  # how the photo is changed, how many faces there are, what is said of them
    "upside down": (lambda photo: np.rot90(photo, 2), 1, ()),
    "askew": (lambda photo: askew(photo, 45), 1, ()),
    "dark": (lambda photo: photo * 0.12, 1, ("This face is very dark",)),
    "bright": (lambda photo: 215 + photo * 0.155, 1, ("This face is overexposed",)),
    "a hand over the mouth": (lambda photo: covered(photo), 1, ("The mouth seems to be covered",)),
    "cut by the border": (lambda photo: photo[:, 110:], 1, ("The photo's border cuts this face", "This may be no")),
    "twelve": (lambda photo: np.tile(photo[:230], (3, 4, 1)), 12, ()),
}


def askew(photo: Any, angle: float) -> Any:
    matrix = cv2.getRotationMatrix2D((130, 130), angle, 1.0)
    matrix[:, 2] += 60
    return cv2.warpAffine(photo, matrix, (380, 380), borderMode=cv2.BORDER_REPLICATE)


def covered(photo: Any) -> Any:
    photo = photo.copy()
    photo[140:172, 105:165] = (200, 160, 140)
    return photo


@pytest.mark.parametrize("case", HARD)
def test_hard_photos_give_a_result_and_a_hint(faces: FaceEditing, portrait: Any, case: str) -> None:
    change, count, hints = HARD[case]
    photo = np.ascontiguousarray(np.asarray(change(portrait)), np.uint8)
    found = faces.detect(photo)
    assert len(found) == count and [face.number for face in found] == list(range(count))
    for face in found:
        assert face.usable and len(face.hints) == len(hints), face.hints
        assert all(said.startswith(hint) for said, hint in zip(face.hints, hints, strict=True)), face.hints
    edited = faces.edit(photo, {"smile": 0.7}, face=found[-1], steps=2, model=TINY)
    changed = np.abs(edited.astype(int) - photo).max(2) > 0
    left, top, right, bottom = pasting.region(photo.shape[:2], found[-1].face)
    assert edited.shape == photo.shape and changed[top:bottom, left:right].mean() > 0.1
    changed[top:bottom, left:right] = False
    assert not changed.any(), "only this face"


def test_an_encoders_guess_is_where_the_search_begins_and_stays_near(faces: FaceEditing, portrait: Any) -> None:
    from engines.faces.inverting import Search, Target

    shop = faces._shop
    with shop.generator(TINY, Job()) as generator:
        mean, axes = generator.spread()
        guess = faces.latents(9, model=TINY).ws
        frame = faces.render(Latents(TINY, guess))
        copy_ = private_copy(shop.catalogue, shop.card(TINY), shop.device)
        search = Search(copy_, mean, axes, Target.of(frame, shop.device), shop.residency, Job())
        found, steps = search.latents(guess, 6)
        blind, _ = search.latents(None, 6)
    assert steps == 6 and found.shape == guess.shape
    assert np.abs(found - guess).mean() < 0.5 * np.abs(blind - guess).mean()


def test_a_grown_generator_takes_the_smaller_ones_encoder(tmp_path: Path) -> None:
    from engines.faces import making
    from engines.models.face_encoder import build as build_encoder

    card = replace(tiny_card(tmp_path), companions={"encoder": "guesser"})
    write_card(card, tmp_path / f"{TINY}.toml")
    shape = {"num_ws": 9, "w_dim": 16, "width": 8}
    state = {key: value.contiguous() for key, value in build_encoder(**shape).state_dict().items()}
    safetensors.torch.save_file(state, tmp_path / "guesser.safetensors")
    source = Source("bundled", (_file(tmp_path / "guesser.safetensors", "weights"),))
    guesser = replace(card, id="guesser", architecture="face_encoder", options=shape, source=source, companions={})
    write_card(guesser, tmp_path / "guesser.toml")
    shop = Engines("cpu", home=tmp_path / "home", cards=tmp_path)[FaceEditing]._shop
    square = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    guess = making._encoded(shop, TINY, square, Job())
    assert guess is not None and guess.shape == (12, 16)
    assert np.array_equal(guess[9:], guess[6:9]) and np.abs(guess).max() > 0
    small = cv2.resize(square, (16, 16), interpolation=cv2.INTER_AREA)  # nine latents are those of 16 pixels
    assert np.array_equal(
        making._encoded(shop, TINY, cv2.resize(small, (32, 32), interpolation=cv2.INTER_NEAREST), Job()), guess
    )
