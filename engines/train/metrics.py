"""Measures of pictures: distances between sets, and between a picture and its reference.

Sets are compared on EfficientNet-lite2 features, a network that no recipe trains on. This is NOT the Inception FID of
the literature: values can be compared with others of this module at the same size and count, with nothing else.
Pictures are uint8 (N, 3, H, W), RGB; a measure of single pictures answers (N,), float64.
"""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from engines.core.faces import Photo, identity
from engines.train.backbones import load_backbone
from engines.train.colours import ciede2000, rgb_to_lab
from engines.train.data import to_signed
from engines.train.losses import perceptual

VIEW = 128  # side to which pictures are brought before lite2 sees them


@torch.no_grad()
def lite2_features(images: Tensor, *, device: torch.device | str = "cpu", batch: int = 40) -> Tensor:
    """uint8 (N, 3, H, W) -> (N, 1280), float64, on the CPU: EfficientNet-lite2's numbers before its classifier."""
    net = load_backbone("lite2").to(device)
    rows = []
    for chunk in torch.split(images, batch):
        signed = to_signed(chunk.to(device))
        if signed.shape[-2:] != (VIEW, VIEW):
            signed = F.interpolate(signed, size=(VIEW, VIEW), mode="bilinear", align_corners=False, antialias=True)
        rows.append(net.pooled(signed).double().cpu())
    return torch.cat(rows)


def frechet_distance(features_a: Tensor, features_b: Tensor) -> float:
    """Fréchet distance of the normal distributions fitted to two sets (Heusel et al. 2017); 0 for equal sets.

    features: (N, D) and (M, D), N and M of 2 or more. With few pictures it is biased upwards: compare equal counts.
    """
    a, b = features_a.double(), features_b.double()
    covariance_a, covariance_b = torch.cov(a.t()), torch.cov(b.t())
    values, vectors = torch.linalg.eigh(covariance_a)
    root = (vectors * values.clamp_min(0).sqrt()) @ vectors.t()  # the symmetric root of covariance_a
    cross = torch.linalg.eigvalsh(root @ covariance_b @ root).clamp_min(0).sqrt().sum()
    means = (a.mean(0) - b.mean(0)).square().sum()
    return float(means + covariance_a.trace() + covariance_b.trace() - 2 * cross)


def kernel_distance(features_a: Tensor, features_b: Tensor) -> float:
    """Squared maximum mean discrepancy with the kernel (x·y / D + 1)³ (Bińkowski et al. 2018), unbiased; 0 if equal.

    features: (N, D) and (M, D), N and M of 2 or more. Unlike the Fréchet distance it does not depend on the counts.
    """
    a, b = features_a.double(), features_b.double()
    n, m = len(a), len(b)
    aa, bb, ab = _cubic(a, a), _cubic(b, b), _cubic(a, b)
    within_a = (aa.sum() - aa.diagonal().sum()) / (n * (n - 1))
    within_b = (bb.sum() - bb.diagonal().sum()) / (m * (m - 1))
    return float(within_a + within_b - 2 * ab.mean())


def _cubic(a: Tensor, b: Tensor) -> Tensor:
    """(N, D), (M, D) -> (N, M)."""
    return (a @ b.t() / a.shape[1] + 1) ** 3


def psnr(images: Tensor, references: Tensor) -> Tensor:
    """Peak signal-to-noise ratio over all channels, in dB; infinite for equal pictures."""
    error = (images.double() - references.double()).square().mean((1, 2, 3))
    return 10 * torch.log10(255.0**2 / error)


def ssim(images: Tensor, references: Tensor) -> Tensor:
    """Structural similarity (Wang et al. 2004): Gaussian window of 1.5 pixels, mean of the channels; at most 1.

    H and W of 11 or more; only places where the whole window lies inside count.
    """
    x, y = images.double(), references.double()
    window = torch.exp(-(torch.arange(-5, 6, dtype=torch.float64, device=x.device) ** 2) / (2 * 1.5**2))
    window = window / window.sum()

    def mean(values: Tensor) -> Tensor:
        flat = values.flatten(0, 1)[:, None]  # (N * 3, 1, H, W)
        blurred = F.conv2d(F.conv2d(flat, window.view(1, 1, 1, -1)), window.view(1, 1, -1, 1))
        return blurred.reshape(*x.shape[:2], *blurred.shape[2:])  # (N, 3, H - 10, W - 10)

    mean_x, mean_y = mean(x), mean(y)
    variance_x, variance_y = mean(x * x) - mean_x**2, mean(y * y) - mean_y**2
    covariance = mean(x * y) - mean_x * mean_y
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    likeness = (2 * mean_x * mean_y + c1) * (2 * covariance + c2)
    likeness = likeness / ((mean_x**2 + mean_y**2 + c1) * (variance_x + variance_y + c2))
    return likeness.mean((1, 2, 3))


def colour_difference(images: Tensor, references: Tensor) -> Tensor:
    """Mean CIEDE2000 over the pixels, sRGB under D65; 0 for equal pictures, about 1 where the eye just sees it."""
    return ciede2000(rgb_to_lab(images), rgb_to_lab(references)).mean((1, 2))


def colourfulness(images: Tensor) -> Tensor:
    """How colourful a picture is (Hasler & Süsstrunk 2003); 0 for grey, about 33 for moderately, 82 for highly so."""
    red, green, blue = images.double().unbind(1)  # (N, H, W)
    rg, yb = (red - green).flatten(1), ((red + green) / 2 - blue).flatten(1)
    spread = torch.sqrt(rg.var(1, unbiased=False) + yb.var(1, unbiased=False))
    centre = torch.sqrt(rg.mean(1).square() + yb.mean(1).square())
    return spread + 0.3 * centre


@torch.no_grad()
def perceptual_distance(images: Tensor, references: Tensor, *, blocks: tuple[int, ...] = (0, 3, 6, 14, 20)) -> Tensor:
    """Distance of unit-length EfficientNet-lite2 features (losses.perceptual); 0 for equal pictures, at most 4.

    It is not LPIPS, whose layer weights were fitted to people's answers.
    """
    net = load_backbone("lite2")
    ours, theirs = (net.features(to_signed(picture), blocks=blocks) for picture in (images, references))
    return perceptual(ours, theirs).double()


def identity_distance(images: Tensor, references: Tensor) -> Tensor:
    """Distance of dlib's 128 identity numbers of aligned squares (engines.core.faces): 0 for equal pictures.

    Under 0.6 two pictures count as one person by dlib's own rule; different people are about 0.85 apart.
    """
    pairs = zip(images, references, strict=True)
    return torch.tensor([np.linalg.norm(identity(_photo(one)) - identity(_photo(other))) for one, other in pairs])


def _photo(image: Tensor) -> Photo:
    """uint8 (3, H, W) -> (H, W, 3)."""
    return np.ascontiguousarray(image.permute(1, 2, 0).cpu().numpy())
