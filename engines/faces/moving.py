"""Films of faces: from seed to seed, and talking, blinking, looking around, alone or inside their photo."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from engines.core.errors import OptionError
from engines.core.faces import Face
from engines.core.image import Pixels
from engines.core.job import Job
from engines.faces import drawing, fringes, lines, mouths, pasting, talking, teeth
from engines.faces.films import LONGEST, labelled, sized
from engines.faces.generator import Generator, to_frame
from engines.faces.motion import Change
from engines.faces.parting import parts_of
from engines.faces.people import latents, resized
from engines.faces.settling import calmed
from engines.faces.sliders import Directions
from engines.faces.steadying import by_kind, steadied
from engines.faces.values import Inverted, Latents
from engines.faces.workshop import Workshop

_BATCH = 8
Stream = Iterator[NDArray[np.uint8]]


def between_seeds(
    generator: Generator,
    seeds: Sequence[int],
    *,
    truncation: float,
    shift: NDArray[np.float32],
    seconds_each: float,
    fps: int,
    size: int,
    job: Job,
) -> Stream:
    """Frames from each seed to the next and back to the first, slow at the faces and quick between them."""
    if not 2 <= len(seeds) <= 64:
        raise OptionError("A film goes between 2 to 64 seeds.")
    each = max(2, round(seconds_each * fps))
    if each * len(seeds) > LONGEST * fps:
        raise OptionError(f"A film lasts at most {LONGEST:.0f} seconds. Take fewer seeds or less time for each.")
    stops = np.stack([one.ws for one in latents(generator, seeds, truncation)]) + shift
    ease = 0.5 - 0.5 * np.cos(np.pi * np.arange(each) / each)
    total = each * len(seeds)
    for start in range(0, total, _BATCH):
        codes = []
        for index in range(start, min(start + _BATCH, total)):
            a, b = stops[index // each], stops[(index // each + 1) % len(seeds)]
            codes.append(a + np.float32(ease[index % each]) * (b - a))
        for picture in generator.pictures(np.stack(codes)):
            yield resized(to_frame(picture), size)
        job.report(min(start + _BATCH, total) / total, "Filming")


def animated(
    shop: Workshop,
    generator: Generator,
    who: Latents,
    directions: Directions,
    curves: Mapping[str, talking.Curve],
    *,
    base: Mapping[str, float],
    frames: int,
    size: int,
    photo: Pixels | None,
    job: Job,
) -> Stream:
    """Frames of a face whose sliders follow curves; inside its photo if there is one."""
    scene, still = None, generator.picture(who)
    if photo is not None and isinstance(who, Inverted):
        once = (*drawing.HAIR, drawing.FRINGE)
        _, drawn = drawing.taken_out(directions, {name: base[name] for name in once if name in base})
        base = {name: value for name, value in base.items() if drawn is None or name not in drawn.sliders}
        scene = _Scene(shop, generator, still, photo, who, size, drawn, lines.PART * max(0.0, base.get("age", 0.0)))
    deltas = who.deltas if isinstance(who, Inverted) else ()
    for start in range(0, frames, _BATCH):
        stop = min(start + _BATCH, frames)
        wishes = [talking.at(curves, number, base) for number in range(start, stop)]
        over: list[Mapping[str, float]] = [{}] * len(wishes)
        wide: list[Mapping[str, float]] = [{}] * len(wishes)
        if scene is not None:
            split = [drawing.taken_out(directions, scene.who.within_reach(wish)) for wish in wishes]
            over = [{} if one is None else one.sliders for _, one in split]
            wishes, wide = [mouths.apart(rest)[0] for rest, _ in split], [mouths.apart(rest)[1] for rest, _ in split]
        kinds = [by_kind(directions, wish) for wish in wishes]
        codes = [
            directions.shift(some)
            for wish, alone in zip(wishes, kinds, strict=True)
            for some in (wish, *alone.values())
        ]
        pictures = iter(generator.pictures(who.ws + np.stack(codes), deltas))
        mouths_open = iter([]) if scene is None else scene.opened([directions.shift(some) for some in wide if some])
        for alone, laid, opening in zip(kinds, over, wide, strict=True):
            job.check()
            picture, parts = next(pictures), {kind: next(pictures) for kind in alone}
            if scene is None:
                frame = resized(to_frame(steadied(still, picture, parts)), size // 2 * 2)
            else:
                frame = scene.frame(picture, parts, laid, next(mouths_open) if opening else None)
            yield labelled(frame)
        job.report(stop / frames, "Filming", None)


class _Scene:
    """A photo at the film's size, in which the face moves.

    Hair is coloured and a fringe drawn once, and they move with the head; glasses and the like are drawn anew.
    """

    def __init__(
        self,
        shop: Workshop,
        generator: Generator,
        before: NDArray[np.float32],
        photo: Pixels,
        who: Inverted,
        size: int,
        drawn: drawing.Drawing | None,
        older: float,
    ) -> None:
        self.who = who
        eight = photo[..., :3]
        if eight.dtype == np.uint16:
            eight = (eight >> 8).astype(np.uint8)
        left, top, right, bottom = _around(photo.shape[:2], who.face)
        self._photo = sized(np.ascontiguousarray(eight[top:bottom, left:right], np.uint8), size)
        scale = np.array([self._photo.shape[1] / (right - left), self._photo.shape[0] / (bottom - top)])
        self._face = _moved(who.face, np.array([left, top]), float(scale.mean()))
        self._before = before
        self._generator, self._likeness = generator, mouths.likeness(generator, who.ws)
        self._shut = generator.pictures(self._likeness[None])[0]
        self._ways = mouths.ways(shop.directions(who.model))
        self._square = pasting.aligned(self._photo, self._face, pasting.working_side(self._face))
        self._hair: Mapping[str, float] = {} if drawn is None else drawn.hair
        self._marks: drawing.Marks | None = None
        if drawn is not None and drawn.hair:
            own = self._square.astype(np.float32) / np.float32(255)
            parts = parts_of(shop, self._square, generator.job)
            self._keep(drawn.dyed(own, generator.pictures(drawn.latents(who.ws, 1.0), who.deltas), parts, 1.0))
        if older > 0 or (drawn is not None and drawn.over):
            own = self._square.astype(np.float32) / np.float32(255)
            marks = drawing.marks_of(own, self._face)
            own = lines.weathered(shop, own, marks, older, generator.job)
            self._keep(*fringes.combed(shop, own, marks, {} if drawn is None else drawn.over, generator.job))
        self._outline = parts_of(shop, self._square, generator.job).outline

    def _keep(self, square: NDArray[np.float32], laid: NDArray[np.float32] | None = None) -> None:
        """From now on the photo is as this square of it."""
        self._photo = np.asarray(pasting.paste(self._photo, self._face, self._square, square, laid)[0], np.uint8)
        self._square = pasting.aligned(self._photo, self._face, len(square))

    def opened(self, shifts: Sequence[NDArray[np.float32]]) -> Iterator[Change]:
        """How the mouth opens, for each of some shifts of the likeness."""
        if shifts:
            motion = mouths.Motion(self._generator, self._likeness, self._ways)
            pictures = self._generator.pictures(self._likeness + np.stack(shifts))
            for picture, shift in zip(pictures, shifts, strict=True):
                yield teeth.parted(mouths.opened(self._shut, picture, motion.points(shift)))

    def frame(
        self,
        picture: NDArray[np.float32],
        alone: Mapping[str, NDArray[np.float32]],
        over: Mapping[str, float],
        opening: Change | None,
    ) -> NDArray[np.uint8]:
        """The photo with the face as the generator shows it now.

        alone: see `steadied`; over: what lies over it; opening: how its mouth opens.
        """
        change = calmed(self._before, picture, alone, self._outline)
        edited, laid = mouths.composed(self._square, opening, change, outline=self._outline)
        if not over:
            self._marks = None
        else:
            now = drawing.marks_of(edited, self._face)  # landmarks tremble, so half of it is where they were before
            self._marks = now if self._marks is None else now.between(self._marks)
            edited = drawing.laid_over(edited, self._marks, {**self._hair, **over})
        return np.asarray(pasting.paste(self._photo, self._face, self._square, edited, laid)[0], np.uint8)


def _around(size: tuple[int, ...], face: Face) -> tuple[int, int, int, int]:
    """Head and shoulders: twice the aligned square, within the photo."""
    x, y = face.nose
    reach = face.size
    left, top = max(round(x - reach), 0), max(round(y - 0.85 * reach), 0)
    return left, top, min(round(x + reach), size[1]), min(round(y + 1.15 * reach), size[0])


def _moved(face: Face, origin: NDArray[np.int_], scale: float) -> Face:
    def point(p: tuple[float, float]) -> tuple[float, float]:
        x, y = (np.array(p) + 0.5 - origin) * scale - 0.5
        return float(x), float(y)

    (left, top), (right, bottom) = point((face.box[0], face.box[1])), point((face.box[2], face.box[3]))
    return Face((left, top, right, bottom), (point(face.eyes[0]), point(face.eyes[1])), point(face.nose), face.score)
