"""The rim of an object that was cut out with a mask: what it still shows of its old background is taken off.

Along an outline a camera mixes object and background over a few pixels. How much of a pixel is background is told by
where its colour lies between those on both sides, which also tells its true colour (the two-colour case of matting).
"""

from __future__ import annotations

import numpy as np

from engines.inpaint.masks import Floats, box_of
from engines.inpaint.membrane import means

DEEP = (3.0, 0.006, 8.0)  # how deep a rim is: pixels, and of the object's size; at most so many pixels
BAND = 256  # rows that are looked at together
CLEAR = 0.12  # difference of colour on both sides, of 1, from which a mixture of them can be told


def cleaned(fore: Floats, share: Floats, weight: Floats, near: Floats, *, outline: Floats) -> tuple[Floats, Floats]:
    """The object's colours (h, w, 3) without its old background, and how much of it shows, (h, w), never more.

    near: (h, w), pixels from the mask's border. outline: (h, w), 1 where that border is the object's outline.
    """
    size = float(np.sqrt((share > 0.5).sum()))
    deep = min(DEEP[0] + DEEP[1] * size, DEEP[2])
    left, top, right, bottom = box_of(share > 0, margin=int(3 * deep) + 2)
    out, shown = fore.copy(), weight.copy()
    reach = int(6 * deep) + 2  # further than the means look
    for first in range(top, bottom, BAND):
        rows = slice(max(0, first - reach), min(bottom + reach, first + BAND + reach)), slice(left, right)
        band = slice(first, min(bottom, first + BAND)), slice(left, right)
        inner = slice(first - rows[0].start, band[0].stop - rows[0].start)
        made = _without(fore[rows], share[rows], weight[rows], near[rows], outline[rows], deep)
        out[band], shown[band] = (part[inner] for part in made)
    return np.asarray(out, np.float32), np.asarray(shown, np.float32)


def _without(
    colours: Floats, share: Floats, weight: Floats, near: Floats, outline: Floats, deep: float
) -> tuple[Floats, Floats]:
    """`cleaned` for a part of an object whose rim is so deep."""
    core = (near > deep).astype(np.float32)
    beyond = (share <= 0).astype(np.float32)
    inner, sure = means(colours, core, 1.2 * deep)
    outer, seen = means(colours, beyond, 1.2 * deep)
    apart = outer - inner
    length = np.square(apart).sum(2)
    part = ((colours - inner) * apart).sum(2) / np.maximum(length, 1e-6)
    told = np.clip((np.sqrt(length) - CLEAR) / CLEAR, 0, 1) * outline
    rim = (near > 0) & (near <= deep) & (sure > 0.02) & (seen > 0.02)
    mixed = np.where(rim, np.clip(part, 0, 1) * told, 0).astype(np.float32)
    fading = np.clip(1.25 * (1 - mixed), 0, 1)  # deep in the rim what looks like background is the object's own pattern
    shown = weight * np.maximum(fading, np.clip(near / deep - 0.5, 0, 1))
    return np.clip(colours - mixed[..., None] * apart, 0, 1), shown
