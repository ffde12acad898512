"""Tabs are found, not registered; a broken one does not take the page with it."""

from __future__ import annotations

from pathlib import Path

import gradio as gr
import pytest

from engines import Engines
from studio import BrokenTab, Tab, build_studio, find_tabs

GOOD = "from studio.tab import Tab\nTAB = Tab('Good', lambda engines, tab: None, order=1)\n"


@pytest.fixture(autouse=True)
def files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "files"))


def test_the_studio_has_its_tabs_in_order() -> None:
    tabs = find_tabs()
    titles = [tab.title for tab in tabs]
    assert (titles[0], titles[-1]) == ("Upscale", "Models")
    assert all(isinstance(tab, Tab) for tab in tabs)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("import a_package_that_is_not_there", "ModuleNotFoundError"),
        ("def broken(:", "SyntaxError"),
        ("x = 1", "AttributeError"),
        ("TAB = 'a word'", "not a studio.tab.Tab"),
    ],
)
def test_a_tab_that_cannot_be_imported_is_shown_as_broken(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "good.py").write_text(GOOD)
    (tmp_path / "very_bad.py").write_text(text)
    (tmp_path / "_helper.py").write_text("raise RuntimeError('not a tab')")
    good, bad = find_tabs(tmp_path)
    assert isinstance(good, Tab) and good.title == "Good"
    assert isinstance(bad, BrokenTab) and bad.title == "Very bad" and reason in bad.reason
    assert "\n" not in bad.reason


def test_a_tab_that_fails_half_built_leaves_nothing_behind(engines: Engines) -> None:
    def build(engines: Engines, tab: gr.Tab) -> None:
        gr.Button("half built", elem_id="half").click(lambda: None, api_name="secret")
        raise RuntimeError("no engine")

    def fine(engines: Engines, tab: gr.Tab) -> None:
        gr.Button("fine").click(lambda: None, api_name="fine")

    page = build_studio(engines, [Tab("Half", build, 1), Tab("Fine", fine, 2)])
    assert [event.api_name for event in page.fns.values()] == ["fine"]
    assert list(page.fns) == [0]
    ids = [block.elem_id for block in page.blocks.values()]
    assert "half" not in ids and len(page.blocks) > 0


def test_only_tools_are_public(engines: Engines) -> None:
    page = build_studio(engines)
    public = [event for event in page.fns.values() if event.api_visibility == "public"]
    names = [event.api_name for event in public]
    assert "upscale" in names and len(set(names)) == len(names)
    for event in public:  # a handler of the page that was left public has another name, or explains nothing
        assert event.fn.__name__ == event.api_name and "Args:" in event.fn.__doc__, event.api_name
