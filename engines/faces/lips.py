"""A mouth that opens in a photo with the photo's own lips: they are drawn apart, and only what lies between is new.

How lips and chin move is read off two pictures of a likeness, by landmarks, and done to the photo along a thin-plate
spline (Bookstein 1989). Between them shows the likeness's mouth with its teeth; a mouth that showed its own keeps
those. Pictures are float32 (S, S, 3) in about [0, 1], aligned as in engines/core/faces.py; points are those of dlib,
(68, 2) at (x, y) in parts of the side.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.core.faces import Photo
from engines.faces.generator import to_frame
from engines.faces.makeup import landmarks
from engines.faces.motion import FLOW_SIDE, LUMA, Change, Plane, even, resized, smooth, warped
from engines.faces.pasting import STALE, WORK

Points = NDArray[np.float64]
_LOOK = 512  # side at which landmarks are looked for
_SEEN = 0.5  # light that a face's lightest parts have at least where landmarks are looked for
_JITTER = (-0.02, 0.0, 0.02)  # shifts at which is looked, in sides
_MIRRORED = np.r_[  # dlib's points in a mirrored face
    16:-1:-1, 26:16:-1, 27:31, 35:30:-1, 45:41:-1, 47, 46, 39:35:-1, 41, 40, 54:47:-1, 59:54:-1, 64:59:-1, 67:64:-1
]
_GRID = 32  # of places at which the spline is worked out, a side
_JAW, _REST = slice(4, 13), np.r_[0:4, 13:48]
_JAW_PART = 0.7  # of the jaw's motion: its landmarks are the least sure
_STIFF = 1e-4  # smoothing of the spline
_RIM = 0.004  # blur of the line between lips and mouth, in sides
_OWN = 0.42, 0.54  # height of the own opening over the new one: from the second on its teeth are the photo's,
_SHOWN = 0.2, 0.3  # if so much of it is teeth;
_HARDLY = 0.8, 0.95  # and whatever it is where it hardly opens
_LIT, _PALE = 0.7, 0.75  # of teeth: as light, and no redder, over the skin around;
_ROSY = 0.05  # unless that skin has no more colour than this
_FURTHER, _LEAST = 2.0, 0.4  # times as far as the likeness a mouth shuts, to what part of its height if it shows teeth
_SHADE = 7.0  # blur beyond which a difference is light, in pixels of the flow
_LIGHTEST = 0.84  # of teeth
_LIT_BY, _TINT = 0.9, 1.12  # how far they follow the light on the skin, as a power; and its colour, at most


def opened(square: Photo, wide: Change) -> tuple[Plane, Plane]:
    """The square (S, S, 3) with its mouth opened as `wide.after` opens that of `wide.before`, and how much of each
    place is new or moved there, (S, S, 1) from 0 to 1.
    """
    side = square.shape[0]
    own = square.astype(np.float32) / np.float32(255)
    before, after = wide.points or (points(wide.before), points(wide.after))
    mine = points(own)
    move = after - before
    move[_JAW] *= _JAW_PART
    move[_REST] = 0
    teeth = smooth(_teeth(own, mine), *_SHOWN)
    left = 1 - _FURTHER * (1 - _height(after) / max(_height(before), 1e-6))  # of the own opening, as the mouth shuts
    there = mine + move if left > 1 else _shut(mine + move, max(left, _LEAST * float(teeth)) * _height(mine))
    flow = _flow(there, mine, side)
    light, skin = _light(wide, before, after, there)
    made = np.asarray(warped(own, flow) + even(light, side), np.float32)
    inside = _within(there[60:], side, _RIM)[..., None]
    mouth = _mouth(wide, made, skin, inside, _flow(there, after, side))
    part = np.array(_height(mine) / max(_height(there), 1e-6))
    keep = np.maximum(smooth(part, *_OWN) * teeth, smooth(part, *_HARDLY))
    cover = inside * np.float32(1 - keep)
    moved = cover
    if side < WORK:
        moved = np.maximum(cover, smooth(np.hypot(flow[..., 0], flow[..., 1]), *STALE)[..., None])
    return np.asarray(np.clip(made + cover * (mouth - made), 0, 1), np.float32), moved


def _shut(points: Points, height: float) -> Points:
    """Lips drawn together, the lower one by more, until this is between them."""
    over = _height(points) - height
    shut = points.copy()
    for part, lower, upper in ((1.0, (65, 66, 67, 56, 57, 58), (61, 62, 63, 50, 51, 52)), (0.5, (55, 59), (49, 53))):
        shut[list(lower), 1] -= 0.6 * part * over
        shut[list(upper), 1] += 0.4 * part * over
    crossed = np.maximum(shut[[61, 62, 63], 1] - shut[[67, 66, 65], 1], 0) / 2
    shut[[61, 62, 63], 1] -= crossed
    shut[[67, 66, 65], 1] += crossed
    return shut


def _mouth(wide: Change, made: Plane, skin: Plane, inside: Plane, flow: Plane) -> Plane:
    """The likeness's open mouth where a flow brings it, (S, S, 3), in the light that lies on the skin of `made`.

    inside: where it will show, (S, S, 1).
    """
    picture = resized(wide.after if wide.sharp is None else wide.sharp, made.shape[0])
    theirs, ours = ((resized(part, FLOW_SIDE) * skin).sum((0, 1)) / skin.sum() for part in (wide.after, made))
    mouth = _lit(warped(picture, flow), np.asarray(theirs, np.float32), np.asarray(ours, np.float32))
    shown = (mouth @ LUMA)[inside[..., 0] > 0.5]
    lightest = float(np.quantile(shown, 0.9)) if shown.size else 0.0
    return np.asarray(mouth * min(1.0, _LIGHTEST / max(lightest, 1e-3)), np.float32)


def _lit(mouth: Plane, theirs: Plane, ours: Plane) -> Plane:
    """A mouth beside skin of one colour (3,) as it is beside skin of another: as light to it, tinted by the light's
    colour as far as that can be told from the skin's own, and no more colourful than the photo.
    """
    dark, light = (max(float(skin @ LUMA), 0.02) for skin in (theirs, ours))
    tint = (np.clip(ours, 0.01, 1) / light) / (np.clip(theirs, 0.01, 1) / dark)
    mouth = mouth * np.float32((light / dark) ** _LIT_BY) * np.clip(tint, 1 / _TINT, _TINT).astype(np.float32)
    rich = float(np.ptp(ours) / light) / max(float(np.ptp(theirs) / dark), 1e-3)
    grey = (mouth @ LUMA)[..., None]
    return np.asarray(grey + np.float32(min(1.0, rich)) * (mouth - grey), np.float32)


def points(picture: Plane, *, steady: bool = False) -> Points:
    """dlib's landmarks of an aligned picture (S, S, 3).  steady: the mean of six looks, since they tremble."""
    grown, found = _LOOK / picture.shape[0], []
    middle = picture[len(picture) // 4 : -len(picture) // 8 or None, len(picture) // 4 : -len(picture) // 4 or None]
    picture = picture * np.float32(np.clip(_SEEN / max(float(np.quantile(middle, 0.95)), 1e-3), 1, 10))  # a dark photo
    for shift in _JITTER if steady else (0.0,):
        matrix = np.array([[grown, 0, shift * _LOOK], [0, grown, 0.7 * shift * _LOOK]])
        view = cv2.warpAffine(picture, matrix, (_LOOK,) * 2, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        frame = to_frame(np.asarray(view, np.float32))
        looks = [landmarks(frame)]
        if steady:
            turned = landmarks(np.ascontiguousarray(frame[:, ::-1]))[_MIRRORED]
            looks.append(np.array([_LOOK - 1, 0], np.float32) + turned * np.array([-1, 1], np.float32))
        found += [(look.astype(np.float64) + 0.5) / _LOOK - (shift, 0.7 * shift) for look in looks]
    return np.asarray(np.mean(found, 0))


def _height(points: Points) -> float:
    """Of what is between the lips."""
    return float((points[[67, 66, 65], 1] - points[[61, 62, 63], 1]).mean())


def _teeth(own: Plane, mine: Points) -> Plane:
    """How much of what is between the lips is teeth, () from 0 to 1."""
    small = even(own, FLOW_SIDE)
    open_ = _within(mine[60:], FLOW_SIDE, 0.0) > 0.6
    lips = _within(mine[48:60], FLOW_SIDE, _RIM)
    skin = (cv2.dilate(lips, np.ones((FLOW_SIDE // 12,) * 2, np.uint8)) > 0.5) & (lips < 0.1)
    if not (open_.any() and skin.any()):
        return np.zeros((), np.float32)
    light = small @ LUMA
    red = (small[..., 0] - small[..., 1]) / np.maximum(light, np.float32(0.05))
    rosy = float(np.median(red[skin]))
    lit = light > (_LIT if rosy > _ROSY else 1.0) * np.median(light[skin])
    pale = red < max(_PALE * rosy, _ROSY)
    return np.asarray((lit & pale)[open_].mean(), np.float32)


def _light(wide: Change, before: Points, moved: Points, there: Points) -> tuple[Plane, Plane]:
    """The light and shade that a smile brings beside what moves, (S, S, 3), and where skin is around the lips, (S, S,
    1); both of FLOW_SIDE.
    """
    near, region = wide.at(FLOW_SIDE), _region(FLOW_SIDE)[..., None]
    left = near.after - warped(near.before, _flow(moved, before, FLOW_SIDE))
    lips = np.maximum(*(_within(points[48:60], FLOW_SIDE, _RIM) for points in (there, moved)))
    skin = np.asarray((1 - lips[..., None]) * region + np.float32(1e-3), np.float32)
    total, weight = (cv2.GaussianBlur(plane, (0, 0), _SHADE) for plane in (left * skin, skin))
    around = cv2.dilate(lips, np.ones((FLOW_SIDE // 12,) * 2, np.uint8))[..., None]
    rim = np.asarray(around * (1 - lips[..., None]) + 1e-6, np.float32)
    return np.asarray(region * total / weight[..., None], np.float32), rim


def _within(line: Points, side: int, soft: float) -> Plane:
    """How far each place is within a line, (side, side), 0 to 1."""
    mask = np.zeros((side, side), np.float32)
    cv2.fillPoly(mask, [np.round(line * side * 16 - 8).astype(np.int32)], 1.0, cv2.LINE_AA, 4)
    return np.asarray(cv2.GaussianBlur(mask, (0, 0), max(soft * side, 0.6)), np.float32)


def _region(side: int) -> Plane:
    """1 around the mouth, falling to 0 towards eyes and ears."""
    x, y = np.meshgrid(*((np.arange(side, dtype=np.float32) + 0.5) / side,) * 2)
    return smooth(np.asarray(1.6 - np.hypot((x - 0.5) / 0.22, (y - 0.72) / 0.19), np.float32), 0, 0.6)


def _flow(there: Points, here: Points, side: int) -> Plane:
    """Where each pixel of a square comes from so that what is `here` gets `there`, (side, side, 2) as of `motion`."""
    edge = np.array([(x, y) for x in (0, 0.5, 1) for y in (0, 0.5, 1) if (x, y) != (0.5, 0.5)])
    to, source = np.concatenate([there, edge]), np.concatenate([here, edge])
    at = (np.arange(_GRID) + 0.5) / _GRID
    grid = np.stack(np.meshgrid(at, at), -1).reshape(-1, 2)
    found = _spline(to, source - to, grid).reshape(_GRID, _GRID, 2).astype(np.float32)
    flow = cv2.resize(found, (side, side), interpolation=cv2.INTER_CUBIC) * np.float32(side)
    return np.asarray(flow * _region(side)[..., None], np.float32)


def _spline(at: Points, values: Points, where: Points) -> Points:
    """The smoothest field (M, 2) at places (M, 2) that has about such values (N, 2) at such points (N, 2)."""

    def kernel(one: Points, other: Points) -> Points:
        square = np.square(one[:, None] - other).sum(2)
        return np.asarray(square * np.log(np.maximum(square, 1e-12)))

    count, affine = len(at), np.column_stack([np.ones(len(at)), at])
    system = np.zeros((count + 3, count + 3))
    system[:count, :count] = kernel(at, at) + _STIFF * np.eye(count)
    system[:count, count:], system[count:, :count] = affine, affine.T
    found = np.linalg.solve(system, np.concatenate([values, np.zeros((3, 2))]))
    return np.asarray(kernel(where, at) @ found[:count] + np.column_stack([np.ones(len(where)), where]) @ found[count:])
