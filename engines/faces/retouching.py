"""The verbs of face editing that take a photo and more than sliders: an age in years, makeup, a turn, a blend.

Sliders and "keep this person" go along with each of them: they are of the same edit, and the guard sees all of it.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

from engines.core.errors import OptionError
from engines.core.faces import Face
from engines.core.image import Pixels
from engines.core.job import Job, take
from engines.faces import ageing, finding, inverting, making, pasting
from engines.faces import makeup as paint
from engines.faces import photos as verbs
from engines.faces.newcomers import MODEL
from engines.faces.values import Finished, FoundFace, Inverted, Sliders
from engines.faces.workshop import Workshop

Chosen = Face | FoundFace | int  # which face: its number, or itself
STEPS = inverting.STEPS


class Retouching:
    """Edits of one face in a photo.

    sliders: what is changed besides; where a verb decides a slider itself (the age of `age`, the turn of `frontal`)
    its value here does not count.  keep: as for `FaceEditing.finish`, of all that the verb changes.
    """

    _shop: Workshop

    def invert(
        self,
        photo: Pixels,
        face: Chosen = 0,
        *,
        steps: int = STEPS,
        seconds: float | None = None,
        model: str = MODEL,
        job: Job | None = None,
    ) -> Inverted:
        """The photo's face as latents: editable at once, alike only after `refine`. Previews are the copy so far.

        steps: of the search; half of them where the generator has an encoder to start from.
        ImageError: no face, or one that cannot be edited.  OptionError: no face of that number.
        """
        return making.invert(self._shop, photo, face, steps=steps, seconds=seconds, model=model, job=take(job))

    def refine(
        self, inverted: Inverted, *, steps: int = STEPS, seconds: float | None = None, job: Job | None = None
    ) -> Inverted:
        """Pivotal tuning: the same latents, and the generator's upper levels moved a little for this face alone.

        Needs no photo; may be called again to go on.
        """
        return making.refine(self._shop, inverted, steps=steps, seconds=seconds, job=take(job))

    # edits

    def age(
        self,
        photo: Pixels,
        years: float,
        *,
        sliders: Sliders | None = None,
        face: Chosen = 0,
        keep: float = 0.0,
        sharpen: float = 0.0,
        inverted: Inverted | None = None,
        steps: int = STEPS,
        seconds: float | None = None,
        model: str = MODEL,
        job: Job | None = None,
    ) -> Finished:
        """The face at an age of 16 to 90 years, as the age network estimates it before and after.

        Facts: age_before, age_after; and a note where the face does not come to look that young or that old.
        """
        job, start, years = take(job), time.perf_counter(), ageing.wished(years)
        wish = verbs.wished(self._shop, model, inverted, sliders)
        inverted = self._ready(photo, face, inverted, steps, seconds, model, job.part(0.0, 0.6))
        with self._shop.generator(inverted.model, job) as generator:
            ages = verbs.Ages.of(self._shop, generator, photo, inverted, job, wish)
            done = ages.at(years, keep=keep, sharpen=sharpen, job=job.part(0.8, 1.0))
        said = ageing.missed(years, done.age_after, held_back=done.kept < 1)
        if said:
            job.note(note=said)
        return closed(done, job, start)

    def age_strip(
        self,
        photo: Pixels,
        ages: Sequence[float] = (20, 35, 50, 65, 80),
        *,
        sliders: Sliders | None = None,
        keep: float = 0.0,
        face: Chosen = 0,
        height: int = 512,
        inverted: Inverted | None = None,
        steps: int = STEPS,
        seconds: float | None = None,
        model: str = MODEL,
        job: Job | None = None,
    ) -> Pixels:
        """The face at several ages side by side, uint8 (height, width, 3)."""
        job, ages = take(job), [ageing.wished(years) for years in ages]
        if not 1 <= len(ages) <= 12 or not 64 <= height <= 2048:
            raise OptionError("A strip shows 1 to 12 ages and is 64 to 2048 pixels high.")
        wish = verbs.wished(self._shop, model, inverted, sliders)
        inverted = self._ready(photo, face, inverted, steps, seconds, model, job.part(0.0, 0.6))
        with self._shop.generator(inverted.model, job) as generator:
            looks = verbs.Ages.of(self._shop, generator, photo, inverted, job, wish)
            return verbs.age_strip(looks, ages, keep=keep, height=height, job=job.part(0.6, 1.0))

    def makeup(
        self,
        photo: Pixels,
        reference: Pixels | None = None,
        *,
        lips: float = 1.0,
        eyes: float = 1.0,
        skin: float = 1.0,
        generator: float = 0.5,
        sliders: Sliders | None = None,
        keep: float = 0.0,
        face: Chosen = 0,
        reference_face: Chosen = 0,
        inverted: Inverted | None = None,
        steps: int = STEPS,
        seconds: float | None = None,
        model: str = MODEL,
        job: Job | None = None,
    ) -> Finished:
        """Makeup: a reference photo's colours, and the generator's makeup slider inside the regions.

        lips, eyes, skin: 0 to 1 for each region.  generator: the slider, -1 to 1; at 0, and without other sliders,
        nothing is inverted and it is done in a moment.  Without a reference the slider does it alone.
        """
        job, start = take(job), time.perf_counter()
        strengths = paint.checked({"lips": lips, "eyes": eyes, "skin": skin})
        wish = verbs.wished(self._shop, model, inverted, sliders)
        other = None
        if reference is not None:
            other = pasting.aligned(reference, verbs.reference(reference, reference_face).face, paint.SIDE)
        known = model if inverted is None else inverted.model
        generator = verbs.painted_by(self._shop, known, generator, alone=other is None)
        if not generator and not wish and inverted is None:
            found = finding.chosen(photo, face).face
            inverted = Inverted(model=model, ws=np.zeros((1, 1), np.float32), face=found)
        inverted = self._ready(photo, face, inverted, steps, seconds, model, job.part(0.0, 0.7))
        with self._shop.generator(inverted.model, job) as net:
            edit = verbs.made_up(self._shop, net, photo, inverted, wish, other, strengths=strengths, amount=generator)
            done = verbs.finished(self._shop, net, edit, wish, keep=keep, job=job.part(0.7, 1.0))
        return closed(done, job, start)

    def frontal(
        self,
        photo: Pixels,
        *,
        face: Chosen = 0,
        strength: float = 1.0,
        sliders: Sliders | None = None,
        keep: float = 0.0,
        inverted: Inverted | None = None,
        steps: int = STEPS,
        seconds: float | None = None,
        model: str = MODEL,
        job: Job | None = None,
    ) -> Finished:
        """The head turned towards the camera, as far as the yaw slider's measured range goes."""
        job, start = take(job), time.perf_counter()
        wish = verbs.wished(self._shop, model, inverted, sliders)
        inverted = self._ready(photo, face, inverted, steps, seconds, model, job.part(0.0, 0.7))
        with self._shop.generator(inverted.model, job) as generator:
            part = job.part(0.7, 1.0)
            turn = verbs.turn_to_front(self._shop, generator, inverted, strength, job=part)
            wish = {**wish, "yaw": turn}
            done = verbs.with_sliders(
                self._shop, generator, photo, inverted, wish, keep=keep, sharpen=0, job=part.part(0.2, 1.0)
            )
        return closed(done, job, start)

    def mix_photos(
        self,
        a: Pixels,
        b: Pixels,
        *,
        coarse: float = 0.5,
        middle: float = 0.5,
        fine: float = 0.5,
        sliders: Sliders | None = None,
        keep: float = 0.0,
        face_a: Chosen = 0,
        face_b: Chosen = 0,
        inverted: Inverted | None = None,
        steps: int = STEPS,
        seconds: float | None = None,
        model: str = MODEL,
        job: Job | None = None,
    ) -> Finished:
        """The first photo with a blend of both faces in it; see `mix`. The distance is to the first person.

        inverted: the first face, where it is known already.  sliders: of the blended face.
        """
        job, start = take(job), time.perf_counter()
        wish = verbs.wished(self._shop, model, inverted, sliders)
        other = verbs.reference(b, face_b)
        half = seconds / 2 if seconds is not None and inverted is None else seconds
        first = self._ready(a, face_a, inverted, steps, half, model, job.part(0.0, 0.4))
        second = self._ready(b, other, None, steps, half, first.model, job.part(0.4, 0.8))
        parts = {"coarse": coarse, "middle": middle, "fine": fine}
        with self._shop.generator(first.model, job) as generator:
            edit = verbs.blended(self._shop, generator, a, first, second, parts, wish)
            done = verbs.finished(self._shop, generator, edit, wish, keep=keep, job=job.part(0.8, 1.0))
        return closed(done, job, start)

    def _ready(
        self,
        photo: Pixels,
        face: Chosen,
        inverted: Inverted | None,
        steps: int,
        seconds: float | None,
        model: str,
        job: Job,
    ) -> Inverted:
        """A tuned inversion: the caller's, or a new one."""
        if inverted is not None:
            job.report(1.0)
            return inverted
        half = None if seconds is None else seconds / 2
        made = self.invert(photo, face, steps=steps, seconds=half, model=model, job=job.part(0.0, 0.5))
        return self.refine(made, steps=steps, seconds=half, job=job.part(0.5, 1.0))


def closed(done: Finished, job: Job, start: float) -> Finished:
    """The last words of a verb that began at `start`, of time.perf_counter()."""
    job.note(seconds=round(time.perf_counter() - start, 3))
    job.report(1.0, "Done")
    return done
