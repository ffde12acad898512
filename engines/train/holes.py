"""Holes as people paint them: brush strokes, boxes, silhouettes of things, writing, scratches; and what lies beyond a
picture that is extended."""

from collections.abc import Callable

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Mask = NDArray[np.uint8]
LEAST, MOST = 0.05, 0.6  # part of the picture that a hole takes
THIN = 0.02  # … of writing and scratches, at least
BEYOND = 0.25  # part of the holes trained on that are extensions


def strokes(mask: Mask, rng: np.random.Generator) -> None:
    """One brush stroke: a walk that bends, with a round brush."""
    side = len(mask)
    width = int(side * rng.uniform(0.04, 0.2))
    x, y = rng.uniform(0, side, 2)
    angle = rng.uniform(0, 2 * np.pi)
    points = [(x, y)]
    for _ in range(int(rng.integers(2, 8))):
        angle += rng.normal(0, 0.7)
        length = side * rng.uniform(0.05, 0.25)
        x, y = np.clip([x + length * np.cos(angle), y + length * np.sin(angle)], 0, side - 1)
        points.append((x, y))
    cv2.polylines(mask, [np.round(points).astype(np.int32)], False, 255, max(1, width), cv2.LINE_8)
    for px, py in points:
        cv2.circle(mask, (round(px), round(py)), max(1, width) // 2, 255, -1)


def boxes(mask: Mask, rng: np.random.Generator) -> None:
    """A box, upright."""
    side = len(mask)
    width, height = (int(side * value) for value in rng.uniform(0.15, 0.6, 2))
    x, y = (int(rng.integers(-size // 4, side - size * 3 // 4)) for size in (width, height))
    cv2.rectangle(mask, (x, y), (x + width, y + height), 255, -1)


def silhouettes(mask: Mask, rng: np.random.Generator) -> None:
    """A thing with a smooth outline that bulges: a closed curve of random radius."""
    side = len(mask)
    x, y = rng.uniform(0.1, 0.9, 2) * side
    angles = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    radius = np.ones_like(angles)
    for wave in range(1, 6):
        radius += rng.normal(0, 0.35 / wave) * np.cos(wave * angles + rng.uniform(0, 2 * np.pi))
    radius = side * rng.uniform(0.1, 0.28) * np.clip(radius, 0.15, 2.5)
    stretch, turn = rng.uniform(0.5, 1.0), rng.uniform(0, np.pi)
    u, v = radius * np.cos(angles), radius * stretch * np.sin(angles)
    points = np.stack([x + u * np.cos(turn) - v * np.sin(turn), y + u * np.sin(turn) + v * np.cos(turn)], 1)
    cv2.fillPoly(mask, [np.round(points).astype(np.int32)], 255)


def writing(mask: Mask, rng: np.random.Generator) -> None:
    """A few lines of letters, as of a caption or a watermark."""
    side = len(mask)
    font = int(rng.choice([cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_COMPLEX]))
    scale, thick = side / 128 * rng.uniform(0.4, 1.1), int(rng.integers(2, 5))
    y = int(side * rng.uniform(0.1, 0.8))
    for _ in range(int(rng.integers(1, 4))):
        letters = "".join(chr(code) for code in rng.integers(65, 123, 12))
        cv2.putText(mask, letters, (int(side * rng.uniform(-0.1, 0.3)), y), font, scale, 255, thick)
        y += int(26 * scale) + 4
    mask[mask > 0] = 255  # letters come with soft edges


def scratches(mask: Mask, rng: np.random.Generator) -> None:
    """Thin long lines and specks."""
    side = len(mask)
    for _ in range(int(rng.integers(3, 9))):
        (x, y), angle, length = rng.uniform(0, side, 2), rng.uniform(0, np.pi), side * rng.uniform(0.3, 1.0)
        to = (round(x + length * np.cos(angle)), round(y + length * np.sin(angle)))
        cv2.line(mask, (round(x), round(y)), to, 255, int(rng.integers(1, 4)))
    for x, y in rng.uniform(0, side, (int(rng.integers(3, 15)), 2)):
        cv2.circle(mask, (round(x), round(y)), int(rng.integers(1, 4)), 255, -1)


KINDS: tuple[tuple[Callable[[Mask, np.random.Generator], None], float, bool], ...] = (
    (strokes, 0.32, False),
    (silhouettes, 0.3, False),
    (boxes, 0.22, False),
    (writing, 0.08, True),
    (scratches, 0.08, True),
)  # what is drawn, how often, and whether it is thin


def hole(side: int, rng: np.random.Generator, *, least: float = LEAST, most: float = MOST) -> Mask:
    """A hole of one kind, or of several laid over each other: uint8 (side, side), 255 = fill.

    least, most: bounds of the part of the picture it takes; thin kinds may take less, down to THIN.
    """
    chances = np.array([chance for _, chance, _ in KINDS])
    while True:
        kind, _, thin = KINDS[int(rng.choice(len(KINDS), p=chances / chances.sum()))]
        thin = thin and least == LEAST
        wanted = rng.uniform(THIN if thin else least, 0.25 if thin else most)
        mask: Mask = np.zeros((side, side), np.uint8)
        for _ in range(12):
            kind(mask, rng)
            part = (mask > 0).mean()
            if part >= wanted:
                break
            if not thin and rng.random() < 0.3:
                kind = KINDS[int(rng.integers(3))][0]
        if (THIN if thin else least) <= part <= most:
            return mask


def extension(side: int, rng: np.random.Generator, *, most: float = MOST) -> Mask:
    """What a picture lacks that is extended on one to three sides: uint8 (side, side), at most `most` of it."""
    while True:
        mask: Mask = np.zeros((side, side), np.uint8)
        for quarter in rng.permutation(4)[: rng.choice(3, p=(0.5, 0.35, 0.15)) + 1]:
            np.rot90(mask, quarter)[: max(1, round(side * rng.uniform(0.08, 0.5)))] = 255
        if (mask > 0).mean() <= most:
            return mask


def holes(count: int, side: int, rng: torch.Generator, *, beyond: float = BEYOND) -> Tensor:
    """A batch of holes for training, (count, 1, side, side) of 0 and 1; `beyond` of them, by chance, are extensions."""
    numbers = np.random.default_rng(int(torch.randint(1 << 62, (1,), generator=rng)))
    kinds = (extension if numbers.random() < beyond else hole for _ in range(count))
    return torch.from_numpy(np.stack([kind(side, numbers) for kind in kinds]) > 0)[:, None].float()
