"""Live looks of the Colorize tab: a small picture with its colours, for hints and sliders that move."""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engines import Engines
from engines.colorization import Colorization, Hint, Suggestion, parse_colour, parse_hint
from engines.core.errors import OptionError
from engines.core.image import read_image
from engines.core.job import Job
from studio.colorizing import MODEL, Options, panel_options
from studio.jobs import explain
from studio.pictures import data_url, eight_bit, uploaded

QUICK, CALM = 560, 1200  # longest side of a live look: while something is dragged, and when it rests
THUMB = 240
KEPT = 8  # small pictures and suggestions kept for the next look


class Looks:
    """Live looks at pictures of a session. What it keeps is small, bounded, and only there to be quick."""

    def __init__(self, engines: Engines) -> None:
        self._engines = engines
        self._kept: OrderedDict[str, Any] = OrderedDict()
        self._lock = threading.Lock()

    def look(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """One picture with its colours now. asked: path, panel, edit, reference, quick, and at: {x, y} or nothing.

        Answers {"after": a picture as data, "palette": […], "likely": […], "note"}, or {"error": a sentence}.
        """
        try:
            path, options = self._asked(asked)
            wait = self._absent(options.model)
            if wait:
                return {"after": None, "palette": [], "likely": [], "note": wait}
            suggestion = self._suggestion(path, options)
            picture = self._small(path, QUICK if asked.get("quick") else CALM, clean=options.clean)
            job = Job()
            pixels = self._engines[Colorization].blend(picture, suggestion, look=options.look, job=job)
            at = asked.get("at")
            return {
                "after": data_url(Image.fromarray(pixels), CALM, quality=80 if asked.get("quick") else 92),
                "palette": suggestion.palette,
                "likely": suggestion.likely(float(at["x"]), float(at["y"])) if at else [],
                "note": job.facts["note"],
            }
        except Exception as error:  # the page shows the sentence
            return {"error": explain(error)}

    def choices(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Three suggestions for one picture as thumbnails: {"thumbs": […]}, or {"error": a sentence}."""
        try:
            path, options = self._asked(asked)
            if self._absent(options.model):
                return {"thumbs": []}
            picture = self._small(path, THUMB, clean=options.clean)
            thumbs = []
            for suggestion in self._suggestions(path, options, 3):
                pixels = self._engines[Colorization].blend(picture, suggestion, look=options.look)
                thumbs.append(data_url(Image.fromarray(pixels), THUMB))
            return {"thumbs": thumbs}
        except Exception as error:
            return {"error": explain(error)}

    def _asked(self, asked: Mapping[str, Any]) -> tuple[Path, Options]:
        """The picture meant, and how; only pictures of this studio's sessions are looked at."""
        path = uploaded(str(asked.get("path") or ""))
        height, width = self._size(path)
        panel = (*list(asked.get("panel") or [])[:7], "PNG")
        if len(panel) != 8:
            raise OptionError("These settings cannot be read. Load the page again.")
        reference, model = str(asked.get("reference") or ""), str(asked.get("model") or MODEL)
        return path, panel_options(panel, asked.get("edit") or {}, reference, (width, height), model=model)

    def _absent(self, model: str) -> str:
        """What to say of a model that must be downloaded first, which a look does not do."""
        card = self._engines.catalogue[model]
        if self._engines.catalogue.is_local(card):
            return ""
        size = f"{card.bytes / 1e6:.0f} MB"
        return f"{card.title} is downloaded ({size}) when you press Colorize; it shows no live look before."

    def _suggestion(self, path: Path, options: Options) -> Suggestion:
        return self._suggestions(path, options, options.variant + 1)[options.variant]

    def _suggestions(self, path: Path, options: Options, count: int) -> list[Suggestion]:
        """The first suggestions, from what is kept if it was asked for before."""
        asked = (options.model, options.clean, options.hints, options.palette, options.reference, options.seed)
        key = json.dumps([str(path), *asked])
        found: list[Suggestion] = self._keep(key, list)
        if len(found) < count:
            height, width = self._size(path)
            small = self._small(path, CALM, clean=options.clean)
            hints = [_moved(parse_hint(hint), small, width, height) for hint in options.hints.split()]
            made = self._engines[Colorization].suggestions(
                small,
                count=count,
                model=options.model,
                hints=hints,
                palette=[parse_colour(colour) for colour in options.palette.split()],
                reference=self._small(Path(options.reference), CALM) if options.reference else None,
                seed=options.seed,
                urgent=True,
            )
            if len(made) > len(found):  # meanwhile another look may have found more
                found[:] = made
            return made
        return list(found)

    def _size(self, path: Path) -> tuple[int, int]:
        """(height, width) of the whole picture."""
        size: tuple[int, int] = self._keep(f"size {path}", lambda: read_image(path).size)
        return size

    def _small(self, path: Path, side: int, *, clean: bool = False) -> NDArray[np.uint8]:
        """A picture of at most `side` pixels, sRGB, 8 bits. clean: without dust and scratches, sought at CALM."""

        def make() -> NDArray[np.uint8]:
            if clean and side == CALM:
                return np.asarray(self._engines[Colorization].clean(self._small(path, CALM), quick=True), np.uint8)
            pixels = self._small(path, CALM, clean=True) if clean else eight_bit(read_image(path, srgb=True).pixels)
            scale = side / max(pixels.shape[:2])
            if scale >= 1:
                return np.ascontiguousarray(pixels)
            size = (max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale)))
            return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)

        small: NDArray[np.uint8] = self._keep(f"{side} {clean} {path}", make)
        return small

    def _keep(self, key: str, make: Callable[[], Any]) -> Any:
        """What was made under this key, or make it now; the oldest go."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        made = make()
        with self._lock:
            self._kept[key] = made
            while len(self._kept) > 3 * KEPT:
                self._kept.popitem(last=False)
        return made


def _moved(hint: Hint, small: NDArray[np.uint8], width: int, height: int) -> Hint:
    """A hint in pixels of a whole picture as one in pixels of its small copy."""
    h, w = small.shape[:2]
    places = ((hint.x, hint.y), *hint.path)
    (x, y), *path = [(min(w - 0.5, px * w / width), min(h - 0.5, py * h / height)) for px, py in places]
    return Hint(x, y, hint.colour, tuple(path))
