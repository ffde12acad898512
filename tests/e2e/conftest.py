"""One real server for the whole run, launched as app.py launches it, and pages that watch themselves.

A page fails its test at the end if the browser wrote an error to its console, a script threw, or anything was asked
of another machine.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from engines import Engines
from tests.e2e.steps import SWITCHES, Studio, make_photo

PATIENCE = 20_000  # ms that a step may take; the machine may have other things to do
BROKEN_TABS = {
    "no_import.py": "import a_package_that_is_not_there\n",
    "no_build.py": (
        "import gradio as gr\n"
        "from studio.tab import Tab\n"
        "def build(engines, tab):\n"
        "    gr.Button('half built').click(lambda: None)\n"
        "    raise RuntimeError('the engine of this tab is missing')\n"
        "TAB = Tab('Half', build, order=95)\n"
    ),
}


@pytest.fixture(scope="session")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    """The server, with two broken tabs beside the real ones."""
    place = tmp_path_factory.mktemp("studio")
    before = os.environ.get("GRADIO_TEMP_DIR")
    os.environ["GRADIO_TEMP_DIR"] = str(place / "files")
    from studio import build_studio, find_tabs
    from studio.serve import launch, launch_options, private_folder

    private_folder()
    tabs = place / "tabs"
    tabs.mkdir()
    for name, text in BROKEN_TABS.items():
        (tabs / name).write_text(text)
    engines = Engines(device="cpu", home=place / "home")
    page = build_studio(engines, [*find_tabs(), *find_tabs(tabs)])
    address = launch(page, launch_options("127.0.0.1", None, max_upload_mb=5), block=False)
    yield Studio(address.rstrip("/"), engines)
    page.close()
    if before is None:
        del os.environ["GRADIO_TEMP_DIR"]
    else:
        os.environ["GRADIO_TEMP_DIR"] = before


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Playwright's own Chromium where it is installed, else the system's."""
    with sync_playwright() as playwright:
        own = Path(playwright.chromium.executable_path)
        path = str(own) if own.exists() else "/usr/bin/chromium"
        chromium = playwright.chromium.launch(executable_path=path, args=SWITCHES)
        yield chromium
        chromium.close()


@pytest.fixture
def page(studio: Studio, browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    """The studio in a fresh browser session. Parametrise indirectly with (width, height, "light" or "dark")."""
    width, height, look = getattr(request, "param", (1280, 900, "light"))
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=look, accept_downloads=True)
    context.set_default_timeout(PATIENCE)
    expect.set_options(timeout=PATIENCE)
    opened = context.new_page()
    trouble: list[str] = []
    opened.on("console", lambda told: trouble.append(told.text) if told.type == "error" else None)
    opened.on("pageerror", lambda error: trouble.append(str(error)))
    opened.on("request", lambda asked: None if _here(asked.url, studio) else trouble.append(asked.url))
    opened.goto(studio.address)
    opened.wait_for_selector("#upscale-model .choice")
    yield opened
    context.close()
    assert trouble == []


def _here(url: str, studio: Studio) -> bool:
    return url.startswith((studio.address, "data:", "blob:"))


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A small picture with structure, called cat.png."""
    return make_photo(tmp_path / "cat.png", 48, 40)
