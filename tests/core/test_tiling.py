from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from engines import Engines
from engines.core import tiling
from engines.core.card import Tiling
from engines.core.errors import Cancelled, OutOfMemory
from engines.core.job import Job, Progress
from engines.super_resolution import SuperResolution
from tests.conftest import FAST

TILING = Tiling(margin=12, blend=8, best=96)


@pytest.mark.parametrize("size", [1, 60, 97, 333, 4000])
@pytest.mark.parametrize("multiple", [1, 2, 7])
def test_windows_cover_and_fades_add_up(size: int, multiple: int) -> None:
    rule = Tiling(margin=12, blend=8, multiple=multiple)
    spans = tiling.windows(size, 96, rule)
    assert spans[0][0] == 0 and spans[-1][1] == size
    assert all(start % multiple == 0 for start, _ in spans)
    assert all(a[1] - b[0] >= 2 * 12 + 8 for a, b in itertools.pairwise(spans))
    out = round(size * 2.5) or 1
    total = torch.zeros(out)
    for first, mask in tiling.fades(spans, size, out, rule):
        total[first : first + len(mask)] += mask
    torch.testing.assert_close(total, torch.ones(out))


def doubled(x: Tensor, progress: object = None) -> Tensor:
    return x.repeat_interleave(2, -1).repeat_interleave(2, -2)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_tiles_of_a_local_function_are_exactly_the_whole(dtype: type) -> None:
    rng = np.random.default_rng(0)
    image = rng.integers(0, np.iinfo(dtype).max + 1, (130, 210, 3)).astype(dtype)
    result = tiling.enlarge(image, (260, 420), doubled, scale=2, tile=96, tiling=TILING, job=Job())
    assert np.array_equal(result, image.repeat(2, 0).repeat(2, 1))


def test_tiled_is_untiled_within_one_step(
    engines: Engines, monkeypatch: pytest.MonkeyPatch, kitten: NDArray[np.uint8]
) -> None:
    """On 16-bit values, in float32, so that 1/255 is 257 steps and rounding hides nothing."""
    image = np.tile(kitten, (2, 2, 1)).astype(np.uint16) * 257
    sr = engines[SuperResolution]
    whole = sr.upscale(image, model=FAST).astype(int)
    monkeypatch.setattr(tiling, "tile_side", lambda network: 96)
    job = Job()
    tiled = sr.upscale(image, model=FAST, job=job).astype(int)
    assert int(str(job.facts["tiles"])) >= 6
    assert np.abs(whole - tiled).max() < 257


class Full:
    """A network that runs out of memory above a number of pixels."""

    def __init__(self, network: object, limit: int) -> None:
        self.network, self.limit, self.failed, self.sizes = network, limit, 0, list[tuple[int, int]]()

    def __getattr__(self, name: str) -> object:
        return getattr(self.network, name)

    def __call__(self, x: Tensor, breathe: object = None) -> Tensor:
        if x.shape[-1] * x.shape[-2] > self.limit:
            self.failed += 1
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 99 bytes")
        self.sizes.append((x.shape[-2], x.shape[-1]))
        return self.network(x, breathe=breathe)  # type: ignore[operator, no-any-return]


def test_out_of_memory_halves_the_tile_and_redoes_only_it(engines: Engines, kitten: NDArray[np.uint8]) -> None:
    card = engines.catalogue[FAST]
    image = np.tile(kitten, (1, 3, 1))  # 64 x 288, not square
    with engines.residency.lease(card, precision="float32") as network:
        x = torch.from_numpy(image.astype(np.float32) / 255).permute(2, 0, 1)[None]
        whole = tiling.Forward(network, engines.residency, Job())(x)
        full = Full(network, 64 * 140)
        forward = tiling.Forward(full, engines.residency, Job())  # type: ignore[arg-type]
        torch.testing.assert_close(forward(x), whole, atol=1 / 255, rtol=0)
        assert full.failed >= 1
        assert forward.passes == len(full.sizes) >= 3
        assert len(set(full.sizes)) <= 3 and all(height == 64 for height, _ in full.sizes)
        before = full.failed
        forward(x)
        assert full.failed == before  # what did not fit is remembered


def test_out_of_memory_everywhere_is_one_clear_sentence(engines: Engines) -> None:
    card = engines.catalogue[FAST]
    with engines.residency.lease(card, precision="float32") as network:
        forward = tiling.Forward(Full(network, 0), engines.residency, Job())  # type: ignore[arg-type]
        with pytest.raises(OutOfMemory, match="too little free memory for Real-ESRGAN animevideo v3"):
            forward(torch.zeros(1, 3, 64, 96))


def test_other_errors_are_not_taken_for_memory(engines: Engines) -> None:
    assert not tiling.is_out_of_memory(RuntimeError("shapes do not match"))
    assert tiling.is_out_of_memory(torch.OutOfMemoryError("CUDA out of memory."))


def test_previews_show_progress_and_a_cancel_stops_inside(engines: Engines, kitten: NDArray[np.uint8]) -> None:
    seen: list[Progress] = []
    job = Job(seen.append)
    engines[SuperResolution].upscale(kitten, model=FAST, job=job)
    shapes = {progress.preview.shape for progress in seen if progress.preview is not None}
    assert shapes == {(64, 96, 3)}
    assert seen[-1].fraction == pytest.approx(1.0)

    def stop(progress: Progress) -> None:
        if progress.fraction > 0.1:
            late.cancel()

    late = Job(stop)
    with pytest.raises(Cancelled):
        engines[SuperResolution].upscale(np.tile(kitten, (4, 4, 1)), model=FAST, job=late)
    assert late._shared.fraction < 1 and not engines.residency.busy
