"""Networks stay on the device between requests: loaded once, leased for a job, evicted when memory runs short."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from engines.core.card import ModelCard
from engines.core.device import Device
from engines.core.errors import OptionError
from engines.core.job import Job, take
from engines.core.network import Network

Loader = Callable[[ModelCard, str, float | None, Job], Network]


@dataclass(frozen=True)
class Resident:
    """What the page shows of a network in memory. last_used: seconds since the epoch; leases: jobs using it now."""

    card_id: str
    title: str
    device: str
    precision: str
    bytes: int
    last_used: float
    leases: int


class _Slot:
    def __init__(self) -> None:
        self.lock = threading.Lock()  # held while loading, so that whoever comes second waits for the first
        self.network: Network | None = None
        self.leases = 0
        self.last_used = time.time()


class Residency:
    """Keeps networks within a byte budget and lends them and the device out, one forward at a time."""

    def __init__(self, device: Device, budget_bytes: int, load: Loader) -> None:
        self.device = device
        self.budget_bytes = budget_bytes
        self.loads = 0  # networks loaded so far; a warm request does not move it
        self._load = load
        self._slots: dict[tuple[str, str, float | None], _Slot] = {}
        self._lock = threading.Lock()
        self._turns: deque[object] = deque()  # whose turn it is stands first; the rest wait in order
        self._turn_changed = threading.Condition()

    # networks

    @contextmanager
    def lease(
        self, card: ModelCard, *, precision: str = "auto", blend: float | None = None, job: Job | None = None
    ) -> Iterator[Network]:
        """Pin a network for a whole job; load it at most once, whoever asks.

        precision: see `Network`.  blend: 1 to 0, how much of the weights and how little of their twin, for cards that
        have one (network interpolation, Wang et al. 2019).
        """
        job = take(job)
        slot = self._slot((card.id, precision, None if blend is None else round(blend * 20) / 20))
        try:
            while not slot.lock.acquire(timeout=0.05):
                job.check()
            try:
                if slot.network is None:
                    slot.network = self._load(card, precision, blend, job)
                    self.loads += 1
                    self.evict()
            finally:
                slot.lock.release()
            yield slot.network
        finally:
            with self._lock:
                slot.leases -= 1
                slot.last_used = time.time()

    def _slot(self, key: tuple[str, str, float | None]) -> _Slot:
        with self._lock:
            slot = self._slots.setdefault(key, _Slot())
            slot.leases += 1
            return slot

    def load(self, card: ModelCard, job: Job | None = None) -> None:
        """Bring a network in before anybody needs it."""
        with self.lease(card, job=job, blend=0.5 if card.denoise else None):
            pass

    def unload(self, card_id: str) -> None:
        """Let a card's networks leave. OptionError while a job uses one."""
        with self._lock:
            keys = [key for key in self._slots if key[0] == card_id]
            if any(self._slots[key].leases for key in keys):
                raise OptionError("This model is working right now. Wait for its job to end, or cancel the job.")
            for key in keys:
                del self._slots[key]
        self.device.release()

    def evict(self, *, everything_idle: bool = False) -> int:
        """Over the budget, the least recently used idle networks leave; returns how many left."""
        with self._lock:
            idle = sorted(
                (key for key, slot in self._slots.items() if not slot.leases and slot.network),
                key=lambda key: self._slots[key].last_used,
            )
            gone = 0
            for key in idle:
                if not everything_idle and self._used() <= self.budget_bytes:
                    break
                del self._slots[key]
                gone += 1
        if gone:
            self.device.release()
        return gone

    def _used(self) -> int:
        return sum(slot.network.bytes for slot in self._slots.values() if slot.network)

    @property
    def used_bytes(self) -> int:
        """Bytes of all resident networks."""
        with self._lock:
            return self._used()

    def resident(self) -> list[Resident]:
        """The networks in memory, most recently used first."""
        with self._lock:
            rows = [
                Resident(
                    card_id=key[0],
                    title=slot.network.card.title,
                    device=self.device.name,
                    precision=slot.network.precision,
                    bytes=slot.network.bytes,
                    last_used=slot.last_used,
                    leases=slot.leases,
                )
                for key, slot in self._slots.items()
                if slot.network
            ]
        return sorted(rows, key=lambda row: -row.last_used)

    # the device

    @contextmanager
    def turn(self, job: Job | None = None) -> Iterator[None]:
        """Hold the device for ONE forward, tile or frame; first come, first served. Waiting ends at a cancel."""
        ticket = object()
        self._join(ticket, take(job))
        try:
            yield
        finally:
            self._leave(ticket)

    def _join(self, ticket: object, job: Job) -> None:
        with self._turn_changed:
            self._turns.append(ticket)
            try:
                while self._turns[0] is not ticket:
                    self._turn_changed.wait(0.05)
                    job.check()
            except BaseException:
                self._turns.remove(ticket)
                self._turn_changed.notify_all()
                raise

    def _leave(self, ticket: object) -> None:
        with self._turn_changed:
            self._turns.remove(ticket)
            self._turn_changed.notify_all()

    def give_way(self, job: Job | None = None) -> None:
        """Called inside a turn by its holder: whoever waits goes first, then the holder goes on.

        This is how a dragged slider slips into the middle of a long forward.
        """
        with self._turn_changed:
            if len(self._turns) < 2:
                return
            mine = self._turns[0]
            self._turns.rotate(-1)
            self._turn_changed.notify_all()
            while self._turns[0] is not mine:
                self._turn_changed.wait(0.05)  # a cancel is seen by the caller's own check, once the turn is back
        take(job).check()

    @property
    def busy(self) -> bool:
        """Whether somebody holds the device now."""
        return bool(self._turns)

    @property
    def waiting(self) -> int:
        """How many wait for the device."""
        return max(len(self._turns) - 1, 0)
