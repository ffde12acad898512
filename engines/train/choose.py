"""Which of a run's results to ship: python -m engines.train.choose RUN --least FIGURE [--at-most FIGURE=VALUE …].

A run keeps the results of its last snapshots in G_ema/. Each is measured as its recipe measures, on the pictures it
holds back, and of those within the bounds the one with the least of a figure is named. An adversarial phase, for one,
is to end before colours turn wild: --least frechet_lite2 --at-most colourfulness_ratio=1.15 ciede2000=9.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from engines.core.errors import DatasetError, StudioError
from engines.core.weights import read_tensors
from engines.train import recipes
from engines.train.__main__ import archives, chosen
from engines.train.loop import choose_machine
from engines.train.runs import RunFolder
from engines.train.spectral import plain_copy

Figures = Mapping[str, float]


def measured(run: Path, *, data: Sequence[Path] = (), device: str = "auto") -> dict[Path, Figures]:
    """The figures of every result that a run has kept, oldest first. data: where the archives are now, if elsewhere.

    DatasetError where there is no run, no result, or a recipe whose results cannot be measured alone.
    """
    stored = RunFolder(run).read_options() if run.is_dir() else {}
    files = sorted((run / "G_ema").glob("*.safetensors"))
    if not stored or not files:
        raise DatasetError(f"{run} holds no results of a training. Name a run folder with a snapshot.")
    recipe = recipes.find(stored["recipe"])
    where = archives(data or [Path(path) for path in stored["data"]], recipe.DATA)
    machine = choose_machine(device, "auto", seed=stored["seed"])
    trainee: Any = recipe.build(where, chosen(recipe.Options, {}, stored["options"]), machine)
    if not isinstance(getattr(trainee, "ema", None), torch.nn.Module):
        raise DatasetError(f"Results of {stored['recipe']} are not measured alone. Use its own measures.")
    trainee.ema = plain_copy(trainee.ema)
    found = {}
    for file in files:
        trainee.ema.load_state_dict({name: tensor.float() for name, tensor in read_tensors(file).items()})
        found[file] = trainee.measure()
    return found


def best(found: Mapping[Path, Figures], *, least: str, at_most: Mapping[str, float]) -> Path:
    """The result with the least of a figure among those within the bounds. DatasetError if a name or none fits."""
    known = next(iter(found.values()))
    for name in (least, *at_most):
        if name not in known:
            raise DatasetError(f"{name} is not measured here. There are: {', '.join(known)}.")
    fitting = [file for file, figures in found.items() if all(figures[name] <= most for name, most in at_most.items())]
    if not fitting:
        raise DatasetError("No result is within these bounds. Widen them, or train on.")
    return min(fitting, key=lambda file: found[file][least])


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a line for each result and the path of the best; 1 after an error whose sentence goes to stderr."""
    parser = argparse.ArgumentParser(prog="python -m engines.train.choose", description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("--least", required=True, metavar="FIGURE")
    parser.add_argument("--at-most", nargs="+", default=[], metavar="FIGURE=VALUE")
    parser.add_argument("--data", nargs="+", type=Path, default=[], metavar="ZIP")
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))
    given = parser.parse_args(arguments)
    try:
        bounds = {name: float(value) for name, value in (item.split("=", 1) for item in given.at_most)}
    except ValueError:
        parser.error("--at-most takes FIGURE=VALUE, for example colourfulness_ratio=1.15.")
    try:
        found = measured(given.run, data=given.data, device=given.device)
        for file, figures in found.items():
            print(file.stem, *(f"{name} {value:.4g}" for name, value in figures.items()), sep="  ", flush=True)
        print(best(found, least=given.least, at_most=bounds))
    except StudioError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
