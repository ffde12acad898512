"""Who comes to sit: a photo is brought, one of its faces chosen, learned, and followed by the next one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from engines.core.errors import ImageError, OptionError
from engines.core.job import Job
from engines.faces.values import FoundFace
from studio.faces import asking
from studio.faces.asking import Wish
from studio.faces.desk import Answer, Desk, answering
from studio.faces.sitting import Sitting, new_key, to_canvas
from studio.pictures import Shot, new_file, read_shot, uploaded

FIRST_SECONDS, LEARN_SECONDS = 10.0, 15.0  # at most, until a photo's face can be edited, and for learning it better


@dataclass(frozen=True)
class Seat:
    """A face of a photo that somebody edited, and what was done to it."""

    sitting: Sitting
    wish: Wish


@dataclass(frozen=True)
class Brought:
    """A photo that was brought, and who was found in it.

    shot: with what was done to the faces that do not sit now.  origin: as it arrived, None where `shot` is.
    seats: number of a face -> what is known of it; who comes back is neither learned nor edited anew.
    """

    shot: Shot
    faces: tuple[FoundFace, ...]
    origin: Shot | None = None
    seats: Mapping[int, Seat] = field(default_factory=dict)


def bring(desk: Desk, path: Path, job: Job) -> Brought:
    """Read a photo and find its faces. ImageError: not a picture, or nobody in it whom the engine could edit."""
    job.report(0.0, "Looking for faces")
    shot = read_shot(path)
    if shot.error:
        raise ImageError(shot.error)
    found = desk.engine.detect(desk.sittings.photo(shot).pixels)
    if not found:
        raise ImageError(desk.engine.no_face())
    if not any(face.usable for face in found):
        raise ImageError("This face is too small or too unclear to be edited. Send a larger photo from the front.")
    return Brought(shot, tuple(found))


def choices(brought: Brought) -> dict[str, Any]:
    """Several faces: the page asks which."""
    shot = brought.shot
    faces = [
        {"number": face.number, "box": list(face.box), "hints": list(face.hints), "usable": face.usable}
        for face in brought.faces
    ]
    size = {"width": shot.width, "height": shot.height}
    return {"name": shot.name, "picture": shot.before, **size, "faces": faces, "origin": (brought.origin or shot).path}


def nearest(brought: Brought, box: object) -> int | None:
    """The number of the face that lies where `box` does, [left, top, right, bottom]; None where none does."""
    if not isinstance(box, list) or len(box) != 4:
        return None
    left, top, right, bottom = (asking.number(value, -1e6, 1e6, "A box") for value in box)
    usable = [face for face in brought.faces if face.usable]
    best = min(
        usable, key=lambda face: abs(sum(face.box[::2]) - left - right) + abs(sum(face.box[1::2]) - top - bottom)
    )
    x, y = (best.box[0] + best.box[2]) / 2, (best.box[1] + best.box[3]) / 2
    return best.number if left < x < right and top < y < bottom else None


def carried(desk: Desk, brought: Brought, sitting: Sitting, wish: Wish, number: int) -> Brought:
    """The photo for the next face, of this number: with what was done to all others, and to this one nothing.

    sitting, wish: the face that is left, and what was done to it.
    """
    origin, seats = brought.origin or brought.shot, dict(brought.seats)
    if sitting.face:
        seats[sitting.face.number] = Seat(sitting, wish)
    shot = origin
    for one, seat in seats.items():
        if one != number and seat.wish.sliders:
            target = new_file(f"{Path(origin.name).stem}.png")
            desk.write(target, replace(seat.sitting, shot=shot), seat.wish)
            shot = replace(read_shot(target), name=origin.name)
    return Brought(shot, brought.faces, origin, seats)


@answering
def second(desk: Desk, asked: Mapping[str, Any]) -> Answer:
    """Who is in the photo that a tool takes something from, as `choices`. asked: path."""
    return {"choose": choices(bring(desk, uploaded(str(asked.get("path") or "")), Job()))}


def done_before(brought: Brought, number: int) -> dict[str, Any] | None:
    """What was done to a face when it sat before, as the page sets it; None for one that did not."""
    seat = brought.seats.get(number)
    return None if seat is None else {name: vars(seat.wish)[name] for name in ("sliders", "keep", "sharpen")}


def sit(desk: Desk, brought: Brought, number: int, job: Job) -> Sitting:
    """A face of a photo into the generator: it can be edited at once. OptionError for one that is not there.

    One that sat before is known, and sits down again.
    """
    if number in brought.seats:
        known = brought.seats[number].sitting
        return desk.sittings.put(replace(known, shot=brought.shot, picture=brought.shot.before))
    face = next((one for one in brought.faces if one.number == number), None)
    if face is None:
        raise OptionError("There is no such face in this photo. Choose one of the boxes.")
    inverted = desk.engine.invert(desk.sittings.photo(brought.shot).pixels, face, seconds=FIRST_SECONDS, job=job)
    shot, base = brought.shot, desk.engine.render(inverted, {})
    return desk.sittings.put(
        Sitting(
            key=new_key(),
            who=inverted,
            base=base,
            name=shot.name,
            picture=shot.before,
            width=shot.width,
            height=shot.height,
            matrix=to_canvas(inverted.face.to_square(base.shape[0])),
            shot=shot,
            face=face,
            facts={**job.facts, "seconds": inverted.seconds},
        )
    )


def learn(desk: Desk, sitting: Sitting, job: Job) -> Sitting:
    """The same sitting, its face learned better by tuning the generator to it; sliders stay as they are."""
    tuned = desk.engine.refine(sitting.inverted, seconds=LEARN_SECONDS, job=job)
    facts = {**job.facts, "seconds": tuned.seconds}
    base = desk.engine.render(tuned, {})
    return desk.sittings.put(replace(sitting, who=tuned, base=base, version=sitting.version + 1, facts=facts))
