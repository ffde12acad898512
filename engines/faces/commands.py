"""Face editing on the command line: edit-face, age-face, transfer-makeup, mix-faces, generate-face."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engines.core.engine import Batch, Command, Failure, Task
from engines.core.errors import OptionError, StudioError
from engines.core.files import edit_file, plan
from engines.core.image import WRITE_SUFFIXES, Pixels, read_image
from engines.core.job import Fact, Job
from engines.faces import people
from engines.faces.newcomers import MODEL

if TYPE_CHECKING:
    from engines.face_editing import FaceEditing

Watch = Callable[[str], Job]


def commands_of(engine: FaceEditing) -> list[Command | Task]:
    """What the engine adds to the command line."""
    edit = _EditCommands(engine)
    tasks = _Tasks(engine)
    return [
        Command("edit-face", "move sliders of a face in photos", _edit_arguments, _edit_options, edit.edit),
        Command("age-face", "make a face older or younger", _age_arguments, _age_options, edit.age),
        Task("transfer-makeup", "put the makeup of one photo on another", _makeup_arguments, tasks.makeup),
        Task("mix-faces", "blend two faces", _mix_arguments, tasks.mix),
        Task("generate-face", "make faces of people who do not exist", _generate_arguments, tasks.generate),
    ]


def parsed(texts: Iterable[str]) -> dict[str, float]:
    """["smile=0.6", "age=-0.4"] -> sliders. OptionError for anything else."""
    sliders: dict[str, float] = {}
    for text in texts:
        name, _, value = text.partition("=")
        try:
            sliders[name.strip()] = float(value)
        except ValueError as error:
            raise OptionError(f'--set takes NAME=VALUE, like smile=0.6, not "{text}".') from error
    return sliders


def _common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", default=MODEL, help="a generator of faces (default %(default)s)")
    parser.add_argument("--seconds", type=float, default=None, help="time for learning the face; default: fixed steps")


def _set_argument(parser: argparse.ArgumentParser, what: str) -> None:
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help=f"{what}, -1 to 1; may be given several times"
    )


def _edit_arguments(parser: argparse.ArgumentParser) -> None:
    _set_argument(parser, "a slider")
    parser.add_argument(
        "--describe", default="", metavar="TEXT", help='set sliders by words: "smiling, with blond hair"'
    )
    _face_arguments(parser)


def _keep_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--keep", type=float, default=0.0, help="0 to 1: stay the same person")


def _face_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--face", type=int, default=0, help="which face, 0 is the largest (default)")
    _keep_argument(parser)
    parser.add_argument("--sharpen", type=float, default=0.0, help="0 to 1: sharpen the change by the upscaler")
    _common(parser)


def _age_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--years", type=float, required=True, help="the age to look like, 16 to 90")
    _set_argument(parser, "a slider that is moved besides")
    _face_arguments(parser)


def _face_options(args: argparse.Namespace) -> dict[str, Fact]:
    options: dict[str, Fact] = {"model": args.model, "face": args.face, "keep": args.keep, "sharpen": args.sharpen}
    return options if args.seconds is None else options | {"seconds": args.seconds}


def _edit_options(args: argparse.Namespace) -> dict[str, Fact]:
    return _face_options(args) | {"set": ",".join(args.set), "describe": args.describe}


def _age_options(args: argparse.Namespace) -> dict[str, Fact]:
    return _face_options(args) | {"years": args.years, "set": ",".join(args.set)}


class _EditCommands:
    """Picture in, picture out."""

    def __init__(self, engine: FaceEditing) -> None:
        self.engine = engine

    def edit(self, pixels: Pixels, options: Mapping[str, Fact], job: Job) -> Pixels:
        rest: dict[str, Any] = dict(options)
        text, sliders = str(rest.pop("describe", "")), _sliders(rest)
        said = self.engine.describe(text, model=rest["model"]) if text else None
        sliders = (said.sliders if said else {}) | sliders
        if not sliders:
            raise OptionError("Nothing to do: give a slider, like --set smile=0.6, or --describe.")
        if said and said.ignored:
            job.note(ignored=" ".join(said.ignored), note=f"Not understood: {', '.join(said.ignored)}.")
        return self.engine.edit(pixels, sliders, job=job, **rest)

    def age(self, pixels: Pixels, options: Mapping[str, Fact], job: Job) -> Pixels:
        rest: dict[str, Any] = dict(options)
        years, sliders = float(rest.pop("years")), _sliders(rest)
        done = self.engine.age(pixels, years, sliders=sliders, job=job, **rest)
        looks = f"Looked {done.age_before:.0f}, looks {done.age_after:.0f}."
        job.note(note=" ".join(str(said) for said in (looks, job.facts.get("note")) if said))
        return done.pixels


def _sliders(options: dict[str, Any]) -> dict[str, float]:
    """The sliders of an option "set", which is taken out."""
    return parsed(part for part in str(options.pop("set")).split(",") if part)


def _makeup_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", metavar="IN", type=Path, help="a photo or a folder of photos")
    parser.add_argument("reference", metavar="REFERENCE", type=Path, help="a photo of a face with makeup")
    parser.add_argument("target", metavar="OUT", type=Path, help="a file, or a folder")
    for name in ("lips", "eyes", "skin"):
        parser.add_argument(f"--{name}", type=float, default=1.0, help="0 to 1 (default 1)")
    parser.add_argument("--generator", type=float, default=0.5, help="the makeup slider, -1 to 1; 0 is fastest")
    _two_faces(parser, "IN", "REFERENCE")


def _mix_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", metavar="A", type=Path, help="the photo that is changed, or a folder of them")
    parser.add_argument("other", metavar="B", type=Path, help="the photo of the other face")
    parser.add_argument("target", metavar="OUT", type=Path, help="a file, or a folder")
    for name, what in (("coarse", "shape and pose"), ("middle", "features"), ("fine", "colours")):
        parser.add_argument(f"--{name}", type=float, default=0.5, help=f"{what}: 0 = A, 1 = B (default 0.5)")
    _two_faces(parser, "A", "B")


def _two_faces(parser: argparse.ArgumentParser, one: str, other: str) -> None:
    parser.add_argument("--face", type=int, default=0, help=f"which face of {one} (default 0, the largest)")
    parser.add_argument("--other-face", type=int, default=0, help=f"which face of {other} (default 0, the largest)")
    _set_argument(parser, "a slider that is moved besides")
    _keep_argument(parser)
    _common(parser)


def _generate_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "target", metavar="OUT", type=Path, help="a file, a folder for several, a .zip with labels, or an .mp4"
    )
    parser.add_argument("--seed", type=int, default=0, help="the same seed is the same face")
    parser.add_argument("--count", type=int, default=1, help="how many, from that seed on")
    parser.add_argument("--truncation", type=float, default=0.7, help="0 average, 0.7 likely (default), 1 all")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a slider, -1 to 1")
    parser.add_argument("--size", type=int, default=None, help="side in pixels (default: as the generator makes it)")
    parser.add_argument("--model", default=MODEL, help="a generator of faces (default %(default)s)")


def _besides(args: argparse.Namespace) -> dict[str, Any]:
    """What both photos' verbs take besides."""
    return {"sliders": parsed(args.set), "keep": args.keep, "model": args.model, "seconds": args.seconds}


class _Tasks:
    """What takes two photos, or none."""

    def __init__(self, engine: FaceEditing) -> None:
        self.engine = engine

    def makeup(self, args: argparse.Namespace, watch: Watch) -> Batch:
        reference = read_image(args.reference).pixels
        strengths: dict[str, Any] = {name: getattr(args, name) for name in ("lips", "eyes", "skin", "generator")}

        def edit(pixels: Pixels, job: Job) -> Pixels:
            faces = {"face": args.face, "reference_face": args.other_face}
            return self.engine.makeup(pixels, reference, job=job, **faces, **strengths, **_besides(args)).pixels

        return self._each(args, watch, "transfer-makeup", strengths, edit)

    def mix(self, args: argparse.Namespace, watch: Watch) -> Batch:
        other = read_image(args.other).pixels
        parts: dict[str, Any] = {name: getattr(args, name) for name in ("coarse", "middle", "fine")}

        def edit(pixels: Pixels, job: Job) -> Pixels:
            faces = {"face_a": args.face, "face_b": args.other_face}
            return self.engine.mix_photos(pixels, other, job=job, **faces, **parts, **_besides(args)).pixels

        return self._each(args, watch, "mix-faces", parts, edit)

    def generate(self, args: argparse.Namespace, watch: Watch) -> Batch:
        job, target = watch(args.target.name), args.target
        kinds = (*WRITE_SUFFIXES, ".zip", ".mp4")
        if target.suffix and target.suffix.lower() not in kinds and not target.is_dir():
            raise OptionError(
                f'Faces are not written as "{target.suffix}" files. End OUT in one of {", ".join(kinds)}, or give a '
                "folder."
            )
        common: dict[str, Any] = {"truncation": args.truncation, "sliders": parsed(args.set), "model": args.model}
        if target.suffix.lower() == ".zip":
            self.engine.dataset(target, seed=args.seed, count=args.count, job=job, **common)
            return Batch([job.facts | {"file": str(target), "count": args.count}])
        if target.suffix.lower() == ".mp4":
            seeds = range(args.seed, args.seed + args.count)
            self.engine.film(target, seeds, size=args.size or 512, job=job, **common)
            return Batch([job.facts | {"file": str(target), "count": args.count}])
        if target.suffix.lower() in WRITE_SUFFIXES:
            if args.count != 1:
                raise OptionError(f"{args.count} faces need a folder or a .zip, and {target.name} is one file.")
            frame = people.resized(self.engine.generate(seed=args.seed, job=job, **common), args.size)
            options = people.options_of(args.truncation, common["sliders"])
            people.write_face(target, frame, model=args.model, seed=args.seed, options=options)
            return Batch([job.facts | {"file": str(target), "width": frame.shape[1], "height": frame.shape[0]}])
        made = self.engine.generate_files(target, seed=args.seed, count=args.count, size=args.size, job=job, **common)
        return Batch([job.facts | {"file": str(path)} for path in made])

    def _each(
        self,
        args: argparse.Namespace,
        watch: Watch,
        tool: str,
        options: Mapping[str, Fact],
        edit: Callable[[Pixels, Job], Pixels],
    ) -> Batch:
        """Edit the photos.  options: what the recipe records beside the faces, the sliders and the seconds."""
        recorded = {**options, "face": args.face, "other_face": args.other_face, "keep": args.keep}
        recorded |= {"set": ",".join(args.set)} if args.set else {}
        recorded |= {} if args.seconds is None else {"seconds": args.seconds}
        batch = Batch()
        for source, target in plan(args.source, args.target):
            job = watch(source.name)
            try:
                edit_file(source, target, tool=tool, options=recorded, edit=edit, job=job)
                batch.done.append(job.facts | {"source": str(source), "file": str(target)})
            except StudioError as error:
                batch.failures.append(Failure(str(source), str(error)))
        return batch
