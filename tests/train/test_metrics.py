"""Measures against scikit-image, SciPy and published test pairs."""

import cv2
import numpy as np
import pytest
import scipy.linalg
import torch
from skimage import color, data
from skimage import metrics as reference
from torch import Tensor

from engines import Engines
from engines.core import faces
from engines.face_editing import FaceEditing
from engines.train import colours, metrics
from tests.train.tiny import pictures


@pytest.fixture
def pair() -> tuple[Tensor, Tensor]:
    images = pictures(2, size=24)
    noise = torch.randint(-20, 21, images.shape, generator=torch.Generator().manual_seed(1))
    return images, (images.int() + noise).clamp(0, 255).to(torch.uint8)


def as_numpy(image: Tensor) -> np.ndarray:
    return image.permute(1, 2, 0).numpy()


def test_frechet_of_gaussians_agrees_with_the_formula_by_scipy():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(50, 6)), rng.normal(size=(40, 6)) @ rng.normal(size=(6, 6)) + 1
    covariances = np.cov(a.T), np.cov(b.T)
    root = scipy.linalg.sqrtm(covariances[0] @ covariances[1]).real
    expected = ((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(covariances[0] + covariances[1] - 2 * root)
    assert metrics.frechet_distance(torch.tensor(a), torch.tensor(b)) == pytest.approx(expected, rel=1e-6)
    assert metrics.frechet_distance(torch.tensor(a), torch.tensor(a)) == pytest.approx(0, abs=1e-6)


def test_frechet_works_with_fewer_pictures_than_features():
    a = torch.randn(10, 40, generator=torch.Generator().manual_seed(0))
    assert metrics.frechet_distance(a, a + 2) == pytest.approx(40 * 4, rel=1e-4)


def test_kernel_distance_is_the_unbiased_estimate_written_as_loops():
    rng = torch.Generator().manual_seed(2)
    a, b = torch.randn(5, 4, generator=rng).double(), (torch.randn(6, 4, generator=rng) + 1).double()

    def k(x: Tensor, y: Tensor) -> float:
        return float((x @ y / 4 + 1) ** 3)

    within_a = sum(k(x, y) for i, x in enumerate(a) for j, y in enumerate(a) if i != j) / (5 * 4)
    within_b = sum(k(x, y) for i, x in enumerate(b) for j, y in enumerate(b) if i != j) / (6 * 5)
    between = sum(k(x, y) for x in a for y in b) / (5 * 6)
    assert metrics.kernel_distance(a, b) == pytest.approx(within_a + within_b - 2 * between)


def test_psnr_and_ssim_agree_with_scikit_image(pair):
    ours_psnr, ours_ssim = metrics.psnr(*pair), metrics.ssim(*pair)
    for index, (image, other) in enumerate(zip(*map(lambda batch: map(as_numpy, batch), pair), strict=True)):
        assert ours_psnr[index].item() == pytest.approx(reference.peak_signal_noise_ratio(other, image))
        _, full = reference.structural_similarity(
            image,
            other,
            channel_axis=2,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
            full=True,
        )
        assert ours_ssim[index].item() == pytest.approx(full[5:-5, 5:-5].mean(), abs=1e-6)
    assert metrics.ssim(pair[0], pair[0]).tolist() == pytest.approx([1, 1])
    assert metrics.psnr(pair[0], pair[0]).isinf().all()


def test_lab_agrees_with_scikit_image(pair):
    ours = colours.rgb_to_lab(pair[0])[0].permute(1, 2, 0).numpy()
    assert np.abs(ours - color.rgb2lab(as_numpy(pair[0][0]))).max() < 0.01


# Sharma, Wu & Dalal (2005), table 1: pairs that tell right implementations from nearly right ones.
SHARMA = [
    ((50.0, 2.6772, -79.7751), (50.0, 0.0, -82.7485), 2.0425),
    ((50.0, -1.3802, -84.2814), (50.0, 0.0, -82.7485), 1.0000),
    ((50.0, 0.0, 0.0), (50.0, -1.0, 2.0), 2.3669),
    ((50.0, 2.49, -0.001), (50.0, -2.49, 0.0009), 7.1792),
    ((50.0, 2.49, -0.001), (50.0, -2.49, 0.0011), 7.2195),
    ((50.0, -0.001, 2.49), (50.0, 0.0009, -2.49), 4.8045),
    ((50.0, -0.001, 2.49), (50.0, 0.0011, -2.49), 4.7461),
    ((50.0, 2.5, 0.0), (50.0, 0.0, -2.5), 4.3065),
    ((50.0, 2.5, 0.0), (73.0, 25.0, -18.0), 27.1492),
    ((50.0, 2.5, 0.0), (58.0, 24.0, 15.0), 19.4535),
    ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
    ((22.7233, 20.0904, -46.6940), (23.0331, 14.9730, -42.5619), 2.0373),
    ((90.9257, -0.5406, -0.9208), (88.6381, -0.8985, -0.7239), 1.5381),
    ((2.0776, 0.0795, -1.1350), (0.9033, -0.0636, -0.5514), 0.9082),
]


@pytest.mark.parametrize(("one", "other", "expected"), SHARMA)
def test_ciede2000_on_the_published_pairs(one, other, expected):
    one, other = (torch.tensor(lab, dtype=torch.float64).view(1, 3, 1, 1) for lab in (one, other))
    assert colours.ciede2000(one, other).item() == pytest.approx(expected, abs=5e-5)
    assert colours.ciede2000(other, one).item() == pytest.approx(expected, abs=5e-5)


def test_colour_difference_agrees_with_scikit_image(pair):
    ours = metrics.colour_difference(*pair)[0].item()
    theirs = color.deltaE_ciede2000(*(color.rgb2lab(as_numpy(batch[0])) for batch in pair)).mean()
    assert ours == pytest.approx(theirs, abs=0.01)


def test_colourfulness_by_hand():
    grey = torch.full((1, 3, 4, 4), 90, dtype=torch.uint8)
    red = torch.zeros(1, 3, 4, 4, dtype=torch.uint8)
    red[:, 0] = 200
    halves = red.clone()
    halves[:, 0, :, :2] = 0
    values = metrics.colourfulness(torch.cat([grey, red, halves])).tolist()
    # red: rg 200, yb 100, no spread; halves: means 100 and 50, spreads 100 and 50
    assert values == pytest.approx([0, 0.3 * 50000**0.5, 12500**0.5 + 0.3 * 12500**0.5])


def test_perceptual_distance_by_hand_on_feature_maps_of_one_place(monkeypatch: pytest.MonkeyPatch):
    """Two maps: channels (3, 4) against (4, 3), and (1, 0) against (0, 2), which is at right angles to it."""

    class Told:
        """What features of two pictures are, whatever they are asked of."""

        def __init__(self) -> None:
            self.answers = iter(([[3.0, 4.0], [1.0, 0.0]], [[4.0, 3.0], [0.0, 2.0]]))

        def features(self, x: Tensor, *, blocks: tuple[int, ...]) -> list[Tensor]:
            return [torch.tensor(channels).view(1, 2, 1, 1) for channels in next(self.answers)]

    monkeypatch.setattr(metrics, "load_backbone", lambda name: Told())
    # (0.6 - 0.8)^2 + (0.8 - 0.6)^2 = 0.08 of the first, 1 + 1 of the second: their mean, the lengths do not count
    found = metrics.perceptual_distance(torch.zeros(1, 3, 8, 8), torch.zeros(1, 3, 8, 8))
    assert found.tolist() == pytest.approx([(0.08 + 2.0) / 2], abs=1e-6)


def test_perceptual_distance_agrees_with_zhang_et_al_written_in_numpy(pair):
    """Equation 1 of Zhang et al. (2018) with all layer weights 1, its mean over layers, on lite2's own maps."""
    blocks = (0, 3, 6, 14, 20)
    net = metrics.load_backbone("lite2")
    with torch.no_grad():
        maps = [net.features(images.float() / 127.5 - 1, blocks=blocks) for images in pair]
    expected = []
    for index in range(2):
        layers = []
        for one, other in zip(*maps, strict=True):
            a, b = one[index].numpy().astype(np.float64), other[index].numpy().astype(np.float64)  # (C, H, W)
            total = 0.0
            for y in range(a.shape[1]):
                for x in range(a.shape[2]):
                    u, v = a[:, y, x], b[:, y, x]
                    total += ((u / np.sqrt((u * u).sum()) - v / np.sqrt((v * v).sum())) ** 2).sum()
            layers.append(total / (a.shape[1] * a.shape[2]))
        expected.append(np.mean(layers))
    assert metrics.perceptual_distance(*pair).tolist() == pytest.approx(expected, rel=1e-4)
    assert min(expected) > 0.005 and max(expected) < 2


def test_perceptual_distance_grows_with_what_is_wrong_and_knows_blur_from_light():
    """PSNR cannot tell these apart; the eye can."""
    photo = torch.from_numpy(cv2.resize(data.astronaut(), (128, 128), interpolation=cv2.INTER_AREA)).permute(2, 0, 1)
    soft = [torch.from_numpy(cv2.GaussianBlur(as_numpy(photo), (0, 0), s)).permute(2, 0, 1) for s in (0.7, 1.5, 3.0)]
    error = (soft[1].float() - photo.float()).square().mean().sqrt()
    lighter = (photo.float() + 2 * error * (photo < 225)).clamp(0, 255).round().to(torch.uint8)
    images = torch.stack([*soft, lighter])
    references = photo[None].expand_as(images)
    slight, blurred, heavy, light = metrics.perceptual_distance(images, references).tolist()
    assert slight < blurred < heavy and light < blurred / 2
    assert metrics.psnr(images, references)[3] < metrics.psnr(images, references)[1], "light is the larger error"


def test_the_backbones_know_a_set_from_another_and_a_picture_from_its_noise(pair):
    assert metrics.perceptual_distance(pair[0], pair[0]).tolist() == pytest.approx([0, 0], abs=1e-9)
    assert (metrics.perceptual_distance(*pair) > 0.01).all()
    features = metrics.lite2_features(pair[0])
    assert features.shape == (2, 1280) and features.dtype == torch.float64 and (features >= 0).all()


def test_identity_distance_knows_one_person_from_another():
    """One is under 0.6 of the other by dlib's own rule, and somebody else is not."""
    photo = np.ascontiguousarray(data.astronaut())
    (face, *_) = faces.detect(photo)
    square = np.ascontiguousarray(faces.align(photo, face, 256))
    blurred = cv2.GaussianBlur(square, (0, 0), 1.5)
    with torch.no_grad():
        other = Engines("cpu")[FaceEditing].generate(seed=5)
    images = torch.from_numpy(np.stack([square, blurred, other])).permute(0, 3, 1, 2)
    same, soft, else_one = metrics.identity_distance(images, images[:1].repeat(3, 1, 1, 1)).tolist()
    assert same == 0 and 0.02 < soft < 0.35 and else_one > 0.6
