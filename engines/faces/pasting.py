"""The edit goes back into the photo: what changed between two pictures of the generator, added to the photo's own.

The photo's face is the unedited picture plus a residual, all that the generator does not know: pores, hairs, light.
An edit keeps the residual and exchanges the picture under it. So that no old mouth shows through a new one, the
residual moves along with the flow between the two pictures, and its fine part fades where they show different things.
"""

from __future__ import annotations

import cv2
import numpy as np

from engines.core import faces
from engines.core.faces import Face, Photo
from engines.core.image import Pixels
from engines.faces.motion import COARSE, FLOW_SIDE, Change, Plane, even, motion, resized, smooth, warped
from engines.faces.outline import Outline
from engines.faces.toning import toned
from engines.faces.values import Frame

LEAST = 64
STALE = 0.7, 2.5  # pixels by which something moved from which on what the square lacks of the photo is not its own
WORK = 1024  # longest side at which a face is worked on; larger ones get its correction enlarged
_REACH = 1.25  # of the field, where the head's own outline is known
_DRAG = 48.0  # pixels of the flow around a head that go along with it


def field(side: int, reach: float = 1.0) -> Plane:
    """The soft mask of an aligned square, (side, side, 1): 1 on the head, falling to 0 inside the square's edge.

    reach: of an ellipse around the head; at 1 hair that is far from it counts in part, from 1.4 the square decides.
    """
    y, x = (np.mgrid[0:side, 0:side].astype(np.float32) + 0.5) / side
    head = 1 - smooth(np.hypot((x - 0.5) / 0.46, (y - 0.54) / 0.52), 0.82 * reach, 1.1 * reach)
    return np.ascontiguousarray(_frame(side) * head[..., None], np.float32)


def _frame(side: int) -> Plane:
    """1 in a square, falling to 0 inside its edge, (side, side, 1)."""
    x = (np.arange(side, dtype=np.float32) + 0.5) / side
    near = np.minimum(x, 1 - x)
    return smooth(np.minimum(near[:, None], near)[..., None], 0.01, 0.11)


def compose(square: Photo, change: Change, *, weight: Plane | None = None) -> Plane:
    """The edited face where no head moves; see `composed`."""
    return composed(square, change, weight=weight)[0]


def composed(
    square: Photo,
    change: Change,
    *,
    outline: Outline | None = None,
    weight: Plane | None = None,
) -> tuple[Plane, Plane | None]:
    """The edited face, float32 (side, side, 3) in [0, 1]: `square` is the photo's, `change` the generator's.

    Where before and after are alike the result is the square itself.  outline: where `square` shows the head; only
    what is next to it then goes along with it.  weight: (n, n), where the edit may show.  Comes with how much of each
    place takes the photo's place, being background or moved, (side, side, 1), None without an outline.
    """
    side = square.shape[0]
    flow, apart = motion(change)
    large = change.at(side)
    own = square.astype(np.float32) / np.float32(255)
    residual = own - large.before
    wide = resized(flow, side) * np.float32(side / FLOW_SIDE)
    detail = warped(residual, wide)
    detail = np.where(np.abs(wide).max(2, keepdims=True) < 0.05, residual, detail)
    fade = cv2.resize(apart, (side, side), interpolation=cv2.INTER_LINEAR)[..., None]
    sure = 1.001 - fade  # light and colour under new structure come from the unchanged surroundings
    weights = np.maximum(_blurred(sure, side)[..., None], 1e-4)
    coarse, base = _blurred(detail * sure, side) / weights, _blurred(large.before * sure, side) / weights
    made = large.after + detail
    new = large.after if large.sharp is None else large.sharp
    new = toned(new, np.asarray(base, np.float32), np.asarray(base + coarse, np.float32))
    made = made + fade * (new - made) - own
    where, laid = field(side, 1.0 if outline is None else _REACH), None
    if weight is not None:
        where = where * even(weight, side)[..., None]
    if outline is not None:
        after, moves = (even(mask, side)[..., None] for mask in _rims(outline, flow))
        where = where * (1 - moves * (1 - _above_the_collar(side)))
        beside, other = _beside(own, outline, flow)
        made = made + moves * (_between(own + made, beside, after) - own - made)
        made = after * made + (1 - after) * (beside - own)
        fresh = (1 - after) * other
        if side < WORK:
            fresh = np.maximum(fresh, after * smooth(np.hypot(wide[..., 0], wide[..., 1]), *STALE)[..., None])
        laid = np.asarray(where * fresh, np.float32)
    return np.asarray(np.clip(own + where * made, 0, 1), np.float32), laid


def _rims(outline: Outline, flow: Plane) -> tuple[Plane, Plane]:
    """Where the head is after it moved, with a soft rim, and where anything moves."""
    speed = cv2.dilate(np.hypot(flow[..., 0], flow[..., 1]), np.ones((15, 15), np.uint8))
    moves = smooth(np.asarray(cv2.GaussianBlur(speed, (0, 0), 3.0), np.float32), 1.0, 4.0)
    return _rim(warped(even(outline.head, FLOW_SIDE), flow), 3), moves


def _beside(own: Plane, outline: Outline, flow: Plane) -> tuple[Plane, Plane]:
    """What is beside a head that moved, (side, side, 3), and how much of each place is not what was there, of 1.

    What is next to the head goes along with its edge, less and less with the distance, and keeps the photo's detail.
    """
    side = own.shape[0]
    head = even(outline.head, FLOW_SIDE)
    now = warped(head, flow)
    drawn = _dragged(flow, now) * _above_the_collar(FLOW_SIDE) * _frame(FLOW_SIDE)
    pulled = warped(own, resized(drawn, side) * np.float32(side / FLOW_SIDE))
    pulled = _without(pulled, _rim(warped(head, drawn), 5), _rim(now, 5))
    other = even(smooth(np.hypot(drawn[..., 0], drawn[..., 1]), 0.1, 0.6), side)[..., None]
    return own + other * (pulled - own), other


def _without(picture: Plane, head: Plane, unknown: Plane) -> Plane:
    """A picture with what is beside it in place of bits of head (S, S), OpenCV's inpainting (Telea 2004)."""
    eight = np.clip(even(picture, FLOW_SIDE) * 255, 0, 255).astype(np.uint8)
    made = cv2.inpaint(eight, (np.maximum(unknown, head) > 0.5).astype(np.uint8), 3, cv2.INPAINT_TELEA)
    side = picture.shape[0]
    rest = even(made.astype(np.float32) / np.float32(255), side) - picture
    return np.asarray(picture + even(head, side)[..., None] * rest, np.float32)


def _dragged(flow: Plane, head: Plane) -> Plane:
    """A flow that is known on a head, (S, S, 2), continued around it and fading to nothing."""
    inside = (cv2.erode(head, np.ones((3, 3), np.uint8)) > 0.5).astype(np.uint8)
    if not inside.any():
        return np.zeros_like(flow)
    away, nearest = cv2.distanceTransformWithLabels(1 - inside, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    table = np.zeros((int(nearest.max()) + 1, 2), np.float32)
    table[nearest[inside > 0]] = flow[inside > 0]
    spread = cv2.GaussianBlur(table[nearest], (0, 0), 4.0)
    return np.asarray(spread * (1 - smooth(np.asarray(away), 0.0, _DRAG))[..., None], np.float32)


def _between(face: Plane, beside: Plane, where: Plane) -> Plane:
    """At its rim a face is no lighter and no darker than both what lies within it and what lies beside it."""
    side = face.shape[0]
    rim, reach = (cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side // part | 1,) * 2) for part in (22, 12))
    within = cv2.erode((where[..., 0] > 0.95).astype(np.uint8), rim)[..., None] > 0
    high = np.maximum(cv2.dilate(np.where(within, face, -np.inf), reach), beside)
    low = np.minimum(cv2.erode(np.where(within, face, np.inf), reach), beside)
    return np.asarray(np.where(within, face, np.clip(face, low, high)), np.float32)


def _rim(head: Plane, width: int) -> Plane:
    wider = cv2.dilate(head, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (width, width)))
    return np.asarray(cv2.GaussianBlur(wider, (0, 0), 2.0), np.float32)


def _above_the_collar(side: int) -> Plane:
    """1 down to the chin, falling to 0 on the neck, (side, side, 1): a head turns in its collar, which stays."""
    y = (np.arange(side, dtype=np.float32) + 0.5) / side
    return np.broadcast_to((1 - smooth(y, 0.84, 0.95))[:, None, None], (side, side, 1))


def _blurred(plane: Plane, side: int) -> Plane:
    """Without what is finer than light and colour; at a quarter of the size, where it is as good and quick."""
    small = cv2.resize(plane, (max(side // 4, 16),) * 2, interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), small.shape[0] * COARSE)
    return np.asarray(cv2.resize(small, (side, side), interpolation=cv2.INTER_LINEAR), np.float32)


def paste(
    photo: Pixels, face: Face, square: Photo, edited: Plane, laid: Plane | None = None
) -> tuple[Pixels, tuple[int, int, int, int]]:
    """The photo with the edited square in place of its own, and the box outside of which nothing changed.

    The correction edited - square travels, not the pixels: what an alignment blurs stays sharp. Alpha and 16 bits stay.
    laid: where pixels travel all the same, (side, side, 1) from 0 to 1; no hair shines through what is behind it, and
    no lash stays where an eye was.
    """
    side = square.shape[0]
    correction: Plane = edited - square.astype(np.float32) / np.float32(255)
    matrix = face.to_square(side)
    shrink = float(np.hypot(matrix[0, 0], matrix[1, 0]))  # pixels of the square per pixel of the photo
    if shrink > 1.05:
        correction = np.asarray(cv2.GaussianBlur(correction, (0, 0), 0.45 * shrink), np.float32)
    left, top, right, bottom = region(photo.shape[:2], face)
    result = photo.copy()
    if right <= left or bottom <= top:
        return result, (0, 0, 0, 0)
    peak = np.iinfo(photo.dtype).max
    kind = cv2.INTER_CUBIC if shrink < 1 else cv2.INTER_LINEAR
    for start in range(top, bottom, 512):  # in bands: a face may fill a photo of a hundred megapixels
        stop = min(start + 512, bottom)
        inverse = matrix.copy()
        inverse[:, 2] += matrix[:, 0] * left + matrix[:, 1] * start
        size = right - left, stop - start
        part = result[start:stop, left:right, :3]
        made = part + cv2.warpAffine(correction, inverse, size, flags=kind | cv2.WARP_INVERSE_MAP) * peak
        if laid is not None:
            linear, sharp = (how | cv2.WARP_INVERSE_MAP for how in (cv2.INTER_LINEAR, cv2.INTER_CUBIC))
            over = cv2.warpAffine(laid, inverse, size, flags=linear)[..., None]
            made += over * (cv2.warpAffine(edited, inverse, size, flags=sharp) * peak - made)
        part[...] = np.clip(np.rint(made), 0, peak).astype(photo.dtype)
    return result, (left, top, right, bottom)


def region(size: tuple[int, ...], face: Face) -> tuple[int, int, int, int]:
    """The box around the aligned square in a photo of this (height, width)."""
    matrix = np.vstack([face.to_square(1), [0, 0, 1]])
    corners = np.linalg.inv(matrix)[:2] @ np.array([[0, 1, 1, 0], [0, 0, 1, 1], [1, 1, 1, 1]], np.float64)
    left, top = np.floor(corners.min(1)).astype(int)
    right, bottom = np.ceil(corners.max(1)).astype(int) + 1
    return max(int(left), 0), max(int(top), 0), min(int(right), size[1]), min(int(bottom), size[0])


def working_side(face: Face) -> int:
    """The side at which a face is worked on: its own, within LEAST and WORK. A larger square, shrunk when it is laid
    back, would not meet the photo's sharp edges.
    """
    return int(np.clip(round(face.size), LEAST, WORK))


def aligned(photo: Pixels, face: Face, side: int) -> Frame:
    """The face of a photo of any kind in an upright square, uint8 (side, side, 3)."""
    if photo.dtype == np.uint16:
        left, top, right, bottom = region(photo.shape[:2], face)
        pad = 2 + (right - left) // 8
        x0, y0 = max(left - pad, 0), max(top - pad, 0)
        part = (photo[y0 : bottom + pad, x0 : right + pad, :3] / 257 + 0.5).astype(np.uint8)
        if part.size == 0:
            return np.zeros((side, side, 3), np.uint8)
        moved = Face(
            (face.box[0] - x0, face.box[1] - y0, face.box[2] - x0, face.box[3] - y0),
            ((face.eyes[0][0] - x0, face.eyes[0][1] - y0), (face.eyes[1][0] - x0, face.eyes[1][1] - y0)),
            (face.nose[0] - x0, face.nose[1] - y0),
            face.score,
        )
        return faces.align(np.ascontiguousarray(part), moved, side)
    return faces.align(np.ascontiguousarray(photo[..., :3]), face, side)
