"""What is done to faces in photos beside sliders: an age in years, makeup, a blend, a head turned to the front."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import cv2
import numpy as np

from engines.core import faces
from engines.core.errors import ImageError, OptionError
from engines.core.faces import Face
from engines.core.image import Pixels
from engines.core.job import Job
from engines.faces import ageing, drawing, lines, makeup, mixing, pasting
from engines.faces.finding import chosen
from engines.faces.generator import Generator, to_frame
from engines.faces.judging import judged
from engines.faces.making import Edit, changed, finish, looked_at, slider_edit
from engines.faces.motion import Change, Plane, Shift, even
from engines.faces.outline import Outline
from engines.faces.parting import parts_of
from engines.faces.people import sheet
from engines.faces.values import Finished, FoundFace, Frame, Inverted, Latents, Sliders
from engines.faces.workshop import Workshop

_GREY = 0.8  # of the slider that the oldest have
_LARGEST = 512  # side at which ages are estimated; larger faces are finer and look no older
_STRAIGHT = 0.03  # Face.yaw below which a head looks into the camera
_SCAN = 9  # slider values at which a turned head is looked at


def reference(photo: Pixels, face: Face | FoundFace | int) -> FoundFace:
    """The face of the other photo, looked for before anything is learnt. ImageError says which photo is meant."""
    try:
        return chosen(photo, face)
    except ImageError as error:
        raise ImageError(f"The other photo: {error}") from error


def wished(shop: Workshop, model: str, inverted: Inverted | None, sliders: Sliders | None) -> dict[str, float]:
    """The sliders that are not 0, looked at before anything is learnt. OptionError for one that there is not."""
    if not sliders:
        return {}
    return shop.directions(model if inverted is None else inverted.model).checked(sliders)


def finished(
    shop: Workshop, generator: Generator, edit: Edit, sliders: Sliders, *, keep: float, sharpen: float = 0, job: Job
) -> Finished:
    """An edit of which these sliders are a part, in its photo."""
    done, _ = finish(shop, generator, edit, keep=keep, sharpen=sharpen, job=job)
    return replace(done, sliders=drawing.scaled(sliders, done.kept))


def with_sliders(
    shop: Workshop,
    generator: Generator,
    photo: Pixels,
    inverted: Inverted,
    sliders: Sliders,
    *,
    keep: float,
    sharpen: float,
    job: Job,
) -> Finished:
    """The sliders' edit in the photo."""
    wish = wished(shop, inverted.model, inverted, sliders)
    edit = slider_edit(shop, photo, inverted, wish)
    return finished(shop, generator, edit, wish, keep=keep, sharpen=sharpen, job=job)


@dataclass(frozen=True)
class Ages:
    """A face at any age: how old it looks along the age slider is looked at once.

    copy: the generator's picture of it.  outline: of its head.  sliders: what is changed besides.
    """

    shop: Workshop
    generator: Generator
    photo: Pixels
    inverted: Inverted
    job: Job
    before: float
    copy: Plane
    outline: Outline
    seen: ageing.Curve
    sliders: Sliders = field(default_factory=dict)

    @staticmethod
    def of(shop: Workshop, generator: Generator, photo: Pixels, inverted: Inverted, job: Job, sliders: Sliders) -> Ages:
        """Look at the face along the slider. OptionError where the model has no age slider."""
        shop.directions(inverted.model).entry("age")
        square = pasting.aligned(photo, inverted.face, makeup.SIDE)
        before = float(judged(shop.catalogue, shop.residency, [square], job)[2][0])
        copy = generator.picture(inverted)
        outline = parts_of(shop, inverted.square, job).outline
        blank = Ages(shop, generator, photo, inverted, job, before, copy, outline, ([], np.zeros(0)), sliders)
        return replace(blank, seen=ageing.curve(blank.estimate))

    def estimate(self, values: list[float]) -> list[float]:
        """Estimated years at values of `ageing`, of pictures as large as the finished one: lines of age are fine, and
        in another size the age network sees other years.
        """
        views, side = [], min(pasting.working_side(self.inverted.face), _LARGEST)
        for value in values:
            edit = self._edit(value)
            views.append(looked_at(self.shop, self.generator, edit, 1.0, side)[1])
            self.job.check()
        return [float(age) for age in judged(self.shop.catalogue, self.shop.residency, views, self.job)[2]]

    def at(self, years: float, *, keep: float, sharpen: float, job: Job) -> Finished:
        """The face at an age, as the age network estimates it in the finished picture."""
        value = ageing.slider_for(years, self.estimate, self.seen)
        edit = self._edit(value)
        finished, result = finish(self.shop, self.generator, edit, keep=keep, sharpen=sharpen, job=job)
        after = float(judged(self.shop.catalogue, self.shop.residency, [result], self.job)[2][0])
        job.note(age_before=round(self.before, 1), age_after=round(after, 1))
        sliders = drawing.scaled(self._sliders(value), finished.kept)
        return replace(finished, sliders=sliders, age_before=self.before, age_after=after)

    def _sliders(self, value: float) -> dict[str, float]:
        """Beyond the age slider's end hair turns grey, whatever colour it was to have."""
        old = max(0.0, value - 1)
        rest = {name: amount for name, amount in self.sliders.items() if name != "age"}
        if old and drawing.GREY in self.shop.directions(self.inverted.model).names:
            rest[drawing.GREY] = max(rest.get(drawing.GREY, 0.0), _GREY * old)
        return {**rest, "age": min(value, 1.0)}

    def _edit(self, value: float) -> Edit:
        older = lines.PART * max(0.0, min(value, 1.0)) + (1 - lines.PART) * max(0.0, value - 1)
        edit = slider_edit(self.shop, self.photo, self.inverted, self._sliders(value), older=older)
        return replace(edit, before=self.copy, outline=self.outline)


def age_strip(ages: Ages, years: Sequence[float], *, keep: float, height: int, job: Job) -> Frame:
    """One picture of the face at each age, the photo's part around it, side by side. Fact: ages, those reached."""
    views, reached = [], []
    for index, age in enumerate(years):
        part = job.part(index / len(years), (index + 1) / len(years))
        done = ages.at(age, keep=keep, sharpen=0, job=part)
        views.append(portrait(done.pixels, ages.inverted, height))
        reached.append(f"{done.age_after:.0f}")
    job.note(ages=" ".join(reached))
    return sheet(views, len(views))


def portrait(photo: Pixels, inverted: Inverted, side: int) -> Frame:
    """The part of a photo around the face, upright or not as it is, uint8 (side, side, 3)."""
    left, top, right, bottom = pasting.region(photo.shape[:2], inverted.face)
    part = photo[top:bottom, left:right, :3]
    if part.dtype == np.uint16:
        part = (part >> 8).astype(np.uint8)
    scale = side / max(part.shape[:2])
    size = max(1, round(part.shape[1] * scale)), max(1, round(part.shape[0] * scale))
    small = cv2.resize(np.ascontiguousarray(part), size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    out = np.full((side, side, 3), 255, np.uint8)
    y, x = (side - size[1]) // 2, (side - size[0]) // 2
    out[y : y + size[1], x : x + size[0]] = small
    return out


def painted_by(shop: Workshop, model: str, amount: float, *, alone: bool) -> float:
    """How much the generator paints: as wished, but nothing where it has no makeup slider and a reference does it all.

    OptionError where it should do it alone and cannot.
    """
    if not amount or "makeup" in shop.directions(model).names:
        return amount
    if alone:
        raise OptionError("This model has no makeup slider. Give a photo of a face whose makeup is to be taken.")
    return 0.0


def made_up(
    shop: Workshop,
    generator: Generator,
    photo: Pixels,
    inverted: Inverted,
    sliders: Sliders,
    reference: Frame | None,
    *,
    strengths: dict[str, float],
    amount: float,
) -> Edit:
    """Makeup on a face with these sliders: the reference's colours, region by region, and the generator's makeup
    direction inside the regions.

    reference: the other face, aligned, uint8 (makeup.SIDE, makeup.SIDE, 3), or None.  amount: of the direction, -1 to
    1; at 0 the generator is not asked.
    """
    edit = slider_edit(shop, photo, inverted, sliders) if sliders else _untouched(photo, inverted)

    def paint(square: Plane, factor: float, shift: Shift) -> Plane:
        side = square.shape[0]
        seen = to_frame(even(square, makeup.SIDE))
        own = seen.astype(np.float32) / np.float32(255)
        parts = {name: value * factor for name, value in strengths.items()}
        painted = own if reference is None else makeup.transferred(seen, reference, parts)
        if amount:
            masks = makeup.regions(seen)
            weight = np.maximum.reduce([strengths[name] * masks[name] for name in makeup.REGIONS])
            opening = np.float32(0) if edit.opening is None else edit.opening(factor)
            bare = replace(inverted, ws=edit.after(factor) + opening)
            change = changed(generator, slider_edit(shop, photo, bare, {"makeup": amount}), factor).along(shift)
            painted = painted + pasting.compose(seen, change, weight=weight.astype(np.float32)) - own
        correction = cv2.resize(painted - own, (side, side), interpolation=cv2.INTER_CUBIC)
        return np.asarray(np.clip(square + correction, 0, 1), np.float32)

    return replace(edit, paint=paint)


def _untouched(photo: Pixels, inverted: Inverted) -> Edit:
    """An edit of which the generator need not know."""
    return Edit(photo, inverted, lambda _: inverted.ws, still=True)


def blended(
    shop: Workshop,
    generator: Generator,
    photo: Pixels,
    a: Inverted,
    b: Latents,
    mix: dict[str, float],
    sliders: Sliders,
) -> Edit:
    """The first face's photo with the features of the blend in it; hair, light and complexion stay the photo's.

    sliders: of the blended face.
    """
    whole = mixing.mix(a, b, **mix)
    assert isinstance(whole, Inverted)  # a blend with a photo's face keeps its place
    own, seen = generator.picture(a), pasting.aligned(photo, a.face, makeup.SIDE)

    def blend(square: Frame, factor: float) -> Plane:
        both = mixing.mix(a, b, **{name: part * factor for name, part in mix.items()})
        change, weight = mixing.fitted(seen, Change(own, generator.picture(both)))
        return pasting.compose(square, change, weight=weight)

    return replace(slider_edit(shop, photo, whole, sliders), blend=blend)


def turn_to_front(shop: Workshop, generator: Generator, inverted: Inverted, strength: float, *, job: Job) -> float:
    """The yaw slider at which the landmarks look into the camera, times strength.

    It stops where this head's reach ends.  Facts: yaw_before, yaw_after.
    """
    if not 0 <= strength <= 1:
        raise OptionError(f"Strength goes from 0 to 1; {strength} is outside. Choose a value between.")
    directions = shop.directions(inverted.model)
    values = np.linspace(-1, 1, _SCAN)
    ws = np.stack([inverted.ws + directions.shift({"yaw": float(value)}) for value in values])
    turned = []
    for picture in generator.pictures(ws, inverted.deltas):
        large = np.ascontiguousarray(cv2.resize(to_frame(picture), (256, 256), interpolation=cv2.INTER_CUBIC), np.uint8)
        found = faces.detect(large, rotated=False)
        turned.append(found[0].yaw if found else np.nan)
        job.report(0.1, "Turning the head")
    seen = np.isfinite(turned)
    if seen.sum() < 2:
        raise OptionError("This head is turned too far to be brought to the front. Use a photo that shows both eyes.")
    fit = np.polyfit(values[seen], np.array(turned)[seen], 1)
    straight = abs(float(fit[1])) < _STRAIGHT or abs(float(fit[0])) < 1e-3  # already, or the slider does not turn it
    best = 0.0 if straight else float(np.clip(-fit[1] / fit[0], -1, 1))
    low, high = inverted.reach.get("yaw", (-1.0, 1.0))
    best = float(np.clip(best, low, high))
    job.note(yaw_before=round(float(np.polyval(fit, 0.0)), 3), yaw_after=round(float(np.polyval(fit, best)), 3))
    return strength * best / (high if best > 0 else -low)
