"""Progress, previews, facts and cancellation of one call, as plain callables.

An engine calls `job.report` and `job.check` at least every 100 ms of work. It knows nothing of threads or pages:
whoever starts the work passes a listener and calls `cancel` from any thread.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Event
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.core.errors import Cancelled

Fact = str | int | float | bool | None


@dataclass(frozen=True)
class Progress:
    """One look at a running job.

    fraction: 0 to 1.  message: what is being done now.  preview: uint8 (h, w, 3) or None.
    seconds: since the job began.  remaining: seconds left, None while it cannot be told yet.
    """

    fraction: float
    message: str
    preview: NDArray[np.uint8] | None
    seconds: float
    remaining: float | None


class _Shared:
    """What a job and all its parts have in common."""

    def __init__(self, listener: Callable[[Progress], None] | None) -> None:
        self.listener = listener
        self.stop = Event()
        self.started = time.monotonic()
        self.fraction = 0.0
        self.message = ""
        self.first: tuple[float, float] | None = None  # (seconds, fraction) when real work began
        self.facts: dict[str, Fact] = {}


class Job:
    """A handle on one call. `Job()` listens to nothing and is never cancelled: the default of every verb."""

    def __init__(self, listener: Callable[[Progress], None] | None = None) -> None:
        self._shared = _Shared(listener)
        self._from, self._to = 0.0, 1.0

    @property
    def facts(self) -> dict[str, Fact]:
        """What the engine did: device, precision, model, tile, seconds … shown to the person, never secret."""
        return self._shared.facts

    @property
    def cancelled(self) -> bool:
        return self._shared.stop.is_set()

    @property
    def seconds(self) -> float:
        """Since the job began."""
        return time.monotonic() - self._shared.started

    def cancel(self) -> None:
        """Ask the work to stop; safe from any thread, any number of times."""
        self._shared.stop.set()

    def check(self) -> None:
        """Raise `Cancelled` if somebody called `cancel`."""
        if self.cancelled:
            raise Cancelled()

    def note(self, **facts: Fact) -> None:
        """Record facts about how the work is done."""
        self._shared.facts.update(facts)

    def part(self, a: float, b: float) -> Job:
        """The same job seen through a window: 0 to 1 of the part is a to b of this one."""
        if not 0 <= a <= b <= 1:
            raise ValueError(f"a part lies within 0 and 1, not {a} to {b}")
        part = Job.__new__(Job)
        part._shared = self._shared
        width = self._to - self._from
        part._from, part._to = self._from + a * width, self._from + b * width
        return part

    def report(self, fraction: float, message: str = "", preview: NDArray[np.uint8] | None = None) -> None:
        """Tell how far the work is (0 to 1 of this part), then `check`. Progress never runs backwards."""
        self.check()
        shared = self._shared
        whole = self._from + min(max(fraction, 0.0), 1.0) * (self._to - self._from)
        shared.fraction = max(shared.fraction, whole)
        shared.message = message or shared.message
        seconds = self.seconds
        if shared.first is None and whole > 0:
            shared.first = (seconds, whole)
        if shared.listener is not None:
            shared.listener(Progress(shared.fraction, shared.message, preview, seconds, self._remaining(seconds)))

    def _remaining(self, seconds: float) -> float | None:
        first, fraction = self._shared.first, self._shared.fraction
        if fraction >= 1:
            return 0.0
        if first is None or fraction - first[1] < 0.01 or seconds - first[0] < 0.5:
            return None  # too early for an honest figure
        return (1 - fraction) * (seconds - first[0]) / (fraction - first[1])


def take(job: Job | None) -> Job:
    """The caller's job, or one that nobody watches."""
    return Job() if job is None else job


def facts_line(facts: dict[str, Any]) -> str:
    """One line for people: `Real-ESRGAN x4plus · CPU · bfloat16 · 3.2 s`. Missing facts are left out."""
    words = [str(facts[key]) for key in ("title", "device", "precision") if facts.get(key)]
    if isinstance(facts.get("seconds"), int | float):
        words.append(f"{facts['seconds']:.1f} s")
    return " · ".join(words)
