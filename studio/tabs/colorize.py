"""The Colorize tab: greyscale photos in, the same photos in colour out. Also the API and MCP tool `colorize`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from engines import Engines
from engines.core.errors import Cancelled
from engines.core.job import Job
from studio import widgets
from studio.arriving import arrive
from studio.colorize_looks import Looks
from studio.colorizing import ENGINE, FORMATS, MODEL, Options, api, colorize_file, panel_options
from studio.jobs import Stop, answer, handler
from studio.pictures import Outcome, Shot, bundle, read_shots, uploaded, view
from studio.running import run_through, tell
from studio.sampler import sample_path, sample_pictures
from studio.tab import Tab
from studio.widgets import LIGHT, QUIET, WORK, buttons

Desk = dict[str, Any]  # items, current, edits, reference, model: see studio/web/colorize.js
EMPTY: Desk = {"items": [], "current": None, "edits": {}, "reference": None, "model": MODEL}


class Room:
    """The handlers of one Colorize tab. It keeps no person's data: that is in the session's list of shots."""

    def __init__(self, engines: Engines) -> None:
        self.engines = engines

    def show(
        self, shots: list[Shot], desk: Desk, current: str | None = None, ran: dict[str, Any] | None = None
    ) -> tuple[Any, ...]:
        """Session, stage, desk and the two buttons while nothing runs.

        ran: a run ended, and `desk` is the desk of its beginning; the page keeps what a person did there meanwhile.
        """
        good = [shot for shot in shots if shot.width]
        ids = [shot.id for shot in good]
        chosen = next((id for id in (current, desk.get("current"), *ids[-1:]) if id in ids), None)
        stage = view(shots, archive=bundle(shots, "coloured.zip"), current=None if ran else chosen)
        edits = desk.get("edits")
        edits = {id: edit for id, edit in edits.items() if id in ids} if isinstance(edits, dict) else {}
        items = [desk_item(shot) for shot in good]
        kept = {name: desk.get(name) for name in ("reference", "model")}
        new = {"items": items, "current": chosen, "edits": edits, **kept, **({"ran": ran} if ran else {})}
        return shots, stage, new, *buttons(working=False, can_run=bool(good))

    def add(self, paths: list[str] | None, shots: list[Shot], desk: Desk) -> Iterator[tuple[Any, ...]]:
        """Pictures arrived. Each is read at once; one that cannot be says why and holds nothing up."""
        new = yield from arrive(paths, shots, (gr.skip(),) * 6)
        good = [shot for shot in new if not shot.error]
        yield (None, *self.show([*shots, *new], desk, current=good[0].id if good else None))

    def sample(self, shots: list[Shot], desk: Desk, event: gr.EventData) -> Iterator[tuple[Any, ...]]:
        """A sample was clicked: a copy of it joins the session."""
        path = sample_path(str(event._data.get("name")))
        yield from self.add([str(path)], shots, desk)

    def pick(self, shots: list[Shot], desk: Desk, event: gr.EventData) -> Desk:
        """Another picture of the list goes onto the desk."""
        new: Desk = self.show(shots, desk, current=str(event._data.get("id")))[2]
        return new

    def remove(self, shots: list[Shot], desk: Desk, event: gr.EventData) -> tuple[Any, ...]:
        """One picture leaves the session."""
        gone = event._data.get("id")
        return self.show([shot for shot in shots if shot.id != gone], desk)

    def reference(self, path: str | None, desk: Desk) -> Desk:
        """A picture to take the colours from came or went."""
        if not path:
            return {**desk, "reference": None}
        found = uploaded(path)
        shot = read_shots([found], Job())[0]
        if shot.error:
            raise gr.Error(shot.error, print_exception=False)
        return {**desk, "reference": {"path": str(found), "name": shot.name}}

    def model(self, model: str, desk: Desk) -> Desk:
        """Another network was chosen."""
        return {**desk, "model": self.engines.catalogue[str(model)].id}

    def clear(self, desk: Desk) -> tuple[Any, ...]:
        """Start over; the panel stays as it is."""
        return self.show([], {**EMPTY, "reference": desk.get("reference"), "model": desk.get("model")})

    def cancel(self, stop: Stop | None) -> None:
        """Cancel: what is done stays. The run itself tidies the page."""
        if stop:
            stop.press()

    def begin(self) -> tuple[Any, ...]:
        """Run was pressed: say so at once, even if others keep the studio busy."""
        return Stop(), *buttons(working=True, can_run=True)

    def run(self, stop: Stop, shots: list[Shot], desk: Desk, *panel: Any) -> Iterator[tuple[Any, ...]]:
        """Colour what these options have not made yet; one that fails does not stop the rest."""
        options = {shot.id: self.options(shot, desk, panel) for shot in shots if shot.width}
        todo = [i for i, shot in enumerate(shots) if shot.width and not shot.made_by(options[shot.id].key)]
        if not todo:
            gr.Info("These pictures are done with these settings already.")
        shots = list(shots)

        def work(shot: Shot, job: Job) -> Outcome:
            return colorize_file(self.engines, Path(shot.path), shot.name, options=options[shot.id], job=job)

        try:
            yield from run_through(shots, todo, work, stop)
        except Cancelled:
            yield self.show(shots, desk, ran=made_with(shots, options, panel))
            return
        yield self.show(shots, desk, ran=made_with(shots, options, panel))
        tell(shots, todo)

    def options(self, shot: Shot, desk: Desk, panel: tuple[Any, ...]) -> Options:
        """The panel's values and what was done to this picture on the desk."""
        edits, reference = desk.get("edits") or {}, desk.get("reference") or {}
        edit = edits.get(shot.id) or {}
        size, model = (shot.width, shot.height), str(desk.get("model") or MODEL)
        return panel_options(panel, edit, str(reference.get("path") or ""), size, model=model)


def made_with(shots: list[Shot], options: dict[str, Options], panel: tuple[Any, ...]) -> dict[str, Any]:
    """The mark of a run's last value: which results these options made, and the panel as the desk reads it."""
    *amounts, palette, clean = panel[:7]
    done = [shot.id for shot in shots if shot.id in options and shot.made_by(options[shot.id].key)]
    return {"panel": [*map(float, amounts), str(palette or ""), bool(clean)], "done": done}


def desk_item(shot: Shot) -> dict[str, Any]:
    """What the desk needs to know of a picture."""
    out = shot.outcome
    return {
        "id": shot.id,
        "path": shot.path,
        "before": shot.before,
        "name": shot.name,
        "width": shot.width,
        "height": shot.height,
        "result": out.view if out else None,
        "file": {"path": out.path, "name": out.name} if out else None,
    }


def build(engines: Engines, tab: gr.Tab) -> None:
    """Draw the tab and wire it."""
    room, looks = Room(engines), Looks(engines)

    def look(asked: dict[str, Any]) -> dict[str, Any]:
        """Asked for by the desk while a hint or a slider moves."""
        return looks.look(asked)

    def choices(asked: dict[str, Any]) -> dict[str, Any]:
        """Three suggestions."""
        return looks.choices(asked)

    shots, stop = gr.State([]), gr.State(None)
    with gr.Row(elem_classes=["room"], equal_height=False):
        with gr.Column(elem_classes=["floor"], scale=3, min_width=320):
            with gr.Column(elem_classes=["empty"]):
                drop = widgets.photo_in("colorize-drop")
                samples = widgets.samples("colorize-samples", sample_pictures())
            stage = widgets.stage("colorize-stage", drop, view([]))
            desk = widgets.part("colorize", EMPTY, elem_id="colorize-desk", needs=["viewer"], server=[look, choices])
        with gr.Column(elem_classes=["controls"], scale=1, min_width=300):
            strength = widgets.slider("colorize-strength", "Strength", 1.0, "0 leaves the picture as it came")
            saturation = amount("saturation", "Saturation", 0, 2, 1.0, "how strong the colours are")
            warmth = amount("warmth", "Warmth", -1, 1, 0.0, "below 0 is cooler")
            balance = amount("balance", "White balance", 0, 1, 0.0, "takes out a cast that all colours have")
            repair = amount("repair", "Fading repair", 0, 1, 0.0, "stretches faded blacks and whites")
            clean = gr.Checkbox(
                False,
                label="Clean up dust and scratches",
                info="thin straight scratches and specks; may take a wire or a light in an eye for one",
                elem_id="colorize-clean",
            )
            with gr.Accordion("Palette and reference", open=False):
                palette = gr.Textbox(
                    label="Palette",
                    info="up to seven colours: #7a9bd1 #c9a27a",
                    elem_id="colorize-palette",
                    max_lines=1,
                )
                reference = gr.File(
                    label="Colours of another picture", type="filepath", height=48, elem_id="colorize-ref"
                )
            with gr.Accordion("Model", open=False, elem_id="colorize-models"):
                model = gr.Dropdown(
                    choices=models(engines), value=MODEL, label="Model", show_label=False, elem_id="colorize-model"
                )
            kind = widgets.choice("colorize-format", "Save as", list(FORMATS), "PNG and WebP lose nothing")
            run, cancel = widgets.run_and_cancel("colorize", "Colorize")
    page = [shots, stage, desk, run, cancel]
    drop.upload(handler(room.add), [drop, shots, desk], [drop, *page], **LIGHT)
    samples.pick(handler(room.sample), [shots, desk], [drop, *page], **LIGHT)
    stage.pick(answer(room.pick), [shots, desk], desk, queue=False, **QUIET)
    stage.remove(answer(room.remove), [shots, desk], page, queue=False, **QUIET)
    stage.clear(answer(room.clear), desk, page, queue=False, **QUIET)
    for event in (reference.upload, reference.clear):
        event(answer(room.reference), [reference, desk], desk, queue=False, **QUIET)
    model.input(answer(room.model), [model, desk], desk, queue=False, **QUIET)
    panel = [shots, desk, strength, saturation, warmth, balance, repair, palette, clean, kind]
    begun = run.click(answer(room.begin), None, [stop, run, cancel], queue=False, **QUIET)
    begun.success(handler(room.run), [stop, *panel], page, **WORK)
    cancel.click(answer(room.cancel), stop, None, queue=False, **QUIET)
    gr.api(  # type: ignore[attr-defined]
        api(engines), api_name="colorize", concurrency_id="work", concurrency_limit=4
    )


def models(engines: Engines) -> list[tuple[str, str]]:
    """The networks to choose from, as a title and an id; what has to be downloaded says how much that is."""
    found = []
    for card in engines.catalogue.cards(engine=ENGINE):
        away = "" if engines.catalogue.is_local(card) else f" · downloads {card.bytes / 1e6:.0f} MB once"
        found.append((f"{card.title}{away}", card.id))
    return found


def amount(name: str, label: str, low: float, high: float, value: float, info: str) -> gr.Slider:
    """A slider with bounds of its own."""
    return gr.Slider(low, high, value, step=0.05, label=label, info=info, elem_id=f"colorize-{name}")


TAB = Tab("Colorize", build, order=20)
