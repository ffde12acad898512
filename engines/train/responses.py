"""What is read off generated faces, and how it responds to their latents."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn import functional as F

from engines.core.errors import DatasetError
from engines.core.faces import TEMPLATE, Photo, detect, identity
from engines.core.lab import rgb_to_lab
from engines.faces.spectacles import Axes
from engines.models.face_attributes import SIDE, FaceAttributes
from engines.models.style_generator import StyleGenerator
from engines.train.data import to_bytes
from engines.train.sliders import HELD, POSE

TRUNCATION = 0.7  # of the faces on which directions are tried
_EYE, _BELOW = (0.22, 0.085), (0.12, 0.21)  # half an opening's width and height, skin below it; in eye distances
WATCHED = 24  # of the faces, those whose identity is measured: dlib is slow


class Scores:
    """Names and values of everything that is read off a generated picture."""

    def __init__(self, reader: FaceAttributes) -> None:
        self.reader = reader
        self.names = (*reader.names, "age", "beard", "exposure", "warmth", "shut")

    def __call__(self, images: Tensor) -> Tensor:
        """(N, 3, R, R) in about [-1, 1] -> (N, scores), differentiable."""
        images, side = images.float().clamp(-1.2, 1.2), images.shape[-1]
        squares = F.interpolate(images, size=(SIDE, SIDE), mode="bilinear", align_corners=False, antialias=True)
        read = self.reader(squares.contiguous(memory_format=torch.channels_last))  # (N, A + 1)
        beard = -read[:, self.reader.names.index("No_Beard"), None]
        red, green, blue = (
            F.adaptive_avg_pool2d(images[..., side // 4 : side * 7 // 8, side // 4 : side * 3 // 4], 4)
            .clamp(-1, 1)
            .unbind(1)
        )  # the face
        light = 0.2126 * red + 0.7152 * green + 0.0722 * blue
        exposure, warmth = light.mean((1, 2))[:, None] * 50, (red - blue).mean((1, 2))[:, None] * 50
        return torch.cat([read, beard, exposure, warmth, shut(images)[:, None]], 1)

    def index(self, name: str) -> int:
        return self.names.index(name)


def shut(images: Tensor) -> Tensor:
    """How far eyes are shut, of aligned pictures (N, 3, R, R) in [-1, 1], (N,): the face reader has no word for it.

    Minus the mean distance in CIE Lab between what lies in the eyes' openings and the skin below them.
    """
    side = images.shape[-1]
    axes, apart = Axes(TEMPLATE[:2] * side), []
    for eye in TEMPLATE[:2] * side:
        x, y, reach = round(eye[0]), round(eye[1]), round(axes.unit / 3)
        u, v = (
            torch.from_numpy(plane)[y - reach : y + reach, x - reach : x + reach] for plane in axes.places(eye, side)
        )
        part = rgb_to_lab((images[..., y - reach : y + reach, x - reach : x + reach].clamp(-1, 1) + 1) / 2)
        opening = torch.hypot(u / _EYE[0], v / _EYE[1]) < 1
        below = (u.abs() < _EYE[0]) & (v > _BELOW[0]) & (v < _BELOW[1])
        skin = part[..., below].median(-1, keepdim=True).values  # (N, 3, 1)
        apart.append((part[..., opening] - skin).square().sum(1).add(1e-6).sqrt().mean(-1))
    return -torch.stack(apart).mean(0)


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


def kept_census(
    net: StyleGenerator,
    scores: Scores,
    stored: Path | None,
    *,
    count: int = 12_000,
    posed: int = 3_000,
    say: Callable[[str], None],
) -> Census:
    """What the file keeps of an earlier census; without one a new census, kept in the file if it is named.

    DatasetError where other scores were read then.
    """
    if stored is not None and stored.exists():
        kept = load_file(stored)
        if kept["scores"].shape[1] != len(scores.names) + len(POSE):
            raise DatasetError(f"{stored} holds other scores than are read today. Name a file that is not there yet.")
        return Census(kept["w"], kept["scores"], (*scores.names, *POSE))
    people = census(net, scores, count=count, posed=posed, say=say)
    if stored is not None:
        save_file({"w": people.w, "scores": people.scores}, stored)
    return people


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
    def images(self, step: Tensor, *, first: int | None = None) -> Tensor:
        """Everybody, or the first few, moved by a step (num_ws, w_dim)."""
        with torch.autocast("cpu", torch.bfloat16):
            return torch.cat([self.net.synthesis(ws + step).float() for ws in torch.split(self.ws[:first], 25)])

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
