"""The loop: budget, stop file, signals, going on; with a recipe that only counts."""

import json
import os
import signal
import time

import pytest
import torch
from PIL import Image

from engines.core.card import ModelCard, Source, read_card
from engines.core.errors import StudioError
from engines.train import recipes
from engines.train.loop import Schedule, choose_machine, train
from engines.train.runs import RunFolder

CARD = ModelCard(
    "counted", "face_editing", "Counted", "For tests.", "style_generator", Source("own", ()), "MIT", "nothing"
)


class Counter:
    """A walk of random numbers: its sum depends on every step since the start."""

    def __init__(self, *, delay: float = 0.0, at_step: dict[int, object] | None = None) -> None:
        self.count, self.total, self.delay = 0, torch.zeros(()), delay
        self.rng = torch.Generator().manual_seed(0)
        self.at_step = at_step or {}

    @property
    def images(self):
        return self.count * 2

    def step(self):
        self.count += 1
        self.total = self.total + torch.randn((), generator=self.rng)
        time.sleep(self.delay)
        self.at_step.get(self.count, lambda: None)()
        return {"loss": torch.tensor(float(self.count))}

    def state(self):
        numbers = {"count": torch.tensor(self.count), "total": self.total, "rng": self.rng.get_state()}
        return {"counters": numbers}

    def load_state(self, parts):
        numbers = parts["counters"]
        self.count, self.total = int(numbers["count"]), numbers["total"]
        self.rng.set_state(numbers["rng"])

    def sample(self):
        return Image.new("RGB", (4, 4))

    def measure(self):
        return {"frechet_lite2": 12.5}

    def result(self):
        return {"total": self.total.half()}

    def card(self):
        return CARD


def quiet(_line):
    pass


def test_going_on_equals_no_interruption(tmp_path):
    whole, first, second = Counter(), Counter(), Counter()
    train(whole, RunFolder(tmp_path / "whole"), Schedule(max_images=20), say=quiet)
    assert train(first, RunFolder(tmp_path / "parts"), Schedule(max_images=8), say=quiet) == "images"
    train(second, RunFolder(tmp_path / "parts"), Schedule(max_images=20), say=quiet)
    assert second.count == whole.count == 10
    assert torch.equal(second.total, whole.total) and not torch.equal(first.total, whole.total)


def test_a_finished_run_is_not_gone_on_with(tmp_path):
    for _ in range(2):
        counter = Counter()
        assert train(counter, RunFolder(tmp_path), Schedule(max_images=8), say=quiet) == "images"
        assert counter.count == 4


def test_a_state_that_does_not_fit_is_told_before_anything_is_written(tmp_path):
    class Other(Counter):
        def load_state(self, parts):
            raise RuntimeError("size mismatch for G.weight")

    folder, began = RunFolder(tmp_path), []
    train(Counter(), folder, Schedule(max_images=8), say=quiet, begun=lambda: began.append(1))
    with pytest.raises(StudioError, match="made with other options"):
        train(Other(), folder, Schedule(max_images=20), say=quiet, begun=lambda: began.append(2))
    assert began == [1], "what the run was begun with stays written"
    assert train(Counter(), folder, Schedule(max_images=20), say=quiet) == "images"


def test_the_budget_is_kept(tmp_path):
    start = time.monotonic()
    assert train(Counter(delay=0.01), RunFolder(tmp_path), Schedule(minutes=0.3 / 60), say=quiet) == "time"
    assert 0.3 <= time.monotonic() - start < 10


def test_a_stop_file_ends_the_run_and_is_forgotten_by_the_next(tmp_path):
    folder = RunFolder(tmp_path)
    assert train(Counter(at_step={3: folder.stop_file.touch}), folder, Schedule(max_images=100), say=quiet) == "stop"
    assert folder.newest_snapshot().images == 6
    assert train(Counter(), folder, Schedule(max_images=10), say=quiet) == "images"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_run_with_a_snapshot(tmp_path, number):
    folder, before = RunFolder(tmp_path), signal.getsignal(number)
    counter = Counter(at_step={2: lambda: os.kill(os.getpid(), number)})
    assert train(counter, folder, Schedule(max_images=100), say=quiet) == "signal"
    assert folder.newest_snapshot().images == 4
    assert signal.getsignal(number) is before


def test_the_folder_tells_everything(tmp_path):
    folder = RunFolder(tmp_path)
    train(
        Counter(),
        folder,
        Schedule(max_images=8, stats_every=2, sample_minutes=1e-9, measure_minutes=1e-9),
        say=quiet,
    )
    stats = folder.read_stats()
    assert [line["loss"] for line in stats if "loss" in line] == [1.5, 3.5]
    assert stats[-1]["frechet_lite2"] == 12.5
    assert len(list((tmp_path / "samples").glob("*.png"))) == 4
    card = read_card(tmp_path / "card.toml")
    assert card.id == "counted" and card.parameters == 1 and card.metrics["frechet_lite2"] == 12.5
    assert card.source.files[0].bytes == (tmp_path / "counted.safetensors").stat().st_size


def test_the_machine():
    machine = choose_machine("cpu", "float32", seed=3)
    assert (machine.device.type, machine.dtype, machine.seed) == ("cpu", torch.float32, 3)
    with choose_machine("cpu", "bfloat16", seed=0).autocast():
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.bfloat16
    with pytest.raises(StudioError):
        choose_machine("abacus", "auto", seed=0)


def test_recipes_are_found_by_scanning():
    assert "faces" in recipes.names()
    for name in recipes.names():
        recipe = recipes.find(name)
        assert recipe.HELP and callable(recipe.build)
        json.dumps(recipe.Options().__dict__)  # options.json can hold every option
