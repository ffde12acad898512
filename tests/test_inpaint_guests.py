"""Inpainting networks of other people: their published files load, mean the same, and keep the engine's promises."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import safetensors.torch
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from engines import Engines
from engines.core import torchvision_cpu
from engines.core.card import ModelCard, Source, WeightFile, read_card, write_card
from engines.core.device import Device
from engines.core.errors import CardError
from engines.core.job import Job
from engines.core.network import Network, build_module
from engines.core.weights import sha256
from engines.inpaint import masks
from engines.inpaint.whole import fill_whole, plan_whole
from engines.inpainting import Inpainting
from engines.models import lama, migan
from tests.conftest import ROOT

CARD = read_card(ROOT / "assets" / "models" / "lama.toml")
MIGAN = read_card(ROOT / "assets" / "models" / "migan.toml")
TINY: dict[str, dict[str, Any]] = {
    "lama": {"width": 8, "blocks": 2, "far": 0.75},
    "migan": {"side": 64, "base": 512, "most": 24},
}


def build(name: str) -> nn.Module:
    """A tiny random network with statistics that are not trivial."""
    torch.manual_seed(1)
    network: nn.Module = (lama if name == "lama" else migan).build(**TINY[name]).eval()
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.running_mean.normal_(0, 0.1)
            layer.running_var.uniform_(0.7, 1.4)
        if isinstance(layer, migan.Separable) and layer.side:
            nn.init.constant_(layer.noise_strength, 0.2)
    return network


def published(network: nn.Module) -> dict[str, Tensor]:
    """The network's weights as in published files: what wraps the generator there, and where MI-GAN's zeros go."""
    state = {f"generator.{key}": value for key, value in network.state_dict().items()}
    return state | {f"generator.{key}": value for key, value in grids(network).items()}


def grids(network: nn.Module) -> dict[str, Tensor]:
    """What MI-GAN's published files keep beside every filter that doubles a size, (1, 1, R, R)."""
    corner = torch.tensor([[1.0, 0.0], [0.0, 0.0]])
    found = {}
    for name, layer in network.named_modules():
        if isinstance(layer, migan.Double):
            side = int(re.findall(r"b(\d+)", name)[-1])
            found[f"{name}.filter_const"] = corner.repeat(1, 1, side // 2, side // 2)
    return found


@pytest.fixture(scope="module")
def reference() -> nn.Module:
    """spandrel's LaMa at its published size, with random weights."""
    torchvision_cpu.declare_operators()
    from spandrel.architectures.LaMa import LaMa

    torch.manual_seed(0)
    with torch.device("meta"):  # its own way to start takes seconds
        network: nn.Module = LaMa(in_nc=4, out_nc=3).eval()
    network.to_empty(device="cpu")
    for name, tensor in network.state_dict().items():
        if tensor.dim() > 1:
            tensor.normal_(0, (2 * len(tensor) / tensor.numel()) ** 0.5)
        elif tensor.is_floating_point():
            tensor.uniform_(*((0.7, 1.4) if name.endswith(("running_var", "weight")) else (-0.1, 0.1)))
    return network


@pytest.mark.parametrize("prefix", ["generator.model.", "model.model.", "model."])
def test_lama_is_spandrels_lama(reference: nn.Module, prefix: str) -> None:
    """Another implementation's weights load strictly, whatever wraps their names, and give the same picture."""
    state = {key.replace("model.model.", prefix): value for key, value in reference.state_dict().items()}
    with torch.device("meta"):
        ours = lama.build(**CARD.options).eval()
    ours.load_state_dict(state, strict=True, assign=True)
    if prefix != "generator.model.":
        return
    generator = torch.Generator().manual_seed(0)
    image, hole = torch.rand(1, 3, 32, 48, generator=generator), torch.zeros(1, 1, 32, 48)
    hole[..., 8:20, 10:30] = 1
    with torch.inference_mode():
        made = ours(image, hole, torch.zeros_like(hole))
        assert torch.allclose(made, reference(image, hole), atol=1e-5) and made[..., 8:20, 10:30].std() > 0.02


def test_the_card_counts_what_the_network_has() -> None:
    """989 tensors, as is told of the published file, and their bytes."""
    with torch.device("meta"):
        network = lama.build(**CARD.options)
    assert sum(p.numel() for p in network.parameters()) == CARD.parameters
    state = network.state_dict()
    assert len(state) == 989 and sum(t.numel() * t.element_size() for t in state.values()) == CARD.bytes


def test_migan_is_as_large_as_the_published_file() -> None:
    """5.97 million parameters, as is told of it; with the grids, only what a zip writes around tensors is left."""
    with torch.device("meta"):
        network = migan.build(**MIGAN.options)
    assert sum(p.numel() for p in network.parameters()) == MIGAN.parameters
    tensors = [*network.state_dict().values(), *grids(network).values()]
    left = MIGAN.bytes - sum(tensor.numel() * tensor.element_size() for tensor in tensors)
    assert 100 * len(tensors) < left < 500 * len(tensors)


def test_migan_has_the_published_shapes() -> None:
    with torch.device("meta"):
        shapes = {key: tuple(tensor.shape) for key, tensor in migan.build().state_dict().items()}
    assert shapes["encoder.b512.fromrgb.weight"] == (64, 4, 1, 1)
    assert shapes["encoder.b512.conv2.downsample.filter.weight"] == (64, 1, 4, 4)
    assert shapes["encoder.b4.conv2.conv2.weight"] == (512, 512, 1, 1)
    assert shapes["synthesis.b8.conv1.upsample.filter.weight"] == (512, 1, 4, 4)
    assert shapes["synthesis.b512.conv2.noise_const"] == (512, 512)
    assert shapes["synthesis.b512.torgb.weight"] == (3, 64, 1, 1) and shapes["synthesis.b4.torgb.bias"] == (3,)


def test_older_files_of_migan_load_too() -> None:
    """They keep the zeros as weights of a transposed convolution instead of grids."""
    network = build("migan")
    state = {key.replace("filter_const", "insert_zeros.weight"): value for key, value in published(network).items()}
    fresh = migan.build(**TINY["migan"]).eval()
    fresh.load_state_dict(state, strict=True)
    with torch.inference_mode():
        assert torch.equal(fresh(*network.probe()), network(*network.probe()))


def test_migans_filters_resample_without_a_shift() -> None:
    """A constant stays one, and a slope keeps its place, but for the border."""
    slope = torch.arange(16.0).expand(1, 2, 16, 16)
    for layer, expected in (
        (migan.Double(2), torch.arange(32.0) / 2 - 0.25),
        (migan.Halve(2), 2 * torch.arange(8.0) + 0.5),
    ):
        with torch.inference_mode():
            got = layer(slope)[0, 0, 4]
        assert torch.allclose(got[4:-4], expected[4:-4], atol=1e-5)


@pytest.mark.parametrize("name", sorted(TINY))
@pytest.mark.parametrize("size", [(64, 64), (40, 56), (7, 90), (1, 1)])
def test_a_guest_takes_any_size_and_leaves_what_is_known(name: str, size: tuple[int, int]) -> None:
    generator = torch.Generator().manual_seed(0)
    image, hole = torch.rand(1, 3, *size, generator=generator), torch.zeros(1, 1, *size)
    hole[..., : size[0] // 2 + 1, : size[1] // 2 + 1] = 1
    with torch.inference_mode():
        made = build(name)(image, hole, torch.zeros_like(hole))
    assert made.shape == image.shape and made.dtype == torch.float32
    known = (hole == 0).expand_as(image)
    assert torch.equal(made[known], image[known]) and not torch.equal(made[~known], image[~known])
    assert float(made.min()) >= 0 and float(made.max()) <= 1


@pytest.mark.parametrize("name", sorted(TINY))
def test_a_guest_does_not_see_what_is_under_the_hole(name: str) -> None:
    network = build(name)
    image, hole, noise = network.probe()
    other = torch.where(hole > 0, 1 - image, image)
    with torch.inference_mode():
        assert torch.equal(
            network(image, hole, noise)[hole.expand_as(image) > 0],
            network(other, hole, noise)[hole.expand_as(image) > 0],
        )


@pytest.mark.parametrize("name", sorted(TINY))
def test_a_guest_runs_in_half_precision(name: str) -> None:
    """What bfloat16 needs is said in the code: nothing mixes formats."""
    card = replace(CARD, architecture=name, options=TINY[name])
    device = Device("cpu", "CPU", "bfloat16")
    network = Network(card, build_module(card, build(name).state_dict()), device, precision="bfloat16")
    assert network.precision == "bfloat16"
    probe = build(name).probe()
    assert (network(*probe) - build(name)(*probe)).abs().mean() < 0.02


@pytest.fixture(params=sorted(TINY))
def guest(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Inpainting, ModelCard]:
    """An engine that knows a tiny network from a file as published."""
    folder = tmp_path / "models"
    folder.mkdir()
    path = folder / "guest.safetensors"
    state = {key: value.contiguous().clone() for key, value in published(build(request.param)).items()}
    safetensors.torch.save_file(state, path)
    card = replace(
        CARD,
        id="guest",
        architecture=request.param,
        options=TINY[request.param],
        source=Source("own", (WeightFile(path.name, sha256(path), path.stat().st_size),)),
        folder=folder,
    )
    write_card(card, folder / "guest.toml")
    engines = Engines(device="cpu", home=tmp_path)
    return engines[Inpainting], engines.catalogue["guest"]


def test_a_guest_keeps_the_engines_promises(guest: tuple[Inpainting, ModelCard], kitten: NDArray[np.uint8]) -> None:
    engine, _ = guest
    mask = np.zeros(kitten.shape[:2], np.uint8)
    mask[20:40, 30:60] = 255
    made = engine.inpaint(kitten, mask, model="guest")
    outside = masks.grown(mask, 2) == 0  # and its soft edge
    assert np.array_equal(made[outside], kitten[outside]) and not np.array_equal(made, kitten)
    assert np.array_equal(engine.inpaint(kitten, mask, model="guest"), made)
    wide = engine.outpaint(kitten, left=10, model="guest")
    assert wide.shape == (64, 106, 3) and np.array_equal(wide[:, 10:], kitten)


def scene(height: int, width: int) -> NDArray[np.float32]:
    """Broad waves with grain on them."""
    y, x = np.mgrid[:height, :width]
    waves = 0.5 + 0.2 * np.sin(x / 40)[..., None] * np.cos(y / 30)[..., None] * np.array([1, 0.8, 0.6])
    return np.asarray(waves + np.random.default_rng(0).normal(0, 0.03, waves.shape), np.float32).clip(0, 1)


def asked(image: NDArray[np.float32], hole: NDArray[np.bool_], **options: Any) -> tuple[NDArray[np.float32], list[Any]]:
    """A fill by a guest that answers a smooth ramp and notes what it was shown."""
    shown = []

    def see(picture: Tensor, gap: Tensor, noise: Tensor) -> Tensor:
        shown.append((picture.clone(), gap.clone()))
        ramp = torch.linspace(0.3, 0.7, picture.shape[-1]).expand_as(picture)
        return torch.where(gap > 0, ramp, picture)

    return fill_whole(image, hole, see, job=Job(), **options), shown


def test_a_guest_sees_the_photo_at_its_own_size_and_its_answer_is_the_fill() -> None:
    image, hole = scene(400, 600), np.zeros((400, 600), bool)
    hole[150:250, 300:400] = True
    made, shown = asked(image, hole, side=256, detail=0.0)
    (picture, gap), top, left = shown[0], 200 - 128, 350 - 128
    assert len(shown) == 1 and tuple(picture.shape[-2:]) == (256, 256), "one look, at full size"
    assert np.array_equal(gap[0, 0].numpy() > 0, hole[top : top + 256, left : left + 256])
    known = ~hole[top : top + 256, left : left + 256]
    assert np.array_equal(picture[0].permute(1, 2, 0).numpy()[known], image[top : top + 256, left : left + 256][known])
    ramp = np.linspace(0.3, 0.7, 256, dtype=np.float32)[300 - left : 400 - left]
    assert np.allclose(made[150:250, 300:400], ramp[None, :, None], atol=1e-6), "nothing is laid over its answer"
    assert np.array_equal(made[~hole], image[~hole])
    grainy, _ = asked(image, hole, side=256, detail=1.0)
    inside = grainy[150:250, 300:400] - ramp[None, :, None]
    assert np.abs(cv2.GaussianBlur(inside, (0, 0), 6)).max() < 0.03, "only grain is added"
    own = (image - cv2.GaussianBlur(image, (0, 0), 2))[:140].std()
    assert 0.6 < (inside - cv2.GaussianBlur(inside, (0, 0), 2)).std() / own < 1.2


def test_a_hole_larger_than_a_guest_takes_is_seen_reduced() -> None:
    """With half its length around it; what the small answer lacks of the finest detail comes from the photo."""
    image, hole = scene(900, 1000), np.zeros((900, 1000), bool)
    hole[200:600, 300:700] = True
    for detail, low, high in ((0.0, 0.0, 0.05), (1.0, 0.6, 1.2)):
        made, shown = asked(image, hole, side=256, detail=detail)
        assert [tuple(picture.shape[-2:]) for picture, _ in shown] == [(256, 256)]
        fine = made - cv2.GaussianBlur(made, (0, 0), 2)
        assert low <= fine[220:580, 320:680].std() / fine[:180].std() <= high
        assert np.array_equal(made[~hole], image[~hole])


def test_small_holes_share_a_look_and_distant_ones_do_not() -> None:
    image, hole = scene(300, 1200), np.zeros((300, 1200), bool)
    hole[100:110, 100:110] = hole[130:140, 150:160] = hole[50:60, 1000:1010] = True
    hole[0:3, 600:603] = True  # at the border
    made, shown = asked(image, hole, side=256, detail=0.0)
    assert len(shown) == 3 and all(tuple(picture.shape[-2:]) == (256, 256) for picture, _ in shown)
    assert (made[hole] != image[hole]).any(1).all() and np.array_equal(made[~hole], image[~hole])
    covered = np.zeros(hole.shape, int)
    for (rows, columns), here in plan_whole(hole, 256):
        covered[rows, columns] += here & hole[rows, columns]
    assert np.array_equal(covered, hole.astype(int)), "each hole is filled once"


def test_a_guest_is_asked_by_its_card(guest: tuple[Inpainting, ModelCard], monkeypatch: pytest.MonkeyPatch) -> None:
    """From the engine: one look of the size on the card, whatever the hole's, and no patches are laid."""
    engine, card = guest
    image = (255 * scene(300, 400)).astype(np.uint8)
    mask = np.zeros((300, 400), np.uint8)
    mask[100:200, 150:260] = 255
    sizes, forward = [], Network.__call__

    def noted(self: Network, *inputs: Tensor, **more: Any) -> Tensor:
        sizes.append(tuple(inputs[0].shape[-2:]))
        return forward(self, *inputs, **more)

    monkeypatch.setattr(Network, "__call__", noted)
    monkeypatch.setattr("engines.inpaint.filling.completed", None)
    engine.inpaint(image, mask, model="guest")
    asked_of = [size for size in sizes if size != (64, 64)]  # but for trials of its precision
    assert card.tiling.best == 1024 and asked_of == [(300, 400)]


def test_a_file_of_something_else_is_refused() -> None:
    state = published(build("lama"))
    with pytest.raises(CardError, match="do not fit"):
        build_module(replace(CARD, architecture="migan", options=TINY["migan"]), state)
    state.pop(next(iter(state)))
    with pytest.raises(CardError, match="do not fit"):
        build_module(replace(CARD, options=TINY["lama"]), state)
