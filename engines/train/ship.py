"""Takes a finished run's weights and card over into the studio: python -m engines.train.ship RUN.

Ship only what measured better than what is there; the run's own figures are in its card.
"""

import argparse
import dataclasses
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from engines.core.card import ModelCard, Source, WeightFile, read_card, write_card
from engines.core.errors import StudioError
from engines.train.runs import sha256

ASSETS = Path(__file__).parents[2] / "assets" / "models"


def ship(run: Path, into: Path, *, extra: Sequence[tuple[str, Path]] = (), about: str = "") -> ModelCard:
    """Copy weights and card of a run folder. extra: more files as (role, path). about: another sentence."""
    card = read_card(run / "card.toml")
    entries = []
    for role, path in [(file.role, run / file.file) for file in card.source.files] + list(extra):
        target = into / path.name
        shutil.copyfile(path, target)
        entries.append(WeightFile(target.name, sha256(target), target.stat().st_size, role))
    card = dataclasses.replace(card, source=Source("bundled", tuple(entries)), about=about or card.about, folder=into)
    write_card(card, into / f"{card.id}.toml")
    return card


def main(arguments: Sequence[str] | None = None) -> int:
    """Ship one run; the exit code is 1 after an error whose sentence goes to stderr."""
    parser = argparse.ArgumentParser(prog="python -m engines.train.ship", description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("--into", type=Path, default=ASSETS)
    parser.add_argument("--extra", nargs=2, action="append", default=[], metavar=("ROLE", "FILE"))
    parser.add_argument("--about", default="", help="the sentence that the page shows")
    given = parser.parse_args(arguments)
    try:
        card = ship(given.run, given.into, extra=[(role, Path(file)) for role, file in given.extra], about=given.about)
    except StudioError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{card.id}: {card.bytes / 1e6:.1f} MB in {given.into}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
