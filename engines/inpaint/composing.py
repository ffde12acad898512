"""From a picture and its fill to the result: colours matched at the border, everything outside the mask as it was."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from engines.core.image import Pixels
from engines.inpaint.masks import Floats, box_of
from engines.inpaint.membrane import means, spread
from engines.models.inpaint_unet import pull_push

HOLES, SPECK = 300, 50  # colours are matched in so many holes, the largest first, of at least so many pixels
JUMP = 0.09  # change of colour across a hole's border, of 1: much less is a seam, much more is the picture's own edge
_BAND = 512  # rows composed at once


def as_floats(image: Pixels) -> Floats:
    """Colours of a picture as the network takes them: float32 (H, W, 3) in [0, 1].

    What is transparent has no colour worth going by: it takes the colours of what is visible near it.
    """
    peak = np.float32(1 / np.iinfo(image.dtype).max)
    out = np.asarray(image[..., :3] * peak, np.float32)
    if image.shape[2] == 4:
        clear = image[..., 3] == 0
        if clear.any() and not clear.all():
            out[clear] = smoothed(out, clear)[clear]
    return out


def smoothed(colours: Floats, unknown: NDArray[np.bool_]) -> Floats:
    """Colours (H, W, 3) smoothly continued into where they are unknown (H, W)."""
    picture, gap = torch.from_numpy(colours).permute(2, 0, 1)[None], torch.from_numpy(unknown)[None, None].float()
    return np.ascontiguousarray(pull_push(picture, gap)[0].permute(1, 2, 0).numpy(), np.float32)


def levelled(image: Floats, filled: Floats, hole: NDArray[np.bool_], check: Callable[[], None]) -> Floats:
    """The fill with its colours matched to the surroundings: a slight, even step at a hole's border is taken out.

    image, filled: (H, W, 3) in [0, 1], equal outside the hole; `filled` is written to. What differs by much more than
    JUMP is the picture's own edge and stays.
    """
    _, labels, stats, _ = cv2.connectedComponentsWithStats(hole.astype(np.uint8), connectivity=8)
    for number in (1 + np.argsort(-stats[1:, 4], kind="stable"))[:HOLES]:
        check()
        x, y, w, h, area = (int(v) for v in stats[number])
        size = float(np.sqrt(area))
        step = float(np.clip(0.04 * size, 1.5, 12))
        margin = int(4 * step) + 2
        part = (slice(max(0, y - margin), y + h + margin), slice(max(0, x - margin), x + w + margin))
        inside = (labels[part] == number).astype(np.float32)
        known = (~hole[part]).astype(np.float32)
        if area < SPECK or not known.any():
            continue
        within, without = means(filled[part], inside, step)[0], means(image[part], known, step)[0]
        apart = without - within
        wanted = np.asarray(apart * np.exp(-((np.abs(apart).max(2, keepdims=True) / JUMP) ** 2)), np.float32)
        correction = spread(wanted, inside, fade=0.6 * size, progress=lambda _: check())
        here = inside > 0
        filled[part][here] = np.clip(filled[part][here] + correction[here], 0, 1)
    return filled


def composed(image: Pixels, filled: Floats, weight: Floats) -> Pixels:
    """The picture with the fill (H, W, 3) laid on by weight (H, W): bit-identical where that is 0, alpha kept."""
    result = image.copy()
    peak = np.float32(np.iinfo(image.dtype).max)
    left, top, right, bottom = box_of(weight > 0)
    for start in range(top, bottom, _BAND):
        rows, columns = slice(start, min(start + _BAND, bottom)), slice(left, right)
        share = weight[rows, columns, None]
        under = image[rows, columns, :3].astype(np.float32)
        mixed = under + share * (filled[rows, columns] * peak - under)
        made = np.clip(np.rint(mixed), 0, peak).astype(image.dtype)
        result[rows, columns, :3] = np.where(share > 0, made, image[rows, columns, :3])
    return result
