"""What the browser tests share: the running studio, a photo, and what a person does on the Upscale tab."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import Download, Page, expect

from engines import Engines

FAST = "realesr-animevideov3"

SWITCHES = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@dataclass(frozen=True)
class Studio:
    """The running studio: its address, and the engines behind it, to look at from the other side."""

    address: str
    engines: Engines


def make_photo(path: Path, width: int, height: int, seed: int = 7) -> Path:
    """Smooth colour with some noise, always the same for a seed."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    base = np.stack([x * 255 // width, y * 255 // height, (x + y) % 256], -1)
    pixels = np.clip(base + rng.normal(0, 12, base.shape), 0, 255).astype(np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


def open_tab(page: Page, name: str) -> None:
    """Click a tab; on a narrow page it may lie behind the three dots."""
    tab = page.get_by_role("tab", name=name, exact=True)
    if tab.count() and tab.is_visible():
        tab.click()
    else:
        page.locator("#rooms .overflow-menu > button").click()
        page.locator("#rooms .overflow-dropdown button", has_text=name).click()


def bring(page: Page, *files: Path) -> None:
    """Choose files; returns when all of them are on the stage."""
    before = page.locator("#upscale-stage .item").count() or int(page.locator("#upscale-stage .stage:visible").count())
    page.locator("#upscale-drop input[type=file]").first.set_input_files([str(file) for file in files])
    if before + len(files) > 1:
        expect(page.locator("#upscale-stage .item")).to_have_count(before + len(files))
    else:
        expect(page.locator("#upscale-stage .stage")).to_be_visible()


def choose(page: Page, model: str) -> None:
    """Choose a model, opening the list of the others if need be."""
    label = page.locator(f"#upscale-model .choice[data-model='{model}']")
    if not label.is_visible():
        page.locator("#upscale-model details summary").click()
    label.click()
    expect(page.locator(f"#upscale-model .choice.on[data-model='{model}']")).to_be_visible()


def run(page: Page) -> None:
    page.get_by_role("button", name="Upscale", exact=True).click()


def finish(page: Page) -> None:
    """Wait for the end of a run of one picture."""
    expect(page.locator("#upscale-stage .download.main")).to_be_visible(timeout=40_000)
    expect(page.get_by_role("button", name="Upscale", exact=True)).to_be_enabled()


def fetch(page: Page, selector: str) -> Download:
    """Click a download link."""
    with page.expect_download() as waiting:
        page.locator(selector).click()
    return waiting.value
