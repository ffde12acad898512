"""Face editing: sliders on the faces of photos, and on faces of people who do not exist.

A photo's face is brought into a generator (latents, then pivotal tuning, Roich et al. 2021), moved along measured
directions, and only the difference goes back into the photo. What belongs to one person is in the values that are
handed out (`Inverted`), never in the engine.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from engines.core.catalogue import Catalogue
from engines.core.engine import Command, Engine, Example, Task
from engines.core.faces import Face
from engines.core.files import edit_file
from engines.core.image import Picture, Pixels
from engines.core.job import Fact, Job, take
from engines.core.residency import Residency
from engines.faces import commands, finding, guard
from engines.faces import photos as verbs
from engines.faces.newcomers import MODEL, Newcomers
from engines.faces.retouching import STEPS, Chosen, Retouching, closed
from engines.faces.values import Finished, FoundFace, Inverted, Sliders
from engines.faces.workshop import Workshop


class FaceEditing(Newcomers, Retouching, Engine):
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

    # finding

    def detect(self, photo: Pixels) -> list[FoundFace]:
        """All faces, the largest first, with hints about what will make an edit weak. Empty: see `no_face`."""
        return finding.find(photo)

    def no_face(self) -> str:
        """The sentence for a photo in which nobody was found."""
        return finding.NO_FACE

    def verdict(self, distance: float) -> str:
        """An identity distance in words."""
        return guard.verdict(distance)

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
        return closed(done, job, start)

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
        """`invert`, `refine` and `finish` in one call. Facts: identity_distance, verdict, kept, seconds.

        With every slider at 0 the photo itself comes back, and nothing is learnt.
        """
        job, start = take(job), time.perf_counter()
        if not self._shop.directions(model).checked(sliders):
            job.note(
                note="Nothing was changed: every slider is at 0.", identity_distance=0.0, verdict=guard.verdict(0.0)
            )
            job.report(1.0, "Nothing to change")
            return photo
        inverted = self._ready(photo, face, None, steps, seconds, model, job.part(0.0, 0.8))
        done = self.finish(photo, inverted, sliders, keep=keep, sharpen=sharpen, job=job.part(0.8, 1.0))
        return closed(done, job, start).pixels

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
