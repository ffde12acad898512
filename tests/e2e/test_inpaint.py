"""The Inpaint tab in a browser, and the same tools for programs."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image
from playwright.sync_api import Page, expect

from engines.core.provenance import is_marked, read_recipe
from tests.e2e.steps import Studio, fetch, open_tab

pytestmark = pytest.mark.browser
DESK = "#inpaint-desk"
SHARE = f"""() => {{
  const canvas = document.querySelector("{DESK} canvas.mask");
  const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  let count = 0;
  for (let i = 3; i < data.length; i += 4) count += data[i] > 127;
  return count / (data.length / 4);
}}"""
TOUCH = (390, 844, "dark")


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """The kitten, 180x120."""
    return write_photo(tmp_path / "cat.png")


def write_photo(path: Path) -> Path:
    sample = Path(__file__).parents[2] / "assets" / "samples" / "kitten.png"
    with Image.open(sample) as image:
        image.convert("RGB").resize((180, 120)).save(path)
    return path


@pytest.fixture
def desk(page: Page) -> Page:
    open_tab(page, "Inpaint")
    page.locator("#inpaint-drop input[type=file]").first.wait_for(state="attached")
    page.wait_for_timeout(300)
    return page


def bring(page: Page, *files: Path) -> None:
    page.locator("#inpaint-drop input[type=file]").first.set_input_files([str(file) for file in files])
    ready(page)
    if len(files) > 1:
        expect(page.locator("#inpaint-stage .item")).to_have_count(len(files))


def ready(page: Page) -> None:
    expect(page.locator(f"{DESK} .retouch")).to_be_visible(timeout=40_000)
    page.wait_for_function(f"document.querySelector('{DESK} canvas.mask').width > 1")


def tool(page: Page, name: str) -> None:
    page.locator(f"{DESK} [data-tool={name}]").click()


def do(page: Page, name: str) -> None:
    page.locator(f"{DESK} [data-do={name}]").click()


def place(page: Page, x: float, y: float) -> tuple[float, float]:
    """A place of the picture on the screen."""
    box = page.locator(f"{DESK} .layer img").first.bounding_box()
    assert box
    return box["x"] + x * box["width"], box["y"] + y * box["height"]


def stroke(page: Page, start: tuple[float, float], end: tuple[float, float]) -> None:
    page.mouse.move(*place(page, *start))
    page.mouse.down()
    page.mouse.move(*place(page, *end), steps=6)
    page.mouse.up()


def share(page: Page) -> float:
    return float(page.evaluate(SHARE))


def at_step(page: Page, step: int, of: int) -> None:
    """A run has ended: that many steps, and this one is shown."""
    expect(page.locator(f"{DESK} .where")).to_have_text(f"Step {step} of {of}", timeout=120_000)
    expect(page.locator("#inpaint-run")).to_be_enabled()


def run(page: Page, step: int = 1) -> None:
    page.locator("#inpaint-run").click()
    at_step(page, step, step)


def saved(page: Page, path: Path, selector: str = "#inpaint-stage .download.main") -> np.ndarray:
    fetch(page, selector).save_as(path)
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def test_what_is_painted_over_is_filled_and_nothing_else(desk: Page, photo: Path, tmp_path: Path) -> None:
    bring(desk, photo)
    stroke(desk, (0.3, 0.5), (0.6, 0.5))
    expect(desk.locator(f"{DESK} .ring")).to_be_visible()
    assert 0.01 < share(desk) < 0.1
    run(desk)
    after, before = saved(desk, tmp_path / "out.png"), np.asarray(Image.open(photo))
    changed = (after != before).any(2)
    assert changed[57:63, 56:106].mean() > 0.8, "filled where it was painted"
    assert (
        not changed[:40].any() and not changed[80:].any() and not changed[:, :36].any() and not changed[:, 126:].any()
    )
    recipe = read_recipe(tmp_path / "out.png")
    assert (recipe.tool, recipe.model, recipe.options["expand"]) == ("inpaint", "inpaint", 4)
    assert is_marked(tmp_path / "out.png")
    expect(desk.locator("#inpaint-stage .made")).to_contain_text(re.compile(r"CPU · \w+ · [\d.]+ s · 180 × 120"))

    # the result takes the place of the picture: before and after, and the original while the button is held
    expect(desk.locator(f"{DESK} .viewer.comparing .line")).to_be_visible()
    original = desk.locator(f"{DESK} .first")
    expect(original).to_be_hidden()
    desk.locator(f"{DESK} [data-do=hold]").focus()
    desk.keyboard.down(" ")
    expect(original).to_be_visible()
    desk.keyboard.up(" ")
    expect(original).to_be_hidden()

    # and one goes on from it, and back
    tool(desk, "brush")
    assert share(desk) == 0
    stroke(desk, (0.8, 0.2), (0.8, 0.3))
    run(desk, 2)
    again = saved(desk, tmp_path / "again.png")
    assert np.array_equal(again[57:63, 50:110], after[57:63, 50:110]) and not np.array_equal(again[20:40], after[20:40])
    do(desk, "back")
    at_step(desk, 1, 2)
    do(desk, "back")
    assert 0.01 < share(desk) < 0.1, "the first mask is still there"


def test_strokes_can_be_undone_rubbed_out_inverted_and_drawn_straight(desk: Page, photo: Path) -> None:
    bring(desk, photo)
    stroke(desk, (0.2, 0.2), (0.4, 0.2))
    one = share(desk)
    desk.keyboard.down("Shift")
    desk.mouse.click(*place(desk, 0.4, 0.8))
    desk.keyboard.up("Shift")
    two = share(desk)
    assert two > one + 0.02, "a straight line from where the stroke ended"
    desk.keyboard.press("Control+z")
    assert share(desk) == one
    desk.keyboard.press("Control+Shift+Z")
    assert share(desk) == two
    do(desk, "invert")
    assert abs(share(desk) - (1 - two)) < 0.01
    do(desk, "undo")
    tool(desk, "erase")
    stroke(desk, (0.4, 0.3), (0.4, 0.7))
    assert one < share(desk) < two
    do(desk, "clear")
    assert share(desk) == 0
    size = desk.get_by_label("Size of the brush, in pixels of the screen")
    before = float(size.input_value())
    desk.keyboard.press("]")
    assert float(size.input_value()) > before
    desk.locator("#inpaint-run").click()
    expect(desk.locator(f"{DESK} .said")).to_have_text("The mask is empty. Paint over what should go.")

    # and without a mouse
    desk.locator(f"{DESK} .view").focus()
    desk.keyboard.press("b")
    for _ in range(3):
        desk.keyboard.press("ArrowLeft")
    desk.keyboard.press("Enter")
    assert share(desk) > 0.001


def test_a_click_or_a_box_selects_and_an_alt_click_takes_away(desk: Page, tmp_path: Path) -> None:
    pixels = np.full((120, 180, 3), 90, np.uint8)
    pixels[30:80, 40:100] = (220, 60, 40)
    Image.fromarray(pixels).save(tmp_path / "box.png")
    bring(desk, tmp_path / "box.png")
    tool(desk, "select")
    desk.mouse.click(*place(desk, 0.4, 0.45))
    desk.wait_for_function(f"({SHARE})() > 0.1")
    assert abs(share(desk) - 3000 / 21600) < 0.02
    desk.keyboard.down("Alt")
    desk.mouse.click(*place(desk, 0.4, 0.45))
    desk.keyboard.up("Alt")
    desk.wait_for_function(f"({SHARE})() < 0.01")
    stroke(desk, (0.15, 0.15), (0.65, 0.8))  # a box around it
    desk.wait_for_function(f"({SHARE})() > 0.1")
    assert abs(share(desk) - 3000 / 21600) < 0.02


def number(page: Page, name: str, value: int) -> None:
    """A slider's number box."""
    box = page.locator(f"#inpaint-{name} input[type=number]").first
    box.fill(str(value))
    box.press("Enter")


# How many pixels of the screen the halo covers in full, and how many at all, in parts of it
HALO = f"""() => {{
  const halo = document.querySelector("{DESK} canvas.halo");
  if (halo.hidden) return [0, 0];
  const {{ data }} = halo.getContext("2d").getImageData(0, 0, halo.width, halo.height);
  let full = 0, some = 0;
  for (let i = 3; i < data.length; i += 4) {{ full += data[i] > 200; some += data[i] > 40; }}
  return [full / (data.length / 4), some / (data.length / 4)];
}}"""


def test_the_mask_grows_shrinks_and_softens_as_the_sliders_say(desk: Page, photo: Path, tmp_path: Path) -> None:
    """As the desk shows it: what goes, and paler what is soft."""
    bring(desk, photo)
    plane = np.zeros((120, 180), np.uint8)
    plane[40:80, 60:120] = 255
    Image.fromarray(plane).save(tmp_path / "mask.png")
    desk.get_by_label("Upload a mask, white where to fill").set_input_files(str(tmp_path / "mask.png"))
    desk.wait_for_function(f"({SHARE})() > 0.1")
    whole = 120 * 180
    for grow, soft in ((10, 0), (-10, 0), (0, 20), (6, 8)):
        number(desk, "expand", grow)
        number(desk, "feather", soft)
        full, some = ((40 + 2 * by) * (60 + 2 * by) / whole for by in (grow, grow + soft))
        close = f"(([full, some]) => Math.abs(full - {full}) < 0.02 && Math.abs(some - {some}) < 0.025)(({HALO})())"
        desk.wait_for_function(close, timeout=5000)


def test_a_large_mask_keeps_its_finest_lines(desk: Page, tmp_path: Path) -> None:
    """A photo and a mask larger than what is painted on: lines of one pixel, 8 apart, come out as they went in."""
    with Image.open(write_photo(tmp_path / "cat.png")) as image:
        image.resize((2100, 1400)).save(tmp_path / "large.png")
    plane = np.zeros((1400, 2100), np.uint8)
    plane[300:340, 300:380:8] = 255
    Image.fromarray(plane).save(tmp_path / "mask.png")
    bring(desk, tmp_path / "large.png")
    desk.get_by_label("Upload a mask, white where to fill").set_input_files(str(tmp_path / "mask.png"))
    expect(desk.locator(f"{DESK} [data-do=save]")).to_be_enabled(timeout=20_000)
    stroke(desk, (0.7, 0.7), (0.72, 0.7))
    with desk.expect_download() as waiting:
        do(desk, "save")
    waiting.value.save_as(tmp_path / "back.png")
    with Image.open(tmp_path / "back.png") as image:
        back = np.asarray(image.convert("L"))
    assert back.shape == plane.shape and np.array_equal(back[:700], plane[:700])
    assert (back[800:] > 127).any(), "and what was painted besides"


def test_scratches_are_found_and_masks_come_and_go(desk: Page, tmp_path: Path) -> None:
    pixels = np.full((240, 360, 3), 110, np.uint8)
    pixels[20:220, 180] = 250
    Image.fromarray(pixels).save(tmp_path / "old.png")
    bring(desk, tmp_path / "old.png")
    desk.get_by_role("button", name="Find scratches and add it to the mask").click()
    expect(desk.locator(f"{DESK} .said")).to_have_text(re.compile(r"^Scratches found: [\d.]+ % of the picture\.$"))
    with desk.expect_download() as waiting:
        do(desk, "save")
    assert waiting.value.suggested_filename == "old_mask.png"
    waiting.value.save_as(tmp_path / "mask.png")
    with Image.open(tmp_path / "mask.png") as image:
        mask = np.asarray(image.convert("L"))
    assert mask.shape == (240, 360) and mask[60:180, 180].min() > 200 and mask[:, :160].max() == 0
    found = share(desk)
    do(desk, "clear")
    upload = desk.get_by_label("Upload a mask, white where to fill")
    upload.set_input_files(str(tmp_path / "mask.png"))
    desk.wait_for_function(f"({SHARE})() > 0")
    assert abs(share(desk) - found) < 0.002
    Image.new("L", (90, 200), 255).save(tmp_path / "tall.png")
    upload.set_input_files(str(tmp_path / "tall.png"))
    expect(desk.locator(f"{DESK} .said")).to_contain_text("another shape (90 × 200)")


def test_suggestions_are_offered_and_one_is_taken_and_sent_on(desk: Page, photo: Path, tmp_path: Path) -> None:
    bring(desk, photo)
    stroke(desk, (0.4, 0.4), (0.6, 0.4))
    do(desk, "three")
    at_step(desk, 1, 1)
    offered = desk.locator(f"{DESK} .suggestion")
    expect(offered).to_have_count(3)
    first = saved(desk, tmp_path / "first.png")
    offered.nth(2).click()
    expect(offered.nth(2)).to_have_attribute("aria-pressed", "true")
    third = saved(desk, tmp_path / "third.png")
    assert read_recipe(tmp_path / "third.png").options["seed"] == 2
    assert not np.array_equal(first, third)
    do(desk, "another")
    expect(offered).to_have_count(4, timeout=40_000)
    saved(desk, tmp_path / "fourth.png")
    assert read_recipe(tmp_path / "fourth.png").options["seed"] == 3
    desk.get_by_role("button", name="Enlarge this picture in the Upscale tab").click()
    expect(desk.locator("#upscale-stage .title")).to_contain_text("cat_filled.png")


def test_sides_are_pulled_out_and_the_picture_goes_on(desk: Page, photo: Path, tmp_path: Path) -> None:
    bring(desk, photo)
    tool(desk, "extend")
    expect(desk.locator("#inpaint-run")).to_have_text("Extend")
    grip = desk.get_by_role("slider", name="Extend right")
    box = grip.bounding_box()
    assert box
    desk.mouse.move(box["x"] + 22, box["y"] + 22)
    desk.mouse.down()
    desk.mouse.move(box["x"] + 62, box["y"] + 22, steps=4)
    desk.mouse.up()
    pulled = int(grip.get_attribute("aria-valuenow") or 0)
    assert pulled > 5
    top = desk.get_by_label("Extend top by")
    desk.get_by_role("button", name="%", exact=True).click()
    top.fill("10")
    top.press("Enter")
    expect(desk.locator(f"{DESK} .size")).to_have_text(f"{180 + pulled} × 132")
    run(desk)
    after = saved(desk, tmp_path / "wide.png")
    assert after.shape == (132, 180 + pulled, 3)
    assert np.array_equal(after[12:, :180], np.asarray(Image.open(photo)))
    assert read_recipe(tmp_path / "wide.png").options["top"] == 12


def test_several_pictures_have_their_own_masks_or_one_for_all(desk: Page, photo: Path, tmp_path: Path) -> None:
    other = write_photo(tmp_path / "dog.png")
    bring(desk, photo, other)
    stroke(desk, (0.2, 0.2), (0.3, 0.2))
    do(desk, "all")
    desk.get_by_role("button", name="Show dog.png").click()
    desk.wait_for_function(f"({SHARE})() > 0")
    stroke(desk, (0.7, 0.8), (0.8, 0.8))
    desk.get_by_label("Keep this mask for the next photo").check()
    run(desk)
    saved_as = tmp_path / "all.zip"
    fetch(desk, "#inpaint-stage .download.second").save_as(saved_as)
    with zipfile.ZipFile(saved_as) as archive:
        archive.extractall(tmp_path / "all")
    before = np.asarray(Image.open(photo))
    for name, low in (("cat_filled.png", False), ("dog_filled.png", True)):
        changed = (np.asarray(Image.open(tmp_path / "all" / name)) != before).any(2)
        assert changed[20:28, 38:52].any() and changed[90:102, 128:142].any() == low, name
    desk.locator("#inpaint-drop input[type=file]").first.set_input_files(str(write_photo(tmp_path / "owl.png")))
    expect(desk.locator("#inpaint-stage .item")).to_have_count(3)
    tool(desk, "brush")
    desk.wait_for_function(f"({SHARE})() > 0.01")


def test_a_sample_can_be_tried_and_a_run_cancelled(desk: Page) -> None:
    desk.locator("#inpaint-samples .sample").first.click()
    ready(desk)
    stroke(desk, (0.3, 0.3), (0.7, 0.7))
    do(desk, "three")
    cancel = desk.locator("#inpaint-cancel")
    expect(cancel).to_be_visible()
    cancel.click()
    expect(desk.locator("#inpaint-run")).to_be_visible(timeout=5000)
    assert share(desk) > 0.01
    assert desk.locator(f"{DESK} .suggestion").count() < 3, "it stopped before the end"


def test_an_object_is_selected_dragged_and_pasted_and_taken_back(desk: Page, photo: Path, tmp_path: Path) -> None:
    pixels = np.full((120, 160, 3), 235, np.uint8)
    pixels[30:90, 50:110] = (40, 70, 200)
    Image.fromarray(pixels).save(tmp_path / "block.png")
    bring(desk, photo)
    desk.locator("#inpaint-objects button").first.click()
    panel = desk.locator("#inpaint-paste")
    panel.get_by_label("Choose the picture with the object").set_input_files(str(tmp_path / "block.png"))
    picture = panel.locator("canvas.object")
    expect(panel.locator("[data-do=paste]")).to_be_disabled()
    picture.scroll_into_view_if_needed()
    picture.click()
    ghost = desk.locator(f"{DESK} canvas.ghost")
    expect(ghost).to_be_visible(timeout=15_000)
    left = panel.get_by_label("From the left, in pixels")
    start = int(left.input_value())
    ghost.scroll_into_view_if_needed()
    box, seat = ghost.bounding_box(), desk.locator(f"{DESK} .layer img").first.bounding_box()
    assert box and seat
    desk.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    desk.mouse.down()
    desk.mouse.move(box["x"] + box["width"] / 2 - 0.2 * seat["width"], box["y"] + box["height"] / 2, steps=4)
    desk.mouse.up()
    placed = int(left.input_value())
    assert abs(start - 36 - placed) <= 2, "a fifth of 180 pixels"
    assert share(desk) == 0, "nothing was painted"
    panel.locator("[data-do=paste]").click()
    at_step(desk, 1, 1)
    expect(ghost).to_be_hidden()
    after, before = saved(desk, tmp_path / "out.png"), np.asarray(Image.open(photo))
    changed = (after != before).any(2)
    assert changed[40:80, placed + 8 : placed + 52].mean() > 0.9
    assert not changed[:, : placed - 3].any() and not changed[:, placed + 63 :].any()
    recipe = read_recipe(tmp_path / "out.png")
    assert (recipe.tool, recipe.options["foreground"], recipe.options["strength"]) == ("blend", "block.png", 1.0)
    size = panel.get_by_label("Height of the object, in percent of the picture's")
    size.fill("25")
    expect(ghost).to_be_visible()
    at_step(desk, 0, 1)
    panel.locator("[data-do=paste]").click()
    at_step(desk, 1, 1)
    smaller = (saved(desk, tmp_path / "small.png") != before).any(2)
    assert smaller.sum() < 0.5 * changed.sum()
    do(desk, "back")
    at_step(desk, 0, 1)


@pytest.mark.parametrize("page", [TOUCH], indirect=True)
def test_a_finger_paints_and_two_zoom_on_a_phone(desk: Page, photo: Path) -> None:
    bring(desk, photo)
    assert desk.evaluate("document.documentElement.scrollWidth") <= 390
    screen = desk.context.new_cdp_session(desk)

    def touch(kind: str, *points: tuple[float, float]) -> None:
        spots = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(points)]
        screen.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": spots})

    start, end = place(desk, 0.3, 0.4), place(desk, 0.6, 0.5)
    touch("touchStart", start)
    touch("touchMove", ((start[0] + end[0]) / 2, (start[1] + end[1]) / 2))
    touch("touchMove", end)
    touch("touchEnd")
    painted = share(desk)
    assert painted > 0.02
    readout = desk.locator(f"{DESK} .readout")
    before = readout.text_content()
    touch("touchStart", start)
    touch("touchStart", start, end)
    touch("touchMove", (start[0] - 40, start[1]), (end[0] + 40, end[1]))
    touch("touchEnd")
    assert share(desk) == painted, "two fingers do not paint"
    assert readout.text_content() != before
    run(desk)
    assert desk.evaluate("document.documentElement.scrollWidth") <= 390
    tool(desk, "extend")
    assert desk.evaluate("document.documentElement.scrollWidth") <= 390


def test_programs_can_fill_and_extend(studio: Studio, photo: Path, tmp_path: Path) -> None:
    client = Client(studio.address, verbose=False, download_files=str(tmp_path))
    plane = np.zeros((120, 180), np.uint8)
    plane[40:60, 50:90] = 255
    mask = tmp_path / "mask.png"
    Image.fromarray(plane).save(mask)
    sent = handle_file(str(photo))
    path, facts = client.predict(sent, mask=handle_file(str(mask)), format="webp", seed=1, api_name="/inpaint")
    assert Path(path).name == "cat_filled.webp"
    assert (facts["model"], facts["width"], facts["height"], facts["filled"]) == ("inpaint", 180, 120, 4.83)
    path, facts = client.predict(sent, left=20, bottom=10, api_name="/outpaint")
    assert (facts["width"], facts["height"]) == (200, 130) and Path(path).name == "cat_extended.png"
    for options, sentence in (
        ({}, "Send a mask"),
        ({"auto": "date"}, "No date found"),
        ({"auto": "text", "mask": sent}, "One of the two"),
    ):
        with pytest.raises(AppError, match=sentence):
            client.predict(sent, api_name="/inpaint", **options)
    with pytest.raises(AppError, match="Nothing to add"):
        client.predict(sent, api_name="/outpaint")
    thing = handle_file(str(mask))
    path, facts = client.predict(sent, object=thing, mask=thing, x=20, y=10, scale=0.5, api_name="/blend")
    assert (facts["model"], facts["width"]) == ("blend", 180) and Path(path).name == "cat_pasted.png"
    changed = (np.asarray(Image.open(path).convert("RGB")) != np.asarray(Image.open(photo))).any(2)
    assert changed[32:38, 48:62].all() and not changed[:28].any() and not changed[:, :43].any()
    with pytest.raises(AppError, match="send a mask"):
        client.predict(sent, object=sent, api_name="/blend")
