"""Measures known sliders on another generator: python -m engines.train.retold CARD --directions FILE --out FILE

For a generator that grew from the one whose sliders they are, that was taught since, or whose noise changed.
Steps stay, lengthened where there are more layers, and so do ranges, but for ends at which the median face passes the
bound on identity distance: these are drawn in. Every figure is measured again, or with --only those of some sliders.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from engines.core.errors import StudioError
from engines.models.face_attributes import FaceAttributes
from engines.models.style_generator import StyleGenerator, stretched
from engines.train.directions import strip, told, walk, within
from engines.train.recipes.encoder import ASSETS, load_module
from engines.train.responses import Scores, Trial, kept_census
from engines.train.sliders import SLIDERS, Found, read, write


def lengthened(one: Found, step: Tensor, num_ws: int) -> tuple[Found, Tensor]:
    """A direction (L, w_dim) for a generator of num_ws latents, L of them or more."""
    first, last = one.layers
    longer = step[stretched(len(step), num_ws)]
    return replace(one, layers=(first, num_ws if last == len(step) else last)), longer


def figures(trial: Trial, one: Found, step: Tensor) -> Found:
    """What this direction does to generated faces, over the range it has, or what of that keeps people themselves."""
    slider = next(slider for slider in SLIDERS if slider.name == one.name)
    low, high = (within(trial, step, end) for end in (one.low, one.high))
    path, rises = walk(slider, trial, step, low, high)
    again = told(slider, trial, one.method, one.layers, step, low, high, path, rises)
    return replace(again, bend=one.bend)


def all_figures(
    trial: Trial,
    known: tuple[Sequence[Found], Sequence[Tensor]],
    *,
    strips: Path | None,
    say: Callable[[str], None],
    only: Sequence[str] = (),
) -> tuple[list[Found], list[Tensor]]:
    """Every direction lengthened and measured; strips: folder for a strip of each.  only: others keep their figures."""
    found, steps = [], []
    for one, step in zip(*known, strict=True):
        one, step = lengthened(one, step, trial.net.options.num_ws)
        steps.append(step)
        if only and one.name not in only:
            found.append(one)
            continue
        found.append(figures(trial, one, step))
        say(str(found[-1]))
        if strips is not None:
            strips.mkdir(parents=True, exist_ok=True)
            strip(trial, step, found[-1]).save(strips / f"{one.name}.png")
    return found, steps


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; the exit code is 1 after an error whose sentence goes to stderr."""
    parser = argparse.ArgumentParser(prog="python -m engines.train.retold", description=__doc__.splitlines()[0])
    parser.add_argument("card", type=Path, help="card of the generator")
    parser.add_argument("--reader", type=Path, default=ASSETS / "face-attributes.toml", help="card of the face reader")
    parser.add_argument("--directions", type=Path, required=True, help="the sliders that there are")
    parser.add_argument("--out", type=Path, required=True, help="the .safetensors file to write")
    parser.add_argument("--strips", type=Path, help="folder for a strip of each slider")
    parser.add_argument("--census", type=Path, help="file that keeps who was read, so that a second run need not")
    parser.add_argument("--count", type=int, default=12_000, help="people to make and read (default 12000)")
    parser.add_argument("--posed", type=int, default=3_000, help="of these, people whose pose is read (default 3000)")
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="sliders to measure (default: all)")
    parser.add_argument("--faces", type=int, default=50, help="people who are measured (default 50)")
    parser.add_argument("--seed", type=int, default=22, help="of those people (default 22, as in directions)")
    given, say = parser.parse_args(arguments), partial(print, flush=True)
    try:
        net, reader = load_module(given.card, StyleGenerator), load_module(given.reader, FaceAttributes)
        scores = Scores(reader)
        people = kept_census(net, scores, given.census, count=given.count, posed=given.posed, say=say)
        trial = Trial(net, scores, people, count=given.faces, seed=given.seed)
        with torch.no_grad():
            known = read(given.directions)
            write(given.out, *all_figures(trial, known, strips=given.strips, say=say, only=given.only))
    except StudioError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
