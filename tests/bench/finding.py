"""How well writing laid over photos is found: captions, watermarks, date stamps; and how often clean photos alarm.

    python -m tests.bench.finding --data shared/data [--count 40] [--clean 100] [--seed 1] [--sheet sheet.png]

Each kind is laid over `count` photos of photos_288 as they are or enlarged, with noise, and saved as JPEG; then looked
for. Recall: of the pixels that writing covers; precision: what lies within a few pixels of it is right. A photo counts
as found at a recall over 0.7 and a precision over 0.5. Fonts are the system's, Pillow's own where there are none.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from engines.inpaint.finding import found
from engines.train.data import load_pictures

Rng = np.random.Generator
Photo = NDArray[np.uint8]
Share = NDArray[np.float32]
FONTS = (
    "DejaVuSans.ttf", "DejaVuSans-Bold.ttf", "DejaVuSerif.ttf", "DejaVuSansCondensed-Bold.ttf",
    "LiberationSans-Regular.ttf", "LiberationSans-Bold.ttf", "LiberationSerif-Bold.ttf",
    "LiberationSansNarrow-Bold.ttf",
)  # fmt: skip
MONO = ("DejaVuSansMono-Bold.ttf", "LiberationMono-Bold.ttf", "DejaVuSansMono.ttf")
LINES = (
    "Where are you going tonight?",
    "I never said that, did I",
    "The last days of summer",
    "Tell him to wait for me.",
)
MARKS = ("SAMPLE", "© Photo Studio", "stockphoto", "PREVIEW", "Copyright 2019", "DO NOT COPY")
DATES = ("'98 12 25", "4 7 2001", "12 25 '99", "2003/07/14", "14.07.2003", "2004-11-02 17:35")
GLOWS = {
    "white": (255, 255, 250), "orange": (255, 120, 40), "red": (250, 50, 30), "yellow": (255, 220, 60),
    "green": (90, 255, 110),
}  # fmt: skip
SEGMENTS = {
    "0": "abcdef", "1": "bc", "2": "abged", "3": "abgcd", "4": "fgbc", "5": "afgcd", "6": "afgedc", "7": "abc",
    "8": "abcdefg", "9": "abcdfg", "-": "g",
}  # fmt: skip
ENDS = {
    "a": ((0, 0), (1, 0)), "b": ((1, 0), (1, 1)), "c": ((1, 1), (1, 2)), "d": ((0, 2), (1, 2)), "e": ((0, 1), (0, 2)),
    "f": ((0, 0), (0, 1)), "g": ((0, 1), (1, 1)),
}  # fmt: skip
Overlay = tuple[Share, NDArray[np.float32]]  # how much of it shows (H, W), and its colour (3,) or (H, W, 3)


def main(argv: list[str] | None = None) -> int:
    """Measure, print a line for each kind and all of it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="the folder with photos_288.zip")
    parser.add_argument("--count", type=int, default=40, help="photos of each kind")
    parser.add_argument("--clean", type=int, default=100, help="photos with nothing laid over them")
    parser.add_argument("--seed", type=int, default=1, help="which photos and which writing")
    parser.add_argument("--only", nargs="*", choices=[*KINDS, "clean"], help="these kinds only")
    parser.add_argument("--sheet", type=Path, help="write what was found (red), one picture for each kind")
    args = parser.parse_args(argv)
    photos = load_pictures([args.data / "photos_288.zip"], resolution=288).images
    order = np.random.default_rng(args.seed).permutation(len(photos))
    figures: dict[str, dict[str, float]] = {}
    for name, (laid, kind) in KINDS.items():
        if args.only and name not in args.only:
            continue
        rng = np.random.default_rng(1000 * args.seed + len(figures))
        got, seconds, shown = [], 0.0, []
        for number in range(args.count):
            photo = _photo(
                photos[order[(len(figures) * args.count + number) % len(order)]].permute(1, 2, 0).numpy(), rng
            )
            made, where = overlaid(photo, *laid(photo, rng))
            began = time.perf_counter()
            mask = np.asarray(found(made, kind, lambda _: None))
            seconds += time.perf_counter() - began
            got.append(scores(mask, where, near=max(4, photo.shape[0] // 100)))
            shown.append(_shown(made, mask, got[-1]))
        recall, precision = np.mean(got, 0)
        figures[name] = {
            "recall": round(float(recall), 3),
            "precision": round(float(precision), 3),
            "found": round(float(np.mean([r > 0.7 and p > 0.5 for r, p in got])), 3),
            "seconds": round(seconds / args.count, 2),
        }
        _tell(name, figures[name], shown, args.sheet)
    for kind in ("text", "date"):
        if args.clean and (not args.only or "clean" in args.only):
            rng = np.random.default_rng(args.seed)
            covered, shown = [], []
            for number in range(args.clean):
                photo = _photo(photos[order[-1 - number]].permute(1, 2, 0).numpy(), rng)
                mask = np.asarray(found(photo, kind, lambda _: None))
                covered.append(float((mask > 0).mean()))
                if covered[-1]:
                    shown.append(_shown(photo, mask, (covered[-1], 0)))
            alarms = float(np.mean(np.array(covered) > 0.0005))
            figures[f"clean, {kind}"] = {"alarms": round(alarms, 3), "covered": round(float(np.mean(covered)), 5)}
            _tell(f"clean-{kind}", figures[f"clean, {kind}"], shown, args.sheet)
    print(json.dumps(figures, indent=1))
    return 0


def _photo(image: Photo, rng: Rng) -> Photo:
    """As it is, or two or three times as large with a little noise."""
    factor = int(rng.integers(1, 4))
    if factor == 1:
        return image
    large = cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC)
    return np.asarray(np.clip(large + rng.normal(0, 3, large.shape), 0, 255), np.uint8)


def overlaid(photo: Photo, share: Share, colour: NDArray[np.float32]) -> tuple[Photo, NDArray[np.bool_]]:
    """A photo with writing of a colour laid over it by share (H, W), out of a JPEG file, and where that is."""
    mixed = photo * (1 - share[..., None]) + colour * share[..., None]
    _, packed = cv2.imencode(".jpg", mixed.round().astype(np.uint8)[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 90])
    made = np.ascontiguousarray(cv2.imdecode(packed, cv2.IMREAD_COLOR)[..., ::-1])  # type: ignore[index]
    return made, share > 0.5 * share.max()


def caption(photo: Photo, rng: Rng) -> Overlay:
    """One or two opaque lines, white, yellow or black, some outlined, 4 to 12 % of the picture tall, anywhere."""
    height, width = photo.shape[:2]
    size = max(13, round(height * float(rng.choice([0.045, 0.06, 0.08, 0.12]))))
    text = str(rng.choice(LINES))
    font = _font(FONTS, size, rng)
    words, lines = text.split(), [text]
    while max(font.getlength(line) for line in lines) > 0.92 * width and len(lines) < len(words):
        lines = [" ".join(part) for part in np.array_split(words, len(lines) + 1)]
    colour = np.array([(255, 255, 255), (255, 225, 40), (12, 12, 12)][int(rng.integers(3))], np.float32)
    outline = max(1, size // 14) if rng.random() < 0.5 else 0
    top = (0.93 * height - 1.3 * size * len(lines)) * float(rng.choice([1, 1, 0.04, 0.5]))
    fill, edge = Image.new("L", (width, height)), Image.new("L", (width, height))
    for number, line in enumerate(lines):
        at = (width - font.getlength(line)) / 2, top + 1.3 * size * number
        ImageDraw.Draw(fill).text(at, line, font=font, fill=255)
        ImageDraw.Draw(edge).text(at, line, font=font, fill=255, stroke_width=outline)
    inner, outer = (np.asarray(layer, np.float32) / np.float32(255) for layer in (fill, edge))
    border = np.float32(255 if colour.max() < 100 else 0)
    mixed = colour * inner[..., None] + border * (1 - inner[..., None])
    return np.asarray(outer, np.float32), np.asarray(mixed, np.float32)


def diagonal(photo: Photo, rng: Rng) -> Overlay:
    """One slanted line through the middle, 25 to 60 % opaque, white or black."""
    height, width = photo.shape[:2]
    text, angle = str(rng.choice(MARKS)), float(rng.choice([-45, -30, 20, 30, 45, 60]))
    layer = _slanted(text, (0.5, 0.5), _fitting(text, 0.7 * min(height, width), rng), angle, (height, width))
    return _mark(layer, rng)


def repeated(photo: Photo, rng: Rng) -> Overlay:
    """A small mark all over the picture, 20 to 45 % opaque, white or black, slanted or not."""
    height, width = photo.shape[:2]
    text, angle = str(rng.choice(MARKS)), float(rng.choice([-45, -30, 0, 30, 45]))
    font = _fitting(text, float(rng.uniform(0.28, 0.4)) * width, rng)
    layer = np.zeros((height, width), np.float32)
    across, down = 1 / float(rng.integers(2, 4)), 1 / float(rng.integers(3, 5))
    for row in range(-1, 7):
        for column in range(-1, 5):
            at = (column + 0.5 + 0.5 * (row % 2)) * across, (row + 0.5) * down
            layer = np.maximum(layer, _slanted(text, at, font, angle, (height, width)))
    return _mark(layer, rng, most=0.45)


def date(photo: Photo, rng: Rng) -> Overlay:
    """A date in a corner, of a font or of seven segments, 3 to 6 % tall, white, orange, red, yellow or green."""
    height, width = photo.shape[:2]
    size, text = max(9, round(height * float(rng.uniform(0.03, 0.06)))), str(rng.choice(DATES))
    if rng.random() < 0.5:
        digits = _segments(text, size)
    else:
        font = _font(MONO, round(1.35 * size), rng)
        box = font.getbbox(text)
        image = Image.new("L", (int(box[2]) + 2, int(box[3]) + 2))
        ImageDraw.Draw(image).text((0, 0), text, font=font, fill=255)
        digits = np.asarray(image.crop((int(box[0]), int(box[1]), *image.size)), np.float32) / np.float32(255)
    digits = np.asarray(digits[:height, : int(0.9 * width)], np.float32)
    left = int((0.95 if rng.random() < 0.75 else 0) * (width - digits.shape[1]))
    top = int((0.94 if rng.random() < 0.8 else 0.05) * (height - digits.shape[0]))
    sharp = np.zeros((height, width), np.float32)
    sharp[top : top + digits.shape[0], left : left + digits.shape[1]] = digits
    colour = np.array(GLOWS[str(rng.choice(list(GLOWS)))], np.float32)
    glow = cv2.GaussianBlur(sharp, (0, 0), max(0.1, 0.1 * size)) * float(rng.choice([0, 0.35]))
    share = np.maximum(cv2.GaussianBlur(sharp, (0, 0), 0.6), glow)
    return np.asarray(share, np.float32), colour


KINDS: dict[str, tuple[Callable[[Photo, Rng], Overlay], str]] = {
    "captions": (caption, "text"),
    "one slanted watermark": (diagonal, "text"),
    "repeated watermarks": (repeated, "text"),
    "date stamps": (date, "date"),
}


def _mark(layer: Share, rng: Rng, *, most: float = 0.6) -> Overlay:
    share = layer * np.float32(rng.uniform(0.25 if most > 0.5 else 0.2, most))
    return share, np.full(3, 255.0 if rng.random() < 0.75 else 0.0, np.float32)


def _font(names: tuple[str, ...], size: int, rng: Rng) -> ImageFont.FreeTypeFont:
    try:
        return ImageFont.truetype(str(rng.choice(names)), size)
    except OSError:
        return ImageFont.load_default(size)  # type: ignore[return-value]


def _fitting(text: str, length: float, rng: Rng) -> ImageFont.FreeTypeFont:
    font = _font(FONTS, 100, rng)
    return font.font_variant(size=max(10, round(100 * length / font.getlength(text))))


def _slanted(
    text: str, at: tuple[float, float], font: ImageFont.FreeTypeFont, angle: float, shape: tuple[int, int]
) -> Share:
    """Text centred at a place, in parts of the sides, turned by degrees."""
    height, width = shape
    side = math.ceil(font.getlength(text)) + 8
    image = Image.new("L", (side, side))
    ImageDraw.Draw(image).text((side / 2, side / 2), text, font=font, fill=255, anchor="mm")
    turned = image.rotate(angle, Image.Resampling.BICUBIC)
    out = Image.new("L", (width, height))
    out.paste(turned, (round(at[0] * width - side / 2), round(at[1] * height - side / 2)))
    return np.asarray(out, np.float32) / np.float32(255)


def _segments(text: str, size: int) -> Share:
    """A date as a camera writes it: seven segments, `size` pixels tall, with gaps between them."""
    big = 96
    wide, thick, step = 52, 12, 76
    image = Image.new("L", (step * len(text) + 20, big + 20))
    draw = ImageDraw.Draw(image)
    for number, sign in enumerate(text):
        x, y = 10 + step * number, 10
        for name in SEGMENTS.get(sign, ""):
            (ax, ay), (bx, by) = ENDS[name]
            gap = 9
            start = np.array([x + ax * wide, y + ay * big / 2])
            end = np.array([x + bx * wide, y + by * big / 2])
            along = (end - start) / np.linalg.norm(end - start) * gap
            draw.line([*(start + along), *(end - along)], fill=255, width=thick)
        if sign in "'":
            draw.line([x + 40, y, x + 40, y + 24], fill=255, width=thick)
        if sign in ".:":
            draw.rectangle([x + 18, y + big - 12, x + 32, y + big + 2], fill=255)
        if sign == ":":
            draw.rectangle([x + 18, y + 30, x + 32, y + 44], fill=255)
        if sign == "/":
            draw.line([x + 6, y + big, x + wide - 6, y], fill=255, width=thick)
    scale = size / big
    small = image.resize((round(image.width * scale), round(image.height * scale)), Image.Resampling.BOX)
    return np.asarray(small, np.float32) / np.float32(255)


def scores(mask: Photo, truth: NDArray[np.bool_], *, near: int) -> tuple[float, float]:
    """Recall and precision by pixels; what lies within `near` pixels of the truth is right."""
    around = cv2.dilate(truth.astype(np.uint8), np.ones((2 * near + 1, 2 * near + 1), np.uint8)) > 0
    hit = mask > 0
    return float((hit & truth).sum() / truth.sum()), float((hit & around).sum() / hit.sum()) if hit.any() else 0.0


def _shown(image: Photo, mask: Photo, score: tuple[float, float]) -> Photo:
    red = np.where(mask[..., None] > 0, image // 2 + np.array([127, 0, 40], np.uint8), image)
    pair = np.hstack([np.asarray(cv2.resize(part, (400, 400), interpolation=cv2.INTER_AREA)) for part in (image, red)])
    cv2.putText(pair, f"{score[0]:.2f} {score[1]:.2f}", (406, 16), 0, 0.5, (255, 255, 0), 1, cv2.LINE_AA)
    return np.asarray(pair, np.uint8)


def _tell(name: str, row: dict[str, float], shown: list[Photo], sheet: Path | None) -> None:
    print(f"{name}: {row}", file=sys.stderr, flush=True)
    if sheet and shown:
        shown = shown + [np.zeros_like(shown[0])] * (-len(shown) % 3)
        rows = [np.hstack(shown[i : i + 3]) for i in range(0, len(shown), 3)]
        Image.fromarray(np.vstack(rows)).save(sheet.with_stem(f"{sheet.stem}-{name.replace(' ', '-')}"))


if __name__ == "__main__":
    sys.exit(main())
