"""The pictures of a session."""

from __future__ import annotations

import base64
import io
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from engines import Engines
from engines.core.errors import ImageError
from engines.core.image import Picture
from engines.core.job import Progress
from studio.pictures import (
    Batch,
    Outcome,
    Shot,
    bundle,
    data_url,
    eight_bit,
    for_page,
    new_file,
    read_shot,
    shown_copy,
    unique,
    uploaded,
    view,
)
from studio.sampler import sample_path, sample_pictures
from studio.upscaling import NOTHING, target_size


@pytest.fixture(autouse=True)
def files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    folder = tmp_path / "files"
    folder.mkdir()
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(folder))
    return folder


def shot(name: str, width: int = 10, height: int = 10) -> Shot:
    return Shot(id=name, path=name, name=name, width=width, height=height, before="x.png")


def outcome(path: Path, name: str) -> Outcome:
    path.write_text(name)
    return Outcome(str(path), str(path), name, 1, 1, 1, "", "", "", "key")


def gradient(height: int = 30, width: int = 40) -> NDArray[np.uint8]:
    return np.random.default_rng(1).integers(0, 256, (height, width, 3), np.uint8)


@pytest.mark.parametrize("name", ["cat.png", "cat.bmp", "cat.tif", "cat.gif.png"])
def test_a_picture_is_read_when_it_arrives_and_shown_losslessly(files: Path, name: str) -> None:
    path = files / name
    Image.fromarray(gradient()).save(path)
    read = read_shot(path)
    assert (read.name, read.width, read.height, read.error) == (name, 40, 30, "")
    with Image.open(read.before) as before:
        assert before.format == "PNG" and np.array_equal(np.asarray(before), gradient())
    assert (read.before == str(path)) == name.endswith(".png")  # sent again only if a browser cannot show it


def test_what_a_browser_shows_otherwise_is_made_a_png(files: Path) -> None:
    frames = [Image.fromarray(gradient()), Image.fromarray(255 - gradient())]
    frames[0].save(files / "film.webp", save_all=True, append_images=frames[1:], lossless=True)
    frames[0].convert("CMYK").save(files / "print.jpg")
    for name in ("film.webp", "print.jpg"):
        read = read_shot(files / name)
        assert read.error == "" and Path(read.before).suffix == ".png"
    assert "animation of 2 frames" in read_shot(files / "film.webp").note


def test_a_broken_picture_carries_its_sentence(files: Path) -> None:
    path = files / "cat.png"
    path.write_text("no picture")
    read = read_shot(path)
    assert read.error.startswith("cat.png is not a picture") and (read.width, read.before) == (0, "")


def test_only_uploaded_files_are_taken(files: Path, tmp_path: Path) -> None:
    inside = new_file("a.png")
    inside.write_bytes(b"x")
    assert uploaded(str(inside)) == inside
    outside = tmp_path / "secret.png"
    outside.write_bytes(b"x")
    link = inside.with_name("link.png")
    link.symlink_to(outside)
    for path in [str(outside), str(link), f"{files}/../secret.png", str(files), "", None]:
        with pytest.raises(ImageError, match="uploaded file"):
            uploaded(path)


def test_new_files_lie_in_folders_nobody_can_guess(files: Path) -> None:
    first, second = new_file("cat.png"), new_file("cat.png")
    assert first.name == second.name == "cat.png" and first.parent != second.parent
    assert len(first.parent.name) == 32 and first.parent.parent == files


def test_names_in_a_zip_are_unique_and_kept() -> None:
    assert unique(["cat.png", "dog.png", "Cat.png", "cat.png"]) == ["cat.png", "dog.png", "Cat (2).png", "cat (3).png"]


def test_a_zip_holds_what_is_done_and_is_made_once(files: Path) -> None:
    done = [replace(shot(str(n)), outcome=outcome(files / f"{n}", "cat_4x.png")) for n in range(2)]
    assert bundle(done[:1], "all.zip") is None
    made = bundle([*done, shot("not done")], "all.zip")
    assert made and made["count"] == 2 and made["name"] == "all.zip"
    with zipfile.ZipFile(made["path"]) as archive:
        assert archive.namelist() == ["cat_4x.png", "cat_4x (2).png"]
    stamp = Path(made["path"]).stat().st_mtime_ns
    assert bundle(done, "all.zip") == made and Path(made["path"]).stat().st_mtime_ns == stamp


def test_sixteen_bits_are_rounded_for_looking() -> None:
    deep = np.array([[[0, 65535, 128], [129, 32768, 257]]], np.uint16)
    assert eight_bit(deep).tolist() == [[[0, 255, 0], [1, 128, 1]]]


def test_a_huge_picture_is_shown_smaller_and_says_so() -> None:
    pixels = np.zeros((400, 200, 3), np.uint8)
    image, reduced = for_page(pixels, 20_000)
    assert reduced and image.width * image.height <= 20_000 and image.height == 2 * image.width
    same, untouched = for_page(pixels, 80_000)
    assert not untouched and same.size == (200, 400)


def test_a_huge_result_is_shown_as_a_copy_and_says_so(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("studio.pictures.SHOWN_PIXELS", 5_000)
    path = files / "cat_8x.png"
    small, large = Picture(np.zeros((50, 100, 3), np.uint8)), Picture(np.zeros((100, 200, 3), np.uint8))
    assert shown_copy(path, small) == (str(path), "")
    view_path, note = shown_copy(path, large)
    assert view_path != str(path) and "100 × 50" in note and "download" in note
    with Image.open(view_path) as image:
        assert image.size == (100, 50)


def test_thumbnails_are_small_pictures_inside_the_page() -> None:
    url = data_url(Image.new("RGBA", (300, 100), (255, 0, 0, 0)), 60)
    head, body = url.split(",")
    assert head == "data:image/jpeg;base64"
    with Image.open(io.BytesIO(base64.b64decode(body))) as image:
        assert image.size == (60, 20)
        red, green, _ = image.getpixel((30, 10))
        assert abs(red - green) < 6  # what is transparent is grey, not the colour that hides there


def test_the_stage_tells_what_becomes_of_each_picture(files: Path) -> None:
    shots = [
        shot("ready"),
        replace(shot("failed"), error="No."),
        replace(shot("done"), outcome=outcome(files / "a", "a_4x.png")),
        shot("working"),
        shot("queued"),
    ]
    value = view(shots, work={"id": "working"}, queued=["queued"])
    assert {item["id"]: item["status"] for item in value["items"]} == {
        name: name for name in ["ready", "failed", "done", "working", "queued"]
    }


def test_progress_over_several_pictures_goes_by_pixels() -> None:
    batch = Batch([shot("small", 10, 10), shot("large", 30, 10)])
    look = batch.look(1, Progress(0.5, "Upscaling", None, 1.0, 3.0))
    assert look["fraction"] == pytest.approx((100 + 150) / 400)
    assert look["message"] == "2 of 2 · Upscaling" and look["id"] == "large"
    assert batch.waiting(0) == ["large"]
    single = Batch([shot("one")]).look(0, Progress(0.5, "Upscaling", None, 1.0, 3.0))
    assert (single["message"], single["remaining"]) == ("Upscaling", 3.0)


def test_the_size_of_the_result_is_told_before_the_run(engines: Engines) -> None:
    assert target_size(engines, [], 4) == NOTHING
    assert target_size(engines, [shot("a", 800, 600)], 4) == "800 × 600 → 3200 × 2400 · 7.7 megapixels"
    several = target_size(engines, [shot("a", 80, 60), shot("b", 800, 600), replace(shot("c"), width=0)], 2)
    assert several == "2 pictures · largest 800 × 600 → 1600 × 1200"
    assert "does not fit" in target_size(engines, [shot("a", 90_000, 90_000)], 8)


def test_samples_are_offered_with_a_thumbnail_and_copied(files: Path) -> None:
    offered = sample_pictures()
    assert len(offered) >= 3 and all(sample["thumb"].startswith("data:image/") for sample in offered)
    copy = sample_path(offered[0]["name"])
    assert copy.name == offered[0]["name"] and copy.is_relative_to(files)
    with pytest.raises(ImageError):
        sample_path("../../app.py")
