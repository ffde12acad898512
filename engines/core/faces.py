"""Finds faces, brings them upright into a square, and tells how alike two of them are.

dlib's detector (histograms of oriented gradients), its 5 landmarks and its identity descriptor (King 2009; ResNet of
128 numbers, 0.6 being the distance below which its author calls two photos one person). The files come from the
package face-recognition-models, which is read and never imported.
"""

from __future__ import annotations

import functools
import importlib.util
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.core.errors import CardError

# Where the alignment puts the middles of the two eyes and the base of the nose, as parts of the square's side.
TEMPLATE = np.array([[0.376, 0.469], [0.624, 0.469], [0.500, 0.630]])
SAME_PERSON = 0.6  # dlib's own bound on the identity distance
_CHIP, _CHIP_MIDDLE, _CHIP_SIDE = 0.64, 0.585, 150  # dlib's chip for the descriptor, as a part of our square
_DOUBTFUL, _SURE = 0.1, 0.35  # the detector's scores: below the first it is no face, below the second perhaps
_WORK = 900  # longest side at which the detector looks first
_GLANCE = 320  # longest side at which faces are looked for that lie beside others: those of a quarter of it and up
_LYING, _ASKEW = 900, 640  # the same where nobody stands upright: at quarter turns, and between them
_LEAST_TURNED = 1.5  # times the smallest face, below which turned ones are not looked for
_STEP = 45  # degrees from look to look; the detector forgives about 30
_CLOSER = 1.1  # how far around a find it is looked at again, in its square's sides
_SAME_PLACE = 0.4  # overlap of two finds of one face
_LOCK = threading.Lock()  # dlib's objects are not made for several threads

Photo = NDArray[np.uint8]


@dataclass(frozen=True)
class Face:
    """One face in a photo, in the photo's pixels.

    box: left, top, right, bottom of the head's front.  eyes: the middles of the two eyes, the left one in the
    picture first.  nose: its base.  score: the detector's confidence, 0.1 and up; under about 0.3 it may be no face.
    """

    box: tuple[float, float, float, float]
    eyes: tuple[tuple[float, float], tuple[float, float]]
    nose: tuple[float, float]
    score: float

    @property
    def size(self) -> float:
        """Side of the aligned square that holds this face, in pixels of the photo."""
        return 1.0 / float(np.hypot(*self.to_square(1)[0, :2]))

    @property
    def yaw(self) -> float:
        """How far the head is turned: offset of the nose from the middle of the eyes over their distance, 0 = frontal.

        Positive when the nose points to the right of the picture; 0.3 is clearly turned, 0.5 nearly a profile.
        """
        return self._nose_offset()[0]

    @property
    def pitch(self) -> float:
        """How far the nose lies below the eyes over their distance: about 0.65 frontal, less when looking up."""
        return self._nose_offset()[1]

    def _nose_offset(self) -> tuple[float, float]:
        left, right = np.array(self.eyes)
        across = right - left
        distance = max(float(np.hypot(*across)), 1e-6)
        offset = np.array(self.nose) - (left + right) / 2
        down = np.array([-across[1], across[0]])
        return float(offset @ across) / distance**2, float(offset @ down) / distance**2

    def to_square(self, side: int) -> NDArray[np.float64]:
        """(2, 3) similarity from the photo's pixels to an aligned square of this side (least squares, Umeyama 1991)."""
        source = np.array([*self.eyes, self.nose], np.float64)
        target = TEMPLATE * side
        a, b = source - source.mean(0), target - target.mean(0)
        norm = max(float((a * a).sum()), 1e-9)
        cos = float((a * b).sum()) / norm
        sin = float((a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]).sum()) / norm
        turn = np.array([[cos, -sin], [sin, cos]])
        return np.hstack([turn, (target.mean(0) - turn @ source.mean(0))[:, None]])


def align(photo: Photo, face: Face, side: int) -> Photo:
    """The face in an upright square, uint8 (side, side, 3); beyond the photo's edge the edge is repeated.

    Large faces are averaged down, not picked apart: the photo is reduced first where one pixel of the square covers
    more than one of the photo.
    """
    matrix = face.to_square(side)
    scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    if scale < 0.75:
        # only the neighbourhood of the face is reduced; half as much context again covers every rotation
        centre, reach = np.array(face.nose), 1.1 * face.size
        x0, y0 = np.maximum(np.floor(centre - reach), 0).astype(int)
        x1, y1 = np.minimum(np.ceil(centre + reach), [photo.shape[1], photo.shape[0]]).astype(int)
        part = photo[y0:y1, x0:x1]
        width, height = max(1, round(part.shape[1] * scale)), max(1, round(part.shape[0] * scale))
        small = np.asarray(cv2.resize(part, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
        sx, sy = width / part.shape[1], height / part.shape[0]
        back = np.array([[1 / sx, 0, x0 + 0.5 / sx - 0.5], [0, 1 / sy, y0 + 0.5 / sy - 0.5], [0, 0, 1]])
        matrix, photo = (matrix @ back), small
    square = cv2.warpAffine(photo, matrix, (side, side), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return np.ascontiguousarray(square, np.uint8)


def detect(photo: Photo, *, smallest: int = 40, rotated: bool = True) -> list[Face]:
    """All faces of a photo, uint8 (H, W, 3) RGB, the largest first.

    smallest: side of the smallest face looked for, in pixels; the detector sees 80 pixels and up, so small photos are
    enlarged, large ones are also searched reduced.  rotated: faces that lie or stand on their heads are found too, if
    they take a quarter of the photo's longest side; where nobody stands upright an eighth, and half as many pixels
    again as `smallest`.
    A doubtful find counts only where there is no sure one, and then only the best.
    """
    found = _upright(photo, smallest)
    if rotated:
        sure = [face for face in found if face.score >= _SURE]
        found = _apart([*sure, *_turned(photo, smallest, sure), *_best_first(found)])
    sure = [face for face in found if face.score >= _SURE] or _best_first(found)[:1]
    return sorted(sure, key=lambda face: -face.size)


def _best_first(found: list[Face]) -> list[Face]:
    return sorted(found, key=lambda face: -face.score)


def _apart(found: list[Face]) -> list[Face]:
    """The first of those that are in one place."""
    kept: list[Face] = []
    for face in found:
        if all(_overlap(face.box, other.box) < _SAME_PLACE for other in kept):
            kept.append(face)
    return kept


def _turned(photo: Photo, smallest: int, known: list[Face]) -> list[Face]:
    """Faces that do not stand upright, found at a glance all round, in grey, and looked at again upright.

    known: faces that need no second look; without them the glance is longer, and one that lies may be doubtful.
    """
    glimpses: dict[Face, int] = {}
    for angle in range(_STEP, 360, _STEP):
        side = _GLANCE if known else _ASKEW if angle % 90 else _LYING
        scale = min(side / max(photo.shape[:2]), 1.0 if known else 80 / (_LEAST_TURNED * smallest))
        view, back = _rotated(_resized(photo, scale), angle)
        glimpses |= {_scaled(_placed(face, back), 1 / scale): angle for face in _look(_grey(view))}
    new = _apart([*known, *_best_first(list(glimpses))])[len(known) :]
    again = [(face, glimpses[one]) for one in new for face in _looked_again(photo, one, glimpses[one], smallest)]
    return [face for face, angle in again if face.score >= _SURE or not (known or angle % 90)]


def _looked_again(photo: Photo, glimpse: Face, angle: int, smallest: int) -> list[Face]:
    """The face of a glimpse, if it is one where the photo around it is turned by so many degrees."""
    middle, reach = np.array(glimpse.box).reshape(2, 2).mean(0), _CLOSER * glimpse.size
    x0, y0 = np.maximum(np.floor(middle - reach), 0).astype(int)
    x1, y1 = np.ceil(middle + reach).astype(int)
    view, back = _rotated(photo[y0:y1, x0:x1], angle)
    back[:, 2] += (x0, y0)
    found = [_placed(face, back) for face in _upright(view, smallest)]
    return [face for face in found if _overlap(face.box, glimpse.box) >= _SAME_PLACE][:1]


def _grey(photo: Photo) -> NDArray[np.uint8]:
    """Luma, (H, W): a quarter quicker to look at."""
    return np.asarray(cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY), np.uint8)


def _resized(photo: Photo, scale: float) -> Photo:
    if scale == 1:
        return photo
    size = max(1, round(photo.shape[1] * scale)), max(1, round(photo.shape[0] * scale))
    kind = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(photo, size, interpolation=kind), np.uint8)


def _rotated(photo: Photo, angle: int) -> tuple[Photo, NDArray[np.float64]]:
    """A photo turned by so many degrees, nothing cut off, and the (2, 3) way back."""
    if angle % 90 == 0:
        return _quarter_turned(photo, angle // 90)
    height, width = photo.shape[:2]
    turn = np.asarray(cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), angle, 1.0), np.float64)
    cos, sin = np.abs(turn[0, :2])
    size = max(1, round(width * cos + height * sin)), max(1, round(width * sin + height * cos))
    turn[:, 2] += (np.array(size) - (width, height)) / 2
    view = cv2.warpAffine(photo, turn, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(view, np.uint8), np.asarray(cv2.invertAffineTransform(turn), np.float64)


def _quarter_turned(photo: Photo, turns: int) -> tuple[Photo, NDArray[np.float64]]:
    height, width = photo.shape[:2]
    back = {
        1: [[0, -1, width - 1], [1, 0, 0]],
        2: [[-1, 0, width - 1], [0, -1, height - 1]],
        3: [[0, 1, 0], [-1, 0, height - 1]],
    }[turns]
    return np.ascontiguousarray(np.rot90(photo, turns)), np.array(back, np.float64)


def _placed(face: Face, matrix: NDArray[np.float64]) -> Face:
    """A face of a view in the photo that a (2, 3) similarity leads to; its box stays as large and upright."""
    points = np.array([*face.eyes, face.nose]) @ matrix[:, :2].T + matrix[:, 2]
    corners = np.array(face.box).reshape(2, 2)
    x, y = corners.mean(0) @ matrix[:, :2].T + matrix[:, 2]
    width, height = (corners[1] - corners[0]) / 2 * np.hypot(*matrix[:, 0])
    box = (float(x - width), float(y - height), float(x + width), float(y + height))
    return Face(box, (_pair(points[0]), _pair(points[1])), _pair(points[2]), face.score)


def _upright(photo: Photo, smallest: int) -> list[Face]:
    """Faces that stand within about 30 degrees of upright, found at several scales and joined."""
    longest = max(photo.shape[:2])
    scales = {min(80 / smallest, 2.0) if longest * 80 / smallest <= 2000 else min(2000 / longest, 2.0)}
    scales |= {_WORK / longest} if longest > _WORK else set()
    scales |= {300 / longest} if longest > 600 else set()
    candidates: list[Face] = []
    for scale in sorted(scales):
        candidates += [_scaled(face, 1 / scale) for face in _look(_resized(photo, scale))]
    return _apart(_best_first(candidates))


def _look(view: NDArray[np.uint8]) -> list[Face]:
    """Faces of a photo (H, W, 3), or of its luma (H, W), at one scale."""
    detector, landmarks, _ = _dlib()
    with _LOCK:
        boxes, scores, _ = detector.run(view, 0, _DOUBTFUL)
        shapes = [landmarks(view, box) for box in boxes]
    faces = []
    for box, score, shape in zip(boxes, scores, shapes, strict=True):
        points = np.array([(point.x, point.y) for point in shape.parts()], np.float64)  # right eye, left eye, nose
        eyes = sorted([tuple(points[0:2].mean(0)), tuple(points[2:4].mean(0))])
        bounds = (float(box.left()), float(box.top()), float(box.right()), float(box.bottom()))
        faces.append(Face(bounds, (_pair(eyes[0]), _pair(eyes[1])), _pair(points[4]), float(score)))
    return faces


def _pair(point: Any) -> tuple[float, float]:
    return float(point[0]), float(point[1])


def _scaled(face: Face, scale: float) -> Face:
    box = tuple(value * scale for value in face.box)
    move = [_pair(np.array(point) * scale) for point in (*face.eyes, face.nose)]
    return Face((box[0], box[1], box[2], box[3]), (move[0], move[1]), move[2], face.score)


def _overlap(a: tuple[float, float, float, float], b: tuple[float, float, float, float]) -> float:
    """Intersection over the smaller box."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    smaller = min((a[2] - a[0]) * (a[3] - a[1]), (b[2] - b[0]) * (b[3] - b[1]))
    return max(width, 0.0) * max(height, 0.0) / max(smaller, 1e-9)


def identity(square: Photo, *, jitter: int = 0) -> NDArray[np.float64]:
    """dlib's 128 numbers of an aligned square (H, W, 3): photos of one person lie within `SAME_PERSON` of each other.

    The square's own alignment is used, so that an edit cannot hide from the measure by hiding from the detector.
    """
    scale = _CHIP_SIDE / (_CHIP * square.shape[1])
    left, top = (0.5 - _CHIP / 2) * square.shape[1], (_CHIP_MIDDLE - _CHIP / 2) * square.shape[0]
    matrix = np.array([[scale, 0, -left * scale], [0, scale, -top * scale]])
    kind = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    chip = cv2.warpAffine(square, matrix, (_CHIP_SIDE, _CHIP_SIDE), flags=kind, borderMode=cv2.BORDER_REPLICATE)
    with _LOCK:
        numbers = _dlib()[2].compute_face_descriptor(np.ascontiguousarray(chip), jitter)
    return np.array(numbers)


def identity_distance(a: Photo, b: Photo) -> float:
    """Distance of two aligned squares' descriptors: 0 the same picture, under 0.6 one person, strangers about 0.8."""
    return float(np.linalg.norm(identity(a) - identity(b)))


@functools.cache
def _dlib() -> tuple[Any, Any, Any]:
    """Detector, 5 landmarks and identity network, loaded once."""
    import dlib

    folder = model_folder()
    return (
        dlib.get_frontal_face_detector(),
        dlib.shape_predictor(str(folder / "shape_predictor_5_face_landmarks.dat")),
        dlib.face_recognition_model_v1(str(folder / "dlib_face_recognition_resnet_model_v1.dat")),
    )


def model_folder() -> Path:
    """Where the package keeps dlib's files. CardError says what to install."""
    spec = importlib.util.find_spec("face_recognition_models")  # finds the folder without running the package's code
    for folder in (spec.submodule_search_locations or []) if spec else []:
        if (Path(folder) / "models").is_dir():
            return Path(folder) / "models"
    raise CardError("The files that find faces are missing. Install them: pip install -r requirements.txt.")
