"""Which device does the work, how much memory it has left, and which number format it is fast in."""

from __future__ import annotations

import functools
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import torch

from engines.core.errors import OptionError

PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


@dataclass(frozen=True)
class Device:
    """A place to run networks on.

    kind: cpu, cuda or mps; index: which of several.  name: for people, "NVIDIA H100" or "CPU".
    fast: the reduced precision the hardware runs clearly faster than float32, or None. A network uses it only where
    its own error allows (`network.py`).
    """

    kind: str
    name: str
    fast: str | None
    index: int = 0

    @property
    def torch_device(self) -> torch.device:
        return torch.device(self.kind, self.index) if self.kind == "cuda" else torch.device(self.kind)

    def describe(self) -> str:
        """For the page's header: `CPU · 2 cores · bfloat16`."""
        count = torch.get_num_threads()
        cores = [f"{count} {'core' if count == 1 else 'cores'}"] if self.kind == "cpu" else []
        return " · ".join([self.name, *cores, self.fast or "float32"])

    def free_bytes(self) -> int:
        """Memory a new allocation may take without swapping or failing."""
        if self.kind == "cuda":
            return int(torch.cuda.mem_get_info(self.index)[0])
        return free_host_bytes()

    def release(self) -> None:
        """Give cached blocks back, so that `free_bytes` tells the truth after networks left."""
        if self.kind == "cuda":
            torch.cuda.empty_cache()
        elif self.kind == "mps":
            torch.mps.empty_cache()

    def synchronize(self) -> None:
        """Wait until everything handed to the device is done."""
        if self.kind == "cuda":
            torch.cuda.synchronize(self.index)
        elif self.kind == "mps":
            torch.mps.synchronize()


def free_host_bytes() -> int:
    """Memory of this machine that can be taken now: MemAvailable, and what a container's limit leaves of it."""
    free = 4 << 30
    meminfo = Path("/proc/meminfo")
    if meminfo.exists():
        lines = dict(line.split(":", 1) for line in meminfo.read_text().splitlines() if ":" in line)
        free = int(lines["MemAvailable"].split()[0]) << 10
    elif sys.platform != "win32" and "SC_AVPHYS_PAGES" in os.sysconf_names:
        free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    limit, used = Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")
    if limit.exists() and used.exists() and (text := limit.read_text().strip()) != "max":
        free = min(free, max(int(text) - int(used.read_text()), 0))
    return free


def choose(name: str = "auto") -> Device:
    """The device called `name`: auto, cpu, cuda, cuda:1 …, mps. OptionError when this machine has no such device."""
    kind, _, number = name.partition(":")
    if kind not in ("auto", "cpu", "cuda", "mps") or (number and (kind != "cuda" or not number.isdecimal())):
        raise OptionError(f'There is no device "{name}". Choose auto, cpu, cuda, cuda:1 or mps.')
    has = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if kind == "auto":
        kind = "cuda" if has["cuda"] else "mps" if has["mps"] else "cpu"
    index = int(number or 0)
    if not has[kind] or (kind == "cuda" and index >= torch.cuda.device_count()):
        raise OptionError(f"This machine, or its build of torch, has no {name} device. Choose auto or cpu.")
    if kind == "cuda":
        return Device("cuda", torch.cuda.get_device_name(index), "float16", index)
    if kind == "mps":
        return Device("mps", "Apple GPU", "float16")
    return Device("cpu", "CPU", "bfloat16" if cpu_bfloat16_gain() > 1.3 else None)


@functools.cache
def cpu_bfloat16_gain() -> float:
    """How many times faster this processor convolves in bfloat16 than in float32, measured once (about 60 ms).

    Processors without bfloat16 instructions emulate it and come out below 1. The best of many short pieces, the two
    formats in turn: other work on the machine does not decide.
    """
    formats = (torch.float32, torch.bfloat16)
    best = dict.fromkeys(formats, float("inf"))
    for _ in range(12):
        for dtype in formats:
            best[dtype] = min(best[dtype], convolution_seconds(dtype))
    return best[torch.float32] / best[torch.bfloat16]


def convolution_seconds(dtype: torch.dtype, *, size: int = 48, repeats: int = 2) -> float:
    """The best of `repeats` times for one 3x3 convolution, 64 to 64 channels, on a (1, 64, size, size) input."""
    conv = torch.nn.Conv2d(64, 64, 3, padding=1).to(dtype=dtype, memory_format=torch.channels_last)  # type: ignore[call-overload]
    x = torch.ones(1, 64, size, size, dtype=dtype).to(memory_format=torch.channels_last)
    best = float("inf")
    with torch.inference_mode():
        conv(x)
        for _ in range(repeats):
            start = time.perf_counter()
            conv(x)
            best = min(best, time.perf_counter() - start)
    return best
