"""A generator that grows a level: what stays, what learns, on windows."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from engines.models.efficientnet_lite import fold_batch_norms
from engines.models.style_generator import StyleGenerator
from engines.train.data import Pictures
from engines.train.discriminators import ProjectedDiscriminator
from engines.train.growing import energies, grey, grown, lengthened, looks
from engines.train.loop import choose_machine
from engines.train.recipes.grow import MARGIN, Grow, Options, latents_of
from engines.train.sliders import Found
from tests.train import tiny


def small() -> StyleGenerator:
    torch.manual_seed(5)
    net = StyleGenerator(tiny.GENERATOR)
    for level in net.levels:
        level.noise_strength.data.fill_(0.1)
    return net.requires_grad_(False)


def trainee(seed: int = 0, **changed: Any) -> Grow:
    images = Pictures(tiny.pictures(12, size=32), tuple(f"p/{i}" for i in range(12)))
    latents = torch.randn(2, 8, 9, 12, generator=torch.Generator().manual_seed(1))
    found = Found("smile", "", "", "", "", "Smiling", -1.0, 2.0, 1.0, 0.1, 0.1, "age", 1.0, (0, 9), "w")
    options = replace(Options(channels=(12, 6), window=16, batch=8, g_lr=(3e-3, 3e-3), d_lr=2e-3), **changed)
    torch.manual_seed(6)
    D = ProjectedDiscriminator(fold_batch_norms(tiny.backbone()), size=16, blocks=(0, 2, 3), out_channels=(8, 8, 16))
    known = ([found], [torch.ones(9, 12)])
    return Grow(small(), latents, *images.split(4), known, options, choose_machine("cpu", "float32", seed=seed), D=D)


def test_a_new_level_adds_nothing_at_first() -> None:
    before = small()
    net = grown(before, channels=(12, 6), learning=2)
    ws = torch.randn(3, 9, 12)
    large = net.synthesis(lengthened(ws, net.options.num_ws))
    wanted = F.interpolate(before.synthesis(ws), scale_factor=2, mode="bilinear", align_corners=False)
    assert net.options.resolution == 32 and torch.allclose(large, wanted, atol=1e-5)
    assert large.shape == (3, 3, 32, 32) and net.options.channels[-2:] == (12, 6)
    learning = {name.split(".")[1] for name, p in net.named_parameters() if p.requires_grad}
    assert learning == {"2", "3"} and not any(p.requires_grad for p in net.mapping.parameters())


def test_latents_are_lengthened_by_their_last_level() -> None:
    ws = torch.randn(2, 9, 12)
    longer = lengthened(ws, 12)
    assert longer.shape == (2, 12, 12) and torch.equal(longer[:, :9], ws) and torch.equal(longer[:, 9:], ws[:, 6:])
    assert torch.equal(lengthened(ws, 9), ws)


@pytest.mark.parametrize("top", [0, 8, 16])
def test_a_window_is_cut_from_the_whole_picture(top: int) -> None:
    trained = trainee()
    for level in [*trained.net.levels, *trained.small.levels]:
        level.noise_strength.data.zero_()
    trained.net.levels[-1].rgb.weight.data.normal_(0, 0.2)
    ws = lengthened(torch.randn(2, 9, 12), 12)
    made, below = trained.windows(ws, top, 16 - top)
    whole, coarse = trained.net.synthesis(ws), trained.small.synthesis(ws[:, :9])
    assert MARGIN >= 4
    assert torch.allclose(made, whole[:, :, top : top + 16, 16 - top : 32 - top], atol=1e-4)
    assert torch.allclose(below, coarse[:, :, top // 2 : top // 2 + 8, 8 - top // 2 : 16 - top // 2], atol=1e-4)


def test_both_generators_get_the_same_grain() -> None:
    trained = trainee()
    ws = lengthened(torch.randn(2, 9, 12), 12)
    made, below = trained.windows(ws, 8, 8)
    enlarged = F.interpolate(below, scale_factor=2, mode="bilinear", align_corners=False)
    assert torch.allclose(made[..., 1:-1, 1:-1], enlarged[..., 1:-1, 1:-1], atol=1e-4), "the new level adds nothing yet"
    again, _ = trained.windows(ws, 8, 8)
    assert not torch.allclose(made, again, atol=1e-3)


def test_a_batch_ends_with_the_same_people_moved() -> None:
    trained = trainee()
    torch.manual_seed(0)
    moved = 0
    for _ in range(30):
        reals, ws = trained._batch(4, 6)
        assert reals.shape == (6, 3, 32, 32) and ws.shape == (8, 12, 12)
        step = ws[6:] - ws[4:6]
        assert torch.allclose(step, step[:, :1, :1].expand_as(step), atol=1e-5) and float(step.min()) >= -1
        moved += int((step.abs() > 1e-4).any((1, 2)).sum())
        own = trained.latents.flatten(0, 1).half()
        assert all((own == one[:9].half()).all((1, 2)).any() for one in ws[:4])
    assert 3 <= moved <= 20


def test_the_top_levels_learn_and_lower_ones_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    trained = trainee(adversarial=0.0, afar=0.0, tint=0.0, kept=0.0, patches=0.0, matching=1.0, style=0.0, detail=0.0)
    batch = trained._batch(4, 6)
    monkeypatch.setattr(trained, "_batch", lambda pairs, shown: tuple(part.clone() for part in batch))
    monkeypatch.setattr(trained, "_corner", lambda: (8, 8))
    before = {name: value.clone() for name, value in trained.net.state_dict().items()}
    matching = [float(trained.step()["matching"]) for _ in range(80)]
    assert np.mean(matching[-20:]) < 0.9 * np.mean(matching[:20])
    moved = {name for name, value in trained.net.state_dict().items() if not torch.equal(value, before[name])}
    assert moved and all(name.startswith(("levels.2.", "levels.3.")) for name in moved)
    assert trained.images == 80 * 8


def test_the_discriminator_tells_them_apart() -> None:
    trained = trainee(g_lr=(0.0, 1e-6))
    told = [float(trained.step()["loss_D"]) for _ in range(40)]
    assert np.mean(told[-8:]) < 0.9 * np.mean(told[:8])


def test_going_on_equals_no_interruption() -> None:
    tiny.gone_on(trainee)


def test_sheet_card_and_result_fit_together() -> None:
    trained = trainee()
    assert trained.sample().size == (6 * 32, 4 * 32)
    assert torch.equal(trained.generate(3, seed=1), trained.generate(3, seed=1))
    card = trained.card()
    assert card.companions == {"encoder": "faces-128-encoder"}
    assert card.id == "faces-32" and card.options["resolution"] == 32 and len(card.options["channels"]) == 4
    net = StyleGenerator(trained.net.options)
    net.load_state_dict({name: value.float() for name, value in trained.result().items()}, strict=True)


def test_measures_tell_both_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engines.train.growing.lite2_features", lambda x, **_: x.float().mean((2, 3)))
    trained = trainee()
    wanted = {
        f"{kind}_lite2{look}{size}"
        for kind in ("frechet", "kernel")
        for look in ("", "_windows")
        for size in ("", "_small")
    }
    assert set(trained.measure()) == wanted
    seen = looks(trained.held_out.images, 16, device=trained.machine.device)
    assert seen[""].shape == (4, 3) and seen["_windows"].shape == (16, 3)
    tiles = seen["_windows"].reshape(4, 4, 3)
    assert torch.allclose(tiles.mean(1), seen[""]) and torch.allclose(
        tiles[2, 1], trained.held_out.images[2, :, :16, 16:].float().mean((1, 2))
    )


def test_latents_are_of_both_sides() -> None:
    def encoder(images: torch.Tensor) -> torch.Tensor:
        return images[:, 0, 0, :2, None].expand(-1, 2, 12)

    images = tiny.pictures(3, size=32)
    sides = latents_of(encoder, images, choose_machine("cpu", "float32", seed=0))
    assert sides.shape == (2, 3, 2, 12) and not torch.equal(sides[0], sides[1])
    flipped = latents_of(encoder, images.flip(-1), choose_machine("cpu", "float32", seed=0))
    assert torch.equal(sides[0], flipped[1])


def test_detail_counts_where_it_lies_and_not_how_it_is_turned() -> None:
    rng = torch.Generator().manual_seed(0)
    picture = torch.zeros(1, 3, 32, 32)
    picture[..., :16, 16:] = 0.3 * torch.randn(16, 16, generator=rng)
    told = energies(picture)
    assert told.shape == (1, 2, 2, 2)
    assert float((told - energies(-picture)).abs().max()) < 1e-5
    assert float(told[0, 0, 0, 1] - told[0, 0, 1, 0]) > 3 and float(told[0, 0, 1, 0]) == pytest.approx(
        np.log(0.004), abs=0.01
    )
    smooth = energies(F.avg_pool2d(picture, 3, 1, 1))
    assert float((told - smooth)[0, 0, 0, 1]) > 2 * float((told - smooth)[0, 1, 0, 1]) > 0, (
        "the finest octave goes first"
    )


def test_grey_is_luma() -> None:
    picture = torch.rand(2, 3, 4, 4)
    made = grey(picture)
    assert torch.equal(made[:, 0], made[:, 1])
    assert torch.allclose(made[:, 2], 0.299 * picture[:, 0] + 0.587 * picture[:, 1] + 0.114 * picture[:, 2])
    assert torch.allclose(grey(made), made)
