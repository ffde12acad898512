"""Colouring networks of other people: their published files fit, and they keep the promises of the engine."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

from engines import Engines
from engines.colorization import Colorization, Hint
from engines.core.card import ModelCard, Source, WeightFile, read_card, write_card
from engines.core.device import Device
from engines.core.lab import luminance, rgb_to_lab
from engines.core.network import Network, build_module
from engines.core.weights import read_tensors, sha256
from engines.models import colour_guest, ddcolor, deoldify
from engines.models.colour_unet import BINS, spread_hints, unfold
from tests.conftest import ROOT

CARDS = {path.stem: read_card(path) for path in (ROOT / "assets" / "models").glob("d[de]*ol*.toml")}
TINY: dict[str, dict[str, Any]] = {
    "ddcolor": {"depths": [1, 1, 1, 1], "dims": [8, 12, 16, 24], "width": 32, "queries": 5, "short": 64},
    "deoldify": {"deep": True, "depths": [1, 1, 1, 1], "base": 8, "factor": 1.5, "short": 64},
    "deoldify-wide": {"deep": False, "depths": [1, 1, 1, 1], "base": 8, "factor": 0.0625, "short": 64},
}


def build(name: str) -> nn.Module:
    """A tiny random network with statistics that are not trivial."""
    torch.manual_seed(1)
    module = ddcolor if name == "ddcolor" else deoldify
    network: nn.Module = module.build(**TINY[name]).eval()
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.running_mean.normal_(0, 0.1)
            layer.running_var.uniform_(0.7, 1.4)
            nn.init.normal_(layer.bias, 0, 0.2)
        if isinstance(layer, ddcolor.Block | colour_guest.Attention):
            nn.init.constant_(layer.gamma, 0.3)
    return network


def spectral(name: str) -> bool:
    """Whether the published files keep this convolution's weight under spectral normalisation."""
    own = name.startswith("layers.") and not name.startswith("layers.0.") and name != "layers.8.conv.0"
    return own or (name.startswith("decoder.") and "color_decoder" not in name) or name.startswith("refine_net")


def published(network: nn.Module) -> dict[str, Tensor]:
    """The network's weights as its makers publish them: spectral and weight normalisation not folded."""
    state = dict(network.state_dict())
    for name, layer in network.named_modules():
        if isinstance(layer, nn.Conv2d | nn.Conv1d) and (spectral(name) or name == "layers.8.conv.0"):
            weight = state.pop(f"{name}.weight")
            flat = weight.flatten(1)
            if spectral(name):
                u, s, v = torch.linalg.svd(flat, full_matrices=False)
                state |= {f"{name}.weight_orig": 3 * weight, f"{name}.weight_u": u[:, 0], f"{name}.weight_v": v[0]}
                layer.weight.data = weight / s[0]
            else:
                state[f"{name}.weight_g"] = flat.norm(dim=1).view(-1, *[1] * (weight.dim() - 1))
                state[f"{name}.weight_v"] = 7 * weight
    return state


@pytest.mark.parametrize("name", sorted(CARDS))
def test_the_network_is_as_large_as_the_published_file(name: str) -> None:
    """Every tensor counts: with what spectral normalisation keeps beside a weight, only pickle's frame is left."""
    card = CARDS[name]
    with torch.device("meta"):
        network = (ddcolor if card.architecture == "ddcolor" else deoldify).build(**card.options)
    tensors = {key: tensor.numel() * tensor.element_size() for key, tensor in network.state_dict().items()}
    for layer_name, layer in network.named_modules():
        if isinstance(layer, nn.Conv2d | nn.Conv1d) and spectral(layer_name):
            tensors[f"{layer_name}.weight_u"] = 4 * layer.weight.shape[0]
            tensors[f"{layer_name}.weight_v"] = 4 * layer.weight[0].numel()
    left = card.bytes - sum(tensors.values())
    assert 100 * len(tensors) < left < 500 * len(tensors)
    assert sum(p.numel() for p in network.parameters()) == card.parameters


def test_the_stable_deoldify_is_wide() -> None:
    with torch.device("meta"):
        network = deoldify.build(**CARDS["deoldify-stable"].options)
    shapes = {key: tuple(tensor.shape) for key, tensor in network.state_dict().items()}
    assert shapes["layers.3.0.0.weight"] == (4096, 2048, 3, 3)
    assert shapes["layers.5.conv.3.query.weight"] == (64, 512, 1)
    assert shapes["layers.7.conv.0.weight"] == (256, 320, 3, 3)
    assert shapes["layers.8.conv.0.weight"] == (1024, 256, 1, 1) and shapes["layers.11.0.weight"] == (3, 259, 1, 1)


@pytest.mark.parametrize("name", sorted(TINY))
def test_published_weights_load_strictly_and_mean_the_same(name: str) -> None:
    network = build(name)
    state = published(network)
    assert any(key.endswith("weight_orig") for key in state)
    fresh = (ddcolor if name == "ddcolor" else deoldify).build(**TINY[name]).eval()
    fresh.load_state_dict({key: value.float() for key, value in state.items()}, strict=True)
    inputs = network.probe()
    with torch.inference_mode():
        assert torch.allclose(fresh.both(*inputs), network.both(*inputs), atol=1e-4)
    plain = fresh.state_dict()
    assert not any("orig" in key for key in plain)
    fresh.load_state_dict(plain, strict=True)  # folded weights load again


def test_spectral_normalisation_is_torchs() -> None:
    torch.manual_seed(0)
    conv = nn.Sequential(nn.utils.spectral_norm(nn.Conv2d(6, 9, 3)))
    conv.train()(torch.randn(1, 6, 8, 8))
    conv.eval()
    state = dict(conv.state_dict())
    colour_guest._plain_weights(conv, state, "")
    x = torch.randn(1, 6, 8, 8)
    plain = F.conv2d(x, state["0.weight"], state["0.bias"])
    assert torch.allclose(plain, conv(x), atol=1e-6)


def test_attention_weighs_as_the_published_network_does() -> None:
    torch.manual_seed(0)
    layer = colour_guest.Attention(16)
    nn.init.constant_(layer.gamma, 0.7)
    x = torch.randn(2, 16, 3, 4)
    flat = x.flatten(2)
    share = torch.softmax(layer.query(flat).transpose(1, 2) @ layer.key(flat), 1)
    assert torch.allclose(layer(x), (0.7 * (layer.value(flat) @ share) + flat).view_as(x), atol=1e-5)


def test_guests_and_the_core_mean_the_same_by_lab() -> None:
    rgb = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(colour_guest.ab_of_rgb(rgb), rgb_to_lab(rgb)[:, 1:], atol=2e-3)
    grey = torch.linspace(0, 1, 256).view(1, 1, 16, 16).expand(1, 3, 16, 16)
    seen = colour_guest.normalised(luminance(grey) / 50 - 1)
    mean, deviation = (torch.tensor(v).view(1, 3, 1, 1) for v in (colour_guest.MEAN, colour_guest.DEVIATION))
    assert torch.allclose(seen * deviation + mean, grey, atol=1e-4)


def test_places_are_told_apart_by_waves() -> None:
    where = ddcolor.waves(5, 7, 32, torch.device("cpu"))
    assert where.shape == (35, 32) and len(where.unique(dim=0)) == 35
    assert torch.allclose(where[0, :16], where[6, :16]) and not torch.allclose(where[0, 16:], where[6, 16:])


def test_few_hints_and_all_cells_give_the_same() -> None:
    """Only the cells that have a hint are weighed; two pictures at once, hinted in different places, prove it."""
    generator = torch.Generator().manual_seed(3)
    ab, L = torch.randn(2, 2, 32, 32, generator=generator) * 0.1, torch.rand(2, 1, 64, 64, generator=generator)
    fine, coarse = (torch.randn(2, 8, side, side, generator=generator) for side in (8, 4))
    hints = torch.zeros(2, 3, 64, 64)
    hints[0, :, 4:8, 4:8] = hints[1, :, 40:44, 20:24] = torch.tensor([0.5, -0.3, 1.0])[:, None, None]
    together = spread_hints(ab, L, hints, fine, coarse)
    for i in range(2):
        one = [x[i : i + 1] for x in (ab, L, hints, fine, coarse)]
        assert torch.allclose(spread_hints(*one), together[i : i + 1], atol=1e-5)


@pytest.fixture(params=sorted(TINY))
def guest(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Colorization, ModelCard]:
    """An engine that knows a tiny network from a .bin file as published."""
    name = request.param
    architecture = name.split("-")[0]
    folder = tmp_path / "models"
    folder.mkdir()
    path = folder / "pytorch_model.bin"
    torch.save(published(build(name)), path)
    card = replace(
        CARDS["ddcolor"],
        id="guest",
        architecture=architecture,
        options=TINY[name],
        source=Source("own", (WeightFile(path.name, sha256(path), path.stat().st_size),)),
        folder=folder,
    )
    write_card(card, folder / "guest.toml")
    engines = Engines(device="cpu", home=tmp_path)
    return engines[Colorization], engines.catalogue["guest"]


def test_a_guest_keeps_the_engines_promises(guest: tuple[Colorization, ModelCard]) -> None:
    colour, _ = guest
    sample = Image.open(ROOT / "assets" / "samples" / "kitten.png").convert("L").resize((96, 64))
    grey = np.repeat(np.asarray(sample)[..., None], 3, 2)
    plain = colour.colorize(grey, model="guest")
    assert plain.shape == grey.shape and plain.dtype == np.uint8
    ours, theirs = (luminance(torch.from_numpy(x / 255.0).permute(2, 0, 1)[None].float()) for x in (plain, grey))
    assert (ours - theirs).abs().max() < 0.45
    hinted = colour.colorize(grey, model="guest", hints=[Hint(48, 32, (40, 80, 220))])
    bluer = (hinted.astype(int) - plain)[24:40, 40:56].mean((0, 1))
    assert bluer[2] > bluer[0] + 8, "a hint shows though the network knows none"
    found = colour.suggestions(grey, model="guest", count=3)
    assert np.hypot(*(found[1].ab - found[0].ab).T).mean() > 2 and len(found[0].palette) > 1
    assert np.array_equal(colour.colorize(grey, model="guest"), plain)


@pytest.mark.parametrize("name", sorted(TINY))
def test_a_guest_runs_in_half_precision(name: str) -> None:
    """What bfloat16 needs is said in the code: nothing mixes formats."""
    card = replace(CARDS["ddcolor"], architecture=name.split("-")[0], options=TINY[name])
    device = Device("cpu", "CPU", "bfloat16")
    network = Network(card, build_module(card, build(name).state_dict()), device, precision="bfloat16")
    assert network.precision == "bfloat16"
    L, hints = build(name).probe()
    ab, p = unfold(network(L, hints, method="both"))
    assert ab.shape == (1, 2, 32, 32) and p.shape == (1, BINS, 8, 8) and torch.allclose(p.sum(1), torch.ones(1, 8, 8))


def test_large_pictures_spread_hints_on_a_smaller_copy() -> None:
    network = build("ddcolor")
    L = torch.linspace(-0.8, 0.8, 384).expand(1, 1, 384, 384).contiguous()
    hints = torch.zeros(1, 3, 384, 384)
    hints[:, :, 190:200, 190:200] = torch.tensor([0.5, 0.4, 1.0])[:, None, None]
    with torch.inference_mode():
        change = network(L, hints) - network(L, torch.zeros_like(hints))
    assert change.shape == (1, 2, 192, 192)
    here, far = change[..., 92:100, 92:100].mean((2, 3))[0], change[..., :8, :8].mean((2, 3))[0]
    assert here[0] > 0.1 and here.norm() > 1.3 * far.norm()


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    state = published(build("deoldify"))
    path = tmp_path / "x.pth"
    torch.save({"model": state}, path)
    assert set(read_tensors(path)) == set(state)
    with pytest.raises(RuntimeError, match="Missing key"):
        deoldify.build(**TINY["deoldify-wide"]).load_state_dict(state, strict=True)
