"""Quality and speed of face editing, measured.

    python -m tests.bench.faces inversion [--data faces.zip] [--count 10]   how alike a photo's copy is, and seconds
    python -m tests.bench.faces sliders [--count 50]                        monotone, identity, what else moves
    python -m tests.bench.faces ages --data faces.zip [--count 20]          which ages in years are reached
    python -m tests.bench.faces turns [--data faces.zip] [--count 10]       what a turned head changes beside its neck
    python -m tests.bench.faces latency                                     a dragged slider's frame, 1 and 10 users
    python -m tests.bench.faces strips OUT [PHOTO …]                        every slider on photos, to be looked at

--model ID takes another generator than the page's.

Photos are scikit-image's astronaut and, with --data, aligned squares from a zip: of a set that networks here were
trained on, only pictures that every recipe held out.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import statistics
import sys
import threading
import time
import zipfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from engines import Engines
from engines.core.faces import TEMPLATE, Face
from engines.core.image import read_image
from engines.core.job import Job
from engines.face_editing import FaceEditing
from engines.faces.newcomers import MODEL
from engines.faces.parting import parts_of
from engines.faces.pasting import aligned
from engines.faces.photos import Ages
from engines.faces.workshop import Workshop
from engines.train.metrics import perceptual_distance

from . import face_sliders

Photo = NDArray[np.uint8]
HELD_OUT = 60  # pictures of each archive that no recipe trains on: encoder 400, parts 100, colours and inpainting 60
ASKED = (16, 20, 25, 30, 40, 50, 60, 70, 80, 90)  # years


def astronaut() -> Photo:
    from skimage import data

    return np.ascontiguousarray(data.astronaut(), np.uint8)  # type: ignore[no-untyped-call]


def squares(path: Path, count: int) -> list[Photo]:
    """Aligned pictures from a zip, drawn with a fixed seed from those that `train.data.Pictures.split` holds out."""
    if count > HELD_OUT:
        raise SystemExit(f"Only {HELD_OUT} pictures of a set are held out by every recipe; --count {count} is more.")
    with zipfile.ZipFile(path) as archive:
        names = [name for name in archive.namelist() if name.lower().endswith((".webp", ".png", ".jpg"))]
        names.sort(key=lambda name: hashlib.sha256(f"{path.stem}/{name}".encode()).hexdigest())
        picked = np.random.default_rng(5).permutation(min(len(names), HELD_OUT))[:count]
        return [np.asarray(Image.open(io.BytesIO(archive.read(names[i]))).convert("RGB")) for i in picked]


def whole(side: int) -> Face:
    """The face of an aligned square."""
    eyes, nose = TEMPLATE[:2] * side, TEMPLATE[2] * side
    box = (side * 0.22, side * 0.33, side * 0.78, side * 0.89)
    return Face(box, ((eyes[0][0], eyes[0][1]), (eyes[1][0], eyes[1][1])), (nose[0], nose[1]), 1.0)


def inversion(faces: FaceEditing, data: Path | None, count: int, model: str) -> dict[str, Any]:
    """Identity and perceptual distance and error before and after tuning, and seconds, median and worst."""
    photos: list[tuple[Photo, Any]] = [(astronaut(), 0)]
    photos += [(square, whole(square.shape[0])) for square in (squares(data, count) if data else [])]
    rows = []
    for photo, face in photos:
        start = time.perf_counter()
        first = faces.invert(photo, face, model=model)
        middle = time.perf_counter()
        tuned = faces.refine(first)
        end = time.perf_counter()
        look, look_tuned = (perceptual(faces.render(one), one.square) for one in (first, tuned))
        alike = [first.distance, tuned.distance, look, look_tuned, first.error, tuned.error]
        rows.append([*alike, middle - start, end - start])
        print(" ".join(f"{value:.2f}" for value in rows[-1]), file=sys.stderr, flush=True)
    names = ["distance", "distance_tuned", "perceptual", "perceptual_tuned", "error", "error_tuned"]
    names += ["seconds_first", "seconds_tuned"]
    columns = dict(zip(names, np.array(rows).T, strict=True))
    return {name: {"median": float(np.median(c)), "worst": float(c.max())} for name, c in columns.items()}


def perceptual(picture: Photo, other: Photo) -> float:
    """The distance of `metrics.perceptual_distance` between two pictures (S, S, 3)."""
    one, two = (torch.from_numpy(np.ascontiguousarray(frame)).permute(2, 0, 1)[None] for frame in (picture, other))
    return float(perceptual_distance(one, two))


def ages(engines: Engines, data: Path, count: int, model: str) -> dict[str, Any]:
    """For each age that is asked for on how many photos it is reached within 3 years, and the ends that are.

    Each face is looked at along its age slider once, as for a strip of ages.
    """
    faces, shop = engines[FaceEditing], Workshop(engines.catalogue, engines.residency)
    rows, before, distances = [], [], []
    for square in squares(data, count):
        inverted = faces.refine(faces.invert(square, whole(square.shape[0]), model=model))
        with shop.generator(model, Job()) as generator:
            looks = Ages.of(shop, generator, square, inverted, Job(), {})
            done = [looks.at(years, keep=0, sharpen=0, job=Job()) for years in ASKED]
        rows.append([one.age_after for one in done])
        distances.append([one.distance for one in done])
        before.append(looks.before)
        print(f"{before[-1]:.0f}:", *(f"{age:.0f}" for age in rows[-1]), file=sys.stderr, flush=True)
    reached = np.array(rows, np.float64)  # (photos, asked)
    close = np.abs(reached - ASKED) <= 3
    ends = {"youngest": reached[:, 0], "oldest": reached[:, -1], "before": np.array(before, np.float64)}
    table: dict[str, Any] = {
        name: {
            "median": round(float(np.median(c)), 1),
            "from": round(float(c.min()), 1),
            "to": round(float(c.max()), 1),
        }
        for name, c in ends.items()
    }
    table["reached_on"] = {str(years): int(close[:, index].sum()) for index, years in enumerate(ASKED)}
    table["median"] = {str(years): round(float(np.median(reached[:, index])), 1) for index, years in enumerate(ASKED)}
    table["identity_distance"] = [round(float(np.median(distances)), 3), round(float(np.max(distances)), 3)]
    return table


def turns(engines: Engines, data: Path | None, count: int, model: str) -> dict[str, Any]:
    """At both ends of the yaw slider: identity distance, and how much changes beside the neck, of 255."""
    faces, shop = engines[FaceEditing], Workshop(engines.catalogue, engines.residency)
    others = squares(data, count) if data else []
    photos = [astronaut(), *(np.pad(one, ((32, 32), (32, 32), (0, 0)), "reflect") for one in others)]
    side, rows = 256, []
    y, x = (np.mgrid[0:side, 0:side] + 0.5) / side
    for photo in photos:
        inverted = faces.refine(faces.invert(photo, model=model))
        head = cv2.resize(parts_of(shop, inverted.square, Job()).outline.head, (side, side))
        beside = (head == 0) & (y > 0.78) & (y < 0.95) & (np.abs(x - 0.5) < 0.4)
        for end in (-1.0, 1.0):
            done = faces.finish(photo, inverted, {"yaw": end})
            was, now = (aligned(one, inverted.face, side).astype(np.float32) for one in (photo, done.pixels))
            rows.append((np.abs(was - now).mean(2)[beside].mean() if beside.any() else 0.0, done.distance))
        print(*(f"{change:.1f} {distance:.2f}" for change, distance in rows[-2:]), file=sys.stderr, flush=True)
    return {
        name: {"median": round(float(np.median(column)), 2), "worst": round(float(np.max(column)), 2)}
        for name, column in zip(("beside_the_neck", "identity_distance"), np.array(rows).T, strict=True)
    }


def latency(faces: FaceEditing, model: str) -> dict[str, Any]:
    """Milliseconds of one frame with tuning, alone and with ten users dragging at once."""
    tuned = faces.refine(faces.invert(astronaut(), steps=5, model=model), steps=2)
    name = faces.sliders(model=model)[0].name
    lock, times = threading.Lock(), list[float]()

    def drag(frames: int) -> None:
        for index in range(frames):
            start = time.perf_counter()
            faces.render(tuned, {name: (index % 20) / 20})
            with lock:
                times.append((time.perf_counter() - start) * 1000)

    result = {}
    for users in (1, 10):
        times.clear()
        threads = [threading.Thread(target=drag, args=(30,)) for _ in range(users)]
        begin = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        seconds = time.perf_counter() - begin
        result[f"{users} users"] = {
            "median_ms": round(statistics.median(times), 1),
            "p95_ms": round(float(np.percentile(times, 95)), 1),
            "frames_per_second": round(len(times) / seconds, 1),
        }
    return result


def strips(faces: FaceEditing, target: Path, photos: list[Path], model: str) -> dict[str, Any]:
    """One picture a photo: a row a slider, from -1 to 1, at the photo's own size around the face."""
    target.mkdir(parents=True, exist_ok=True)
    made = {}
    sources = [("astronaut", astronaut())] + [(path.stem, read_image(path).pixels[..., :3]) for path in photos]
    for stem, photo in sources:
        inverted = faces.refine(faces.invert(photo, model=model))
        rows = []
        for slider in faces.sliders(model=model):
            row = []
            for value in (-1.0, -0.5, 0.0, 0.5, 1.0):
                done = faces.finish(photo, inverted, {slider.name: value})
                left, top, right, bottom = done.box
                cell = np.ascontiguousarray(done.pixels[top:bottom, left:right, :3], np.uint8)
                label = f"{slider.name} {value:+.1f}  {done.distance:.2f}"
                cv2.putText(cell, label, (4, 14), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (255, 255, 255), 1, cv2.LINE_AA)
                row.append(cell)
            rows.append(np.hstack(row))
        path = target / f"{stem}.png"
        Image.fromarray(np.vstack(rows)).save(path)
        made[stem] = str(path)
    return made


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("inversion", "sliders", "ages", "turns", "latency", "strips"))
    parser.add_argument("paths", nargs="*", type=Path)
    parser.add_argument("--data", type=Path, default=None)
    parser.add_argument("--count", type=int, default=None)
    parser.add_argument("--only", nargs="*", default=[], help="names of sliders (default all)")
    parser.add_argument("--model", default=MODEL, help="a generator of faces (default %(default)s)")
    args = parser.parse_args()
    engines = Engines("cpu")
    faces = engines[FaceEditing]
    if args.what == "inversion":
        result = inversion(faces, args.data, args.count or 10, args.model)
    elif args.what == "sliders":
        result = face_sliders.measured(faces, args.count or 50, args.model, args.only)
    elif args.what == "ages":
        result = ages(engines, args.data, args.count or 20, args.model)
    elif args.what == "turns":
        result = turns(engines, args.data, args.count or 10, args.model)
    elif args.what == "latency":
        result = latency(faces, args.model)
    else:
        result = strips(faces, args.paths[0], args.paths[1:], args.model)
    print(json.dumps(result, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
