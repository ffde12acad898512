"""The Upscale tab: photos in, larger and sharper photos out. Also the API and MCP tool `upscale`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from engines import Engines
from engines.core.errors import Cancelled, OptionError
from engines.core.job import Job
from studio import widgets
from studio.arriving import arrive
from studio.jobs import Stop, answer, handler
from studio.pictures import Outcome, Shot, bundle, view
from studio.running import run_through, tell
from studio.sampler import sample_path, sample_pictures
from studio.tab import Tab
from studio.upscaling import ENGINE, FORMATS, NOTHING, Options, api, target_size, upscale_file
from studio.widgets import LIGHT, QUIET, WORK, buttons


class Room:
    """The handlers of one Upscale tab. It keeps no person's data: that is in the session's list of shots."""

    def __init__(self, engines: Engines) -> None:
        self.engines = engines

    def options(self, models: dict[str, Any], scale: float, strength: float, denoise: float, kind: str) -> Options:
        """The panel's values, checked: a client may send anything."""
        card = self.engines.catalogue[str(models.get("chosen"))]
        if not 1 <= float(scale) <= 8:
            raise OptionError("Enlarge by 1 to 8 times.")
        return Options(
            model=card.id,
            scale=float(scale),
            strength=float(strength),
            denoise=float(denoise) if card.denoise else None,
            suffix=FORMATS.get(kind, ".png"),
        )

    def show(self, shots: list[Shot], scale: float, current: str | None = None) -> tuple[Any, ...]:
        """Session, stage, size line and the two buttons while nothing runs."""
        stage = view(shots, archive=bundle(shots, "upscaled.zip"), current=current)
        run, cancel = buttons(working=False, can_run=any(shot.width for shot in shots))
        return shots, stage, target_size(self.engines, shots, scale), run, cancel

    def add(self, paths: list[str] | None, shots: list[Shot], scale: float) -> Iterator[tuple[Any, ...]]:
        """Pictures arrived. Each is read at once; one that cannot be says why and holds nothing up."""
        new = yield from arrive(paths, shots, (gr.skip(),) * 6)
        good = [shot for shot in new if not shot.error]
        yield (None, *self.show([*shots, *new], scale, current=good[0].id if good else None))

    def sample(self, shots: list[Shot], scale: float, event: gr.EventData) -> Iterator[tuple[Any, ...]]:
        """A sample was clicked: a copy of it joins the session."""
        path = sample_path(str(event._data.get("name")))
        yield from self.add([str(path)], shots, scale)

    def remove(self, shots: list[Shot], scale: float, event: gr.EventData) -> tuple[Any, ...]:
        """One picture leaves the session."""
        gone = event._data.get("id")
        return self.show([shot for shot in shots if shot.id != gone], scale)

    def cancel(self, stop: Stop | None) -> None:
        """Cancel: what is done stays, what was not done can be started again. The run itself tidies the page."""
        if stop:
            stop.press()

    def size(self, shots: list[Shot], scale: float) -> str:
        """Another scale: what a run would make now."""
        return target_size(self.engines, shots, scale)

    def models(self, models: dict[str, Any]) -> dict[str, Any]:
        """The tab was opened: models may have come or gone meanwhile."""
        return widgets.model_choices(self.engines, ENGINE, models["chosen"])

    def chosen(self, models: dict[str, Any]) -> Any:
        """Another model: the denoise slider is there only for those that have it."""
        return gr.update(visible=self.engines.catalogue[str(models.get("chosen"))].denoise)

    def begin(self, shots: list[Shot], models: dict[str, Any], *panel: Any) -> tuple[Any, ...]:
        """Run was pressed: say so at once, even if others keep the studio busy."""
        self.options(models, *panel)
        work = {"id": None, "fraction": 0, "message": "Waiting for a free place", "seconds": 0}
        stage = view(shots, work={**work, "remaining": None, "preview": None})
        return Stop(), stage, *buttons(working=True, can_run=True)

    def run(self, stop: Stop, shots: list[Shot], models: dict[str, Any], *panel: Any) -> Iterator[tuple[Any, ...]]:
        """Upscale what these options have not made yet; one that fails does not stop the rest."""
        options = self.options(models, *panel)
        todo = [i for i, shot in enumerate(shots) if shot.width and not shot.made_by(options.key)]
        if not todo:
            gr.Info("These pictures are done with these settings already.")
        shots = list(shots)

        def work(shot: Shot, job: Job) -> Outcome:
            return upscale_file(self.engines, Path(shot.path), shot.name, options=options, job=job)

        try:
            yield from run_through(shots, todo, work, stop)
        except Cancelled:
            yield self.show(shots, options.scale)
            return
        yield self.show(shots, options.scale, current=shots[todo[0]].id if len(todo) == 1 else None)
        tell(shots, todo)


def build(engines: Engines, tab: gr.Tab) -> None:
    """Draw the tab and wire it."""
    room = Room(engines)
    shots, stop = gr.State([]), gr.State(None)
    with gr.Row(elem_classes=["room"], equal_height=False):
        with gr.Column(elem_classes=["floor"], scale=3, min_width=320):
            with gr.Column(elem_classes=["empty"]):
                drop = widgets.photo_in("upscale-drop")
                samples = widgets.samples("upscale-samples", sample_pictures())
            stage = widgets.stage("upscale-stage", drop, view([]))
        with gr.Column(elem_classes=["controls"], scale=1, min_width=300):
            models = widgets.model_picker("upscale-model", engines, ENGINE)
            scale = widgets.factor("upscale-scale", 4)
            strength = widgets.slider("upscale-strength", "Strength", 1.0, "0 is a plain enlargement")
            denoise = widgets.slider("upscale-denoise", "Denoise", 0.5, "0 keeps the grain", visible=False)
            kind = widgets.choice("upscale-format", "Save as", list(FORMATS), "PNG and WebP lose nothing")
            size = widgets.part("words", NOTHING, elem_id="upscale-size")
            run, cancel = widgets.run_and_cancel("upscale", "Upscale")
    page = [shots, stage, size, run, cancel]
    drop.upload(handler(room.add), [drop, shots, scale], [drop, *page], **LIGHT)
    samples.pick(handler(room.sample), [shots, scale], [drop, *page], **LIGHT)
    stage.remove(answer(room.remove), [shots, scale], page, queue=False, **QUIET)
    stage.clear(lambda: ([], view([]), NOTHING, *buttons(False, False)), None, page, queue=False, **QUIET)
    scale.input(answer(room.size), [shots, scale], size, trigger_mode="always_last", queue=False, **QUIET)
    models.input(answer(room.chosen), models, denoise, queue=False, **QUIET)
    tab.select(answer(room.models), models, models, queue=False, **QUIET)
    panel = [shots, models, scale, strength, denoise, kind]
    begun = run.click(answer(room.begin), panel, [stop, stage, run, cancel], queue=False, **QUIET)
    begun.success(handler(room.run), [stop, *panel], page, **WORK)
    cancel.click(answer(room.cancel), stop, None, queue=False, **QUIET)
    gr.api(  # type: ignore[attr-defined]
        api(engines), api_name="upscale", concurrency_id="work", concurrency_limit=4
    )


TAB = Tab("Upscale", build, order=10)
