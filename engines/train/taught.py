"""Measures what a generator was taught and puts it among its sliders: python -m engines.train.taught RUN --out FILE.

A run of the recipe teach keeps the new steps in its snapshots. One unit of such a direction is the whole lesson on the
generator's own faces; on the copy of a photo it does less, so that the range of shut eyes goes further. A range ends
earlier where the median face would pass the bound on identity distance.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from engines.core.errors import DatasetError, StudioError
from engines.models.face_attributes import FaceAttributes
from engines.models.style_generator import StyleGenerator
from engines.train import lessons
from engines.train.directions import strip, told, walk, within
from engines.train.recipes.encoder import ASSETS, load_module
from engines.train.responses import Scores, Trial, kept_census
from engines.train.runs import RunFolder
from engines.train.sliders import SLIDERS, Found, merged, read, write

HIGH = {"eyes_shut": 1.3}  # where ranges end other than at 1, by eye on three photographs


def steps_of(run: RunFolder) -> Tensor:
    """The averaged steps (lessons, num_ws, w_dim) of a run's newest snapshot."""
    snapshot = run.newest_snapshot()
    if snapshot is None or "steps" not in snapshot.parts.get("ema", {}):
        raise DatasetError(f"{run.path} holds no run of the recipe teach. Name another folder.")
    return snapshot.parts["ema"]["steps"].float()


def figures(trial: Trial, steps: Mapping[str, Tensor], strips: Path | None = None) -> list[Found]:
    """What each of these lessons does to generated faces, from none of it to all."""
    found = []
    for name, step in steps.items():
        slider = next(slider for slider in SLIDERS if slider.name == name)
        high = within(trial, step, HIGH.get(name, 1.0))
        path, rises = walk(slider, trial, step, 0.0, high)
        one = told(slider, trial, "taught", (0, len(step)), step, 0.0, high, path, rises)
        if strips is not None:
            strips.mkdir(parents=True, exist_ok=True)
            strip(trial, step, one).save(strips / f"{name}.png")
        found.append(one)
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; the exit code is 1 after an error whose sentence goes to stderr."""
    parser = argparse.ArgumentParser(prog="python -m engines.train.taught", description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, help="run folder of the recipe teach")
    parser.add_argument("--generator", type=Path, default=ASSETS / "faces-128.toml", help="card of what was taught")
    parser.add_argument("--reader", type=Path, default=ASSETS / "face-attributes.toml", help="card of the face reader")
    parser.add_argument("--census", type=Path, required=True, help="file of people read (--census of directions)")
    parser.add_argument("--directions", type=Path, required=True, help="the sliders that there are")
    parser.add_argument("--out", type=Path, required=True, help="the .safetensors file to write")
    parser.add_argument("--strips", type=Path, help="folder for a strip of each lesson")
    parser.add_argument("--only", nargs="+", choices=lessons.NAMES, help="lessons to take (default: all)")
    parser.add_argument("--faces", type=int, default=50, help="people who are measured (default 50)")
    given = parser.parse_args(arguments)
    try:
        every = dict(zip(lessons.NAMES, steps_of(RunFolder(given.run)), strict=True))
        steps = {name: every[name] for name in given.only or lessons.NAMES}
        net, reader = load_module(given.generator, StyleGenerator), load_module(given.reader, FaceAttributes)
        scores = Scores(reader)
        people = kept_census(net, scores, given.census, say=print)
        with torch.no_grad():
            found = figures(Trial(net, scores, people, count=given.faces, seed=22), steps, given.strips)
        write(given.out, *merged(read(given.directions), found, list(steps.values())))
    except StudioError as error:
        print(error, file=sys.stderr)
        return 1
    for one in found:
        print(f"{one.name}: {one}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
