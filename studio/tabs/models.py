"""The Models tab: what the studio works with, what each may be used for, and how to bring one's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr

from engines import Engines, find_engines
from engines.core.card import ModelCard
from engines.core.job import Job, Progress
from studio import widgets
from studio.jobs import answer, follow, handler
from studio.pictures import uploaded
from studio.tab import Tab
from studio.widgets import LIGHT, QUIET

SOURCES = {
    "bundled": "comes with the studio",
    "package": "comes with the studio",
    "hub": "from Hugging Face",
    "web": "from its makers",
    "own": "yours",
}


def describe(engines: Engines, card: ModelCard) -> dict[str, Any]:
    """Everything the page shows of a card."""
    resident = [one for one in engines.residency.resident() if one.card_id == card.id]
    return {
        **widgets.describe(engines, card),
        "engine": card.engine.replace("_", " "),
        "licence_url": card.licence_url if card.licence_url.startswith("https://") else "",
        "architecture": card.architecture,
        "parameters": card.parameters,
        "trained_on": card.trained_on,
        "source": SOURCES.get(card.source.kind, card.source.kind),
        "own": card.source.kind == "own",
        "resident": {"bytes": sum(one.bytes for one in resident), "precision": resident[0].precision}
        if resident
        else None,
    }


def shelf(engines: Engines, work: dict[str, Any] | None = None) -> dict[str, Any]:
    """The value of the grid of cards. work: {id, message, fraction} of the card that is being loaded."""
    usable = {kind.name for kind in find_engines()}  # a card whose engine is not built yet helps nobody
    cards = [describe(engines, card) for card in engines.catalogue.cards() if card.engine in usable]
    return {"cards": cards, "work": work, "own": engines.own_models, "broken": list(engines.catalogue.broken)}


class Shelf:
    """The handlers of the Models tab."""

    def __init__(self, engines: Engines) -> None:
        self.engines = engines

    def show(self) -> dict[str, Any]:
        """The cards as they are now."""
        return shelf(self.engines)

    def load(self, event: gr.EventData) -> Iterator[dict[str, Any]]:
        """Bring a model into memory, downloading it first if it is not here."""
        card = self.engines.catalogue[str(event._data.get("id"))]
        try:
            yield from self._work(card.id, lambda job: self.engines.residency.load(card, job=job))
        except Exception:  # the toast follows; the card must not stay "loading"
            yield self.show()
            raise
        yield self.show()

    def unload(self, event: gr.EventData) -> Iterator[dict[str, Any]]:
        """Let a model leave memory."""
        self.engines.residency.unload(str(event._data.get("id")))
        yield self.show()

    def remove(self, event: gr.EventData) -> Iterator[dict[str, Any]]:
        """Delete a model the person brought."""
        card_id = str(event._data.get("id"))
        self.engines.residency.unload(card_id)
        self.engines.catalogue.remove_own(card_id)
        yield self.show()

    def add(self, path: str | None) -> Iterator[dict[str, Any]]:
        """A model file arrived: recognise it, try it, keep it."""
        file = uploaded(path)
        try:
            card = yield from self._work("", lambda job: self.engines.catalogue.add_own(file, job=job))
        except Exception:
            yield self.show()
            raise
        finally:
            file.unlink(missing_ok=True)  # the catalogue keeps its own copy
        gr.Info(f"{card.title} is ready. Choose it in the Upscale tab under More models.")
        yield self.show()

    def _work(self, card_id: str, work: Callable[[Job], Any]) -> Any:
        def look(now: Progress) -> dict[str, Any]:
            work = {"id": card_id, "message": now.message, "fraction": round(now.fraction, 3)}
            return shelf(self.engines, work)

        return follow(work, look)


def build(engines: Engines, tab: gr.Tab) -> None:
    """Draw the tab and wire it."""
    room = Shelf(engines)
    with gr.Row(elem_classes=["shelf-head"]):
        widgets.part("intro", {"own": engines.own_models})
        add = gr.UploadButton(
            "Bring your own model",
            file_types=[".safetensors", ".pth"],
            type="filepath",
            variant="secondary",
            size="md",
            visible=engines.own_models,
            elem_id="models-add",
        )
    cards = widgets.part("cards", shelf(engines), elem_id="models-cards")
    tab.select(answer(room.show), None, cards, queue=False, **QUIET)
    cards.fetch(handler(room.load), None, cards, **LIGHT)
    cards.free(handler(room.unload), None, cards, **LIGHT)
    cards.forget(handler(room.remove), None, cards, **LIGHT)
    add.upload(handler(room.add), add, cards, **LIGHT)


TAB = Tab("Models", build, order=90)
