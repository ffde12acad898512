"""What is done to faces in photos beside sliders: an age in years, makeup, a blend, a head turned to the front."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from engines.core import faces
from engines.core.errors import ImageError, OptionError
from engines.core.faces import Face
from engines.core.image import Pixels
from engines.core.job import Job
from engines.faces import ageing, drawing, guard, lines, makeup, mixing, pasting
from engines.faces.finding import chosen
from engines.faces.generator import Generator, to_frame
from engines.faces.judging import judged
from engines.faces.making import Edit, changed, finish, looked_at, scaled, slider_edit
from engines.faces.pasting import Change
from engines.faces.people import sheet
from engines.faces.values import Finished, FoundFace, Frame, Inverted, Latents, Sliders
from engines.faces.workshop import Workshop

_GREY = 0.8  # of the slider that the oldest have
_STRIP_SIDE = 512  # longest side of one picture of a strip
_STRAIGHT = 0.03  # Face.yaw below which a head looks into the camera
_SCAN = 9  # slider values at which a turned head is looked at


def reference(photo: Pixels, face: Face | FoundFace | int) -> FoundFace:
    """The face of the other photo, looked for before anything is learnt. ImageError says which photo is meant."""
    try:
        return chosen(photo, face)
    except ImageError as error:
        raise ImageError(f"The other photo: {error}") from error


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
    wish = shop.directions(inverted.model).checked(sliders)
    edit = slider_edit(shop, photo, inverted, wish)
    finished, _ = finish(shop, generator, edit, keep=keep, sharpen=sharpen, job=job)
    return replace(finished, sliders=scaled(wish, finished.kept))


@dataclass(frozen=True)
class Ages:
    """A face at any age: how old it looks along the age slider is looked at once."""

    shop: Workshop
    generator: Generator
    photo: Pixels
    inverted: Inverted
    job: Job
    before: float
    seen: ageing.Curve

    @staticmethod
    def of(shop: Workshop, generator: Generator, photo: Pixels, inverted: Inverted, job: Job) -> Ages:
        """Look at the face along the slider. OptionError where the model has no age slider."""
        shop.directions(inverted.model).entry("age")
        square = pasting.aligned(photo, inverted.face, makeup.SIDE)
        before = float(judged(shop.catalogue, shop.residency, [square], job)[2][0])
        blank = Ages(shop, generator, photo, inverted, job, before, ([], np.zeros(0)))
        return replace(blank, seen=ageing.curve(blank.estimate))

    def estimate(self, values: list[float]) -> list[float]:
        """Estimated years at values of `ageing`."""
        views = []
        for value in values:
            edit = self._edit(value)
            views.append(looked_at(self.shop, self.generator, edit, 1.0)[1])
            self.job.check()
        return [float(age) for age in judged(self.shop.catalogue, self.shop.residency, views, self.job)[2]]

    def at(self, years: float, *, keep: float, sharpen: float, job: Job) -> Finished:
        """The face at an age, as the age network estimates it in the finished picture."""
        value = ageing.slider_for(years, self.estimate, self.seen)
        edit = self._edit(value)
        finished, result = finish(self.shop, self.generator, edit, keep=keep, sharpen=sharpen, job=job)
        after = float(judged(self.shop.catalogue, self.shop.residency, [result], self.job)[2][0])
        job.note(age_before=round(self.before, 1), age_after=round(after, 1))
        sliders = {name: amount * finished.kept for name, amount in self._sliders(value).items()}
        return replace(finished, sliders=sliders, age_before=self.before, age_after=after)

    def _sliders(self, value: float) -> dict[str, float]:
        """Beyond the age slider's end hair turns grey."""
        old = max(0.0, value - 1)
        grey = (
            {drawing.GREY: _GREY * old}
            if old and drawing.GREY in self.shop.directions(self.inverted.model).names
            else {}
        )
        return {"age": min(value, 1.0), **grey}

    def _edit(self, value: float) -> Edit:
        older = lines.PART * max(0.0, min(value, 1.0)) + (1 - lines.PART) * max(0.0, value - 1)
        return slider_edit(self.shop, self.photo, self.inverted, self._sliders(value), older=older)


def age_strip(ages: Ages, years: Sequence[float], *, height: int, job: Job) -> Frame:
    """One picture of the face at each age, the photo's part around it, side by side. Fact: ages, those reached."""
    views, reached = [], []
    for index, age in enumerate(years):
        part = job.part(index / len(years), (index + 1) / len(years))
        done = ages.at(age, keep=0, sharpen=0, job=part)
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
    generator: Generator | None,
    photo: Pixels,
    inverted: Inverted,
    reference: Frame | None,
    *,
    strengths: dict[str, float],
    amount: float,
    job: Job,
) -> Finished:
    """Makeup on a face: the reference's colours, region by region, and the generator's makeup direction in the regions.

    reference: the other face, aligned, uint8 (makeup.SIDE, makeup.SIDE, 3), or None.  amount: of the direction, -1 to
    1; generator is None where it is 0.
    """
    for name, value in strengths.items():
        if not 0 <= value <= 1:
            raise OptionError(f"{name.capitalize()} goes from 0 to 1; {value} is outside. Choose a value between.")
    face = inverted.face
    square = pasting.aligned(photo, face, makeup.SIDE)
    own = square.astype(np.float32) / np.float32(255)
    edited = own if reference is None else makeup.transferred(square, reference, strengths)
    job.report(0.4, "Putting on makeup")
    if generator is not None and amount:
        masks = makeup.regions(square)
        weight = np.maximum.reduce([strengths[name] * masks[name] for name in makeup.REGIONS])
        edit = slider_edit(shop, photo, inverted, {"makeup": amount})
        by_generator = pasting.compose(square, changed(generator, edit, 1.0), weight=weight.astype(np.float32))
        edited = np.clip(edited + by_generator - own, 0, 1)
    side = pasting.working_side(face)
    large = pasting.aligned(photo, face, side)
    correction = cv2.resize(edited - own, (side, side), interpolation=cv2.INTER_CUBIC)
    target = np.asarray(np.clip(large.astype(np.float32) / 255 + correction, 0, 1), np.float32)
    pixels, box = pasting.paste(photo, face, large, target)
    distance = faces.identity_distance(large, to_frame(target))
    job.note(identity_distance=round(distance, 3), verdict=guard.verdict(distance))
    sliders = {"makeup": amount} if amount else {}
    return Finished(pixels, box, distance, guard.verdict(distance), sliders)


def blended(
    generator: Generator, photo: Pixels, a: Inverted, b: Latents, mix: dict[str, float], *, job: Job
) -> Finished:
    """The first face's photo with the features of the blend in it; hair, light and complexion stay the photo's."""
    both = mixing.mix(a, b, **mix)
    side = pasting.working_side(a.face)
    square = pasting.aligned(photo, a.face, side)
    plain = Change(generator.picture(a), generator.picture(both))
    change, weight = mixing.fitted(pasting.aligned(photo, a.face, makeup.SIDE), plain)
    edited = pasting.compose(square, change, weight=weight)
    pixels, box = pasting.paste(photo, a.face, square, edited)
    distance = faces.identity_distance(square, to_frame(edited))
    job.note(identity_distance=round(distance, 3), verdict=guard.verdict(distance))
    return Finished(pixels, box, distance, guard.verdict(distance), {})


def turned_to_front(
    shop: Workshop, generator: Generator, photo: Pixels, inverted: Inverted, strength: float, *, keep: float, job: Job
) -> Finished:
    """The head towards the camera: the yaw slider at which the landmarks look straight, times strength.

    It stops where this head's reach ends.
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
    slider = best / (high if best > 0 else -low)
    job.note(yaw_before=round(float(np.polyval(fit, 0.0)), 3), yaw_after=round(float(np.polyval(fit, best)), 3))
    return with_sliders(
        shop, generator, photo, inverted, {"yaw": slider * strength}, keep=keep, sharpen=0, job=job.part(0.2, 1.0)
    )
