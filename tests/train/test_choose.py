"""Choosing among a run's results: each is measured as it would ship, bounds are kept, mistakes get a sentence."""

from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from engines.core.errors import DatasetError
from engines.train import choose, recipes
from engines.train.loop import Machine, options_record
from engines.train.runs import RunFolder
from engines.train.spectral import folded, normalise


@dataclass(frozen=True)
class Options:
    width: int = 1


class Trainee:
    """One convolution of one weight; its figures are the weight and its distance from 3."""

    def __init__(self) -> None:
        self.ema = nn.Sequential(nn.Conv2d(1, 1, 1, bias=False))
        normalise([self.ema])

    def measure(self) -> dict[str, float]:
        value = float(self.ema(torch.ones(1, 1, 1, 1)).detach())
        return {"size": value, "error": abs(value - 3)}


def build(data: list[Path], options: Options, machine: Machine) -> Any:
    return Trainee() if options.width == 1 else SimpleNamespace(ema=None)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run with four results, of weights 1 to 4."""
    recipe = SimpleNamespace(Options=Options, DATA=("a.zip",), build=build)
    monkeypatch.setattr(recipes, "find", lambda name: recipe)
    folder = RunFolder(tmp_path / "run")
    folder.open()
    folder.write_options(options_record("fake", [], Options(), Machine(torch.device("cpu"), torch.float32, 0)))
    for value in (1, 2, 3, 4):
        trainee = Trainee()
        with torch.no_grad():
            trainee.ema[0].weight = torch.full((1, 1, 1, 1), float(value))
            trainee.ema[0].parametrizations.weight[0].gain.fill_(value)  # type: ignore[union-attr, index]
        folder.write_generator(folded(trainee.ema.state_dict()), images=100 * value)
    return folder.path


def test_each_result_is_measured_and_the_best_within_bounds_is_named(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = choose.measured(run)
    assert [round(figures["size"], 4) for figures in found.values()] == [1, 2, 3, 4]
    assert choose.main([str(run), "--least", "error"]) == 0
    assert capsys.readouterr().out.splitlines()[-1].endswith("000000300.safetensors")
    assert choose.main([str(run), "--least", "error", "--at-most", "size=2.5"]) == 0
    assert capsys.readouterr().out.splitlines()[-1].endswith("000000200.safetensors")


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        (["--least", "beauty"], "beauty is not measured here. There are: size, error."),
        (["--least", "error", "--at-most", "size=0.5"], "No result is within these bounds."),
    ],
)
def test_what_cannot_be_chosen_by_gets_a_sentence(
    run: Path, asked: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert choose.main([str(run), *asked]) == 1
    assert sentence in capsys.readouterr().err


def test_a_folder_without_results_and_a_recipe_without_an_average_are_refused(run: Path, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="holds no results"):
        choose.measured(tmp_path / "elsewhere")
    record = options_record("fake", [], Options(width=2), Machine(torch.device("cpu"), torch.float32, 0))
    RunFolder(run).write_options(record)
    with pytest.raises(DatasetError, match="are not measured alone"):
        choose.measured(run)
