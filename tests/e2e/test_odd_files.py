"""Everything people drop on the page: each gets a result or a sentence, and the page lives."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.e2e.steps import FAST, bring, choose, make_photo, run

pytestmark = pytest.mark.browser

WORKS = {
    "dot.png": "1 × 1 → 2 × 2",
    "line.png": "1 × 500 → 2 × 1000",
    "deep.png": "12 × 9 → 24 × 18",
    "print.jpg": "12 × 9 → 24 × 18",
    "palette.png": "12 × 9 → 24 × 18",
    "grey-alpha.png": "12 × 9 → 24 × 18",
    "sticker.webp": "12 × 9 → 24 × 18",
    "film.gif": "12 × 9 → 24 × 18",
    "turned.jpg": "9 × 12 → 18 × 24",
}
FAILS = {
    "empty.jpg": "is empty (0 bytes)",
    "cut.jpg": "is damaged",
    "drawing.svg": "is an SVG drawing",
    "text.png": "is not a picture",
    "bomb.png": "has far too many pixels",
    "dense.png": "has 144 megapixels",
}


def hollow_png(path: Path, width: int, height: int) -> None:
    """A valid PNG of zeros, a few kilobytes on disk and enormous in memory."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    squeeze, row = zlib.compressobj(9), bytes(1 + (width + 7) // 8)
    body = b"".join(squeeze.compress(row * 1000) for _ in range(height // 1000)) + squeeze.flush()
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b""))


@pytest.fixture
def odd(tmp_path: Path) -> Path:
    """A folder with one file of each kind."""
    with Image.open(make_photo(tmp_path / "source.png", 12, 9)) as image:
        image.convert("CMYK").save(tmp_path / "print.jpg")
        image.quantize(16).save(tmp_path / "palette.png")
        image.convert("LA").save(tmp_path / "grey-alpha.png")
        image.convert("RGBA").save(tmp_path / "sticker.webp", lossless=True)
        image.save(tmp_path / "film.gif", save_all=True, append_images=[image.rotate(180)])
        exif = Image.Exif()
        exif[0x0112] = 6
        image.save(tmp_path / "turned.jpg", exif=exif)
        image.resize((90, 90)).save(tmp_path / "cut.jpg")
    cut = tmp_path / "cut.jpg"
    cut.write_bytes(cut.read_bytes()[:-300])
    Image.fromarray(np.linspace(0, 65535, 108).reshape(9, 12).astype(np.uint16)).save(tmp_path / "deep.png")
    make_photo(tmp_path / "dot.png", 1, 1)
    make_photo(tmp_path / "line.png", 1, 500)
    (tmp_path / "empty.jpg").write_bytes(b"")
    (tmp_path / "drawing.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'></svg>")
    (tmp_path / "text.png").write_text("hello")
    hollow_png(tmp_path / "bomb.png", 30_000, 30_000)
    hollow_png(tmp_path / "dense.png", 12_000, 12_000)
    assert (tmp_path / "dense.png").stat().st_size < 40_000
    return tmp_path


def test_every_file_gets_a_result_or_a_sentence(page: Page, odd: Path) -> None:
    bring(page, *(odd / name for name in [*WORKS, *FAILS]))
    for name, sentence in FAILS.items():
        row = page.locator(f".item[data-name='{name}']")
        expect(row.locator(".state")).to_have_text("failed")
        expect(row.locator(".facts")).to_contain_text(sentence)
    choose(page, FAST)
    page.locator("#upscale-scale").get_by_role("button", name="2×").click()
    run(page)
    expect(page.locator("#upscale-stage .download.second")).to_contain_text(f"All {len(WORKS)} as zip", timeout=60_000)
    for name, sizes in WORKS.items():
        row = page.locator(f".item[data-name='{name}']")
        expect(row.locator(".state")).to_have_text("done")
        expect(row.locator(".facts")).to_contain_text(sizes)
    page.get_by_role("button", name="Show film.gif").click()
    expect(page.locator("#upscale-stage .note")).to_contain_text("an animation of 2 frames; this is its first")
