"""Part of an archive of faces, so that rare things are less rare in a training: python -m engines.train.pick ZIP …

Every picture on which the face reader finds one of the wanted attributes is taken, and a share of all others beside
them, so that what is wanted is not the only thing the part has in common. The members are copied as they are.
"""

import argparse
import hashlib
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from engines.core.errors import DatasetError
from engines.models.face_attributes import FaceAttributes
from engines.train.data import Pictures, load_pictures, to_signed
from engines.train.recipes.encoder import load_module
from engines.train.responses import Scores

SEEN_AT = 128


def pick(pictures: Pictures, scores: Scores, wanted: Mapping[str, float], *, others: int) -> list[str]:
    """Names of the pictures whose probability of an attribute is at least the wanted one, and of `others` besides.

    The others are those with the lowest SHA-256 of their name. DatasetError for an attribute the reader does not know.
    """
    unknown = [name for name in wanted if name not in scores.names]
    if unknown:
        raise DatasetError(f"The face reader knows no {unknown[0]}. It knows: {', '.join(scores.names)}.")
    with torch.no_grad():
        values: Tensor = torch.cat([scores(to_signed(part)) for part in torch.split(pictures.images, 100)])
    rare = torch.zeros(len(pictures), dtype=torch.bool)
    for name, least in wanted.items():
        rare |= values[:, scores.index(name)].sigmoid() >= least
    chosen = {name for name, found in zip(pictures.names, rare.tolist(), strict=True) if found}
    rest = [name for name in pictures.names if name not in chosen]
    rest.sort(key=lambda name: hashlib.sha256(name.encode()).hexdigest())
    return sorted(chosen | set(rest[:others]))


def write_part(archive: Path, names: Sequence[str], out: Path) -> None:
    """A zip of these members of the archive (names as `load_pictures` gives them), their bytes unchanged."""
    with zipfile.ZipFile(archive) as source, zipfile.ZipFile(out, "w") as target:
        for name in names:
            member = name.split("/", 1)[1]
            target.writestr(member, source.read(member))


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m engines.train.pick", description=__doc__.splitlines()[0])
    parser.add_argument("archive", type=Path, help="zip of aligned faces")
    parser.add_argument("--reader", type=Path, required=True, help="card of the face reader (recipe attributes)")
    parser.add_argument("--want", nargs="+", required=True, metavar="NAME=P", help="attribute and least probability")
    parser.add_argument("--others", type=int, default=0, help="pictures taken besides")
    parser.add_argument("--out", type=Path, required=True, help="zip to write")
    given = parser.parse_args(arguments)
    try:
        wanted = {name: float(least) for name, least in (item.split("=", 1) for item in given.want)}
    except ValueError:
        parser.error("--want takes NAME=P, for example Eyeglasses=0.3.")
    scores = Scores(load_module(given.reader, FaceAttributes))
    try:
        names = pick(load_pictures([given.archive], resolution=SEEN_AT), scores, wanted, others=given.others)
        write_part(given.archive, names, given.out)
    except DatasetError as error:
        parser.error(str(error))
    print(f"{len(names)} pictures in {given.out}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
