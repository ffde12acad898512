"""The one way the page runs an engine call: a worker thread and a `Job`, seen as a generator.

A `Stop` (the Cancel button) or closing the generator (the browser tab is gone) cancels the job and waits for the
worker, so that the device is free again before anything else starts. All threads and all error toasts of the page
are made here.
"""

from __future__ import annotations

import functools
import logging
import secrets
import threading
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, wait
from contextlib import contextmanager
from dataclasses import replace
from typing import ParamSpec, TypeVar

import gradio as gr

from engines.core.errors import Cancelled, StudioError
from engines.core.job import Job, Progress

log = logging.getLogger("studio")

TICK = 0.2  # seconds between two looks at a job; gradio can close a generator only while it rests at a yield
PATIENCE = 0.5  # seconds to wait for a cancelled worker; no more, because gradio closes generators on its event loop

P = ParamSpec("P")
S = TypeVar("S")
T = TypeVar("T")


class Latest:
    """The newest progress of a job. Each preview is handed out once, because encoding it costs time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._progress = Progress(0.0, "Starting …", None, 0.0, None)

    def put(self, progress: Progress) -> None:
        """Called by the worker through `Job.report`."""
        with self._lock:
            if progress.preview is None:
                progress = replace(progress, preview=self._progress.preview)
            self._progress = progress

    def take(self, seconds: float) -> Progress:
        """What to show now, `seconds` after the job began; the clock ticks between two reports."""
        with self._lock:
            progress = self._progress
            self._progress = replace(progress, preview=None)
        left = progress.remaining
        if left is not None:
            left -= seconds - progress.seconds
            if left < 0:  # it took longer than was thought, and nothing new is known
                left = None
        return replace(progress, seconds=seconds, remaining=left)


class Stop:
    """The other end of a Cancel button: pressing it cancels the job that runs under it, or is about to.

    Not gradio's `cancels`: that drops the generator but not what it has sent already, and a late progress report
    would bring the page back to "working". Pressed here, the work's own generator says the last word.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pressed = False
        self._job: Job | None = None

    def press(self) -> None:
        """Safe from any thread, any number of times."""
        with self._lock:
            self._pressed = True
            if self._job:
                self._job.cancel()

    def hold(self, job: Job) -> None:
        """This job is the one to cancel from now on."""
        with self._lock:
            self._job = job
            if self._pressed:
                job.cancel()


def follow(
    work: Callable[[Job], T], show: Callable[[Progress], S], *, stop: Stop | None = None
) -> Generator[S, None, T]:
    """Run `work(job)` in a thread; yield `show(progress)` a few times a second; return what `work` returns.

    Errors of `work` are raised here, Cancelled too. Use it as `result = yield from follow(...)` in an event.
    """
    latest = Latest()
    job = Job(latest.put)
    if stop:
        stop.hold(job)
    outcome: Future[T] = Future()

    def run() -> None:
        try:
            outcome.set_result(work(job))
        except BaseException as error:  # handed to the generator, which raises it
            outcome.set_exception(error)

    worker = threading.Thread(target=run, name="studio-job", daemon=True)
    worker.start()
    try:
        while not outcome.done():
            if not job.cancelled:
                yield show(latest.take(job.seconds))
            wait([outcome], timeout=TICK)
    finally:
        job.cancel()
        worker.join(timeout=PATIENCE)
        if worker.is_alive():  # it stops at its next look at the job; loading a model can take that long
            log.info("a cancelled job is still stopping after %.1f s", PATIENCE)
    return outcome.result()


def explain(error: BaseException) -> str:
    """The sentence for a person. Unexpected errors are logged under a short code and never shown."""
    if isinstance(error, StudioError):
        return str(error)
    code = secrets.token_hex(3).upper()
    log.error("unexpected error %s", code, exc_info=error)
    return f"Something went wrong here (code {code}). The details are in the studio's log."


@contextmanager
def toasts() -> Iterator[None]:
    """Errors inside become toasts with a sentence, Cancelled a quiet notice."""
    try:
        yield
    except Cancelled:
        gr.Info("Cancelled. Nothing was lost.")
    except gr.Error:
        raise
    except Exception as error:
        raise gr.Error(explain(error), print_exception=False) from error


def handler(function: Callable[P, Iterator[S]]) -> Callable[P, Iterator[S]]:
    """Wrap the generator of an event, so that its errors become toasts."""

    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> Iterator[S]:
        with toasts():
            yield from function(*args, **kwargs)

    return run


def answer(function: Callable[P, T]) -> Callable[P, T]:
    """The same for an event that is answered at once and does no work."""

    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        with toasts():
            return function(*args, **kwargs)
        raise gr.Error("Cancelled.", print_exception=False)  # only a Cancelled gets here

    return run


def keep_alive(work: Callable[[], object], every: float, name: str) -> threading.Event:
    """Call `work` every so many seconds in a daemon thread that outlives its errors, until the event is set."""
    stop = threading.Event()

    def run() -> None:
        while True:
            try:
                work()
            except Exception:
                log.exception("%s failed; it will be tried again", name)
            if stop.wait(every):
                return

    threading.Thread(target=run, name=name, daemon=True).start()
    return stop
