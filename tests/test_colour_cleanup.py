"""Dust and scratches: found by shape, filled in, and nothing else touched."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from skimage import data

from engines import Engines
from engines.colorization import Colorization
from engines.colour import cleanup
from engines.colour.cleanup import faults, mended
from engines.core.image import Pixels
from engines.core.job import Job

Grey = NDArray[np.uint8]


def grey_of(rgb: NDArray[np.uint8]) -> Grey:
    return np.asarray(cv2.cvtColor(np.ascontiguousarray(rgb), cv2.COLOR_RGB2GRAY), np.uint8)


def three(grey: NDArray[np.generic]) -> Pixels:
    return np.repeat(grey[..., None], 3, 2)  # type: ignore[return-value]


def spoilt(grey: Grey, *, seed: int) -> tuple[Grey, Grey]:
    """Four leaning scratches and forty specks on a picture, and where they can be seen (255)."""
    rng = np.random.default_rng(seed)
    (h, w), unit = grey.shape, min(grey.shape) / 500
    truth, out = np.zeros_like(grey), grey.astype(np.float32)
    for number in range(44):
        mark = np.zeros_like(grey)
        if number < 4:
            x, lean = rng.uniform(0.1, 0.9) * w, rng.uniform(-0.2, 0.2) * w
            thick = max(1, round(rng.uniform(1, 2.4) * unit))
            cv2.line(mark, (int(x), int(rng.uniform(0, 0.3) * h)), (int(x + lean), int(0.85 * h)), 255, thick)
        else:
            place = (int(rng.uniform(0, w)), int(rng.uniform(0, h)))
            cv2.circle(mark, place, max(1, round(rng.uniform(1, 2.2) * unit)), 255, -1)
        share, tone = rng.uniform(0.6, 0.95), rng.choice([10, 245])
        out[mark > 0] = (1 - share) * out[mark > 0] + share * tone
        truth |= mark
    truth[np.abs(out - grey) < 16] = 0
    return np.clip(out, 0, 255).astype(np.uint8), truth


def scores(grey: Grey, *, seed: int) -> tuple[float, float, float]:
    """Recall and precision by pixels, and by how much the mean error to the clean picture falls."""
    bad, truth = spoilt(grey, seed=seed)
    found = faults(three(bad))
    near = cv2.dilate(truth, np.ones((5, 5), np.uint8))
    result, _ = mended(three(bad), job=Job())
    before, after = (np.abs(x.astype(float) - grey).mean() for x in (bad, result[..., 0]))
    return float((found[truth > 0] > 0).mean()), float((near[found > 0] > 0).mean()), after / before


@pytest.mark.parametrize(
    ("name", "recall", "precision", "left"),
    [("astronaut", 0.6, 0.75, 0.7), ("chelsea", 0.8, 0.7, 0.8), ("coffee", 0.8, 0.6, 0.8)],
)
def test_faults_are_found_and_the_picture_gets_better(name: str, recall: float, precision: float, left: float) -> None:
    got = np.mean([scores(grey_of(getattr(data, name)()), seed=seed) for seed in (1, 2, 3)], 0)
    assert got[0] > recall and got[1] > precision and got[2] < left, got


def test_a_picture_without_faults_is_hardly_touched() -> None:
    for picture, most in ((data.astronaut(), 0.001), (data.chelsea(), 0.006), (data.coffee(), 0.025)):
        assert (faults(three(grey_of(picture))) > 0).mean() < most


def test_steel_lattice_is_mistaken_for_scratches() -> None:
    """What the page warns of; if this ever fails, say something nicer there."""
    assert (faults(data.rocket()) > 0).mean() > 0.01


def test_only_the_mask_changes_in_eight_and_sixteen_bits() -> None:
    bad, _ = spoilt(grey_of(data.chelsea()), seed=2)
    alpha = np.random.default_rng(0).integers(0, 65536, bad.shape, np.uint16)
    deep = np.dstack([three(bad).astype(np.uint16) * 257, alpha])
    for image in (three(bad), deep):
        before = image.copy()
        result, mask = mended(image, job=Job())
        assert result.dtype == image.dtype and np.array_equal(image, before)
        assert np.array_equal(result[mask == 0], image[mask == 0]) and 0.001 < (mask > 0).mean() < 0.06
        assert (result[..., :3] != image[..., :3]).any(-1)[mask > 0].mean() > 0.6
        assert image.shape[2] == 3 or np.array_equal(result[..., 3], alpha)


@pytest.mark.parametrize("size", [(1, 1), (3, 200), (40, 40)])
def test_tiny_pictures_pass(size: tuple[int, int]) -> None:
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    result, mask = mended(image, job=Job())
    assert result.shape == image.shape and np.array_equal(result[mask == 0], image[mask == 0])


def test_large_pictures_are_searched_small_and_filled_whole() -> None:
    image = np.full((2400, 3000, 3), 120, np.uint8)
    cv2.line(image, (900, 100), (1000, 2300), (245, 245, 245), 5)
    seen: list[float] = []
    result, mask = mended(image, job=Job(lambda now: seen.append(now.fraction)))
    assert result.max() < 130 and 0.001 < (mask > 0).mean() < 0.02
    assert seen == sorted(seen) and len(seen) > 10


def striped(side: int) -> Grey:
    """Leaning stripes, which a scratch cuts and which go on behind it."""
    y, x = np.mgrid[:side, :side]
    return np.asarray(128 + 70 * np.sign(np.sin((y + 0.4 * x) / 5)), np.uint8)


def test_the_network_fills_scratches_and_nothing_else(engines: Engines, monkeypatch: pytest.MonkeyPatch) -> None:
    clean = striped(160)
    bad = clean.copy()
    cv2.line(bad, (70, 0), (80, 159), 252, 3)
    speck, line = (np.zeros_like(clean) for _ in range(2))
    speck[20:23, 30:33] = 255
    cv2.line(line, (70, 0), (80, 159), 255, 5)
    monkeypatch.setattr(cleanup, "told_apart", lambda *_, **__: (speck, line))
    quick, good = (grey_of(engines[Colorization].clean(three(bad), quick=quick)) for quick in (True, False))  # type: ignore[arg-type]
    assert np.array_equal(quick[line == 0], good[line == 0]), "specks are filled from their edge either way"
    assert (quick != bad)[speck > 0].any()
    by_edge, by_network = (np.abs(x.astype(float) - clean)[line > 0].mean() for x in (quick, good))
    assert by_network < 0.6 * by_edge, (by_network, by_edge)


def test_without_the_network_scratches_are_filled_from_their_edge(
    engines: Engines, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad, _ = spoilt(grey_of(data.chelsea()), seed=1)
    colour = engines[Colorization]
    monkeypatch.setattr(colour.catalogue, "is_local", lambda card: card.id != "inpaint")
    monkeypatch.setattr(colour.residency, "lease", lambda *_, **__: pytest.fail("a network was asked for"))
    quick, clean = (colour.clean(three(bad), quick=quick) for quick in (True, False))
    assert np.array_equal(clean, quick) and not np.array_equal(clean, three(bad))


def test_colouring_can_clean_up_first(engines: Engines) -> None:
    bad, truth = (x[60:230, 120:330] for x in spoilt(grey_of(data.chelsea()), seed=1))
    colour, job = engines[Colorization], Job()
    plain, clean = (colour.colorize(three(bad), clean=clean, job=job) for clean in (False, True))
    assert 0.1 < float(job.facts["cleaned"]) < 9  # type: ignore[arg-type]
    where = faults(three(bad)) > 0
    change = np.abs(grey_of(plain).astype(int) - grey_of(clean))  # type: ignore[arg-type]
    assert change[where & (truth > 0)].mean() > 30 and change[~where].mean() < 1.5
