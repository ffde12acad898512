"""The Faces tab in a browser."""

from __future__ import annotations

import json
import time
from pathlib import Path
from urllib.parse import quote

import av
import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Download, Page, expect
from skimage import data

from engines.core.provenance import is_marked, read_recipe
from studio.faces import arrivals, work
from tests.e2e.steps import Studio, open_tab

pytestmark = pytest.mark.browser
LONG = 120_000  # ms, for what learns a face or makes a film on a busy machine

PIXELS = """canvas => {
  const { width, height } = canvas, ink = canvas.getContext('2d').getImageData(0, 0, width, height).data;
  return [...ink].filter((_, i) => i % 4 < 3 && i % 53 === 0);
}"""
COUNT = """() => document.querySelector('#faces .faces').addEventListener('drawn', () => {
  window.frames_drawn = 1 + (window.frames_drawn || 0);
})"""
CALM = "() => !document.querySelector('#faces .identity.old') && document.querySelector('#faces .verdict').textContent"


def enter(page: Page) -> None:
    open_tab(page, "Faces")
    expect(page.locator("#faces .ways")).to_be_visible()


def new_face(page: Page, index: int = 0) -> int:
    """Choose one of the sheet; returns its seed."""
    enter(page)
    page.get_by_role("button", name="A new face", exact=True).click()
    face = page.locator("#faces .sheet button").nth(index)
    seed = int(face.get_attribute("data-seed") or -1)
    face.click()
    expect(page.locator("#faces canvas.canvas")).to_be_visible()
    page.wait_for_function(CALM)
    return seed


def look(page: Page) -> np.ndarray:
    return np.array(page.locator("#faces canvas.canvas").evaluate(PIXELS), int)


def grab(page: Page, name: str) -> tuple[float, float, float]:
    """Press the mouse on a slider's thumb, which stands at 0; returns x, y and the width of the slider."""
    slider = page.locator(f"#faces [data-slider={name}]")
    slider.scroll_into_view_if_needed()
    box = slider.bounding_box()
    assert box
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    return x, y, box["width"]


def save(page: Page) -> Download:
    with page.expect_download(timeout=LONG) as waiting:
        page.locator("#faces [data-do=save]").click()
    return waiting.value


def test_a_new_face_is_dragged_let_go_and_downloaded(page: Page, tmp_path: Path) -> None:
    seed = new_face(page, 3)
    at_rest = look(page)
    x, y, width = grab(page, "smile")
    page.evaluate(COUNT)
    page.mouse.move(x + width * 0.3, y, steps=6)
    page.wait_for_function("() => window.frames_drawn >= 1")
    assert np.abs(look(page) - at_rest).mean() > 0.5, "the picture follows the slider while the mouse is down"
    page.mouse.up()
    page.wait_for_function(CALM)
    value = float(page.locator("#faces .slider[data-name=smile] .number").input_value())
    assert 0.5 < value < 0.8
    expect(page.locator("#faces .verdict")).to_contain_text("distance 0.")
    expect(page.locator("#faces .made")).to_contain_text("Faces")
    smiling = look(page)

    page.keyboard.down("b")
    assert np.abs(look(page) - at_rest).mean() < 0.5
    page.keyboard.up("b")
    assert np.array_equal(look(page), smiling)

    page.locator("#faces [aria-label='Size']").select_option("256 px")
    download = save(page)
    assert download.suggested_filename == f"face-{seed}_smile.png"
    download.save_as(tmp_path / "saved.png")
    recipe = read_recipe(tmp_path / "saved.png")
    assert (recipe.tool, recipe.seed, recipe.options["smile"]) == ("generate-face", seed, value)
    assert is_marked(tmp_path / "saved.png")


def test_a_photo_is_edited_while_it_is_still_being_learned(page: Page, studio: Studio, tmp_path: Path) -> None:
    Image.fromarray(data.astronaut()).save(tmp_path / "astronaut.png")
    enter(page)
    page.locator("#faces .dropzone input").set_input_files(tmp_path / "astronaut.png")
    expect(page.locator("#faces .box.on")).to_be_visible()
    expect(page.locator("#faces canvas.canvas")).to_be_visible(timeout=LONG)
    expect(page.locator("#faces .verdict")).to_have_text("Untouched")
    page.locator("#faces .message", has_text="Learning this one face").wait_for()
    page.get_by_role("button", name="Cancel", exact=True).locator("visible=true").click()
    start = time.monotonic()
    while studio.engines.residency.busy:
        assert time.monotonic() - start < 1.0, "the device is still busy a second after Cancel"
        time.sleep(0.01)
    expect(page.locator("#faces .working")).to_be_hidden()

    at_rest = look(page)
    x, y, width = grab(page, "age")
    page.mouse.move(x + width * 0.3, y, steps=4)
    page.mouse.up()
    page.wait_for_function(CALM)
    expect(page.locator("#faces .verdict")).to_contain_text("distance 0.")
    assert np.abs(look(page) - at_rest).mean() > 0.2
    download = save(page)
    assert download.suggested_filename == "astronaut_age.png"
    download.save_as(tmp_path / "saved.png")
    with Image.open(tmp_path / "saved.png") as image:
        edited = np.asarray(image)
    assert edited.shape == (512, 512, 3)
    changed = (edited != data.astronaut()).any(2)
    assert changed.any() and not changed[300:].any() and not changed[:, :80].any()
    recipe = read_recipe(tmp_path / "saved.png")
    assert recipe.tool == "edit-face" and recipe.options["age"] > 0.4 and is_marked(tmp_path / "saved.png")


def test_several_faces_are_chosen_by_click(page: Page, tmp_path: Path) -> None:
    one = data.astronaut()[:256, 80:336]
    Image.fromarray(np.hstack([one, one[:, ::-1]])).save(tmp_path / "two.png")
    enter(page)
    page.locator("#faces .dropzone input").set_input_files(tmp_path / "two.png")
    expect(page.locator("#faces .boxes h3")).to_have_text("Whose face?")
    boxes = page.locator("#faces .box")
    expect(boxes).to_have_count(2)
    place = [boxes.nth(i).bounding_box() or {} for i in range(2)]
    assert abs(place[0]["x"] - place[1]["x"]) > 100
    boxes.nth(1).click()
    expect(page.locator("#faces .box.on")).to_have_attribute("data-face", "1")
    page.get_by_role("button", name="Cancel", exact=True).locator("visible=true").click()
    expect(page.locator("#faces .working")).to_be_hidden()
    expect(page.locator("#faces .boxes h3")).to_have_text("Whose face?")


def test_a_description_makes_a_face_that_a_photo_without_one_does_not_take_away(page: Page, tmp_path: Path) -> None:
    enter(page)
    page.get_by_role("button", name="A description", exact=True).click()
    page.get_by_role("textbox", name="Describe a face").fill("a smiling wizard with a fringe")
    page.keyboard.press("Enter")
    expect(page.locator("#faces .chip.ignored")).to_have_text("wizard")
    expect(page.locator("#faces .chip").first).to_contain_text("smiling")
    expect(page.locator("#faces canvas.canvas")).to_be_visible()
    page.wait_for_function(CALM)
    assert float(page.locator("#faces [data-slider=smile]").input_value()) > 0.3
    assert float(page.locator("#faces [data-slider=fringe]").input_value()) > 0.3

    before = look(page)
    Image.fromarray(data.coffee()).save(tmp_path / "coffee.png")
    page.get_by_role("button", name="My photo", exact=True).click()
    page.locator("#faces .dropzone input").set_input_files(tmp_path / "coffee.png")
    expect(page.get_by_test_id("toast-body")).to_contain_text("No face was found.")
    expect(page.locator("#faces .working")).to_be_hidden()
    expect(page.locator("#faces canvas.canvas")).to_be_visible()
    assert np.array_equal(look(page), before)


def test_keys_numbers_reset_undo_and_a_link_that_opens_the_same_face(page: Page, studio: Studio) -> None:
    seed = new_face(page, 5)
    row = page.locator("#faces .slider[data-name=smile]")
    slider, number = row.locator("[data-slider]"), row.locator(".number")
    slider.focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    expect(number).to_have_value("0.03")
    number.fill("-0.5")
    number.press("Enter")
    expect(slider).to_have_value("-0.5")
    page.wait_for_function(CALM)
    page.get_by_role("button", name="Undo (Ctrl Z)").click()
    expect(slider).to_have_value("0.03")
    page.get_by_role("button", name="Redo (Ctrl Y)").click()
    expect(slider).to_have_value("-0.5")
    row.get_by_role("button", name="Reset Smile").click()
    expect(slider).to_have_value("0")
    page.get_by_role("button", name="Friendly", exact=True).click()
    assert float(slider.input_value()) > 0
    page.get_by_role("button", name="Reset all sliders").click()
    expect(slider).to_have_value("0")

    page.locator("#faces .slider[data-name=smile] .number").fill("0.4")
    page.keyboard.press("Enter")
    page.wait_for_function(CALM)
    shown = look(page)
    page.get_by_role("button", name="Copy a link to this face").click()
    link = page.locator("#faces .linked").input_value()
    assert link.startswith(studio.address) and "recipe=" in link
    page.goto(link)
    expect(page.locator("#faces canvas.canvas")).to_be_visible()
    page.wait_for_function(CALM)
    assert page.locator("#faces [data-slider=smile]").input_value() == "0.4"
    assert page.locator("#faces .seed").input_value() == str(seed)
    assert np.abs(look(page) - shown).mean() < 1.5

    page.goto(f"{studio.address}/?tool=faces&recipe={quote(json.dumps({'seed': 'x'}))}")
    expect(page.locator("#faces .notice")).to_contain_text("A seed")


@pytest.mark.parametrize("page", [(390, 844, "dark")], indirect=True)
def test_a_phone_keeps_face_and_verdict_in_view_and_shows_what_a_tool_made(
    page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "FILM_SECONDS", 0.25)
    new_face(page)
    page.locator("#faces summary", has_text="Hair").click()
    slider = page.locator("#faces [data-slider=fringe]")
    slider.evaluate("slider => slider.scrollIntoView({ block: 'end' })")
    box = page.locator("#faces canvas.canvas").bounding_box()
    assert box and box["y"] >= -1 and box["height"] > 200 and box["width"] <= 390
    expect(page.locator("#faces .verdict")).to_be_in_viewport()
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 390

    page.get_by_role("button", name="Tools", exact=True).click()
    page.locator("#faces summary", has_text="Let it move").click()
    page.get_by_role("button", name="Make a film", exact=True).click()
    expect(page.locator("#faces .working .cancel")).to_be_in_viewport()
    film = page.locator("#faces .product video")
    expect(film).to_be_in_viewport(ratio=0.9, timeout=LONG)
    covered = """video => {
      const { left, top, width, height } = video.getBoundingClientRect();
      return document.elementFromPoint(left + width / 2, top + height / 3) !== video;
    }"""
    assert film.evaluate(covered) is False, "the portrait lies over the film"
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 390


def test_a_link_and_a_film_of_a_mixed_face(page: Page, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(work, "FILM_SECONDS", 0.25)
    new_face(page, 4)
    alone = look(page)
    page.get_by_role("button", name="Tools", exact=True).click()
    page.get_by_role("button", name="A face to mix with").click()
    page.wait_for_function(CALM)
    for name in ("Features", "Colours"):
        page.get_by_role("spinbutton", name=f"{name}, a number from 0 to 1").fill("1")
        page.keyboard.press("Enter")
    page.wait_for_function(CALM)
    expect(page.locator("#faces .verdict")).to_contain_text("distance 0.")
    mixed = look(page)
    assert np.abs(mixed - alone).mean() > 3

    page.locator("#faces summary", has_text="Let it move").click()
    page.get_by_label("How it moves").select_option("blink")
    page.get_by_role("button", name="Make a film", exact=True).click()
    expect(page.locator("#faces .product video")).to_be_visible(timeout=LONG)
    with page.expect_download() as waiting:
        page.locator("#faces .product").get_by_role("link", name="Download").click()
    waiting.value.save_as(tmp_path / "film.mp4")
    with av.open(str(tmp_path / "film.mp4")) as film:
        first = next(film.decode(video=0)).to_ndarray(format="rgb24").astype(int)
    side = first.shape[0]
    page.evaluate("() => document.querySelector('#faces [data-do=close]').click()")
    shown = page.locator("#faces canvas.canvas").evaluate(
        """(canvas, side) => {
          const small = Object.assign(document.createElement("canvas"), { width: side, height: side });
          const ink = small.getContext("2d");
          ink.drawImage(canvas, 0, 0, side, side);
          return [...ink.getImageData(0, 0, side, side).data].filter((_, i) => i % 4 < 3);
        }""",
        side,
    )
    whole = np.array(shown, int).reshape(side, side, 3)
    middle = slice(side // 4, 3 * side // 4)
    assert np.abs(whole - first)[middle, middle].mean() < 6, "the film is of somebody else"

    page.get_by_role("button", name="Sliders", exact=True).click()
    page.get_by_role("button", name="Copy a link to this face").click()
    page.goto(page.locator("#faces .linked").input_value())
    expect(page.locator("#faces canvas.canvas")).to_be_visible()
    page.wait_for_function(CALM)
    assert np.abs(look(page) - mixed).mean() < 1.5
    expect(page.get_by_role("button", name="Undo (Ctrl Z)")).to_be_disabled()


def test_every_slider_has_a_number_and_a_reset_and_settles_where_it_was(page: Page) -> None:
    new_face(page)
    page.evaluate("() => document.querySelectorAll('#faces details').forEach((one) => { one.open = true; })")
    page.get_by_role("button", name="Tools", exact=True).click()
    page.get_by_role("button", name="A face to mix with").click()
    page.get_by_role("button", name="Sliders", exact=True).click()
    rows = page.locator("#faces .panel .slider")
    assert rows.count() > 15
    for row in rows.all():
        row.locator(".number").evaluate("box => { box.value = 0.3; box.dispatchEvent(new Event('input')); }")
        assert row.locator("input[type=range]").input_value() == "0.3"
        row.locator(".reset").evaluate("reset => reset.click()")
        assert float(row.locator(".number").input_value()) in (0, 0.5)
    page.wait_for_function(CALM)

    before = look(page)
    x, y, width = grab(page, "smile")
    page.mouse.move(x + width * 0.3, y, steps=4)
    page.wait_for_function("() => document.querySelector('#faces .identity.old')")
    page.mouse.move(x, y, steps=4)
    page.mouse.up()
    page.wait_for_function(CALM)
    assert np.array_equal(look(page), before)


def test_what_was_done_to_one_face_stays_when_the_next_is_edited(
    page: Page, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(arrivals, "FIRST_SECONDS", 1.0)
    monkeypatch.setattr(arrivals, "LEARN_SECONDS", 1.0)
    one = data.astronaut()[:256, 80:336]
    both = np.hstack([one, one[:, ::-1]])
    Image.fromarray(both).save(tmp_path / "two.png")
    enter(page)
    page.locator("#faces .dropzone input").set_input_files(tmp_path / "two.png")
    page.locator("#faces .box").nth(0).click()
    thumbs = page.locator("#faces .portrait .thumb")
    expect(thumbs).to_have_count(2, timeout=LONG)
    expect(thumbs.nth(0)).to_have_attribute("aria-pressed", "true")
    page.locator("#faces .slider[data-name=smile] .number").fill("-0.9")
    page.keyboard.press("Enter")
    page.wait_for_function(CALM)
    thumbs.nth(1).click()
    expect(thumbs.nth(1)).to_have_attribute("aria-pressed", "true", timeout=LONG)
    expect(page.locator("#faces .verdict")).to_have_text("Untouched")
    assert page.locator("#faces [data-slider=smile]").input_value() == "0"
    page.locator("#faces .slider[data-name=smile] .number").fill("-0.9")
    page.keyboard.press("Enter")
    page.wait_for_function(CALM)
    download = save(page)
    assert download.suggested_filename == "two_smile.png"
    download.save_as(tmp_path / "saved.png")
    with Image.open(tmp_path / "saved.png") as image:
        changed = (np.asarray(image) != both).any(2)
    assert changed[:, :200].any() and changed[:, 312:].any()

    undo = page.get_by_role("button", name="Undo (Ctrl Z)")
    thumbs.nth(0).click()  # who comes back finds sliders and steps as they were
    expect(thumbs.nth(0)).to_have_attribute("aria-pressed", "true", timeout=LONG)
    expect(page.locator("#faces [data-slider=smile]")).to_have_value("-0.9")
    undo.click()
    expect(page.locator("#faces [data-slider=smile]")).to_have_value("0")
    expect(undo).to_be_disabled()
    expect(page.locator("#faces .verdict")).to_have_text("Untouched")
    page.wait_for_function(CALM)
    save(page).save_as(tmp_path / "undone.png")
    with Image.open(tmp_path / "undone.png") as image:
        changed = (np.asarray(image) != both).any(2)
    assert not changed[:, :200].any() and changed[:, 312:].any(), "only the other one is still changed"
    page.get_by_role("button", name="Redo (Ctrl Y)").click()
    expect(page.locator("#faces [data-slider=smile]")).to_have_value("-0.9")
    thumbs.nth(1).click()
    expect(thumbs.nth(1)).to_have_attribute("aria-pressed", "true", timeout=LONG)
    expect(page.locator("#faces [data-slider=smile]")).to_have_value("-0.9")
    expect(undo).to_be_enabled()


def test_a_tool_keeps_the_sliders_and_takes_a_face_of_the_other_photo(page: Page, tmp_path: Path) -> None:
    one = data.astronaut()[:256, 80:336]
    Image.fromarray(data.astronaut()).save(tmp_path / "astronaut.png")
    Image.fromarray(np.hstack([one, one[:, ::-1]])).save(tmp_path / "two.png")
    enter(page)
    page.locator("#faces .dropzone input").set_input_files(tmp_path / "astronaut.png")
    page.locator("#faces .message", has_text="Learning this one face").wait_for(timeout=LONG)
    page.get_by_role("button", name="Cancel", exact=True).locator("visible=true").click()
    expect(page.locator("#faces .working")).to_be_hidden()
    for name, value in (("smile", "0.6"), ("keep", "0.1"), ("sharpen", "0.5")):
        page.locator(f"#faces .slider[data-name={name}] .number").fill(value)
        page.keyboard.press("Enter")
    page.wait_for_function(CALM)
    expect(page.locator("#faces .verdict")).to_contain_text("distance 0.")
    download = save(page)
    download.save_as(tmp_path / "sharp.png")
    recipe = read_recipe(tmp_path / "sharp.png")
    assert [recipe.options[name] for name in ("smile", "keep", "sharpen")] == [0.6, 0.1, 0.5]

    page.get_by_role("button", name="Tools", exact=True).click()
    expect(page.locator("#faces .along")).to_have_text("Your sliders go along: Smile +0.60, keep this person 0.10.")
    page.locator("#faces summary", has_text="Makeup from a photo").click()
    page.get_by_label("Choose a photo with makeup").set_input_files(tmp_path / "two.png")
    thumbs = page.locator("#faces .thumb:visible")
    expect(thumbs).to_have_count(2)
    expect(thumbs.first).to_have_attribute("aria-pressed", "true")
    thumbs.nth(1).click()
    expect(thumbs.nth(1)).to_have_attribute("aria-pressed", "true")
    page.get_by_role("button", name="Put it on").click()
    result = page.locator("#faces .product")
    expect(result.locator(".fine")).to_contain_text("distance 0.", timeout=LONG)
    with page.expect_download() as waiting:
        result.get_by_role("link", name="Download").click()
    waiting.value.save_as(tmp_path / "made.png")
    recipe = read_recipe(tmp_path / "made.png")
    assert recipe.tool == "transfer-makeup"
    assert [recipe.options[name] for name in ("smile", "keep", "other_face", "generator")] == [0.6, 0.1, 1, 0]
