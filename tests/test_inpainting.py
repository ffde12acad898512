"""What inpainting promises: pixels outside the mask, depth, alpha, seeds, bad input, files, and the command line."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from skimage import data

from engines import Engines
from engines.__main__ import main
from engines.core.errors import Cancelled, CardError, ImageError, OptionError
from engines.core.image import Pixels
from engines.core.job import Job, Progress
from engines.core.provenance import is_marked, read_recipe
from engines.inpaint import commands, masks
from engines.inpaint.composing import as_floats, levelled
from engines.inpaint.sharpness import BOUND, sharpness
from engines.inpainting import KINDS, Inpainting
from tests.bench.inpainting import grain

Photo = NDArray[np.uint8]


@pytest.fixture
def engine(engines: Engines) -> Inpainting:
    return engines[Inpainting]


@pytest.fixture(scope="session")
def disc() -> Photo:
    """A mask for the kitten, (64, 96): a disc of 12 pixels."""
    mask = np.zeros((64, 96), np.uint8)
    cv2.circle(mask, (50, 30), 12, 255, -1)
    return mask


def deep(image: Photo, alpha: int | None = None) -> Pixels:
    """A picture in 16 bits that 8 bits cannot hold, with alpha if asked for."""
    out = (image.astype(np.uint16) * 257 + 3 * (image < 200)).astype(np.uint16)
    return out if alpha is None else np.dstack([out, np.full(image.shape[:2], alpha, np.uint16)])


# inpaint


@pytest.mark.parametrize(("expand", "feather"), [(0, 0), (0, 2), (6, 3), (-4, 8), (0, 64)])
def test_outside_the_grown_mask_every_bit_stays(
    engine: Inpainting, kitten: Photo, disc: Photo, expand: int, feather: int
) -> None:
    hole = masks.with_border(masks.grown(disc, expand), feather) > 0
    for image in (kitten, deep(kitten, 700)):
        made = engine.inpaint(image, disc, expand=expand, feather=feather)
        assert made.shape == image.shape and made.dtype == image.dtype
        assert np.array_equal(made[~hole], image[~hole])
        assert np.array_equal(made[..., 3:], image[..., 3:]), "alpha stays inside the hole, too"
        assert (made[hole][:, :3] != image[hole][:, :3]).any(1).mean() > (0.5 if feather < 60 else 0.05)


@pytest.mark.parametrize("thick", [1, 3, 9])
def test_nothing_of_what_is_covered_shines_through_the_soft_edge(engine: Inpainting, thick: int) -> None:
    """Masks as `auto_mask` and a careful person make them: exactly what should go, no more."""
    image = np.full((96, 96, 3), 110, np.uint8)
    mask = np.zeros((96, 96), np.uint8)
    cv2.line(mask, (20, 30), (70, 60), 255, thick)
    mask[80, 80] = 255
    image[mask > 0] = (250, 20, 20)
    made = engine.inpaint(image, mask).astype(int)
    assert np.abs(made - 110).max() <= 3
    covered = masks.with_border(np.full((8, 8), 255, np.uint8), 2)
    assert (covered == 255).all() and masks.with_border(mask, 0) is mask


@pytest.mark.parametrize(("thick", "large"), [(16, False), (40, False), (60, True)])
def test_a_fill_is_as_grainy_as_its_surroundings(engine: Inpainting, thick: int, large: bool) -> None:
    y, x = np.mgrid[0:300, 0:320]
    slope = 90 + 0.12 * x + 0.08 * y + np.random.default_rng(0).normal(0, 6, (300, 320))
    image = np.clip(slope, 0, 255).round().astype(np.uint8)[..., None].repeat(3, 2)
    mask = np.zeros((300, 320), np.uint8)
    if large:
        cv2.circle(mask, (150, 160), thick // 2, 255, -1)
    else:
        cv2.line(mask, (40, 80), (280, 220), 255, thick)
    assert 0.7 < grain(engine.inpaint(image, mask, feather=0), mask) < 1.3


def test_the_hole_is_not_looked_at(engine: Inpainting, kitten: Photo, disc: Photo) -> None:
    other = np.where(disc[..., None] > 0, 255 - kitten, kitten)
    one, two = (engine.inpaint(image, disc, feather=0) for image in (kitten, other))
    assert np.array_equal(one, two)


def test_sixteen_bits_are_filled_with_sixteen(engine: Inpainting, kitten: Photo, disc: Photo) -> None:
    made = engine.inpaint(deep(kitten), disc)
    assert len(np.unique(made[disc > 0] % 257)) > 100, "more steps than 8 bits have"


def test_seeds_differ_and_come_again(engine: Inpainting, kitten: Photo, disc: Photo) -> None:
    found = engine.fills(kitten, disc, count=3, seed=4)
    assert np.array_equal(found[1], engine.inpaint(kitten, disc, seed=5))
    assert np.array_equal(found[0], engine.fills(kitten, disc, count=3, seed=4)[0])
    assert not np.array_equal(found[0], found[1]) and not np.array_equal(found[1], found[2])


def test_facts_tell_what_was_done(engine: Inpainting, kitten: Photo, disc: Photo) -> None:
    job = Job()
    engine.fills(kitten, disc, count=2, job=job)
    assert job.facts["filled"] == pytest.approx(100 * (masks.with_border(disc, 2) > 0).mean(), abs=0.01)
    sharp = [float(value) for value in str(job.facts["sharpnesses"]).split()]
    assert len(sharp) == 2 and sharp[0] == pytest.approx(float(str(job.facts["sharpness"])), abs=0.006)
    assert bool(job.facts["note"]) == (float(str(job.facts["sharpness"])) < BOUND)


def test_what_is_transparent_does_not_run_into_the_fill(engine: Inpainting, kitten: Photo) -> None:
    mask = np.zeros((64, 96), np.uint8)
    mask[20:44, 40:60] = 255
    made = []
    for hidden in ((0, 255, 0), (255, 0, 255)):
        image = np.dstack([kitten, np.full((64, 96), 255, np.uint8)])
        image[:, :40] = (*hidden, 0)
        made.append(engine.inpaint(image, mask))
        assert np.array_equal(made[-1][:, :40], image[:, :40])
    assert np.array_equal(made[0][mask > 0], made[1][mask > 0])


# bad and odd input


def test_odd_masks_work(engine: Inpainting, kitten: Photo) -> None:
    dot, edge, soft = (np.zeros((64, 96), np.uint8) for _ in range(3))
    dot[30, 40] = 255
    edge[:20, :] = edge[:, -9:] = 255
    soft[10:40, 20:60] = 255
    soft = cv2.GaussianBlur(soft, (0, 0), 5)  # type: ignore[assignment]
    for mask in (dot, edge, soft, dot.astype(bool), dot[..., None]):
        made = engine.inpaint(kitten, mask)  # type: ignore[arg-type]
        hole = mask.reshape(64, 96) > (127 if mask.dtype == np.uint8 else 0)
        wide = hole if mask is soft else masks.grown((hole * 255).astype(np.uint8), 2) > 0
        assert np.array_equal(made[~wide], kitten[~wide]) and (made != kitten)[hole].any()
    almost = np.full((64, 96), 255, np.uint8)
    almost[0, 0] = 0
    assert np.array_equal(engine.inpaint(kitten, almost)[0, 0], kitten[0, 0])


@pytest.mark.parametrize(
    "hole",
    [(slice(30, 31), slice(40, 41)), (slice(20, 44), slice(0, 9)), (slice(0, 12), slice(84, 96))],
    ids=["one pixel", "at a side", "in a corner"],
)
@pytest.mark.parametrize("alpha", [None, 90])
def test_small_holes_and_holes_at_the_border_get_the_colours_around_them(
    engine: Inpainting, hole: tuple[slice, slice], alpha: int | None
) -> None:
    """On a ramp that goes down the picture, with and without alpha; what was in the hole was of another colour."""
    ramp = np.linspace(60, 180, 64)[:, None, None] * np.array([1.0, 0.8, 0.5]) + np.zeros((64, 96, 3))
    truth = ramp.round().astype(np.uint8)
    image = truth.copy()
    image[hole] = (250, 0, 250)
    mask = np.zeros((64, 96), np.uint8)
    mask[hole] = 255
    if alpha is not None:
        image = np.dstack([image, np.full((64, 96), alpha, np.uint8)])
    made = engine.inpaint(image, mask, feather=0)
    apart = np.abs(made[hole][..., :3].astype(int) - truth[hole])
    assert apart.mean() < 8 and apart.max() < 40, (apart.mean(), apart.max())
    assert np.array_equal(made[mask == 0], image[mask == 0])
    assert alpha is None or (made[..., 3] == alpha).all()


def test_a_soft_mask_blends(engine: Inpainting, kitten: Photo) -> None:
    hard = np.zeros((64, 96), np.uint8)
    hard[20:44, 30:70] = 255
    half = np.where(hard > 0, 191, 0).astype(np.uint8)
    full, part = (engine.inpaint(kitten, mask, feather=0).astype(int) for mask in (hard, half))
    expected = kitten + (full - kitten) * 0.5
    assert np.abs(part - expected).max() <= 1


def test_a_smoothly_drawn_mask_is_a_hard_one(engine: Inpainting, kitten: Photo, disc: Photo) -> None:
    """A brush leaves a rim of greys: the soft edge still lies around it, and not on what is to go."""
    drawn = cv2.GaussianBlur(disc, (0, 0), 0.7)
    assert not np.isin(drawn, (0, 255)).all()
    assert np.array_equal(masks.without_rim(drawn), np.where(drawn > 127, 255, 0))  # type: ignore[arg-type]
    assert np.array_equal(engine.inpaint(kitten, drawn, feather=6), engine.inpaint(kitten, disc, feather=6))  # type: ignore[arg-type]
    soft = cv2.GaussianBlur(disc, (0, 0), 4)
    assert masks.without_rim(soft) is soft  # type: ignore[arg-type]


@pytest.mark.parametrize("factor", [2, 0.5, 1.01])
def test_a_mask_of_another_size_is_resized(engine: Inpainting, kitten: Photo, disc: Photo, factor: float) -> None:
    size = round(96 * factor), round(64 * factor)
    other = cv2.resize(disc, size, interpolation=cv2.INTER_NEAREST)
    made = engine.inpaint(kitten, np.asarray(other, np.uint8), feather=0)
    changed = (made != kitten).any(2)
    near = masks.grown(disc, 3) > 0
    assert not changed[~near].any() and changed[masks.grown(disc, -4) > 0].mean() > 0.5


@pytest.mark.parametrize(
    ("mask", "sentence"),
    [
        (np.zeros((64, 96), np.uint8), "mask is empty. Paint"),
        (np.full((64, 96), 100, np.uint8), "mask is empty. Paint"),
        (np.full((64, 96), 255, np.uint8), "covers the whole picture"),
        (np.full((64, 64), 255, np.uint8), "64 x 64 pixels and the picture 96 x 64"),
        (np.full((64, 96), 255.0, np.float32), "A mask is an array"),
        (np.zeros((64, 96, 3), np.uint8), "A mask is an array"),
    ],
)
def test_bad_masks_get_a_sentence(engine: Inpainting, kitten: Photo, mask: Any, sentence: str) -> None:
    with pytest.raises(OptionError, match=sentence):
        engine.inpaint(kitten, mask)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"seed": -1}, "Seed goes from 0"),
        ({"expand": 65}, "Expand goes from -64 to 64"),
        ({"expand": -30}, "Nothing is left of the mask"),
        ({"feather": 1.5}, "Feather goes from 0 to 64"),
        ({"detail": 2}, "Detail goes from 0 to 1"),
        ({"detail": float("nan")}, "Detail goes from 0 to 1"),
    ],
)
def test_wrong_options_get_a_sentence(
    engine: Inpainting, kitten: Photo, disc: Photo, options: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(OptionError, match=sentence):
        engine.inpaint(kitten, disc, **options)


def test_other_models_shapes_and_counts_are_refused(engine: Inpainting, kitten: Photo, disc: Photo) -> None:
    with pytest.raises(CardError, match="does not fill holes"):
        engine.inpaint(kitten, disc, model="colorize")
    with pytest.raises(OptionError, match="An image is an array"):
        engine.inpaint(kitten[..., 0], disc)
    with pytest.raises(OptionError, match="Count goes from 1 to 6"):
        engine.fills(kitten, disc, count=0)
    with pytest.raises(OptionError, match="covers the whole picture"):
        engine.inpaint(kitten[:1, :1], np.full((1, 1), 255, np.uint8))
    with pytest.raises(OptionError, match='no automatic mask of kind "people"'):
        engine.auto_mask(kitten, "people")


def seconds_to_stop(verb: Callable[[Job], Any]) -> float:
    """How long a verb goes on after its first sign of progress, at which it is cancelled."""
    started = [0.0]

    def stop(progress: Progress) -> None:
        if not started[0] and progress.fraction > 0:
            started[0] = time.monotonic()
            job.cancel()

    job = Job(stop)
    with pytest.raises(Cancelled):
        verb(job)
    assert started[0]
    return time.monotonic() - started[0]


def test_cancel_is_quick(engine: Inpainting) -> None:
    image = np.random.default_rng(0).integers(0, 256, (1500, 2000, 3), np.uint8)
    mask = np.zeros((1500, 2000), np.uint8)
    mask[200:1300, 300:1700] = 255
    for verb in (
        lambda job: engine.inpaint(image, mask, job=job),
        lambda job: engine.blend(image, image[:, ::-1], mask, job=job),
        lambda job: engine.auto_mask(image, "text", job=job),
    ):
        assert seconds_to_stop(verb) < 1
    assert not engine.residency.busy


# outpaint


def test_a_larger_picture_keeps_the_old_one(engine: Inpainting, kitten: Photo) -> None:
    for image in (kitten, deep(kitten, 700)):
        job = Job()
        made = engine.outpaint(image, left=10, right=3, top=0, bottom=20, job=job)
        assert made.shape == (84, 109, image.shape[2]) and made.dtype == image.dtype
        assert np.array_equal(made[:64, 10:106], image)
        assert image.shape[2] == 3 or (made[:, :10, 3] == 65535).all(), "what is new is opaque"
        assert float(str(job.facts["filled"])) == pytest.approx(100 * (1 - 64 * 96 / (84 * 109)), abs=0.01)


@pytest.mark.parametrize(
    ("sides", "sentence"),
    [({}, "Nothing to add"), ({"left": -3}, "Left goes from 0 to 96"), ({"top": 65}, "Top goes from 0 to 64")],
)
def test_sides_that_cannot_grow_get_a_sentence(
    engine: Inpainting, kitten: Photo, sides: dict[str, int], sentence: str
) -> None:
    with pytest.raises(OptionError, match=sentence):
        engine.outpaint(kitten, **sides)  # type: ignore[arg-type]


def test_a_result_that_is_too_large_is_refused(
    engine: Inpainting, kitten: Photo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GAN_STUDIO_MAX_MEGAPIXELS", "0.007")
    with pytest.raises(OptionError, match=r"megapixels\. Add less"):
        engine.outpaint(kitten, left=20)


# masks


def test_masks_grow_alike_in_all_directions(disc: Photo) -> None:
    for pixels in (1, 5, 14):
        grown, shrunk = masks.grown(disc, pixels) > 0, masks.grown(disc, -min(pixels, 9)) > 0
        y, x = np.nonzero(grown)
        reach = np.hypot(y - 30, x - 50)
        inside = (y > 0) & (y < 63) & (x > 0) & (x < 95)
        assert reach.max() <= 12.6 + 1.1 * pixels and (grown & ~(disc > 0)).any()
        edge = cv2.morphologyEx(grown.astype(np.uint8), cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))[y, x] > 0
        assert reach[edge & inside].min() >= 11 + 0.9 * pixels - 1.5
        assert not (shrunk & ~(disc > 0)).any()
    assert masks.grown(disc, 0) is disc


def test_the_soft_border_lies_inside(disc: Photo) -> None:
    weight = masks.weight_of(disc, 5)
    assert not weight[disc == 0].any() and weight[30, 50] == 1
    profile = weight[30, 38:47]
    assert (np.diff(profile) >= 0).all() and 0 < profile[0] < 0.2
    whole = np.full((20, 30), 255, np.uint8)
    whole[:, 15:] = 0
    assert (masks.weight_of(whole, 5)[:, 0] == 1).all(), "no border where the picture ends"


def test_masks_are_read_from_alpha_or_brightness(tmp_path: Path, disc: Photo) -> None:
    Image.fromarray(disc).save(tmp_path / "grey.png")
    Image.fromarray(np.dstack([np.full((*disc.shape, 3), 9, np.uint8), disc])).save(tmp_path / "alpha.png")
    Image.fromarray(disc.astype(np.uint16) * 257).save(tmp_path / "deep.png")
    colour = np.zeros((*disc.shape, 3), np.uint8)
    colour[..., 0] = disc
    Image.fromarray(colour).save(tmp_path / "red.webp", lossless=True)
    for name in ("grey.png", "alpha.png", "deep.png", "red.webp"):
        assert np.array_equal(masks.read_mask(tmp_path / name), disc), name
    (tmp_path / "x.png").write_text("no")
    with pytest.raises(ImageError, match=r"x\.png is not a picture"):
        masks.read_mask(tmp_path / "x.png")


def test_thin_strokes_survive_a_smaller_picture() -> None:
    mask = np.zeros((400, 600), np.uint8)
    mask[200] = 255
    assert (masks.resized(mask, 100, 150) > 127).any(1).sum() >= 1


def test_outlines_go_around_the_hole(disc: Photo) -> None:
    mask = disc.copy()
    cv2.circle(mask, (50, 30), 4, 0, -1)
    shapes = masks.outlines(mask)
    assert len(shapes) == 2
    areas = sorted(float(cv2.contourArea(shape)) for shape in shapes)
    assert 400 < areas[1] < np.pi * 144 and 40 < areas[0] < np.pi * 25, "through the middle of the border's pixels"


# composing and the blur alarm


def test_a_step_at_the_border_is_taken_out() -> None:
    """A fill that is right but for its tint; and one that is right altogether, which hardly changes."""
    image = as_floats(data.rocket())
    hole = np.zeros(image.shape[:2], bool)
    hole[60:160, 400:520] = hole[120:220, 60:180] = True
    off = image.copy()
    off[hole] += (0.03, -0.02, 0.02)
    made = levelled(image, off.copy(), hole, lambda: None)
    assert np.array_equal(made[~hole], image[~hole])
    assert np.abs(made - image)[hole].mean() < 0.5 * np.abs(off - image)[hole].mean()
    kept = levelled(image, image.copy(), hole, lambda: None)
    assert np.abs(kept - image)[hole].mean() < 0.005


def test_an_edge_that_follows_the_mask_is_no_step() -> None:
    image = np.full((80, 80, 3), 0.3, np.float32)
    hole = np.zeros((80, 80), bool)
    hole[20:60, 20:60] = True
    filled = image.copy()
    filled[hole] = 0.8
    assert np.abs(levelled(image, filled.copy(), hole, lambda: None) - filled).max() < 0.01


def test_blurry_fills_are_told_from_sharp_ones() -> None:
    """Five photos, six places each, left alone or blurred, much and little; and smoothly filled by Telea's method."""
    rng, sharp, soft, softer, telea = np.random.default_rng(1), [], [], [], []
    for image in (data.astronaut(), data.chelsea(), data.coffee(), data.gravel(), data.grass()):
        image = np.dstack([image] * 3) if image.ndim == 2 else image
        h, w = image.shape[:2]
        grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
        for _ in range(6):
            radius = int(rng.uniform(0.1, 0.18) * min(h, w))
            mask = np.zeros((h, w), np.uint8)
            place = int(rng.uniform(radius, w - radius)), int(rng.uniform(radius, h - radius))
            cv2.circle(mask, place, radius, 255, -1)
            if np.abs(grey - cv2.GaussianBlur(grey, (0, 0), 1.2))[mask > 0].mean() < 1.5:
                continue  # nothing fine there to be missed
            sharp.append(sharpness(image, mask))
            for scores, sigma in ((soft, 1.2), (softer, 2.5)):
                blurred = cv2.GaussianBlur(image, (0, 0), sigma)
                scores.append(sharpness(np.where(mask[..., None] > 0, blurred, image), mask))
            telea.append(sharpness(np.asarray(cv2.inpaint(image, mask, 3, cv2.INPAINT_TELEA), np.uint8), mask))
    assert len(sharp) > 24
    for bad in (soft, softer, telea):
        auc = np.mean([a > b for a in sharp for b in bad])
        assert auc > 0.97 and np.mean(np.array(bad) < BOUND) > 0.85, auc
    assert np.mean(np.array(sharp) < BOUND) < 0.08


def test_stripes_that_blur_are_blurry_beside_sharp_ones() -> None:
    """A few strong edges are no texture, but soft ones among sharp ones are a smear."""
    stripes = np.zeros((200, 240, 3), np.uint8) + np.where(np.arange(240)[:, None] // 12 % 2, (250, 90, 60), 30).astype(
        np.uint8
    )
    mask = np.zeros((200, 240), np.uint8)
    mask[60:150, 80:170] = 255
    smeared = np.where(mask[..., None] > 0, cv2.GaussianBlur(stripes, (0, 0), 2.5), stripes)
    assert sharpness(stripes, mask) > 0.9
    assert sharpness(smeared, mask) < BOUND


def test_nothing_at_all_in_a_meadow_is_blurry() -> None:
    meadow = np.dstack([data.grass()] * 3)
    mask = np.zeros(meadow.shape[:2], np.uint8)
    mask[150:300, 200:340] = 255
    assert sharpness(meadow, mask) > 0.8
    assert sharpness(np.where(mask[..., None] > 0, np.uint8(90), meadow), mask) < BOUND / 2


def test_a_smooth_fill_in_a_smooth_sky_is_no_blur() -> None:
    ramp = np.linspace(120, 180, 200)[:, None, None] + np.zeros((200, 300, 3))
    sky = np.clip(ramp + np.random.default_rng(0).normal(0, 0.6, ramp.shape), 0, 255).astype(np.uint8)
    mask = np.zeros((200, 300), np.uint8)
    mask[60:140, 100:200] = 255
    filled = np.where(mask[..., None] > 0, ramp, sky).astype(np.uint8)
    assert sharpness(filled, mask) > 0.7
    deep_sky = filled.astype(np.uint16) * 257
    assert sharpness(deep_sky, mask) == pytest.approx(sharpness(filled, mask), abs=0.002)


@pytest.mark.parametrize("size", [(1, 1), (2, 50)])
def test_sharpness_of_next_to_nothing(size: tuple[int, int]) -> None:
    mask = np.zeros(size, np.uint8)
    mask[0, 0] = 255
    assert 0 <= sharpness(np.full((*size, 3), 90, np.uint8), mask) <= 1


# files and the command line


def test_a_file_is_filled_marked_and_told(engine: Inpainting, tmp_path: Path, kitten: Photo, disc: Photo) -> None:
    exif = Image.Exif()
    exif[0x010E] = "a kitten"
    Image.fromarray(kitten).save(tmp_path / "in.jpg", quality=95, exif=exif)
    Image.fromarray(disc).save(tmp_path / "mask.png")
    job = Job()
    options = {"seed": 3, "expand": 2, "feather": 1, "detail": 0.5}
    engine.inpaint_file(tmp_path / "in.jpg", tmp_path / "out.png", mask=tmp_path / "mask.png", options=options, job=job)
    recipe = read_recipe(tmp_path / "out.png")
    assert (recipe.tool, recipe.model) == ("inpaint", "inpaint") and is_marked(tmp_path / "out.png")
    assert recipe.options == {**options, "mask": "mask.png"}
    with Image.open(tmp_path / "out.png") as made, Image.open(tmp_path / "in.jpg") as source:
        assert made.getexif()[0x010E] == "a kitten"
        outside = masks.grown(disc, 3) == 0
        assert np.array_equal(np.asarray(made)[outside], np.asarray(source)[outside])
    engine.outpaint_file(tmp_path / "in.jpg", tmp_path / "wide.png", options={"left": 8})
    assert read_recipe(tmp_path / "wide.png").tool == "outpaint"
    with pytest.raises(CardError, match="no model"):
        engine.inpaint_file(tmp_path / "gone.jpg", tmp_path / "x.png", mask=disc, options={}, model="nobody")


def test_the_command_line_fills_folders(
    tmp_path: Path, kitten: Photo, disc: Photo, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GAN_STUDIO_HOME", str(tmp_path / "home"))
    for folder in ("in", "masks"):
        (tmp_path / folder).mkdir()
    for name in ("a.png", "b.jpg"):
        Image.fromarray(kitten).save(tmp_path / "in" / name)
    Image.fromarray(disc).save(tmp_path / "masks" / "a.png")
    command = ["inpaint", str(tmp_path / "in"), str(tmp_path / "out"), "--json"]
    assert main([*command, "--mask", str(tmp_path / "masks"), "--seed", "2"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert len(told["done"]) == 1 and "There is no mask called b" in told["failed"][0]["reason"]
    assert main([*command, "--mask", str(tmp_path / "masks" / "a.png")]) == 0
    assert len(json.loads(capsys.readouterr().out)["done"]) == 2
    with Image.open(tmp_path / "out" / "a.png") as made:
        changed = (np.asarray(made) != kitten).any(2)
    assert changed.any() and not changed[masks.grown(disc, 2) == 0].any()
    assert main([*command[:-1], "--auto", "date"]) == 0
    assert "was found in a.png; it is as it was" in capsys.readouterr().out
    assert (tmp_path / "out" / "a.png").read_bytes() == (tmp_path / "in" / "a.png").read_bytes(), "and unmarked"
    with Image.open(tmp_path / "out" / "b.jpg") as made, Image.open(tmp_path / "in" / "b.jpg") as source:
        assert np.array_equal(np.asarray(made), np.asarray(source)), "and not compressed again"
    (tmp_path / "masks" / "a.png").rename(tmp_path / "masks" / "a_mask.png")
    assert commands.mask_for(tmp_path / "in" / "a.png", tmp_path / "masks").name == "a_mask.png", "as the page saves it"
    assert main(command[:-1]) == 1
    assert "Say what should go: --mask FILE" in capsys.readouterr().err
    one = [str(tmp_path / "in" / "a.png"), str(tmp_path / "wide.png")]
    assert main(["outpaint", *one, "--left", "12", "--bottom", "5"]) == 0
    with Image.open(tmp_path / "wide.png") as made:
        assert made.size == (108, 69)
    assert read_recipe(tmp_path / "wide.png").options["left"] == 12
    assert main(["outpaint", *one]) == 1
    assert "Nothing to add" in capsys.readouterr().err


def test_scratches_are_found_and_filled(engine: Inpainting) -> None:
    image = np.asarray(Image.fromarray(data.chelsea()).resize((300, 200)))
    spoilt = image.copy()
    cv2.line(spoilt, (90, 5), (100, 190), (250, 250, 250), 1)
    job = Job()
    mask = engine.auto_mask(spoilt, KINDS[0], job=job)
    line = (spoilt != image).any(2)
    assert (mask[line] > 0).mean() > 0.8 and float(str(job.facts["found"])) < 4
    made = engine.inpaint(spoilt, mask)
    before, after = (np.abs(x.astype(int) - image)[line].mean() for x in (spoilt, made))
    assert after < 0.5 * before
