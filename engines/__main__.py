"""The command line: the page's verbs and options, for files and folders.

    python -m engines upscale IN OUT --model realesrgan-x4plus --scale 4
    python -m engines models
    python -m engines recipe FILE

Exit codes: 0 all done, 1 something failed (listed), 2 wrong arguments, 130 interrupted.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engines import Engines, find_engines
from engines.core.engine import Batch, Command, Failure, Task
from engines.core.errors import Cancelled, OptionError, StudioError
from engines.core.files import edit_file, plan
from engines.core.job import Fact, Job, Progress, facts_line
from engines.core.provenance import read_recipe


def main(argv: list[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    device = _device_of(sys.argv[1:] if argv is None else argv)
    try:
        engines = Engines(device)
        commands = {command.name: command for kind in find_engines() for command in engines[kind].commands()}
        args = _parser(commands).parse_args(argv)
        if args.command == "models":
            return _models(engines, as_json=args.json)
        if args.command == "recipe":
            print(read_recipe(args.file).to_json())
            return 0
        command = commands[args.command]
        if isinstance(command, Task):
            batch = command.run(args, lambda name: _watched(args, name))
            for facts in batch.done if not args.json else ():
                _say(facts)
            for failure in batch.failures:
                print(f"{failure.file}: {failure.reason}", file=sys.stderr)
            return _close(batch, folder=len(batch.done) + len(batch.failures) > 1, as_json=args.json)
        return _edit(command, args)
    except StudioError as error:
        print(error, file=sys.stderr)
        return 1
    except (KeyboardInterrupt, Cancelled):
        print("Stopped.", file=sys.stderr)
        return 130


def _device_of(argv: list[str]) -> str:
    early = argparse.ArgumentParser(add_help=False)
    early.add_argument("--device", default="auto")
    return str(early.parse_known_args(argv)[0].device)


def _parser(commands: Mapping[str, Command | Task]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m engines", description="GAN Studio on the command line.")
    verbs = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command in commands.values():
        verb = verbs.add_parser(command.name, help=command.help, description=command.help)
        if isinstance(command, Command):
            verb.add_argument("source", metavar="IN", type=Path, help="a picture or a folder of pictures")
            verb.add_argument("target", metavar="OUT", type=Path, help="a file, or a folder (names are kept)")
        command.arguments(verb)
        _common(verb)
    models = verbs.add_parser("models", help="list the models")
    recipe = verbs.add_parser("recipe", help="what made this picture")
    recipe.add_argument("file", metavar="FILE", type=Path)
    for verb in (models, recipe):
        _common(verb)
    return parser


def _common(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--json", action="store_true", help="print facts as JSON")
    verb.add_argument("--device", default="auto", help="auto, cpu, cuda or mps")


def _edit(command: Command, args: argparse.Namespace) -> int:
    options = command.options(args)
    recorded = {key: value for key, value in options.items() if key != "model"}
    try:
        pairs = plan(args.source, args.target)
    except OptionError as error:
        print(error, file=sys.stderr)
        return 2
    batch = Batch()
    for source, target in pairs:
        job = _watched(args, source.name)
        try:
            start = time.perf_counter()
            edit_file(
                source,
                target,
                tool=command.name,
                options=recorded,
                edit=lambda pixels, part: command.edit(pixels, options, part),
                job=job,
            )
        except StudioError as error:
            batch.failures.append(Failure(str(source), str(error)))
            print(f"{source}: {error}", file=sys.stderr)
            continue
        facts: dict[str, Fact] = job.facts | {"source": str(source), "file": str(target)}
        facts["total_seconds"] = round(time.perf_counter() - start, 3)
        batch.done.append(facts)
        if not args.json:
            _say(facts)
    return _close(batch, folder=args.source.is_dir(), as_json=args.json)


def _watched(args: argparse.Namespace, name: str) -> Job:
    """A job whose progress is a line on the terminal, if there is one and it is not kept for JSON."""
    return Job(None if args.json or not sys.stderr.isatty() else _Line(name))


def _say(facts: Mapping[str, Fact]) -> None:
    """What became of one file, for people."""
    size = f"{facts['width']}x{facts['height']}  " if "width" in facts else ""
    print(f"{facts['file']}  {size}{facts_line(dict(facts))}")
    if facts.get("note"):
        print(facts["note"])


def _close(batch: Batch, *, folder: bool, as_json: bool) -> int:
    failures = [vars(failure) for failure in batch.failures]
    if as_json:
        print(json.dumps({"done": batch.done, "failed": failures}, ensure_ascii=False, indent=2))
    elif folder:
        print(f"{len(batch.done)} done, {len(failures)} failed.")
    return 1 if failures else 0


class _Line:
    """One line on a terminal that shows a job's progress."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __call__(self, progress: Progress) -> None:
        left = "" if progress.remaining is None else f", {progress.remaining:.0f} s left"
        end = "\r" if progress.fraction < 1 else "\r\033[K"
        text = f"\r\033[K{self._name}: {progress.message} {progress.fraction:.0%}{left}"
        print(text if progress.fraction < 1 else "", end=end, file=sys.stderr, flush=True)


def _models(engines: Engines, *, as_json: bool) -> int:
    rows: list[dict[str, Any]] = [
        {
            "id": card.id,
            "engine": card.engine,
            "title": card.title,
            "scale": card.scale,
            "parameters": card.parameters,
            "bytes": card.bytes,
            "licence": card.licence,
            "source": card.source.kind,
            "here": engines.catalogue.is_local(card),
            "about": card.about,
        }
        for card in engines.catalogue.cards()
    ]
    if as_json:
        print(json.dumps(rows, ensure_ascii=False, indent=2))
        return 0
    for row in rows:
        where = "here" if row["here"] else "downloads at first use"
        print(f"{row['id']:<28} x{row['scale']}  {row['bytes'] / 1e6:5.1f} MB  {row['licence']:<20} {where}")
        print(f"    {row['about']}")
    for sentence in engines.catalogue.broken:
        print(sentence, file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
