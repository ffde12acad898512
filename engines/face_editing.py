"""Face editing: sliders on the faces of photos, and on faces of people who do not exist.

A photo's face is brought into a generator (latents, then pivotal tuning, Roich et al. 2021), moved along measured
directions, and only the difference goes back into the photo. What belongs to one person is in the values that are
handed out (`Inverted`), never in the engine.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from engines.core.catalogue import Catalogue
from engines.core.engine import Command, Engine, Example, Task
from engines.core.errors import OptionError
from engines.core.faces import Face
from engines.core.files import edit_file
from engines.core.image import Picture, Pixels
from engines.core.job import Fact, Job, take
from engines.core.residency import Residency
from engines.faces import ageing, commands, finding, guard, inverting, making, pasting
from engines.faces import makeup as paint
from engines.faces import photos as verbs
from engines.faces.newcomers import MODEL, Newcomers
from engines.faces.values import Finished, FoundFace, Inverted, Sliders
from engines.faces.workshop import Workshop

Chosen = Face | FoundFace | int  # which face: its number, or itself
STEPS = inverting.STEPS


class FaceEditing(Newcomers, Engine):
    """Finds faces, brings them into a generator, moves sliders, and puts the change back into the photo.

    Photos are uint8 or uint16 (H, W, 3) RGB or (H, W, 4) RGBA and come back as what they were; alpha and everything
    outside the face stay bit for bit.  Sliders go from -1 to 1 of the range that was measured to be safe.
    Budgets: `steps` alone makes the same call give the same bytes; with `seconds` the clock may end it earlier.
    `inverted`: what `invert` and `refine` made of this photo's face; without it a verb makes it itself.
    """

    name = "face_editing"

    def __init__(self, catalogue: Catalogue, residency: Residency) -> None:
        super().__init__(catalogue, residency)
        self._shop = Workshop(catalogue, residency)

    # finding and inverting

    def detect(self, photo: Pixels) -> list[FoundFace]:
        """All faces, the largest first, with hints about what will make an edit weak. Empty: see `no_face`."""
        return finding.find(photo)

    def no_face(self) -> str:
        """The sentence for a photo in which nobody was found."""
        return finding.NO_FACE

    def verdict(self, distance: float) -> str:
        """An identity distance in words."""
        return guard.verdict(distance)

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

    # sliders on a photo

    def finish(
        self,
        photo: Pixels,
        inverted: Inverted,
        sliders: Sliders,
        *,
        keep: float = 0.0,
        sharpen: float = 0.0,
        job: Job | None = None,
    ) -> Finished:
        """The edit in the photo at its full resolution.

        keep: "keep this person", 0 (what the sliders say) to 1 (hardly anything that changes who it is): the sliders
        are drawn back together until the identity distance is within a bound of 0.55 to 0.2.
        sharpen: 0 to 1, the change enlarged by the upscaler, for faces larger than the generator's picture.
        """
        job, start = take(job), time.perf_counter()
        with self._shop.generator(inverted.model, job) as generator:
            done = verbs.with_sliders(
                self._shop, generator, photo, inverted, sliders, keep=keep, sharpen=sharpen, job=job
            )
        return _closed(done, job, start)

    def edit(
        self,
        photo: Pixels,
        sliders: Sliders,
        *,
        face: Chosen = 0,
        keep: float = 0.0,
        sharpen: float = 0.0,
        steps: int = STEPS,
        seconds: float | None = None,
        model: str = MODEL,
        job: Job | None = None,
    ) -> Pixels:
        """`invert`, `refine` and `finish` in one call. Facts: identity_distance, verdict, kept, seconds."""
        job, start = take(job), time.perf_counter()
        self._shop.directions(model).checked(sliders)
        inverted = self._ready(photo, face, None, steps, seconds, model, job.part(0.0, 0.8))
        done = self.finish(photo, inverted, sliders, keep=keep, sharpen=sharpen, job=job.part(0.8, 1.0))
        return _closed(done, job, start).pixels

    def edit_photo(
        self,
        source: Path | str,
        target: Path | str,
        sliders: Sliders,
        *,
        name: str | None = None,
        job: Job | None = None,
        **options: Any,
    ) -> Picture:
        """`edit` from file to file, with all metadata, the mark and the recipe. options: those of `edit`."""
        recorded: dict[str, Fact] = {**sliders, **{k: v for k, v in options.items() if isinstance(v, Fact)}}
        return edit_file(
            source,
            target,
            tool="edit-face",
            options=recorded,
            edit=lambda pixels, part: self.edit(pixels, sliders, job=part, **options),
            name=name,
            job=job,
        )

    # other edits of a photo

    def age(
        self,
        photo: Pixels,
        years: float,
        *,
        face: Chosen = 0,
        keep: float = 0.0,
        sharpen: float = 0.0,
        inverted: Inverted | None = None,
        steps: int = STEPS,
        seconds: float | None = None,
        model: str = MODEL,
        job: Job | None = None,
    ) -> Finished:
        """The face at an age of 16 to 90 years, as the age network estimates it before and after."""
        job, start, years = take(job), time.perf_counter(), ageing.wished(years)
        inverted = self._ready(photo, face, inverted, steps, seconds, model, job.part(0.0, 0.6))
        with self._shop.generator(inverted.model, job) as generator:
            ages = verbs.Ages.of(self._shop, generator, photo, inverted, job)
            done = ages.at(years, keep=keep, sharpen=sharpen, job=job.part(0.8, 1.0))
        return _closed(done, job, start)

    def age_strip(
        self,
        photo: Pixels,
        ages: Sequence[float] = (20, 35, 50, 65, 80),
        *,
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
        inverted = self._ready(photo, face, inverted, steps, seconds, model, job.part(0.0, 0.6))
        with self._shop.generator(inverted.model, job) as generator:
            looks = verbs.Ages.of(self._shop, generator, photo, inverted, job)
            return verbs.age_strip(looks, ages, height=height, job=job.part(0.6, 1.0))

    def makeup(
        self,
        photo: Pixels,
        reference: Pixels | None = None,
        *,
        lips: float = 1.0,
        eyes: float = 1.0,
        skin: float = 1.0,
        generator: float = 0.5,
        face: Chosen = 0,
        reference_face: Chosen = 0,
        inverted: Inverted | None = None,
        steps: int = STEPS,
        seconds: float | None = None,
        model: str = MODEL,
        job: Job | None = None,
    ) -> Finished:
        """Makeup: a reference photo's colours, and the generator's makeup slider inside the regions.

        lips, eyes, skin: 0 to 1 for each region.  generator: the slider, -1 to 1; at 0 nothing is inverted and it is
        done in a moment.  Without a reference the slider does it alone.
        """
        job, start = take(job), time.perf_counter()
        other = None
        if reference is not None:
            other = pasting.aligned(reference, verbs.reference(reference, reference_face).face, paint.SIDE)
        generator = verbs.painted_by(self._shop, model, generator, alone=other is None)
        strengths = {"lips": lips, "eyes": eyes, "skin": skin}
        if not generator and inverted is None:
            found = finding.chosen(photo, face).face
            inverted = Inverted(model=model, ws=np.zeros((1, 1), np.float32), face=found)
        inverted = self._ready(photo, face, inverted, steps, seconds, model, job.part(0.0, 0.7))
        with self._shop.generator(inverted.model, job) as net:
            done = verbs.made_up(
                self._shop, net, photo, inverted, other, strengths=strengths, amount=generator, job=job.part(0.7, 1.0)
            )
        return _closed(done, job, start)

    def frontal(
        self,
        photo: Pixels,
        *,
        face: Chosen = 0,
        strength: float = 1.0,
        keep: float = 0.0,
        inverted: Inverted | None = None,
        steps: int = STEPS,
        seconds: float | None = None,
        model: str = MODEL,
        job: Job | None = None,
    ) -> Finished:
        """The head turned towards the camera, as far as the yaw slider's measured range goes."""
        job, start = take(job), time.perf_counter()
        inverted = self._ready(photo, face, inverted, steps, seconds, model, job.part(0.0, 0.7))
        with self._shop.generator(inverted.model, job) as generator:
            part = job.part(0.7, 1.0)
            done = verbs.turned_to_front(self._shop, generator, photo, inverted, strength, keep=keep, job=part)
        return _closed(done, job, start)

    def mix_photos(
        self,
        a: Pixels,
        b: Pixels,
        *,
        coarse: float = 0.5,
        middle: float = 0.5,
        fine: float = 0.5,
        face_a: Chosen = 0,
        face_b: Chosen = 0,
        inverted: Inverted | None = None,
        steps: int = STEPS,
        seconds: float | None = None,
        model: str = MODEL,
        job: Job | None = None,
    ) -> Finished:
        """The first photo with a blend of both faces in it; see `mix`. The distance is to the first person.

        inverted: the first face, where it is known already.
        """
        job, start = take(job), time.perf_counter()
        other = verbs.reference(b, face_b)
        half = seconds / 2 if seconds is not None and inverted is None else seconds
        first = self._ready(a, face_a, inverted, steps, half, model, job.part(0.0, 0.4))
        second = self._ready(b, other, None, steps, half, first.model, job.part(0.4, 0.8))
        parts = {"coarse": coarse, "middle": middle, "fine": fine}
        with self._shop.generator(first.model, job) as generator:
            done = verbs.blended(generator, a, first, second, parts, job=job.part(0.8, 1.0))
        return _closed(done, job, start)

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

    def examples(self) -> Iterator[Example]:
        """A new face, and an edit of a given place in a picture of grain, where there are sliders."""
        yield Example("generate", (), {"seed": 3}, (256, 256, 3))
        card = self._shop.card(MODEL)
        if card.source.file("directions") is not None:
            grain = np.random.default_rng(0).integers(0, 256, (80, 72, 3), np.uint8)
            place = Face((20, 24, 52, 58), ((28.0, 36.0), (44.0, 36.0)), (36.0, 46.0), 1.0)
            options = {"face": place, "steps": 2}
            yield Example("edit", (grain, {"smile": 0.5}), options, (80, 72, 3))

    def commands(self) -> list[Command | Task]:
        """edit-face, age-face, transfer-makeup, mix-faces, generate-face."""
        return commands.commands_of(self)


def _closed(done: Finished, job: Job, start: float) -> Finished:
    job.note(seconds=round(time.perf_counter() - start, 3))
    job.report(1.0, "Done")
    return done
