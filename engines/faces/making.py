"""From a photo to `Inverted`, and from sliders to a finished photo."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from engines.core import faces
from engines.core.errors import OptionError
from engines.core.faces import Face
from engines.core.image import Pixels
from engines.core.job import Job
from engines.faces import drawing, fringes, guard, lines, mouths, pasting, teeth, turning
from engines.faces.finding import chosen
from engines.faces.generator import Generator, private_copy, to_frame
from engines.faces.inverting import Search, Target, importance
from engines.faces.judging import judge_card, judged
from engines.faces.motion import Change, Shift, shifted
from engines.faces.outline import Outline
from engines.faces.parting import parts_of
from engines.faces.settling import calmed
from engines.faces.steadying import by_kind
from engines.faces.values import Finished, FoundFace, Frame, Inverted, Sliders
from engines.faces.workshop import Workshop
from engines.models.style_generator import GeneratorOptions, stretched
from engines.super_resolution import SuperResolution

Plane = NDArray[np.float32]
_WORN = -1.8  # of 200 held-out portraits above it 14 wear glasses and none does not, below it 3 do
_LOOK_SIDE = 256  # at which the identity is compared while the guard searches


def invert(
    shop: Workshop,
    photo: Pixels,
    face: Face | FoundFace | int,
    *,
    steps: int,
    seconds: float | None,
    model: str,
    job: Job,
) -> Inverted:
    """A photo's face as latents, without tuning."""
    start = time.monotonic()
    card = shop.card(model)
    job.report(0.0, "Looking for the face")
    found = chosen(photo, face)
    square = pasting.aligned(photo, found.face, int(card.options["resolution"]))
    with shop.generator(model, job.part(0.0, 0.1)) as generator:
        work = search(shop, generator, square, job.part(0.1, 0.97), None if seconds is None else start + seconds)
        guess = _encoded(shop, model, square, job)
        ws, done = work.latents(guess, steps if guess is None else (steps + 1) // 2)  # half the way is done
        made = Inverted(model=model, ws=ws, face=found.face, square=square, steps=done)
        return _measured(generator, made, time.monotonic() - start, job)


def refine(shop: Workshop, inverted: Inverted, *, steps: int, seconds: float | None, job: Job) -> Inverted:
    """The same with the generator's upper levels tuned to this face."""
    start = time.monotonic()
    with shop.generator(inverted.model, job.part(0.0, 0.1)) as generator:
        limit = None if seconds is None else start + seconds
        work = search(shop, generator, inverted.square, job.part(0.1, 0.97), limit)
        deltas, done = work.tuning(inverted.ws, steps, inverted.deltas)
        made = replace(inverted, deltas=deltas, steps=inverted.steps + done)
        reach = turning.reach(shop, generator, made)
        if glasses(shop, made.square, job):
            reach |= {drawing.GLASSES: (-1.0, 0.0)}
        made = replace(made, reach=reach)
        return _measured(generator, made, inverted.seconds + time.monotonic() - start, job)


def glasses(shop: Workshop, square: Frame, job: Job) -> bool:
    """Whether somebody wears glasses; False where nobody can tell."""
    if judge_card(shop.catalogue) is None:
        return False
    names, logits, _ = judged(shop.catalogue, shop.residency, [square], job)
    return "Eyeglasses" in names and bool(logits[0, names.index("Eyeglasses")] > _WORN)


def search(
    shop: Workshop,
    generator: Generator,
    square: Frame,
    job: Job,
    deadline: float | None,
    *,
    hole: NDArray[np.bool_] | None = None,
) -> Search:
    """The search for an aligned face, of which the hole is not known."""
    mean, axes = generator.spread()
    copy = private_copy(shop.catalogue, generator.card, shop.device)
    judge = judge_card(shop.catalogue)
    reader = None if judge is None else private_copy(shop.catalogue, judge, shop.device)
    target = Target.of(square, shop.device, reader, hole=hole)
    return Search(copy, mean.to(shop.device), axes.to(shop.device), target, shop.residency, job, deadline)


def _encoded(shop: Workshop, model: str, square: Frame, job: Job) -> NDArray[np.float32] | None:
    """The encoder's guess of the latents, ws (num_ws, w_dim); None where this generator has no encoder."""
    card = shop.encoder(model)
    if card is None:
        return None
    side = 2 ** (int(card.options["num_ws"]) // 3 + 1)  # it knows as many latents as a generator of this side has
    seen = cv2.resize(square, (side, side), interpolation=cv2.INTER_AREA)
    picture = torch.from_numpy(seen.astype(np.float32) / 127.5 - 1).permute(2, 0, 1)[None].contiguous()
    with shop.residency.lease(card, job=job) as network, shop.residency.turn(job):
        ws: NDArray[np.float32] = network(picture).cpu().numpy()[0]
    return ws[stretched(len(ws), GeneratorOptions.of(shop.card(model).options).num_ws)]


def _measured(generator: Generator, inverted: Inverted, seconds: float, job: Job) -> Inverted:
    """With the figures that tell how good it is."""
    copy = to_frame(generator.picture(inverted))
    weight = importance(copy.shape[0])[..., None]
    apart = np.abs(copy.astype(np.float32) - inverted.square) * weight
    distance = faces.identity_distance(inverted.square, copy)
    job.note(inversion_distance=round(distance, 3), inversion_steps=inverted.steps, seconds=round(seconds, 3))
    job.report(1.0, "The face can be edited", copy)
    error = float(apart.sum() / weight.sum() / 3)
    return replace(inverted, distance=distance, error=error, seconds=seconds)


@dataclass(frozen=True)
class Edit:
    """An edit of one inverted face in one photo, at whatever strength.

    after(factor) -> ws of the edited face.
    before: the generator's picture without the edit, None where nobody made it yet.
    outline: where the head is in the aligned square, None where nobody looked yet.
    alone: kind (`steadying.by_kind`) -> the same with only its sliders; `after` itself where there are no others.
    opening(factor) -> what opens the mouth, to be added to the ws of a likeness; None where nothing does.  ways: of
    `mouths.ways`, along which that lies.
    still: whether nothing else changes. lines: how many of old age's are drawn on the skin, 0 to 1.
    blend(square, factor) -> the aligned square (S, S, 3) with another's features in it, before all else.
    paint(square, factor, shift) -> the edited square with makeup on it, under what is drawn; its shift as of `Made`.
    drawn: what is drawn over it at the photo's own size.
    """

    photo: Pixels
    inverted: Inverted
    after: Callable[[float], NDArray[np.float32]]
    before: Plane | None = None
    outline: Outline | None = None
    alone: Mapping[str, Callable[[float], NDArray[np.float32]]] = field(default_factory=dict)
    opening: Callable[[float], NDArray[np.float32]] | None = None
    ways: NDArray[np.float32] | None = None
    still: bool = False
    lines: float = 0.0
    blend: Callable[[Frame, float], Plane] | None = None
    paint: Callable[[Plane, float, Shift], Plane] | None = None
    drawn: drawing.Drawing | None = None

    @property
    def moves(self) -> bool:
        """Whether the generator changes anything."""
        return self.opening is not None or not self.still

    def features(self, factor: float) -> dict[str, float]:
        """What is drawn of the face's own features at a part of its strength."""
        return {} if self.drawn is None else self.drawn.features(factor)


def changed(generator: Generator, edit: Edit, factor: float) -> Change:
    """What the generator makes without and with the edit, steadied."""
    inverted = edit.inverted
    ways = list(dict.fromkeys([edit.after, *edit.alone.values()]))
    made = dict(zip(ways, generator.pictures(np.stack([way(factor) for way in ways]), inverted.deltas), strict=True))
    before = generator.picture(inverted) if edit.before is None else edit.before
    return calmed(before, made[edit.after], {kind: made[way] for kind, way in edit.alone.items()}, edit.outline)


@dataclass(frozen=True)
class Made:
    """An edited square, float32 (side, side, 3).

    laid: how much of each place takes the photo's place, as of `pasting.composed`.  shift: by how
    much of the side the face in it is beside where faces are aligned (`Change.shift`).
    """

    square: Plane
    laid: Plane | None
    shift: Shift

    def aligned(self, square: Plane) -> Frame:
        """This square or what became of it, uint8, with the face where faces are aligned."""
        return to_frame(shifted(square, (-self.shift[0], -self.shift[1])))


def made_in(
    generator: Generator,
    edit: Edit,
    factor: float,
    square: Frame,
    *,
    sharpened: Callable[[Change], Change] = lambda change: change,
) -> Made:
    """The edit in an aligned square of the photo, of any side."""
    blended = None if edit.blend is None else edit.blend(square, factor)
    under = square if blended is None else to_frame(blended)
    opening, rest, shift = None, None, (0.0, 0.0)
    if edit.opening is not None and edit.ways is not None:
        wide = mouths.opening(generator, edit.inverted.ws, edit.opening(factor), edit.ways)
        opening = teeth.parted(sharpened(wide))
    if not edit.still:
        rest = sharpened(changed(generator, edit, factor))
        shift = rest.shift
    made, laid = mouths.composed(under, opening, rest, outline=edit.outline)
    if blended is not None:  # its colours lie between those of a frame
        made = np.asarray(np.clip(blended + (made - under.astype(np.float32) / np.float32(255)), 0, 1), np.float32)
    return Made(made if edit.paint is None else edit.paint(made, factor, shift), laid, shift)


def looked_at(
    shop: Workshop, generator: Generator, edit: Edit, factor: float, side: int = _LOOK_SIDE
) -> tuple[Frame, Frame]:
    """The photo's face and the edited one, aligned, at a side that is quick to compare; without what lies over it."""
    square = pasting.aligned(edit.photo, edit.inverted.face, side)
    made = made_in(generator, edit, factor, square)
    edited = dyed(shop, generator, edit, factor, made)
    if edit.features(factor) or edit.lines > 0:
        marks = drawing.marks_of(edited, edit.inverted.face)
        edited = lines.weathered(shop, edited, marks, edit.lines * factor, generator.job)
        edited = drawing.laid_over(edited, marks, edit.features(factor))
    return square, made.aligned(edited)


def dyed(shop: Workshop, generator: Generator, edit: Edit, factor: float, made: Made) -> Plane:
    """The edited square with its hair coloured."""
    if edit.drawn is None or not edit.drawn.hair:
        return made.square
    inverted = edit.inverted
    ws = edit.drawn.latents(edit.after(factor), factor)
    pictures = np.stack([shifted(picture, made.shift) for picture in generator.pictures(ws, inverted.deltas)])
    return edit.drawn.dyed(made.square, pictures, parts_of(shop, to_frame(made.square), generator.job), factor)


def finish(
    shop: Workshop, generator: Generator, edit: Edit, *, keep: float, sharpen: float, job: Job
) -> tuple[Finished, Frame]:
    """The edit in the photo, and the aligned square of the result without what lies over the face.

    Glasses, a beard, a fringe and shut lids hide who somebody is and do not change it: the distance is of the face
    under them.
    """
    for name, value in (("keep", keep), ("sharpen", sharpen)):
        if not 0 <= value <= 1:
            raise OptionError(f"{name.capitalize()} goes from 0 to 1; {value} is outside. Choose a value between.")
    start = time.monotonic()
    face = edit.inverted.face
    limit = guard.bound(keep)
    if edit.outline is None and edit.moves:
        edit = replace(edit, outline=parts_of(shop, edit.inverted.square, job).outline)
    if edit.before is None and not edit.still:
        edit = replace(edit, before=generator.picture(edit.inverted))
    job.report(0.02, "Looking after the person")

    def distance_at(factor: float) -> float:
        job.check()
        return faces.identity_distance(*looked_at(shop, generator, edit, factor)) if factor else 0.0

    kept = guard.strongest(distance_at, limit)[0] if keep > 0 else 1.0
    job.report(0.3, "Making the edit")
    side = pasting.working_side(face)
    square = pasting.aligned(edit.photo, face, side)
    part = job.part(0.3, 0.8)

    def sharpened(change: Change) -> Change:
        return _sharpened(shop, change, sharpen, part)

    if sharpen > 0 and side > 1.3 * generator.resolution:
        made = made_in(generator, edit, kept, square, sharpened=sharpened)
    else:
        made = made_in(generator, edit, kept, square)
    job.report(0.8, "Putting it into the photo")
    edited = dyed(shop, generator, edit, kept, made)
    over, features = {} if edit.drawn is None else edit.drawn.over, edit.features(kept)
    marks = drawing.marks_of(edited, face) if over or features or edit.lines > 0 else None
    if marks is not None:
        edited = lines.weathered(shop, edited, marks, edit.lines * kept, job)
        edited = drawing.laid_over(edited, marks, features)
    result, laid = made.aligned(edited), made.laid
    if edit.drawn is not None and marks is not None:
        edited, laid = fringes.combed(shop, edited, marks, over, job, laid=laid)
        edited = drawing.laid_over(edited, marks, {**edit.drawn.hair, **over})
    pixels, box = pasting.paste(edit.photo, face, square, edited, laid)
    distance = faces.identity_distance(square, result)
    words = guard.verdict(distance)
    job.note(identity_distance=round(distance, 3), verdict=words, kept=round(kept, 3))
    job.note(seconds=round(time.monotonic() - start, 3))
    return Finished(pixels, box, distance, words, {}, kept), result


def slider_edit(
    shop: Workshop, photo: Pixels, inverted: Inverted, sliders: Sliders, *, older: float | None = None
) -> Edit:
    """The edit that sliders describe.  older: how many lines of old age, if not as many as the age slider brings."""
    directions = shop.directions(inverted.model)
    sliders, drawn = drawing.taken_out(directions, inverted.within_reach(sliders))
    sliders, opening = mouths.apart(sliders)

    def moved(some: Sliders) -> Callable[[float], NDArray[np.float32]]:
        shift = directions.shift(some)
        return lambda factor: inverted.ws + np.float32(factor) * shift

    after = moved(sliders)
    kinds = by_kind(directions, sliders).items()
    alone = {kind: after if len(some) == len(sliders) else moved(some) for kind, some in kinds}
    drawn_lines = lines.PART * max(0.0, sliders.get("age", 0.0)) if older is None else older
    edit = Edit(photo, inverted, after, alone=alone, still=not any(sliders.values()), drawn=drawn, lines=drawn_lines)
    if not opening:
        return edit
    wide = directions.shift(opening)
    return replace(edit, opening=lambda factor: np.float32(factor) * wide, ways=mouths.ways(directions))


def _sharpened(shop: Workshop, change: Change, strength: float, job: Job) -> Change:
    """The change with its new parts enlarged by the upscaler; where the photo's own detail stays, none is invented."""
    upscaler = SuperResolution(shop.catalogue, shop.residency)
    model, facts = upscaler.by_role("photo").id, dict(job.facts)
    large = upscaler.upscale(to_frame(change.after), model=model, scale=4, job=job)
    up = large.astype(np.float32) / np.float32(255)
    plain = Change(change.before, change.after).at(up.shape[0]).after
    job.note(**{key: facts.get(key) for key in ("model", "title", "precision", "device")}, sharpened_by=model)
    return replace(change, sharp=plain + np.float32(strength) * (up - plain))
