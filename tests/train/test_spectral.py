"""Spectral normalisation with a learned gain: what it bounds, that it starts as nothing, and that it folds away."""

import copy

import pytest
import torch
from torch import nn

from engines.models.colour_unet import ColourUNet
from engines.train.ema import averaged_copy, update_ema
from engines.train.spectral import folded, normalise


def decoder() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.LeakyReLU(0.1), nn.Conv2d(8, 5, 1))


def largest(weight: torch.Tensor) -> float:
    return float(torch.linalg.matrix_norm(weight.detach().flatten(1), 2))


def test_a_network_goes_on_as_it_was_and_its_gains_are_its_largest_singular_values() -> None:
    net = decoder()
    x = torch.randn(2, 3, 9, 9)
    before, sizes = net(x), [largest(net[i].weight) for i in (0, 2)]  # type: ignore[arg-type]
    normalise([net])
    assert torch.allclose(net(x), before, atol=1e-5)
    gains = [net[i].parametrizations.weight[0].gain.item() for i in (0, 2)]  # type: ignore[union-attr, index]
    assert gains == pytest.approx(sizes, rel=1e-2)


def test_the_largest_singular_value_stays_the_gain_however_far_the_weights_go() -> None:
    net = decoder()
    normalise([net])
    conv = net[0]
    with torch.no_grad():
        conv.parametrizations.weight.original.mul_(7).add_(torch.randn(8, 3, 3, 3))  # type: ignore[union-attr, operator]
    for _ in range(30):
        net(torch.zeros(1, 3, 4, 4))  # each pass is a power iteration
    gain = conv.parametrizations.weight[0].gain.item()  # type: ignore[union-attr, index]
    assert largest(conv.weight) == pytest.approx(gain, rel=1e-3)  # type: ignore[arg-type]
    conv.eval()
    still = conv.parametrizations.weight[0].u.clone()  # type: ignore[union-attr, index]
    net[0](torch.zeros(1, 3, 4, 4))
    assert torch.equal(conv.parametrizations.weight[0].u, still), "in evaluation mode nothing iterates"  # type: ignore[union-attr, index]


def test_what_ships_has_plain_weights_that_do_the_same() -> None:
    torch.manual_seed(1)
    net = ColourUNet(widths=(8, 8, 16, 16, 16))
    plain = copy.deepcopy(net)
    normalise([net.bottom, net.level16, net.level8])
    average = averaged_copy(net)
    with torch.no_grad():
        for p in net.parameters():
            p.add_(0.02 * torch.randn_like(p))
    update_ema(average, net, beta=0.5)
    state = folded(average.state_dict())
    assert set(state) == set(plain.state_dict())
    plain.load_state_dict(state)
    L, hints = net.probe()
    with torch.no_grad():
        assert torch.allclose(plain.eval()(L, hints), average(L, hints), atol=1e-4)
