"""How good the colours are, on pictures that were never trained on, against the truth, no colour and one tint for all.

    python -m tests.bench.colorization --data shared/data [--count 60] [--sheet sheet.png] [--crops crops.png]

From each archive of the recipe the pictures that the recipe holds out (`Pictures.split`) are made grey and coloured by
the engine, as a person's photo would be. Fréchet distance is on lite2 features (see engines/train/metrics.py).
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from engines import Engines
from engines.colorization import Colorization, Hint, Look
from engines.colour.passes import Suggestion
from engines.core.image import Pixels
from engines.core.lab import into_gamut, lab_to_rgb, luminance, rgb_to_lab
from engines.train.data import Pictures, contact_sheet, load_pictures
from engines.train.metrics import colour_difference, colourfulness, frechet_distance, lite2_features
from engines.train.recipes.colorize import DATA, PACKED, PACKED_OTHERS

SAMPLES = Path(__file__).parents[2] / "assets" / "samples"
SIDE = 192  # at which all pictures are compared


def main(argv: list[str] | None = None) -> int:
    """Measure, print a table and its figures as JSON."""
    args = _arguments(argv)
    engine = Engines("cpu")[Colorization]
    sets = {}
    tints = []
    for name in DATA:
        path = args.data / name
        training, held_out = load_pictures([path], resolution=PACKED.get(path.stem, PACKED_OTHERS)).split(60)
        sets[path.stem] = held_out.images[: args.count]
        tints.append(_mean_ab(training))
    truth = torch.cat([_sized(images) for images in sets.values()])
    rows = {"the truth": truth, "grey": _with_ab(truth, (0.0, 0.0)), "one tint": _with_ab(truth, _mean(tints))}
    rng = np.random.default_rng(0)
    greys = [_grey(image) for images in sets.values() for image in images]
    colours = [_pixels(image) for images in sets.values() for image in images]
    started = time.perf_counter()
    automatic = [engine.colorize(grey) for grey in greys]
    seconds = (time.perf_counter() - started) / len(greys)
    rows["automatic"] = _all(automatic)
    for count in (1, 10):
        hinted = [engine.colorize(g, hints=_true_hints(c, count, rng)) for g, c in zip(greys, colours, strict=True)]
        rows[f"{count} true hints"] = _all(hinted)
    features = {name: lite2_features(images) for name, images in rows.items()}
    table = {name: _row(images, truth, features[name], features["the truth"]) for name, images in rows.items()}
    _print(table)
    groups = np.repeat(list(sets), [len(images) for images in sets.values()])
    by_set = {
        name: {
            "ciede2000": round(float(colour_difference(rows["automatic"], truth)[groups == name].mean()), 2),
            "grey": round(float(colour_difference(rows["grey"], truth)[groups == name].mean()), 2),
            "ratio": round(_ratio(rows["automatic"][groups == name], truth[groups == name]), 3),
        }
        for name in sets
    }
    drift = [np.abs(_light(a) - _light(b)) for a, b in zip(automatic, greys, strict=True)]
    figures = {
        "pictures": len(greys),
        "table": table,
        "by_set": by_set,
        "luminance_error_mean": round(float(np.mean([d.mean() for d in drift])), 4),
        "luminance_error_most": round(float(max(d.max() for d in drift)), 3),
        "seconds_a_picture": round(seconds, 3),
        "speed": _speed(engine),
    }
    print(json.dumps(figures, indent=1))
    if args.sheet:
        _sheet(rows, args.sheet)
    if args.crops:
        _crops(engine, args.data, args.crops)
    return 0


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="the folder of the recipe's archives")
    parser.add_argument("--count", type=int, default=60, help="held-out pictures of each archive, at most 60")
    parser.add_argument("--sheet", type=Path, help="write truth, automatic, ten hints side by side")
    parser.add_argument("--crops", type=Path, help="write 24 automatic results at 100 %%, larger")
    return parser.parse_args(argv)


def _row(images: Tensor, truth: Tensor, ours: Tensor, theirs: Tensor) -> dict[str, float]:
    """One line of the table."""
    return {
        "ciede2000": round(float(colour_difference(images, truth).mean()), 2),
        "colourfulness_ratio": round(_ratio(images, truth), 3),
        "frechet_lite2": round(frechet_distance(ours, theirs), 2),
    }


def _ratio(images: Tensor, truth: Tensor) -> float:
    return float(colourfulness(images).mean() / colourfulness(truth).mean())


def _print(table: dict[str, dict[str, float]]) -> None:
    print("| | CIEDE2000 | colourfulness / truth | Fréchet (lite2) |\n|---|---|---|---|")
    for name, row in table.items():
        print(f"| {name} | {row['ciede2000']} | {row['colourfulness_ratio']} | {row['frechet_lite2']} |")


def _true_hints(colour: Pixels, count: int, rng: np.random.Generator) -> list[Hint]:
    """Points at random places with the colour the picture has there, averaged over 5x5 pixels."""
    height, width = colour.shape[:2]
    hints = []
    for y, x in zip(rng.integers(0, height, count), rng.integers(0, width, count), strict=True):
        near = colour[max(0, y - 2) : y + 3, max(0, x - 2) : x + 3].reshape(-1, 3).mean(0).round().astype(int)
        hints.append(Hint(float(x), float(y), (int(near[0]), int(near[1]), int(near[2]))))
    return hints


def _speed(engine: Colorization) -> dict[str, float]:
    """Medians in seconds: a suggestion, and laying it on 1 and 12 megapixels."""
    with Image.open(SAMPLES / "coffee.png") as image:
        photo = image.convert("L").convert("RGB")
    one, large = (np.asarray(photo.resize(size)) for size in ((1155, 866), (4000, 3000)))
    found: Suggestion = engine.suggest(one)
    return {
        "suggest": _median(lambda: engine.suggest(one), 5),
        "blend_1_megapixel": _median(lambda: engine.blend(one, found, look=Look()), 5),
        "blend_12_megapixels": _median(lambda: engine.blend(large, found, look=Look()), 1),
    }


def _median(work: object, times: int) -> float:
    taken = []
    for _ in range(times):
        started = time.perf_counter()
        work()  # type: ignore[operator]
        taken.append(time.perf_counter() - started)
    return round(statistics.median(taken), 3)


def _sheet(rows: dict[str, Tensor], path: Path) -> None:
    """Columns of pictures: truth, automatic, ten hints."""
    every = max(1, len(rows["the truth"]) // 24)
    some = [rows[name][::every][:24] for name in ("the truth", "automatic", "10 true hints")]
    parts = [part for i in range(0, 24, 8) for part in (kind[i : i + 8] for kind in some)]
    contact_sheet(torch.cat(parts), columns=8).save(path)


def _crops(engine: Colorization, data: Path, path: Path) -> None:
    """24 held-out pictures, at the size they are stored in, next to each other at 100 %."""
    shown = []
    for name, side, count in (
        ("photos_288.zip", 288, 8),
        ("clothing_256.zip", 256, 4),
        ("faces_synthetic_256.zip", 256, 4),
        ("faces_celeba_128.zip", 128, 2),
        ("scenes_100.zip", 100, 4),
        ("textures_256.zip", 256, 2),
    ):
        held_out = load_pictures([data / name], resolution=side).split(60)[1]
        for image in held_out.images[1 :: 60 // count][:count]:
            shown.append(np.asarray(Image.fromarray(engine.colorize(_grey(image))).convert("RGB")))
    sheet = Image.new("RGB", (6 * 296, 4 * 296), (128, 128, 128))
    for i, picture in enumerate(shown):
        sheet.paste(Image.fromarray(picture), (i % 6 * 296 + 4, i // 6 * 296 + 4))
    sheet.save(path)


def _mean_ab(training: Pictures) -> tuple[float, float]:
    """The mean a and b of a set's training pictures."""
    small = _sized(training.images[:: max(1, len(training) // 200)], 32)
    a, b = rgb_to_lab(small.float() / 255)[:, 1:].mean((0, 2, 3)).tolist()
    return a, b


def _mean(tints: list[tuple[float, float]]) -> tuple[float, float]:
    return statistics.mean(a for a, _ in tints), statistics.mean(b for _, b in tints)


def _with_ab(images: Tensor, ab: tuple[float, float]) -> Tensor:
    """Pictures with their L and one colour for all."""
    lab = rgb_to_lab(images.float() / 255)
    lab = torch.cat([lab[:, :1], torch.tensor(ab).view(1, 2, 1, 1).expand(len(lab), 2, *lab.shape[2:])], 1)
    return (lab_to_rgb(into_gamut(lab)).clamp(0, 1) * 255).round().to(torch.uint8)


def _sized(images: Tensor, side: int = SIDE) -> Tensor:
    x = torch.nn.functional.interpolate(images.float(), size=(side, side), mode="bilinear", antialias=True)
    return x.round().clamp(0, 255).to(torch.uint8)


def _pixels(image: Tensor) -> Pixels:
    return np.ascontiguousarray(image.permute(1, 2, 0).numpy())


def _grey(image: Tensor) -> Pixels:
    """The picture's own luminance as a grey picture."""
    return _pixels(_with_ab(image[None], (0.0, 0.0))[0])


def _all(pictures: list[Pixels]) -> Tensor:
    rows = [_sized(torch.from_numpy(picture.astype(np.uint8)).permute(2, 0, 1)[None]) for picture in pictures]
    return torch.cat(rows)


def _light(image: Pixels) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    rgb = torch.from_numpy(image.astype(np.float32) / 255).permute(2, 0, 1)[None]
    return np.asarray(luminance(rgb)[0, 0].numpy(), np.float32)


if __name__ == "__main__":
    sys.exit(main())
