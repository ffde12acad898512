"""The command line: python -m engines.train RECIPE --data ZIP … --run DIR. Run it with --help for every option."""

import argparse
import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import torch

from engines.core.errors import DatasetError, StudioError
from engines.train import recipes
from engines.train.loop import Schedule, choose_machine, options_record, train
from engines.train.memory import keep_freed
from engines.train.runs import RunFolder

T = TypeVar("T")


def parser() -> argparse.ArgumentParser:
    """One subcommand a recipe; each field of its Options and of Schedule is an option."""
    top = argparse.ArgumentParser(prog="python -m engines.train", description=__doc__)
    choices = top.add_subparsers(dest="recipe", required=True, metavar="RECIPE")
    for name in recipes.names():
        recipe = recipes.find(name)
        sub = choices.add_parser(name, help=recipe.HELP, description=recipe.Options.__doc__)
        sub.add_argument(
            "--data",
            nargs="+",
            type=Path,
            metavar="ZIP",
            help=f"archives of pictures, or the folder that holds {', '.join(recipe.DATA)} (needed at the first start)",
        )
        sub.add_argument(
            "--run",
            type=Path,
            required=True,
            metavar="DIR",
            help="the run folder; an old one is gone on with",
        )
        sub.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))
        sub.add_argument("--precision", default="auto", choices=("auto", "bfloat16", "float32"))
        sub.add_argument("--seed", type=int, help="of everything random (default 0)")
        for field in (*dataclasses.fields(Schedule), *dataclasses.fields(recipe.Options)):
            _add_field(sub, field)
    return top


def _add_field(sub: argparse.ArgumentParser, field: "dataclasses.Field[Any]") -> None:
    """An option that is absent unless given, so that a run's stored value can show through."""
    flag = "--" + field.name.replace("_", "-")
    default = field.default
    if isinstance(default, bool):
        sub.add_argument(
            flag,
            action=argparse.BooleanOptionalAction,
            default=argparse.SUPPRESS,
            help=f"(default {default})",
        )
    elif isinstance(default, tuple):
        kind = type(default[0])
        sub.add_argument(
            flag,
            nargs="+",
            type=kind,
            default=argparse.SUPPRESS,
            help=f"(default {' '.join(map(str, default))})",
        )
    else:
        sub.add_argument(flag, type=type(default), default=argparse.SUPPRESS, help=f"(default {default})")


def chosen(kind: type[T], given: dict[str, Any], stored: dict[str, Any]) -> T:
    """A dataclass of options: what was given now, else what the run was started with, else the default."""
    values: dict[str, Any] = {}
    for field in dataclasses.fields(kind):  # type: ignore[arg-type]
        for source in (given, stored):
            if field.name in source:
                value = source[field.name]
                values[field.name] = tuple(value) if isinstance(value, list) else value
                break
    return kind(**values)


def archives(given: Sequence[Path], known: Sequence[str]) -> list[Path]:
    """The archives that were named; a folder stands for those of the recipe's own that lie in it.

    DatasetError if a folder holds none of them.
    """
    named: list[Path] = []
    for path in given:
        found = [path / name for name in known if (path / name).is_file()] if path.is_dir() else [path]
        if not found:
            raise DatasetError(f"{path} holds none of {', '.join(known)}. Name the archives themselves.")
        named += found
    return named


def main(arguments: Sequence[str] | None = None) -> int:
    """Train; the exit code is 0 however the run ended in order, 1 after an error whose sentence goes to stderr."""
    given = vars(parser().parse_args(arguments))
    folder = RunFolder(given["run"])
    try:
        stored = folder.read_options()
        if stored and stored["recipe"] != given["recipe"]:
            raise StudioError(f"{folder.path} belongs to the recipe {stored['recipe']}. Name another folder.")
        recipe = recipes.find(given["recipe"])
        data = archives(given["data"] or [Path(path) for path in stored.get("data", [])], recipe.DATA)
        options = chosen(recipe.Options, given, stored.get("options", {}))
        seed = stored.get("seed", 0) if given["seed"] is None else given["seed"]
        machine = choose_machine(given["device"], given["precision"], seed=seed)
        torch.backends.cudnn.benchmark = True  # every step has the same shapes
        trainee = recipe.build(data, options, machine)
        record = options_record(given["recipe"], data, options, machine)
        ended = train(
            trainee,
            folder,
            chosen(Schedule, given, {}),
            say=lambda line: print(line, flush=True),
            begun=lambda: folder.write_options(record),
        )
        print(f"ended: {ended}; the run is in {folder.path}", flush=True)
    except StudioError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    keep_freed()
    sys.exit(main())
