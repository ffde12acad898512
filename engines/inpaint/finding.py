"""What a mask can be made for without painting: scratches, text laid over a picture, date stamps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np

from engines.colour.cleanup import faults
from engines.core.image import Pixels
from engines.inpaint.lettering import Rule, comparable, letters, painted, rows
from engines.inpaint.masks import Mask
from engines.inpaint.stamps import date

KINDS = ("scratches", "text", "date")
LOOK = {"text": 1200, "date": 900}  # longest side at which writing is looked for
Progress = Callable[[float], None]


def found(image: Pixels, kind: str, progress: Progress) -> Mask:
    """Where things of a kind are, uint8 (H, W), 255 there."""
    if kind == "scratches":
        return faults(image, progress=progress)
    height, width = image.shape[:2]
    scale = min(2.0, LOOK[kind] / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small: Any = np.ascontiguousarray(image[..., :3])
    if scale != 1:
        small = cv2.resize(small, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    colour: Mask = (small >> 8 if image.dtype == np.uint16 else small).astype(np.uint8)
    mask = text(colour, progress) if kind == "text" else date(colour, progress)
    progress(1.0)
    if scale != 1:
        large = cv2.resize(mask, (width, height), interpolation=cv2.INTER_LINEAR)
        mask = np.asarray(np.where(large > 64, 255, 0), np.uint8)
    return mask


def text(colour: Mask, progress: Progress) -> Mask:
    """Captions and subtitles of a picture (H, W, 3): letters lighter, darker or more colourful than what is behind."""
    least, most = colour.min(2), colour.max(2)
    out = np.zeros(least.shape, np.uint8)
    planes = (least, 255 - most, most - least)
    rule = Rule(low=8, high=0.12 * min(least.shape))
    colour = comparable(colour)
    for number, plane in enumerate(planes):
        start = number / len(planes)
        pieces = letters(plane, colour, rule, range(60, 250, 16), lambda start=start: progress(start))  # type: ignore[misc]
        for row in rows(pieces, rule):
            out |= painted(row, colour, near=40, border=0.16)
    return out
