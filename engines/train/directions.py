"""Latent directions of a face generator, found and measured: python -m engines.train.directions CARD --reader CARD

For each slider of the face tab one direction in W+ that changes its score (an attribute of the face reader, years,
the turn of the head, light) and leaves the others alone. After Shen et al. 2020, whose directions are orthogonalised
against the others; here that is done where it counts, in what they change:

    d = C A (A' C A + r)^-1 e

the shortest step, in the metric of the latents' own covariance C, that moves the wanted score by one and the held ones
by nothing, to first order. A is what the scores respond to, told in two ways: by regression on w over thousands of
generated faces, and by the mean gradient through generator and reader in W+. With an encoder and pictures of people
(--encoder, --data) a third way comes first: what the latents of those who have an attribute differ in from all others'
(`portraits.py`). It knows what the generator rarely draws by itself, and cannot please the reader with a pattern, as a
gradient can. Where even that moves something else by more than half as much, small moves of every kind are tried and
mixed (`axes.py`). Every way is tried over several ranges of layers on faces of its own, and what moves the wanted score
most for what it moves besides is kept. Its range ends where the score stops rising on nine of ten faces, or where dlib
no longer sees the same person, or at `Slider.most`.
"""

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import cache, partial
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from engines.core.errors import StudioError
from engines.models.face_attributes import FaceAttributes
from engines.models.face_encoder import FaceEncoder
from engines.models.style_generator import StyleGenerator
from engines.train.axes import PEOPLE, SEED, Axes, axes
from engines.train.data import contact_sheet, to_bytes
from engines.train.portraits import Portraits, mixes, portraits
from engines.train.recipes.encoder import load_module
from engines.train.responses import Scores, Trial, gradients, kept_census, regress
from engines.train.sliders import HELD, MEASURED, POSE, SLIDERS, Found, Slider, merged, read, write
from engines.train.ways import PORTRAIT_RANGES, Tries, candidates, from_axes, from_people

IDENTITY_BOUND = 0.45  # dlib's distance that the end of a range may have on the median face; 0.6 is one person
MONOTONE = 0.9  # part of the faces on which the score has to rise all the way
PRESENT = 0.1  # part of the faces on which an attribute has to show at the high end, or the generator does not know it
REACH = 4.0  # no range goes further than this many standard deviations of the score
ASIDE = 0.5  # of a slider's own move, what another score may move before the next way is tried
FINDABLE = [slider for slider in SLIDERS if not slider.taught]
STEPS = 4  # points on each side of the middle at which a range is tried


def choose(slider: Slider, trial: Trial, tries: Tries) -> tuple[str, tuple[int, int], Tensor]:
    """The candidate that moves its score most for what else it moves, scaled so that one unit moves it by 1."""
    sign = -1.0 if slider.score.startswith("-") else 1.0
    names = trial.people.names
    wanted = names.index(slider.score.lstrip("-"))
    others = [names.index(name) for name in HELD if name not in (slider.score.lstrip("-"), *slider.free, *POSE)]
    best: tuple[float, str, tuple[int, int], Tensor] | None = None
    for method, layers, step in tries:
        effect = trial.effect(step, posed=wanted >= len(trial.scores.names))
        own = float(effect[wanted]) * sign
        if own < 0.05:
            continue
        step = step / own
        aside = float(effect[others].square().mean().sqrt()) / own
        merit = 1.0 / (0.1 + aside + trial.identity(trial.images(step)))
        if best is None or merit > best[0]:
            best = (merit, method, layers, step)
    if best is None:
        raise StudioError(f"Nothing here moves {slider.label.lower()}: the generator does not know it.")
    return best[1:]


def measure(slider: Slider, trial: Trial, method: str, layers: tuple[int, int], step: Tensor) -> Found | None:
    """The range of a direction and its figures; None if not even half a unit works."""
    sign = -1.0 if slider.score.startswith("-") else 1.0
    names = trial.people.names
    wanted = names.index(slider.score.lstrip("-"))
    posed = slider.score in POSE
    start = trial.read(trial.images(torch.zeros_like(step)), posed=posed)
    ends = {}
    for side in (-1.0, 1.0):
        ends[side] = _end(trial, step, side, start[:, wanted], wanted, sign, posed, slider)
    low, high = ends[-1.0], ends[1.0]
    for _ in range(5):  # the ends were found in wide steps; a finer look may ask for less
        path, rises = walk(slider, trial, step, low, high)
        if rises >= MONOTONE:
            break
        low, high = 0.8 * low, 0.8 * high
    if high - low < 0.5:
        return None
    found = told(slider, trial, method, layers, step, low, high, path, rises)
    if found.present < PRESENT:
        raise StudioError(f"{slider.label} never shows: the generator does not know it.")
    return found


def walk(slider: Slider, trial: Trial, step: Tensor, low: float, high: float) -> tuple[list[Tensor], float]:
    """Scores at STEPS points on each side from low to high, and the part of the faces on which its own always rises."""
    sign = -1.0 if slider.score.startswith("-") else 1.0
    wanted = trial.people.names.index(slider.score.lstrip("-"))
    points = [low * part / STEPS for part in range(STEPS, 0, -1)] if low else []
    points += [0.0, *(high * part / STEPS for part in range(1, STEPS + 1))]
    path = [trial.read(trial.images(point * step), posed=slider.score in POSE) for point in points]
    along = sign * torch.stack([values[:, wanted] for values in path])  # (points, N)
    rises = (along.diff(dim=0) > -slider.slip).all(0) | along.isnan().any(0)
    return path, float(rises.float().mean())


def within(trial: Trial, step: Tensor, end: float) -> float:
    """A range's end, drawn in by twentieths until the median face is within IDENTITY_BOUND of itself there."""
    ends = (end * part / 20 for part in range(20, 0, -1))
    return next((one for one in ends if trial.identity(trial.images(one * step)) <= IDENTITY_BOUND), 0.0)


def told(
    slider: Slider,
    trial: Trial,
    method: str,
    layers: tuple[int, int],
    step: Tensor,
    low: float,
    high: float,
    path: Sequence[Tensor],
    rises: float,
) -> Found:
    """The figures of a direction whose range is known. path, rises: of `walk`."""
    names = trial.people.names
    wanted = names.index(slider.score.lstrip("-"))
    identity = [trial.identity(trial.images(point * step)) for point in (low, high)]
    moved = (path[-1] - path[0]).nanmean(0)
    own = float(moved[wanted].abs())
    held = {name: abs(float(moved[names.index(name)])) / own for name in HELD if name != slider.score.lstrip("-")}
    held = {name: value for name, value in held.items() if name not in slider.free and value == value}
    worst = max(held, key=lambda name: held[name])
    change = own * float(trial.people.spread[wanted])
    present = shown(slider, path[-1][:, wanted] * trial.people.spread[wanted])
    years = change / (high - low) if slider.score == "age" else 0.0
    return Found(
        **{key: getattr(slider, key) for key in ("name", "label", "group", "low_word", "high_word")},
        attribute=slider.score,
        low=round(low, 3),
        high=round(high, 3),
        monotone=round(rises, 3),
        identity=round(max(identity), 3),
        others=round(held[worst], 3),
        moves_most=worst,
        change=round(change, 3),
        layers=layers,
        method=method,
        years_per_unit=round(years, 3),
        present=round(present, 3),
    )


def shown(slider: Slider, values: Tensor) -> float:
    """Part of the faces whose attribute the reader would call present, given its values (N,) there; 1 for the rest."""
    if slider.score in (*MEASURED, *POSE) or slider.score.startswith("-"):
        return 1.0
    return float((values > 0).float().mean())


def _end(
    trial: Trial, step: Tensor, side: float, start: Tensor, wanted: int, sign: float, posed: bool, slider: Slider
) -> float:
    """How far a direction goes to one side: while the score keeps rising on most faces and people stay themselves."""
    reached, before = 0.0, start

    def works(distance: float) -> Tensor | None:
        """The score there, or None where it no longer works."""
        images = trial.images(side * distance * step)
        now = trial.read(images, posed=posed)[:, wanted]
        rises = (sign * side * (now - before) > -slider.slip) | now.isnan() | before.isnan()
        good = float(rises.float().mean()) >= MONOTONE and trial.identity(images) <= IDENTITY_BOUND
        return now if good else None

    for distance in torch.arange(0.5, min(REACH, slider.most) + 0.01, 0.5).tolist():
        now = works(distance)
        if now is None:
            reached += 0.25 * (works(distance - 0.25) is not None)
            break
        reached, before = distance, now
    return side * reached


def strip(trial: Trial, step: Tensor, found: Found, *, people: int = 3) -> Image.Image:
    """Three people along a range, low to high, a row each."""
    points = np.linspace(found.low, found.high, 7)
    columns = [to_bytes(trial.images(float(point) * step, first=people)) for point in points]
    return contact_sheet(torch.stack(columns, 1).flatten(0, 1), columns=len(points))


def main(arguments: Sequence[str] | None = None) -> int:
    """Find and measure every direction; writes CARD-directions.safetensors beside --out, and strips if asked."""
    parser = argparse.ArgumentParser(prog="python -m engines.train.directions", description=__doc__)
    parser.add_argument("card", type=Path, help="card of a face generator")
    parser.add_argument("--reader", type=Path, required=True, help="card of the face reader (recipe attributes)")
    parser.add_argument("--out", type=Path, required=True, help="the .safetensors file to write")
    parser.add_argument("--strips", type=Path, help="folder for a strip of each direction")
    parser.add_argument("--encoder", type=Path, help="card of the generator's encoder (recipe encoder)")
    parser.add_argument("--data", type=Path, nargs="+", default=[], metavar="ZIP", help="faces for the encoder")
    parser.add_argument("--count", type=int, default=12_000, help="people to make and read (default 12000)")
    parser.add_argument("--portraits", type=int, default=12_000, help="pictures of --data to read (default 12000)")
    parser.add_argument("--posed", type=int, default=3_000, help="of these, people whose pose is read (default 3000)")
    parser.add_argument("--census", type=Path, help="file that keeps what was read, so that a second run need not")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="sliders to look for; others in --out are kept")
    parser.add_argument("--methods", nargs="+", metavar="NAME", help="ways to take (default: all, until one does)")
    parser.add_argument("--faces", type=int, default=50, help="people on whom ranges are measured (default 50)")
    given = parser.parse_args(arguments)
    begun = time.monotonic()

    def say(line: str) -> None:
        print(f"{time.monotonic() - begun:6.0f} s  {line}", flush=True)

    try:
        before = read(given.out) if given.only and given.out.exists() else ([], [])
        net, reader = load_module(given.card, StyleGenerator), load_module(given.reader, FaceAttributes)
        seen = None
        if given.encoder is not None:
            encoder = load_module(given.encoder, FaceEncoder)
            seen = portraits(encoder, Scores(reader), given.data, count=given.portraits)
            say(f"{len(seen.ws)} portraits read")
        found = find(
            net,
            reader,
            seen=seen,
            count=given.count,
            posed=given.posed,
            faces=given.faces,
            say=say,
            strips=given.strips,
            sliders=[slider for slider in FINDABLE if not given.only or slider.name in given.only],
            stored=given.census,
            methods=given.methods or (),
            keep=lambda found, steps: write(given.out, *merged(before, found, steps)),
        )
    except StudioError as error:
        print(error, file=sys.stderr)
        return 1
    say(f"{len(found)} directions in {given.out}")
    return 0


def find(
    net: StyleGenerator,
    reader: nn.Module,
    *,
    count: int,
    posed: int,
    faces: int,
    say: Callable[[str], None],
    seen: Portraits | None = None,
    strips: Path | None = None,
    sliders: Sequence[Slider] = FINDABLE,
    stored: Path | None = None,
    methods: Sequence[str] = (),
    keep: Callable[[Sequence[Found], Sequence[Tensor]], None] = lambda found, steps: None,
) -> list[Found]:
    """Every slider's direction and its figures, kept as they come; one that cannot be found is said and left out.

    Ways are gone in turn until one leaves other scores alone (ASIDE); else the best is kept.  methods: only these.
    stored: file that keeps what was read; the axes' effects lie beside it.
    """
    assert isinstance(reader, FaceAttributes)
    scores = Scores(reader)
    people = kept_census(net, scores, stored, count=count, posed=posed, say=say)
    by_w, by_ws = regress(people), gradients(net, scores, people, count=min(96, count))
    say("responses known")
    tried, measured = (Trial(net, scores, people, count=n, seed=s) for n, s in ((min(16, faces), 21), (faces, 22)))
    told = [name for name in HELD if name not in POSE]
    columns = [people.names.index(name) for name in told]
    ranges = [layers for layers in PORTRAIT_RANGES if layers[1] <= net.options.num_ws]
    mixed = mixes(seen, told, ranges, lambda step: tried.effect(step, posed=False)[columns]) if seen else {}
    say("mixtures known")

    @cache
    def moves() -> Axes:
        say("Trying small moves of every kind")
        beside = stored and stored.with_suffix(".axes.safetensors")
        return axes(Trial(net, scores, people, count=min(PEOPLE, faces), seed=SEED), people, by_w, stored=beside)

    found, steps = [], []
    for slider in sliders:
        told_by = from_people(slider, seen, mixed) if seen else []
        ways: list[Callable[[], Tries]] = [
            partial(list, told_by),
            partial(from_axes, slider, moves, tried, told_by),
            partial(candidates, slider, people, by_w, by_ws, net.options.num_ws),
        ]
        best: tuple[Found, Tensor] | None = None
        for way in ways:
            if best is not None and best[0].others <= ASIDE:
                break
            tries = [one for one in way() if one[1][0] >= slider.first and (not methods or one[0] in methods)]
            if not tries:
                continue
            try:
                method, layers, step = choose(slider, tried, tries)
                figures = measure(slider, measured, method, layers, step)
            except StudioError as error:
                say(str(error))
                continue
            if figures is None:
                say(f"{slider.label} works on too short a way")
            elif best is None or figures.others < best[0].others:
                best = figures, step
        if best is None:
            continue
        figures, step = best
        found.append(figures)
        steps.append(step)
        say(str(asdict(figures)))
        keep(found, steps)
        if strips is not None:
            strips.mkdir(parents=True, exist_ok=True)
            strip(measured, step, figures).save(strips / f"{slider.name}.png")
    return found


if __name__ == "__main__":
    sys.exit(main())
