"""Faces of a photo, with sentences about what will make an edit of them weak."""

from __future__ import annotations

import cv2
import numpy as np

from engines.core import faces
from engines.core.errors import ImageError, OptionError
from engines.core.faces import Face
from engines.core.image import Pixels
from engines.faces import covering
from engines.faces.pasting import aligned
from engines.faces.values import FoundFace

NO_FACE = (
    "No face was found. Send a photo in which a face looks towards the camera and is at least 40 pixels wide; "
    "drawings, animals, and faces that are covered or seen from behind are not found."
)
_TINY, _SMALL = 56, 128  # side of the aligned square in the photo's pixels
_TURNED, _PROFILE = 0.22, 0.4  # Face.yaw
_SHARP = 18.0  # standard deviation of the Laplacian of a face 128 pixels wide
_DARK, _BRIGHT = 50, 235  # mean luma of the face
_MAYBE = 0.3  # the detector's score


def find(photo: Pixels) -> list[FoundFace]:
    """All faces of a photo, the largest first."""
    seen = photo[..., :3]
    if seen.dtype == np.uint16:
        seen = (seen >> 8).astype(np.uint8)
    found = faces.detect(np.ascontiguousarray(seen, np.uint8))
    return [described(photo, face, number) for number, face in enumerate(found)]


def described(photo: Pixels, face: Face, number: int = 0) -> FoundFace:
    """A face with its box and hints."""
    height, width = photo.shape[:2]
    left, top, right, bottom = (round(value) for value in face.box)
    box = max(left, 0), max(top, 0), min(right, width), min(bottom, height)
    hints = []
    if face.size < _SMALL:
        across = max(box[2] - box[0], 1)
        hints.append(f"This face is small ({across} pixels): the edit will be soft. A larger photo works better.")
    if abs(face.yaw) > _PROFILE:
        hints.append("This face is nearly a profile: edits will look wrong. Use a photo from the front.")
    elif abs(face.yaw) > _TURNED:
        hints.append("This face is turned away: strong edits may look wrong.")
    if _outside(photo, face) > 0.12 or box != (left, top, right, bottom):
        hints.append("The photo's border cuts this face: what is missing is guessed.")
    square = aligned(photo, face, 128)
    luma = cv2.cvtColor(square, cv2.COLOR_RGB2GRAY)[32:112, 28:100]
    if face.size >= _SMALL:
        blurred = float(cv2.Laplacian(luma, cv2.CV_32F).std()) < _SHARP * min(1.0, luma.std() / 40)
        mouth, eyes = (hidden(square, blurred=blurred) for hidden in (covering.mouth_covered, covering.eyes_covered))
        if mouth:
            hints.append("The mouth seems to be covered: edits of it will look wrong. Use a photo that shows it.")
        eyes = eyes and luma.mean() <= _BRIGHT  # white skin around them says nothing of glasses
        if eyes:
            hints.append("The eyes seem to be behind dark glasses: edits of them will look wrong.")
        if blurred and not mouth and not eyes:  # what covers a face is smooth, and so the face seems to be
            hints.append("This face is blurred: the edit will be as soft as the photo.")
    if luma.mean() < _DARK:
        hints.append("This face is very dark: brighten the photo first for a better result.")
    elif luma.mean() > _BRIGHT:
        hints.append("This face is overexposed: its features are hard to see.")
    if face.score < _MAYBE:
        hints.append("This may be no human face.")
    return FoundFace(number, face, box, tuple(hints), usable=face.size >= _TINY and abs(face.yaw) < 0.6)


def chosen(photo: Pixels, face: Face | FoundFace | int) -> FoundFace:
    """The face that is meant. ImageError: nobody there, or a face of too few pixels.  OptionError: no such number."""
    if isinstance(face, Face):
        return described(photo, face)
    if isinstance(face, int):
        found = find(photo)
        if not found:
            raise ImageError(NO_FACE)
        if not 0 <= face < len(found):
            count = "is one face" if len(found) == 1 else f"are {len(found)} faces"
            raise OptionError(f"There {count} in this photo, counted from 0. Choose one of them, not {face}.")
        face = found[face]
    if not face.usable:
        raise ImageError(
            "This face cannot be edited: it is too small or turned too far away. Send a larger photo from the front."
        )
    return face


def _outside(photo: Pixels, face: Face) -> float:
    """How much of the head, the middle of the aligned square, lies beyond the photo's border, 0 to 1."""
    inverse = np.linalg.inv(np.vstack([face.to_square(1), [0, 0, 1]]))[:2]
    y, x = np.mgrid[0.12:0.95:24j, 0.15:0.85:24j]
    px, py = inverse @ np.stack([x.ravel(), y.ravel(), np.ones(x.size)])
    inside = (px >= 0) & (py >= 0) & (px < photo.shape[1]) & (py < photo.shape[0])
    return 1 - float(inside.mean())
