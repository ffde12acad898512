"""The API and MCP tools edit_face, generate_face, age_face, transfer_makeup and mix_faces."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from gradio import FileData

from engines import Engines
from engines.core.errors import OptionError, StudioError
from engines.core.files import edit_file
from engines.core.image import Picture, Pixels, read_image, write_image
from engines.core.job import Fact, Job
from engines.core.provenance import Recipe
from engines.face_editing import FaceEditing
from engines.faces.values import Finished
from studio.faces import asking
from studio.faces.desk import FORMATS, enlarged
from studio.jobs import follow, handler
from studio.pictures import new_file, uploaded

Format = Literal["png", "jpeg", "webp"]
Told = tuple[FileData | None, dict[str, Any]]
Edit = Callable[[Pixels, Job], Finished]
PHOTOS = ("photo", "reference", "other")


def tools(engines: Engines) -> dict[str, Callable[..., Iterator[Any]]]:
    """Each by its name."""
    engine = engines[FaceEditing]
    try:
        names = ", ".join(slider.name for slider in engine.sliders())
    except StudioError:
        names = "none yet"

    def edit_face(
        photo: Any,
        sliders: dict[str, float],
        description: str = "",
        face: int = 0,
        keep: float = 0.0,
        sharpen: float = 0.0,
        format: Format = "png",
    ) -> Iterator[Told]:
        """Edit a face in a photo with sliders such as smile, age or fringe; the rest of the photo stays bit for bit.

        The face is brought into a generator on this machine (about 10 seconds). The file keeps its EXIF and is marked
        as edited by AI. Returns the picture and facts: identity_distance (0 the same, above 0.6 somebody else),
        verdict, kept, ignored, model, device, precision, seconds.

        Args:
            photo: A photo with a face that looks towards the camera, at least 60 pixels wide.
            sliders: Values from -1 to 1 by name, {"smile": 0.6}. Names: SLIDERS.
            description: The same in words, "smiling, with blond hair"; words it does not know are told in `ignored`.
            face: Which face, 0 is the largest.
            keep: 0 to 1, how strongly to stay the same person; 0 does what the sliders say.
            sharpen: 0 to 1, sharpens the change with the upscaler; for large faces.
            format: png is lossless; jpeg is small; webp is lossless and small.
        """
        facts: dict[str, Any] = {}
        wish = dict(sliders or {})
        if description:
            said = engine.describe(description)
            wish, facts["ignored"] = {**said.sliders, **wish}, list(said.ignored)
        wish = asking.settings(wish)
        if not wish:
            raise OptionError('Nothing to do: set a slider, {"smile": 0.6}, or describe the face.')
        options = {"face": int(face), "keep": float(keep), "sharpen": float(sharpen)}

        def edit(pixels: Pixels, job: Job) -> Pixels:
            return engine.edit(pixels, wish, job=job, **options)  # type: ignore[arg-type]

        yield from _file(photo, "edit-face", {**wish, **options}, edit, "edited", format, facts)

    def generate_face(
        seed: int = 0,
        truncation: float = 0.7,
        sliders: dict[str, float] = {},  # noqa: B006  gradio shows it as the default; it is never written to
        description: str = "",
        scale: int = 4,
        format: Format = "png",
    ) -> Iterator[Told]:
        """Make the portrait of a person who does not exist; the same seed is the same face.

        Returns the picture, marked as made by AI, and facts: seed, sliders, ignored, model, device, precision, seconds.

        Args:
            seed: A whole number from 0 to 4294967295.
            truncation: 0 is the average face, 0.7 a likely one, 1 any.
            sliders: Values from -1 to 1 by name, {"smile": 0.6}. Names: SLIDERS.
            description: The same in words, "a smiling older woman"; words it does not know are told in `ignored`.
            scale: 1 gives 256 pixels as the generator makes them, 2 to 8 enlarges with the upscaler.
            format: png is lossless; jpeg is small; webp is lossless and small.
        """
        number, facts = asking.seed(seed), dict[str, Any]()
        times = round(asking.number(scale, 1, 8, "Scale"))
        wish = dict(sliders or {})
        if description:
            said = engine.describe(description)
            wish, facts["ignored"] = {**said.sliders, **wish}, list(said.ignored)
        wish = asking.settings(wish)
        target = new_file(f"face-{number}{_suffix(format)}")

        def work(job: Job) -> None:
            made: Pixels = engine.generate(seed=number, truncation=float(truncation), sliders=wish, job=job)
            facts.update(job.facts)
            if times > 1:
                made = enlarged(engines, made, times, job)
                facts["seconds"] = round(float(facts["seconds"]) + float(job.facts["seconds"] or 0), 3)
            options: dict[str, Fact] = {"truncation": float(truncation), **wish}
            recipe = Recipe("generate-face", str(facts.get("model") or ""), options, seed=number)
            write_image(target, Picture(made, target.name), recipe=recipe)
            facts.update(seed=number, sliders=wish, width=made.shape[1], height=made.shape[0])

        yield from follow(work, _progress)
        yield FileData(path=str(target), orig_name=target.name), facts

    def age_face(
        photo: Any,
        years: float,
        face: int = 0,
        keep: float = 0.0,
        format: Format = "png",
        sliders: dict[str, float] = {},  # noqa: B006
    ) -> Iterator[Told]:
        """Make a face in a photo look as old as you say, older or younger.

        Returns the picture and facts: age_before and age_after as a network estimates them, identity_distance, verdict,
        model, device, precision, seconds.

        Args:
            photo: A photo with a face that looks towards the camera.
            years: How old the face shall look, 16 to 90.
            face: Which face, 0 is the largest.
            keep: 0 to 1, how strongly to stay the same person.
            sliders: Changed besides, {"smile": 0.6}. Names: SLIDERS.
            format: png is lossless; jpeg is small; webp is lossless and small.
        """
        options: dict[str, Any] = {"face": int(face), "keep": float(keep)}
        wish = asking.settings(sliders or {})
        age = asking.number(years, 16, 90, "An age")

        def edit(pixels: Pixels, job: Job) -> Pixels:
            return engine.age(pixels, age, sliders=wish, job=job, **options).pixels

        yield from _file(photo, "age-face", {**wish, "years": age, **options}, edit, f"at_{age:.0f}", format, {})

    def transfer_makeup(
        photo: Any,
        reference: Any,
        lips: float = 1.0,
        eyes: float = 1.0,
        skin: float = 1.0,
        face: int = 0,
        format: Format = "png",
        generator: float = 0.0,
        other_face: int = 0,
        keep: float = 0.0,
        sliders: dict[str, float] = {},  # noqa: B006
    ) -> Iterator[Told]:
        """Put the makeup of one photo's face on the face of another.

        Returns the picture and facts: identity_distance, verdict, model, device, precision, seconds.

        Args:
            photo: The photo to change.
            reference: A photo of a face with makeup.
            lips: 0 to 1, how much of the lips' colour.
            eyes: 0 to 1, how much of the eyelids' colour.
            skin: 0 to 1, how much of the skin's tone.
            generator: 0 to 1, how much the generator paints besides; above 0 it takes about 10 seconds more.
            face: Which face of the photo, 0 is the largest.
            other_face: Which face of the reference, 0 is the largest.
            keep: 0 to 1, how strongly to stay the same person.
            sliders: Changed besides, {"smile": 0.6}. Names: SLIDERS.
            format: png is lossless; jpeg is small; webp is lossless and small.
        """
        other = read_image(_path(reference)).pixels
        options: dict[str, Any] = {"lips": float(lips), "eyes": float(eyes), "skin": float(skin), "face": int(face)}
        options |= {"generator": float(generator), "keep": float(keep)}
        theirs, wish = int(other_face), asking.settings(sliders or {})

        def edit(pixels: Pixels, job: Job) -> Pixels:
            return engine.makeup(pixels, other, reference_face=theirs, sliders=wish, job=job, **options).pixels

        yield from _file(
            photo, "transfer-makeup", {**wish, **options, "other_face": theirs}, edit, "makeup", format, {}
        )

    def mix_faces(
        photo: Any,
        other: Any,
        coarse: float = 0.5,
        middle: float = 0.5,
        fine: float = 0.5,
        format: Format = "png",
        face: int = 0,
        other_face: int = 0,
        keep: float = 0.0,
        sliders: dict[str, float] = {},  # noqa: B006
    ) -> Iterator[Told]:
        """Blend the faces of two photos; the result is the first photo with the blend in it. Takes about 20 seconds.

        Returns the picture and facts: identity_distance to the first person, verdict, model, device, precision,
        seconds.

        Args:
            photo: The photo that is changed.
            other: The photo of the other person.
            coarse: 0 the first to 1 the second person's head shape and pose.
            middle: 0 to 1, eyes, nose and mouth.
            fine: 0 to 1, colours and skin.
            face: Which face of the photo, 0 is the largest.
            other_face: Which face of the other photo, 0 is the largest.
            keep: 0 to 1, how strongly to stay the first person.
            sliders: Changed besides, {"smile": 0.6}. Names: SLIDERS.
            format: png is lossless; jpeg is small; webp is lossless and small.
        """
        second = read_image(_path(other)).pixels
        options: dict[str, Any] = {"coarse": float(coarse), "middle": float(middle), "fine": float(fine)}
        options["keep"] = float(keep)
        faces, wish = {"face": int(face), "other_face": int(other_face)}, asking.settings(sliders or {})

        def edit(pixels: Pixels, job: Job) -> Pixels:
            which: dict[str, Any] = {"face_a": faces["face"], "face_b": faces["other_face"]}
            return engine.mix_photos(pixels, second, sliders=wish, job=job, **which, **options).pixels

        yield from _file(photo, "mix-faces", {**wish, **options, **faces}, edit, "mix", format, {})

    made: dict[str, Callable[..., Iterator[Any]]] = {}
    for function in (edit_face, generate_face, age_face, transfer_makeup, mix_faces):
        function.__doc__ = inspect.cleandoc(function.__doc__ or "").replace("SLIDERS", names)
        for name in PHOTOS:
            if name in function.__annotations__:
                function.__annotations__[name] = FileData  # for clients; gradio hands it over as a dict
        function.__annotations__["return"] = tuple[FileData, dict[str, Any]]
        made[function.__name__] = handler(function)
    return made


def _file(
    photo: Any,
    verb: str,
    options: Mapping[str, Fact],
    edit: Callable[[Pixels, Job], Pixels],
    ending: str,
    format: str,
    facts: dict[str, Any],
) -> Iterator[Told]:
    """A photo from file to file; the last thing yielded is the file and its facts."""
    path = _path(photo)
    target = new_file(f"{path.stem}_{ending}{_suffix(format)}")

    def work(job: Job) -> None:
        edit_file(path, target, tool=verb, options=options, edit=edit, name=path.name, job=job)
        facts.update(job.facts)

    yield from follow(work, _progress)
    yield FileData(path=str(target), orig_name=target.name), facts


def _progress(now: Any) -> Told:
    return None, {"fraction": round(now.fraction, 3)}


def _path(sent: Any) -> Path:
    """The upload a client sent; any other path is refused."""
    return uploaded(str(sent.get("path")) if isinstance(sent, dict) else None)


def _suffix(format: str) -> str:
    if format not in FORMATS:
        raise OptionError("The format is png, jpeg or webp.")
    return FORMATS[format]
