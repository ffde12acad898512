"""Composites that look wrong beside pictures that look right: what `blend` is trained on.

No picture comes with the truth of a real composite, so pieces of photographs get other light (after iHarmony4, Cong et
al. 2020), and the photograph is the truth. What a piece is decides what is learnt. Cut anywhere, its border goes on in
the picture, and a network would learn to hide seams, which makes colours bleed where a border is the object's outline.
So most pieces follow outlines (GrabCut, Rother et al. 2004, and clusters of colour), many stand elsewhere in their own
photograph, whose light they share, and only some are cut through.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn import functional as F

from engines.core.lab import decode, encode, lab_to_rgb, rgb_to_lab
from engines.train.data import Pictures, cache_folder
from engines.train.holes import Mask, silhouettes, strokes

RULES = 1  # raise when labels change, so that old ones are left alone
OBJECT = 128  # bit of the labels that says object; the lower ones are a cluster
CLUSTERS = 6
FOUND_AT = 80  # side at which outlines are sought
LEAST, MOST = 0.03, 0.6  # part of the square that an object takes
KINDS = ("outline", "moved", "cut")  # in its place, along its outline; elsewhere in its photo; cut through
CPU = torch.device("cpu")
CLOSEST = 0.55  # the smallest part of a picture's side that a square shows


@dataclass(frozen=True)
class Labelled:
    """Pictures, uint8 (N, 3, S, S), and where what is: cluster of colour, and whether it is object, (N, R, R)."""

    pictures: Pictures
    labels: Tensor

    def seen_on(self, device: torch.device) -> "Labelled":
        """The same, its pictures on a device; labels stay on the CPU, where masks are drawn."""
        return Labelled(self.pictures.to(device), self.labels)


@dataclass(frozen=True)
class Pasted:
    """One batch. truth: what is right, (N, 3, S, S) in [0, 1]; piece: the object's picture in other light.

    mask: (N, 1, S, S), 1 = object. known: (N,) bool, whether truth shows the same object; else it shows another one
    there that has the picture's light, and only a discriminator can use it.
    """

    truth: Tensor
    piece: Tensor
    mask: Tensor
    known: Tensor

    @property
    def composite(self) -> Tensor:
        """What the network sees."""
        return self.truth + self.mask * (self.piece - self.truth)

    def to(self, device: torch.device) -> "Pasted":
        """The batch on a device, its pictures in the fast memory order."""
        truth, piece = (t.to(device).contiguous(memory_format=torch.channels_last) for t in (self.truth, self.piece))
        return Pasted(truth, piece, self.mask.to(device), self.known.to(device))


def labelled(pictures: Pictures, *, objects: bool, cache: Path | None = None) -> Labelled:
    """Find outlines once; they are kept beside the packed data sets. objects: whether each shows one in its middle."""
    told = (pictures.names, tuple(pictures.images.shape), objects, RULES, CLUSTERS)
    path = (cache or cache_folder()) / f"outlines-{hashlib.sha256(repr(told).encode()).hexdigest()[:16]}.safetensors"
    if not path.exists():
        found = [outlines(np.ascontiguousarray(image.permute(1, 2, 0).numpy()), objects) for image in pictures.images]
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file({"labels": torch.from_numpy(np.stack(found))}, path)
    return Labelled(pictures, load_file(path)["labels"])


def outlines(image: NDArray[np.uint8], objects: bool) -> NDArray[np.uint8]:
    """Labels of a square, uint8 (S, S, 3) -> (FOUND_AT, FOUND_AT)."""
    side = FOUND_AT
    small = np.asarray(cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA), np.uint8)
    lab = np.asarray(cv2.cvtColor(cv2.medianBlur(small, 3), cv2.COLOR_RGB2LAB), np.float32)
    y, x = np.mgrid[:side, :side].astype(np.float32) * np.float32(110 / side)
    points = np.dstack([lab * (0.6, 1.6, 1.6), x, y]).astype(np.float32)
    cv2.setRNGSeed(0)
    some = np.ascontiguousarray(points[::3, ::3].reshape(-1, 5))
    ends = (cv2.TERM_CRITERIA_MAX_ITER, 8, 0.0)
    _, _, centres = cv2.kmeans(some, CLUSTERS, np.zeros(0), ends, 1, cv2.KMEANS_PP_CENTERS)
    away = np.square(points[:, :, None] - centres).sum(3)
    cluster = cv2.medianBlur(away.argmin(2).astype(np.uint8), 5)
    if not objects:
        return np.asarray(cluster, np.uint8)
    marks = np.zeros(small.shape[:2], np.uint8)
    rim = side // 12
    cv2.grabCut(
        small,
        marks,
        (rim, rim, side - 2 * rim, side - rim),
        np.zeros((1, 65)),
        np.zeros((1, 65)),
        2,
        cv2.GC_INIT_WITH_RECT,
    )
    inside = np.isin(marks, (cv2.GC_FGD, cv2.GC_PR_FGD))
    return np.asarray(cluster | np.where(inside, OBJECT, 0), np.uint8)


class Pieces:
    """Draws batches from several data sets by their shares.

    device: where pictures are kept and composites are made. Masks and random numbers come from the CPU, so that the
    same seed means the same batch on every device.
    """

    def __init__(
        self, sets: Mapping[str, Labelled], shares: Mapping[str, float], *, side: int, device: torch.device = CPU
    ) -> None:
        self.sets, self.side, self.device = [data.seen_on(device) for data in sets.values()], side, device
        chances = np.array([shares.get(name, 1.0) for name in sets])
        self.chances = chances / chances.sum()

    def draw(self, count: int, rng: torch.Generator, *, kinds: Mapping[str, float], strangers: int = 0) -> Pasted:
        """count pieces of KINDS by their chances, and after them so many strangers: objects of another photo."""
        numbers = np.random.default_rng(int(torch.randint(1 << 62, (1,), generator=rng)))
        chances = np.array(list(kinds.values())) / sum(kinds.values())
        rows = [self._own(list(kinds)[numbers.choice(len(kinds), p=chances)], numbers) for _ in range(count)]
        truth, pieces, masks = (torch.stack(column) for column in zip(*rows, strict=True))
        spoilt = respoilt(pieces, masks, rng)
        if strangers:
            others = [self._stranger(numbers) for _ in range(strangers)]
            theirs = [torch.stack(column) for column in zip(*others, strict=True)]
            truth, spoilt, masks = (torch.cat(pair) for pair in zip((truth, spoilt, masks), theirs, strict=True))
        return Pasted(truth, spoilt, masks, torch.arange(count + strangers, device=self.device) < count)

    def _own(self, kind: str, rng: np.random.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """A truth, the picture its object is cut from (equal to it there), and the mask."""
        chosen = self._choose(rng)
        image, labels = self._square(chosen, rng)
        if kind == "moved":
            piece, theirs = self._square(chosen, rng)
            mask = self._soft(_outline(theirs, rng) if rng.random() < 0.7 else _shape(self.side, rng), rng)
            return image + mask * (piece - image), piece, mask
        mask = self._soft(_outline(labels, rng) if kind == "outline" else _shape(self.side, rng), rng)
        return image, image, mask

    def _stranger(self, rng: np.random.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """A photo with a piece of itself, another photo with its object, and that object's mask for both."""
        chosen = self._choose(rng)
        (image, _), (own, _) = (self._square(chosen, rng) for _ in range(2))
        piece, labels = self._square(self._choose(rng), rng)
        mask = self._soft(_outline(labels, rng), rng)
        return image + mask * (own - image), piece, mask

    def _soft(self, mask: Mask, rng: np.random.Generator) -> Tensor:
        """A mask as (1, S, S) in [0, 1] on the device: sharp or a little soft, as people's masks are."""
        blurred = cv2.GaussianBlur(mask, (0, 0), float(rng.uniform(0.4, 1.0)))
        return (torch.from_numpy(blurred.astype(np.float32) / 255)[None]).to(self.device)

    def _choose(self, rng: np.random.Generator) -> tuple[Labelled, int]:
        data = self.sets[int(rng.choice(len(self.sets), p=self.chances))]
        return data, int(rng.integers(len(data.labels)))

    def _square(self, chosen: tuple[Labelled, int], rng: np.random.Generator) -> tuple[Tensor, Mask]:
        """A part of a picture, (3, side, side) in [0, 1], mirrored or not, and its labels."""
        data, index = chosen
        zoom = rng.uniform(CLOSEST, 1)
        corner = rng.uniform(0, 1 - zoom, 2)

        def window(whole: int) -> tuple[slice, slice]:
            (top, left), part = (corner * whole).astype(int), int(zoom * whole)
            return slice(top, top + part), slice(left, left + part)

        image = data.pictures.images[index]
        image = image[:, *window(image.shape[-1])]
        labels = data.labels[index].numpy()
        labels = labels[window(len(labels))]
        if rng.random() < 0.5:
            image, labels = image.flip(-1), np.ascontiguousarray(labels[:, ::-1])
        size = (self.side, self.side)
        small = F.interpolate(image[None].float(), size=size, mode="bilinear", antialias=True, align_corners=False)
        return small[0] / 255, cv2.resize(labels, size, interpolation=cv2.INTER_NEAREST).astype(np.uint8)


def _outline(labels: Mask, rng: np.random.Generator) -> Mask:
    """A region that follows outlines: the object, or a cluster or two; any shape if none has a fitting size."""
    inside = labels >= OBJECT
    if rng.random() < 0.65 and LEAST < (found := _whole(inside)).mean() / 255 < MOST:
        return found
    for _ in range(4):
        some = rng.choice(CLUSTERS, int(rng.integers(1, 3)), replace=False)
        found = _whole(np.isin(labels % OBJECT, some))
        if LEAST < found.mean() / 255 < MOST:
            return found
    return _shape(len(labels), rng)


def _whole(region: NDArray[np.bool_]) -> Mask:
    """The largest piece of a region, without specks and holes: uint8, 255 inside."""
    opened = cv2.morphologyEx(region.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    count, names, sizes, _ = cv2.connectedComponentsWithStats(opened)
    if count < 2:
        return np.zeros(region.shape, np.uint8)
    piece = (names == 1 + int(sizes[1:, cv2.CC_STAT_AREA].argmax())).astype(np.uint8)
    lines, _ = cv2.findContours(piece, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return np.asarray(cv2.drawContours(np.zeros_like(piece), lines, -1, 255, -1), np.uint8)


def _shape(side: int, rng: np.random.Generator) -> Mask:
    """A silhouette or a brush stroke of a fitting size, anywhere."""
    while True:
        mask: Mask = np.zeros((side, side), np.uint8)
        (silhouettes if rng.random() < 0.8 else strokes)(mask, rng)
        if LEAST < mask.mean() / 255 < MOST:
            return mask


# Other light


def respoilt(rgb: Tensor, mask: Tensor, rng: torch.Generator) -> Tensor:
    """Pictures (N, 3, S, S) in [0, 1] in other light, each in its own way, some as they were; chosen for the object.

    Half go through what a camera and a person's editor do (exposure, white balance, contrast, gamma, saturation, light
    from one side), a third get the colour statistics of another picture of the batch (Reinhard et al. 2001) or some of
    both, the rest stays.
    """
    n = len(rgb)

    def some(chance: float) -> Tensor:
        return (torch.rand(n, 1, 1, 1, generator=rng) < chance).float().to(rgb.device)

    edited = camera(rgb, rng, some)
    theirs = torch.randperm(n, generator=rng).to(rgb.device)
    moved = transferred(edited * (m := some(0.3)) + rgb * (1 - m), mask, rgb[theirs], rng)
    which = torch.rand(n, 1, 1, 1, generator=rng).to(rgb.device)
    out = torch.where(which < 0.06, rgb, torch.where(which < 0.62, edited, moved))
    return out.clamp(0, 1)


def camera(rgb: Tensor, rng: torch.Generator, some: Callable[[float], Tensor]) -> Tensor:
    """Exposure, white balance and light from one side in linear light; then contrast, gamma and saturation."""
    n, side = len(rgb), rgb.shape[-1]

    def normal(scale: float) -> Tensor:
        return scale * torch.randn(n, 1, 1, 1, generator=rng).clamp(-2.2, 2.2).to(rgb.device)

    warm, tint = normal(0.22) * some(0.7), normal(0.08) * some(0.5)
    stops = normal(0.75) * some(0.8)
    angle = torch.rand(n, 1, 1, 1, generator=rng).to(rgb.device) * 6.2832
    ramp = torch.linspace(-1, 1, side, device=rgb.device)
    slope = angle.cos() * ramp.view(1, 1, 1, -1) + angle.sin() * ramp.view(1, 1, -1, 1)
    stops = stops + normal(0.4) * some(0.25) * slope
    gains = torch.cat([warm, -tint + 0 * warm, -warm], 1).exp() * 2**stops
    linear = decode(rgb)
    rolled = torch.where(gains > 1, linear * gains / (1 + (gains - 1) * linear**1.5), linear * gains)
    x = encode(rolled).clamp(0, 1)
    x = x ** (2 ** (normal(0.3) * some(0.35)))
    middle = x.mean((2, 3), keepdim=True)
    x = middle + (x - middle) * (normal(0.22) * some(0.5)).exp() + normal(0.05) * some(0.3)
    grey = x.mean(1, keepdim=True)
    return (grey + (x - grey) * (normal(0.35) * some(0.5)).exp()).clamp(0, 1)


def transferred(rgb: Tensor, mask: Tensor, others: Tensor, rng: torch.Generator) -> Tensor:
    """The object's mean and spread in CIELAB drawn towards those of other pictures, by a random part."""
    lab, like = rgb_to_lab(rgb), rgb_to_lab(others)
    weight = mask / mask.sum((2, 3), keepdim=True).clamp_min(1)
    middle = (lab * weight).sum((2, 3), keepdim=True)
    spread = ((lab - middle).square() * weight).sum((2, 3), keepdim=True).sqrt()
    goal, wide = like.mean((2, 3), keepdim=True), like.std((2, 3), keepdim=True)
    part = 0.25 + 0.6 * torch.rand(len(rgb), 1, 1, 1, generator=rng).to(rgb.device)
    ratio = (wide / spread.clamp_min(1.0)).clamp(0.5, 1.8) ** part
    shift = (goal - middle).clamp(-45, 45) * part
    return lab_to_rgb((lab - middle) * ratio + middle + shift).clamp(0, 1)
