"""The verbs of face editing that need no photo: people who do not exist, their sheets, data sets and films."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from engines.core import faces
from engines.core.errors import OptionError
from engines.core.image import Pixels
from engines.core.job import Fact, Job, take
from engines.core.provenance import Recipe
from engines.faces import drawing, films, mixing, mouths, moving, people, talking, teeth, words
from engines.faces.generator import to_frame
from engines.faces.values import Described, Frame, Inverted, Latents, Slider, Sliders
from engines.faces.workshop import Workshop

MODEL = "faces-256"


class Newcomers:
    """People who do not exist. One seed is one face, on every machine."""

    _shop: Workshop

    def sliders(self, *, model: str = MODEL) -> tuple[Slider, ...]:
        """The sliders of a model, in the order to show them. CardError where it has none."""
        return self._shop.directions(model).sliders

    def resolution(self, *, model: str = MODEL) -> int:
        """Side of the generator's pictures, in pixels."""
        return int(self._shop.card(model).options["resolution"])

    def describe(self, text: str, *, model: str = MODEL) -> Described:
        """What a text says about a face, as sliders; and which of its words mean nothing here."""
        return words.read(text, self._shop.directions(model).entries)

    def latents(self, seed: int, *, truncation: float = 0.7, model: str = MODEL, job: Job | None = None) -> Latents:
        """The face of a seed. truncation: 0 the average face, 0.7 likely ones, 1 all there are."""
        with self._shop.generator(model, take(job), urgent=True) as generator:
            return people.latents(generator, [seed], truncation)[0]

    def render(
        self, latents: Latents, sliders: Sliders | None = None, *, urgent: bool = True, job: Job | None = None
    ) -> Frame:
        """The generator's picture of a face, uint8 (R, R, 3): synthesis only, fast enough for dragging.

        A photo's face gets glasses, a fringe, a beard and lids as `finish` draws them, where its eyes were; a new one a
        beard and wide or narrow eyes. Both get the lines of old age. A photo's head turns and its mouth opens as
        `finish` makes them.
        """
        job, start = take(job), time.perf_counter()
        job.report(0.0, "Drawing the face")
        directions = self._shop.directions(latents.model) if sliders else None
        wish, over = drawing.of_new_face(directions.checked(sliders or {}) if directions else {})
        wide: Sliders = {}
        if isinstance(latents, Inverted):
            wish, wide = mouths.apart(latents.within_reach(wish))
            over |= {name: wish.pop(name) for name in drawing.OVER if drawing.lies_over(name, wish.get(name, 0.0))}
        shift = directions.shift(wish) if directions else np.float32(0)
        with self._shop.generator(latents.model, job, urgent=urgent) as generator:
            picture = generator.picture(latents, latents.ws + shift)
            if wide and directions:
                opening = mouths.opening(generator, latents.ws, directions.shift(wide), mouths.ways(directions))
                picture, _ = mouths.composed(to_frame(picture), teeth.parted(opening), None)
            face = latents.face if isinstance(latents, Inverted) else None
            picture = people.dressed(self._shop, picture, wish, over, job, face=face)
            frame = to_frame(picture)
        job.note(seconds=round(time.perf_counter() - start, 4))
        job.report(1.0)
        return frame

    def identity_distance(
        self, base: Frame, frame: Frame, latents: Latents, sliders: Sliders, *, job: Job | None = None
    ) -> float:
        """How far from a new face's picture, `base`, the same face with sliders is, `frame`: as dlib sees them.

        What is drawn over a face does not count, as it does not in a photo (`finish`): the distance is of the face
        under its beard. Wide eyes are the face's own and count, as do glasses and shut eyes that the generator makes.
        """
        _, over = drawing.of_new_face(dict(sliders))
        bare = {name: value for name, value in sliders.items() if name == drawing.EYES or name not in over}
        if len(bare) < len(sliders):
            frame = self.render(latents, bare, urgent=False, job=job)
        return faces.identity_distance(base, frame)

    def generate(
        self,
        *,
        seed: int = 0,
        truncation: float = 0.7,
        sliders: Sliders | None = None,
        model: str = MODEL,
        job: Job | None = None,
    ) -> Frame:
        """A new face, uint8 (R, R, 3)."""
        job, start = take(job), time.perf_counter()
        job.report(0.0, "Making a face")
        with self._shop.generator(model, job) as generator:
            made = people.faces(self._shop, generator, [seed], truncation=truncation, sliders=sliders or {}, job=job)
            frame = next(made)[1]
        job.note(seconds=round(time.perf_counter() - start, 3))
        job.report(1.0)
        return frame

    def sheet(
        self,
        *,
        seed: int = 0,
        count: int = 16,
        columns: int = 4,
        truncation: float = 0.7,
        sliders: Sliders | None = None,
        model: str = MODEL,
        job: Job | None = None,
    ) -> Pixels:
        """Faces of the seeds from `seed` on, in one picture."""
        job = take(job)
        with self._shop.generator(model, job) as generator:
            made = people.faces(
                self._shop, generator, _seeds(seed, count), truncation=truncation, sliders=sliders or {}, job=job
            )
            return people.sheet([frame for _, frame in made], columns)

    def generate_files(
        self,
        folder: Path | str,
        *,
        seed: int = 0,
        count: int = 16,
        truncation: float = 0.7,
        sliders: Sliders | None = None,
        size: int | None = None,
        model: str = MODEL,
        job: Job | None = None,
    ) -> list[Path]:
        """Marked PNGs named by their seeds, each with its recipe. size: side in pixels, None as it is made."""
        job, wish = take(job), dict(sliders or {})
        paths = []
        with self._shop.generator(model, job) as generator:
            seeds = _seeds(seed, count)
            for number, frame in people.faces(
                self._shop, generator, seeds, truncation=truncation, sliders=wish, job=job
            ):
                path = Path(folder) / f"{number:010d}.png"
                options = people.options_of(truncation, wish)
                people.write_face(path, people.resized(frame, size), model=model, seed=number, options=options)
                paths.append(path)
        return paths

    def dataset(
        self,
        target: Path | str,
        *,
        seed: int = 0,
        count: int = 100,
        truncation: float = 1.0,
        sliders: Sliders | None = None,
        model: str = MODEL,
        job: Job | None = None,
    ) -> Path:
        """A zip of marked PNGs and labels.json: seeds, options, measured attributes and ages."""
        job, wish, target = take(job), dict(sliders or {}), Path(target)
        target.parent.mkdir(parents=True, exist_ok=True)
        with self._shop.generator(model, job) as generator:
            made = people.faces(
                self._shop, generator, _seeds(seed, count), truncation=truncation, sliders=wish, job=job
            )
            options = people.options_of(truncation, wish)
            return people.write_dataset(target, self._shop, made, model=model, options=options, job=job)

    def mix(self, a: Latents, b: Latents, *, coarse: float = 0.5, middle: float = 0.5, fine: float = 0.5) -> Latents:
        """A blend of two faces, 0 the first and 1 the second: coarse is pose and shape, middle features, fine colours.

        If the first is a photo's (`Inverted`), the blend keeps its place in the photo.
        """
        return mixing.mix(a, b, coarse=coarse, middle=middle, fine=fine)

    def film(
        self,
        target: Path | str,
        seeds: Sequence[int],
        *,
        truncation: float = 0.7,
        sliders: Sliders | None = None,
        seconds_each: float = 2.0,
        fps: int = 24,
        size: int = 512,
        model: str = MODEL,
        job: Job | None = None,
    ) -> Path:
        """From seed to seed and back to the first, mp4."""
        job, target, wish = take(job), Path(target), dict(sliders or {})
        films.check(fps, size, target)
        shift = self._shop.directions(model).shift(wish) if wish else np.zeros(1, np.float32)
        options: dict[str, Fact] = people.options_of(truncation, wish) | {"seeds": " ".join(map(str, seeds))}
        with self._shop.generator(model, job) as generator:
            frames = moving.between_seeds(
                generator,
                seeds,
                truncation=truncation,
                shift=shift,
                seconds_each=seconds_each,
                fps=fps,
                size=size // 2 * 2,
                job=job,
            )
            return films.write_film(target, frames, fps=fps, recipe=Recipe("film", model, options))

    def presets(self) -> tuple[str, ...]:
        """What `animate` can do without a sound."""
        return talking.PRESETS

    def animate(
        self,
        target: Path | str,
        who: Latents,
        *,
        sound: Path | str | None = None,
        preset: str = "talk",
        photo: Pixels | None = None,
        sliders: Sliders | None = None,
        seconds: float = 5.0,
        fps: int = 24,
        size: int = 512,
        seed: int = 0,
        job: Job | None = None,
    ) -> Path:
        """A face that talks: mp4 with the sound, marked as synthetic in its metadata and with a label in the picture.

        sound: a file whose loudness moves the mouth and whose length is the film's; without it `preset` moves and
        `seconds` counts.  photo: of an `Inverted` who: the face moves inside it.  seed: of the blinks and the swaying.
        """
        job, target, base = take(job), Path(target), dict(sliders or {})
        films.check(fps, size, target)
        directions = self._shop.directions(who.model)
        base = directions.checked(base)
        if not 0.2 <= seconds <= films.LONGEST:
            raise OptionError(f"A film lasts 0.2 to {films.LONGEST:.0f} seconds, not {seconds:g}.")
        wave = None if sound is None else films.read_sound(sound)
        frames = max(2, round((seconds if wave is None else len(wave) / films.RATE) * fps))
        curves = talking.curves(directions.names, frames=frames, fps=fps, sound=wave, preset=preset, seed=seed)
        options: dict[str, Fact] = {**base, "preset": preset, "sound": sound is not None}
        with self._shop.generator(who.model, job) as generator:
            stream = moving.animated(
                self._shop,
                generator,
                who,
                directions,
                curves,
                base=base,
                frames=frames,
                size=size,
                photo=photo if isinstance(who, Inverted) else None,
                job=job,
            )
            return films.write_film(
                target, stream, fps=fps, recipe=Recipe("animate", who.model, options, seed), sound=wave
            )


def _seeds(seed: int, count: int) -> list[int]:
    if not 1 <= count <= people.MOST:
        raise OptionError(f"From 1 to {people.MOST:,} faces can be made at once, not {count:,}.")
    return list(range(seed, seed + count))
