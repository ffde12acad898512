"""One way to run an engine call: progress, result, cancel, errors."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from typing import Any

import gradio as gr
import numpy as np
import pytest

from engines.core.errors import Cancelled, ImageError
from engines.core.job import Job, Progress
from studio.jobs import Latest, Stop, answer, explain, follow, handler, keep_alive


def patient(job: Job, seconds: float = 30.0) -> str:
    """Work as engines do it: a look at the job every few milliseconds."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        job.report(1 - left / seconds, "Working")
        time.sleep(0.005)
    return "done"


def workers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "studio-job"]


def drain(running: Iterator[Any]) -> tuple[list[Any], Any]:
    """What a generator yields, and what it returns."""
    seen = []
    while True:
        try:
            seen.append(next(running))
        except StopIteration as end:
            return seen, end.value


def test_progress_is_shown_and_the_result_returned() -> None:
    seen, result = drain(follow(lambda job: patient(job, 0.7), lambda look: look))
    assert result == "done"
    fractions = [look.fraction for look in seen]
    assert len(seen) >= 3 and fractions == sorted(fractions) and fractions[-1] > 0.4
    assert seen[-1].message == "Working"


def test_the_clock_ticks_while_the_work_is_silent() -> None:
    seen, _ = drain(follow(lambda job: time.sleep(0.65), lambda look: look.seconds))
    assert len(seen) >= 3 and seen[-1] > seen[0] + 0.3


def test_closing_the_generator_stops_the_worker_within_a_second() -> None:
    running = follow(patient, lambda look: look)
    next(running)
    next(running)
    assert len(workers()) == 1
    start = time.monotonic()
    running.close()
    assert time.monotonic() - start < 1.0
    assert workers() == []


def test_stop_ends_the_work_and_the_generator_has_the_last_word() -> None:
    stop = Stop()
    running = follow(patient, lambda look: look, stop=stop)
    next(running)
    start = time.monotonic()
    stop.press()
    with pytest.raises(Cancelled):
        next(running)  # no further progress is shown
    assert time.monotonic() - start < 1.0 and workers() == []


def test_stop_pressed_before_the_work_begins_counts() -> None:
    stop = Stop()
    stop.press()
    with pytest.raises(Cancelled):
        drain(follow(patient, lambda look: look, stop=stop))


def test_errors_of_the_work_are_raised_to_the_caller() -> None:
    def work(job: Job) -> None:
        raise ImageError("cat.png is empty.")

    with pytest.raises(ImageError, match="is empty"):
        drain(follow(work, lambda look: look))


def test_a_sentence_becomes_a_toast() -> None:
    @handler
    def event() -> Iterator[int]:
        yield 1
        raise ImageError("cat.png is empty.")

    running = iter(event())
    assert next(running) == 1
    with pytest.raises(gr.Error) as toast:
        next(running)
    assert toast.value.message == "cat.png is empty."


def test_an_unexpected_error_is_logged_under_a_code_and_not_shown(caplog: pytest.LogCaptureFixture) -> None:
    @answer
    def event() -> None:
        raise RuntimeError("secret path /home/anna")

    with caplog.at_level(logging.ERROR, logger="studio"), pytest.raises(gr.Error) as toast:
        event()
    sentence = toast.value.message
    code = sentence.split("code ")[1].split(")")[0]
    assert sentence.startswith("Something went wrong here") and "anna" not in sentence
    assert len(code) == 6 and code in caplog.text and "secret path" in caplog.text


def test_two_unexpected_errors_have_two_codes() -> None:
    assert explain(RuntimeError()) != explain(RuntimeError())


def test_cancelled_is_a_notice_and_not_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr(gr, "Info", told.append)

    @handler
    def event() -> Iterator[int]:
        yield 1
        raise Cancelled()

    assert list(event()) == [1]
    assert told == ["Cancelled. Nothing was lost."]


def test_a_wrapped_handler_keeps_its_signature() -> None:
    """gradio reads the parameters to know what to pass."""

    def event(number: int, chosen: gr.EventData) -> Iterator[int]:
        yield number

    assert gr.utils.get_type_hints(handler(event))["chosen"] is gr.EventData  # type: ignore[attr-defined]


def test_a_preview_is_handed_out_once_and_time_left_runs_down() -> None:
    latest = Latest()
    preview = np.zeros((2, 2, 3), np.uint8)
    latest.put(Progress(0.2, "a", preview, 1.0, 9.0))
    latest.put(Progress(0.3, "b", None, 2.0, 8.0))
    first = latest.take(3.0)
    assert first.preview is preview and (first.message, first.remaining) == ("b", 7.0)
    assert latest.take(3.5).preview is None
    assert latest.take(20.0).remaining is None, "longer than was thought: no figure rather than 0 s"


def test_a_chore_survives_its_errors(caplog: pytest.LogCaptureFixture) -> None:
    calls = []
    twice = threading.Event()

    def chore() -> None:
        calls.append(1)
        if len(calls) == 2:
            twice.set()
        raise OSError("the disk is gone")

    with caplog.at_level(logging.ERROR, logger="studio"):
        stop = keep_alive(chore, 0.01, "test-chore")
        assert twice.wait(5)
        (thread,) = [one for one in threading.enumerate() if one.name == "test-chore"]
        assert thread.daemon and "test-chore failed" in caplog.text
        stop.set()
        thread.join(5)
    assert not thread.is_alive()
