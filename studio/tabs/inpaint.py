"""The Inpaint tab: paint over it and it is gone; pull at a side and the picture goes on; objects are pasted in.

Also the API and MCP tools `inpaint`, `outpaint` and `blend`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr

from engines import Engines
from engines.core.errors import Cancelled, OptionError
from engines.core.job import Job
from engines.inpainting import MODEL
from studio import widgets
from studio.arriving import arrive
from studio.inpaint_api import inpaint_tool, outpaint_tool
from studio.inpaint_masks import Masks
from studio.inpaint_objects import Placed, blend_tool, look_at, paste_file, place_options
from studio.inpaint_steps import Sheet, begin_at, desk_item, sheets, take, with_fills
from studio.inpainting import FORMATS, Filled, Options, fill_file, fillers, panel_options
from studio.jobs import Stop, answer, handler
from studio.pictures import Shot, bundle, view
from studio.running import run_through, tell
from studio.sampler import sample_path, sample_pictures
from studio.tab import Tab
from studio.widgets import LIGHT, QUIET, WORK, buttons

Asked = dict[str, Any]  # what the desk wants done: verb, ids, count, edits and bases by id
SUGGESTIONS = 3
EMPTY: dict[str, Any] = {"items": [], "current": None}
LABELS = {"inpaint": "Fill", "outpaint": "Extend"}
DESK = (
    "mask",
    "frame",
    "hands",
    "tools",
    "finders",
    "runs",
    "results",
)  # scripts that studio/web/inpaint.js builds upon
START = "() => { window.Studio.inpaint?.(); return []; }"


class Room:
    """The handlers of one Inpaint tab. It keeps no person's data: that is in the session's list of sheets."""

    def __init__(self, engines: Engines) -> None:
        self.engines = engines

    def show(self, shots: list[Sheet], current: str | None) -> tuple[Any, ...]:
        """Session, stage, desk and the two buttons while nothing runs."""
        good = [shot for shot in shots if shot.width]
        ids = [shot.id for shot in good]
        chosen = current if current in ids else next(iter(ids[-1:]), None)
        stage = view(shots, archive=bundle(shots, "inpainted.zip"), current=chosen)
        desk = {"items": [desk_item(shot) for shot in good], "current": chosen}
        return shots, stage, desk, *buttons(working=False, can_run=bool(good))

    def add(self, paths: list[str] | None, shots: list[Sheet]) -> Iterator[tuple[Any, ...]]:
        """Pictures arrived. Each is read at once; one that cannot be says why and holds nothing up."""
        new = yield from arrive(paths, shots, (gr.skip(),) * 6)
        good = [shot for shot in new if not shot.error]
        yield (None, *self.show([*shots, *sheets(new)], good[0].id if good else None))

    def sample(self, shots: list[Sheet], event: gr.EventData) -> Iterator[tuple[Any, ...]]:
        """A sample was clicked: a copy of it joins the session."""
        yield from self.add([str(sample_path(str(event._data.get("name"))))], shots)

    def pick(self, shots: list[Sheet], event: gr.EventData) -> dict[str, Any]:
        """Another picture of the list goes onto the desk."""
        desk: dict[str, Any] = self.show(shots, str(event._data.get("id")))[2]
        return desk

    def remove(self, shots: list[Sheet], desk: dict[str, Any], event: gr.EventData) -> tuple[Any, ...]:
        """One picture leaves the session."""
        gone = event._data.get("id")
        return self.show([shot for shot in shots if shot.id != gone], desk.get("current"))

    def take(self, shots: list[Sheet], event: gr.EventData) -> tuple[Any, ...]:
        """Another suggestion is the one to keep."""
        chosen, number = event._data.get("id"), event._data.get("number")
        if not isinstance(number, int):
            raise OptionError("This suggestion is not here any more. Make new ones.")
        return self.show([take(shot, number) if shot.id == chosen else shot for shot in shots], str(chosen))

    def verb(self, event: gr.EventData) -> Any:
        """What the button does was changed on the desk."""
        return gr.update(value=LABELS.get(str(event._data.get("verb")), LABELS["inpaint"]))

    def cancel(self, stop: Stop | None) -> None:
        """Cancel: what is done stays. The run itself tidies the page."""
        if stop:
            stop.press()

    def begin(self, event: gr.EventData) -> tuple[Any, ...]:
        """The desk wants a run: say so at once, even if others keep the studio busy."""
        return Stop(), dict(event._data), *buttons(working=True, can_run=True)

    def run(self, stop: Stop, asked: Asked, shots: list[Sheet], *panel: Any) -> Iterator[tuple[Any, ...]]:
        """Fill or extend what was asked for and is not there yet; one that fails does not stop the rest."""
        before, current = list(shots), str(asked.get("current"))
        try:
            begun, options = self.plan(asked, shots, panel)
        except Exception:
            yield self.show(before, current)
            raise
        todo = [i for i, shot in enumerate(begun) if shot.id in options]
        if not todo:
            gr.Info("This is done with these settings already. Try another gives a different fill.")
        count = SUGGESTIONS if asked.get("count") == SUGGESTIONS else 1
        fills: dict[str, list[Filled]] = {}

        def work(shot: Shot, job: Job) -> Filled:
            done = fills.setdefault(shot.id, [])
            for number in range(count):
                one = options[shot.id]
                part = job.part(number / count, (number + 1) / count)
                chosen = replace(one, seed=one.seed + number)
                source = Path(shot.path)
                if isinstance(chosen, Placed):
                    done.append(paste_file(self.engines, source, shot.name, options=chosen, job=part))
                else:
                    done.append(fill_file(self.engines, source, shot.name, options=chosen, job=part))
            return done[0]

        worked: list[Shot] = list(begun)
        with suppress(Cancelled):
            yield from run_through(worked, todo, work, stop)
        after = [self.settle(old, new, result, fills) for old, new, result in zip(before, begun, worked, strict=True)]
        yield self.show(after, current)
        tell(worked, todo)

    def plan(self, asked: Asked, shots: list[Sheet], panel: tuple[Any, ...]) -> tuple[list[Sheet], dict[str, Options]]:
        """The sheets at the states where their runs begin, and what each is to be made with."""
        edits, bases, ids = asked.get("edits"), asked.get("bases"), asked.get("ids")
        if not (isinstance(edits, dict) and isinstance(bases, dict) and isinstance(ids, list)):
            raise OptionError("These settings cannot be read. Load the page again.")
        begun, options = list(shots), {}
        for i, shot in enumerate(shots):
            if shot.id not in ids or not shot.width:
                continue
            edit = edits.get(shot.id) or {}
            verb = asked.get("verb")
            placed = place_options(panel, edit) if verb == "blend" else None
            chosen = placed or panel_options(panel, edit, verb, engines=self.engines)
            sheet = begin_at(shot, str(bases.get(shot.id) or ""))
            if not sheet.made_by(chosen.key) or asked.get("count") == SUGGESTIONS:
                begun[i], options[shot.id] = sheet, chosen
        return begun, options

    def settle(self, old: Sheet, begun: Sheet, worked: Shot, fills: dict[str, list[Filled]]) -> Sheet:
        """One picture after a run. What did not work leaves it as it was."""
        done = fills.get(old.id)
        if done:
            return with_fills(begun, done)
        return replace(old, error=worked.error) if old.id in fills else old


def build(engines: Engines, tab: gr.Tab) -> None:
    """Draw the tab and wire it."""
    room, masks = Room(engines), Masks(engines)

    def keep(asked: dict[str, Any]) -> dict[str, Any]:
        """A mask before a run."""
        return masks.keep(asked)

    def select(asked: dict[str, Any]) -> dict[str, Any]:
        """A click on an object."""
        return masks.select(asked)

    def find(asked: dict[str, Any]) -> dict[str, Any]:
        """Scratches, text, a date."""
        return masks.find(asked)

    def look(asked: dict[str, Any]) -> dict[str, Any]:
        """The picture an object is in."""
        return look_at(asked)

    shots, stop, asked = gr.State([]), gr.State(None), gr.State({})
    with gr.Row(elem_classes=["room"], equal_height=False):
        with gr.Column(elem_classes=["floor"], scale=3, min_width=320):
            with gr.Column(elem_classes=["empty"]):
                drop = widgets.photo_in("inpaint-drop")
                samples = widgets.samples("inpaint-samples", sample_pictures())
            stage = widgets.stage("inpaint-stage", drop, view([]))
            desk = widgets.part(
                "inpaint",
                EMPTY,
                elem_id="inpaint-desk",
                needs=["viewer", *(f"inpaint-{part}" for part in DESK)],
                server=[keep, select, find],
            )
        with gr.Column(elem_classes=["controls"], scale=1, min_width=300):
            expand = pixels("expand", "Grow the mask", -64, 4, "pixels; takes soft edges and shadows along")
            feather = pixels("feather", "Soft edge", 0, 2, "pixels around the mask")
            detail = widgets.slider(
                "inpaint-detail", "Detail", 1.0, "0: the network's own, softer fill; 1: laid of what is around it"
            )
            with gr.Accordion("Paste an object", open=False, elem_id="inpaint-objects"):
                widgets.part("paste", {}, elem_id="inpaint-paste", server=[look, select, keep])
            with gr.Accordion("Model", open=False, elem_id="inpaint-models"):
                model = gr.Dropdown(
                    choices=models(engines), value=MODEL, label="Model", show_label=False, elem_id="inpaint-model"
                )
            kind = widgets.choice("inpaint-format", "Save as", list(FORMATS), "PNG and WebP lose nothing")
            run, cancel = widgets.run_and_cancel("inpaint", LABELS["inpaint"])
    page = [shots, stage, desk, run, cancel]
    drop.upload(handler(room.add), [drop, shots], [drop, *page], **LIGHT)
    samples.pick(handler(room.sample), shots, [drop, *page], **LIGHT)
    stage.pick(answer(room.pick), shots, desk, queue=False, **QUIET)
    stage.remove(answer(room.remove), [shots, desk], page, queue=False, **QUIET)
    stage.clear(lambda: ([], view([]), EMPTY, *buttons(False, False)), None, page, queue=False, **QUIET)
    desk.take(answer(room.take), shots, page, queue=False, **QUIET)
    desk.verb(answer(room.verb), None, run, queue=False, **QUIET)
    run.click(None, None, None, js=START, **QUIET)  # the desk sends its masks first, then asks to go
    begun = desk.go(answer(room.begin), None, [stop, asked, run, cancel], queue=False, **QUIET)
    begun.success(handler(room.run), [stop, asked, shots, expand, feather, detail, model, kind], page, **WORK)
    cancel.click(answer(room.cancel), stop, None, queue=False, **QUIET)
    for tool in (inpaint_tool(engines), outpaint_tool(engines), blend_tool(engines)):
        gr.api(  # type: ignore[attr-defined]
            tool, api_name=tool.__name__, concurrency_id="work", concurrency_limit=4
        )


def models(engines: Engines) -> list[tuple[str, str]]:
    """The networks to choose from, as a title and an id; what has to be downloaded says how much that is."""
    found = []
    for card in fillers(engines):
        away = "" if engines.catalogue.is_local(card) else f" · downloads {card.bytes / 1e6:.0f} MB once"
        found.append((f"{card.title}{away}", card.id))
    return found


def pixels(name: str, label: str, low: int, value: int, info: str) -> gr.Slider:
    """A slider in pixels of the picture."""
    return gr.Slider(low, 64, value, step=1, label=label, info=info, elem_id=f"inpaint-{name}")


TAB = Tab("Inpaint", build, order=25)
