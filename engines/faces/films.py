"""Films of frames that are made one after the other: H.264 in mp4, with sound if there is some, marked as synthetic."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator
from dataclasses import asdict
from fractions import Fraction
from functools import lru_cache
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from engines.core.errors import MediaError, OptionError
from engines.core.image import Pixels
from engines.core.provenance import EDITED, Recipe

RATE = 44_100  # of the sound, Hz
LABEL = "AI-generated"
LONGEST = 120.0  # seconds of one film
Frames = Iterator[NDArray[np.uint8]]


def check(fps: int, size: int, target: Path) -> None:
    """OptionError for a film that cannot be."""
    if not 1 <= fps <= 60:
        raise OptionError(f"A film has 1 to 60 frames a second, not {fps}.")
    if not 64 <= size <= 2048:
        raise OptionError(f"A film can be 64 to 2048 pixels large, not {size}.")
    if target.suffix.lower() != ".mp4":
        raise OptionError(f'Films are written as .mp4, not "{target.suffix or target.name}".')


def write_film(
    target: Path,
    frames: Frames,
    *,
    fps: int,
    recipe: Recipe,
    sound: NDArray[np.float32] | None = None,
) -> Path:
    """frames: uint8 (H, W, 3) with even sides, all alike.  sound: mono, RATE Hz, in [-1, 1].

    The file gets its name when it is complete. The recipe and the mark are in its metadata.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.part.mp4")
    try:
        with av.open(str(partial), "w", options={"movflags": "+faststart+use_metadata_tags"}) as container:
            container.metadata["comment"] = recipe.to_json()
            container.metadata["title"] = "Made by a trained generator (GAN Studio)"
            container.metadata["digitalsourcetype"] = EDITED
            container.metadata["recipe"] = json.dumps(asdict(recipe), sort_keys=True)
            _write(container, frames, fps=fps, sound=sound)
        os.replace(partial, target)
    except (OSError, av.FFmpegError) as error:
        raise MediaError(f"{target.name} could not be written: {error}. Check the folder and its space.") from error
    finally:
        partial.unlink(missing_ok=True)
    return target


def _write(
    container: av.container.OutputContainer, frames: Frames, *, fps: int, sound: NDArray[np.float32] | None
) -> None:
    first = next(frames)
    video = container.add_stream("libx264", rate=fps, options={"crf": "17", "preset": "veryfast"})
    video.height, video.width = first.shape[:2]
    video.pix_fmt = "yuv420p"
    audio = container.add_stream("aac", rate=RATE, layout="mono") if sound is not None else None
    for index, frame in enumerate(_all(first, frames)):
        picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")
        picture.pts, picture.time_base = index, Fraction(1, fps)
        container.mux(video.encode(picture))
    container.mux(video.encode(None))
    if audio is not None and sound is not None:
        for start in range(0, len(sound), 1024):
            part = av.AudioFrame.from_ndarray(
                np.ascontiguousarray(sound[None, start : start + 1024], np.float32), format="fltp", layout="mono"
            )
            part.sample_rate, part.pts, part.time_base = RATE, start, Fraction(1, RATE)
            container.mux(audio.encode(part))
        container.mux(audio.encode(None))


def _all(first: NDArray[np.uint8], rest: Frames) -> Frames:
    yield first
    yield from rest


def read_sound(path: Path | str) -> NDArray[np.float32]:
    """The sound of a file of any kind, mono, RATE Hz, in [-1, 1]. MediaError: no sound, damaged, or too long."""
    path = Path(path)
    if not path.is_file():
        raise MediaError(f"{path.name} is not there. Choose the sound again.")
    parts: list[NDArray[np.float32]] = []
    length = 0
    try:
        with av.open(str(path)) as container:
            if not container.streams.audio:
                raise MediaError(f"{path.name} has no sound. Choose a file with speech or music.")
            resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE)
            for frame in container.decode(audio=0):
                for piece in resampler.resample(frame):
                    parts.append(np.asarray(piece.to_ndarray(), np.float32).reshape(-1))
                    length += parts[-1].size
                if length > LONGEST * RATE:
                    raise MediaError(f"{path.name} is longer than {LONGEST:.0f} seconds. Cut it first.")
    except (av.FFmpegError, OSError, ValueError) as error:
        raise MediaError(f"{path.name} cannot be read as sound. Send WAV, MP3, M4A, OGG or a film.") from error
    if length < RATE // 10:
        raise MediaError(f"{path.name} is shorter than a tenth of a second. Choose a longer sound.")
    return np.concatenate(parts)


def sized(picture: Pixels, size: int) -> NDArray[np.uint8]:
    """A picture fitted to a longest side, both sides even."""
    height, width = picture.shape[:2]
    scale = size / max(height, width)
    to = max(2, round(width * scale / 2) * 2), max(2, round(height * scale / 2) * 2)
    kind = cv2.INTER_AREA if scale < 1 else cv2.INTER_LANCZOS4
    return np.ascontiguousarray(cv2.resize(picture, to, interpolation=kind), np.uint8)


def labelled(frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The frame (H, W, 3) with "AI-generated" small in its lower corner, so that nobody takes it for a recording."""
    out, words = frame.copy(), _label(frame.shape[0])
    left = round(frame.shape[0] * 0.02)
    part = out[-words.shape[0] - left : -left, left : left + words.shape[1]]
    cover = words[: part.shape[0], : part.shape[1], 3:] / 255
    part[...] = np.rint(part + cover * (words[: part.shape[0], : part.shape[1], :3] - part.astype(np.float64)))
    return out


@lru_cache(maxsize=4)
def _label(height: int) -> NDArray[np.uint8]:
    """The words for frames of a height, white with a dark rim, RGBA (h, w, 4)."""
    font = ImageFont.load_default(max(9.0, height / 36))
    rim = max(1, height // 512)
    left, top, right, bottom = font.getbbox(LABEL, stroke_width=rim)
    words = Image.new("RGBA", (math.ceil(right - left), math.ceil(bottom - top)), (0, 0, 0, 0))
    ImageDraw.Draw(words).text((-left, -top), LABEL, "white", font, stroke_width=rim, stroke_fill="black")
    return np.asarray(words)
