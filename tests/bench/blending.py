"""How near a pasted object comes to the light of its place, on pictures never trained on, against what is usual.

    python -m tests.bench.blending --data shared/data [--count 60] [--sheet sheet.png]
    python -m tests.bench.blending --large

Pieces of pictures that the recipe holds out get other light (engines/train/blend_batches.py); the untouched picture is
the truth. In the object: squared error, PSNR of its mean and CIEDE2000. A piece comes as a cut-out, of which nobody
knows what was around it, or with the rest of its picture in the same wrong light.
--large: seconds and memory of a paste into 12 megapixels.
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
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from engines import Engines
from engines.core.image import Pixels
from engines.inpainting import Inpainting
from engines.train.blend_batches import KINDS, Pasted, Pieces, labelled
from engines.train.data import load_pictures
from engines.train.holes import Mask
from engines.train.recipes.blend import FLAT, SHARES, in_object

SIDE = 192
SETS = {"photos_288": 256, "clothing_256": 256, "faces_synthetic_256": 256, "textures_256": 256}
HELD_OUT = 60
Photo = NDArray[np.uint8]
Method = Callable[[Photo, Photo, Mask], Pixels]  # piece, composite, mask -> result


def main(argv: list[str] | None = None) -> int:
    """Measure, print a table and its figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="the folder of the recipe's archives")
    parser.add_argument("--count", type=int, default=60, help="composites of each kind")
    parser.add_argument("--sheet", type=Path, help="write composite, Poisson, ours, truth side by side")
    parser.add_argument("--large", action="store_true", help="only seconds and memory of 12 megapixels")
    args = parser.parse_args(argv)
    engine = Engines("cpu")[Inpainting]
    if args.large:
        print(json.dumps(_large(engine), indent=1))
        return 0
    methods: dict[str, Method] = {
        "composite": lambda piece, composite, mask: composite,
        "statistics of the place": statistics,
        "cv2.seamlessClone": poisson,
        "ours, cut-out": lambda piece, composite, mask: engine.blend(cut_out(piece, mask), composite, x=0, y=0),
        "ours": lambda piece, composite, mask: engine.blend(piece, composite, mask, x=0, y=0),
    }
    figures: dict[str, dict[str, dict[str, float]]] = {}
    rows: list[Pixels] = []
    for kind, batch in composites(args.data, args.count).items():
        figures[kind], shown = {}, dict[str, list[Pixels]]()
        for name, method in methods.items():
            made = [method(*one) for one in triples(batch)]
            seen = in_object(_stack(made), batch.truth, batch.mask)
            mse = float(seen["mse"].mean())
            figures[kind][name] = {
                "mse": round(mse, 1),
                "psnr": round(10 * float(np.log10(255**2 / mse)), 2),
                "ciede2000": round(float(seen["ciede2000"].mean()), 2),
            }
            shown[name] = made
            print(f"{kind} {name}: {figures[kind][name]}", file=sys.stderr, flush=True)
        columns = [shown["composite"], shown["cv2.seamlessClone"], shown["ours, cut-out"], shown["ours"]]
        truth: list[Pixels] = [_pixels(image) for image in batch.truth]
        for i in range(0, min(args.count, 32), 4):
            rows.append(np.asarray(np.hstack([column[i] for column in (*columns, truth)]), np.uint8))
    if args.sheet:
        Image.fromarray(np.vstack(rows)).save(args.sheet)
    print("| object | | MSE | PSNR | CIEDE2000 |\n|---|---|---|---|---|")
    for kind, table in figures.items():
        for name, row in table.items():
            print(f"| {kind} | {name} | {row['mse']} | {row['psnr']} | {row['ciede2000']} |")
    print(json.dumps(figures, indent=1))
    return 0


def composites(data: Path, count: int) -> dict[str, Pasted]:
    """The same composites of held-out pictures each time, by kind."""
    sets = {
        name: labelled(
            load_pictures([data / f"{name}.zip"], resolution=side).split(HELD_OUT)[1], objects=name not in FLAT
        )
        for name, side in SETS.items()
    }
    pieces = Pieces(sets, SHARES, side=SIDE)
    made = {}
    for number, kind in enumerate(KINDS):
        batch = pieces.draw(count, torch.Generator().manual_seed(number), kinds={kind: 1.0})
        made[kind] = Pasted(_rounded(batch.truth), _rounded(batch.piece), _rounded(batch.mask), batch.known)
    return made


def triples(batch: Pasted) -> list[tuple[Photo, Photo, Mask]]:
    """Each piece, its composite and its mask as an engine takes them."""
    masks = (batch.mask[:, 0] * 255).round().to(torch.uint8).numpy()
    pairs = zip(batch.piece, batch.composite, masks, strict=True)
    return [(_pixels(piece), _pixels(composite), mask) for piece, composite, mask in pairs]


def cut_out(piece: Photo, mask: Mask) -> Photo:
    """The object alone, on nothing."""
    return np.asarray(np.dstack([np.where(mask[..., None] > 0, piece, 0), mask]), np.uint8)


def statistics(piece: Photo, composite: Photo, mask: Mask) -> Photo:
    """The object with the mean and spread that its surroundings have in CIELAB (Reinhard et al. 2001)."""
    lab = cv2.cvtColor((composite / np.float32(255)).astype(np.float32), cv2.COLOR_RGB2LAB)
    inside, outside = lab[mask > 127], lab[mask == 0]
    moved = (lab - inside.mean(0)) / (inside.std(0) + 1e-3) * outside.std(0) + outside.mean(0)
    rgb = cv2.cvtColor(moved.astype(np.float32), cv2.COLOR_LAB2RGB).clip(0, 1) * 255
    share = mask[..., None] / 255
    return np.asarray((rgb * share + composite * (1 - share)).round(), np.uint8)


def poisson(piece: Photo, composite: Photo, mask: Mask) -> Photo:
    """Poisson image editing (Perez et al. 2003) as OpenCV has it, onto the place with the object filled away.

    It leaves a picture's outermost pixels alone.
    """
    hard = np.where(mask > 127, 255, 0).astype(np.uint8)
    hard[[0, -1]] = 0
    hard[:, [0, -1]] = 0
    left, top, width, height = cv2.boundingRect(hard)
    middle = (left + width // 2, top + height // 2)
    place = cv2.inpaint(
        composite, cv2.dilate((mask > 0).astype(np.uint8), np.ones((3, 3), np.uint8)), 3, cv2.INPAINT_TELEA
    )
    return np.asarray(cv2.seamlessClone(piece, place, hard, middle, cv2.NORMAL_CLONE), np.uint8)


def _large(engine: Inpainting) -> dict[str, Any]:
    """An object of 3 megapixels pasted into 12."""
    rng = np.random.default_rng(0)
    small = (rng.integers(0, 256, (30, 40, 3), np.uint8), rng.integers(0, 256, (20, 20, 3), np.uint8))
    sizes = (4000, 3000), (2000, 2000)
    background, thing = (
        np.asarray(cv2.resize(x, size, interpolation=cv2.INTER_CUBIC), np.uint8)
        for x, size in zip(small, sizes, strict=True)
    )
    mask = np.zeros((2000, 2000), np.uint8)
    cv2.circle(mask, (1000, 1000), 977, 255, -1)
    engine.blend(thing[:64, :64], background[:64, :64], mask[968:1032, 968:1032])  # loads the network
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started, cpu = time.perf_counter(), time.process_time()
    made = engine.blend(thing, background, mask)
    return {
        "seconds": round(time.perf_counter() - started, 2),
        "processor_seconds": round(time.process_time() - cpu, 2),
        "peak_mib_more": round((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024),
        "changed_percent": round(100 * float((made != background).any(2).mean()), 2),
    }


def _rounded(images: Tensor) -> Tensor:
    return (images.clamp(0, 1) * 255).round() / 255


def _pixels(image: Tensor) -> Photo:
    return np.ascontiguousarray((image.clamp(0, 1) * 255).round().to(torch.uint8).permute(1, 2, 0).numpy())


def _stack(pictures: list[Pixels]) -> Tensor:
    return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2) / 255


if __name__ == "__main__":
    sys.exit(main())
