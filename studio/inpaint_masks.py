"""What the Inpaint tab asks for while somebody makes a mask: a click selects, marks are found, a mask is kept."""

from __future__ import annotations

import base64
import binascii
import io
import threading
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engines import Engines
from engines.core.errors import OptionError
from engines.core.image import read_image
from engines.inpainting import Inpainting, Mask, read_mask
from studio.jobs import explain
from studio.pictures import eight_bit, new_file, uploaded

CLICK, SEARCH = 640, 1536  # longest side of the copy that a click is answered on, and that marks are sought on
KEPT = 8  # small copies kept for the next click
PREFIX = "data:image/png;base64,"
LARGEST = 8_000_000  # letters of a mask that a client sends
UNREADABLE = "This mask cannot be read. Load the page again."


class Masks:
    """Answers to the desk. What it keeps is small, bounded, and only there to be quick."""

    def __init__(self, engines: Engines) -> None:
        self._engines = engines
        self._copies: OrderedDict[tuple[str, int], NDArray[np.uint8]] = OrderedDict()
        self._lock = threading.Lock()

    def keep(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Store a mask. Answers {"mask": its path}, or {"error": a sentence}.

        asked: mask, what was painted, a PNG as data; original, the path of an uploaded mask that has more pixels, and
        changed, another PNG, white where what was painted counts instead of it. They are joined at the original's size.
        """
        try:
            mask = decoded(asked.get("mask"))
            if asked.get("original"):
                original, changed = read_mask(uploaded(str(asked["original"])), "The mask"), asked.get("changed")
                mask = joined(original, mask, decoded(changed)) if changed else original
            target = new_file("mask.png")
            Image.fromarray(mask).save(target)
            return {"mask": str(target)}
        except Exception as error:  # the page shows the sentence
            return {"error": explain(error)}

    def select(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """What a click or a box selects. asked: path, points [[x, y, keep], …] and box [left, top, right, bottom] in
        parts of the sides, tolerance. Answers {"mask": a PNG as data}, or {"error": a sentence}.
        """
        try:
            small = self._copy(uploaded(str(asked.get("path") or "")), CLICK)
            height, width = small.shape[:2]
            try:
                points = [
                    (_inside(x) * width, _inside(y) * height, bool(keep)) for x, y, keep in asked.get("points") or []
                ][:50]
                tolerance, sides, box = float(asked.get("tolerance", 0.5)), asked.get("box"), None
                if sides:
                    left, top, right, bottom = (_inside(side) for side in sides)
                    box = int(left * width), int(top * height), int(right * width) + 1, int(bottom * height) + 1
            except (TypeError, ValueError) as error:
                raise OptionError("This click cannot be read. Load the page again.") from error
            mask = self._engines[Inpainting].select(small, points, tolerance=tolerance, box=box)
            return {"mask": encoded(mask)}
        except Exception as error:
            return {"error": explain(error)}

    def find(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Scratches, text or a date stamp. asked: path, kind. Answers {"mask": a PNG as data, "found": percent}."""
        try:
            small = self._copy(uploaded(str(asked.get("path") or "")), SEARCH)
            mask = self._engines[Inpainting].auto_mask(small, str(asked.get("kind")))
            return {"mask": encoded(mask), "found": round(100 * float((mask > 127).mean()), 2)}
        except Exception as error:
            return {"error": explain(error)}

    def _copy(self, path: Path, side: int) -> NDArray[np.uint8]:
        """A picture of at most `side` pixels, sRGB, 8 bits, without alpha."""
        key = (str(path), side)
        with self._lock:
            if key in self._copies:
                self._copies.move_to_end(key)
                return self._copies[key]
        pixels = eight_bit(read_image(path, srgb=True).pixels)[..., :3]
        scale = min(1.0, side / max(pixels.shape[:2]))
        size = max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale))
        small = np.ascontiguousarray(pixels)
        if scale < 1:
            small = np.asarray(cv2.resize(small, size, interpolation=cv2.INTER_AREA), np.uint8)
        with self._lock:
            self._copies[key] = small
            while len(self._copies) > KEPT:
                self._copies.popitem(last=False)
        return small


def _inside(value: Any) -> float:
    """A part of a side, moved inside the picture."""
    return min(0.9999, max(0.0, float(value)))


def joined(original: Mask, painted: Mask, changed: Mask) -> Mask:
    """A mask (H, W) with what was painted (h, w) instead of it where that was changed (h, w)."""
    if painted.shape != changed.shape:
        raise OptionError(UNREADABLE)
    size = original.shape[::-1]
    where = cv2.resize(changed, size, interpolation=cv2.INTER_NEAREST) > 127
    large = cv2.resize(painted, size, interpolation=cv2.INTER_LINEAR)
    if np.isin(original, (0, 255)).all():  # a hard mask stays hard
        large = np.where(large > 127, 255, 0)
    return np.where(where, large, original).astype(np.uint8)


def encoded(mask: NDArray[np.uint8]) -> str:
    """A mask (H, W) as the data of a PNG: white, as opaque as the mask is."""
    white = np.full_like(mask, 255)
    buffer = io.BytesIO()
    Image.fromarray(np.dstack([white, mask])).save(buffer, "PNG", compress_level=1)
    return PREFIX + base64.b64encode(buffer.getvalue()).decode("ascii")


def decoded(sent: Any) -> NDArray[np.uint8]:
    """The mask (H, W) in what a client sent: a PNG as data, white where to fill. OptionError for anything else."""
    if not isinstance(sent, str) or not sent.startswith(PREFIX) or len(sent) > LARGEST:
        raise OptionError(UNREADABLE)
    try:
        data = base64.b64decode(sent[len(PREFIX) :], validate=True)
        with Image.open(io.BytesIO(data), formats=("PNG",)) as image:
            if max(image.size) > 2 * SEARCH:
                raise OptionError(UNREADABLE)
            return np.asarray(image.convert("L"), np.uint8)
    except (OSError, ValueError, SyntaxError, binascii.Error) as error:
        raise OptionError(UNREADABLE) from error
