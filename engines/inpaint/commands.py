"""Inpainting on the command line: inpaint, outpaint and blend, for files and folders."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engines.core.engine import Batch, Command, Failure, Task
from engines.core.errors import OptionError, StudioError
from engines.core.files import edit_file, pictures_in, plan
from engines.core.image import Pixels
from engines.core.job import Fact, Job
from engines.inpaint.finding import KINDS
from engines.inpaint.objects import blend_file

if TYPE_CHECKING:
    from engines.inpainting import Inpainting

Watch = Callable[[str], Job]
SIDES = ("left", "right", "top", "bottom")


def commands_of(engine: Inpainting) -> list[Command | Task]:
    """What the engine adds to the command line."""
    tasks = _Tasks(engine)
    return [
        Task("inpaint", "fill in what a mask covers", _inpaint_arguments, tasks.inpaint),
        Command("outpaint", "extend pictures beyond their sides", _outpaint_arguments, _outpaint_options, tasks.extend),
        Task("blend", "paste an object into pictures, in their colours and light", _blend_arguments, tasks.blend),
    ]


def mask_for(source: Path, where: Path) -> Path:
    """The mask of a picture: the file itself, or that of a folder with the picture's name, which may end in _mask as
    the page saves it. OptionError if none.
    """
    if not where.is_dir():
        return where
    found = [path for path in pictures_in(where) if path.stem in (source.stem, f"{source.stem}_mask")]
    if not found:
        raise OptionError(f"There is no mask called {source.stem} in {where}. Name it as its picture.")
    return found[0]


@dataclass(frozen=True)
class _Tasks:
    engine: Inpainting

    def inpaint(self, args: argparse.Namespace, watch: Watch) -> Batch:
        """Every picture of IN with its mask. Faults of single files are listed, the rest goes on."""
        if args.mask is None and args.auto is None:
            raise OptionError("Say what should go: --mask FILE, or --auto " + " | ".join(KINDS) + ".")
        options: dict[str, Fact] = {name: getattr(args, name) for name in ("seed", "expand", "feather", "detail")}
        batch = Batch()
        for source, target in plan(args.source, args.target):
            job = watch(source.name)
            try:
                if args.auto:
                    self._auto(source, target, args.auto, options, args.model, job)
                else:
                    mask = mask_for(source, args.mask)
                    self.engine.inpaint_file(source, target, mask=mask, options=options, model=args.model, job=job)
            except StudioError as error:
                batch.failures.append(Failure(str(source), str(error)))
                continue
            batch.done.append(job.facts | {"source": str(source), "file": str(target)})
        return batch

    def blend(self, args: argparse.Namespace, watch: Watch) -> Batch:
        """The object in every picture of BACKGROUND. Faults of single files are listed, the rest goes on."""
        x, y = args.at if args.at else (None, None)
        options: dict[str, Any] = {"x": x, "y": y, "scale": args.scale, "strength": args.strength, "model": args.model}
        batch = Batch()
        for source, target in plan(args.background, args.target):
            job = watch(source.name)
            try:
                blend_file(self.engine, args.foreground, source, target, mask=args.mask, options=options, job=job)
            except StudioError as error:
                batch.failures.append(Failure(str(source), str(error)))
                continue
            batch.done.append(job.facts | {"source": str(source), "file": str(target)})
        return batch

    def _auto(self, source: Path, target: Path, kind: str, options: Mapping[str, Fact], model: str, job: Job) -> None:
        """One picture with the mask that is found in it; nothing found leaves it as it is, and says so."""
        rest: dict[str, Any] = dict(options)

        def edit(pixels: Pixels, part: Job) -> Pixels:
            mask = self.engine.auto_mask(pixels, kind, job=part.part(0, 0.3))
            if not mask.any():
                part.note(note=f"Nothing like {kind} was found in {source.name}; it is as it was.")
                return pixels
            return self.engine.inpaint(pixels, mask, model=model, job=part.part(0.3, 1), **rest)

        edit_file(source, target, tool="inpaint", options=dict(options) | {"auto": kind}, edit=edit, job=job)

    def extend(self, pixels: Pixels, options: Mapping[str, Fact], job: Job) -> Pixels:
        """`outpaint` with options as a recipe records them."""
        rest: dict[str, Any] = dict(options)
        return self.engine.outpaint(pixels, job=job, **rest)


def _common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", default="inpaint", help="a model's id, see: python -m engines models")
    parser.add_argument("--seed", type=int, default=0, help="0 = the likeliest (default), others differ")
    parser.add_argument(
        "--detail",
        type=float,
        default=1.0,
        help="0 = the network's own, softer fill; 1 = laid of what is around it (default)",
    )


def _inpaint_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", metavar="IN", type=Path, help="a picture or a folder of pictures")
    parser.add_argument("target", metavar="OUT", type=Path, help="a file, or a folder (names are kept)")
    what = parser.add_mutually_exclusive_group()
    what.add_argument(
        "--mask", type=Path, help="white (or opaque) where to fill; a folder has a mask for each picture, equally named"
    )
    what.add_argument("--auto", choices=KINDS, help="find the mask")
    parser.add_argument("--expand", type=int, default=0, help="pixels the mask grows, -64 to 64 (default 0)")
    parser.add_argument("--feather", type=int, default=2, help="pixels of soft border around it, 0 to 64 (default 2)")
    _common(parser)


def _outpaint_arguments(parser: argparse.ArgumentParser) -> None:
    for side in SIDES:
        parser.add_argument(f"--{side}", type=int, default=0, metavar="PIXELS", help=f"pixels to add, {side}")
    _common(parser)


def _outpaint_options(args: argparse.Namespace) -> dict[str, Fact]:
    return {name: getattr(args, name) for name in ("model", *SIDES, "seed", "detail")}


def _blend_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("foreground", metavar="FOREGROUND", type=Path, help="the picture that shows the object")
    parser.add_argument("background", metavar="BACKGROUND", type=Path, help="a picture or a folder of pictures")
    parser.add_argument("target", metavar="OUT", type=Path, help="a file, or a folder (names are kept)")
    parser.add_argument("--mask", type=Path, help="white (or opaque) where the object is; not needed with transparency")
    parser.add_argument(
        "--at", type=_place, metavar="X,Y", help="where FOREGROUND's left upper corner goes, in pixels (default middle)"
    )
    parser.add_argument("--scale", type=float, default=1.0, help="size of FOREGROUND, 0.01 to 20 (default 1)")
    parser.add_argument(
        "--strength", type=float, default=1.0, help="0 = as it is; 1 = in the colours and light of the place (default)"
    )
    parser.add_argument("--model", default="blend", help="a model's id, see: python -m engines models")


def _place(text: str) -> tuple[int, int]:
    """Two whole numbers of pixels. ArgumentTypeError says what they look like."""
    try:
        x, y = (int(part) for part in text.split(","))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f'"{text}" is no place. Write two numbers of pixels: --at=120,80.') from error
    return x, y
