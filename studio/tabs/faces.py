"""The Faces tab: a face of a photo or a new one, sliders that answer at once, and the same person afterwards.

Also the API and MCP tools edit_face, generate_face, age_face, transfer_makeup and mix_faces.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import Any

import gradio as gr
from gradio.context import Context
from PIL import Image

from engines import Engines
from engines.core.errors import Cancelled
from engines.core.job import Progress
from studio import widgets
from studio.faces import api, arrivals, work
from studio.faces.arrivals import Brought
from studio.faces.asking import Wish
from studio.faces.desk import Answer, Desk
from studio.faces.sitting import Gone, Sitting
from studio.jobs import Stop, answer, explain, follow, handler
from studio.pictures import data_url, uploaded
from studio.tab import Tab
from studio.widgets import QUIET, WORK

Page = dict[str, Any]  # the value of studio/web/faces.js: what the server says, in any order
EMPTY: Page = {
    "turn": "",
    "subject": None,
    "look": None,  # what was done to it before
    "choose": None,
    "asks": False,
    "work": None,
    "product": None,
}
OPEN_TAB = """() => {
  if (new URLSearchParams(location.search).get("tool") !== "faces") return [];
  [...document.querySelectorAll("#rooms [role=tab]")].find((tab) => tab.textContent.trim() === "Faces")?.click();
  return [];
}"""


class Room:
    """The handlers of one Faces tab. A person's face is in the session's state, and in the desk's store by its key."""

    def __init__(self, engines: Engines) -> None:
        self.desk = Desk(engines)

    def begin(self, event: gr.EventData) -> tuple[Stop, dict[str, Any]]:
        """Something that takes seconds was asked for; the page shows so by itself."""
        return Stop(), dict(event._data)

    def bring(
        self, stop: Stop, asked: dict[str, Any], brought: Brought | None, sitting: Sitting | None
    ) -> Iterator[tuple[Any, ...]]:
        """A photo arrived, or one of its faces was chosen."""
        before: tuple[Any, ...] = (brought, sitting, self.page(sitting, brought))
        try:
            number = asked.get("number")
            if number is None or brought is None:
                path = uploaded(str(asked.get("path")))
                brought = yield from follow(
                    lambda job: arrivals.bring(self.desk, path, job),
                    lambda now: (*before[:2], {**before[2], "work": look(now)}),
                    stop=stop,
                )
                usable = [face.number for face in brought.faces if face.usable]
                number = usable[0] if len(usable) == 1 else arrivals.nearest(brought, asked.get("box"))
                if number is None:
                    yield brought, sitting, {**before[2], "choose": arrivals.choices(brought), "asks": True}
                    return
            elif sitting is not None and sitting.shot == brought.shot:
                people, was, wish, to = brought, self.awake(sitting.key, sitting), Wish.of(asked), int(number)
                brought = yield from follow(
                    lambda job: arrivals.carried(self.desk, people, was, wish, to),
                    lambda now: (*before[:2], {**before[2], "work": look(now)}),
                    stop=stop,
                )
            people, chosen = brought, int(number)
            faces = arrivals.choices(people)
            made = yield from follow(
                lambda job: arrivals.sit(self.desk, people, chosen, job),
                lambda now: (*before[:2], {**before[2], "choose": faces, "work": {**look(now), "number": chosen}}),
                stop=stop,
            )
            before = (people, made, {**self.page(made), "choose": faces, "look": arrivals.done_before(people, chosen)})
            yield before
            if made.version > 1:
                return
            tuned = yield from follow(
                lambda job: arrivals.learn(self.desk, made, job),
                lambda now: (*before[:2], {**before[2], "work": {**look(now), "number": chosen, "tuning": True}}),
                stop=stop,
            )
            yield people, tuned, {**self.page(tuned), "choose": faces}
        except Cancelled:
            yield before
            raise
        except Exception as error:
            yield before
            raise gr.Error(explain(error), print_exception=False) from error

    def tool(
        self, stop: Stop, asked: dict[str, Any], brought: Brought | None, sitting: Sitting | None
    ) -> Iterator[Page]:
        """Ages, makeup, a blend, a film: beside the portrait, which stays."""
        found, before = self.awake(asked.get("key"), sitting), self.page(sitting, brought)
        try:
            product = yield from follow(
                lambda job: work.tool(self.desk, found, asked, job),
                lambda now: {**before, "work": look(now)},
                stop=stop,
            )
            yield {**before, "product": product.shown()}
        except Cancelled:
            yield before
            raise
        except Exception as error:
            yield before
            raise gr.Error(explain(error), print_exception=False) from error

    def page(self, sitting: Sitting | None, brought: Brought | None = None) -> Page:
        """Nothing runs. brought: the photo whose other faces can be chosen still."""
        subject = self.desk.subject(sitting) if sitting else None
        choose = arrivals.choices(brought) if brought and sitting and sitting.shot == brought.shot else None
        return {**EMPTY, "turn": secrets.token_hex(4), "subject": subject, "choose": choose}  # the page hears new ones

    def awake(self, key: object, sitting: Sitting | None) -> Sitting:
        """The sitting under a key: the store's, or this session's own. Gone where neither has it."""
        try:
            return self.desk.sittings.get(key)
        except Gone:
            if sitting is None or sitting.key != key:
                raise
            return self.desk.sittings.put(sitting)

    def wake(self, sitting: Sitting | None, event: gr.EventData) -> None:
        """The store had let the face go; the session still has it."""
        self.awake(event._data.get("key"), sitting)

    def cancel(self, stop: Stop | None) -> None:
        """Cancel: the work's own generator says the last word."""
        if stop:
            stop.press()


def look(now: Progress) -> dict[str, Any]:
    """A job's progress for the page."""
    preview = None if now.preview is None else data_url(Image.fromarray(now.preview), 256, quality=90)
    left = None if now.remaining is None else round(now.remaining, 1)
    return {
        "fraction": round(now.fraction, 3),
        "message": now.message,
        "seconds": round(now.seconds, 1),
        "remaining": left,
        "preview": preview,
    }


def build(engines: Engines, tab: gr.Tab) -> None:
    """Draw the tab and wire it."""
    room = Room(engines)
    desk = room.desk

    def frame(asked: dict[str, Any]) -> Answer:
        """While a slider is dragged."""
        return desk.look(asked)

    def finish(asked: dict[str, Any]) -> Answer:
        """When it is let go."""
        return desk.finish(asked)

    def save(asked: dict[str, Any]) -> Answer:
        """The download."""
        return desk.save(asked)

    def make(asked: dict[str, Any]) -> Answer:
        """A new face."""
        return desk.make(asked)

    def sheet(asked: dict[str, Any]) -> Answer:
        """Faces to choose from."""
        return desk.sheet(asked)

    def opened(asked: dict[str, Any]) -> Answer:
        """A link."""
        return desk.opened(asked)

    def words(asked: dict[str, Any]) -> Answer:
        """A description."""
        return desk.words(asked)

    def second(asked: dict[str, Any]) -> Answer:
        """Who is in the photo that a tool takes something from."""
        return arrivals.second(desk, asked)

    stop, asked, brought, sitting = gr.State(None), gr.State(None), gr.State(None), gr.State(None)
    page = widgets.part(
        "faces",
        EMPTY,
        elem_id="faces",
        needs=[f"faces-{part}" for part in ("portrait", "bank", "people", "edits", "ways", "tools")],
        server=[frame, finish, save, make, sheet, words, opened, second],
        setup=desk.setup(),
    )
    begun = page.bring(room.begin, None, [stop, asked], queue=False, **QUIET)
    begun.success(handler(room.bring), [stop, asked, brought, sitting], [brought, sitting, page], **WORK)
    begun = page.tool(room.begin, None, [stop, asked], queue=False, **QUIET)
    begun.success(handler(room.tool), [stop, asked, brought, sitting], page, **WORK)
    page.wake(answer(room.wake), sitting, None, queue=False, **QUIET)
    page.cancel(answer(room.cancel), stop, None, queue=False, **QUIET)
    if Context.root_block is not None:  # no output: one that arrives before the part is drawn would replace its setup
        Context.root_block.load(None, None, None, js=OPEN_TAB)
    for name, function in api.tools(engines).items():
        gr.api(function, api_name=name, concurrency_id="work", concurrency_limit=4)  # type: ignore[attr-defined]


TAB = Tab("Faces", build, order=15)
