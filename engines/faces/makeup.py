"""Makeup from a reference photo: the colours of lips, eyelids and skin, matched in statistics (the aim of BeautyGAN,
Li et al. 2018), region by region.

Regions come from dlib's 68 landmarks; that landmark file is for non-commercial use, like the face models here.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.core import faces
from engines.core.errors import OptionError
from engines.core.faces import Photo
from engines.faces.motion import Plane

REGIONS = ("lips", "eyes", "skin")
SIDE = 512  # of the squares that regions are found in
_LEAST = 40.0  # pixels of a region, below which nothing can be told of its colour
_SKIN_MOST = 9.0  # the most that skin may change, in units of Lab
_SKIN_LIGHT = 0.3  # how much of the reference's skin brightness is taken: its colour is makeup, its brightness is not
_BOX = (0.22, 0.33, 0.78, 0.89)  # where dlib's own box of an aligned square lies


def transferred(square: Photo, reference: Photo, strengths: Mapping[str, float]) -> Plane:
    """The square with the reference's makeup, float32 in [0, 1]; both aligned, uint8 (SIDE, SIDE, 3).

    strengths: region -> 0 to 1. Lips take the reference's colour, lids its difference to its own skin, and skin changes
    by little, so that makeup is transferred and not somebody else's complexion.
    """
    own, other = _lab(square), _lab(reference)
    masks, theirs = regions(square), regions(reference)
    result = own.copy()
    skin, their_skin = _moments(own, masks["skin"])[0], _moments(other, theirs["skin"])[0]
    powder = np.clip((their_skin - skin) * [_SKIN_LIGHT, 1, 1], -_SKIN_MOST, _SKIN_MOST).astype(np.float32)
    ground = skin + float(strengths.get("skin", 0.0)) * powder  # what lips and lids are seen against afterwards
    for name in REGIONS:
        strength = float(strengths.get(name, 0.0))
        if strength <= 0 or min(masks[name].sum(), theirs[name].sum()) < _LEAST:
            continue
        mean, spread = _moments(own, masks[name])
        their_mean, their_spread = _moments(other, theirs[name])
        if name == "skin":
            target, gain = mean + powder, np.ones(3, np.float32)
        else:
            target = ground + their_mean - their_skin
            if name == "lips":
                target[1:] = their_mean[1:]  # a lipstick has a colour of its own, an eyeshadow darkens
            gain = np.clip(their_spread / np.maximum(spread, 1e-3), 0.8, 1.25).astype(np.float32)
        moved = (own - mean) * gain + target
        result += strength * masks[name][..., None] * (moved - own)
    change = _rgb(result) - _rgb(own)  # the way to Lab and back moves colours by a few steps, so only changes are taken
    return np.asarray(np.clip(square.astype(np.float32) / np.float32(255) + change, 0, 1), np.float32)


def checked(strengths: Mapping[str, float]) -> dict[str, float]:
    """Strengths of regions. OptionError for one outside 0 to 1."""
    for name, value in strengths.items():
        if not 0 <= value <= 1:
            raise OptionError(f"{name.capitalize()} goes from 0 to 1; {value} is outside. Choose a value between.")
    return {name: float(value) for name, value in strengths.items()}


def regions(square: Photo) -> dict[str, Plane]:
    """Soft masks of an aligned square, float32 (H, W) from 0 to 1: lips, eyes (the lids), skin."""
    side = square.shape[0]
    points = landmarks(square)
    lips = np.clip(_filled(side, points[48:60]) - _filled(side, points[60:68]), 0, 1)
    openings = np.zeros((side, side), np.float32)
    lids = np.zeros((side, side), np.float32)
    for eye, brow in ((points[36:42], points[17:22]), (points[42:48], points[22:27])):
        openings = np.maximum(openings, _filled(side, eye))
        upper = brow + 0.35 * (eye[[0, 1, 2, 2, 3]].astype(np.float32) - brow)  # below the brow, not on it
        centre = eye.mean(0)
        under = centre + 1.25 * (eye[[3, 4, 5, 0]] - centre)
        lids = np.maximum(lids, _filled(side, np.concatenate([upper, under])))
    eyes = lids * (1 - cv2.GaussianBlur(openings, (0, 0), side / 300))
    face = _outline(side, points)
    brows = np.maximum(_filled(side, points[17:22]), _filled(side, points[22:27]))
    holes = cv2.dilate(np.maximum.reduce([lips, openings, brows, _filled(side, points[60:68])]), np.ones((7, 7)))
    skin = cv2.GaussianBlur(face * (1 - holes), (0, 0), side / 50) * _like_skin(square, points)
    soft = side / 140
    return {
        "lips": np.asarray(cv2.GaussianBlur(lips, (0, 0), soft), np.float32),
        "eyes": np.asarray(cv2.GaussianBlur(eyes, (0, 0), soft * 1.6), np.float32),
        "skin": np.asarray(skin, np.float32),
    }


def face(square: Photo) -> Plane:
    """Where an aligned square shows bare face, (H, W) from 0 to 1: brows to lips, and round them what is like skin."""
    side, points = square.shape[0], landmarks(square)
    features = np.zeros((side, side), np.float32)
    cv2.fillConvexPoly(features, cv2.convexHull(np.round(points[17:68]).astype(np.int32)), 1.0)
    skin = _outline(side, points) * _like_skin(square, points)
    return np.asarray(np.maximum(features, skin), np.float32)


def landmarks(square: Photo) -> NDArray[np.float32]:
    """dlib's 68 points of an aligned square, (68, 2) in its pixels."""
    side = square.shape[0]
    import dlib

    left, top, right, bottom = (round(part * side) for part in _BOX)
    shape = _predictor()(np.ascontiguousarray(square), dlib.rectangle(left, top, right, bottom))
    return np.array([(point.x, point.y) for point in shape.parts()], np.float32)


@functools.cache
def _predictor() -> Any:
    import dlib

    return dlib.shape_predictor(str(faces.model_folder() / "shape_predictor_68_face_landmarks.dat"))


def _filled(side: int, points: NDArray[np.float32]) -> Plane:
    mask = np.zeros((side, side), np.float32)
    cv2.fillPoly(mask, [np.round(points * 16).astype(np.int32)], 1.0, cv2.LINE_AA, 4)
    return np.clip(mask, 0, 1)


def _outline(side: int, points: NDArray[np.float32]) -> Plane:
    """The face from the chin to above the brows."""
    forehead = points[[26, 25, 24, 19, 18, 17]] - np.array([0, 0.5]) * (points[8, 1] - points[27, 1]) * 0.55
    return _filled(side, np.concatenate([points[0:17], forehead]))


def _like_skin(square: Photo, points: NDArray[np.float32]) -> Plane:
    """How much each pixel has the colour of the cheeks, (H, W): leaves hair and glasses out."""
    lab = _lab(square)
    cheeks = np.zeros(square.shape[:2], np.float32)
    for corner, wing in ((points[2], points[31]), (points[14], points[35])):
        cv2.circle(cheeks, tuple(np.round((corner + wing) / 2).astype(int).tolist()), square.shape[0] // 22, 1.0, -1)
    mean, spread = _moments(lab, cheeks)
    reach = np.maximum(spread * 3.5, [18, 7, 7])
    apart = np.sqrt((((lab - mean) / reach) ** 2).sum(2))
    return np.asarray(cv2.GaussianBlur(np.clip(2 - apart, 0, 1).astype(np.float32), (0, 0), 3), np.float32)


def _moments(lab: Plane, mask: Plane) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Weighted mean and standard deviation of the three channels."""
    weight = mask[..., None] / max(float(mask.sum()), 1e-6)
    mean = (lab * weight).sum((0, 1))
    spread = np.sqrt(np.maximum((((lab - mean) ** 2) * weight).sum((0, 1)), 0))
    return mean.astype(np.float32), spread.astype(np.float32)


def _lab(square: Photo) -> Plane:
    return np.asarray(cv2.cvtColor(square.astype(np.float32) / 255, cv2.COLOR_RGB2LAB), np.float32)


def _rgb(lab: Plane) -> Plane:
    return np.clip(np.asarray(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB), np.float32), 0, 1)
