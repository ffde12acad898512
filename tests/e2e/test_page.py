"""The shell: header, broken tabs, sizes, looks, what the server gives out."""

from __future__ import annotations

import os
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.steps import Studio, bring, make_photo, open_tab

pytestmark = pytest.mark.browser

PHONE = (390, 844)


def test_a_broken_tab_says_so_and_the_rest_live(page: Page) -> None:
    page.get_by_role("tab", name="No import", exact=True).click()
    expect(page.get_by_role("alert").filter(has_text="No import is not available")).to_contain_text(
        "ModuleNotFoundError: No module named 'a_package_that_is_not_there'"
    )
    page.get_by_role("tab", name="Half", exact=True).click()
    expect(page.get_by_role("alert").filter(has_text="Half is not available")).to_contain_text("the engine of this tab")
    expect(page.get_by_text("half built")).to_have_count(0)
    page.get_by_role("tab", name="Upscale", exact=True).click()
    expect(page.locator("#upscale-drop")).to_be_visible()


def test_the_header_tells_the_state(page: Page, studio: Studio) -> None:
    expect(page.get_by_role("heading", level=1)).to_have_text("GAN Studio")
    facts = page.locator("#header .facts")
    expect(facts).to_contain_text(studio.engines.device.describe())
    card = studio.engines.catalogue["realesr-animevideov3"]
    studio.engines.residency.load(card)
    expect(facts).to_contain_text(" of ", timeout=6000)
    expect(facts).to_contain_text("ready")


@pytest.mark.parametrize("page", [(*PHONE, "light"), (*PHONE, "dark")], indirect=True, ids=["light", "dark"])
def test_nothing_scrolls_sideways_on_a_phone(page: Page, tmp_path: Path) -> None:
    wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert page.evaluate(wide) == 0
    long = make_photo(tmp_path / ("a-very-long-name-" * 6 + ".png"), 90, 30)
    bring(page, long, make_photo(tmp_path / "b.png", 30, 90))
    assert page.evaluate(wide) == 0
    open_tab(page, "Models")
    expect(page.locator("#models-cards .card").first).to_be_visible()
    assert page.evaluate(wide) == 0


def test_light_and_dark_can_be_switched_and_are_kept(page: Page) -> None:
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground)
    page.get_by_role("button", name="Switch between light and dark").click()
    dark = page.evaluate(ground)
    assert light != dark
    page.reload()
    page.wait_for_selector("#upscale-model .choice")
    assert page.evaluate(ground) == dark


def test_a_file_over_the_limit_is_refused(page: Page, tmp_path: Path) -> None:
    large = tmp_path / "large.png"
    large.write_bytes(b"\x89PNG" + bytes(6_000_000))  # the limit of this server is 5 MB
    page.locator("#upscale-drop input[type=file]").first.set_input_files(str(large))
    expect(page.get_by_test_id("toast-body")).to_contain_text("5")
    expect(page.locator("#upscale-drop")).to_be_visible()


@pytest.mark.parametrize("path", ["/etc/passwd", "{files}", "{code}/app.py"])
def test_the_server_gives_out_nothing_but_its_own_files(studio: Studio, path: str) -> None:
    code = str(Path(__file__).parents[2])
    asked = path.format(files=os.environ["GRADIO_TEMP_DIR"], code=code)
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"{studio.address}/gradio_api/file={asked}")
    assert refused.value.code == 403
    refused.value.close()
