"""The studio's own controls: the same look and the same lossless transport in every tab.

Each is a `gr.HTML` drawn by one small script in `studio/web/`; its value is plain data (dicts, numbers).
Text reaches the page as text nodes, never as HTML, so a file's name cannot become code.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import gradio as gr

from engines import Engines
from engines.core.card import ModelCard
from studio.theme import WEB

QUIET: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}  # every event of the page
LIGHT: dict[str, Any] = {**QUIET, "concurrency_id": "light", "concurrency_limit": 8}  # reading, loading
WORK: dict[str, Any] = {**QUIET, "concurrency_id": "work", "concurrency_limit": 4}  # those that do work


def part(
    name: str,
    value: Any,
    *,
    elem_id: str | None = None,
    needs: Sequence[str] = (),
    server: Sequence[Callable[..., Any]] = (),
    **props: Any,
) -> gr.HTML:
    """A component drawn by `studio/web/<name>.js`; `needs` are scripts it builds upon."""
    script = "\n".join((WEB / f"{one}.js").read_text(encoding="utf-8") for one in (*needs, name))
    return gr.HTML(
        value,
        html_template="",
        js_on_load=script,
        apply_default_css=False,
        elem_id=elem_id,
        elem_classes=[f"part-{name}"],
        server_functions=list(server) or None,
        **props,
    )


def photo_in(elem_id: str) -> gr.File:
    """Where pictures are dropped. Files pasted or dropped anywhere else in the tab arrive here too (stage.js).

    Any file is let through: the engine's reader looks at the bytes and says in a sentence what is wrong.
    """
    return gr.File(
        label="Drop pictures here, paste them, or click to choose",
        file_count="multiple",
        type="filepath",
        show_label=False,
        height=220,
        elem_id=elem_id,
        elem_classes=["drop"],
    )


def stage(elem_id: str, drop: gr.File, value: dict[str, Any]) -> gr.HTML:
    """The pictures of a tab: viewer with before/after and zoom, progress, results, list of files."""
    return part("stage", value, elem_id=elem_id, needs=["viewer"], box=f"#{drop.elem_id}")


def samples(elem_id: str, pictures: list[dict[str, str]]) -> gr.HTML:
    """Buttons with pictures to try; event `pick` carries the file's name."""
    return part("samples", {"samples": pictures}, elem_id=elem_id)


def model_choices(engines: Engines, engine: str, chosen: str | None = None) -> dict[str, Any]:
    """The value of a model picker: all cards of one engine and which is chosen (else the first of role photo)."""
    cards = engines.catalogue.cards(engine=engine)
    ids = [card.id for card in cards]
    if chosen not in ids:
        chosen = next((card.id for card in cards if card.role), ids[0] if ids else None)
    return {"cards": [describe(engines, card) for card in cards], "chosen": chosen}


def describe(engines: Engines, card: ModelCard) -> dict[str, Any]:
    """What the page shows of a card."""
    return {
        "id": card.id,
        "title": card.title,
        "about": card.about,
        "role": card.role,
        "scale": card.scale,
        "licence": card.licence,
        "bytes": card.bytes,
        "local": engines.catalogue.is_local(card),
    }


def model_picker(elem_id: str, engines: Engines, engine: str) -> gr.HTML:
    """Photo, Drawing, Fast, and all others behind "More models"."""
    return part("picker", model_choices(engines, engine), elem_id=elem_id)


def factor(elem_id: str, value: float) -> gr.HTML:
    """How many times larger, 1 to 8."""
    return part("factor", value, elem_id=elem_id)


def slider(elem_id: str, label: str, value: float, info: str, *, visible: bool = True) -> gr.Slider:
    """An amount from 0 to 1."""
    return gr.Slider(0, 1, value, step=0.05, label=label, info=info, elem_id=elem_id, visible=visible)


def choice(elem_id: str, label: str, words: list[str], info: str) -> gr.Radio:
    """One of a few words, side by side; the first is chosen."""
    return gr.Radio(words, value=words[0], label=label, info=info, elem_id=elem_id, elem_classes=["segmented"])


def run_and_cancel(elem_id: str, words: str) -> tuple[gr.Button, gr.Button]:
    """Two buttons in one place: the work can be started, or it can be stopped."""
    with gr.Row(elem_classes=["run-row"]):
        run = gr.Button(words, variant="primary", size="lg", interactive=False, elem_id=f"{elem_id}-run")
        cancel = gr.Button("Cancel", size="lg", visible=False, elem_id=f"{elem_id}-cancel")
    return run, cancel


def buttons(working: bool, can_run: bool) -> tuple[dict[str, Any], dict[str, Any]]:
    """Updates of `run_and_cancel`'s two buttons."""
    run = gr.update(visible=not working, interactive=can_run and not working)
    return run, gr.update(visible=working)
