"""Objects pasted into other pictures: place, scale, light, rims, files."""

from __future__ import annotations

import io
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageCms

from engines import Engines
from engines.__main__ import main
from engines.core.errors import CardError, OptionError
from engines.core.image import Picture, read_image, write_image
from engines.core.provenance import is_marked, read_recipe
from engines.inpaint.objects import blend_file
from engines.inpainting import Inpainting

Photo = NDArray[np.uint8]


@pytest.fixture
def engine(engines: Engines) -> Inpainting:
    return engines[Inpainting]


def scene(ground: tuple[float, float, float], light: float) -> tuple[Photo, Photo]:
    """A blue ball on a ground under a light, (120, 120), and a mask that runs through its surroundings."""
    y, x = np.mgrid[:120, :120]
    ball = np.hypot(x - 60, y - 60) < 30
    shade = 0.7 + 0.3 * (60 - y) / 60
    colour = np.where(ball[..., None], (60, 80, 190), ground) * shade[..., None] * light
    image = np.clip(colour + np.random.default_rng(0).normal(0, 2, colour.shape), 0, 255).astype(np.uint8)
    mask = np.zeros((120, 120), np.uint8)
    cv2.circle(mask, (60, 60), 48, 255, -1)
    return image, mask


def test_outside_the_object_every_bit_stays(engine: Inpainting) -> None:
    fore, mask = scene((120, 120, 120), 0.6)
    back = np.random.default_rng(1).integers(0, 65536, (150, 200, 4), np.uint16)
    for strength in (0.0, 1.0):
        made = engine.blend(fore, back, mask, x=-20, y=60, strength=strength)
        where = np.zeros((150, 200), bool)
        where[60:150, 0:100] = (mask > 0)[:90, 20:]
        assert made.dtype == np.uint16 and np.array_equal(made[~where], back[~where])
        assert (made != back).any(2)[where].mean() > 0.9
    assert (made[100:120, 30:50, 3] == 65535).all(), "opaque under the object"


def test_light_and_colour_follow_the_place(engine: Inpainting) -> None:
    """A dark picture's ball on a brighter, warmer ground: its surroundings vanish, and it is lit as the place is."""
    fore, mask = scene((150, 150, 150), 0.5)
    back, _ = scene((190, 170, 140), 1.0)
    back[:] = np.clip(np.array((190, 170, 140)) + np.random.default_rng(2).normal(0, 2, back.shape), 0, 255)
    plain, matched = (engine.blend(fore, back, mask, strength=s).astype(float) for s in (0.0, 1.0))
    ring = (mask > 0) & (np.hypot(*np.mgrid[-60:60, -60:60]) > 40)
    wrong = [np.abs(x[ring].mean(0) - (190, 170, 140)).mean() for x in (plain, matched)]
    assert wrong[1] < 0.35 * wrong[0]
    border = cv2.morphologyEx(mask, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) > 0
    steps = [np.abs(cv2.Laplacian(x, cv2.CV_64F))[border].mean() for x in (plain, matched)]
    assert steps[1] < 0.5 * steps[0], "no seam"
    ball = np.hypot(*np.mgrid[-60:60, -60:60]) < 22
    assert matched[ball].mean() > 1.15 * plain[ball].mean(), "the ball is lit"
    red, blue = matched[ball].mean(0)[[0, 2]]
    assert blue > 1.5 * red, "and is still blue"


def test_an_outline_keeps_its_colours(engine: Inpainting) -> None:
    """Where the mask follows the object, none of the place's colour runs in (Poisson blending's known fault)."""
    fore, _ = scene((150, 150, 150), 1.0)
    tight = np.zeros((120, 120), np.uint8)
    cv2.circle(tight, (60, 60), 29, 255, -1)
    back = np.full((120, 120, 3), (230, 40, 40), np.uint8)
    back[:, :] = np.where(np.arange(120)[None, :, None] < 60, (230, 40, 40), (150, 150, 150))
    made = engine.blend(fore, back, tight, strength=1.0).astype(float)
    inner = np.hypot(*np.mgrid[-60:60, -60:60]) < 26
    left, right = made[:, :60][inner[:, :60]].mean(0), made[:, 60:][inner[:, 60:]].mean(0)
    assert np.abs(left - right).max() < 6
    poisson = cv2.seamlessClone(fore, back, tight, (60, 60), cv2.NORMAL_CLONE).astype(float)
    bled = np.abs(poisson[:, :60][inner[:, :60]].mean(0) - poisson[:, 60:][inner[:, 60:]].mean(0)).max()
    assert bled > 3 * np.abs(left - right).max()


def test_strength_zero_pastes_as_it_is_and_alpha_counts(engine: Inpainting) -> None:
    fore, mask = scene((150, 150, 150), 1.0)
    back = np.full((120, 120, 3), 90, np.uint8)
    made = engine.blend(fore, back, mask, strength=0.0)
    assert np.array_equal(made[30:90, 30:90], fore[30:90, 30:90])
    cut = np.dstack([fore, np.where(np.hypot(*np.mgrid[-60:60, -60:60]) < 30, 255, 0).astype(np.uint8)])
    made = engine.blend(cut, back, np.full((120, 120), 255, np.uint8), strength=1.0)
    assert (made[cut[..., 3] == 0] == 90).all() and (made[55:65, 55:65] != 90).all()


def test_objects_off_the_picture_get_a_sentence(engine: Inpainting) -> None:
    fore, mask = scene((150, 150, 150), 1.0)
    with pytest.raises(OptionError, match="The object lies outside the picture"):
        engine.blend(fore, fore, mask, x=500)
    with pytest.raises(OptionError, match="The object lies outside the picture"):
        engine.blend(fore, fore, mask, y=-115)
    with pytest.raises(OptionError, match="mask is empty"):
        engine.blend(fore, fore, np.zeros_like(mask))
    with pytest.raises(OptionError, match="Strength goes from 0 to 1"):
        engine.blend(fore, fore, mask, strength=-1)
    one = np.full((1, 1), 255, np.uint8)
    assert (engine.blend(fore[:1, :1], fore, one, x=7, y=9) != fore).any(2).sum() <= 1


def test_objects_are_scaled_and_stand_in_the_middle_unless_placed(engine: Inpainting) -> None:
    fore, _ = scene((150, 150, 150), 1.0)
    tight = np.zeros((120, 120), np.uint8)
    cv2.circle(tight, (60, 60), 28, 255, -1)
    back = np.full((200, 300, 3), 90, np.uint8)
    for options, (x, y), radius in (
        ({}, (150, 100), 28),
        ({"scale": 0.5}, (150, 100), 14),
        ({"scale": 2.0, "x": 0, "y": -20}, (120, 100), 56),
        ({"x": 10}, (70, 100), 28),
    ):
        made = engine.blend(fore, back, tight, strength=0.0, **options)  # type: ignore[arg-type]
        rows, columns = np.nonzero((made != back).any(2))
        assert abs((columns.min() + columns.max()) / 2 - x) < 2 and abs((rows.min() + rows.max()) / 2 - y) < 2
        assert abs((columns.max() - columns.min()) / 2 - radius) < 2
        assert np.abs(made[y, x].astype(int) - fore[60, 60]).max() < 16


def test_alpha_alone_says_what_is_pasted(engine: Inpainting) -> None:
    fore, _ = scene((150, 150, 150), 1.0)
    back = np.full((120, 120, 3), 90, np.uint8)
    disc = np.where(np.hypot(*np.mgrid[-60:60, -60:60]) < 28, 255, 0).astype(np.uint8)
    made = engine.blend(np.dstack([fore, disc]), back, strength=0.0)
    assert np.array_equal(made[disc > 0], fore[disc > 0]) and (made[disc == 0] == 90).all()
    with pytest.raises(OptionError, match="send a mask, or an object whose background is transparent"):
        engine.blend(fore, back)
    with pytest.raises(OptionError, match="transparent"):
        engine.blend(np.dstack([fore, np.full_like(disc, 255)]), back)
    with pytest.raises(OptionError, match=r"Scale goes from 0.01 to 20; 0 is outside"):
        engine.blend(np.dstack([fore, disc]), back, scale=0)
    with pytest.raises(CardError, match="does not light pasted objects"):
        engine.blend(np.dstack([fore, disc]), back, model="inpaint")
    with pytest.raises(CardError, match="does not fill holes"):
        engine.inpaint(back, disc, model="blend")


def test_an_old_background_does_not_come_along(engine: Inpainting) -> None:
    """A camera mixes object and background along an outline: grey cut from white shows no white rim on black."""
    y, x = np.mgrid[:160, :160]
    cover = np.clip((50 - np.hypot(x - 80, y - 80)) / 3 + 0.5, 0, 1)[..., None]
    fore = (cover * (90, 100, 110) + (1 - cover) * 250).round().astype(np.uint8)
    mask = np.where(cover[..., 0] > 0.1, 255, 0).astype(np.uint8)
    back = np.full((160, 160, 3), 15, np.uint8)
    made = engine.blend(fore, back, mask, strength=0.0)
    assert made.max() < 125, "no halo"
    assert np.abs(made[40:120, 60:100].astype(int) - (90, 100, 110)).max() < 4


def test_a_network_says_what_light_an_object_needs(engine: Inpainting) -> None:
    """A piece that was darkened and cooled comes nearer to what it was; half the strength goes half the way."""
    with Image.open(Path(__file__).parents[1] / "assets" / "samples" / "coffee.png") as image:
        photo = np.asarray(image.convert("RGB").resize((300, 200)), np.uint8)
    disc = np.zeros((200, 300), np.uint8)
    cv2.ellipse(disc, (150, 100), (70, 55), 0, 0, 360, 255, -1)
    wrong = np.clip(photo * (0.45, 0.6, 0.8), 0, 255).astype(np.uint8)
    cut = np.dstack([wrong, disc])
    plain, half, whole = (engine.blend(cut, photo, x=0, y=0, strength=s).astype(float) for s in (0.0, 0.5, 1.0))
    inside = cv2.erode(disc, np.ones((7, 7), np.uint8)) > 0
    before, after = (np.abs(made - photo)[inside].mean() for made in (plain, whole))
    assert after < 0.8 * before
    assert np.abs(half - (plain + whole) / 2)[inside].mean() < 1.0


# files


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A red disc on nothing, its mask, and two places: 16 bits with a profile's worth of EXIF, and 8 bits."""
    y, x = np.mgrid[:60, :60]
    disc = np.where(np.hypot(x - 30, y - 30) < 20, 255, 0).astype(np.uint8)
    red = np.full((60, 60, 3), (200, 40, 30), np.uint8)
    Image.fromarray(np.dstack([red, disc])).save(tmp_path / "disc.png")
    Image.fromarray(red).save(tmp_path / "plain.png")
    Image.fromarray(disc).save(tmp_path / "mask.png")
    places = tmp_path / "places"
    places.mkdir()
    deep = np.repeat(np.linspace(9001, 50001, 160).astype(np.uint16)[None, :, None], 120, 0).repeat(3, 2)
    write_image(places / "deep.png", Picture(pixels=deep, name="deep.png"))
    exif = Image.Exif()
    exif[271] = "Camera"
    Image.fromarray((deep >> 8).astype(np.uint8)).save(places / "photo.jpg", exif=exif, quality=95)
    return tmp_path


def test_the_command_line_pastes_into_files_and_folders(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    disc, places, out = (str(files / name) for name in ("disc.png", "places", "out"))
    assert main(["blend", disc, places, out, "--at=100,50", "--scale", "0.5", "--strength", "0.8"]) == 0
    before, after = read_image(files / "places" / "deep.png"), read_image(files / "out" / "deep.png")
    changed = (before.pixels != after.pixels).any(2)
    assert after.pixels.dtype == np.uint16 and changed[65, 115] and changed.sum() < 420
    assert not changed[:, :104].any() and not changed[:54].any()
    recipe = read_recipe(files / "out" / "deep.png")
    assert (recipe.tool, recipe.model) == ("blend", "blend")
    assert recipe.options == {"x": 100, "y": 50, "scale": 0.5, "strength": 0.8, "foreground": "disc.png"}
    with Image.open(files / "out" / "photo.jpg") as image:
        assert image.getexif()[271] == "Camera" and is_marked(files / "out" / "photo.jpg")
    mask, one = str(files / "mask.png"), str(files / "one.png")
    assert main(["blend", str(files / "plain.png"), str(files / "places" / "deep.png"), one, "--mask", mask]) == 0
    changed = (read_image(one).pixels != before.pixels).any(2)
    rows, columns = np.nonzero(changed)
    assert abs(rows.mean() - 60) < 1 and abs(columns.mean() - 80) < 1, "in the middle"
    assert read_recipe(one).options["mask"] == "mask.png"
    capsys.readouterr()
    assert main(["blend", str(files / "plain.png"), str(files / "places" / "deep.png"), one]) == 1
    assert "send a mask" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["blend", disc, places, out, "--at", "here"])


def test_an_object_goes_into_a_wide_gamut_picture_in_its_colours(files: Path, engine: Inpainting) -> None:
    """sRGB values are other values in another profile: what is seen stays the same."""
    lab = ImageCms.createProfile("LAB")
    wide = wide_profile()
    place = files / "wide.png"
    Image.new("RGB", (120, 120), (90, 90, 90)).save(place, icc_profile=wide)
    blend_file(engine, files / "disc.png", place, files / "made.png", options={"strength": 0.0})
    with Image.open(files / "made.png") as made:
        assert made.info["icc_profile"] == wide
        seen = ImageCms.profileToProfile(
            made.convert("RGB"), ImageCms.ImageCmsProfile(io.BytesIO(wide)), lab, outputMode="LAB"
        )
        values = made.convert("RGB").getpixel((60, 60))
    meant = ImageCms.profileToProfile(
        Image.new("RGB", (1, 1), (200, 40, 30)), ImageCms.createProfile("sRGB"), lab, outputMode="LAB"
    )
    assert values != (200, 40, 30)
    assert np.abs(np.subtract(seen.getpixel((60, 60)), meant.getpixel((0, 0)))).max() <= 3


def wide_profile() -> bytes:
    """An RGB profile with other primaries than sRGB's, made from nothing: Pillow's sRGB with red and green moved."""
    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    tags = {bytes(data[132 + 12 * i : 136 + 12 * i]): 132 + 12 * i for i in range(int.from_bytes(data[128:132], "big"))}
    places = {name: int.from_bytes(data[tags[name] + 4 : tags[name] + 8], "big") + 8 for name in (b"rXYZ", b"gXYZ")}
    for name, xyz in ((b"rXYZ", (0.515, 0.241, -0.001)), (b"gXYZ", (0.292, 0.692, 0.042))):
        at = places[name]
        data[at : at + 12] = b"".join(round(value * 65536).to_bytes(4, "big", signed=True) for value in xyz)
    return bytes(data).replace("sRGB".encode("utf-16-be"), "wide".encode("utf-16-be"))
