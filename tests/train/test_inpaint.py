"""The inpainting recipe: holes, losses that look at holes, the network, a run that learns and goes on."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from engines.models.efficientnet_lite import EfficientNetLite, fold_batch_norms
from engines.models.inpaint_unet import InpaintUNet, pull_push
from engines.train import losses
from engines.train.colour_batches import Mixture
from engines.train.data import Pictures
from engines.train.holes import KINDS, extension, hole, holes
from engines.train.loop import Machine
from engines.train.recipes import inpaint
from tests.train.tiny import pictures, write_archive

WIDTHS = (8, 8, 8, 16, 16)


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def tiny(middle: str = "aot") -> InpaintUNet:
    torch.manual_seed(0)
    return InpaintUNet(widths=WIDTHS, middle=middle, blocks=2)


@pytest.mark.parametrize("bounds", [(0.1, 0.2), (0.4, 0.6)])
def test_holes_keep_their_bounds_and_their_seed(bounds: tuple[float, float]) -> None:
    numbers = np.random.default_rng(1)
    parts = [(hole(64, numbers, least=bounds[0], most=bounds[1]) > 0).mean() for _ in range(20)]
    assert min(parts) >= bounds[0] and max(parts) <= bounds[1] and np.std(parts) > 0.01
    batch = holes(5, 48, rng(3))
    assert batch.shape == (5, 1, 48, 48) and set(batch.unique().tolist()) == {0.0, 1.0}
    assert torch.equal(batch, holes(5, 48, rng(3))) and not torch.equal(batch, holes(5, 48, rng(4)))


def test_extensions_leave_one_upright_rectangle_and_come_as_often_as_asked() -> None:
    numbers = np.random.default_rng(2)
    masks = [extension(64, numbers) for _ in range(40)]
    for mask in masks:
        rows, columns = np.flatnonzero((mask == 0).any(1)), np.flatnonzero((mask == 0).any(0))
        assert (mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] == 0).all()
        assert 0.05 < (mask > 0).mean() <= 0.6
    blank = [[(edge > 0).all() for edge in (m[0], m[-1], m[:, 0], m[:, -1])] for m in masks]
    assert {sum(sides) for sides in blank} == {1, 2, 3} and np.all(np.sum(blank, 0) > 8), "every side, up to three"

    def extended(gap: torch.Tensor) -> bool:
        return bool((gap[0, [0, 0, -1, -1], [0, -1, 0, -1]]).sum() >= 2)  # both corners of a side

    assert all(extended(gap) for gap in holes(20, 32, rng(5), beyond=1.0))
    assert not all(extended(gap) for gap in holes(20, 32, rng(5), beyond=0.0))


@pytest.mark.parametrize("kind", [kind for kind, _, _ in KINDS], ids=lambda kind: kind.__name__)
def test_every_kind_of_hole_draws(kind: Any) -> None:
    masks = [np.zeros((96, 96), np.uint8) for _ in range(6)]
    for seed, mask in enumerate(masks):
        kind(mask, np.random.default_rng(seed))
    assert all(set(np.unique(mask)) <= {0, 255} for mask in masks)
    assert 0.002 < np.mean([(mask > 0).mean() for mask in masks]) < 0.6


def test_the_smooth_fill_keeps_what_is_known_and_lies_between_its_borders() -> None:
    image = torch.zeros(1, 3, 37, 50)
    image[..., 25:] = 1.0
    gap = torch.zeros(1, 1, 37, 50)
    gap[..., 10:30, 5:45] = 1
    filled = pull_push(image, gap)
    assert torch.allclose(filled[..., :10, :], image[..., :10, :], atol=1e-6)
    assert filled.min() > -1e-5 and filled.max() < 1 + 1e-5
    middle = filled[0, 0, 20]
    assert middle[8] < 0.35 and middle[42] > 0.65 and (middle[6:44].diff() > -0.05).all()
    everything = pull_push(image, torch.ones(1, 1, 37, 50))
    assert torch.allclose(everything, torch.full_like(image, 0.5)), "nothing is known: mid-grey"


@pytest.mark.parametrize("middle", ["aot", "gated", "fourier"])
def test_the_network_changes_the_hole_alone(middle: str) -> None:
    net = tiny(middle)
    image, gap, noise = net.probe()
    y = net(image, gap, noise)
    assert y.shape == image.shape
    known = (gap == 0).expand_as(image)
    assert torch.equal(y[known], pull_push(image, gap)[known]) and (y - image)[known].abs().max() < 1e-6
    other = net(torch.where(gap > 0, torch.rand(image.shape, generator=rng()), image), gap, noise)
    assert torch.allclose(y, other, atol=1e-6), "what lies under the hole is not seen"
    with torch.no_grad():
        net.up1.noise += 0.5
    assert not torch.allclose(net(image, gap, noise + 1), net(image, gap, noise))
    with pytest.raises(ValueError, match="aot"):
        tiny("none")


def test_losses_look_at_the_hole() -> None:
    gap = torch.zeros(1, 1, 8, 8)
    gap[..., :4, :] = 1
    logits = torch.tensor([[[[3.0], [-5.0]]]])  # (1, 1, 2, 1): above the hole, below not
    assert losses.hinge_generator_at([logits], gap) == -3.0
    assert losses.hinge_discriminator_at([logits], [logits], gap) == 4.0
    maps = torch.rand(2, 3, 6, 6, generator=rng())
    shuffled = maps.flatten(2)[..., torch.randperm(36, generator=rng())].reshape(maps.shape)
    assert losses.style([maps], [shuffled]) < 1e-6, "where things are does not matter"
    assert torch.isclose(losses.style([2 * maps], [maps]), 3 * losses.style([maps], [0 * maps]), rtol=1e-5)


def backbone_without_weights(_: str) -> EfficientNetLite:
    """EfficientNet-lite0 at random: no file is read."""
    torch.manual_seed(5)
    return fold_batch_norms(EfficientNetLite().eval()).requires_grad_(False)


def trainee(**options: Any) -> inpaint.Inpaint:
    settings: dict[str, Any] = {"side": 64, "batch": 4, "widths": WIDTHS, "blocks": 2, "total": 64, "r1_every": 2}
    chosen = inpaint.Options(**(settings | {"adversarial_from": 8} | options))
    data = Pictures(pictures(12, size=64), tuple(f"p{i}" for i in range(12)))
    return inpaint.Inpaint(
        tiny(), {"set": data}, data.images[:2], chosen, Machine(torch.device("cpu"), torch.float32, 0)
    )


def test_both_phases_run_and_a_run_can_be_gone_on_with(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inpaint, "load_backbone", backbone_without_weights)
    first = trainee()
    said = [first.step() for _ in range(3)]
    assert "loss_D" not in said[1] and "loss_D" in said[2]
    second = trainee()
    second.load_state(first.state())
    ours, theirs = first.step(), second.step()
    assert {"l1", "perceptual", "matching", "style", "adversarial", "loss_D"} == set(ours)
    for name, value in ours.items():
        assert torch.isfinite(value) and torch.allclose(value, theirs[name], atol=1e-5), name
    assert first.images == second.images == 16
    masks = inpaint.fixed_holes(2, 64, 0.1, 0.2)
    filled = first.fill(first.held_out, masks)
    outside = (masks == 0).expand_as(filled)
    assert torch.equal(filled[outside], first.held_out[outside])
    rebuilt = InpaintUNet(widths=WIDTHS, blocks=2)
    rebuilt.load_state_dict({name: value.float() for name, value in first.result().items()})
    assert first.card().options == {"widths": list(WIDTHS), "middle": "aot", "blocks": 2}
    assert first.sample().size == (2 * 64, 3 * 64)


def test_it_learns_a_pattern(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inpaint, "load_backbone", backbone_without_weights)
    run = trainee(adversarial_from=10**9, total=10**6, perceptual=0.0, matching=0.0, style=0.0)
    line = torch.arange(64) // 8 % 2 * 200
    images = line.to(torch.uint8).expand(8, 3, 64, 64).contiguous()
    run.mixture = Mixture({"set": Pictures(images, tuple("abcdefgh"))}, {}, side=64, closest=1.0)
    run.rates = [5e-3, 5e-3]
    told = [float(run.step()["l1"]) for _ in range(40)]
    assert np.mean(told[-5:]) < 0.6 * np.mean(told[:5])


def test_archives_become_a_trainee(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inpaint, "load_backbone", backbone_without_weights)
    monkeypatch.setattr(inpaint, "start_encoder", lambda encoder, stem: None)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    archive = write_archive(tmp_path / "photos_288.zip", pictures(6, size=40))
    options = inpaint.Options(side=64, batch=2, widths=WIDTHS, blocks=2, hold_out=2)
    built = inpaint.build([archive], options, Machine(torch.device("cpu"), torch.float32, 0))
    assert built.held_out.shape == (2, 3, 64, 64) and built.sets == {"photos_288": 4}
