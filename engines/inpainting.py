"""Inpainting: what a mask covers is filled in anew; pictures are extended; objects are pasted into other pictures."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from engines.core.card import ModelCard
from engines.core.engine import Command, Engine, Example, Task
from engines.core.errors import CardError, OptionError
from engines.core.files import edit_file
from engines.core.image import Picture, Pixels
from engines.core.job import Fact, Job, take
from engines.inpaint import checks, finding, masks, passes
from engines.inpaint.commands import commands_of
from engines.inpaint.examples import small_calls
from engines.inpaint.lighting import READER, seen_by
from engines.inpaint.masks import Mask, outlines, read_mask
from engines.inpaint.painting import painter
from engines.inpaint.pasting import pasted
from engines.inpaint.select import Point, selected
from engines.inpaint.sharpness import BOUND, sharpness

__all__ = ["KINDS", "LIGHT", "MODEL", "READER", "Inpainting", "Mask", "Point", "outlines", "read_mask", "sharpness"]

MODEL = "inpaint"
KINDS = finding.KINDS  # what `auto_mask` finds
LIGHT = "blend"  # the card of what `blend` asks
FILLS = 6  # most fills to choose from
BLURRY = "This fill came out blurry. Run it again with another seed, a smaller mask, or more detail."


class Inpainting(Engine):
    """Fills holes in pictures and leaves every other pixel as it was, to the bit."""

    name = "inpainting"

    def inpaint(
        self,
        image: Pixels,
        mask: Mask,
        *,
        model: str = MODEL,
        seed: int = 0,
        expand: int = 0,
        feather: int = 2,
        detail: float = 1.0,
        job: Job | None = None,
    ) -> Pixels:
        """Fill in what a mask covers.

        image: uint8 or uint16 (H, W, 3) RGB or (H, W, 4) RGBA; the result has the same shape, dtype and alpha, and
        outside the mask, grown by `expand` and `feather`, the same bits. What is transparent stays so, and its hidden
        colours do not run into the fill.
        mask: uint8 (H, W), over 127 is hole, 255 shows the fill alone; one of another size is resized to the picture.
        seed: 0 is the likeliest fill, others differ.  expand: pixels by which the mask grows, -64 to 64.
        feather: pixels of soft border around it, 0 to 64.  detail: 0 (the network's own fill) to 1 (laid of
        what is around it).
        A cut face is completed by the face generator, but where another network fills: its answer only gains grain.
        job.facts gain model, title, device, precision, seconds, filled (percent), sharpness (0 to 1), note, and faces,
        how many were completed at most in one piece.

        CardError: unknown model.  OptionError: a value out of range; a mask that is empty, covers everything or does
        not fit.
        """
        return self.fills(
            image, mask, count=1, model=model, seed=seed, expand=expand, feather=feather, detail=detail, job=job
        )[0]

    def fills(
        self,
        image: Pixels,
        mask: Mask,
        *,
        count: int = 3,
        model: str = MODEL,
        seed: int = 0,
        expand: int = 0,
        feather: int = 2,
        detail: float = 1.0,
        job: Job | None = None,
    ) -> list[Pixels]:
        """Several fills to choose from, of the seeds `seed`, `seed` + 1 …, each as `inpaint` makes it.

        count: 1 to 6. The fact sharpness is the first one's; sharpnesses has all, with spaces between.
        """
        job, start = take(job), time.perf_counter()
        card = self._card(model)
        checks.image(image)
        checks.whole("Count", count, 1, FILLS)
        checks.options(seed=seed, expand=expand, feather=feather, detail=detail)
        mask = masks.grown(masks.checked(mask, *image.shape[:2]), expand)
        clear = image[..., 3] == 0 if image.shape[2] == 4 else None
        covered, mask = mask, masks.with_border(mask, feather, clear)
        weight = masks.weight_of(mask, feather)
        if mask is not covered:
            weight = np.maximum(weight, masks.weight_of(covered, 0))
        hole = mask > masks.HOLE
        if hole.all():
            raise OptionError("The mask covers the whole picture, so nothing is left to go on from. Leave some of it.")
        seeds = [seed + i for i in range(count)]
        paint = painter(self.catalogue, self.residency)
        results = passes.run(
            self.residency, card, image, hole, weight, seeds=seeds, detail=detail, paint=paint, job=job
        )
        told = [sharpness(result, mask) for result in results]
        job.note(
            seconds=round(time.perf_counter() - start, 3),
            filled=round(100 * float(hole.mean()), 2),
            sharpness=told[0],
            sharpnesses=" ".join(f"{value:.2f}" for value in told),
            note=BLURRY if told[0] < BOUND else "",
        )
        job.report(1.0)
        return results

    def outpaint(
        self,
        image: Pixels,
        *,
        left: int = 0,
        right: int = 0,
        top: int = 0,
        bottom: int = 0,
        model: str = MODEL,
        seed: int = 0,
        detail: float = 1.0,
        job: Job | None = None,
    ) -> Pixels:
        """A larger picture: so many pixels more on each side, opaque; the old part bit-identical.

        Each side may grow by as much as the picture is long that way, at most.
        """
        job, start = take(job), time.perf_counter()
        card = self._card(model)
        checks.image(image)
        checks.options(seed=seed, detail=detail)
        height, width = image.shape[:2]
        checks.growth(height, width, left=left, right=right, top=top, bottom=bottom)
        canvas = np.zeros((height + top + bottom, width + left + right, image.shape[2]), image.dtype)
        if image.shape[2] == 4:
            canvas[..., 3] = np.iinfo(image.dtype).max
        here = slice(top, top + height), slice(left, left + width)
        canvas[here] = image
        hole = np.ones(canvas.shape[:2], bool)
        hole[here] = False
        weight = hole.astype(np.float32)
        paint = painter(self.catalogue, self.residency)
        (result,) = passes.run(
            self.residency, card, canvas, hole, weight, seeds=[seed], detail=detail, paint=paint, job=job
        )
        sharp = sharpness(result, (hole * 255).astype(np.uint8))
        job.note(
            seconds=round(time.perf_counter() - start, 3),
            filled=round(100 * float(hole.mean()), 2),
            sharpness=sharp,
            note=BLURRY if sharp < BOUND else "",
        )
        job.report(1.0)
        return result

    def auto_mask(self, image: Pixels, kind: str, *, job: Job | None = None) -> Mask:
        """A mask, uint8 (H, W), of what a picture has too much of; all 0 where nothing is found.

        kind: "scratches" (dust and thin straight scratches of old prints), "text" (captions and subtitles laid over),
        "date" (white, green or yellow to red stamps near the border). job.facts gain found, percent of the picture.
        """
        job, start = take(job), time.perf_counter()
        checks.image(image)
        checks.kind(kind, KINDS)
        mask = finding.found(image, kind, lambda fraction: job.report(fraction, "Looking for what should go"))
        self._note_plain("Found by shape", start, job)
        job.note(found=round(100 * float((mask > 0).mean()), 2))
        return mask

    def select(
        self,
        image: Pixels,
        points: Sequence[Point],
        *,
        tolerance: float = 0.5,
        box: masks.Box | None = None,
        job: Job | None = None,
    ) -> Mask:
        """What clicks select, uint8 (H, W), 255 there.

        points: (x, y, keep) in pixels; keep is whether what is there belongs to it. The last ones mend what the first
        ones missed.  tolerance: 0 (the same colour only) to 1 (far).  box: (left, top, right, bottom) that it lies in.

        OptionError: no point that is meant, or one outside the picture; an empty box.
        """
        job, start = take(job), time.perf_counter()
        checks.image(image)
        checks.selection(points, *image.shape[:2], tolerance=tolerance, box=box)
        job.report(0.1, "Selecting")
        mask = selected(image, points, tolerance=tolerance, box=box)
        self._note_plain("Selected by colour and edges", start, job)
        job.report(1.0)
        return mask

    def blend(
        self,
        foreground: Pixels,
        background: Pixels,
        mask: Mask | None = None,
        *,
        x: int | None = None,
        y: int | None = None,
        scale: float = 1.0,
        strength: float = 1.0,
        model: str = LIGHT,
        job: Job | None = None,
    ) -> Pixels:
        """An object pasted into another picture with matched colour and light: Gaussian-Poisson blending (Wu et al.
        2019) under a learned colour constraint.

        mask: uint8, of the foreground's shape, where the object is; the foreground's alpha counts too, and is enough.
        x, y: where the foreground's left upper corner comes to lie, in pixels of the background, and it may stand over
        the edges; None: the object in the middle that way.  scale: of the foreground, 0.01 to 20.
        strength: 0 pastes the object as it is, 1 gives it the light and colours of the place.
        The result has the background's size, depth and alpha (opaque under the object); outside the object every pixel
        is the background's, to the bit.

        CardError: unknown model.  OptionError: a value out of range, no mask and no alpha, an object that lies outside.
        """
        job, start = take(job), time.perf_counter()
        card = self._card(model, light=True)
        checks.image(foreground)
        checks.image(background)
        checks.placing(x=x, y=y, scale=scale, strength=strength)
        result = pasted(
            foreground,
            background,
            masks.of_object(mask, foreground),
            x=x,
            y=y,
            scale=scale,
            strength=strength,
            look=seen_by(card, self.residency, job.part(0.15, 0.3)),
            progress=lambda fraction: job.report(fraction, "Matching colour and light"),
        )
        self._note_plain(card.title, start, job, model=card.id)
        job.report(1.0)
        return result

    def inpaint_file(
        self,
        source: Path | str,
        target: Path | str,
        *,
        mask: Path | str | Mask,
        options: Mapping[str, Fact],
        model: str = MODEL,
        name: str | None = None,
        job: Job | None = None,
    ) -> Picture:
        """`inpaint` from file to file, with all metadata, the mark and the recipe.

        mask: a file or an array; a file's name goes into the recipe.  options: seed, expand, feather, detail.
        """
        told: dict[str, Fact] = {} if isinstance(mask, np.ndarray) else {"mask": Path(mask).name}
        self._card(model)  # an unknown model is told before any work
        where = mask if isinstance(mask, np.ndarray) else read_mask(mask)
        rest: dict[str, Any] = {**options, "model": model}
        return edit_file(
            source,
            target,
            tool="inpaint",
            options={**options, **told},
            edit=lambda pixels, part: self.inpaint(pixels, where, job=part, **rest),
            name=name,
            job=job,
        )

    def outpaint_file(
        self,
        source: Path | str,
        target: Path | str,
        *,
        options: Mapping[str, Fact],
        model: str = MODEL,
        name: str | None = None,
        job: Job | None = None,
    ) -> Picture:
        """`outpaint` from file to file. options: left, right, top, bottom, seed, detail."""
        self._card(model)
        rest: dict[str, Any] = {**options, "model": model}
        return edit_file(
            source,
            target,
            tool="outpaint",
            options=options,
            edit=lambda pixels, part: self.outpaint(pixels, job=part, **rest),
            name=name,
            job=job,
        )

    def examples(self) -> Iterator[Example]:
        """Small pictures in 8 and 16 bits, with alpha, with a hole at the border and one of a single pixel."""
        return small_calls()

    def commands(self) -> list[Command | Task]:
        """`inpaint`, `outpaint` and `blend` for the command line."""
        return commands_of(self)

    def _card(self, model: str, *, light: bool = False) -> ModelCard:
        card = self.catalogue[model]
        if card.engine != self.name or (card.role == READER) != light:
            does = "light pasted objects" if light else "fill holes in pictures"
            raise CardError(f"{card.title} does not {does}. Choose a model that does.")
        return card

    def _note_plain(self, title: str, start: float, job: Job, *, model: str = "") -> None:
        """The facts of work that no network does, or only a small one."""
        device, precision = (self.residency.device.name, "float32") if model else ("CPU", "")
        seconds = round(time.perf_counter() - start, 3)
        job.note(model=model, title=title, device=device, precision=precision, seconds=seconds)
