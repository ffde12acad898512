"""The colouring recipe: old photographs, batches, hints, the network, and a run that learns and can be gone on with."""

from pathlib import Path
from typing import Any

import pytest
import torch

from engines.core.lab import into_gamut, lab_to_rgb, luminance, rgb_to_lab
from engines.models.colour_unet import (
    AB,
    BINS,
    ColourUNet,
    bin_colours,
    hint_pyramid,
    soft_bins,
    unfold,
    working_size,
)
from engines.models.efficientnet_lite import EfficientNetLite, fold_batch_norms
from engines.train import depthwise
from engines.train.colour_batches import Mixture, draw_hints, hint_counts, make_batch, turn_hue
from engines.train.colours import rgb_to_lab as exact_lab
from engines.train.data import Pictures
from engines.train.loop import Machine
from engines.train.old_photos import Faults, age
from engines.train.recipes import colorize
from tests.train.tiny import STAGES, pictures

WIDTHS = (8, 8, 8, 16, 8)


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def tiny() -> ColourUNet:
    torch.manual_seed(0)
    return ColourUNet(widths=WIDTHS)


def test_lab_agrees_with_the_exact_one_and_returns() -> None:
    images = torch.randint(0, 256, (2, 3, 9, 7), dtype=torch.uint8, generator=rng())
    rgb = images.float() / 255
    assert (rgb_to_lab(rgb) - exact_lab(images)).abs().max() < 0.02
    assert (lab_to_rgb(rgb_to_lab(rgb)) - rgb).abs().max() < 1e-3
    grey = rgb[:, :1].expand(-1, 3, -1, -1)
    assert rgb_to_lab(grey)[:, 1:].abs().max() < 2e-3


def test_colours_outside_srgb_keep_their_luminance_and_hue() -> None:
    lab = torch.tensor([[95.0, 90.0, 10.0], [50.0, 10.0, 5.0], [10.0, -60.0, 60.0]])[:, :, None, None]
    inside = into_gamut(lab)
    rgb = lab_to_rgb(inside)
    assert rgb.min() > -0.002 and rgb.max() < 1.001
    assert torch.equal(inside[1], lab[1]), "a colour that sRGB has stays"
    assert (luminance(rgb.clamp(0, 1)) - lab[:, :1]).abs().max() < 0.1
    for before, after in zip(lab[[0, 2], 1:, 0, 0], inside[[0, 2], 1:, 0, 0], strict=True):
        assert 0.05 < after.norm() / before.norm() < 0.9
        assert torch.cosine_similarity(before, after, dim=0) > 0.9999


def test_bins_hold_a_colour_and_give_it_back() -> None:
    ab = torch.rand(2, 2, 5, 4, generator=rng()) * 1.4 - 0.7
    shares = soft_bins(ab)
    assert shares.shape == (2, BINS, 5, 4)
    assert torch.allclose(shares.sum(1), torch.ones(2, 5, 4))
    assert torch.allclose(torch.einsum("nkhw,kc->nchw", shares, bin_colours()), ab, atol=1e-5)


def test_hints_stay_themselves_at_every_scale() -> None:
    hints = torch.zeros(1, 3, 64, 64)
    hints[0, :, 10:13, 20:23] = torch.tensor([0.4, -0.2, 1.0])[:, None, None]
    for level in hint_pyramid(hints):
        known = level[0, 2] > 0
        assert known.any()
        assert torch.allclose(level[0, :2][:, known], torch.tensor([[0.4], [-0.2]]).expand(2, int(known.sum())))
        assert not level[0, :2][:, ~known].any()


def test_the_network_gives_ab_at_half_size_and_can_be_probed() -> None:
    net = tiny().eval()
    L, hints = net.probe()
    assert net(L, hints).shape == (1, 2, 32, 32)
    both = net.both(L, hints)
    ab, p = unfold(both)
    assert torch.allclose(ab, net(L, hints), atol=1e-5)
    assert torch.allclose(p.sum(1), torch.ones(1, 8, 8), atol=1e-4)
    assert net.describe(L).shape == (1, 112 + 320, 4, 4)


@pytest.mark.parametrize("size", [(1, 1), (3000, 20), (480, 640), (64, 64)])
def test_the_working_size_is_legal_and_bounded(size: tuple[int, int]) -> None:
    h, w = working_size(*size, short=224, longest=512)
    assert h % 32 == w % 32 == 0 and 64 <= h <= 512 and 64 <= w <= 512


def test_quick_depthwise_convolutions_give_the_same_values() -> None:
    torch.manual_seed(3)
    net = fold_batch_norms(EfficientNetLite(STAGES, classes=5, width=24).eval())
    x = torch.randn(2, 3, 36, 32)
    before = net.features(x, blocks=[0, 2, 3])
    state = set(net.state_dict())
    after = depthwise.quicken(net).features(x, blocks=[0, 2, 3])
    assert set(net.state_dict()) == state
    for a, b in zip(before, after, strict=True):
        assert torch.allclose(a, b, atol=1e-5)
    assert not any(p.requires_grad for name, p in net.named_parameters() if "_depthwise" in name)


def test_old_photographs_differ_and_clean_ones_do_not() -> None:
    rgb = pictures(8, size=32).float() / 255
    clean = age(rgb, rng(), faults=Faults(0, 0, 0, 0, 0, 0))
    assert torch.allclose(clean, luminance(rgb).clamp(0, 100), atol=1e-3)
    for name in ("film", "fading", "blur", "grain", "scratches", "jpeg"):
        only = Faults(**{"film": 0, "fading": 0, "blur": 0, "grain": 0, "scratches": 0, "jpeg": 0, name: 1.0})
        aged = age(rgb, rng(1), faults=only)
        assert aged.shape == clean.shape and aged.min() >= 0 and aged.max() <= 100
        assert ((aged - clean).abs().mean((1, 2, 3)) > 0.02).all(), name
    assert torch.equal(age(rgb, rng(2)), age(rgb, rng(2)))


def test_hints_are_the_truth_where_they_are() -> None:
    ab = torch.rand(3, 2, 24, 24, generator=rng()) - 0.5
    ab[:, :, :, :] = ab[:, :, :1, :1]  # of one colour each
    hints = draw_hints(ab, torch.tensor([0, 1, 5]), rng())
    assert not hints[0].any()
    for picture in (1, 2):
        known = hints[picture, 2] > 0
        assert 4 <= known.sum() <= 5 * 64
        assert torch.allclose(
            hints[picture, :2][:, known], ab[picture, :, :1, 0].expand(2, int(known.sum())), atol=1e-6
        )
    counts = hint_counts(4000, rng())
    assert counts.min() == 1 and 6 < counts.float().mean() < 9


def test_turning_colours_keeps_their_strength() -> None:
    ab = torch.randn(4, 2, 3, 3, generator=rng())
    turned = turn_hue(ab, torch.tensor([True, False, True, False]), rng())
    assert torch.equal(turned[1::2], ab[1::2])
    assert torch.allclose(turned.norm(dim=1), ab.norm(dim=1), atol=1e-5)
    assert (turned[::2] - ab[::2]).abs().max() > 0.1


def test_batches_draw_by_shares() -> None:
    dark = Pictures(torch.zeros(3, 3, 40, 40, dtype=torch.uint8), ("a", "b", "c"))
    light = Pictures(torch.full((2, 3, 48, 48), 255, dtype=torch.uint8), ("d", "e"))
    mixture = Mixture({"dark": dark, "light": light}, {"dark": 3.0, "light": 1.0}, side=32)
    drawn = mixture.draw(400, rng())
    assert drawn.shape == (400, 3, 32, 32)
    assert 0.18 < drawn.mean() < 0.32
    batch = make_batch(drawn[:4], rng(), faults=None, hinted=1.0)
    assert (batch.hints[:, 2].flatten(1).sum(1) > 0).all()
    assert torch.allclose(batch.L, batch.lab[:, :1] / 50 - 1)


def trainee(**options: Any) -> colorize.Colorize:
    net = tiny()
    machine = Machine(torch.device("cpu"), torch.float32, 0)
    data = Pictures(pictures(12, size=64), tuple(f"p{i}" for i in range(12)))
    settings: dict[str, Any] = {
        "side": 64,
        "batch": 4,
        "widths": WIDTHS,
        "total": 64,
        "matching_from": 8,
        "adversarial_from": 12,
    }
    return colorize.Colorize(
        net, {"set": data}, [data.subset([0, 1])], colorize.Options(**(settings | options)), machine
    )


def test_all_three_phases_run_and_a_run_can_be_gone_on_with(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(colorize, "load_backbone", backbone_without_weights)
    first = trainee()
    said = [first.step() for _ in range(3)]
    assert "matching" not in said[1] and "matching" in said[2] and "loss_D" not in said[2]
    second = trainee()
    second.load_state(first.state())
    ours, theirs = first.step(), second.step()
    assert {"classes", "colour", "matching", "adversarial", "loss_D"} <= set(ours)
    for name, value in ours.items():
        assert torch.isfinite(value) and torch.allclose(value, theirs[name], atol=1e-5), name
    assert first.images == second.images == 16
    assert torch.equal(first.held_out, second.held_out)
    ab = first.colour(first.held_out)
    assert ab.shape == first.held_out.shape and ab.dtype == torch.uint8
    L = [luminance(images.float() / 255) for images in (ab, first.held_out)]
    assert (L[0] - L[1]).abs().mean() < 0.25
    rebuilt = ColourUNet(widths=WIDTHS)
    rebuilt.load_state_dict({name: value.float() for name, value in first.result().items()})
    assert first.card().options == {"widths": list(WIDTHS)}


def test_it_learns_one_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(colorize, "load_backbone", backbone_without_weights)
    run = trainee(matching_from=10**9, adversarial_from=10**9, total=10**6, hinted=0.0)
    lab = torch.tensor([50.0, 30.0, -20.0])[None, :, None, None].expand(8, 3, 64, 64)
    images = (lab_to_rgb(lab) * 255).round().to(torch.uint8)
    run.mixture = Mixture({"set": Pictures(images, tuple("abcdefgh"))}, {}, side=64)
    run.rates = [5e-3, 5e-3]
    losses = [float(run.step()["colour"]) for _ in range(30)]
    assert losses[-1] < 0.5 * losses[0]


def backbone_without_weights(_: str) -> EfficientNetLite:
    """EfficientNet-lite0 at random: no file is read."""
    torch.manual_seed(5)
    net = fold_batch_norms(EfficientNetLite().eval()).requires_grad_(False)
    return net


def test_archives_become_a_trainee(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.train.tiny import write_archive

    monkeypatch.setattr(colorize, "load_backbone", backbone_without_weights)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    archive = write_archive(tmp_path / "photos_288.zip", pictures(6, size=40))
    monkeypatch.setattr(colorize, "start_encoder", lambda encoder, stem: None)
    options = colorize.Options(side=64, batch=2, widths=WIDTHS, hold_out=2)
    built = colorize.build([archive], options, Machine(torch.device("cpu"), torch.float32, 0))
    assert len(built.held_out) == 2 and built.sets == {"photos_288": 4}
    assert AB == 110
