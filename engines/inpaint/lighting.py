"""What light a pasted object has to stand in: the learned colour constraint of `blend` (engines/models/blend_unet.py).

The network sees the object where it was laid, small, with as much around it as it was trained on. What it answers are
curves, smooth over the picture, which the object is put through at its own resolution.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from engines.core.card import ModelCard
from engines.core.image import Pixels
from engines.core.job import Job
from engines.core.residency import Residency
from engines.inpaint.masks import Floats, box_of
from engines.models.blend_unet import SIDE, TERMS, terms

NEAR, WIDE, FAR = 2.0, 0.6, 4.5  # what is seen: sides of the object at least, of the picture, of the object at most
_HALFWAY = 8 * SIDE  # longest side at which object and picture are put together before both become small
READER = "reader"  # role of cards that look at pictures and fill no holes
Seen = Callable[[Floats, Floats], Floats]  # composite (S, S, 3), mask (S, S) -> curves (3 * TERMS, h, w)


@dataclass(frozen=True)
class Light:
    """Curves over a part of a picture. curves: (3 * TERMS, h, w). left, top, width, height: that part, in pixels."""

    curves: Floats
    left: int
    top: int
    width: int
    height: int

    def on(self, colours: Floats, *, x: int, y: int, strength: float, step: float = 1.0) -> Floats:
        """Colours (rows, columns, 3) in [0, 1], standing at x, y of the picture, in this light; in [0, 1].

        step: pixels of the picture that one of these is wide, for a reduced copy.
        """
        down = _between(y - self.top, colours.shape[0], self.height, self.curves.shape[1], step=step)
        across = _between(x - self.left, colours.shape[1], self.width, self.curves.shape[2], step=step)
        here = torch.from_numpy(np.einsum("yh,chw,xw->cyx", down, self.curves, across, optimize=True))
        rgb = torch.from_numpy(np.ascontiguousarray(colours.transpose(2, 0, 1)))[None]
        change = (here.reshape(1, 3, TERMS, *here.shape[1:]) * terms(rgb)[:, None]).sum(2)
        lit = (rgb + strength * change).clamp(0, 1)[0]
        return np.ascontiguousarray(lit.numpy().transpose(1, 2, 0), np.float32)


def seen_by(card: ModelCard, residency: Residency, job: Job) -> Seen:
    """The network as a function. It is small: it runs in float32, once as it is and once mirrored."""

    def look(composite: Floats, mask: Floats) -> Floats:
        picture = torch.from_numpy(np.ascontiguousarray(composite.transpose(2, 0, 1)))[None]
        where = torch.from_numpy(np.ascontiguousarray(mask))[None, None]
        with residency.lease(card, precision="float32", job=job) as network, residency.turn(job):
            pair = network(torch.cat([picture, picture.flip(-1)]), torch.cat([where, where.flip(-1)])).cpu()
        curves: NDArray[np.float32] = ((pair[0] + pair[1].flip(-1)) / 2).numpy()
        return curves

    return look


def light_of(background: Pixels, object_: Floats, share: Floats, *, x: int, y: int, look: Seen) -> Light:
    """The light for an object (h, w, 3) in [0, 1], shown as far as `share` (h, w) says, at x, y of the background."""
    height, width = background.shape[:2]
    rows, columns = np.flatnonzero(share.max(1) > 0.5), np.flatnonzero(share.max(0) > 0.5)
    if not len(rows):
        return Light(np.zeros((3 * TERMS, 1, 1), np.float32), 0, 0, width, height)
    size = max(rows[-1] - rows[0], columns[-1] - columns[0]) + 1
    side = int(min(max(NEAR * size, WIDE * min(height, width)), max(FAR * size, 4)))
    peak = np.float32(np.iinfo(background.dtype).max)
    top, tall = _window(y + int(rows[0] + rows[-1] + 1) // 2, side, height)
    left, wide = _window(x + int(columns[0] + columns[-1] + 1) // 2, side, width)
    step = min(1.0, _HALFWAY / max(tall, wide))
    place = _small(background[top : top + tall, left : left + wide, :3], step)
    scene: Floats = np.asarray(place / peak, np.float32)
    mask: Floats = np.zeros((scene.shape[0], scene.shape[1]), np.float32)
    first, up_to, outer, last = box_of(share > 0)
    shown = share[up_to:last, first:outer]
    part: Floats = _small(np.dstack([object_[up_to:last, first:outer] * shown[..., None], shown]), step)
    down, up = _overlap(round((y + up_to - top) * step), part.shape[0], mask.shape[0])
    across, back = _overlap(round((x + first - left) * step), part.shape[1], mask.shape[1])
    laid = part[up, back]
    scene[down, across] = scene[down, across] * (1 - laid[..., 3:]) + laid[..., :3]
    mask[down, across] = laid[..., 3]
    square = (SIDE, SIDE)
    small = np.asarray(cv2.resize(scene, square, interpolation=cv2.INTER_AREA), np.float32)
    where = np.asarray(cv2.resize(mask, square, interpolation=cv2.INTER_AREA), np.float32)
    return Light(look(small, where), left, top, wide, tall)


def _window(middle: int, side: int, whole: int) -> tuple[int, int]:
    """Start and length of a window around a place, moved inside the whole."""
    length = min(side, whole)
    return min(max(0, middle - length // 2), whole - length), length


def _overlap(at: int, count: int, whole: int) -> tuple[slice, slice]:
    """Where something that begins at a place lies in the whole, and which part of it does."""
    start, stop = max(0, at), max(0, min(at + count, whole))
    return slice(start, stop), slice(start - at, stop - at)


def _small(pixels: NDArray[Any], step: float) -> Floats:
    """A picture (h, w, c) made smaller by a factor, float32."""
    height, width = pixels.shape[:2]
    size = max(1, round(width * step)), max(1, round(height * step))
    reduced = cv2.resize(np.ascontiguousarray(pixels), size, interpolation=cv2.INTER_AREA)
    return np.asarray(reduced, np.float32)


def _between(start: int, count: int, whole: int, cells: int, *, step: float = 1.0) -> Floats:
    """How much each of some pixels, `step` wide, takes of each cell that a length is divided into, (count, cells):
    bilinear.
    """
    at = np.clip((start + (np.arange(count) + 0.5) * step) / whole * cells - 0.5, 0, cells - 1)
    return np.asarray(np.maximum(0, 1 - np.abs(at[:, None] - np.arange(cells))), np.float32)
