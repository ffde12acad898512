"""How long a slider of the Faces tab takes to show, in Chromium.

    python -m tests.bench.faces_page [--photo FILE] [--users 1 10] [--model faces-128]

A mouse drags a slider for three seconds over a real server. Measured from the slider's event to the frame on the
canvas; `engine` is the part of it that the engine took. With more than one user the others drag at the same time: they
ask the engine for frames as a page does, the next one when the last has come, without browsers of their own, which
would keep the cores busier than the studio does.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import shutil
import statistics
import sys
import tempfile
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

from engines import Engines
from engines.core.card import read_card, write_card
from engines.face_editing import FaceEditing
from engines.faces.newcomers import MODEL
from tests.e2e.steps import SWITCHES

SHIPPED = Path(__file__).parents[2] / "assets" / "models"
SLIDER = "#faces [data-slider=smile]"
LISTEN = """() => {
  window.took = []; window.asked = 0;
  document.querySelector("#faces .faces").addEventListener("drawn", (event) => took.push(event.detail));
  document.querySelector("#faces [data-slider=smile]").addEventListener("input", () => asked++);
}"""


def drag(page: Page, seconds: float = 3.0) -> dict[str, Any]:
    """To and fro at 40 events a second."""
    page.evaluate(LISTEN)
    box = page.locator(SLIDER).bounding_box()
    assert box
    x, y, width = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, box["width"]
    page.mouse.move(x, y)
    page.mouse.down()
    begun = time.perf_counter()
    while (passed := time.perf_counter() - begun) < seconds:
        page.mouse.move(x + 0.4 * width * math.sin(3 * passed), y)
        time.sleep(0.025)
    took, asked = page.evaluate("took"), page.evaluate("asked")
    page.mouse.up()
    whole, engine = ([frame[key] for frame in took] for key in ("ms", "engine"))
    return {
        "events": asked,
        "frames_per_second": round(len(took) / seconds, 1),
        "median_ms": round(statistics.median(whole), 1),
        "p95_ms": round(sorted(whole)[int(0.95 * len(whole))], 1),
        "engine_median_ms": round(statistics.median(engine), 1),
    }


def cards_with(model: str, folder: Path) -> Path | None:
    """The shipped cards with this generator in the place of the page's own; None where it is that."""
    if model == MODEL:
        return None
    shutil.copytree(SHIPPED, folder, ignore=shutil.ignore_patterns(f"{MODEL}.toml", f"{model}.toml"))
    card = read_card(SHIPPED / f"{model}.toml")
    write_card(replace(card, id=MODEL, companions={"encoder": f"{model}-encoder"}), folder / f"{MODEL}.toml")
    return folder


def others(faces: FaceEditing, count: int, stop: threading.Event) -> list[threading.Thread]:
    """Users who drag without a browser."""

    def one(seed: int) -> None:
        who, frame = faces.latents(seed), 0
        while not stop.is_set():
            faces.render(who, {"smile": math.sin(frame / 8)})
            frame += 1
            time.sleep(0.02)  # the way there and back, and drawing

    threads = [threading.Thread(target=one, args=(seed,), daemon=True) for seed in range(count)]
    for thread in threads:
        thread.start()
    return threads


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photo", type=Path, help="drag on this photo's face, tuned; default: a new face")
    parser.add_argument("--users", type=int, nargs="+", default=[1, 10])
    parser.add_argument("--model", default=MODEL, help="a generator of faces (default %(default)s)")
    given = parser.parse_args()
    place = tempfile.mkdtemp()
    os.environ["GRADIO_TEMP_DIR"] = f"{place}/files"
    from studio import build_studio, find_tabs
    from studio.serve import launch, launch_options, private_folder

    private_folder()
    engines = Engines("cpu", home=Path(place) / "home", cards=cards_with(given.model, Path(place) / "cards"))
    studio = build_studio(engines, find_tabs())
    address = launch(studio, launch_options("127.0.0.1", None, max_upload_mb=50), block=False)
    result = {}
    with sync_playwright() as playwright:
        own = Path(playwright.chromium.executable_path)
        path = str(own) if own.exists() else "/usr/bin/chromium"
        browser = playwright.chromium.launch(executable_path=path, args=SWITCHES)
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(90_000)
        page.goto(f"{address}?tool=faces")
        if given.photo:
            page.locator("#faces .dropzone input").set_input_files(given.photo)
            page.locator("#faces .message", has_text="Learning this one face").wait_for()
            page.locator("#faces .working").wait_for(state="hidden")
        else:
            page.get_by_role("button", name="A new face").click()
            page.locator("#faces .sheet button").first.click()
        page.locator("#faces canvas.canvas").wait_for()
        page.wait_for_timeout(2000)
        for users in given.users:
            stop = threading.Event()
            crowd = others(engines[FaceEditing], users - 1, stop)
            page.wait_for_timeout(500)
            result[f"{users} users"] = drag(page)
            stop.set()
            for thread in crowd:
                thread.join()
        browser.close()
    studio.close()
    print(json.dumps(result, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
