"""Does the blur alarm tell smears from good fills? On pictures that were never trained on.

    python -m tests.bench.blur --data shared/data [--ours] [--seed 5]

Good is the true picture in a hole of 6 to 35 %; bad is what the network alone (without patches) and OpenCV's Telea make
of it, and the true picture blurred by a pixel. AUC: how often a good one scores higher than a bad one, ties by half.
Alarms: the part under BOUND. The pictures are in two halves; the constants of engines/inpaint/sharpness.py were read
off the first (with other holes), so the second is the proof. Not every fill of the network is blurry: in a sky, or in
the strokes of a letter, it is as good as any.
--ours: also how often our own fills of the second half, with patches, are called blurry.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import cv2
import numpy as np

from engines import Engines
from engines.core.image import Pixels
from engines.inpaint.masks import Mask
from engines.inpaint.sharpness import BOUND, sharpness
from engines.inpainting import Inpainting
from engines.train.data import load_pictures
from engines.train.holes import hole

SIDE = 256
SETS = {"photos_288": 20, "textures_256": 8, "clothing_256": 6}  # pictures in each half
HALF = 30  # where the second half begins among the pictures that recipes hold out


def main(argv: list[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="the folder of the recipe's archives")
    parser.add_argument("--ours", action="store_true", help="also judge our own fills with patches, which takes longer")
    parser.add_argument("--seed", type=int, default=5, help="which holes")
    args = parser.parse_args(argv)
    engine, rng = Engines("cpu")[Inpainting], np.random.default_rng(args.seed)
    for half in (0, 1):
        told: dict[str, list[float]] = {"true": [], "network alone": [], "cv2 Telea": [], "blurred": []}
        for name, count in SETS.items():
            images = load_pictures([args.data / f"{name}.zip"], resolution=SIDE).split(60)[1].images
            for number in range(count):
                image = np.ascontiguousarray(images[HALF * half + number].permute(1, 2, 0).numpy(), np.uint8)
                mask = hole(SIDE, rng, least=0.06, most=0.35)
                for way, filled in _fills(engine, image, mask, ours=args.ours and half == 1).items():
                    told.setdefault(way, []).append(sharpness(filled, mask))
        good = told["true"]
        for way, scores in told.items():
            alarms = float(np.mean(np.array(scores) < BOUND))
            print(f"half {half + 1}  {way:14s} alarms {alarms:6.1%}  AUC {auc(good, scores):.3f}  of {len(scores)}")
    return 0


def _fills(engine: Inpainting, image: Pixels, mask: Mask, *, ours: bool) -> dict[str, Pixels]:
    telea = np.asarray(cv2.inpaint(image.astype(np.uint8), mask, 3, cv2.INPAINT_TELEA), np.uint8)
    made: dict[str, Pixels] = {"true": image, "network alone": engine.inpaint(image, mask, detail=0.0, feather=0)}
    made["cv2 Telea"] = telea
    made["blurred"] = np.where(mask[..., None] > 0, cv2.GaussianBlur(image, (0, 0), 1.0), image).astype(np.uint8)
    return made | ({"ours": engine.inpaint(image, mask, feather=0)} if ours else {})


def auc(good: list[float], bad: list[float]) -> float:
    """How often a good one is over a bad one; ties count half."""
    a, b = np.array(good)[:, None], np.array(bad)[None]
    return float((a > b).mean() + (a == b).mean() / 2)


if __name__ == "__main__":
    sys.exit(main())
