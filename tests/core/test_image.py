"""What people send and what they get back."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image, ImageCms

from engines.core.errors import ImageError
from engines.core.image import Picture, preview_png, read_image, write_image
from engines.core.provenance import Recipe, is_marked, read_recipe

RECIPE = Recipe(tool="upscale", model="m", options={"scale": 2.0, "note": 'a "quoted" <tag> & ü'}, seed=7)


def save(image: Image.Image, path: Path, **options: object) -> Path:
    image.save(path, **options)  # type: ignore[arg-type]
    return path


def ramp(height: int = 20, width: int = 30) -> NDArray[np.uint8]:
    rng = np.random.default_rng(1)
    return rng.integers(0, 256, (height, width, 3), np.uint8)


def exif_bytes(orientation: int = 1) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010F] = "Camera Works"
    exif[0x013B] = "A. Photographer"
    exif.get_ifd(0x8769)[0xA002] = 30
    exif.get_ifd(0x8769)[0x9003] = "2026:01:02 03:04:05"
    exif.get_ifd(0x8825)[1] = "N"
    return exif.tobytes()


def wide_profile() -> bytes:
    """An RGB profile with much wider primaries than sRGB, made here: matrix and curves in ICC's binary format."""

    def fixed(*values: float) -> bytes:
        return b"".join(struct.pack(">i", round(value * 65536)) for value in values)

    def xyz(*values: float) -> bytes:
        return b"XYZ \0\0\0\0" + fixed(*values)

    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(2.2 * 256)) + b"\0\0"
    text = b"text\0\0\0\0wide\0\0\0\0"
    desc = b"desc\0\0\0\0" + struct.pack(">I", 5) + b"wide\0" + b"\0" * 79
    tags = {
        b"desc": desc + b"\0" * (-len(desc) % 4),
        b"cprt": text,
        b"wtpt": xyz(0.9642, 1.0, 0.8249),
        b"rXYZ": xyz(0.7977, 0.2880, 0.0),
        b"gXYZ": xyz(0.1352, 0.7119, 0.0),
        b"bXYZ": xyz(0.0313, 0.0001, 0.8249),
        b"rTRC": curve,
        b"gTRC": curve,
        b"bTRC": curve,
    }
    offset, table, body = 128 + 4 + 12 * len(tags), b"", b""
    for name, data in tags.items():
        table += name + struct.pack(">II", offset + len(body), len(data))
        body += data
    size = offset + len(body)
    head = struct.pack(">I4sI4s4s4s", size, b"\0\0\0\0", 0x02100000, b"mntr", b"RGB ", b"XYZ ")
    head += struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp" + b"\0" * 28 + fixed(0.9642, 1.0, 0.8249)
    return head.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body


# round trips


@pytest.mark.parametrize("suffix", [".png", ".webp", ".tif"])
@pytest.mark.parametrize("channels", [3, 4])
def test_lossless_formats_give_back_every_bit(tmp_path: Path, suffix: str, channels: int) -> None:
    pixels = np.random.default_rng(2).integers(0, 256, (21, 17, channels), np.uint8)
    path = tmp_path / f"a{suffix}"
    write_image(path, Picture(pixels, icc=wide_profile(), exif=exif_bytes()), recipe=RECIPE)
    again = read_image(path)
    assert np.array_equal(again.pixels, pixels)
    assert again.icc == wide_profile()
    with Image.open(path) as image:
        assert image.getexif()[0x010F] == "Camera Works"
    assert read_recipe(path) == RECIPE and is_marked(path)
    assert not list(tmp_path.glob(".*"))  # no leftovers


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("channels", [3, 4])
def test_sixteen_bits_survive(tmp_path: Path, suffix: str, channels: int) -> None:
    pixels = np.random.default_rng(3).integers(0, 65536, (9, 14, channels)).astype(np.uint16)
    path = tmp_path / f"a{suffix}"
    write_image(path, Picture(pixels, icc=wide_profile(), exif=exif_bytes()), recipe=RECIPE)
    again = read_image(path)
    assert again.bits == 16 and np.array_equal(again.pixels, pixels) and again.icc == wide_profile()
    assert read_recipe(path) == RECIPE and is_marked(path)
    with Image.open(path) as image:
        assert image.getexif()[0x010F] == "Camera Works"
    assert np.array_equal(imagecodecs.imread(path) if suffix == ".png" else tifffile.imread(path), pixels)


def test_jpeg_keeps_metadata_and_puts_alpha_on_white(tmp_path: Path) -> None:
    pixels = np.zeros((16, 16, 4), np.uint8)
    pixels[:8] = (200, 40, 40, 255)
    path = tmp_path / "a.jpg"
    write_image(path, Picture(pixels, icc=wide_profile(), exif=exif_bytes()), recipe=RECIPE)
    again = read_image(path)
    assert np.abs(again.pixels[2, 2].astype(int) - (200, 40, 40)).max() <= 3
    assert again.pixels[13, 13].min() >= 253
    assert again.icc == wide_profile() and read_recipe(path) == RECIPE


def test_sixteen_bits_to_eight_round_and_do_not_clip(tmp_path: Path) -> None:
    pixels = np.array([[[0, 128, 129], [32768, 65535, 65406]]], np.uint16)
    write_image(tmp_path / "a.webp", Picture(pixels))
    got = read_image(tmp_path / "a.webp").pixels.reshape(-1).tolist()
    assert got == [round(value / 257) for value in (0, 128, 129, 32768, 65535, 65406)]


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("deep", [False, True])
def test_orientation_is_applied_once(tmp_path: Path, orientation: int, deep: bool) -> None:
    stored = ramp()
    if deep:
        tiff = tmp_path / "a.tif"
        tifffile.imwrite(tiff, stored.astype(np.uint16) * 257, extratags=[(0x0112, "H", 1, orientation, True)])
        read, scale = read_image(tiff), 257
    else:
        read, scale = read_image(save(Image.fromarray(stored), tmp_path / "a.png", exif=exif_bytes(orientation))), 1
    from PIL import ImageOps

    source = Image.fromarray(stored)
    source.getexif()[0x0112] = orientation
    upright = np.asarray(ImageOps.exif_transpose(source))
    assert np.array_equal(read.pixels, upright.astype(read.pixels.dtype) * scale)
    write_image(tmp_path / "b.png", read)
    assert np.array_equal(read_image(tmp_path / "b.png").pixels, read.pixels)
    with Image.open(tmp_path / "b.png") as again:
        assert again.getexif().get(0x0112, 1) == 1


def test_exif_tells_the_new_size_and_keeps_the_rest(tmp_path: Path) -> None:
    picture = read_image(save(Image.fromarray(ramp()), tmp_path / "a.jpg", exif=exif_bytes()))
    write_image(tmp_path / "b.jpg", picture.with_pixels(ramp(40, 60)))
    with Image.open(tmp_path / "b.jpg") as image:
        exif = image.getexif()
        assert exif.get_ifd(0x8769)[0xA002] == 60
        assert exif.get_ifd(0x8769)[0x9003] == "2026:01:02 03:04:05"
        assert exif.get_ifd(0x8825)[1] == "N" and exif[0x013B] == "A. Photographer"


def test_other_xmp_is_kept_and_the_mark_is_not_doubled(tmp_path: Path) -> None:
    theirs = (
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        b'<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" dc:rights="Mine"/>'
        b"</rdf:RDF></x:xmpmeta>"
    )
    path = save(Image.fromarray(ramp()), tmp_path / "a.jpg", xmp=theirs)
    for _ in range(2):
        write_image(path, read_image(path), recipe=RECIPE)
    with Image.open(path) as image:
        packet = image.info["xmp"].decode()
    assert packet.count("compositeWithTrainedAlgorithmicMedia") == 1
    assert packet.count("<ganstudio:recipe>") == 1 and "Mine" in packet
    assert read_recipe(path) == RECIPE


def test_a_picture_without_recipe_says_so(tmp_path: Path) -> None:
    path = save(Image.fromarray(ramp()), tmp_path / "a.png")
    with pytest.raises(ImageError, match="carries no recipe"):
        read_recipe(path)
    bomb = b'<!DOCTYPE x [<!ENTITY a "aaaa">]><x:xmpmeta xmlns:x="adobe:ns:meta/">&a;</x:xmpmeta>'
    save(Image.fromarray(ramp()), tmp_path / "b.jpg", xmp=bomb)
    with pytest.raises(ImageError, match="carries no recipe"):
        read_recipe(tmp_path / "b.jpg")


# colour


def test_a_wide_gamut_keeps_its_values_or_becomes_srgb(tmp_path: Path) -> None:
    pixels = np.full((8, 8, 3), (60, 200, 90), np.uint8)
    path = save(Image.fromarray(pixels), tmp_path / "a.png", icc_profile=wide_profile())
    kept = read_image(path)
    assert np.array_equal(kept.pixels, pixels) and kept.icc == wide_profile()
    converted = read_image(path, srgb=True)
    assert converted.icc is None
    expected = ImageCms.profileToProfile(
        Image.fromarray(pixels), io.BytesIO(wide_profile()), ImageCms.createProfile("sRGB"), renderingIntent=1
    )
    assert expected is not None and np.array_equal(converted.pixels, np.asarray(expected))
    assert np.abs(converted.pixels.astype(int) - pixels).max() > 20

    tiff = tmp_path / "a.tif"
    tifffile.imwrite(tiff, pixels.astype(np.uint16) * 257, photometric="rgb", iccprofile=wide_profile())
    sixteen = read_image(tiff, srgb=True)
    assert sixteen.bits == 16
    assert np.abs(sixteen.pixels / 257.0 - converted.pixels).max() <= 1.5


def test_cmyk_palette_grey_and_alpha_become_rgb(tmp_path: Path) -> None:
    grey = np.tile(np.arange(0, 256, 8, dtype=np.uint8), (4, 1))
    for name, image in {
        "l.png": Image.fromarray(grey),
        "1.png": Image.fromarray(grey).convert("1"),
    }.items():
        read = read_image(save(image, tmp_path / name))
        assert read.pixels.shape == (4, 32, 3) and read.grey
        assert np.array_equal(read.pixels[..., 0], read.pixels[..., 2])
    assert np.array_equal(read_image(tmp_path / "l.png").pixels[..., 1], grey)

    cmyk = Image.new("CMYK", (4, 4), (0, 255, 255, 0))
    red = read_image(save(cmyk, tmp_path / "c.jpg", quality=100)).pixels[1, 1]
    assert red[0] > 230 and red[1:].max() < 40

    palette = Image.new("P", (4, 4), 1)
    palette.putpalette([0, 0, 0, 10, 200, 30])
    assert read_image(save(palette, tmp_path / "p.png")).pixels[0, 0].tolist() == [10, 200, 30]
    clear = read_image(save(palette, tmp_path / "t.png", transparency=1))
    assert clear.pixels.shape[2] == 4 and clear.pixels[0, 0, 3] == 0

    la = read_image(save(Image.new("LA", (3, 3), (90, 128)), tmp_path / "la.png"))
    assert la.pixels[0, 0].tolist() == [90, 90, 90, 128]


def test_sixteen_bit_grey_is_neither_white_nor_eight_bits(tmp_path: Path) -> None:
    grey = np.linspace(0, 65535, 64).astype(np.uint16)[None].repeat(3, 0)
    (tmp_path / "g.png").write_bytes(imagecodecs.png_encode(grey))
    tifffile.imwrite(tmp_path / "g.tif", grey)
    for name in ("g.png", "g.tif"):
        read = read_image(tmp_path / name)
        assert read.bits == 16 and read.grey and np.array_equal(read.pixels[..., 0], grey)
    tifffile.imwrite(tmp_path / "f.tif", (grey / 65535).astype(np.float32))
    assert np.abs(read_image(tmp_path / "f.tif").pixels[..., 0].astype(int) - grey).max() <= 1


@pytest.mark.parametrize("kind", ["gif", "webp"])
def test_an_animation_gives_its_first_frame_and_says_so(tmp_path: Path, kind: str) -> None:
    frames = [Image.new("RGB", (8, 6), colour) for colour in ("red", "blue", "lime")]
    path = save(frames[0], tmp_path / f"a.{kind}", save_all=True, append_images=frames[1:])
    read = read_image(path)
    assert read.note == f"a.{kind} is an animation of 3 frames; this is its first."
    assert read.pixels[2, 2, 0] > 240 and read.pixels[2, 2, 1:3].max() < 10


# what is not a picture, or too much of one


def small_png(width: int, height: int) -> bytes:
    """A tiny file of a huge picture in one colour."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = zlib.compressobj(9)
    body = b"".join(rows.compress(bytes(1 + (width + 7) // 8)) for _ in range(height)) + rows.flush()
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


JPEG = io.BytesIO()
Image.fromarray(np.random.default_rng(0).integers(0, 256, (200, 200, 3), np.uint8)).save(JPEG, "JPEG")

BAD = {
    "text.png": (b"this is no picture at all", "is not a picture the studio can read"),
    "nothing.jpg": (b"", "is empty"),
    "cut.jpg": (JPEG.getvalue()[:9000], "is damaged"),
    "head.jpg": (JPEG.getvalue()[:300], "is damaged|is not a picture"),
    "bomb900.png": (small_png(30000, 30000), "900 megapixels; the limit here is 100|far too many pixels"),
    "bomb144.png": (small_png(12000, 12000), "144 megapixels; the limit here is 100"),
    "lines.svg": (b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>', "is an SVG drawing"),
    "phone.heic": (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "is a HEIC photo"),
    "page.pdf": (b"%PDF-1.7 trailer", "is not a picture"),
    "code.eps": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n", "EPS file, which the studio"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_files_get_one_clear_sentence(tmp_path: Path, name: str) -> None:
    data, sentence = BAD[name]
    (tmp_path / name).write_bytes(data)
    with pytest.raises(ImageError, match=sentence) as caught:
        read_image(tmp_path / name)
    text = str(caught.value)
    assert text.startswith(name) and text.endswith(".") and "\n" not in text
    assert str(tmp_path) not in text  # no paths of the server


def test_a_bomb_costs_no_memory(tmp_path: Path) -> None:
    import resource

    (tmp_path / "bomb.png").write_bytes(small_png(12000, 12000))
    assert (tmp_path / "bomb.png").stat().st_size < 20_000
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ImageError):
        read_image(tmp_path / "bomb.png")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000  # KiB


def test_the_limit_can_be_raised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save(Image.new("L", (40, 30)), tmp_path / "a.png")
    monkeypatch.setenv("GAN_STUDIO_MAX_MEGAPIXELS", "0.001")
    with pytest.raises(ImageError, match="megapixels"):
        read_image(path)


def test_missing_files_folders_and_formats_nobody_writes(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"gone\.png is not there"):
        read_image(tmp_path / "gone.png")
    with pytest.raises(ImageError, match="is a folder"):
        read_image(tmp_path)
    with pytest.raises(ImageError, match=r'does not write "\.gif"'):
        write_image(tmp_path / "a.gif", Picture(ramp()))
    with pytest.raises(ImageError, match="16,383 pixels long"):
        write_image(tmp_path / "a.webp", Picture(np.zeros((1, 16400, 3), np.uint8)))
    with pytest.raises(ImageError, match="could not be written"):
        write_image(tmp_path / "no" / "a.png", Picture(ramp()))


@pytest.mark.parametrize("shape", [(1, 1), (1, 5000), (5000, 1)])
def test_extreme_shapes(tmp_path: Path, shape: tuple[int, int]) -> None:
    read = read_image(save(Image.new("RGB", shape[::-1], (1, 2, 3)), tmp_path / "a.png"))
    assert read.pixels.shape == (*shape, 3)
    preview_png(read, tmp_path / "p.png", longest=100)
    with Image.open(tmp_path / "p.png") as image:
        assert max(image.size) <= 100


def test_pixels_cannot_be_changed_by_accident(tmp_path: Path) -> None:
    read = read_image(save(Image.fromarray(ramp()), tmp_path / "a.png"))
    with pytest.raises(ValueError, match="read-only"):
        read.pixels[0, 0] = 0
