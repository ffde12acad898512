from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from engines.core import resample


@pytest.mark.parametrize("size", [(31, 50), (64, 96), (150, 97), (200, 300)])
def test_agrees_with_pillow(kitten: NDArray[np.uint8], size: tuple[int, int]) -> None:
    x = torch.from_numpy(kitten.astype(np.float32)).permute(2, 0, 1)
    ours = resample.resize(x, *size).clamp(0, 255).round().permute(1, 2, 0).numpy()
    pillow = np.asarray(Image.fromarray(kitten).resize(size[::-1], Image.Resampling.LANCZOS), np.float32)
    assert np.abs(ours - pillow).max() <= 1  # Pillow rounds between its two passes


@pytest.mark.parametrize("ratio", [0.37, 1.0, 2.5, 4.0])
def test_a_part_equals_the_same_part_of_the_whole(ratio: float) -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(200, generator=generator)
    out = round(200 * ratio)
    whole = resample.weights(0, out, 0, 200, ratio=out / 200, in_size=200) @ x
    first, last = out // 3, out // 2
    low, high = resample.needs(first, last, ratio=out / 200, in_size=200)
    part = resample.weights(first, last, low, high, ratio=out / 200, in_size=200) @ x[low:high]
    torch.testing.assert_close(part, whole[first:last], atol=1e-6, rtol=0)
    assert high - low < 200


def test_a_constant_stays_constant() -> None:
    x = torch.full((1, 20, 30), 0.7)
    torch.testing.assert_close(resample.resize(x, 47, 13), torch.full((1, 47, 13), 0.7))
