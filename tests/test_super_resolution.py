"""What upscaling promises: sizes, sharpness, alpha, depth, and one clear sentence for what it cannot do."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from engines import Engines
from engines.core.errors import CardError, OptionError
from engines.core.job import Job
from engines.super_resolution import SuperResolution, _bleed
from tests.conftest import FAST


@pytest.fixture
def sr(engines: Engines) -> SuperResolution:
    return engines[SuperResolution]


def enlarged(image: NDArray[np.uint8], height: int, width: int, how: Image.Resampling) -> NDArray[np.float64]:
    return np.asarray(Image.fromarray(image).resize((width, height), how), np.float64)


@pytest.mark.parametrize("scale", [1, 1.37, 2, 3, 4, 6.5, 8])
def test_every_scale_gives_its_size_and_the_same_picture(
    sr: SuperResolution, kitten: NDArray[np.uint8], scale: float
) -> None:
    result = sr.upscale(kitten, model=FAST, scale=scale)
    height, width = round(64 * scale), round(96 * scale)
    assert result.shape == (height, width, 3)
    plain = enlarged(kitten, height, width, Image.Resampling.LANCZOS)
    assert np.abs(result - plain).mean() < 6  # the same picture, nowhere shifted
    shifted = np.roll(plain, max(2, round(scale)), 1)
    assert np.abs(result - plain).mean() < np.abs(result - shifted).mean() / 2


def test_it_is_sharper_than_a_plain_enlargement(sr: SuperResolution, kitten: NDArray[np.uint8]) -> None:
    small = np.asarray(Image.fromarray(kitten).resize((48, 32), Image.Resampling.BICUBIC))

    def edges(image: NDArray[np.generic]) -> float:
        return float(np.abs(np.diff(np.asarray(image, np.float64), axis=1)).mean())

    result = sr.upscale(small, model="realesrgan-x4plus-anime", scale=4)
    assert edges(result) > 1.1 * edges(enlarged(small, 128, 192, Image.Resampling.BICUBIC))


def test_strength_blends_from_plain_to_all(sr: SuperResolution, kitten: NDArray[np.uint8]) -> None:
    full, half, none = (sr.upscale(kitten, model=FAST, strength=s).astype(float) for s in (1.0, 0.5, 0.0))
    assert np.abs(none - enlarged(kitten, 256, 384, Image.Resampling.LANCZOS)).max() <= 2  # Pillow rounds twice
    assert np.abs((full + none) / 2 - half).max() <= 1
    assert np.abs(full - none).mean() > 0.5


def test_transparent_edges_have_no_dark_fringe(sr: SuperResolution) -> None:
    y, x = np.mgrid[:40, :40]
    inside = (x - 20) ** 2 + (y - 20) ** 2 < 150
    sticker = np.zeros((40, 40, 4), np.uint8)
    sticker[inside] = (250, 240, 60, 255)  # black hides under the transparent rest
    result = sr.upscale(sticker, model=FAST, scale=4)
    assert result.shape == (160, 160, 4)
    seen = result[..., 3] > 8
    assert result[seen][:, :2].min() > 215, "hidden black was drawn into the edge"
    assert abs(seen.mean() - inside.mean()) < 0.02
    assert result[80, 80, 3] == 255 and result[2, 2, 3] == 0


def test_opaque_alpha_stays_opaque(sr: SuperResolution, kitten: NDArray[np.uint8]) -> None:
    rgba = np.dstack([kitten, np.full((64, 96), 255, np.uint8)])
    result = sr.upscale(rgba, model=FAST, scale=2)
    assert (result[..., 3] == 255).all()
    assert np.array_equal(result[..., :3], sr.upscale(kitten, model=FAST, scale=2))


def test_hidden_colours_come_from_visible_neighbours() -> None:
    image = np.zeros((9, 13, 4), np.uint16)
    image[4, 6] = (50000, 20000, 100, 30000)
    filled = _bleed(image)
    assert (filled[..., :3] == (50000, 20000, 100)).all()
    assert np.array_equal(filled[..., 3], image[..., 3])


def test_sixteen_bits_make_no_bands(sr: SuperResolution) -> None:
    ramp = np.linspace(20000, 24000, 96).round().astype(np.uint16)  # 15 of 256 eight-bit steps
    image = np.repeat(np.tile(ramp, (24, 1))[..., None], 3, 2)
    job = Job()
    result = sr.upscale(image, model=FAST, scale=2, job=job)
    assert result.dtype == np.uint16 and job.facts["precision"] == "float32"
    assert len(np.unique(result[24, :, 1])) > 150  # eight bits would leave about 17
    assert np.abs(np.diff(result[24, 8:-8, 1].astype(int))).max() < 150


def test_facts_tell_what_was_done(sr: SuperResolution, kitten: NDArray[np.uint8], engines: Engines) -> None:
    job = Job()
    sr.upscale(kitten, model=FAST, job=job)
    assert job.facts["model"] == FAST and job.facts["device"] == "CPU" and job.facts["tiles"] == 1
    assert job.facts["precision"] == ("bfloat16" if engines.device.fast else "float32")
    assert 0 < float(str(job.facts["seconds"])) < 60


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"scale": 0.5}, "Scale goes from 1 to 8; 0.5 is outside"),
        ({"scale": 9}, "Scale goes from 1 to 8"),
        ({"scale": float("nan")}, "Scale goes from 1 to 8"),
        ({"strength": 1.5}, "Strength goes from 0 to 1"),
        ({"denoise": 0.5}, "has no denoise slider"),
    ],
)
def test_options_out_of_range(sr: SuperResolution, options: dict[str, float], sentence: str) -> None:
    with pytest.raises(OptionError, match=sentence):
        sr.upscale(np.zeros((4, 4, 3), np.uint8), model=FAST, **options)  # type: ignore[arg-type]


def test_unknown_models_and_odd_arrays(sr: SuperResolution) -> None:
    with pytest.raises(CardError, match=r'There is no model "nobody"\. Choose one of: realesrgan-x4plus'):
        sr.upscale(np.zeros((4, 4, 3), np.uint8), model="nobody")
    for odd in (np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3)), np.zeros((0, 4, 3), np.uint8)):
        with pytest.raises(OptionError, match="An image is an array"):
            sr.upscale(odd, model=FAST)  # type: ignore[arg-type]


def test_what_does_not_fit_is_told_before_any_work(sr: SuperResolution, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engines.super_resolution.free_host_bytes", lambda: 1 << 28)
    with pytest.raises(
        OptionError, match=r"does not fit into this machine's free memory\. Choose a scale of 1\.\d or less"
    ):
        sr.output_size(4000, 4000, 4.0)
    assert sr.output_size(100, 200, 2.5) == (250, 500)


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1), (7, 5)])
def test_tiny_and_thin_pictures(sr: SuperResolution, shape: tuple[int, int]) -> None:
    image = np.full((*shape, 3), (200, 100, 50), np.uint8)
    result = sr.upscale(image, model=FAST, scale=4)
    assert result.shape == (shape[0] * 4, shape[1] * 4, 3)
    assert np.abs(result.reshape(-1, 3).mean(0) - (200, 100, 50)).max() < 8
