"""The loop around every recipe: budget, statistics, samples, measures, snapshots, stopping and going on."""

import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from PIL import Image
from torch import Tensor

from engines.core.card import ModelCard
from engines.core.device import choose
from engines.core.errors import StudioError
from engines.train.finish import write_result
from engines.train.runs import Parts, RunFolder, Snapshot

PAUSE = 60.0  # a step that took longer was paused from outside; only this much of it counts as spent


@dataclass(frozen=True)
class Machine:
    """Where a training runs. device: cpu or cuda. dtype: what autocast multiplies in. seed: of everything random."""

    device: torch.device
    dtype: torch.dtype
    seed: int

    def autocast(self) -> torch.autocast:
        """The context for forward passes; float32 switches it off."""
        return torch.autocast(self.device.type, dtype=self.dtype, enabled=self.dtype != torch.float32)


def choose_machine(device: str, precision: str, *, seed: int) -> Machine:
    """device: as `choose`, with its OptionError. precision: auto (bfloat16 where it is fast), bfloat16, float32."""
    chosen = choose(device)
    fast = chosen.kind == "cuda" or chosen.fast == "bfloat16"
    wanted = ("bfloat16" if fast else "float32") if precision == "auto" else precision
    return Machine(chosen.torch_device, {"bfloat16": torch.bfloat16, "float32": torch.float32}[wanted], seed)


class Trainee(Protocol):
    """What a recipe builds: networks, optimisers and data, one step at a time."""

    @property
    def images(self) -> int:
        """Training pictures shown so far, the clock of the run."""
        ...

    def step(self) -> Mapping[str, Tensor]:
        """One step of optimisation; scalars for the statistics, still on the device."""
        ...

    def state(self) -> Parts:
        """Everything needed to go on exactly: networks, moments, counters, state of the random numbers."""
        ...

    def load_state(self, parts: Parts) -> None:
        """Put `state` back. RuntimeError or ValueError if it belongs to other options."""
        ...

    def sample(self) -> Image.Image:
        """A sheet of the same samples each time; must not disturb the training's random numbers."""
        ...

    def measure(self) -> Mapping[str, float]:
        """Figures on pictures not trained on; may take a minute; must not disturb the training's random numbers."""
        ...

    def result(self) -> dict[str, Tensor]:
        """What would be shipped, in float16."""
        ...

    def card(self) -> ModelCard:
        """The card of `result`, without files and metrics, which the loop fills in."""
        ...


class Recipe(Protocol):
    """What a module of `engines/train/recipes` offers."""

    HELP: str  # one line for the command line
    DATA: tuple[str, ...]  # names of the archives the shipped weights were trained on
    Options: type[Any]  # a frozen dataclass; each field becomes an option of the command line

    def build(self, data: Sequence[Path], options: Any, machine: Machine) -> Trainee:
        """Read the data and make the networks."""
        ...


@dataclass(frozen=True)
class Schedule:
    """When the loop does what. Minutes are of wall clock; minutes = 0 trains until stopped.

    measure_minutes = 0 measures at the end only. max_images = 0 sets no limit.
    """

    minutes: float = 0.0
    max_images: int = 0
    stats_every: int = 20
    sample_minutes: float = 5.0
    snapshot_minutes: float = 10.0
    measure_minutes: float = 30.0


def train(
    trainee: Trainee,
    folder: RunFolder,
    schedule: Schedule,
    *,
    say: Callable[[str], None] = print,
    begun: Callable[[], None] = lambda: None,
) -> str:
    """Train until the budget is spent or someone asks to stop; ends with a snapshot, a sheet and a card.

    Goes on from the newest good snapshot in the folder. begun: called once that has worked. Returns why it ended: time,
    images, stop or signal.  StudioError: a snapshot that does not fit, of which nothing is lost.
    """
    deadline = time.monotonic() + schedule.minutes * 60 if schedule.minutes else float("inf")
    folder.open()
    before = folder.newest_snapshot()
    if before is not None:
        try:
            trainee.load_state(before.parts)
        except (RuntimeError, ValueError, KeyError) as error:
            raise StudioError(
                f"The snapshot in {folder.path} was made with other options. Leave them out, or name another folder."
            ) from error
        say(f"going on from {before.images} images")
    begun()
    folder.rewind_stats(trainee.images)
    with _signals() as signalled:
        run = _Run(trainee, folder, schedule, say, before.seconds if before else 0.0)
        reason = "images" if schedule.max_images and trainee.images >= schedule.max_images else ""
        while not reason:
            run.step()
            reason = _why_stop(trainee, folder, schedule, deadline, signalled)
            if not reason:
                run.look_around()
        run.finish(measure=reason not in ("signal",))
    return reason


def _why_stop(trainee: Trainee, folder: RunFolder, schedule: Schedule, deadline: float, signalled: list[int]) -> str:
    """Why to end now, or an empty string."""
    if signalled:
        return "signal"
    if folder.stop_file.exists():
        return "stop"
    if schedule.max_images and trainee.images >= schedule.max_images:
        return "images"
    return "time" if time.monotonic() >= deadline else ""


class _Run:
    """One stretch of a run: the trainee, its folder, and when each periodic thing was last done."""

    def __init__(
        self,
        trainee: Trainee,
        folder: RunFolder,
        schedule: Schedule,
        say: Callable[[str], None],
        seconds: float,
    ) -> None:
        self.trainee, self.folder, self.schedule, self.say = trainee, folder, schedule, say
        self.seconds = seconds  # spent on the run, over all starts
        self.sums: dict[str, Tensor] = {}
        self.steps, self.first_image = 0, trainee.images
        self.now = self.stats_at = time.monotonic()
        self.done = {"sample": self.now, "snapshot": self.now, "measure": self.now}

    def step(self) -> None:
        """One step of the trainee, its scalars added up on the device."""
        for name, value in self.trainee.step().items():
            self.sums[name] = self.sums.get(name, torch.zeros_like(value)) + value.detach()
        self.steps += 1
        if self.steps % self.schedule.stats_every == 0:
            self._write_stats()
        now = time.monotonic()
        self.seconds, self.now = self.seconds + min(now - self.now, PAUSE), now

    def look_around(self) -> None:
        """Whatever is due: samples, measures, a snapshot."""
        if self._due("sample", self.schedule.sample_minutes):
            self.folder.write_sample(self.trainee.sample(), images=self.trainee.images)
        if self._due("measure", self.schedule.measure_minutes):
            self._measure()
        if self._due("snapshot", self.schedule.snapshot_minutes):
            self._snapshot()

    def finish(self, *, measure: bool) -> None:
        """The last snapshot first, since whoever signalled may not wait for the rest."""
        self._snapshot()
        self.folder.write_sample(self.trainee.sample(), images=self.trainee.images)
        measured = self._measure() if measure else {}
        write_result(self.folder, self.trainee.card(), self.trainee.result(), measured, seconds=self.seconds)

    def _due(self, name: str, minutes: float) -> bool:
        """Whether this many minutes have passed since it was last done; notes that it is done now."""
        now = time.monotonic()
        if not minutes or now - self.done[name] < minutes * 60:
            return False
        self.done[name] = now
        return True

    def _write_stats(self) -> None:
        """The mean of each scalar since the last line, and the speed."""
        means = {name: round(float(value) / self.schedule.stats_every, 5) for name, value in self.sums.items()}
        now = time.monotonic()
        speed = round((self.trainee.images - self.first_image) / (now - self.stats_at), 2)
        self.sums, self.stats_at, self.first_image = {}, now, self.trainee.images
        line = {
            "images": self.trainee.images,
            "seconds": round(self.seconds, 1),
            "images_per_second": speed,
            **means,
        }
        self.folder.append_stats(line)
        self.say("  ".join(f"{name} {value:g}" for name, value in line.items()))

    def _measure(self) -> dict[str, float]:
        """Measure and put the figures among the statistics."""
        figures = {name: round(value, 5) for name, value in self.trainee.measure().items()}
        self.folder.append_stats({"images": self.trainee.images, "seconds": round(self.seconds, 1), **figures})
        self.say(f"measured at {self.trainee.images} images: {figures}")
        return figures

    def _snapshot(self) -> None:
        """A full snapshot and a light copy of the result."""
        snapshot = Snapshot(self.trainee.images, self.seconds, self.trainee.state())
        self.say(f"snapshot {self.folder.write_snapshot(snapshot).name}")
        self.folder.write_generator(self.trainee.result(), images=self.trainee.images)


@contextmanager
def _signals() -> Iterator[list[int]]:
    """A list that fills when SIGTERM or SIGINT comes; the old handlers return afterwards."""
    received: list[int] = []
    handlers = {}
    for number in (signal.SIGTERM, signal.SIGINT):
        handlers[number] = signal.signal(number, lambda code, _frame: received.append(code))
    try:
        yield received
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def options_record(recipe: str, data: Sequence[Path], options: Any, machine: Machine) -> dict[str, Any]:
    """What options.json keeps of a start."""
    return {
        "recipe": recipe,
        "data": [str(path) for path in data],
        "options": asdict(options),
        "seed": machine.seed,
        "device": machine.device.type,
        "precision": str(machine.dtype).removeprefix("torch."),
        "torch": torch.__version__,
    }
