"""How much of a thing a box selects, against outlines drawn by hand.

    python -m tests.bench.selecting --data shared/data [--margin 5] [--fit]

outlines.json has the outlines of 24 things in photos that no network was trained on, as polygons in pixels of 288 (x,
y, x, y …). Each is boxed as a person would, `margin` pixels around it, and selected as on the page. Overlap is
intersection over union; "left" is the part of the thing that lies more than REACH pixels outside the mask, as a removal
would leave it; "over" is background in the mask, in parts of the thing.
--fit: also what engines/inpaint/boxes.py reaches on things it was not fitted to (each thing is judged by weights fitted
to the 23 others, at three margins), and the weights that all 24 give (its VOICES and OFFSET).
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.inpaint import boxes
from engines.inpaint.select import selected
from engines.train.data import load_pictures

OUTLINES = Path(__file__).with_name("outlines.json")
SIDE = 288
REACH = 3  # pixels of expansion
FINE = 8  # polygons are drawn this much larger
MARGIN, MARGINS = 5, (2, 5, 12)
Places = NDArray[np.bool_]


@dataclass(frozen=True)
class Thing:
    """name; photo (SIDE, SIDE, 3); truth (SIDE, SIDE), true in the thing."""

    name: str
    photo: NDArray[np.uint8]
    truth: Places

    def box(self, margin: int = MARGIN) -> tuple[int, int, int, int]:
        """left, top, right, bottom, so many pixels around the thing, inside the photo."""
        ys, xs = np.nonzero(self.truth)
        left, top, right, bottom = int(xs.min()), int(ys.min()), int(xs.max()) + 1, int(ys.max()) + 1
        return max(0, left - margin), max(0, top - margin), min(SIDE, right + margin), min(SIDE, bottom + margin)


def main(argv: list[str] | None = None) -> int:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="the folder of the recipe's archives")
    parser.add_argument("--margin", type=int, default=MARGIN, help="pixels between a thing and its box")
    parser.add_argument("--fit", action="store_true", help="judge each thing by weights fitted to the others")
    args = parser.parse_args(argv)
    all_things = things(args.data)
    rows = []
    for thing in all_things:
        box, started = thing.box(args.margin), time.perf_counter()
        mask = selected(thing.photo, [], box=box) > 0
        rows.append((*judged(mask, thing.truth), time.perf_counter() - started))
        print(_line(thing.name, np.array(rows[-1:])))
    print(_line("mean", np.array(rows)))
    if args.fit:
        fit(all_things)
    return 0


def things(data: Path) -> list[Thing]:
    """The 24 things in the photos that recipes hold out."""
    photos = load_pictures([data / "photos_288.zip"], resolution=SIDE).split(60)[1].images
    found = []
    for number, told in json.loads(OUTLINES.read_text()).items():
        photo = np.ascontiguousarray(photos[int(number)].permute(1, 2, 0).numpy(), np.uint8)
        found.append(Thing(told["name"], photo, drawn(told["outlines"])))
    return found


def drawn(outlines: list[list[int]]) -> Places:
    """What polygons enclose, (SIDE, SIDE)."""
    large = np.zeros((SIDE * FINE, SIDE * FINE), np.uint8)
    for outline in outlines:
        cv2.fillPoly(large, [np.array(outline, np.int32).reshape(-1, 2) * FINE + FINE // 2], 255)
    return np.asarray(cv2.resize(large, (SIDE, SIDE), interpolation=cv2.INTER_AREA) > 127)


def judged(mask: Places, truth: Places) -> tuple[float, float, float]:
    """Overlap, what is left of the thing, and what is too much, in parts of the thing."""
    round_ = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * REACH + 1, 2 * REACH + 1))
    wide = cv2.dilate(mask.astype(np.uint8), round_) > 0
    whole = float(truth.sum())
    overlap = float((mask & truth).sum() / (mask | truth).sum())
    return overlap, float((truth & ~wide).sum()) / whole, float((mask & ~truth).sum()) / whole


def fit(all_things: list[Thing]) -> None:
    """Weights of the voices by logistic regression; each thing counts the same and is judged by those of the others."""
    cases = [(thing, margin, *_heard(thing, margin)) for thing in all_things for margin in MARGINS]
    rows: dict[int, list[Any]] = {margin: [] for margin in MARGINS}
    for thing in all_things:
        weights = _fitted([(x, y) for other, _, x, y in cases if other is not thing])
        for margin in MARGINS:
            mask = _with(weights, thing, margin)
            rows[margin].append((*judged(mask, thing.truth), 0.0))
    for margin in MARGINS:
        print(_line(f"not fitted to it, {margin} px", np.array(rows[margin])))
    weights = _fitted([(x, y) for _, _, x, y in cases])
    print("VOICES =", tuple(float(value) for value in weights[:-1].round(4)), "OFFSET =", round(float(weights[-1]), 4))


def _heard(thing: Thing, margin: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """What the voices say in a box, (N, voices), and what is true there, (N,): every 7th place."""
    part, inside = _part(thing, margin)
    view, place = boxes.small_view(thing.photo[part], inside)
    wanted = thing.truth[part].astype(np.float32)
    truth = cv2.resize(wanted, place.shape[::-1], interpolation=cv2.INTER_AREA)[place] > 0.5
    return boxes.voices(view, place)[::7], truth[::7].astype(np.float64)


def _part(thing: Thing, margin: int) -> tuple[tuple[slice, slice], Places]:
    left, top, right, bottom = thing.box(margin)
    inside = np.zeros((SIDE, SIDE), bool)
    inside[top:bottom, left:right] = True
    part = boxes.surroundings(inside)
    return part, inside[part]


def _fitted(cases: list[tuple[NDArray[Any], NDArray[Any]]]) -> NDArray[np.float64]:
    """(voices + 1,): logistic regression by Newton's method, in standardised voices."""
    x = np.concatenate([heard for heard, _ in cases])
    y = np.concatenate([truth for _, truth in cases])
    share = np.concatenate([np.full(len(truth), 1 / len(truth)) for _, truth in cases])
    mean, deviation = x.mean(0), x.std(0)
    x = np.c_[(x - mean) / deviation, np.ones(len(x))]
    weights = np.zeros(x.shape[1])
    for _ in range(25):
        likely = 1 / (1 + np.exp(-x @ weights))
        slope = x.T @ (share * (likely - y)) + 1e-2 * weights
        bend = (x * (share * likely * (1 - likely))[:, None]).T @ x + 1e-2 * np.eye(x.shape[1])
        weights = weights - np.linalg.solve(bend, slope)
    return np.append(weights[:-1] / deviation, weights[-1] - (weights[:-1] * mean / deviation).sum())


def _with(weights: NDArray[np.float64], thing: Thing, margin: int) -> Places:
    """What other weights would select."""
    part, inside = _part(thing, margin)
    out = np.zeros((SIDE, SIDE), bool)
    out[part] = boxes.part_of(thing.photo[part], inside, weights) > 0
    return out


def _line(name: str, rows: NDArray[Any]) -> str:
    overlap, left, over, seconds = rows.mean(0)
    some = f", more than 3 % left of {int((rows[:, 1] > 0.03).sum())} of {len(rows)}" if len(rows) > 1 else ""
    return f"{name:26s} overlap {overlap:.3f}  left {left:6.1%}  over {over:6.1%}  {seconds:.2f} s{some}"


if __name__ == "__main__":
    sys.exit(main())
