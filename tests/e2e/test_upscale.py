"""The Upscale tab in a browser."""

from __future__ import annotations

import time
import zipfile
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from engines.core.provenance import is_marked, read_recipe
from tests.e2e.steps import FAST, Studio, bring, choose, fetch, finish, make_photo, run

pytestmark = pytest.mark.browser

WIDTH_OF = """image => new Promise(done => {
  const look = () => image.naturalWidth ? done(image.naturalWidth) : setTimeout(look, 50);
  look();
})"""


def test_a_photo_goes_all_the_way(page: Page, photo: Path, tmp_path: Path) -> None:
    bring(page, photo)
    choose(page, FAST)
    expect(page.locator("#upscale-size")).to_contain_text("48 × 40 → 192 × 160")
    run(page)
    finish(page)
    stage = page.locator("#upscale-stage")
    assert stage.locator(".over img").evaluate(WIDTH_OF) == 192
    assert stage.locator(".layer:not(.over) img").first.evaluate(WIDTH_OF) == 48
    made = stage.locator(".made").inner_text()
    assert "Real-ESRGAN animevideo" in made and "CPU" in made and "192 × 160" in made and " s " in made

    download = fetch(page, "#upscale-stage .download.main")
    assert download.suggested_filename == "cat_4x.png"
    saved = tmp_path / "saved.png"
    download.save_as(saved)
    with Image.open(saved) as image:
        assert image.size == (192, 160)
    recipe = read_recipe(saved)
    assert (recipe.tool, recipe.model, recipe.options["scale"]) == ("upscale", FAST, 4)
    assert is_marked(saved)


def test_the_line_and_the_zoom_obey_the_keyboard(page: Page, photo: Path) -> None:
    bring(page, photo)
    choose(page, FAST)
    run(page)
    finish(page)
    handle = page.get_by_role("slider", name="Line between before and after")
    handle.focus()
    assert handle.get_attribute("aria-valuenow") == "50"
    for key, value in [
        ("ArrowRight", "52"),
        ("Shift+ArrowRight", "62"),
        ("Home", "0"),
        ("End", "100"),
        ("PageDown", "90"),
    ]:
        page.keyboard.press(key)
        assert handle.get_attribute("aria-valuenow") == value
    view = page.locator("#upscale-stage .view")
    cut = page.locator("#upscale-stage .over").evaluate("layer => parseFloat(layer.style.clipPath.split(' ').pop())")
    assert cut == pytest.approx(0.9 * view.evaluate("view => view.clientWidth"), abs=1)

    after = page.locator("#upscale-stage .over img")
    view.focus()
    for key, percent in [("1", 1.0), ("2", 2.0)]:
        page.keyboard.press(key)
        shown = after.evaluate("image => image.getBoundingClientRect().width * devicePixelRatio")
        assert shown == pytest.approx(192 * percent, abs=0.5)
    page.keyboard.press("0")
    assert page.locator("#upscale-stage [data-zoom=fit]").get_attribute("aria-pressed") == "true"


def test_dragging_moves_the_line_and_pans_when_zoomed(page: Page, photo: Path) -> None:
    bring(page, photo)
    choose(page, FAST)
    run(page)
    finish(page)
    handle = page.get_by_role("slider", name="Line between before and after")
    view = page.locator("#upscale-stage .view")
    view.scroll_into_view_if_needed()
    box = view.bounding_box()
    assert box
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.25, y, steps=4)
    page.mouse.up()
    assert handle.get_attribute("aria-valuenow") == "25"

    view.focus()
    for _ in range(6):
        page.keyboard.press("+")
    left = "image => image.getBoundingClientRect().left"
    start = page.locator("#upscale-stage .over img").evaluate(left)
    page.mouse.move(x + 60, y)
    page.mouse.down()
    page.mouse.move(x + 20, y, steps=4)
    page.mouse.up()
    assert page.locator("#upscale-stage .over img").evaluate(left) == pytest.approx(start - 40, abs=1)
    assert handle.get_attribute("aria-valuenow") == "25"


def test_two_fingers_zoom(page: Page, photo: Path) -> None:
    bring(page, photo)
    view = page.locator("#upscale-stage .view")
    view.scroll_into_view_if_needed()
    box = view.bounding_box()
    assert box
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    image = page.locator("#upscale-stage .layer img").first
    width = "image => image.getBoundingClientRect().width"
    before = image.evaluate(width)
    fingers = page.context.new_cdp_session(page)
    for kind, spread in [("touchStart", 50), ("touchMove", 60), ("touchMove", 75), ("touchEnd", None)]:
        points = [] if spread is None else [{"x": x - spread, "y": y, "id": 0}, {"x": x + spread, "y": y, "id": 1}]
        fingers.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    assert image.evaluate(width) == pytest.approx(before * 1.5, rel=0.02)


@pytest.mark.parametrize("wait", [0, 300, 1100])
def test_cancel_frees_the_device_within_a_second(page: Page, studio: Studio, tmp_path: Path, wait: int) -> None:
    residency = studio.engines.residency
    residency.load(studio.engines.catalogue["realesrgan-x4plus"])
    bring(page, make_photo(tmp_path / "large.png", 400, 300))
    choose(page, "realesrgan-x4plus")
    run(page)
    deadline = time.monotonic() + 30
    while not residency.busy:
        assert time.monotonic() < deadline, "the work never began"
        page.wait_for_timeout(20)
    page.wait_for_timeout(wait)
    start = time.monotonic()
    page.get_by_role("button", name="Cancel", exact=True).click()
    while residency.busy:
        assert time.monotonic() - start < 1.0, "the device is still busy a second after Cancel"
        time.sleep(0.01)
    expect(page.get_by_role("button", name="Upscale", exact=True)).to_be_enabled()
    page.wait_for_timeout(500)  # nothing that was still on its way brings the work back
    expect(page.get_by_role("button", name="Upscale", exact=True)).to_be_enabled()
    expect(page.locator("#upscale-stage .work")).to_be_hidden()
    assert all(row.leases == 0 for row in residency.resident())
    expect(page.locator("#upscale-stage .title")).to_contain_text("large.png")  # nothing was lost


def test_closing_the_page_frees_the_device_as_well(page: Page, studio: Studio, tmp_path: Path) -> None:
    residency = studio.engines.residency
    bring(page, make_photo(tmp_path / "large.png", 400, 300))
    choose(page, "realesrgan-x4plus")
    run(page)
    while not residency.busy:
        page.wait_for_timeout(20)
    page.close()
    start = time.monotonic()
    while residency.busy:
        assert time.monotonic() - start < 3.0, "the work goes on for nobody"
        time.sleep(0.01)


def test_a_bad_upload_gets_a_sentence_and_the_page_lives(page: Page, photo: Path, tmp_path: Path) -> None:
    fake = tmp_path / "holiday.png"
    fake.write_text("this is a text")
    bring(page, fake)
    sentence = "holiday.png is not a picture the studio can read."
    expect(page.locator("#upscale-stage .trouble")).to_contain_text(sentence)
    expect(page.get_by_test_id("toast-body")).to_contain_text(sentence)
    expect(page.get_by_role("button", name="Upscale", exact=True)).to_be_disabled()
    bring(page, photo)
    choose(page, FAST)
    run(page)
    finish(page)
    expect(page.locator(".item[data-name='holiday.png'] .state")).to_have_text("failed")
    expect(page.locator(".item[data-name='cat.png'] .state")).to_have_text("done")


def test_several_files_become_a_zip_with_their_names(page: Page, photo: Path, tmp_path: Path) -> None:
    same_name = make_photo(tmp_path / "other" / "cat.png", 20, 24, seed=8)
    broken = tmp_path / "broken.jpg"
    Image.open(photo).save(broken)
    broken.write_bytes(broken.read_bytes()[:-200])
    bring(page, photo, broken, same_name)
    choose(page, FAST)
    page.locator("#upscale-scale").get_by_role("button", name="2×").click()
    page.locator("#upscale-format").get_by_role("radio", name="WebP").check(force=True)
    run(page)
    link = page.locator("#upscale-stage .download.second")
    expect(link).to_contain_text("All 2 as zip", timeout=40_000)
    expect(page.locator(".item[data-name='broken.jpg'] .facts")).to_contain_text("broken.jpg is damaged")
    saved = tmp_path / "all.zip"
    fetch(page, "#upscale-stage .download.second").save_as(saved)
    with zipfile.ZipFile(saved) as archive:
        assert archive.namelist() == ["cat_2x.webp", "cat_2x (2).webp"]
        with archive.open("cat_2x (2).webp") as stream, Image.open(stream) as image:
            assert (image.format, image.size) == ("WEBP", (40, 48))


def test_a_sample_is_one_click_away(page: Page) -> None:
    sample = page.locator("#upscale-samples .sample").first
    name = sample.get_attribute("data-sample")
    assert name
    sample.click()
    expect(page.locator("#upscale-stage .title strong")).to_have_text(name)
    expect(page.locator("#upscale-size")).to_contain_text("→")
    page.locator("#upscale-stage .clear").click()
    expect(sample).to_be_visible()


def test_a_picture_can_be_pasted(page: Page) -> None:
    page.evaluate(
        """async () => {
          const canvas = Object.assign(document.createElement("canvas"), { width: 12, height: 9 });
          canvas.getContext("2d").fillRect(0, 0, 6, 9);
          const blob = await new Promise((done) => canvas.toBlob(done, "image/png"));
          const basket = new DataTransfer();
          basket.items.add(new File([blob], "clip.png", { type: "image/png" }));
          const options = { clipboardData: basket, bubbles: true, cancelable: true };
          document.dispatchEvent(new ClipboardEvent("paste", options));
        }"""
    )
    expect(page.locator("#upscale-stage .title")).to_contain_text("clip.png")
    expect(page.locator("#upscale-stage .title")).to_contain_text("12 × 9")


def test_a_name_with_markup_stays_a_name(page: Page, tmp_path: Path) -> None:
    name = "<img src=x onerror=alert(1)>&.png"
    bring(page, make_photo(tmp_path / name, 8, 8))
    expect(page.locator("#upscale-stage .title strong")).to_contain_text("img src")
    assert page.locator("#upscale-stage .title img").count() == 0
