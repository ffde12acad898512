"""Pictures of any size through a network of limited memory: windows that overlap, fade into each other, and shrink.

Windows see `margin` pixels of context whose result is thrown away, then fade over `blend` pixels with weights that
add up to 1. Everything is placed by exact coordinates (`resample`), so a picture cut into windows is the picture
computed whole, to within what the network still sees beyond the margin.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from engines.core import resample
from engines.core.card import Tiling
from engines.core.errors import OutOfMemory
from engines.core.job import Job
from engines.core.network import Network
from engines.core.residency import Residency

SMALLEST = 32  # no network is asked to work on tiles smaller than this


def windows(size: int, tile: int, tiling: Tiling) -> list[tuple[int, int]]:
    """Cover [0, size) with windows of one length, at most `tile`, that overlap by at least 2 margins and a blend."""
    overlap = 2 * tiling.margin + tiling.blend
    tile = max(tile, overlap + SMALLEST)
    if size <= tile:
        return [(0, size)]
    count = math.ceil((size - overlap) / (tile - overlap))
    step = 8 * tiling.multiple  # few distinct shapes, and no window out of step with what the network groups
    length = min(size, -(-math.ceil((size + (count - 1) * overlap) / count) // step) * step)
    starts = [(size - length) * i // (count - 1) // tiling.multiple * tiling.multiple for i in range(count)]
    return [(start, start + length) for start in starts[:-1]] + [(starts[-1], size)]


def fades(spans: list[tuple[int, int]], size: int, out_size: int, tiling: Tiling) -> list[tuple[int, Tensor]]:
    """For each window its first output pixel and its weights there; over all windows they add up to 1 everywhere."""
    at = (torch.arange(out_size, dtype=torch.float64) + 0.5) * (size / out_size)  # in input pixels
    masks = []
    for start, stop in spans:
        mask = torch.ones_like(at)
        if start > 0:
            mask *= _ramp((at - start - tiling.margin) / tiling.blend)
        if stop < size:
            mask *= _ramp((stop - tiling.margin - at) / tiling.blend)
        mask[(at < start) | (at >= stop)] = 0
        masks.append(mask)
    total = torch.stack(masks).sum(0)
    out = []
    for mask in masks:
        inside = torch.nonzero(mask > 0).flatten()
        first, last = int(inside[0]), int(inside[-1]) + 1
        out.append((first, (mask / total)[first:last].float()))
    return out


def _ramp(t: Tensor) -> Tensor:
    return torch.sin(t.clamp(0, 1) * (math.pi / 2)) ** 2


def tile_side(network: Network, *, fastest: int | None = None) -> int:
    """The side of the square tile to use: the card's fastest, or less where half of the free memory holds no more."""
    tiling = network.card.tiling
    best = fastest or (tiling.best if network.device.kind == "cpu" else max(tiling.best, 512))
    cost = tiling.bytes_per_pixel * (1 if network.precision == "float32" else 0.5)
    fits = int(math.sqrt(network.device.free_bytes() / 2 / cost)) // 16 * 16
    return max(min(best, fits), 2 * SMALLEST)


@dataclass
class Forward:
    """Runs one network within memory: takes turns, pads to legal sizes, and survives running out of memory.

    Out of memory: networks nobody uses leave, one retry; then the tile is halved, and only it is done again. The size
    that failed is remembered for the rest of the job.
    """

    network: Network
    residency: Residency
    job: Job
    too_big: float = math.inf  # pixels of the smallest input that did not fit
    passes: int = 0  # forwards that succeeded

    def __call__(self, x: Tensor, progress: Callable[[float], None] | None = None) -> Tensor:
        """x (N, C, H, W) to (N, C, H*scale, W*scale), float32 on the host."""
        if x.shape[-1] * x.shape[-2] < self.too_big:
            y = self._attempt(x, progress)
            if y is None and self.residency.evict(everything_idle=True):
                y = self._attempt(x, progress)
            if y is not None:
                return y
            self.too_big = x.shape[-1] * x.shape[-2]
        return self._in_halves(x, progress)

    def _attempt(self, x: Tensor, progress: Callable[[float], None] | None) -> Tensor | None:
        """The result, or None if memory ran out; by then everything the attempt held has been given back."""
        try:
            return self._once(x, progress)
        except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
        self.residency.device.release()
        return None

    def _once(self, x: Tensor, progress: Callable[[float], None] | None) -> Tensor:
        height, width = x.shape[-2:]
        multiple, scale = self.network.card.tiling.multiple, self.network.card.scale
        pad_h, pad_w = (-(-max(size, 8) // multiple) * multiple - size for size in (height, width))
        if pad_h or pad_w:
            x = F.pad(x, (0, pad_w, 0, pad_h), mode="replicate")

        def breathe(fraction: float) -> None:
            self.job.check()
            self.residency.give_way(self.job)
            if progress is not None:
                progress(fraction)

        with self.residency.turn(self.job):
            y = self.network(x, breathe=breathe)[..., : height * scale, : width * scale].cpu()
        self.passes += 1
        return y

    def _in_halves(self, x: Tensor, progress: Callable[[float], None] | None) -> Tensor:
        tiling, scale = self.network.card.tiling, self.network.card.scale
        height, width = x.shape[-2:]
        overlap = 2 * tiling.margin + tiling.blend
        longest = max(height, width)
        half = longest // 2 + overlap
        if half >= longest or half < SMALLEST:
            raise OutOfMemory(
                f"{self.network.device.name} has too little free memory for {self.network.card.title}, even in small "
                "tiles. Close other programs, unload models in the Models tab, or choose a smaller model."
            )
        rows, columns = (half, width) if height >= width else (height, half)
        out = torch.zeros(*x.shape[:-2], height * scale, width * scale)
        for top, mask_y, (a, b) in _placed(height, rows, height * scale, tiling):
            for left, mask_x, (c, d) in _placed(width, columns, width * scale, tiling):
                y = self(x[..., a:b, c:d].contiguous(), progress)
                y = y[..., top - a * scale :, left - c * scale :][..., : len(mask_y), : len(mask_x)]
                out[..., top : top + len(mask_y), left : left + len(mask_x)] += y * mask_y[:, None] * mask_x
        return out


def _placed(size: int, tile: int, out_size: int, tiling: Tiling) -> Iterator[tuple[int, Tensor, tuple[int, int]]]:
    spans = windows(size, tile, tiling)
    for (first, mask), span in zip(fades(spans, size, out_size, tiling), spans, strict=True):
        yield first, mask, span


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception says that memory ran out; torch on the CPU says so in a plain RuntimeError."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    text = str(error).lower()
    return "can't allocate memory" in text or "not enough memory" in text or "out of memory" in text


class Preview:
    """A small picture of the result as it grows: the input, replaced by the real thing window after window."""

    def __init__(self, image: NDArray[np.generic], *, longest: int = 640, every: float = 0.5) -> None:
        height, width = image.shape[:2]
        step = max(1, -(-max(height, width) // (2 * longest)))
        small = _to_tensor(image[::step, ::step, :3])
        factor = min(1.0, longest / max(height, width))
        self._canvas = F.interpolate(
            small, (max(1, round(height * factor)), max(1, round(width * factor))), mode="bilinear", antialias=True
        )[0]
        self._every, self._shown = every, 0.0

    def paste(self, part: Tensor, place: tuple[float, float, float, float]) -> None:
        """Put a part (C, h, w) of the result where it belongs; place: top, bottom, left, right as fractions."""
        height, width = self._canvas.shape[-2:]
        top, bottom = int(place[0] * height), max(int(place[1] * height), int(place[0] * height) + 1)
        left, right = int(place[2] * width), max(int(place[3] * width), int(place[2] * width) + 1)
        self._canvas[:, top:bottom, left:right] = F.interpolate(
            part[None, :3], (bottom - top, right - left), mode="bilinear", antialias=True
        )[0]

    def due(self) -> NDArray[np.uint8] | None:
        """uint8 (h, w, 3) when it is time to show it again, else None."""
        if time.monotonic() - self._shown < self._every:
            return None
        self._shown = time.monotonic()
        return (self._canvas.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).contiguous().numpy()


def _to_tensor(pixels: NDArray[np.generic]) -> Tensor:
    """uint8 or uint16 (H, W, C) to float32 (1, C, H, W) in [0, 1]."""
    top = float(np.iinfo(pixels.dtype.name).max)
    return torch.from_numpy(np.ascontiguousarray(pixels).astype(np.float32) / top).permute(2, 0, 1)[None]


def enlarge(
    image: NDArray[np.generic],
    out_size: tuple[int, int],
    function: Callable[[Tensor, Callable[[float], None]], Tensor],
    *,
    scale: int,
    tile: int,
    tiling: Tiling,
    strength: float = 1.0,
    job: Job,
    message: str = "",
) -> NDArray[np.generic]:
    """A picture through `function`, window by window, onto a grid of any size; memory holds one row of windows.

    image: uint8 or uint16 (H, W, C).  out_size: (height, width) of the result, same dtype.
    function: float32 (1, C, h, w) in [0, 1] to (1, C, h*scale, w*scale); gets a callable for its own progress.
    strength: 1 = the function's picture, 0 = a plain Lanczos enlargement, between = their mix.
    """
    height, width, channels = image.shape
    out_h, out_w = out_size
    rows = list(_placed(height, tile, out_h, tiling))
    columns = list(_placed(width, tile, out_w, tiling))
    result = np.empty((out_h, out_w, channels), image.dtype)
    preview = Preview(image)
    band, band_top = torch.zeros(channels, 0, out_w), 0
    for r, (top, mask_y, (a, b)) in enumerate(rows):
        grown = torch.zeros(channels, top + len(mask_y) - band_top, out_w)
        grown[:, : band.shape[1]] = band
        band = grown
        for c, (left, mask_x, (d, e)) in enumerate(columns):
            done = r * len(columns) + c

            def progress(fraction: float, done: int = done) -> None:
                job.report((done + fraction) / (len(rows) * len(columns)), message, preview.due())

            x = _to_tensor(image[a:b, d:e])
            part = x[0]
            if strength > 0:
                edges = (d == 0, e == width, a == 0, b == height)
                part = _mirrored(x, edges, lambda y: function(y, progress), scale=scale, tiling=tiling)[0]
            part = _onto_grid(
                part, scale if strength > 0 else 1, (a, d), (top, left), (len(mask_y), len(mask_x)), image, out_size
            )
            if 0 < strength < 1:
                plain = _onto_grid(x[0], 1, (a, d), (top, left), (len(mask_y), len(mask_x)), image, out_size)
                part = part.clamp(0, 1) * strength + plain.clamp(0, 1) * (1 - strength)
            y = top - band_top
            band[:, y : y + len(mask_y), left : left + len(mask_x)] += part * mask_y[:, None] * mask_x
            preview.paste(part, (top / out_h, (top + len(mask_y)) / out_h, left / out_w, (left + len(mask_x)) / out_w))
            progress(1.0)
        final = rows[r + 1][0] if r + 1 < len(rows) else out_h
        result[band_top:final] = _quantise(band[:, : final - band_top], image.dtype)
        band, band_top = band[:, final - band_top :].clone(), final
    return result


def _mirrored(
    x: Tensor,
    edges: tuple[bool, bool, bool, bool],
    function: Callable[[Tensor], Tensor],
    *,
    scale: int,
    tiling: Tiling,
) -> Tensor:
    """`function` of a window, mirrored beyond the sides (left, right, top, bottom) that are the picture's edge."""
    multiple = tiling.multiple
    left, right, top, bottom = (-(-tiling.border // multiple) * multiple if edge else 0 for edge in edges)
    mirrors = min(x.shape[-1] - max(left, right), x.shape[-2] - max(top, bottom)) > 0
    y = function(F.pad(x, (left, right, top, bottom), mode="reflect" if mirrors else "replicate"))
    height, width = x.shape[-2] * scale, x.shape[-1] * scale
    return y[..., top * scale : top * scale + height, left * scale : left * scale + width]


def _onto_grid(
    part: Tensor,
    scale: int,
    origin: tuple[int, int],
    first: tuple[int, int],
    count: tuple[int, int],
    image: NDArray[np.generic],
    out_size: tuple[int, int],
) -> Tensor:
    """Resample a window's result (C, h, w), `scale` times the input, onto `count` output pixels from `first` on."""
    for axis in (0, 1):
        size, out = image.shape[axis] * scale, out_size[axis]
        start = origin[axis] * scale
        if out == size:  # the network's own grid
            part = part.narrow(axis + 1, first[axis] - start, count[axis])
            continue
        stop = start + part.shape[axis + 1]
        ratio = out / size
        low, high = resample.needs(first[axis], first[axis] + count[axis], ratio=ratio, in_size=size)
        low, high = max(low, start), min(high, stop)
        matrix = resample.weights(first[axis], first[axis] + count[axis], low, high, ratio=ratio, in_size=size)
        part = part.narrow(axis + 1, low - start, high - low)
        part = torch.matmul(matrix, part) if axis == 0 else torch.matmul(part, matrix.T)
    return part


def _quantise(band: Tensor, dtype: np.dtype[np.generic]) -> NDArray[np.generic]:
    """float32 (C, H, W) to (H, W, C) of the dtype: clamped, then rounded."""
    top = float(np.iinfo(dtype.name).max)
    scaled = (band.clamp(0, 1) * top).round().permute(1, 2, 0).contiguous().numpy()
    return scaled.astype(dtype)
