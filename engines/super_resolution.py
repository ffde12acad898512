"""Super-resolution: more pixels, sharp ones, by Real-ESRGAN and its kin (Wang et al. 2021, arXiv 2107.10833)."""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from engines.core import tiling
from engines.core.card import ModelCard
from engines.core.device import free_host_bytes
from engines.core.engine import Command, Engine, Example
from engines.core.errors import CardError, OptionError
from engines.core.files import edit_file
from engines.core.image import Picture, Pixels
from engines.core.job import Fact, Job, take

MIN_SCALE, MAX_SCALE = 1.0, 8.0


class SuperResolution(Engine):
    """Enlarges pictures 1 to 8 times with networks that know how sharp pictures look."""

    name = "super_resolution"

    def upscale(
        self,
        image: Pixels,
        *,
        model: str = "realesrgan-x4plus",
        scale: float = 4.0,
        strength: float = 1.0,
        denoise: float | None = None,
        job: Job | None = None,
    ) -> Pixels:
        """Enlarge a picture.

        image: uint8 or uint16 (H, W, 3) RGB or (H, W, 4) RGBA with straight alpha; the result has the same dtype and
        channels and is round(H * scale) by round(W * scale).
        scale: 1 to 8, any number: the network's own factor, then Lanczos; 1 restores at the same size.
        strength: 0 (a plain Lanczos enlargement) to 1 (all the network's).
        denoise: 0 (keep the grain) to 1 (remove it), for models with that slider; default 0.5.
        job.facts gain model, title, device, precision, tile, tiles, seconds.

        16-bit pictures are computed in float32, 8-bit ones in the fastest precision that stays within the stated error.
        CardError: unknown model.  OptionError: a value out of range, or a result too large for this machine.
        """
        job, start = take(job), time.perf_counter()
        card = self._card(model)
        image = _checked(image)
        _check_range("scale", scale, MIN_SCALE, MAX_SCALE)
        _check_range("strength", strength, 0.0, 1.0)
        if denoise is not None:
            _check_range("denoise", denoise, 0.0, 1.0)
            if not card.denoise:
                raise OptionError(f"{card.title} has no denoise slider. Leave denoise out or choose another model.")
        size = self.output_size(
            image.shape[0], image.shape[1], scale, channels=image.shape[2], bits=8 * image.dtype.itemsize
        )
        blend = (0.5 if denoise is None else denoise) if card.denoise else None
        precision = "float32" if image.dtype == np.uint16 else "auto"
        with self.residency.lease(card, precision=precision, blend=blend, job=job.part(0.0, 0.02)) as network:
            tile = tiling.tile_side(network)
            job.note(
                model=card.id,
                title=card.title,
                device=self.residency.device.name,
                precision=network.precision,
                tile=tile,
            )
            forward = tiling.Forward(network, self.residency, job)
            result = tiling.enlarge(
                _bleed(image) if image.shape[2] == 4 else image,
                size,
                lambda x, progress: _colour_and_alpha(forward, x, progress),
                scale=card.scale,
                tile=tile,
                tiling=card.tiling,
                strength=strength,
                job=job.part(0.02, 1.0),
                message=f"Upscaling with {card.title}",
            )
            job.note(tiles=forward.passes, seconds=round(time.perf_counter() - start, 3))
        return cast(Pixels, result)

    def upscale_file(
        self,
        source: Path | str,
        target: Path | str,
        *,
        model: str = "realesrgan-x4plus",
        scale: float = 4.0,
        strength: float = 1.0,
        denoise: float | None = None,
        name: str | None = None,
        job: Job | None = None,
    ) -> Picture:
        """`upscale` from file to file, with all metadata, the mark and the recipe. name: what to call it to people."""
        options: dict[str, Fact] = {"scale": scale, "strength": strength}
        if denoise is not None:
            options["denoise"] = denoise
        self._card(model)  # an unknown model is told before any work
        return edit_file(
            source,
            target,
            tool="upscale",
            options=options,
            edit=lambda pixels, part: self.upscale(pixels, model=model, job=part, **cast(dict[str, Any], options)),
            name=name,
            job=job,
        )

    def output_size(
        self, height: int, width: int, scale: float, *, channels: int = 3, bits: int = 8
    ) -> tuple[int, int]:
        """(height, width) of the result. OptionError when it would not fit into the memory of this machine."""
        out = max(1, round(height * scale)), max(1, round(width * scale))
        bytes_needed = out[0] * out[1] * channels * bits // 8
        free = free_host_bytes()
        # the result, its encoded file, and a band of windows in float32
        if 2.5 * bytes_needed + out[1] * 2048 * channels * 4 > free:
            fits = math.sqrt(max(free / 4, 1) / (height * width * channels * bits // 8))
            advice = f"Choose a scale of {fits:.1f} or less." if fits >= 1 else "Make the picture smaller first."
            raise OptionError(
                f"A picture of {out[1]:,}x{out[0]:,} pixels does not fit into this machine's free memory. {advice}"
            )
        return out

    def by_role(self, role: str) -> ModelCard:
        """The card that answers a plain choice: photo, drawing or fast. CardError if there is none."""
        for card in self.catalogue.cards(self.name):
            if card.role == role:
                return card
        raise CardError(f"No model here is meant for {role}.")

    def _card(self, model: str) -> ModelCard:
        card = self.catalogue[model]
        if card.engine != self.name:
            raise CardError(f"{card.title} is no upscaler. Choose a model that upscales.")
        return card

    def examples(self) -> Iterator[Example]:
        """One small picture with and without alpha, in 8 and 16 bits."""
        rng = np.random.default_rng(0)
        rgb = rng.integers(0, 256, (12, 10, 3), np.uint8)
        rgba = rng.integers(0, 65536, (9, 12, 4), np.uint16)
        fast = {"model": self.by_role("fast").id}
        yield Example("upscale", (rgb,), fast, (48, 40, 3))
        yield Example("upscale", (rgb,), fast | {"scale": 1.5, "strength": 0.5}, (18, 15, 3))
        yield Example("upscale", (rgba,), fast | {"scale": 2}, (18, 24, 4), "uint16")

    def commands(self) -> list[Command]:
        """`upscale` for the command line."""
        return [Command("upscale", "enlarge pictures 1 to 8 times", _arguments, _options, self._edit)]

    def _edit(self, pixels: Pixels, options: Mapping[str, Fact], job: Job) -> Pixels:
        return self.upscale(pixels, job=job, **cast(dict[str, Any], options))


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", default="realesrgan-x4plus", help="a model's id, see: python -m engines models")
    parser.add_argument("--scale", type=float, default=4.0, help="1 to 8, any number (default 4)")
    parser.add_argument(
        "--strength", type=float, default=1.0, help="0 = plain enlargement, 1 = all the network's (default)"
    )
    parser.add_argument("--denoise", type=float, default=None, help="0 to 1, for models with a denoise slider")


def _options(args: argparse.Namespace) -> dict[str, Fact]:
    options: dict[str, Fact] = {"model": args.model, "scale": args.scale, "strength": args.strength}
    return options if args.denoise is None else options | {"denoise": args.denoise}


def _check_range(name: str, value: float, low: float, high: float) -> None:
    if not (isinstance(value, int | float) and low <= value <= high):
        raise OptionError(
            f"{name.capitalize()} goes from {low:g} to {high:g}; {value} is outside. Choose a value between."
        )


def _checked(image: Pixels) -> Pixels:
    if image.dtype not in (np.uint8, np.uint16) or image.ndim != 3 or image.shape[2] not in (3, 4) or not image.size:
        raise OptionError("An image is an array of uint8 or uint16 with the shape (height, width, 3 or 4).")
    return image


def _colour_and_alpha(forward: tiling.Forward, x: Tensor, progress: Callable[[float], None]) -> Tensor:
    """(1, 3 or 4, h, w) through a network of colour pictures; alpha goes through it as a grey picture of its own."""
    if x.shape[1] == 3:
        return forward(x, progress)
    colour, alpha = x[:, :3], x[:, 3:]
    if float(alpha.max() - alpha.min()) < 1e-6:  # nothing to sharpen
        y = forward(colour, progress)
        return torch.cat([y, alpha.flatten()[0].expand(1, 1, *y.shape[2:])], 1)
    y = forward(colour, lambda fraction: progress(fraction / 2))
    edge = forward(alpha.expand(-1, 3, -1, -1).contiguous(), lambda fraction: progress(0.5 + fraction / 2))
    return torch.cat([y, edge.mean(1, keepdim=True)], 1)


def _bleed(image: Pixels) -> Pixels:
    """Give fully transparent pixels the colour of their visible neighbours, so that none of what hid there (black,
    as a rule) is drawn into the edges. Push-pull: averages of visible pixels at ever coarser scales fill the gaps.
    """
    visible = image[..., 3:] > 0
    if visible.all() or not visible.any():
        return image
    top = np.iinfo(image.dtype).max
    weight = torch.from_numpy(visible.astype(np.float32)).permute(2, 0, 1)[None]
    colour = torch.from_numpy(image[..., :3].astype(np.float32)).permute(2, 0, 1)[None] * weight
    levels = [(colour, weight)]
    while max(levels[-1][0].shape[-2:]) > 1:
        colour, weight = (F.avg_pool2d(t, 2, ceil_mode=True, count_include_pad=False) for t in levels[-1])
        levels.append((colour, weight))
    fill = levels[-1][0] / levels[-1][1].clamp(min=1e-12)
    for colour, weight in reversed(levels[:-1]):
        height, width = colour.shape[-2:]
        coarse = _doubled(fill, height, width)
        fill = torch.where(weight > 0, colour / weight.clamp(min=1e-12), coarse)
    filled = fill[0].permute(1, 2, 0).round().clamp(0, top).numpy().astype(image.dtype)
    out = image.copy()
    np.copyto(out[..., :3], filled, where=~visible)
    return out


def _doubled(x: Tensor, height: int, width: int) -> Tensor:
    """Each pixel doubled, cut to (height, width)."""
    return x.repeat_interleave(2, -2).repeat_interleave(2, -1)[..., :height, :width]
