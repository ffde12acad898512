"""Archives, holding out, the cache, and conversions."""

import zipfile

import pytest
import torch

from engines.core.errors import DatasetError
from engines.train.data import Pictures, contact_sheet, load_pictures, to_bytes, to_signed
from tests.train.tiny import pictures, write_archive


def test_an_archive_is_read_in_the_order_of_names(tmp_path):
    images = pictures(3, size=16)
    path = write_archive(tmp_path / "a.zip", images, ["c.png", "a.png", "b.png"])
    loaded = load_pictures([path], resolution=16, cache=tmp_path / "cache")
    assert loaded.names == ("a/a.png", "a/b.png", "a/c.png")
    assert torch.equal(loaded.images, images[[1, 2, 0]])


def test_the_packed_copy_is_used_until_the_archive_changes(tmp_path):
    path = write_archive(tmp_path / "a.zip", pictures(2))
    first = load_pictures([path], resolution=8, cache=tmp_path / "cache")
    (packed,) = (tmp_path / "cache").iterdir()
    stamp = packed.stat().st_mtime_ns
    again = load_pictures([path], resolution=8, cache=tmp_path / "cache")
    assert torch.equal(first.images, again.images) and packed.stat().st_mtime_ns == stamp
    write_archive(path, pictures(3, seed=5))
    assert len(load_pictures([path], resolution=8, cache=tmp_path / "cache")) == 3


def test_archives_are_joined_and_scaled(tmp_path):
    paths = [write_archive(tmp_path / f"{name}.zip", pictures(2, size=size)) for name, size in (("a", 8), ("b", 32))]
    loaded = load_pictures(paths, resolution=16, cache=tmp_path / "cache")
    assert loaded.images.shape == (4, 3, 16, 16) and loaded.images.dtype == torch.uint8


def test_held_out_pictures_depend_on_their_names_alone():
    images = pictures(20)
    names = tuple(f"x/{index}" for index in range(20))
    training, held_out = Pictures(images, names).split(5)
    assert len(training) == 15 and len(held_out) == 5 and not set(training.names) & set(held_out.names)
    _, again = Pictures(images.flip(0), names[::-1]).split(5)
    assert set(again.names) == set(held_out.names)
    larger = Pictures(torch.cat([images, images]), (*names, *(f"y/{index}" for index in range(20))))
    assert set(larger.split(5, prefix="x/")[1].names) == set(held_out.names)


@pytest.mark.parametrize("content", [b"not a zip", None])
def test_unusable_archives_are_named(tmp_path, content):
    path = tmp_path / "broken.zip"
    if content is None:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("readme.txt", "no pictures")
    else:
        path.write_bytes(content)
    with pytest.raises(DatasetError, match=r"broken\.zip"):
        load_pictures([path], resolution=8, cache=tmp_path)


def test_holding_out_everything_is_refused():
    with pytest.raises(DatasetError, match="Cannot hold out 4 of 4"):
        Pictures(pictures(4), ("a", "b", "c", "d")).split(4)


def test_bytes_survive_the_signed_range():
    images = torch.arange(256, dtype=torch.uint8).reshape(1, 1, 16, 16).expand(1, 3, 16, 16)
    signed = to_signed(images)
    assert signed.min() == -1 and signed.max() == 1
    assert torch.equal(to_bytes(signed), images)
    assert to_bytes(torch.tensor([-3.0, 3.0])).tolist() == [0, 255]


def test_a_sheet_runs_row_by_row():
    images = pictures(7, size=4)
    sheet = contact_sheet(images, columns=3)
    assert sheet.size == (12, 8)
    assert sheet.getpixel((4, 4)) == tuple(images[4, :, 0, 0].tolist())
