"""Teeth, drawn in a mouth that opens: the generator says where they are and how light, and what parts them is drawn.

A generator of this size has seen few teeth from near; its own are streaks of white and pink. Pictures are float32
(S, S, 3) in about [0, 1], aligned as in engines/core/faces.py.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.core.faces import TEMPLATE
from engines.faces.generator import to_frame
from engines.faces.makeup import landmarks
from engines.faces.motion import LUMA, Change, Plane, resized, smooth

_SIDE = 512  # at which they are drawn, or more
_UNIT = float(np.hypot(*(TEMPLATE[1] - TEMPLATE[0])))  # the eyes' distance, 62 mm, in sides
_WIDTHS = (0.132, 0.100, 0.088, 0.070, 0.056, 0.045)  # of upper teeth as seen from the front, from the middle outwards
_LEAST, _OPEN = 0.03, 0.09  # heights of an opening, in units: below the first no teeth show, from the second all do
_AROUND = 0.25  # of a mouth's opening, in units, what is looked at
_NARROWEST = 0.2  # width of a mouth that shows any, in units
_LIT = 0.25, 0.42  # light of what is a tooth: from the first on perhaps, from the second surely
_GAP = 0.0085  # width of the line between two, in units
_IVORY = np.array([1.035, 1.0, 0.90], np.float32)  # of their light
_LIGHTEST = 0.8  # of a tooth's light
_SHADE = np.array([0.75, 1.05, 1.1], np.float32)  # a mouth's shadows are red
_KEPT = 0.1  # of the generator's own detail
_PLAIN = 0.7  # how much of the generator's colour goes


def parted(change: Change) -> Change:
    """A mouth that opens, with teeth where it shows what the photo has not."""
    return replace(change, sharp=drawn(change.after if change.sharp is None else change.sharp))


def drawn(picture: Plane) -> Plane:
    """The picture of a face, at least (_SIDE, _SIDE, 3), with teeth in its open mouth; a shut one stays as it is."""
    side = max(_SIDE, picture.shape[0])
    large, unit = resized(picture, side), _UNIT * side
    points = landmarks(to_frame(large)).astype(np.float64) + 0.5
    shown = float(smooth(np.array((points[66, 1] - points[62, 1]) / unit), _LEAST, _OPEN))
    left, right = points[60, 0], points[64, 0]
    if shown == 0 or right - left < _NARROWEST * unit:
        return large
    reach = round(_AROUND * unit)
    (x0, y0), (x1, y1) = (int(max(at, 0)) for at in points[60:68].min(0) - reach), points[60:68].max(0) + reach
    window = slice(y0, min(int(y1), side)), slice(x0, min(int(x1), side))
    part = large[window]
    y, x = (np.mgrid[window] + 0.5).astype(np.float32)
    top, bottom = (_edge(points[lip], x[0]) for lip in ([60, 61, 62, 63, 64], [60, 67, 66, 65, 64]))
    down = (y - top) / np.maximum(bottom - top, 1.0)  # 0 at the upper lip, 1 at the lower one
    inside = smooth(down, -0.06, 0.06) * smooth(1 - down, -0.04, 0.10) * smooth((bottom - top) / unit, 0.0, 0.03)
    inside = inside * smooth(np.minimum(x - left, right - x) / unit, 0.0, 0.06)
    plain = _even(part, inside, unit)
    plain = plain + np.float32(_KEPT) * (part - plain)
    light = plain @ LUMA
    plain = plain + np.float32(_PLAIN) * (light[..., None] * _IVORY - plain)
    plain = plain * np.minimum(_LIGHTEST / np.maximum(light, _LIGHTEST), 1)[..., None]
    middle = float(points[[33, 51, 57, 62, 66], 0].mean())
    relief = _relief((x - middle) / unit, down)
    lighter = float(inside.sum() / (relief * inside).sum())  # as light as the generator's
    made = np.clip(plain * lighter * relief[..., None] ** _SHADE, 0, 1)
    cover = shown * inside * smooth(light, *_LIT)
    result = large.copy()
    result[window] += cover[..., None] * (made - part)
    return result


def _edge(points: NDArray[np.float64], x: Plane) -> Plane:
    """The inner edge of a lip: how far down it is at each x."""
    return np.asarray(np.polyval(np.polyfit(points[:, 0], points[:, 1], 3), x), np.float32)


def _even(picture: Plane, inside: Plane, unit: float) -> Plane:
    """What lies inside, without streaks: blurred, more across than down."""
    weight = np.asarray(inside + 1e-4, np.float32)
    across, along = 0.10 * unit, 0.022 * unit
    total = cv2.GaussianBlur(picture * weight[..., None], (0, 0), sigmaX=across, sigmaY=along)
    return np.asarray(total / cv2.GaussianBlur(weight, (0, 0), sigmaX=across, sigmaY=along)[..., None], np.float32)


def _relief(u: Plane, down: Plane) -> Plane:
    """Light of teeth over their own.  u: from the middle, in units; down: 0 at the upper lip, 1 at the lower one.

    Less of it between two, most where their corners are round; under the lip, at their lower ends, and to the sides.
    """
    edges = np.cumsum((0.0, *_WIDTHS))
    away = np.abs(u)
    index = np.clip(np.searchsorted(edges, away, side="right") - 1, 0, len(_WIDTHS) - 1)
    across = np.clip(2 * (away - edges[index]) / np.array(_WIDTHS)[index] - 1, -1, 1)  # of a tooth
    near = np.abs(away[..., None] - edges).min(-1)
    line = 0.11 * np.exp(-((near / _GAP) ** 2)) * smooth(down, 0.0, 0.25)
    corner = (
        0.34 * np.exp(-((near / (0.4 * _GAP + 2.2 * _GAP * smooth(down, 0.6, 1.0))) ** 2)) * smooth(down, 0.72, 0.98)
    )
    bulge = 1 + 0.06 * (1 - across**2)
    sides = 1 - 0.35 * smooth(away, 0.20, 0.44)
    lip = 1 - 0.22 * (1 - smooth(down, 0.0, 0.35))
    end = 1 - 0.45 * smooth(down + 0.05 * across**2 + 0.04 * (index == 1), 0.92, 1.06)
    return np.asarray(bulge * sides * lip * end * (1 - line) * (1 - corner), np.float32)
