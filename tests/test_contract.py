"""What holds for every verb of every engine, tested on each engine's own examples."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from engines import Engines, find_engines
from engines.core.engine import Engine, Example
from engines.core.errors import Cancelled
from engines.core.job import Job, Progress


def cases() -> list[tuple[type[Engine], int]]:
    probe = Engines("cpu", home="/nonexistent")
    return [(kind, index) for kind in find_engines() for index, _ in enumerate(probe[kind].examples())]


CASES = cases()


def example(engines: Engines, kind: type[Engine], index: int) -> tuple[Any, Example]:
    case = list(engines[kind].examples())[index]
    return getattr(engines[kind], case.verb), case


@pytest.mark.parametrize(("kind", "index"), CASES, ids=lambda value: getattr(value, "name", value))
def test_shape_dtype_input_and_repeatability(engines: Engines, kind: type[Engine], index: int) -> None:
    verb, case = example(engines, kind, index)
    copies = [np.array(argument) if isinstance(argument, np.ndarray) else argument for argument in case.args]
    for argument in case.args:
        if isinstance(argument, np.ndarray):
            argument.flags.writeable = False
    seen: list[Progress] = []
    job = Job(seen.append)
    result = verb(*case.args, **case.options, job=job)
    assert (result.shape, result.dtype.name) == (case.shape, case.dtype)
    assert result.flags.c_contiguous
    for before, after in zip(copies, case.args, strict=True):
        assert np.array_equal(before, after), "the input was written to"
    assert np.array_equal(verb(*case.args, **case.options), result), "the same call gave other bytes"
    fractions = [progress.fraction for progress in seen]
    assert fractions == sorted(fractions) and fractions[-1] == pytest.approx(1.0)
    assert {"model", "title", "device", "precision", "seconds"} <= set(job.facts)


@pytest.mark.parametrize(("kind", "index"), CASES, ids=lambda value: getattr(value, "name", value))
def test_a_cancelled_job_does_nothing(engines: Engines, kind: type[Engine], index: int) -> None:
    verb, case = example(engines, kind, index)
    job = Job()
    job.cancel()
    with pytest.raises(Cancelled):
        verb(*case.args, **case.options, job=job)
    assert not engines.residency.busy
    assert all(row.leases == 0 for row in engines.residency.resident())
