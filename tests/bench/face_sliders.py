"""What each slider of a generator does to new people; run by `python -m tests.bench.faces sliders`."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engines.core.faces import identity
from engines.core.image import Pixels
from engines.face_editing import FaceEditing
from engines.faces import makeup
from engines.models.face_attributes import FaceAttributes
from engines.train.recipes.encoder import ASSETS, load_module
from engines.train.responses import Scores, pose
from engines.train.sliders import COUPLES, HELD, POSE, SLIDERS

THIRDS = 3  # steps of a slider's way from 0 to 1
SAMPLE = 200  # new people at truncation 1 whose standard deviation is the unit of every score
SLIP = 0.02  # of it, by which a score may fall from one point to the next and still rise
OPEN = "openness"
SEEN = {"eyes": OPEN}  # sliders that are drawn where the score by which their direction was found hardly sees it
_LARGE, _JITTER = 1024, (-0.03, 0.0, 0.03)  # side at which landmarks are looked for, and shifts of it
Values = NDArray[np.float64]


@dataclass(frozen=True)
class Reader:
    """What is read off pictures: the scores of `engines.train.responses`, with light in CIE Lab, the pose, and how far
    eyes are open.
    """

    scores: Scores

    @staticmethod
    def shipped() -> Reader:
        """With the face reader that ships."""
        return Reader(Scores(load_module(ASSETS / "face-attributes.toml", FaceAttributes)))

    @property
    def names(self) -> tuple[str, ...]:
        return (*self.scores.names, *POSE, OPEN)

    @torch.no_grad()
    def read(self, frames: Sequence[Pixels], *, posed: bool, opened: bool = False) -> Values:
        """Scores of aligned pictures, (N, names); NaN for the pose and open eyes where nobody asks: dlib is slow."""
        images = _tensor(frames)
        turned = pose(images) if posed else torch.full((len(images), len(POSE)), float("nan"))
        open_ = torch.tensor([[openness(frame) if opened else float("nan")] for frame in frames])
        read = torch.cat([self.scores(part) for part in torch.split(images, 50)])
        values = torch.cat([read, turned, open_], 1).double().numpy()
        lab = np.array([_lab_of_face(frame) for frame in frames])
        values[:, self.names.index("exposure")], values[:, self.names.index("warmth")] = lab[:, 0], lab[:, 2]
        return np.asarray(values, np.float64)


def _tensor(frames: Sequence[Pixels]) -> Tensor:
    stacked = torch.from_numpy(np.stack(frames))
    return stacked.permute(0, 3, 1, 2).float() / 127.5 - 1


def openness(frame: Pixels) -> float:
    """Mean height of an aligned picture's eyes over their width (eye aspect ratio, Soukupova and Cech 2016).

    dlib's landmarks are whole pixels and tremble, so it is the mean of six looks at the picture, enlarged and shifted.
    """
    grown, ratios = _LARGE / frame.shape[0], []
    for shift in _JITTER:
        matrix = np.array([[grown, 0, shift * _LARGE], [0, grown, 0.7 * shift * _LARGE]])
        view = cv2.warpAffine(
            frame, matrix, (_LARGE, _LARGE), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
        ).astype(np.uint8)
        for side in (view, np.ascontiguousarray(view[:, ::-1])):
            points = makeup.landmarks(side).astype(np.float64)
            for first in (36, 42):
                left, above, over, right, under, below = points[first : first + 6]
                height = np.hypot(*(above - below)) + np.hypot(*(over - under))
                ratios.append(height / 2 / np.hypot(*(right - left)))
    return float(np.mean(ratios))


def _lab_of_face(view: Pixels) -> Any:
    """Mean CIE Lab of the face in an aligned picture."""
    side = view.shape[0]
    face = view[round(0.4 * side) : round(0.8 * side), round(0.3 * side) : round(0.7 * side)]
    return cv2.cvtColor(face.astype(np.float32) / 255, cv2.COLOR_RGB2LAB).reshape(-1, 3).mean(0)


def measured(faces: FaceEditing, count: int, model: str, only: Sequence[str]) -> dict[str, Any]:
    """For each slider over new people: on how many its score rises all the way, identity distance, what else moves.

    moves: the median of its own move from end to end, in standard deviations of the score among new people.
    others: the largest median move of another held score over that, and beside: whose it is; each: the largest median
    of its absolute moves, which also counts what goes up in one person and down in the next. Left out is what belongs
    to the slider by nature, `couples`, each with its own share and the reason.  bound: the identity distance that the
    generator's file states (a median).
    """
    reader = Reader.shipped()
    sample = [faces.render(faces.latents(seed, truncation=1.0, model=model)) for seed in range(2000, 2000 + SAMPLE)]
    spread = np.nanstd(reader.read(sample, posed=True, opened=True), axis=0)
    people = [faces.latents(seed, model=model) for seed in range(1000, 1000 + count)]
    themselves = [identity(faces.render(one)) for one in people]
    table: dict[str, Any] = {}
    for slider in faces.sliders(model=model):
        if only and slider.name not in only:
            continue
        points = np.linspace(slider.least, 1, 1 + round(THIRDS * (1 - slider.least)))
        views = [[faces.render(one, {slider.name: float(point)}) for one in people] for point in points]
        score = SEEN.get(slider.name) or next(one.score for one in SLIDERS if one.name == slider.name)
        last = len(points) - 1
        read = [
            reader.read(row, posed=score in POSE or at in (0, last), opened=score == OPEN)
            for at, row in enumerate(views)
        ]
        path = np.array(read) / spread  # (points, people, scores)
        away = [
            [float(np.linalg.norm(identity(view) - known)) for view, known in zip(row, themselves, strict=True)]
            for row in (views[0], views[-1])
        ]
        table[slider.name] = told(slider.name, score, reader.names, path) | {
            "identity_median": round(max(statistics.median(end) for end in away), 3),
            "identity_worst": round(max(map(max, away)), 3),
            "bound": slider.identity,
        }
        if score in ("exposure", "warmth", *POSE, OPEN):
            column = np.array(read)[:, :, reader.names.index(score)]
            table[slider.name]["from_to"] = [round(float(np.nanmedian(column[at])), 3) for at in (0, last)]
        print(slider.name, table[slider.name], file=sys.stderr, flush=True)
    return table


def told(name: str, score: str, names: Sequence[str], path: Values) -> dict[str, Any]:
    """What a path (points, people, scores) in standard deviations says of a slider and its score."""
    own, sign = names.index(score.lstrip("-")), -1 if score.startswith("-") else 1
    steps = np.diff(sign * path[:, :, own], axis=0).min(0)  # (people,), the least of each; NaN where dlib saw no face
    moves = path[-1] - path[0]  # (people, scores)
    effect = float(np.nanmedian(np.abs(moves[:, own])))
    held = [other for other in HELD if other != score.lstrip("-")]
    together = {other: abs(float(np.nanmedian(moves[:, names.index(other)]))) / effect for other in held}
    each = {other: float(np.nanmedian(np.abs(moves[:, names.index(other)]))) / effect for other in held}
    couples = [other for other in COUPLES.get(name, ()) if other in held]
    most = max((other for other in held if other not in couples), key=lambda other: together[other])
    return {
        "monotone": float((steps[np.isfinite(steps)] > -SLIP).mean()),
        "moves": round(effect, 2),
        "others": round(together[most], 2),
        "beside": most,
        "each": round(max(each[other] for other in held if other not in couples), 2),
        "couples": {other: f"{together[other]:.2f}, {COUPLES[name][other]}" for other in couples},
    }
