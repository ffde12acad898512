"""Loss values against numbers worked out by hand."""

import math

import pytest
import torch

from engines.train import losses

REAL = [torch.tensor([2.0, 0.0]), torch.tensor([1.0, -1.0])]
FAKE = [torch.tensor([-2.0, 0.0]), torch.tensor([-1.0, 3.0])]


def test_hinge():
    assert losses.hinge_discriminator(REAL, FAKE).item() == pytest.approx((0.5 + 0.5) + (1.0 + 2.0))
    assert losses.hinge_generator(FAKE).item() == pytest.approx(1.0 - 1.0)


def test_non_saturating():
    softplus = [math.log1p(math.exp(x)) for x in (-2.0, 0.0)]
    expected = 2 * sum(softplus) / 2
    assert losses.non_saturating_discriminator(REAL[:1], FAKE[:1]).item() == pytest.approx(expected)
    assert losses.non_saturating_generator([torch.zeros(3)]).item() == pytest.approx(math.log(2))


def test_r1_is_the_squared_gradient_and_can_be_learnt_from():
    x = torch.ones(2, 3, requires_grad=True)
    weight = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    penalty = losses.r1_penalty([(x * weight).sum(1)], [x], r1_gamma=2.0)
    assert penalty.item() == pytest.approx(1 + 4 + 9)
    penalty.backward()
    assert torch.allclose(weight.grad, 2 * weight.detach())


def test_feature_matching_adds_up_the_maps():
    ours, theirs = (
        [torch.zeros(1, 2, 2, 2), torch.ones(1, 1, 1, 1)],
        [torch.ones(1, 2, 2, 2), torch.full((1, 1, 1, 1), 4.0)],
    )
    assert losses.feature_matching(ours, theirs).item() == pytest.approx(1 + 3)


def test_perceptual_looks_at_directions_only():
    one, other = torch.zeros(2, 2, 1, 1), torch.zeros(2, 2, 1, 1)
    one[:, 0] = 5.0
    other[0, 0], other[1, 1] = 0.1, 1.0
    assert losses.perceptual([one], [other]).tolist() == pytest.approx([0.0, 2.0])


def test_out_of_range():
    assert losses.out_of_range(torch.tensor([-1.5, 0.3, 1.0, 2.0])).item() == pytest.approx((0.5 + 1.0) / 4)


def test_mode_seeking_falls_when_pictures_differ_more():
    z = torch.randn(4, 8, generator=torch.Generator().manual_seed(0))
    alike, unlike = torch.rand(4, 3, 2, 2) * 0.01, torch.rand(4, 3, 2, 2)
    assert losses.mode_seeking(unlike, z) < losses.mode_seeking(alike, z)
