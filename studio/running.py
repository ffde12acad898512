"""Several pictures, one after the other: the part of a run that is the same on every tab that works on a list."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import replace
from typing import Any

import gradio as gr

from engines.core.errors import Cancelled
from engines.core.job import Job, Progress
from studio.jobs import Stop, explain, follow
from studio.pictures import Batch, Outcome, Shot, view
from studio.widgets import buttons


def run_through(
    shots: list[Shot], todo: Sequence[int], work: Callable[[Shot, Job], Outcome], stop: Stop
) -> Generator[tuple[Any, ...], None, None]:
    """Work on the shots at these indices; one that fails does not stop the rest.

    Yields (shots, stage, skip, run button, cancel button) meanwhile. `shots` itself holds what is done: each gets its
    outcome or its error. Cancelled goes through. Afterwards gr.Error tells what failed, see `tell`.
    """
    batch = Batch([shots[i] for i in todo])
    for number, i in enumerate(todo):
        yield from _one(shots, i, batch, number, work, stop)


def _one(
    shots: list[Shot], i: int, batch: Batch, number: int, work: Callable[[Shot, Job], Outcome], stop: Stop
) -> Generator[tuple[Any, ...], None, None]:
    shot = replace(shots[i], error="")
    begun = [*shots[:i], shot, *shots[i + 1 :]]
    run, cancel = buttons(working=True, can_run=True)

    def show(now: Progress) -> tuple[Any, ...]:
        page = view(begun, work=batch.look(number, now), queued=batch.waiting(number))
        return begun, page, gr.skip(), run, cancel

    try:
        outcome = yield from follow(lambda job: work(shot, job), show, stop=stop)
        shots[i] = replace(shot, outcome=outcome)
    except Cancelled:
        raise
    except Exception as error:  # of this picture; the next may work
        shots[i] = replace(shot, error=explain(error), outcome=None)


def tell(shots: Sequence[Shot], todo: Sequence[int]) -> None:
    """Raise gr.Error with one sentence if any of these did not work."""
    failed = [shots[i].error for i in todo if shots[i].error]
    if failed:
        many = f"{len(failed)} of {len(todo)} pictures did not work. The list says why."
        raise gr.Error(failed[0] if len(todo) == 1 else many, print_exception=False)
