"""Each change does what its docstring says, alike on a pair, and lets gradients through."""

import pytest
import torch

from engines.train.augment import AugmentOptions, Changes, draw_changes

STILL = {"brightness": 0.0, "saturation": 1.0, "contrast": 1.0}


def changes(n=1, *, shift=(0.0, 0.0), hole=(0.5, 0.5), hole_side=0.0, **colour):
    values = {name: torch.full((n,), value) for name, value in (STILL | colour).items()}
    return Changes(
        **values,
        shift=torch.tensor([shift] * n),
        hole=torch.tensor([hole] * n),
        hole_side=torch.full((n,), hole_side),
    )


@pytest.fixture
def images():
    return torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(0)) * 2 - 1


def test_no_change_changes_nothing(images):
    assert torch.allclose(changes()(images), images, atol=1e-6)


def test_colour(images):
    assert torch.allclose(changes(brightness=0.25)(images), images + 0.25, atol=1e-6)
    grey = changes(saturation=0.0)(images)
    assert torch.allclose(grey, images.mean(1, keepdim=True).expand_as(images), atol=1e-6)
    assert torch.allclose(changes(contrast=0.0)(images), images.mean().expand_as(images), atol=1e-6)


def test_a_shift_moves_by_whole_pixels_and_brings_in_grey(images):
    moved = changes(shift=(0.125, -0.25))(images)
    assert torch.allclose(moved[:, :, :7, 2:], images[:, :, 1:, :6], atol=1e-6)
    assert moved[:, :, 7].abs().max() == 0 and moved[:, :, :, :2].abs().max() == 0


def test_a_hole_is_grey_inside_and_leaves_the_rest(images):
    cut = changes(hole_side=0.5)(images)
    assert cut[:, :, 2:6, 2:6].abs().max() == 0
    assert torch.allclose(cut[:, :, :2], images[:, :, :2], atol=1e-6)


def test_a_pair_is_changed_alike_and_gradients_pass():
    change = draw_changes(4, AugmentOptions(), rng=torch.Generator().manual_seed(3))
    images = torch.randn(4, 3, 16, 16).requires_grad_()
    assert torch.equal(change(images), change(images.detach().clone()))
    change(images).sum().backward()
    assert images.grad is not None and images.grad.abs().sum() > 0


def test_the_same_state_draws_the_same():
    one, two = (draw_changes(8, AugmentOptions(), rng=torch.Generator().manual_seed(7)) for _ in range(2))
    assert all(torch.equal(getattr(one, name), getattr(two, name)) for name in vars(one))
    cut = (one.hole_side > 0).float().mean()
    assert 0 < cut < 1
    assert (one.shift.abs() <= 0.125).all() and (one.contrast - 1).abs().max() <= 0.5


def test_too_wide_a_translation_is_refused():
    with pytest.raises(ValueError, match="translation"):
        draw_changes(1, AugmentOptions(translation=0.3), rng=torch.Generator())
