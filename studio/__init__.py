"""The web page of GAN Studio, and the only place that imports gradio. It never imports torch.

    page = build_studio(Engines())

A tab is one file in `studio/tabs/`; it is found, not registered. One that fails is shown as broken, the rest live.
"""

from __future__ import annotations

import importlib.util
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from engines import Engines
from studio.jobs import explain
from studio.tab import BrokenTab, Tab
from studio.widgets import part

__all__ = ["BrokenTab", "Tab", "build_studio", "find_tabs"]

TABS = Path(__file__).parent / "tabs"
log = logging.getLogger("studio")


def find_tabs(*folders: Path) -> list[Tab | BrokenTab]:
    """The tabs in these folders (default: `studio/tabs`), in the order to show them."""
    files = [path for folder in folders or (TABS,) for path in sorted(folder.glob("*.py"))]
    found = [_import_tab(path) for path in files if not path.name.startswith("_")]
    return sorted(found, key=lambda tab: (tab.order, tab.title))


def _import_tab(path: Path) -> Tab | BrokenTab:
    title = path.stem.replace("_", " ").capitalize()
    name = f"studio.tabs.{path.stem}"
    try:
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec and spec.loader
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
        tab = module.TAB
    except Exception as error:
        sys.modules.pop(name, None)
        return BrokenTab(title, _reason(error))
    return tab if isinstance(tab, Tab) else BrokenTab(title, "its TAB is not a studio.tab.Tab")


def _reason(error: Exception) -> str:
    """One line for the page; the whole story goes to the log."""
    log.error("a tab is broken", exc_info=error)
    return f"{type(error).__name__}: {error}".splitlines()[0][:200]


def build_studio(engines: Engines, tabs: Sequence[Tab | BrokenTab] | None = None) -> gr.Blocks:
    """The whole page: a header with the state of the studio, and the tabs below it."""
    page = gr.Blocks(title="GAN Studio", analytics_enabled=False, fill_width=True)
    with page:
        _header(engines)
        with gr.Tabs(elem_id="rooms"):
            for tab in find_tabs() if tabs is None else tabs:
                with gr.Tab(tab.title, id=tab.title.lower()) as shown:
                    _draw(tab, engines, shown, page)
    return page


def _draw(tab: Tab | BrokenTab, engines: Engines, shown: gr.Tab, page: gr.Blocks) -> None:
    if isinstance(tab, Tab):
        config = page.default_config
        blocks, first = set(config.blocks), config.fn_id
        try:
            with gr.Column(elem_classes=["tab"]) as content:
                tab.build(engines, shown)
            return
        except Exception as error:
            content.unrender()
            # A half-built tab must not answer to anybody, over the API either, and the browser waits for parts that
            # are listed but not in the layout. Events are numbered without gaps.
            for block in set(config.blocks) - blocks:
                del config.blocks[block]
            for event in [event for event in config.fns if event >= first]:
                del config.fns[event]
            config.fn_id = first
            tab = BrokenTab(tab.title, _reason(error))
    part("broken", {"title": tab.title, "reason": tab.reason})


def _header(engines: Engines) -> None:
    def studio_state(_: Any = None) -> dict[str, Any]:
        """What the header shows; asked for every few seconds, so it only reads counters."""
        try:
            return _state(engines)
        except Exception as error:  # the page lives on without its header
            return {"error": explain(error)}

    part("header", _state(engines), elem_id="header", server=[studio_state])


def _state(engines: Engines) -> dict[str, Any]:
    residency = engines.residency
    resident = residency.resident()
    waiting = residency.waiting
    return {
        "device": engines.device.describe(),
        "version": engines.version,
        "models": len(resident),
        "titles": [f"{one.title} · {one.precision}" for one in resident],
        "used": sum(one.bytes for one in resident),
        "budget": residency.budget_bytes,
        "running": int(residency.busy),
        "waiting": waiting,
    }
