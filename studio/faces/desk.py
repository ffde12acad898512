"""Quick answers for the page: frames while a slider is dragged, the finished picture on release, sheets, words.

Each is a server function of the page's own component: it gets a dict from the client and answers with a dict, with
{"error": a sentence} where it cannot.
"""

from __future__ import annotations

import base64
import functools
import io
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engines import Engines
from engines.core.errors import StudioError
from engines.core.image import Picture, Pixels, write_image
from engines.core.job import Fact, Job, facts_line
from engines.core.provenance import Recipe
from engines.face_editing import FaceEditing
from engines.faces.values import Finished, Latents, Slider
from engines.super_resolution import SuperResolution
from studio.faces import asking
from studio.faces.asking import Link, Wish
from studio.faces.presets import presets
from studio.faces.sitting import Gone, Sitting, Sittings, new_key
from studio.jobs import explain
from studio.pictures import new_file

FORMATS = {"png": ".png", "jpeg": ".jpg", "webp": ".webp"}
SHEET = 12  # faces to choose from
LARGER = 4  # times that a new face is enlarged for its download
FINISHED_BYTES = 300_000_000  # finished pictures kept for their download
UPSCALER = "realesrgan-x4plus"
Asked = Mapping[str, Any]
Answer = dict[str, Any]


@dataclass(frozen=True)
class Made:
    """A finished picture. pixels: the whole of it.  box: left, top, right, bottom of what changed."""

    pixels: Pixels
    box: tuple[int, int, int, int]
    facts: dict[str, Fact]
    distance: float
    verdict: str
    kept: float
    sliders: Mapping[str, float]


def jpeg(frame: NDArray[np.uint8], quality: int = 92) -> str:
    """A frame inside an answer. Base and edited frames go through the same coder, so what is alike stays alike."""
    buffer = io.BytesIO()
    Image.fromarray(frame).save(buffer, "JPEG", quality=quality, subsampling=0)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def lossless(frame: NDArray[np.uint8]) -> str:
    """A small picture inside an answer, bit for bit."""
    buffer = io.BytesIO()
    Image.fromarray(frame).save(buffer, "PNG", compress_level=3)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def answering(function: Callable[..., Answer]) -> Callable[..., Answer]:
    """Errors become sentences; the page shows them."""

    @functools.wraps(function)
    def answer(self: Any, asked: Any) -> Answer:
        try:
            return function(self, asked if isinstance(asked, Mapping) else {})
        except Gone as error:
            return {"error": str(error), "gone": True}
        except Exception as error:
            return {"error": explain(error)}

    return answer


class Desk:
    """The quick answers of one Faces tab. People's faces lie in `sittings` under keys nobody can guess."""

    def __init__(self, engines: Engines) -> None:
        self.engines = engines
        self.sittings = Sittings()
        self._made: OrderedDict[str, Made] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def engine(self) -> FaceEditing:
        """The engine behind the tab."""
        return self.engines[FaceEditing]

    def sliders(self) -> tuple[Slider, ...]:
        """The sliders there are; none where the model has none yet."""
        try:
            return self.engine.sliders()
        except StudioError:
            return ()

    def setup(self) -> Answer:
        """What the page needs to draw itself."""
        reason = ""
        try:
            self.engine.sliders()
        except StudioError as error:
            reason = str(error)
        return {
            "sliders": [vars(slider) for slider in self.sliders()],
            "presets": presets(self.engine) if not reason else [],
            "films": list(self.engine.presets()),
            "reason": reason,
        }

    @answering
    def look(self, asked: Asked) -> Answer:
        """One frame for dragging. asked: key, sliders, other, mix. ms: the engine's share."""
        wish = Wish.of(asked)
        sitting = self.sittings.get(asked.get("key"))
        start = time.perf_counter()
        frame = self.engine.render(self.who(sitting, wish), wish.sliders, urgent=True)
        return {"frame": jpeg(frame), "ms": round(1000 * (time.perf_counter() - start), 1)}

    @answering
    def sheet(self, asked: Asked) -> Answer:
        """Small faces to choose from, of the seeds from `seed` on. asked: seed, truncation, sliders."""
        first, sliders = asking.seed(asked.get("seed") or 0), asking.settings(asked.get("sliders") or {})
        first = min(first, asking.SEEDS - SHEET)
        truncation = asking.number(asked.get("truncation", 0.7), 0, 1.2, "Truncation")
        faces = []
        for one in range(first, first + SHEET):
            frame = self.engine.render(self.engine.latents(one, truncation=truncation), sliders)
            faces.append({"seed": one, "thumb": jpeg(frame, 85)})
        return {"faces": faces}

    @answering
    def words(self, asked: Asked) -> Answer:
        """What a text says. asked: text."""
        said = self.engine.describe(str(asked.get("text") or "")[:2000])
        understood = [{"words": words, "slider": name, "value": value} for words, name, value in said.understood]
        return {"sliders": said.sliders, "understood": understood, "ignored": list(said.ignored)}

    @answering
    def opened(self, asked: Asked) -> Answer:
        """The page was opened by a link to a face. asked: recipe, the text in the link."""
        return {"link": vars(Link.of(str(asked.get("recipe") or "")[:8000], self.sliders()))}

    @answering
    def make(self, asked: Asked) -> Answer:
        """A new face sits down. asked: seed, truncation."""
        truncation = asking.number(asked.get("truncation", 0.7), 0, 1.2, "Truncation")
        return {"subject": self.subject(self.newcomer(asking.seed(asked.get("seed") or 0), truncation))}

    def newcomer(self, seed: int, truncation: float) -> Sitting:
        """The face of a seed, in the store. Its picture is what the generator made."""
        job = Job()
        who = self.engine.latents(seed, truncation=truncation, job=job)
        base = self.engine.render(who, {}, job=job)
        side = base.shape[0]
        sitting = Sitting(
            key=new_key(),
            who=who,
            base=base,
            name=f"face-{seed}",
            picture=lossless(base),
            width=side,
            height=side,
            matrix=(1.0, 0.0, 0.0, 1.0, 0.0, 0.0),
            seed=seed,
            truncation=truncation,
            facts=dict(job.facts),
        )
        return self.sittings.put(sitting)

    def subject(self, sitting: Sitting) -> Answer:
        """What the page needs to know of a sitting."""
        told: Answer = {
            "key": sitting.key,
            "version": sitting.version,
            "kind": "photo" if sitting.shot else "new",
            "name": sitting.name,
            "picture": sitting.picture,
            "width": sitting.width,
            "height": sitting.height,
            "matrix": sitting.matrix,
            "side": sitting.base.shape[0],
            "large": LARGER * sitting.base.shape[0],
            "base": jpeg(sitting.base),
            "seed": sitting.seed,
            "truncation": sitting.truncation,
            "line": facts_line(dict(sitting.facts)),
        }
        if sitting.face:
            told |= {
                "box": list(sitting.face.box),
                "hints": [*sitting.face.hints, *sitting.inverted.hints],
                "copy": sitting.inverted.distance,
            }
        return told

    @answering
    def finish(self, asked: Asked) -> Answer:
        """Full quality, when a slider is let go. asked: key, sliders, keep, sharpen, other, mix."""
        sitting, wish = self.sittings.get(asked.get("key")), Wish.of(asked)
        made = self.made(sitting, wish)
        left, top, right, bottom = made.box
        view = new_file("view.png")
        part: Pixels = made.pixels[top:bottom, left:right].copy()
        icc = self.sittings.photo(sitting.shot).icc if sitting.shot else None
        write_image(view, Picture(part, view.name, icc=icc), recipe=self.recipe(sitting, wish))
        return {
            "view": str(view),
            "box": list(made.box),
            "width": made.pixels.shape[1],
            "height": made.pixels.shape[0],
            "distance": round(made.distance, 3),
            "verdict": made.verdict,
            "kept": round(made.kept, 3),
            "frame": jpeg(self.engine.render(self.who(sitting, wish), made.sliders)),
            "line": facts_line(made.facts),
        }

    @answering
    def save(self, asked: Asked) -> Answer:
        """The whole picture as a file for download, marked. asked: what `finish` takes, and format."""
        sitting, wish = self.sittings.get(asked.get("key")), Wish.of(asked)
        target = new_file(self.file_name(sitting, wish, str(asked.get("format"))))
        self.write(target, sitting, wish)
        return {"path": str(target), "name": target.name, "bytes": target.stat().st_size}

    def write(self, target: Path, sitting: Sitting, wish: Wish) -> None:
        """The finished picture with the original's metadata, the mark and the recipe."""
        made = self.made(sitting, wish)
        shot = sitting.shot
        picture = self.sittings.photo(shot).with_pixels(made.pixels) if shot else Picture(made.pixels, target.name)
        write_image(target, picture, recipe=self.recipe(sitting, wish))

    def file_name(self, sitting: Sitting, wish: Wish, kind: str) -> str:
        """The original's name and what was done: portrait_smile.png."""
        done = sorted(wish.sliders, key=lambda name: -abs(wish.sliders[name]))[:2]
        return "_".join([Path(sitting.name).stem or "face", *done]) + FORMATS.get(kind, ".png")

    def recipe(self, sitting: Sitting, wish: Wish) -> Recipe:
        """Enough to make it again."""
        if sitting.shot:
            face: dict[str, Fact] = {"face": sitting.face.number if sitting.face else 0}
            return Recipe("edit-face", sitting.who.model, wish.recorded() | face)
        options = {"truncation": sitting.truncation, **wish.recorded()}
        return Recipe("generate-face", sitting.who.model, options, seed=sitting.seed)

    def made(self, sitting: Sitting, wish: Wish) -> Made:
        """The finished picture, from what is kept if it was made just now."""
        id = f"{sitting.key} {sitting.version} {sitting.shot and sitting.shot.path} {wish.id}"
        with self._lock:
            kept = self._made.get(id)
        if kept is not None:
            return kept
        made = self._in_photo(sitting, wish) if sitting.shot else self._new(sitting, wish)
        with self._lock:
            self._made[id] = made
            while len(self._made) > 1 and sum(one.pixels.nbytes for one in self._made.values()) > FINISHED_BYTES:
                self._made.popitem(last=False)
        return made

    def who(self, sitting: Sitting, wish: Wish) -> Latents:
        if wish.other is None:
            return sitting.who
        other = self.engine.latents(wish.other, truncation=sitting.truncation)
        return self.engine.mix(sitting.who, other, **wish.mix)

    def _in_photo(self, sitting: Sitting, wish: Wish) -> Made:
        assert sitting.shot
        photo, job = self.sittings.photo(sitting.shot), Job()
        done: Finished = self.engine.finish(
            photo.pixels, sitting.inverted, wish.sliders, keep=wish.keep, sharpen=wish.sharpen, job=job
        )
        return Made(done.pixels, done.box, job.facts, done.distance, done.verdict, done.kept, done.sliders)

    def _new(self, sitting: Sitting, wish: Wish) -> Made:
        """A new face as it is made, or enlarged: half the upscaler's effect, all of it looks painted on faces."""
        job = Job()
        who = self.who(sitting, wish)
        frame = self.engine.render(who, wish.sliders, urgent=False, job=job)
        facts = dict(job.facts)
        pixels: Pixels = frame
        if wish.large:
            pixels = enlarged(self.engines, frame, LARGER, job)
            facts["seconds"] = round(float(facts.get("seconds") or 0) + float(job.facts.get("seconds") or 0), 3)
        distance = self.engine.identity_distance(sitting.base, frame, who, wish.sliders)
        height, width = pixels.shape[:2]
        return Made(pixels, (0, 0, width, height), facts, distance, self.engine.verdict(distance), 1.0, wish.sliders)


def enlarged(engines: Engines, frame: Pixels, times: float, job: Job) -> Pixels:
    """A new face some times larger, by the upscaler at half its strength."""
    return engines[SuperResolution].upscale(frame, model=UPSCALER, scale=times, strength=0.5, job=job)
