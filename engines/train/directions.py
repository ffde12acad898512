"""Latent directions of a face generator, found and measured: python -m engines.train.directions CARD --reader CARD

For each slider of the face tab one direction in W+ that changes its score (an attribute of the face reader, years,
the turn of the head, light) and leaves the others alone. After Shen et al. 2020, whose directions are orthogonalised
against the others; here that is done where it counts, in what they change:

    d = C A (A' C A + r)^-1 e

the shortest step, in the metric of the latents' own covariance C, that moves the wanted score by one and the held ones
by nothing, to first order. A is what the scores respond to, told in two ways: by regression on w over thousands of
generated faces, and by the mean gradient through generator and reader in W+. Both, over several ranges of layers, are
tried on faces of their own, and the one that moves the wanted score most for what it moves besides is kept. Its range
ends where the score stops rising on nine of ten faces, or where dlib no longer sees the same person.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional as F

from engines.core.errors import StudioError
from engines.core.faces import Photo, detect, identity
from engines.models.face_attributes import SIDE, FaceAttributes
from engines.models.style_generator import StyleGenerator
from engines.train.data import contact_sheet, to_bytes
from engines.train.recipes.encoder import load_module

IDENTITY_BOUND = 0.45  # dlib's distance that the end of a range may have on the median face; 0.6 is one person
MONOTONE = 0.9  # part of the faces on which the score has to rise all the way
SLIP = 0.05  # standard deviations by which a score may fall at one step and still count as rising: noise of reading
WATCHED = 24  # of the faces, those whose identity is measured: dlib is slow
TRUNCATION = 0.7  # of the faces on which directions are tried
REACH = 4.0  # no range goes further than this many standard deviations of the score
STEPS = 4  # points on each side of the middle at which a range is tried
RANGES = ((0, 18), (0, 9), (3, 12), (6, 12), (6, 18), (9, 18))


@dataclass(frozen=True)
class Slider:
    """What a direction should do. score: what it moves (a minus turns it round). free: scores it may take along."""

    name: str
    label: str
    group: str
    low_word: str
    high_word: str
    score: str
    free: tuple[str, ...] = ()


SLIDERS = (
    Slider("smile", "Smile", "Expression", "serious", "smiling", "Smiling", ("Mouth_Slightly_Open", "Narrow_Eyes")),
    Slider("mouth_open", "Mouth", "Expression", "closed", "open", "Mouth_Slightly_Open"),
    Slider("eyes", "Eyes", "Expression", "narrow", "wide open", "-Narrow_Eyes"),
    Slider("age", "Age", "Person", "younger", "older", "age", ("Gray_Hair", "Heavy_Makeup")),
    Slider("masculine", "Feminine to masculine", "Person", "feminine", "masculine", "Male", ("beard", "Heavy_Makeup")),
    Slider("glasses", "Glasses", "Person", "none", "glasses", "Eyeglasses"),
    Slider("beard", "Beard", "Person", "shaven", "bearded", "beard"),
    Slider("hair_dark", "Dark hair", "Hair", "lighter", "black", "Black_Hair", ("Blond_Hair", "Gray_Hair")),
    Slider("hair_blond", "Blond hair", "Hair", "darker", "blond", "Blond_Hair", ("Black_Hair", "exposure")),
    Slider("hair_grey", "Grey hair", "Hair", "coloured", "grey", "Gray_Hair", ("Black_Hair",)),
    Slider("fringe", "Fringe", "Hair", "swept back", "fringe", "Bangs"),
    Slider("makeup", "Makeup", "Person", "none", "made up", "Heavy_Makeup"),
    Slider("yaw", "Turn", "Pose", "to the left", "to the right", "yaw"),
    Slider("pitch", "Tilt", "Pose", "up", "down", "pitch"),
    Slider("exposure", "Light", "Light", "darker", "brighter", "exposure", ("warmth", "Pale_Skin")),
    Slider("warmth", "Warmth", "Light", "cooler", "warmer", "warmth"),
)
HELD = (
    *(
        "Smiling",
        "Mouth_Slightly_Open",
        "Narrow_Eyes",
        "age",
        "Male",
        "Eyeglasses",
        "beard",
        "Black_Hair",
        "Blond_Hair",
    ),
    *("Gray_Hair", "Bangs", "Heavy_Makeup", "yaw", "pitch", "exposure", "warmth"),
)
POSE = ("yaw", "pitch")  # read by dlib, so without gradients
COARSE = 9  # layers that can turn a head


@dataclass(frozen=True)
class Found:
    """A direction and what was measured of it; the JSON beside the tensors. low, high: ends of its range, in its units.

    One unit is one standard deviation of the score among generated faces. monotone: part of the faces on which the
    score rises at every step from low to high. identity: median distance at the further end. others: the largest
    move of another held score over its own, both in standard deviations. layers: first and last + 1. change: of the
    score from low to high, in its own unit (logits, years, parts of the eyes' distance, light in percent).
    """

    name: str
    label: str
    group: str
    low_word: str
    high_word: str
    attribute: str
    low: float
    high: float
    monotone: float
    identity: float
    others: float
    moves_most: str
    change: float
    layers: tuple[int, int]
    method: str
    years_per_unit: float = 0.0


class Scores:
    """Names and values of everything that is read off a generated picture."""

    def __init__(self, reader: FaceAttributes) -> None:
        self.reader = reader
        self.names = (*reader.names, "age", "beard", "exposure", "warmth")

    def __call__(self, images: Tensor) -> Tensor:
        """(N, 3, R, R) in about [-1, 1] -> (N, scores), differentiable."""
        images = images.float().clamp(-1.2, 1.2)
        squares = F.interpolate(images, size=(SIDE, SIDE), mode="bilinear", align_corners=False, antialias=True)
        read = self.reader(squares.contiguous(memory_format=torch.channels_last))  # (N, A + 1)
        beard = -read[:, self.reader.names.index("No_Beard"), None]
        red, green, blue = F.adaptive_avg_pool2d(images[..., 32:112, 32:96], 4).clamp(-1, 1).unbind(1)  # the face
        light = 0.2126 * red + 0.7152 * green + 0.0722 * blue
        exposure, warmth = light.mean((1, 2))[:, None] * 50, (red - blue).mean((1, 2))[:, None] * 50
        return torch.cat([read, beard, exposure, warmth], 1)

    def index(self, name: str) -> int:
        return self.names.index(name)


def pose(images: Tensor) -> Tensor:
    """Yaw and pitch of generated pictures by dlib, (N, 2); NaN where no face is found."""
    rows = []
    for image in to_bytes(images):
        photo = np.ascontiguousarray(image.permute(1, 2, 0).numpy())
        found = detect(photo, smallest=60, rotated=False)
        rows.append((found[0].yaw, found[0].pitch) if found else (float("nan"), float("nan")))
    return torch.tensor(rows)


@dataclass(frozen=True)
class Census:
    """Generated people: w (N, w_dim), scores (N, S) with pose at the end, names of the scores."""

    w: Tensor
    scores: Tensor
    names: tuple[str, ...]

    @property
    def mean(self) -> Tensor:
        return self.scores.nanmean(0)

    @property
    def spread(self) -> Tensor:
        return (self.scores - self.mean).square().nanmean(0).sqrt()


@torch.no_grad()
def census(net: StyleGenerator, scores: Scores, *, count: int, posed: int, say: Callable[[str], None]) -> Census:
    """Make and read `count` people at truncation 1, the first `posed` of them for their pose as well."""
    rng = torch.Generator().manual_seed(11)
    latents, rows, turned = [], [], []
    for start in range(0, count, 40):
        w = net.mapping(torch.randn(min(40, count - start), net.options.z_dim, generator=rng))
        with torch.autocast("cpu", torch.bfloat16):
            images = net.synthesis(w).float()
        latents.append(w)
        rows.append(scores(images))
        turned.append(pose(images) if start < posed else torch.full((len(w), 2), float("nan")))
        if start % 2000 == 0:
            say(f"{start} of {count} people")
    values = torch.cat([torch.cat(rows), torch.cat(turned)], 1)
    return Census(torch.cat(latents), values, (*scores.names, *POSE))


def regress(people: Census) -> Tensor:
    """What each score, in standard deviations, gains with w: ridge regression, (S, w_dim)."""
    w = people.w - people.w.mean(0)
    values = (people.scores - people.mean) / people.spread
    rows = []
    for column in values.t():
        known = column.isfinite()
        x, y = w[known].double(), column[known].double()
        gram = x.t() @ x
        ridge = 0.003 * gram.diagonal().mean() * torch.eye(len(gram), dtype=torch.float64)
        rows.append(torch.linalg.solve(gram + ridge, x.t() @ (y - y.mean())).float())
    return torch.stack(rows)


def gradients(net: StyleGenerator, scores: Scores, people: Census, *, count: int) -> Tensor:
    """Mean gradient of each score, in standard deviations, by ws at truncated people: (S, num_ws, w_dim); pose is 0."""
    total = torch.zeros(len(people.names), net.options.num_ws, net.options.w_dim)
    spread = people.spread
    w_avg = people.w.mean(0)
    for w in torch.split(w_avg + TRUNCATION * (people.w[:count] - w_avg), 16):
        ws = w[:, None].repeat(1, net.options.num_ws, 1).requires_grad_(True)
        values = scores(net.synthesis(ws))
        for index in range(values.shape[1]):
            if people.names[index] in HELD:
                (gradient,) = torch.autograd.grad(values[:, index].sum(), ws, retain_graph=True)
                total[index] += gradient.sum(0) / spread[index]
    return total / count


def solve(response: Tensor, covariance: Tensor, *, slack: float) -> Tensor:
    """Shortest step that moves the first score by 1 and the others by nothing.

    response: (K, L, w_dim), what the scores respond to, the wanted one first. covariance: (w_dim, w_dim) of w; layers
    vary half together and half on their own. slack: how softly the others are held. Returns (L, w_dim).
    """
    alone = response @ covariance  # (K, L, w_dim)
    together = alone.sum(1, keepdim=True) / response.shape[1]
    spread = (alone + together) / 2
    flat = spread.flatten(1)
    inner = flat @ response.flatten(1).t()  # (K, K)
    hold = torch.eye(len(inner)) * slack * inner.diagonal().mean()
    hold[0, 0] = 0
    wanted = torch.zeros(len(inner))
    wanted[0] = 1.0
    weights: Tensor = torch.linalg.solve(inner + hold, wanted)
    return (weights @ flat).reshape(response.shape[1:])


class Trial:
    """People on whom directions are tried, and how their scores answer."""

    def __init__(self, net: StyleGenerator, scores: Scores, people: Census, *, count: int, seed: int) -> None:
        self.net, self.scores, self.people = net, scores, people
        z = torch.randn(count, net.options.z_dim, generator=torch.Generator().manual_seed(seed))
        with torch.no_grad():
            w = net.mapping(z)
        w = people.w.mean(0) + TRUNCATION * (w - people.w.mean(0))
        self.ws = w[:, None].repeat(1, net.options.num_ws, 1)  # (N, num_ws, w_dim)
        self._themselves: list[NDArray[np.float64]] | None = None

    @torch.no_grad()
    def images(self, step: Tensor) -> Tensor:
        """Everybody, moved by a step (num_ws, w_dim)."""
        with torch.autocast("cpu", torch.bfloat16):
            return torch.cat([self.net.synthesis(ws + step).float() for ws in torch.split(self.ws, 25)])

    @torch.no_grad()
    def read(self, images: Tensor, *, posed: bool) -> Tensor:
        """Scores in standard deviations, (N, S); pose only where asked for, since dlib is slow."""
        turned = pose(images) if posed else torch.full((len(images), 2), float("nan"))
        values = torch.cat([torch.cat([self.scores(part) for part in torch.split(images, 50)]), turned], 1)
        return values / self.people.spread

    def identity(self, images: Tensor) -> float:
        """Median distance of the watched people from themselves unmoved."""
        if self._themselves is None:
            self._themselves = [identity(photo) for photo in _photos(self.images(torch.zeros_like(self.ws[0])))]
        pairs = zip(_photos(images), self._themselves, strict=True)
        return float(np.median([np.linalg.norm(identity(photo) - known) for photo, known in pairs]))

    def effect(self, step: Tensor, *, posed: bool) -> Tensor:
        """Mean change of each score from one step back to one step on, per step, (S,)."""
        ahead, back = (self.read(self.images(sign * step), posed=posed) for sign in (1.0, -1.0))
        return ((ahead - back) / 2).nanmean(0)


def _photos(images: Tensor) -> list[Photo]:
    """The watched people's pictures as dlib takes them."""
    return [np.ascontiguousarray(image.permute(1, 2, 0).numpy()) for image in to_bytes(images[:WATCHED])]


def candidates(
    slider: Slider, people: Census, by_w: Tensor, by_ws: Tensor, num_ws: int
) -> list[tuple[str, tuple[int, int], Tensor]]:
    """Directions to try: (method, layers, step (num_ws, w_dim) meant to move the score by 1)."""
    sign = -1.0 if slider.score.startswith("-") else 1.0
    wanted = slider.score.lstrip("-")
    held = [wanted] + [name for name in HELD if name != wanted and name not in slider.free]
    rows = [people.names.index(name) for name in held]
    covariance = torch.cov(people.w.t())
    out = []
    for first, last in RANGES:
        if last > num_ws:
            continue
        step = torch.zeros(num_ws, people.w.shape[1])
        step[first:last] = solve(by_w[rows][:, None], covariance, slack=0.02)
        out.append(("regression", (first, last), sign * step))
        if not by_ws[rows[0]].any():  # read by dlib, without a gradient
            continue
        response = by_ws[rows].clone()
        for row, name in enumerate(held):
            if name in POSE:  # known from the regression only: as if each coarse layer did its part
                response[row, :COARSE] = by_w[people.names.index(name)] / COARSE
        step = torch.zeros(num_ws, people.w.shape[1])
        step[first:last] = solve(response[:, first:last], covariance, slack=0.02)
        out.append(("gradient", (first, last), sign * step))
    return out


def choose(
    slider: Slider, trial: Trial, tries: Sequence[tuple[str, tuple[int, int], Tensor]]
) -> tuple[str, tuple[int, int], Tensor]:
    """The candidate that moves its score most for what else it moves, scaled so that one unit moves it by 1."""
    sign = -1.0 if slider.score.startswith("-") else 1.0
    names = trial.people.names
    wanted = names.index(slider.score.lstrip("-"))
    others = [names.index(name) for name in HELD if name not in (slider.score.lstrip("-"), *slider.free, *POSE)]
    best: tuple[float, str, tuple[int, int], Tensor] | None = None
    metric = torch.linalg.pinv(torch.cov(trial.people.w.t()).double(), rtol=1e-3).float()
    for method, layers, step in tries:
        effect = trial.effect(step, posed=wanted >= len(trial.scores.names))
        own = float(effect[wanted]) * sign
        if own < 0.05:
            continue
        step = step / own
        length = float(torch.einsum("li,ij,lj->", step, metric, step).div(len(step)).sqrt())
        aside = float(effect[others].square().mean().sqrt()) / own
        merit = 1.0 / (0.15 + aside + 0.10 * length)
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
        ends[side] = _end(trial, step, side, start[:, wanted], wanted, sign, posed)
    low, high = ends[-1.0], ends[1.0]
    for _ in range(5):  # the ends were found in wide steps; a finer look may ask for less
        points = [low * part / STEPS for part in range(STEPS, 0, -1)] + [0.0]
        points += [high * part / STEPS for part in range(1, STEPS + 1)]
        path = [trial.read(trial.images(point * step), posed=posed) for point in points]
        along = sign * torch.stack([values[:, wanted] for values in path])  # (points, N)
        rises = (along.diff(dim=0) > -SLIP).all(0) | along.isnan().any(0)
        if float(rises.float().mean()) >= MONOTONE:
            break
        low, high = 0.8 * low, 0.8 * high
    if high - low < 0.5:
        return None
    identity = [trial.identity(trial.images(point * step)) for point in (low, high)]
    moved = (path[-1] - path[0]).nanmean(0)
    own = float(moved[wanted].abs())
    held = {name: abs(float(moved[names.index(name)])) / own for name in HELD if name != slider.score.lstrip("-")}
    held = {name: value for name, value in held.items() if name not in slider.free and value == value}
    worst = max(held, key=lambda name: held[name])
    change = own * float(trial.people.spread[wanted])
    years = change / (high - low) if slider.score == "age" else 0.0
    return Found(
        **{key: getattr(slider, key) for key in ("name", "label", "group", "low_word", "high_word")},
        attribute=slider.score,
        low=round(low, 3),
        high=round(high, 3),
        monotone=round(float(rises.float().mean()), 3),
        identity=round(max(identity), 3),
        others=round(held[worst], 3),
        moves_most=worst,
        change=round(change, 3),
        layers=layers,
        method=method,
        years_per_unit=round(years, 3),
    )


def _end(trial: Trial, step: Tensor, side: float, start: Tensor, wanted: int, sign: float, posed: bool) -> float:
    """How far a direction goes to one side: while the score keeps rising on most faces and people stay themselves."""
    reached, before = 0.0, start
    for distance in torch.arange(0.5, REACH + 0.01, 0.5).tolist():
        images = trial.images(side * distance * step)
        now = trial.read(images, posed=posed)[:, wanted]
        rises = (sign * side * (now - before) > -SLIP) | now.isnan() | before.isnan()
        if float(rises.float().mean()) < MONOTONE or trial.identity(images) > IDENTITY_BOUND:
            break
        reached, before = distance, now
    return side * reached


def strip(trial: Trial, step: Tensor, found: Found, *, people: int = 3) -> Image.Image:
    """Three people along a range, low to high, a row each."""
    points = np.linspace(found.low, found.high, 7)
    columns = [to_bytes(trial.images(float(point) * step)[:people]) for point in points]
    return contact_sheet(torch.stack(columns, 1).flatten(0, 1), columns=len(points))


def main(arguments: Sequence[str] | None = None) -> int:
    """Find and measure every direction; writes CARD-directions.safetensors beside --out, and strips if asked."""
    parser = argparse.ArgumentParser(prog="python -m engines.train.directions", description=__doc__)
    parser.add_argument("card", type=Path, help="card of a face generator")
    parser.add_argument("--reader", type=Path, required=True, help="card of the face reader (recipe attributes)")
    parser.add_argument("--out", type=Path, required=True, help="the .safetensors file to write")
    parser.add_argument("--strips", type=Path, help="folder for a strip of each direction")
    parser.add_argument("--count", type=int, default=12_000, help="people to make and read (default 12000)")
    parser.add_argument("--posed", type=int, default=3_000, help="of these, people whose pose is read (default 3000)")
    parser.add_argument("--census", type=Path, help="file that keeps what was read, so that a second run need not")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="sliders to look for; others in --out are kept")
    parser.add_argument("--faces", type=int, default=50, help="people on whom ranges are measured (default 50)")
    given = parser.parse_args(arguments)
    begun = time.monotonic()

    def say(line: str) -> None:
        print(f"{time.monotonic() - begun:6.0f} s  {line}", flush=True)

    try:
        before = read(given.out) if given.only and given.out.exists() else ([], [])
        net, reader = load_module(given.card, StyleGenerator), load_module(given.reader, FaceAttributes)
        found = find(
            net,
            reader,
            count=given.count,
            posed=given.posed,
            faces=given.faces,
            say=say,
            strips=given.strips,
            sliders=[slider for slider in SLIDERS if not given.only or slider.name in given.only],
            stored=given.census,
            keep=lambda found, steps: write(given.out, *merged(before, found, steps)),
        )
    except StudioError as error:
        print(error, file=sys.stderr)
        return 1
    say(f"{len(found)} directions in {given.out}")
    return 0


def write(path: Path, found: Sequence[Found], steps: Sequence[Tensor]) -> None:
    """Directions (K, num_ws, w_dim) in float16, their figures as JSON in the file's metadata."""
    table = json.dumps([asdict(one) for one in found])
    save_file({"directions": torch.stack(list(steps)).half()}, path, {"directions": table})


def read(path: Path) -> tuple[list[Found], list[Tensor]]:
    """What `write` wrote."""
    with safe_open(path, framework="pt") as file:
        table, tensors = json.loads(file.metadata()["directions"]), file.get_tensor("directions").float()
    return [Found(**entry | {"layers": tuple(entry["layers"])}) for entry in table], list(tensors)


def merged(
    before: tuple[Sequence[Found], Sequence[Tensor]], found: Sequence[Found], steps: Sequence[Tensor]
) -> tuple[list[Found], list[Tensor]]:
    """Old directions with new ones in their places, in the order of SLIDERS."""
    known = {one.name: (one, step) for one, step in [*zip(*before, strict=True), *zip(found, steps, strict=True)]}
    order = [known[slider.name] for slider in SLIDERS if slider.name in known]
    return [one for one, _ in order], [step for _, step in order]


def find(
    net: StyleGenerator,
    reader: nn.Module,
    *,
    count: int,
    posed: int,
    faces: int,
    say: Callable[[str], None],
    strips: Path | None = None,
    sliders: Sequence[Slider] = SLIDERS,
    stored: Path | None = None,
    keep: Callable[[Sequence[Found], Sequence[Tensor]], None] = lambda found, steps: None,
) -> list[Found]:
    """Every slider's direction and its figures, kept as they come; one that cannot be found is said and left out."""
    assert isinstance(reader, FaceAttributes)
    scores = Scores(reader)
    if stored is not None and stored.exists():
        kept = load_file(stored)
        people = Census(kept["w"], kept["scores"], (*scores.names, *POSE))
    else:
        people = census(net, scores, count=count, posed=posed, say=say)
        if stored is not None:
            save_file({"w": people.w, "scores": people.scores}, stored)
    by_w, by_ws = regress(people), gradients(net, scores, people, count=min(96, count))
    say("responses known")
    tried, measured = (Trial(net, scores, people, count=n, seed=s) for n, s in ((min(16, faces), 21), (faces, 22)))
    found, steps = [], []
    for slider in sliders:
        try:
            method, layers, step = choose(slider, tried, candidates(slider, people, by_w, by_ws, net.options.num_ws))
            figures = measure(slider, measured, method, layers, step)
        except StudioError as error:
            say(str(error))
            continue
        if figures is None:
            say(f"{slider.label} works on too short a way")
            continue
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
