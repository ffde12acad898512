"""People who do not exist: latents from seeds, sheets, numbered files, and a zip of labelled pictures."""

from __future__ import annotations

import io
import json
import os
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from engines.core.errors import OptionError
from engines.core.faces import Face
from engines.core.image import Picture, write_image
from engines.core.job import Fact, Job
from engines.core.provenance import EDITED, Recipe, xmp_packet
from engines.faces import drawing, fringes, lines
from engines.faces.generator import Generator, to_frame
from engines.faces.judging import judge_card, judged
from engines.faces.values import Frame, Latents, Sliders
from engines.faces.workshop import Workshop

MOST = 10_000  # faces of one call
_BLOCK = 32  # faces made before the next look at the clock


def latents(generator: Generator, seeds: Sequence[int], truncation: float) -> list[Latents]:
    """One face a seed; the same seed is the same face, however many are asked for."""
    if not 0 <= truncation <= 1.2:
        raise OptionError(f"Truncation goes from 0 to 1.2; {truncation} is outside. Choose a value between.")
    if any(not isinstance(seed, int) or not 0 <= seed < 2**32 for seed in seeds):
        raise OptionError("A seed is a whole number from 0 to 4,294,967,295.")
    size = int(generator.card.options["z_dim"])
    z = np.stack([np.random.default_rng(seed).standard_normal(size, dtype=np.float32) for seed in seeds])
    return [Latents(generator.card.id, ws) for ws in generator.mapping(z, truncation)]


def faces(
    shop: Workshop, generator: Generator, seeds: Sequence[int], *, truncation: float, sliders: Sliders, job: Job
) -> Iterator[tuple[int, Frame]]:
    """(seed, picture) for each seed, with the same sliders."""
    if len(seeds) > MOST:
        raise OptionError(f"At most {MOST:,} faces at once; {len(seeds):,} are too many.")
    directions = shop.directions(generator.card.id) if sliders else None
    wish, over = drawing.of_new_face(directions.checked(sliders) if directions else {})
    shift = directions.shift(wish) if directions else np.float32(0)
    for start in range(0, len(seeds), _BLOCK):
        block = seeds[start : start + _BLOCK]
        ws = np.stack([one.ws for one in latents(generator, block, truncation)]) + shift
        for index, picture in enumerate(generator.pictures(ws)):
            job.report((start + index + 1) / len(seeds), "Making faces")
            picture = dressed(shop, picture, wish, over, job)
            yield block[index], to_frame(picture)


def dressed(
    shop: Workshop, picture: NDArray[np.float32], wish: Sliders, over: Sliders, job: Job, *, face: Face | None = None
) -> NDArray[np.float32]:
    """A picture of the generator's with what is drawn over it: lines of old age, and `over`.  face: of its photo."""
    older = lines.PART * max(0.0, wish.get("age", 0.0))
    if not over and older <= 0:
        return picture
    marks = drawing.marks_of(picture) if face is None else drawing.marks_before(face, len(picture)).with_lines(picture)
    over = {drawing.GREY: wish.get(drawing.GREY, 0.0), **over}  # a beard is as grey as the hair
    picture, _ = fringes.combed(shop, lines.weathered(shop, picture, marks, older, job), marks, over, job)
    return drawing.laid_over(picture, marks, over)


def sheet(frames: Sequence[Frame], columns: int, gap: int = 4) -> Frame:
    """Pictures of one size in rows on a white ground."""
    if columns < 1 or not frames:
        raise OptionError("A sheet has at least one column and one face.")
    side_y, side_x = frames[0].shape[:2]
    columns = min(columns, len(frames))
    rows = -(-len(frames) // columns)
    out = np.full((rows * (side_y + gap) - gap, columns * (side_x + gap) - gap, 3), 255, np.uint8)
    for index, frame in enumerate(frames):
        y, x = (index // columns) * (side_y + gap), (index % columns) * (side_x + gap)
        out[y : y + side_y, x : x + side_x] = frame
    return out


def resized(frame: Frame, size: int | None) -> Frame:
    """A frame enlarged or reduced to a side; as it is for None."""
    if size is None or size == frame.shape[0]:
        return frame
    if not 16 <= size <= 4096:
        raise OptionError(f"A face can be 16 to 4096 pixels large, not {size}.")
    kind = cv2.INTER_LANCZOS4 if size > frame.shape[0] else cv2.INTER_AREA
    return np.ascontiguousarray(cv2.resize(frame, (size, size), interpolation=kind), np.uint8)


def options_of(truncation: float, sliders: Sliders) -> dict[str, Fact]:
    """What a recipe records of a face."""
    return {"truncation": truncation, **{name: value for name, value in sliders.items() if value}}


def write_face(path: Path, frame: Frame, *, model: str, seed: int, options: dict[str, Fact]) -> None:
    """One face as a marked file with its seed and sliders in the recipe."""
    path.parent.mkdir(parents=True, exist_ok=True)
    recipe = Recipe(tool="generate-face", model=model, options=options, seed=seed)
    write_image(path, Picture(frame, path.name), recipe=recipe)


def write_dataset(
    target: Path, shop: Workshop, made: Iterator[tuple[int, Frame]], *, model: str, options: dict[str, Fact], job: Job
) -> Path:
    """A zip of PNGs with labels.json: for each its seed and, where they can be measured, attributes and age."""
    partial = target.with_name(f".{target.name}.part")
    labels: list[dict[str, Any]] = []
    judge = judge_card(shop.catalogue) is not None
    try:
        with zipfile.ZipFile(partial, "w", zipfile.ZIP_STORED) as archive:
            block: list[tuple[int, Frame]] = []
            for one in made:
                block.append(one)
                if len(block) == 16:
                    labels += _add(archive, shop, block, model=model, options=options, judge=judge, job=job)
                    block = []
            labels += _add(archive, shop, block, model=model, options=options, judge=judge, job=job)
            about = {
                "source": "made by a trained generator; nobody on these pictures exists",
                "digital_source_type": EDITED,
                "model": model,
                "options": options,
                "faces": labels,
            }
            archive.writestr("labels.json", json.dumps(about, ensure_ascii=False, indent=1))
        os.replace(partial, target)
    finally:
        partial.unlink(missing_ok=True)
    return target


def _add(
    archive: zipfile.ZipFile,
    shop: Workshop,
    block: list[tuple[int, Frame]],
    *,
    model: str,
    options: dict[str, Fact],
    judge: bool,
    job: Job,
) -> list[dict[str, Any]]:
    labels: list[dict[str, Any]] = [{"file": f"{seed:010d}.png", "seed": seed} for seed, _ in block]
    if judge and block:
        names, logits, years = judged(shop.catalogue, shop.residency, [frame for _, frame in block], job)
        for label, row, age in zip(labels, logits, years, strict=True):
            chances = 1 / (1 + np.exp(-row))
            label["age"] = round(float(age), 1)
            label["attributes"] = {name: round(float(p), 3) for name, p in zip(names, chances, strict=True)}
    for label, (seed, frame) in zip(labels, block, strict=True):
        recipe = Recipe(tool="generate-face", model=model, options=options, seed=seed)
        stream = io.BytesIO()
        info = PngInfo()
        info.add_itxt("XML:com.adobe.xmp", xmp_packet(recipe).decode())
        Image.fromarray(frame).save(stream, "PNG", compress_level=3, pnginfo=info)
        archive.writestr(str(label["file"]), stream.getvalue())
    return labels
