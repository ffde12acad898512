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


class _Ticket:
    """One place in the queue for the device."""

    def __init__(self, urgent: bool) -> None:
        self.urgent = urgent
        self.since = 0.0


_SLICE = 0.25  # seconds a forward runs before it lets another one in
_AT_ONCE = 2  # forwards begun at the same time: one more would take memory, one less would keep people waiting


class Residency:
    """Keeps networks within a byte budget and lends them and the device out, one forward at a time."""

    def __init__(self, device: Device, budget_bytes: int, load: Loader) -> None:
        self.device = device
        self.budget_bytes = budget_bytes
        self.loads = 0  # networks loaded so far; a warm request does not move it
        self._load = load
        self._slots: dict[tuple[str, str, float | None], _Slot] = {}
        self._lock = threading.Lock()
        self._turns = threading.Condition()
        self._queue: deque[_Ticket] = deque()  # who waits, in order of arrival
        self._holder: _Ticket | None = None  # whose turn it is
        self._started: set[_Ticket] = set()  # whose forward has begun and holds memory

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
    def turn(self, job: Job | None = None, *, urgent: bool = False) -> Iterator[None]:
        """Hold the device for ONE forward, tile or frame; first come, first served. Waiting ends at a cancel.

        urgent: goes before all others, into the middle of a forward that gives way: for a dragged slider.
        """
        ticket = _Ticket(urgent)
        self._join(ticket, take(job))
        try:
            yield
        finally:
            self._leave(ticket)

    def _join(self, ticket: _Ticket, job: Job) -> None:
        with self._turns:
            self._queue.append(ticket)
            try:
                if self._holder is None:
                    self._pass_on()
                while self._holder is not ticket:
                    self._turns.wait(0.05)
                    job.check()
            except BaseException:
                self._leave(ticket)
                raise

    def _leave(self, ticket: _Ticket) -> None:
        with self._turns:
            self._started.discard(ticket)
            if ticket in self._queue:
                self._queue.remove(ticket)
            if self._holder is ticket:
                self._pass_on()

    def _pass_on(self) -> None:
        """Give the device to whoever is next, if anybody may have it; the caller holds the lock."""
        self._holder = None
        for ticket in sorted(self._queue, key=lambda ticket: not ticket.urgent):  # stable: the order of arrival
            if ticket.urgent or ticket in self._started or len(self._started) < _AT_ONCE:
                self._queue.remove(ticket)
                self._holder, ticket.since = ticket, time.monotonic()
                self._started.add(ticket)
                break
        self._turns.notify_all()

    def give_way(self, job: Job | None = None) -> None:
        """Called inside a turn, between layers, by its holder: whoever is urgent goes first, and after a slice of time
        whoever else waits; then the holder goes on. So nobody waits for the whole of somebody else's large tile.
        """
        with self._turns:
            mine = self._holder
            if mine is None or not self._queue:
                return
            if time.monotonic() - mine.since < _SLICE and not any(ticket.urgent for ticket in self._queue):
                return
            self._queue.append(mine)
            self._pass_on()
            while self._holder is not mine:
                self._turns.wait(0.05)  # a cancel is seen once the turn is back, by the check below
        take(job).check()

    @property
    def busy(self) -> bool:
        """Whether somebody holds the device now."""
        return self._holder is not None

    @property
    def waiting(self) -> int:
        """How many wait for the device."""
        return len(self._queue)
