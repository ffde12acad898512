"""Figures of a face generator or its encoder on pictures it was not trained on.

    python -m engines.train.measure CARD --data ZIP …

Prints one line of JSON: Fréchet and kernel distance (metrics.py; not Inception-FID) of as many generated as held-out
pictures, and the same distances of training pictures (the best a generator of that set can hope for). With --sheets
also pictures to look at: a hundred faces at truncation 1 and at 0.7, faces turning into one another, and 16 faces above
their nearest training pictures.

Of an encoder it prints `likeness` (recipes/encoder.py) of 200 held-out faces of all archives and, by their names, of
each. --generator takes another generator than its own, one that grew from it.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from engines.core.card import read_card
from engines.core.errors import StudioError
from engines.core.network import build_module
from engines.core.weights import read_tensors
from engines.models.face_encoder import FaceEncoder
from engines.models.style_generator import StyleGenerator
from engines.train.data import Pictures, contact_sheet, load_pictures, to_bytes
from engines.train.loop import choose_machine
from engines.train.metrics import frechet_distance, kernel_distance, lite2_features
from engines.train.recipes.encoder import ASSETS, halves, likeness, load_module, some

NEIGHBOURS = 16
SEEN = 128  # side of the squares that an encoder looks at


def load_generator(card_path: Path) -> StyleGenerator:
    """The generator of a card whose weights lie beside it. CardError if they do not fit."""
    card = read_card(card_path)
    net = build_module(card, read_tensors(card.folder / card.source.files[0].file))
    if not isinstance(net, StyleGenerator):
        raise StudioError(f"{card.title} is no face generator. Name the card of one.")
    return net


@torch.no_grad()
def generate(net: StyleGenerator, count: int, *, seed: int, truncation_psi: float = 1.0) -> Tensor:
    """Pictures from normal z, with per-layer noise, uint8 (count, 3, R, R); the same for the same seed."""
    device = net.const.device
    rng = torch.Generator(device).manual_seed(seed)
    chunks = []
    for start in range(0, count, 40):
        z = torch.randn(min(40, count - start), net.options.z_dim, generator=rng, device=device)
        chunks.append(to_bytes(net(z, truncation_psi=truncation_psi, noise=rng)).cpu())
    return torch.cat(chunks)


def measure(net: StyleGenerator, training: Pictures, held_out: Pictures, *, seed: int = 2) -> dict[str, float]:
    """The distances; `…_training` are those of training pictures from the held-out ones, at the same count."""
    count = len(held_out)
    order = torch.randperm(len(training), generator=torch.Generator().manual_seed(seed))[:count]
    real = lite2_features(held_out.images)
    figures: dict[str, float] = {"count": count}
    for name, images in (("", generate(net, count, seed=seed)), ("_training", training.images[order])):
        features = lite2_features(images)
        figures[f"frechet_lite2{name}"] = round(frechet_distance(features, real), 2)
        figures[f"kernel_lite2{name}"] = round(kernel_distance(features, real), 5)
    return figures


def measure_encoder(card: Path, generator: Path, data: Sequence[Path], *, hold_out: int) -> dict[str, float]:
    """`likeness` of held-out faces, of all archives together and of each: its name stands before the figure's."""
    encoder, net = load_module(card, FaceEncoder), load_module(generator, StyleGenerator)
    parts = [part.images for _, part in halves(data, resolution=SEEN, hold_out=hold_out)]
    truth = {"": some(torch.cat(parts), 200)}
    if len(parts) > 1:
        each = 200 // len(parts)
        truth |= {f"{path.stem}: ": some(part, each) for path, part in zip(data, parts, strict=True)}
    machine = choose_machine("cpu", "auto", seed=0)
    found: dict[str, float] = {}
    for name, faces in truth.items():
        found |= {f"{name}{key}": round(value, 5) for key, value in likeness(encoder, net, faces, machine).items()}
    return found


def nearest(images: Tensor, training: Tensor) -> Tensor:
    """Of each picture the training picture, or its mirror image, whose lite2 features are nearest by cosine."""
    both = torch.cat([training, training.flip(-1)])
    ours, theirs = lite2_features(images), lite2_features(both)
    cosine = torch.nn.functional.normalize(ours, dim=1) @ torch.nn.functional.normalize(theirs, dim=1).t()  # (N, M)
    return both[cosine.argmax(1)]


def sheet_with_neighbours(images: Tensor, training: Tensor) -> Image.Image:
    """Two rows of half the pictures each, every row above the nearest training pictures of its own."""
    rows = [batch.chunk(2) for batch in (images, nearest(images, training))]
    return contact_sheet(torch.cat([rows[0][0], rows[1][0], rows[0][1], rows[1][1]]), columns=len(images) // 2)


@torch.no_grad()
def interpolation(net: StyleGenerator, *, rows: int = 4, columns: int = 10, seed: int = 5) -> Tensor:
    """Rows of faces on the straight way in W between two people at truncation 0.7, (rows * columns, 3, R, R)."""
    rng = torch.Generator().manual_seed(seed)
    ends = net.mapping(torch.randn(2 * rows, net.options.z_dim, generator=rng), truncation_psi=0.7)
    way = torch.linspace(0, 1, columns)[:, None]
    return torch.cat([to_bytes(net.synthesis(torch.lerp(a, b, way))) for a, b in ends.reshape(rows, 2, -1)])


def write_sheets(net: StyleGenerator, training: Tensor, folder: Path, *, name: str) -> None:
    """The pictures to look at, as JPEG."""
    folder.mkdir(parents=True, exist_ok=True)
    sheets = {
        "truncation-1": contact_sheet(generate(net, 100, seed=0), columns=10),
        "truncation-0.7": contact_sheet(generate(net, 100, seed=1, truncation_psi=0.7), columns=10),
        "interpolation": contact_sheet(interpolation(net), columns=10),
        "nearest": sheet_with_neighbours(generate(net, NEIGHBOURS, seed=0), training),
    }
    for kind, sheet in sheets.items():
        sheet.save(folder / f"{name}-{kind}.jpg", quality=88)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure one card; the exit code is 1 after an error whose sentence goes to stderr."""
    parser = argparse.ArgumentParser(prog="python -m engines.train.measure", description=__doc__)
    parser.add_argument("card", type=Path)
    parser.add_argument("--data", nargs="+", type=Path, required=True, metavar="ZIP")
    parser.add_argument(
        "--hold-out",
        type=int,
        default=400,
        help="pictures of the first archive, or of each for an encoder (default 400)",
    )
    parser.add_argument("--generator", type=Path, default=ASSETS / "faces-128.toml", help="of an encoder (faces-128)")
    parser.add_argument("--sheets", type=Path, help="folder for pictures to look at")
    given = parser.parse_args(arguments)
    try:
        if read_card(given.card).architecture == "face_encoder":
            print(json.dumps(measure_encoder(given.card, given.generator, given.data, hold_out=given.hold_out)))
            return 0
        net = load_generator(given.card)
        pictures = load_pictures(given.data, resolution=net.options.resolution)
        training, held_out = pictures.split(given.hold_out, prefix=f"{given.data[0].stem}/")
        print(json.dumps(measure(net, training, held_out)))
        if given.sheets:
            write_sheets(net, training.images, given.sheets, name=given.card.stem)
    except StudioError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
