"""How well holes are filled, on pictures that were never trained on, against OpenCV's two methods and the mean.

    python -m tests.bench.inpainting --data shared/data [--count 30] [--sheet sheet.png]
    python -m tests.bench.inpainting --large
    python -m tests.bench.inpainting --data shared/data --removals sheet.png

Holes of three sizes (10 to 20, 20 to 40, 40 to 60 % of the picture, the same each time) are cut into the pictures that
the recipe holds out, at 256 pixels, and filled by the engine as a person's photo would be. Perceptual and Fréchet
distance are on lite2 features (engines/train/metrics.py). --large: seconds, memory and grain of a 12-megapixel picture.
--removals: the 24 things of tests/bench/outlines.json taken out of held-out photos at 100 %, each selected by a box as
on the page, to be looked at.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from PIL import Image
from torch import Tensor

from engines import Engines
from engines.core.image import Pixels
from engines.inpainting import Inpainting
from engines.train.data import load_pictures
from engines.train.holes import Mask, hole
from engines.train.metrics import frechet_distance, lite2_features, perceptual_distance, psnr, ssim
from engines.train.recipes.inpaint import SIZES

from .selecting import things

SAMPLES = Path(__file__).parents[2] / "assets" / "samples"
SIDE = 256
SETS = ("photos_288", "clothing_256", "textures_256", "faces_synthetic_256")  # large enough for SIDE
Method = Callable[[Pixels, Mask], Pixels]


def main(argv: list[str] | None = None) -> int:
    """Measure, print a table and its figures as JSON."""
    args = _arguments(argv)
    engine = Engines("cpu")[Inpainting]
    if args.large:
        print(json.dumps(_large(engine), indent=1))
        return 0
    if args.removals:
        Image.fromarray(removals(engine, args.data)).save(args.removals)
        return 0
    images = {name: held_out(args.data, name, args.count) for name in SETS}
    truth = torch.cat(list(images.values()))
    methods: dict[str, Method] = {
        "mean of the surroundings": mean_fill,
        "cv2 Telea": lambda image, mask: _cv2(image, mask, cv2.INPAINT_TELEA),
        "cv2 Navier-Stokes": lambda image, mask: _cv2(image, mask, cv2.INPAINT_NS),
        "ours without detail": lambda image, mask: engine.inpaint(image, mask, detail=0.0, feather=0),
        "ours": lambda image, mask: engine.inpaint(image, mask, feather=0),
    }
    features = lite2_features(truth)
    figures: dict[str, dict[str, dict[str, float]]] = {}
    shown = []
    for least, most in SIZES:
        rng = np.random.default_rng(round(1000 * least))
        masks = [hole(SIDE, rng, least=least, most=most) for _ in truth]
        name = f"{least:.0%} to {most:.0%}"
        figures[name] = {}
        for method, run in methods.items():
            started = time.perf_counter()
            filled = [run(_pixels(image), mask) for image, mask in zip(truth, masks, strict=True)]
            seconds = (time.perf_counter() - started) / len(filled)
            changed = sum(_changed_outside(a, _pixels(b), m) for a, b, m in zip(filled, truth, masks, strict=True))
            row = _row(stacked(filled), truth, features, list(images), args.count)
            figures[name][method] = row | {"seconds": round(seconds, 3), "changed_outside": changed}
            if method in ("cv2 Telea", "ours without detail", "ours"):
                shown.append((least, method, filled))
            print(f"{name} {method}: {figures[name][method]}", file=sys.stderr, flush=True)
        if args.sheet:
            cut = [np.where(mask[..., None] > 0, 128, _pixels(image)) for image, mask in zip(truth, masks, strict=True)]
            every = max(1, len(truth) // 8)
            columns = [cut, *(filled for size, _, filled in shown if size == least), [_pixels(i) for i in truth]]
            rows = [np.hstack([column[i] for column in columns]) for i in range(0, len(truth), every)]
            path = args.sheet.with_stem(f"{args.sheet.stem}-{least:.0%}".replace("%", ""))
            Image.fromarray(np.vstack(rows).astype(np.uint8)).save(path)
    _print(figures)
    print(json.dumps(figures, indent=1))
    return 0


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="the folder of the recipe's archives")
    parser.add_argument("--count", type=int, default=30, help="held-out pictures of each archive, at most 60")
    parser.add_argument("--sheet", type=Path, help="write holes, Telea, without detail, ours, truth side by side")
    parser.add_argument("--removals", type=Path, help="only write 24 removals, what was selected beside what was made")
    parser.add_argument("--large", action="store_true", help="only seconds, memory and grain of 12 megapixels")
    return parser.parse_args(argv)


def removals(engine: Inpainting, data: Path) -> Pixels:
    """Things selected by a box (red) and removed, three pairs a row, at 100 %."""
    cells = []
    for thing in things(data):
        mask = engine.select(thing.photo, [], box=thing.box())
        red = np.where(mask[..., None] > 0, thing.photo // 2 + np.array([127, 0, 40], np.uint8), thing.photo)
        cells.append(np.hstack([red, engine.inpaint(thing.photo, mask, expand=4)]))
    rows = [np.hstack(cells[start : start + 3]) for start in range(0, len(cells), 3)]
    return np.asarray(np.vstack(rows), np.uint8)


def held_out(data: Path, name: str, count: int) -> Tensor:
    """The first of the pictures that the recipe holds out, uint8 (count, 3, SIDE, SIDE)."""
    pictures = load_pictures([data / f"{name}.zip"], resolution=SIDE).split(60)[1]
    return pictures.images[:count]


def mean_fill(image: Pixels, mask: Mask) -> Pixels:
    """The mean colour of what is known."""
    out = image.copy()
    out[mask > 0] = image[mask == 0].mean(0).round()
    return out


def _cv2(image: Pixels, mask: Mask, method: int) -> Pixels:
    return np.asarray(cv2.inpaint(image.astype(np.uint8), mask, 3, method), np.uint8)


def _changed_outside(filled: Pixels, image: Pixels, mask: Mask) -> int:
    return int((filled != image)[mask == 0].sum())


def _row(images: Tensor, truth: Tensor, features: Tensor, sets: list[str], count: int) -> dict[str, float]:
    """One line of the table."""
    apart = perceptual_distance(images, truth)
    by_set = {name: round(float(apart[i * count : (i + 1) * count].mean()), 4) for i, name in enumerate(sets)}
    return {
        "psnr": round(float(psnr(images, truth).mean()), 2),
        "ssim": round(float(ssim(images, truth).mean()), 4),
        "perceptual": round(float(apart.mean()), 4),
        "frechet_lite2": round(frechet_distance(lite2_features(images), features), 2),
        **{f"perceptual_{name}": value for name, value in by_set.items()},
    }


def _print(figures: dict[str, dict[str, dict[str, float]]]) -> None:
    print("| hole | | PSNR | SSIM | perceptual | Fréchet (lite2) |\n|---|---|---|---|---|---|")
    for size, methods in figures.items():
        for name, row in methods.items():
            cells = " | ".join(str(row[key]) for key in ("psnr", "ssim", "perceptual", "frechet_lite2"))
            print(f"| {size} | {name} | {cells} |")


def _large(engine: Inpainting) -> dict[str, Any]:
    """12 megapixels: a sample enlarged and given camera noise, with two discs and a stroke; grain of each."""
    with Image.open(SAMPLES / "coffee.png") as picture:
        photo = np.asarray(picture.convert("RGB").resize((4000, 3000), Image.Resampling.BICUBIC))
    rng = np.random.default_rng(0)
    noisy = (photo + rng.normal(0, 6, photo.shape)).round().clip(0, 255).astype(np.uint8)
    holes = [np.zeros(noisy.shape[:2], np.uint8) for _ in range(3)]
    cv2.ellipse(holes[0], (700, 2400), (300, 180), 20, 0, 360, 255, -1)
    cv2.ellipse(holes[1], (3300, 700), (260, 260), 0, 0, 360, 255, -1)
    cv2.line(holes[2], (300, 300), (1500, 700), 255, 40)
    mask = np.maximum.reduce(holes)
    engine.inpaint(noisy[:64, :64].copy(), np.pad(np.full((8, 8), 255, np.uint8), 28))  # loads the network
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.perf_counter()
    filled = engine.inpaint(noisy, mask, feather=0)
    seconds = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "seconds": round(seconds, 2),
        "peak_mib_more": round((after - before) / 1024),
        "changed_outside": int((filled != noisy)[mask == 0].sum()),
        "grain_ratios": [round(grain(filled, hole), 3) for hole in holes],
    }


def grain(image: Pixels, mask: Mask) -> float:
    """Local variance inside a hole over that in a ring as wide around it: the variance left by a 3x3 median."""
    grey = np.asarray(image, np.float32).mean(2)
    noise = grey - cv2.medianBlur(grey.round().clip(0, 255).astype(np.uint8), 3)
    inside = cv2.erode(mask, np.ones((9, 9), np.uint8)) > 0
    ring = (cv2.dilate(mask, np.ones((81, 81), np.uint8)) > 0) & (cv2.dilate(mask, np.ones((9, 9), np.uint8)) == 0)
    return float(noise[inside].var() / noise[ring].var())


def _pixels(image: Tensor) -> Pixels:
    return np.ascontiguousarray(image.permute(1, 2, 0).numpy())


def stacked(pictures: list[Pixels]) -> Tensor:
    """Pictures of one size as uint8 (count, 3, H, W)."""
    return torch.from_numpy(np.stack(pictures).astype(np.uint8)).permute(0, 3, 1, 2).contiguous()


if __name__ == "__main__":
    sys.exit(main())
