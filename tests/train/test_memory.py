"""Freed memory stays with a training."""

import subprocess
import sys

import pytest

FAULTS = """
import resource, torch
from engines.train.memory import keep_freed
kept = {call}
def step():
    torch.zeros(24_000_000).add_(1)  # 96 MB: far above the size that glibc maps by itself
for _ in range(12):  # until the heap has holes of the right size
    step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(4):
    step()
print(kept, resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(call):
    done = subprocess.run(
        [sys.executable, "-c", FAULTS.format(call=call)], capture_output=True, text=True, check=True, timeout=120
    )
    kept, count = done.stdout.split()
    return kept == "True", int(count)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="mallopt(3) is glibc's")
def test_a_step_takes_no_new_pages_once_freed_memory_is_kept():
    kept, count = faults("keep_freed()")
    if not kept:
        pytest.skip("the C library here is not glibc")
    _, without = faults("False")
    assert count < 200
    assert without > 1000  # transparent huge pages make 2 MB a fault, small pages 4 KB
    assert without > 5 * count
