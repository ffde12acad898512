"""How well pictures are extended, on photos that were never trained on, against the mirrored picture and OpenCV.

    python -m tests.bench.extending --data shared/data [--count 60] [--sheet sheet.png]

Photos that the inpainting recipe holds out are cut at one to four sides, and what was cut away is made anew. Perceptual
and Fréchet distance are on lite2 features (engines/train/metrics.py), of the whole picture. --sheet: 24 of them, what
was left beside what was made, to be looked at at 100 %.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engines import Engines
from engines.core.image import Pixels
from engines.inpainting import Inpainting
from engines.train.data import load_pictures
from engines.train.metrics import frechet_distance, lite2_features, perceptual_distance, psnr, ssim

from .inpainting import stacked

SIDE = 288
# what is cut away, in turn: left, right, top, bottom, pixels
CUTS = ((72, 72, 0, 0), (0, 96, 0, 0), (0, 0, 72, 48), (96, 0, 0, 0), (48, 48, 48, 48), (0, 0, 0, 96))
Cut = tuple[int, int, int, int]
Frame = NDArray[np.uint8]
Method = Callable[[Pixels, Cut], Pixels]


def main(argv: list[str] | None = None) -> int:
    """Measure, print a table and its figures as JSON, or write the sheet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="the folder of the recipe's archives")
    parser.add_argument("--count", type=int, default=60, help="held-out photos, at most 60")
    parser.add_argument("--sheet", type=Path, help="only write 24 extensions, what was left beside what was made")
    args = parser.parse_args(argv)
    engine = Engines("cpu")[Inpainting]

    def ours(image: Pixels, cut: Cut, detail: float = 1.0) -> Pixels:
        left, right, top, bottom = cut
        return engine.outpaint(image, left=left, right=right, top=top, bottom=bottom, detail=detail)

    photos = load_pictures([args.data / "photos_288.zip"], resolution=SIDE).split(60)[1].images[: args.count]
    whole = [np.ascontiguousarray(photo.permute(1, 2, 0).numpy()) for photo in photos]
    cuts = [CUTS[number % len(CUTS)] for number in range(len(whole))]
    if args.sheet:
        Image.fromarray(_sheet(whole[:24], cuts, ours)).save(args.sheet)
        return 0
    methods: dict[str, Method] = {
        "mirrored": lambda image, cut: _around(image, cut, cv2.BORDER_REFLECT_101),
        "last pixel": lambda image, cut: _around(image, cut, cv2.BORDER_REPLICATE),
        "cv2 Telea": _telea,
        "ours without detail": lambda image, cut: ours(image, cut, 0.0),
        "ours": ours,
    }
    truth = stacked(whole)
    features = lite2_features(truth)
    figures = {}
    print("| | PSNR | SSIM | perceptual | Fréchet (lite2) | seconds |\n|---|---|---|---|---|---|")
    for name, method in methods.items():
        started = time.perf_counter()
        made = stacked([method(left_of(picture, cut), cut) for picture, cut in zip(whole, cuts, strict=True)])
        seconds = time.perf_counter() - started
        row = {
            "psnr": round(float(psnr(made, truth).mean()), 2),
            "ssim": round(float(ssim(made, truth).mean()), 4),
            "perceptual": round(float(perceptual_distance(made, truth).mean()), 4),
            "frechet_lite2": round(frechet_distance(lite2_features(made), features), 2),
            "seconds": round(seconds / len(whole), 2),
        }
        figures[name] = row
        print(f"| {name} | {' | '.join(str(value) for value in row.values())} |", flush=True)
    print(json.dumps(figures, indent=1))
    return 0


def left_of(picture: Pixels, cut: Cut) -> Pixels:
    """What is left of a picture when its sides are cut away."""
    left, right, top, bottom = cut
    height, width = picture.shape[:2]
    rest: Pixels = picture[top : height - bottom, left : width - right].copy()
    return rest


def _around(image: Pixels, cut: Cut, border: int) -> Pixels:
    left, right, top, bottom = cut
    return np.asarray(cv2.copyMakeBorder(image.astype(np.uint8), top, bottom, left, right, border), np.uint8)


def _telea(image: Pixels, cut: Cut) -> Pixels:
    mask = cv2.copyMakeBorder(np.zeros(image.shape[:2], np.uint8), cut[2], cut[3], cut[0], cut[1], 0, value=255)
    canvas = _around(image, cut, cv2.BORDER_CONSTANT).astype(np.uint8)
    return np.asarray(cv2.inpaint(canvas, mask, 3, cv2.INPAINT_TELEA), np.uint8)


def _sheet(whole: list[Pixels], cuts: list[Cut], method: Method) -> Frame:
    """Pairs of what was left, on grey, and what was made of it, three pairs a row."""
    cells: list[Frame] = []
    for picture, cut in zip(whole, cuts, strict=False):
        rest, (left, right, top, bottom) = left_of(picture, cut), cut
        grey = np.full_like(picture, 128)
        grey[top : SIDE - bottom, left : SIDE - right] = rest
        cells.append(np.hstack([grey, method(rest, cut)]).astype(np.uint8))
    rows = [np.hstack(cells[start : start + 3]) for start in range(0, len(cells), 3)]
    return np.vstack(rows).astype(np.uint8)


if __name__ == "__main__":
    sys.exit(main())
