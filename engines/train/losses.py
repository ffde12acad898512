"""Losses of the recipes: adversarial, gradient penalty, feature matching, perceptual, range, variety.

Adversarial losses take a list of logit maps, one a scale of the discriminator, and add up the scales' means.
"""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F


def hinge_discriminator(real_logits: Sequence[Tensor], fake_logits: Sequence[Tensor]) -> Tensor:
    """Hinge loss of the discriminator (Lim & Ye 2017): wants real above 1 and fake below -1. Sum over scales."""
    pairs = zip(real_logits, fake_logits, strict=True)
    return _total(F.relu(1 - real.float()).mean() + F.relu(1 + fake.float()).mean() for real, fake in pairs)


def hinge_generator(fake_logits: Sequence[Tensor]) -> Tensor:
    """The generator's side of the hinge loss: raise the logits. Any sign."""
    return _total(-fake.float().mean() for fake in fake_logits)


def hinge_discriminator_at(real_logits: Sequence[Tensor], fake_logits: Sequence[Tensor], hole: Tensor) -> Tensor:
    """`hinge_discriminator` for pictures that were filled in: a place of a map counts by how much of it is hole.

    hole: (N, 1, H, W) of 0 and 1. Places without a hole are the same in both pictures and count for nothing (after the
    soft labels of Zeng et al. 2021).
    """
    pairs = zip(real_logits, fake_logits, strict=True)
    return _total(_mean_at(F.relu(1 - real.float()) + F.relu(1 + fake.float()), hole) for real, fake in pairs)


def hinge_generator_at(fake_logits: Sequence[Tensor], hole: Tensor) -> Tensor:
    """`hinge_generator` for pictures that were filled in, as `hinge_discriminator_at`."""
    return _total(_mean_at(-fake.float(), hole) for fake in fake_logits)


def _mean_at(values: Tensor, hole: Tensor) -> Tensor:
    """The mean of (N, 1, h, w), places weighted by the part of them that is hole."""
    weights = F.adaptive_avg_pool2d(hole, (values.shape[-2], values.shape[-1]))
    return (values * weights).sum() / weights.sum().clamp_min(1e-6)


def non_saturating_discriminator(real_logits: Sequence[Tensor], fake_logits: Sequence[Tensor]) -> Tensor:
    """Logistic loss of the discriminator (Goodfellow et al. 2014). 0 or more, summed over scales."""
    pairs = zip(real_logits, fake_logits, strict=True)
    return _total(F.softplus(-real.float()).mean() + F.softplus(fake.float()).mean() for real, fake in pairs)


def non_saturating_generator(fake_logits: Sequence[Tensor]) -> Tensor:
    """The non-saturating side of the generator: -log sigmoid of the logits. 0 or more, summed over scales."""
    return _total(F.softplus(-fake.float()).mean() for fake in fake_logits)


def r1_penalty(real_logits: Sequence[Tensor], inputs: Sequence[Tensor], *, r1_gamma: float) -> Tensor:
    """R1 (Mescheder et al. 2018): r1_gamma / 2 times the squared gradient of the logits at real inputs, batch mean.

    inputs: what the discriminator was given (pictures, or feature maps of a projected one), requiring a gradient.
    """
    score = _total(logits.float().sum() for logits in real_logits)
    gradients = torch.autograd.grad(score, list(inputs), create_graph=True)
    squares = _total(gradient.float().square().flatten(1).sum(1) for gradient in gradients)  # (N,)
    return squares.mean() * (r1_gamma / 2)


def feature_matching(features: Sequence[Tensor], targets: Sequence[Tensor]) -> Tensor:
    """Mean absolute difference of lists of feature maps, (N, C_i, H_i, W_i), added up (Wang et al. 2018)."""
    pairs = zip(features, targets, strict=True)
    return _total((feature.float() - target.float()).abs().mean() for feature, target in pairs)


def style(features: Sequence[Tensor], targets: Sequence[Tensor]) -> Tensor:
    """Mean absolute difference of Gram matrices, added up (Gatys et al. 2016): what textures are made of, wherever.

    Maps are (N, C_i, H_i, W_i); a Gram matrix is divided by H_i W_i.
    """

    def gram(x: Tensor) -> Tensor:
        flat = x.float().flatten(2)
        return flat @ flat.transpose(1, 2) / flat.shape[2]

    return _total((gram(a) - gram(b)).abs().mean() for a, b in zip(features, targets, strict=True))


def perceptual(features: Sequence[Tensor], targets: Sequence[Tensor]) -> Tensor:
    """Perceptual distance on backbone features (after Zhang et al. 2018, without learned weights): (N,), 0 if equal.

    Every position's channels are brought to length 1; squared differences are summed over channels, averaged over
    positions and over the list, so each value lies in [0, 4].
    """
    distances = [
        (F.normalize(feature.float(), dim=1) - F.normalize(target.float(), dim=1)).square().sum(1).mean((1, 2))
        for feature, target in zip(features, targets, strict=True)
    ]
    return torch.stack(distances).mean(0)  # (N,)


def out_of_range(images: Tensor) -> Tensor:
    """Mean overshoot beyond [-1, 1]: what keeps an RGB output without tanh in range."""
    return F.relu(images.float().abs() - 1).mean()


def mode_seeking(images: Tensor, z: Tensor) -> Tensor:
    """Mode seeking (Mao et al. 2019): distance of latents over distance of pictures, first half against second.

    images (2N, …), z (2N, z_dim) -> a positive number; small when different latents give different pictures.
    """
    image_a, image_b = images.float().flatten(1).chunk(2)
    z_a, z_b = z.float().chunk(2)
    return ((z_a - z_b).abs().mean(1) / ((image_a - image_b).abs().mean(1) + 1e-5)).mean()


def _total(terms: Iterable[Tensor]) -> Tensor:
    """The sum of an iterable of tensors as a tensor (the built-in sum starts at an int, which confuses types)."""
    return torch.stack(list(terms)).sum(0)
