"""A face that moves: mouth by a sound's loudness, blinks, a swaying head; curves of slider values over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from engines.core.errors import OptionError
from engines.faces.films import RATE

Curve = NDArray[np.float64]
PRESETS = ("talk", "smile", "look around", "blink")


def curves(
    names: Sequence[str], *, frames: int, fps: int, sound: NDArray[np.float32] | None, preset: str, seed: int = 0
) -> dict[str, Curve]:
    """Slider -> its value in each frame. With a sound the mouth follows it, whatever the preset; sliders that a model
    lacks are left out.
    """
    if preset not in PRESETS:
        raise OptionError(f'There is no preset "{preset}". Choose one of: {", ".join(PRESETS)}.')
    rng = np.random.default_rng(seed)
    time = np.arange(frames) / fps
    shut = blinks(time, rng, every=1.6 if preset == "blink" else 3.4)
    made: dict[str, Curve] = {"eyes_shut": shut} if "eyes_shut" in names else {"eyes": -shut}
    sway = 0.9 if preset == "look around" else 0.22
    made["yaw"] = sway * _drift(time, rng, 0.17 if preset == "look around" else 0.28)
    made["pitch"] = 0.5 * sway * _drift(time, rng, 0.23)
    if sound is not None:
        loud = loudness(sound, frames, fps)
        made["mouth_open"] = np.clip(1.25 * loud - 0.3, -0.35, 0.95)
        made["smile"] = 0.25 * brightness(sound, frames, fps) * loud
        made["pitch"] = made["pitch"] + 0.12 * _smoothed(loud, fps * 0.25)
    elif preset == "talk":
        syllables = np.abs(np.sin(2 * np.pi * 2.1 * time + 1.4 * _drift(time, rng, 0.9)))
        phrases = np.clip(1.6 * _drift(time, rng, 0.35) + 0.9, 0, 1)
        made["mouth_open"] = np.clip(syllables * phrases * 1.1 - 0.25, -0.3, 0.9)
        made["smile"] = 0.2 * _drift(time, rng, 0.6)
    elif preset == "smile":
        made["smile"] = 0.5 - 0.5 * np.cos(2 * np.pi * time / max(time[-1] + 1 / fps, 1e-6))
    if "mouth_open" in made and "mouth_open" not in names:  # a smile parts the lips too
        made["smile"] = made.get("smile", np.zeros(frames)) + 0.9 * made["mouth_open"]
    return {name: np.clip(curve, -1, 1) for name, curve in made.items() if name in names}


def at(made: Mapping[str, Curve], frame: int, base: Mapping[str, float]) -> dict[str, float]:
    """The sliders of one frame, on top of those that stand still."""
    total = dict(base)
    for name, curve in made.items():
        total[name] = float(np.clip(total.get(name, 0.0) + curve[frame], -1, 1))
    return total


def loudness(sound: NDArray[np.float32], frames: int, fps: int) -> Curve:
    """How loud each frame is, 0 to 1: decibels between the sound's quiet and its loud parts, opening fast, closing
    a little slower, as mouths do.
    """
    power = _per_frame(sound.astype(np.float64) ** 2, frames, fps)
    if power.max() < 1e-8:
        return np.zeros(frames)
    level = 10 * np.log10(power + 1e-9)
    top = np.percentile(level, 95)
    raw = np.clip((level - (top - 28)) / 28, 0, 1) ** 1.3
    raw[level < -65] = 0
    out = np.empty(frames)
    value = 0.0
    for index, wish in enumerate(raw):
        value += (wish - value) * (0.75 if wish > value else 0.45)
        out[index] = value
    return out


def brightness(sound: NDArray[np.float32], frames: int, fps: int) -> Curve:
    """How much of each frame lies in high tones, -1 to 1 about its mean: an "ee" against an "oh"."""
    high = np.diff(sound.astype(np.float64), prepend=0.0) ** 2
    ratio = _per_frame(high, frames, fps) / (_per_frame(sound.astype(np.float64) ** 2, frames, fps) + 1e-9)
    level = np.log(ratio + 1e-6)
    return np.clip(_smoothed((level - np.median(level)) / (level.std() + 1e-6), fps * 0.08) / 2, -1, 1)


def blinks(time: Curve, rng: np.random.Generator, *, every: float) -> Curve:
    """Closed eyes as pulses of about 0.2 s, 0 open to 1 closed, at irregular times."""
    out = np.zeros_like(time)
    moment = float(rng.uniform(0.5, every))
    while time.size and moment < time[-1]:
        out = np.maximum(out, np.exp(-(((time - moment) / 0.085) ** 2)))
        moment += float(rng.uniform(0.6, 1.4)) * every
    return out


def _drift(time: Curve, rng: np.random.Generator, rate: float) -> Curve:
    """A slow wander between -1 and 1: three sines whose rates do not repeat each other."""
    phases = rng.uniform(0, 2 * np.pi, 3)
    rates = rate * np.array([1.0, 1.618, 2.414])
    waves = [np.sin(2 * np.pi * r * time + p) * w for r, p, w in zip(rates, phases, (0.6, 0.3, 0.1), strict=True)]
    return np.asarray(np.sum(waves, axis=0), np.float64)


def _per_frame(values: Curve, frames: int, fps: int) -> Curve:
    """The mean of the samples of each frame."""
    edges = np.minimum((np.arange(frames + 1) * RATE / fps).astype(int), len(values))
    total = np.concatenate([[0.0], np.cumsum(values)])
    return np.asarray((total[edges[1:]] - total[edges[:-1]]) / np.maximum(edges[1:] - edges[:-1], 1), np.float64)


def _smoothed(values: Curve, width: float) -> Curve:
    reach = max(1, round(3 * width))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / max(width, 0.3)) ** 2)
    return np.convolve(np.pad(values, reach, mode="edge"), kernel / kernel.sum(), mode="valid")
