from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from engines import Engines
from engines.core.device import Device
from engines.core.errors import Cancelled, OptionError
from engines.core.job import Job
from engines.core.residency import Residency
from engines.super_resolution import SuperResolution
from tests.conftest import FAST


class Stub:
    """A network of 100 bytes."""

    def __init__(self, card: Any) -> None:
        self.card, self.bytes, self.precision = card, 100, "float32"


class Card:
    denoise = False

    def __init__(self, name: str) -> None:
        self.id = self.title = name


def residency(budget: int = 250, delay: float = 0.0) -> Residency:
    def load(card: Any, precision: str, blend: float | None, job: Job) -> Any:
        time.sleep(delay)
        return Stub(card)

    return Residency(Device("cpu", "CPU", None), budget, load)


def names(home: Residency) -> set[str]:
    return {row.card_id for row in home.resident()}


def test_two_tabs_one_load() -> None:
    home = residency(delay=0.1)
    card: Any = Card("a")
    got: list[Any] = []

    def use() -> None:
        with home.lease(card) as network:
            got.append(network)

    threads = [threading.Thread(target=use) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert home.loads == 1 and len({id(network) for network in got}) == 1


def test_the_least_recently_used_leaves_and_a_lease_pins() -> None:
    home = residency(budget=250)
    a, b, c, d = (Card(name) for name in "abcd")
    with home.lease(a):  # type: ignore[arg-type]
        home.load(b)  # type: ignore[arg-type]
        home.load(c)  # type: ignore[arg-type]
        assert names(home) == {"a", "c"}  # b was idle longest; a is older but pinned
        home.load(d)  # type: ignore[arg-type]
        assert names(home) == {"a", "d"}
        with pytest.raises(OptionError, match="working right now"):
            home.unload("a")
    assert home.used_bytes == 200
    home.unload("a")
    assert names(home) == {"d"}
    assert home.evict(everything_idle=True) == 1 and home.used_bytes == 0


def test_a_failed_load_is_tried_again_and_leaves_nothing() -> None:
    calls: list[int] = []

    def load(card: Any, precision: str, blend: float | None, job: Job) -> Any:
        calls.append(1)
        if len(calls) == 1:
            raise OSError("disk")
        return Stub(card)

    home = Residency(Device("cpu", "CPU", None), 1000, load)
    with pytest.raises(OSError):
        home.load(Card("a"))  # type: ignore[arg-type]
    assert home.resident() == [] and home.loads == 0
    home.load(Card("a"))  # type: ignore[arg-type]
    assert home.loads == 1


def test_waiting_for_the_device_is_in_order_and_ends_at_a_cancel() -> None:
    home = residency()
    order: list[str] = []
    job = Job()

    def take(name: str) -> None:
        with home.turn():
            order.append(name)

    with home.turn():
        threads = []
        for position, name in enumerate("abc"):
            threads.append(threading.Thread(target=take, args=(name,)))
            threads[-1].start()
            while home.waiting <= position:
                time.sleep(0.002)
        assert home.busy and home.waiting == 3
        job.cancel()
        with pytest.raises(Cancelled), home.turn(job):
            pass
        assert home.waiting == 3
    for thread in threads:
        thread.join()
    assert order == ["a", "b", "c"] and not home.busy


@pytest.mark.parametrize("urgent", [True, False])
def test_a_short_turn_slips_into_a_long_one(urgent: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The urgent one at once, any other after a slice of time; never a third forward at the same time."""
    home = residency()
    order: list[str] = []
    inside = threading.Event()
    go = threading.Event()

    def other(name: str) -> None:
        with home.turn(urgent=urgent):
            order.append(name)
            if not urgent and name == "second":
                inside.set()
                go.wait(5)
                home.give_way()

    threads = [threading.Thread(target=other, args=(name,)) for name in ("second", "third")]
    with home.turn():
        for position, thread in enumerate(threads):
            thread.start()
            while home.waiting <= position:
                time.sleep(0.002)
        home.give_way()
        assert order == (["second", "third"] if urgent else [])
        if not urgent:
            monkeypatch.setattr("engines.core.residency._SLICE", 0.0)
            go.set()
            home.give_way()
            assert order == ["second"] and inside.is_set()  # two are under way; the third waits for one to end
        order.append("first")
    for thread in threads:
        thread.join()
    assert sorted(order) == ["first", "second", "third"] and order[-1] == ("first" if urgent else "third")
    assert not home.busy and home.waiting == 0


def test_a_warm_request_loads_nothing(engines: Engines) -> None:
    sr = engines[SuperResolution]
    image = next(iter(sr.examples())).args[0]
    sr.upscale(image, model=FAST)
    before = engines.residency.loads
    sr.upscale(image, model=FAST)
    assert engines.residency.loads == before
    row = next(row for row in engines.residency.resident() if row.card_id == FAST)
    assert row.bytes > 1_000_000 and row.leases == 0
