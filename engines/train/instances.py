"""A latent for each training picture, so that the generator also learns from pairs and cannot forget kinds of people.

A picture's z is a fixed function of it: its small thumbnail and pooled backbone features, projected on their principal
components, every component scaled to variance 1. Over the data set these z have mean 0 and identity covariance, as the
normal z of samples do. This follows the idea of instance conditioning (Casanova et al. 2021).
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from engines.models.efficientnet_lite import EfficientNetLite
from engines.train.data import to_signed

BLOCKS = (10, 15)  # of EfficientNet-lite0: strides 16 and 32
THUMBNAIL, GRIDS = 24, (4, 2)  # sides to which the picture and the two feature maps are pooled
EXTRA, ROUNDS = 32, 6  # spare directions and repetitions of the subspace iteration
WEIGHTS = (
    1.0,
    0.7,
    0.7,
)  # what each of the three counts in the projection; their variances are equalised first


@dataclass(frozen=True)
class InstanceEncoder:
    """The projection from descriptors to z. mean (D,), basis (D, z_dim) with the scaling inside."""

    mean: Tensor
    basis: Tensor

    def __call__(self, descriptors: Tensor) -> Tensor:
        """(N, D) -> z (N, z_dim)."""
        return (descriptors - self.mean) @ self.basis


@torch.no_grad()
def describe(images: Tensor, backbone: EfficientNetLite, *, batch: int = 64) -> Tensor:
    """uint8 (N, 3, R, R) -> descriptors (N, D), float32: thumbnail and pooled features side by side, unscaled."""
    rows = []
    for chunk in torch.split(images, batch):
        signed = to_signed(chunk.to(next(backbone.parameters()).device))
        maps = backbone.features(signed, blocks=BLOCKS)
        parts = [F.interpolate(signed, size=(THUMBNAIL, THUMBNAIL), mode="area")]
        parts += [F.adaptive_avg_pool2d(feature, grid) for feature, grid in zip(maps, GRIDS, strict=True)]
        rows.append([part.flatten(1).float() for part in parts])
    columns = [torch.cat(column) for column in zip(*rows, strict=True)]
    return torch.cat([weight * column / _spread(column) for weight, column in zip(WEIGHTS, columns, strict=True)], 1)


def _spread(columns: Tensor) -> Tensor:
    """The root of the summed variance of all columns."""
    return (columns - columns.mean(0)).square().sum(1).mean().sqrt()


def fit(descriptors: Tensor, *, z_dim: int) -> InstanceEncoder:
    """Principal components of (N, D) descriptors, scaled so that each has variance 1; N must exceed z_dim.

    Signs are fixed (the largest entry of a component is positive), so the result depends on the data alone.
    """
    mean = descriptors.mean(0)  # (D,)
    centred = descriptors - mean
    rng = torch.Generator().manual_seed(0)
    basis = torch.randn(descriptors.shape[1], z_dim + EXTRA, generator=rng).to(descriptors.device)  # (D, z_dim + EXTRA)
    for _ in range(ROUNDS):  # subspace iteration: far quicker than all components of D numbers
        basis, _ = torch.linalg.qr(centred.t() @ (centred @ basis))
    inside = centred @ basis
    _, vectors = torch.linalg.eigh(inside.t() @ inside)  # ascending
    basis = basis @ vectors[:, -z_dim:].flip(1)  # (D, z_dim)
    largest = basis.abs().argmax(0)
    basis = basis * basis[largest, torch.arange(basis.shape[1])].sign()
    return InstanceEncoder(mean, basis / (centred @ basis).std(0).clamp_min(1e-8))


def instance_latents(images: Tensor, backbone: EfficientNetLite, *, z_dim: int) -> Tensor:
    """z of every picture and of its mirror image: uint8 (N, 3, R, R) -> (2, N, z_dim), float16 on the CPU."""
    both = torch.cat([describe(images, backbone), describe(images.flip(-1), backbone)]).cpu()
    return fit(both, z_dim=z_dim)(both).reshape(2, len(images), -1).half()
