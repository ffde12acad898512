"""The rim of an object that was cut out with a mask: what it still shows of its old background is taken off.

Along an outline a camera mixes object and background over a few pixels. How much of a pixel is background is told by
where its colour lies between those on both sides, which also tells its true colour (the two-colour case of matting).
"""

from __future__ import annotations

import numpy as np

from engines.inpaint.masks import Floats, box_of
from engines.inpaint.membrane import means

DEEP = (3.0, 0.006, 8.0)  # how deep a rim is: pixels, and of the object's size; at most so many pixels
CLEAR = 0.12  # difference of colour on both sides, of 1, from which a mixture of them can be told


def cleaned(fore: Floats, share: Floats, weight: Floats, near: Floats, *, outline: Floats) -> tuple[Floats, Floats]:
    """The object's colours (h, w, 3) without its old background, and how much of it shows, (h, w), never more.

    near: (h, w), pixels from the mask's border. outline: (h, w), 1 where that border is the object's outline.
    """
    size = float(np.sqrt((share > 0.5).sum()))
    deep = min(DEEP[0] + DEEP[1] * size, DEEP[2])
    left, top, right, bottom = box_of(share > 0, margin=int(3 * deep) + 2)
    here = slice(top, bottom), slice(left, right)
    colours, where = fore[here], near[here]
    core = (where > deep).astype(np.float32)
    beyond = (share[here] <= 0).astype(np.float32)
    inner, sure = means(colours, core, 1.2 * deep)
    outer, seen = means(colours, beyond, 1.2 * deep)
    apart = outer - inner
    length = np.square(apart).sum(2)
    part = ((colours - inner) * apart).sum(2) / np.maximum(length, 1e-6)
    told = np.clip((np.sqrt(length) - CLEAR) / CLEAR, 0, 1) * outline[here]
    rim = (where > 0) & (where <= deep) & (sure > 0.02) & (seen > 0.02)
    mixed = np.where(rim, np.clip(part, 0, 1) * told, 0).astype(np.float32)
    out, shown = fore.copy(), weight.copy()
    out[here] = np.clip(colours - mixed[..., None] * apart, 0, 1)
    fading = np.clip(1.25 * (1 - mixed), 0, 1)  # deep in the rim what looks like background is the object's own pattern
    shown[here] = weight[here] * np.maximum(fading, np.clip(where / deep - 0.5, 0, 1))
    return np.asarray(out, np.float32), np.asarray(shown, np.float32)
