from __future__ import annotations

import threading
import time

import pytest

from engines.core.errors import Cancelled
from engines.core.job import Job, Progress, facts_line


def test_parts_map_onto_the_whole_and_never_run_backwards() -> None:
    seen: list[Progress] = []
    job = Job(seen.append)
    half = job.part(0.5, 1.0)
    half.report(0.5, "second half")
    half.part(0.5, 1.0).report(0.5)
    job.report(0.1)
    assert [round(progress.fraction, 4) for progress in seen] == [0.75, 0.875, 0.875]
    assert [progress.message for progress in seen] == ["second half"] * 3


def test_time_left_comes_from_the_pace_so_far(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    seen: list[Progress] = []
    job = Job(seen.append)
    now = 101.0
    job.report(0.10)
    now = 103.0
    job.report(0.30)
    assert seen[0].remaining is None
    assert seen[1].remaining == pytest.approx(7.0)  # 0.2 in 2 s, 0.7 to go
    job.report(1.0)
    assert seen[2].remaining == 0.0


def test_cancel_reaches_every_part_from_any_thread() -> None:
    job = Job()
    part = job.part(0, 0.5)
    thread = threading.Thread(target=job.cancel)
    thread.start()
    thread.join()
    assert part.cancelled
    with pytest.raises(Cancelled):
        part.report(0.3)


def test_a_part_outside_the_whole_is_refused() -> None:
    with pytest.raises(ValueError, match="within 0 and 1"):
        Job().part(0.5, 1.2)


def test_facts_make_one_line() -> None:
    job = Job()
    job.part(0, 1).note(title="Real-ESRGAN x4plus", device="CPU", precision="bfloat16", seconds=3.14)
    assert facts_line(job.facts) == "Real-ESRGAN x4plus · CPU · bfloat16 · 3.1 s"
    assert facts_line({"device": "CPU"}) == "CPU"
