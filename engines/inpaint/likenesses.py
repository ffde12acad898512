"""Faces in a picture that is being filled: nobody grows a second eye or loses one.

A face that a hole has cut is drawn by the face generator, which knows that there are two eyes, a nose and a mouth;
patches and the network do not. And what lies beside a face must not be laid of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.core.faces import Face, align, detect
from engines.inpaint.composing import smoothed

Floats = NDArray[np.float32]
Holes = NDArray[np.bool_]
# An aligned face, uint8 (SIDE, SIDE, 3), its hole (SIDE, SIDE), a seed -> the face completed, likewise
Complete = Callable[[NDArray[np.uint8], Holes, int], NDArray[np.uint8]]

SIDE = 256  # of the square in which a face is drawn
SMALLEST = (40, 55)  # side of a face that is looked for, pixels; two, since that changes what a cut face looks like
SURE = 0.3  # the detector's scores of all finds of a face together, below which it may be none: nothing is drawn
CUT = 0.06  # part of a face that a hole has to cover for it to be drawn anew: a scratch does not
LEFT = 0.2  # part of a face that has to be known: of less, nobody can say that it is there
WITHIN = 0.5  # a hole of which more than this lies in faces may borrow from them: there is nothing better
FACE = (0.30, 0.37)  # half axes of a face from brow to chin, and of a head with its hair, in sides of its square …
HEAD = (0.42, 0.50)
MIDDLE = 0.54, 0.48  # … and how far down their middles lie
FINE, SHARPER = 0.012, 1.2  # sigma under which detail is fine, in sides of the square; how much it may grow at most
APART = 0.3  # of its square's side: two finds nearer to each other are finds of one face …
AGREED = 0.1  # … and bear each other out
LIGHT = (0.19, 0.047)  # sigmas, coarse to fine, at which a drawn face takes over the known part's light, in sides


@dataclass(frozen=True)
class Likenesses:
    """What faces ask of a fill.

    answer: (H, W, 3), the network's, with the faces in it. barred: (H, W), places nothing is borrowed from.
    stands: (H, W), 0 to 1, how far the answer stays as it is. drawn: how many faces were completed.
    """

    answer: Floats
    barred: Holes
    stands: Floats
    drawn: int


def likenesses(answer: Floats, hole: Holes, complete: Complete | None, *, seed: int = 0) -> Likenesses | None:
    """The faces in a network's answer (H, W, 3), true outside the hole. None where there are none.

    complete: draws what is missing of a face; without it they are only kept apart.
    """
    if min(hole.shape) < SMALLEST[0]:
        return None
    faces, stands, drawn = np.zeros(hole.shape, bool), np.zeros(hole.shape, np.float32), 0
    out = answer
    for face in _found(answer, hole):
        inner = _oval(face, FACE, MIDDLE[0], hole.shape)
        here = inner > 0.5
        faces |= _oval(face, HEAD, MIDDLE[1], hole.shape) > 0.5
        cut = float((here & hole).sum()) / max(1, int(here.sum()))
        if complete is None or not CUT < cut <= 1 - LEFT:
            continue
        out = _with_face(out, hole, face, complete, seed)
        stands = np.maximum(stands, inner)
        drawn += 1
    if not faces.any():
        return None
    barred = faces if (faces & hole).sum() < WITHIN * hole.sum() else np.zeros_like(faces)
    return Likenesses(out, barred, stands, drawn)


def _found(answer: Floats, hole: Holes) -> list[Face]:
    """The faces in a network's answer, or with its hole filled smoothly. Several doubtful finds of one make it sure."""
    finds = [
        face
        for photo in (_photo(answer), _photo(smoothed(answer, hole)))
        for smallest in SMALLEST
        for face in detect(photo, smallest=smallest, rotated=False)
    ]
    kept: list[Face] = []
    for face in sorted(finds, key=lambda face: -face.score):
        if all(_apart(face, other) > APART for other in kept):
            agreed = sum(other.score for other in finds if _apart(other, face) < AGREED)
            if agreed >= SURE:
                kept.append(face)
    return kept


def _apart(one: Face, other: Face) -> float:
    """How far two finds lie from each other, in sides of the second one's square."""
    return float(np.hypot(*np.subtract(one.nose, other.nose))) / other.size


def _photo(picture: Floats) -> NDArray[np.uint8]:
    return np.ascontiguousarray((picture.clip(0, 1) * 255).round().astype(np.uint8))


def _with_face(answer: Floats, hole: Holes, face: Face, complete: Complete, seed: int) -> Floats:
    """The answer with one face completed inside the hole, its light matched to what is known of the face."""
    height, width = hole.shape
    matrix = face.to_square(SIDE)
    square = align(_photo(smoothed(answer, hole)), face, SIDE)
    gap = cv2.warpAffine(hole.astype(np.float32), matrix, (SIDE, SIDE), borderValue=1.0) > 0.1
    made = complete(square, gap, seed).astype(np.float32)
    # Where both are known, the two differ slowly from place to place: that is light, and is taken over.
    known = (~gap).astype(np.float32)
    for sigma in LIGHT:
        apart = cv2.GaussianBlur((square - made) * known[..., None], (0, 0), sigma * SIDE)
        made = made + apart / (cv2.GaussianBlur(known, (0, 0), sigma * SIDE)[..., None] + 0.02)
    made = made + _lacking(made, square, known) * (made - cv2.GaussianBlur(made, (0, 0), FINE * SIDE))
    shrink = float(np.hypot(matrix[0, 0], matrix[1, 0]))  # pixels of the square per pixel of the picture
    if shrink > 1.05:
        made = np.asarray(cv2.GaussianBlur(made, (0, 0), 0.45 * shrink), np.float32)
    kind = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    back = cv2.warpAffine(made, matrix, (width, height), flags=kind, borderMode=cv2.BORDER_REPLICATE) / 255
    weight = (_oval(face, HEAD, MIDDLE[1], hole.shape) * hole)[..., None]
    return np.asarray(answer + weight * (back - answer), np.float32)


def _lacking(made: Floats, square: NDArray[np.uint8], known: Floats) -> float:
    """By how much the fine detail of a drawn face has to grow to be as strong as the photo's, where that is known."""
    counts = cv2.erode(known, np.ones((SIDE // 28 | 1,) * 2, np.uint8))[..., None] * _middle()
    ours, theirs = (
        float((np.square(picture - cv2.GaussianBlur(picture, (0, 0), FINE * SIDE)) * counts).sum())
        for picture in (made, square.astype(np.float32))
    )
    return float(np.clip(np.sqrt(theirs / max(ours, 1e-6)) - 1, 0, SHARPER))


def _middle() -> Floats:
    """Where in an aligned square the face is, (SIDE, SIDE, 1)."""
    y, x = (np.mgrid[0:SIDE, 0:SIDE] + 0.5) / SIDE
    return np.asarray(np.hypot((x - 0.5) / FACE[0], (y - MIDDLE[0]) / FACE[1]) < 1, np.float32)[..., None]


def _oval(face: Face, axes: tuple[float, float], down: float, shape: tuple[int, ...]) -> Floats:
    """An ellipse of a face's square in the picture, (H, W), 1 inside, with a soft border."""
    y, x = np.mgrid[0 : shape[0], 0 : shape[1]].astype(np.float32)
    (a, b, c), (d, e, f) = face.to_square(1)
    u, v = (a * x + b * y + c - 0.5) / axes[0], (d * x + e * y + f - down) / axes[1]
    return np.asarray(1 / (1 + np.exp(np.clip((np.hypot(u, v) - 1) * 20, -30, 30))), np.float32)
