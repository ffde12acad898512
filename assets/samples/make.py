"""Makes the samples of this folder: cut from public-domain pictures inside scikit-image, or drawn here.

python assets/samples/make.py      (needs scikit-image, see tests/requirements.txt)
"""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw
from skimage import data

HERE = Path(__file__).parent
Box = tuple[int, int, int, int]


def photo(name: str, pixels: np.ndarray, box: Box, size: tuple[int, int]) -> None:
    Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS, box=box).save(HERE / name, optimize=True)


def robot(size: int = 320, *, background: bool) -> Image.Image:
    """A robot gardener in flat colours with ink outlines, drawn eight times as large and reduced."""
    k = 8 * size / 320
    image = Image.new("RGBA", (8 * size, 8 * size), (0, 0, 0, 0))
    pen = ImageDraw.Draw(image)
    ink = (38, 32, 48, 255)

    def at(*numbers: float) -> list[float]:
        return [number * k for number in numbers]

    def shape(kind: str, numbers: tuple[float, ...], fill: str, line: float = 3.5, **more: float) -> None:
        scaled = {key: value * k for key, value in more.items()}
        getattr(pen, kind)(at(*numbers), fill=fill, outline=ink, width=round(line * k), **scaled)

    if background:
        pen.rectangle(at(0, 0, 320, 320), fill="#cfe8f5")
        pen.ellipse(at(222, 22, 282, 82), fill="#ffdf8a")
        pen.rectangle(at(0, 232, 320, 320), fill="#a8cf8e")
        for x in range(6, 320, 22):
            pen.line(at(x, 262 + x % 5 * 8, x + 4, 250 + x % 5 * 8), fill="#6c9a5b", width=round(2.5 * k))
    shape("rounded_rectangle", (118, 196, 202, 276), "#e9edf2", radius=16)
    shape("rounded_rectangle", (92, 84, 228, 196), "#ff8a5c", radius=30)
    pen.rounded_rectangle(at(98, 90, 222, 116), radius=22 * k, fill="#ffa884")
    shape("rounded_rectangle", (110, 112, 210, 170), "#2f3650", radius=20)
    for x in (138, 182):
        shape("ellipse", (x - 15, 124, x + 15, 154), "#7df0dc", 2.5)
        pen.ellipse(at(x - 7, 129, x + 1, 137), fill="#ffffff")
    pen.arc(at(144, 142, 176, 164), 20, 160, fill="#7df0dc", width=round(3 * k))
    pen.line(at(160, 84, 160, 52), fill=ink, width=round(4 * k))
    shape("ellipse", (148, 34, 172, 58), "#ffd24d")
    for x, hand in ((104, 84), (216, 236)):
        pen.line(at(x, 214, hand, 248), fill=ink, width=round(11 * k))
        pen.line(at(x, 214, hand, 248), fill="#b8c2d0", width=round(5 * k))
        shape("ellipse", (hand - 12, 238, hand + 12, 262), "#ff8a5c")
    shape("ellipse", (144, 216, 176, 248), "#7df0dc")
    pen.polygon(at(160, 221, 168, 236, 152, 236), fill="#2f3650")
    for x in (136, 184):
        shape("rounded_rectangle", (x - 18, 270, x + 18, 292), "#4a5270", radius=10)
    pen.line(at(236, 246, 244, 196), fill="#4f7d43", width=round(4 * k))
    for x, y in ((232, 190), (256, 190), (236, 172), (252, 172), (244, 164)):
        shape("ellipse", (x - 9, y - 9, x + 9, y + 9), "#ff6f9c", 2)
    shape("ellipse", (236, 172, 252, 188), "#ffd24d", 2)
    return image.resize((size, size), Image.Resampling.LANCZOS)


def main() -> None:
    photo("kitten.png", data.chelsea(), (0, 0, 450, 300), (384, 256))
    photo("coffee.png", data.coffee(), (0, 0, 600, 400), (384, 256))
    photo("rocket.png", data.rocket(), (0, 0, 640, 427), (384, 256))
    robot(background=True).convert("RGB").save(HERE / "robot-drawing.png", optimize=True)
    robot(192, background=False).save(HERE / "robot-sticker.png", optimize=True)


if __name__ == "__main__":
    main()
