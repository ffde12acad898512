"""Tools, what takes seconds: an age strip, makeup, a blend of two people, a head turned, a film, a data set."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from engines.core.errors import OptionError
from engines.core.files import edit_file
from engines.core.image import Picture, Pixels, read_image, write_image
from engines.core.job import Fact, Job, facts_line
from engines.core.provenance import Recipe
from engines.faces.values import Finished
from studio.faces import asking
from studio.faces.asking import Wish
from studio.faces.desk import Desk
from studio.faces.sitting import Sitting
from studio.pictures import eight_bit, new_file, shown_copy, uploaded

AGES = (20, 35, 50, 65, 80)
REGIONS = ("lips", "eyes", "skin")
FILM_SECONDS = 4.0
OTHERS, OTHER_COUNT = "into other faces", 5  # a film from face to face
SET_LIMIT = 1000  # faces in one zip
Sent = Mapping[str, Any]
Edit = dict[str, Any]  # what goes along with every edit of a photo: sliders, keep, inverted, job


@dataclass(frozen=True)
class Product:
    """What a tool made beside the portrait: a picture or a film, as the page shows it."""

    title: str
    path: str
    view: str
    name: str
    line: str
    kind: str = "picture"
    words: str = ""
    width: int = 0
    height: int = 0
    again: bool = False  # whether it is a photo that can be edited further

    def shown(self) -> dict[str, Any]:
        """For the page. The id tells two products apart."""
        return {"id": secrets.token_hex(4), **vars(self)}


def tool(desk: Desk, sitting: Sitting, sent: Sent, job: Job) -> Product:
    """The tool that `sent["do"]` names. OptionError for any other."""
    tools: dict[str, Callable[[Desk, Sitting, Sent, Job], Product]] = {
        "strip": strip,
        "makeup": makeup,
        "mix": mix,
        "film": film,
        "set": dataset,
        "front": front,
        "years": years,
    }
    chosen = tools.get(str(sent.get("do")))
    if chosen is None:
        raise OptionError("There is no such tool. Load the page again.")
    return chosen(desk, sitting, sent, job)


def spent(job: Job) -> str:
    """Model, device, precision, and the seconds of the whole tool."""
    return facts_line({**job.facts, "seconds": job.seconds})


def strip(desk: Desk, sitting: Sitting, sent: Sent, job: Job) -> Product:
    """The photo's face at several ages, side by side."""
    photo = _photo(desk, sitting)
    wish = Wish.of(sent)
    pixels = desk.engine.age_strip(
        photo.pixels, AGES, height=512, sliders=wish.sliders, keep=wish.keep, inverted=sitting.inverted, job=job
    )
    target = new_file(f"{Path(sitting.name).stem}_ages.png")
    options = {**wish.besides(), "ages": " ".join(map(str, AGES)), "face": _number(sitting)}
    write_image(target, Picture(pixels, target.name), recipe=Recipe("age-strip", sitting.who.model, options))
    *most, last = str(job.facts["ages"]).split()
    words = f"They look {', '.join(most)} and {last} years old"
    height, width = pixels.shape[:2]
    return Product("Ages", str(target), str(target), target.name, spent(job), words=words, width=width, height=height)


def years(desk: Desk, sitting: Sitting, sent: Sent, job: Job) -> Product:
    """The photo with the face at an age in years."""
    age = asking.number(sent.get("years", 60), 16, 90, "An age")

    def edit(pixels: Pixels, wish: Edit) -> Finished:
        return desk.engine.age(pixels, age, sharpen=asking.number(sent.get("sharpen") or 0, 0, 1, "Sharpen"), **wish)

    return _edited(desk, sitting, sent, "age-face", f"at_{age:.0f}", {"years": age}, edit, job)


def front(desk: Desk, sitting: Sitting, sent: Sent, job: Job) -> Product:
    """The head turned towards the camera."""

    def edit(pixels: Pixels, wish: Edit) -> Finished:
        return desk.engine.frontal(pixels, **wish)

    return _edited(desk, sitting, sent, "edit-face", "frontal", {"frontal": 1.0}, edit, job)


def makeup(desk: Desk, sitting: Sitting, sent: Sent, job: Job) -> Product:
    """The makeup of a reference photo on the photo's face; the generator's own where it is asked for."""
    reference, number = _upload(sent)
    parts: dict[str, Any] = {name: asking.number(sent.get(name, 1), 0, 1, name.capitalize()) for name in REGIONS}
    parts["generator"] = asking.number(sent.get("generator") or 0, 0, 1, "The generator's part")

    def edit(pixels: Pixels, wish: Edit) -> Finished:
        return desk.engine.makeup(pixels, reference.pixels, reference_face=number, **parts, **wish)

    options = {**parts, "other_face": number}
    return _edited(desk, sitting, sent, "transfer-makeup", "makeup", options, edit, job)


def mix(desk: Desk, sitting: Sitting, sent: Sent, job: Job) -> Product:
    """The photo with a blend of its face and another photo's."""
    other, number = _upload(sent)
    parts: dict[str, Any] = {name: asking.number(sent.get(name, 0.5), 0, 1, name.capitalize()) for name in asking.MIX}

    def edit(pixels: Pixels, wish: Edit) -> Finished:
        return desk.engine.mix_photos(pixels, other.pixels, face_b=number, **parts, **wish)

    return _edited(desk, sitting, sent, "mix-faces", "mix", {**parts, "other_face": number}, edit, job)


def film(desk: Desk, sitting: Sitting, sent: Sent, job: Job) -> Product:
    """The face moves, with a sound or by a preset; mp4."""
    wish = Wish.of(sent)
    sound = uploaded(str(sent["path"])) if sent.get("path") else None
    preset = str(sent.get("preset") or "talk")
    if preset == OTHERS and sitting.shot is None:
        return _others(desk, sitting, wish, job)
    target = new_file(f"{Path(sitting.name).stem}_{'talks' if sound else preset.replace(' ', '_')}.mp4")
    photo = _photo(desk, sitting).pixels if sitting.shot else None
    desk.engine.animate(
        target,
        desk.who(sitting, wish),
        sound=sound,
        preset=preset,
        photo=photo,
        sliders=wish.sliders,
        seconds=FILM_SECONDS,
        seed=sitting.seed,
        job=job,
    )
    words = "Marked as made by AI, in the picture and in the file"
    return Product("Film", str(target), str(target), target.name, spent(job), kind="film", words=words)


def _others(desk: Desk, sitting: Sitting, wish: Wish, job: Job) -> Product:
    """A film from a new face to the ones of the next seeds and back."""
    target = new_file(f"{Path(sitting.name).stem}_into_others.mp4")
    seeds = [(sitting.seed + step) % asking.SEEDS for step in range(OTHER_COUNT)]
    desk.engine.film(target, seeds, truncation=sitting.truncation, sliders=wish.sliders, job=job)
    words = f"Seeds {', '.join(map(str, seeds))} and back"
    return Product("Film", str(target), str(target), target.name, spent(job), kind="film", words=words)


def dataset(desk: Desk, sitting: Sitting, sent: Sent, job: Job) -> Product:
    """New faces from this one's seed on, with these sliders, in a zip with labels."""
    if sitting.shot is not None:
        raise OptionError("A data set is made of new faces. Open a new face first.")
    count = int(asking.number(sent.get("count", 50), 2, SET_LIMIT, "How many faces"))
    wish = Wish.of(sent)
    target = new_file(f"{Path(sitting.name).stem}_and_{count - 1}_more.zip")
    first = min(sitting.seed, asking.SEEDS - count)
    desk.engine.dataset(target, seed=first, count=count, truncation=sitting.truncation, sliders=wish.sliders, job=job)
    words = f"{count} faces, with their seeds, sliders and measured attributes in labels.json"
    return Product("Data set", str(target), str(target), target.name, spent(job), kind="zip", words=words)


def _edited(
    desk: Desk,
    sitting: Sitting,
    sent: Sent,
    verb: str,
    ending: str,
    options: Mapping[str, Fact],
    edit: Callable[[Pixels, Edit], Finished],
    job: Job,
) -> Product:
    """An edit of the sitting's photo from file to file, with the sliders that are set, as the page shows it."""
    if sitting.shot is None:
        raise OptionError("This works on a face in a photo. Bring a photo first.")
    done: list[Finished] = []
    wish = Wish.of(sent)

    def work(pixels: Pixels, part: Job) -> Pixels:
        besides: Edit = {"sliders": wish.sliders, "keep": wish.keep, "inverted": sitting.inverted, "job": part}
        done.append(edit(pixels, besides))
        return done[0].pixels

    target = new_file(f"{Path(sitting.name).stem}_{ending}.png")
    recorded = {**wish.besides(), **options, "face": _number(sitting)}
    result = edit_file(sitting.shot.path, target, tool=verb, options=recorded, edit=work, name=sitting.name, job=job)
    view, note = shown_copy(target, result)
    finished = done[0]
    words = f"{finished.verdict}, distance {finished.distance:.2f}"
    if finished.kept < 0.995:
        words += f" · held at {finished.kept:.0%}"
    if finished.age_before is not None and finished.age_after is not None:
        words += f" · looked {finished.age_before:.0f}, looks {finished.age_after:.0f}"
    height, width = result.size
    return Product(
        ending.replace("_", " ").capitalize(),
        str(target),
        view,
        target.name,
        spent(job),
        words=". ".join(filter(None, (words, str(job.facts.get("note") or ""), note))),
        width=width,
        height=height,
        again=True,
    )


def _photo(desk: Desk, sitting: Sitting) -> Picture:
    if sitting.shot is None:
        raise OptionError("This works on a face in a photo. Bring a photo first.")
    return desk.sittings.photo(sitting.shot)


def _number(sitting: Sitting) -> int:
    return sitting.face.number if sitting.face else 0


def _upload(sent: Sent) -> tuple[Picture, int]:
    """The second photo a tool works with, and the number of the face in it."""
    path = uploaded(str(sent.get("path") or ""))
    picture = read_image(path, path.name, srgb=True)
    number = int(asking.number(sent.get("other_face") or 0, 0, 1000, "The other face's number"))
    return picture.with_pixels(np.ascontiguousarray(eight_bit(picture.pixels))), number
