"""The recipe of the colour constraint: outlines, composites, other light, the network, a run that learns."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from engines.models.blend_unet import SIDE, TERMS, BlendUNet, cells, facts, relit, terms
from engines.models.efficientnet_lite import EfficientNetLite, Stage, fold_batch_norms
from engines.train import blend_batches
from engines.train.blend_batches import CLUSTERS, FOUND_AT, LEAST, MOST, OBJECT, Labelled, Pieces, labelled, respoilt
from engines.train.data import Pictures
from engines.train.loop import Machine
from engines.train.recipes import blend
from tests.train.tiny import gone_on, pictures, write_archive

STAGES = (Stage(1, 8, 1, 3, 1), Stage(2, 12, 2, 3, 2), Stage(2, 16, 1, 3, 2), Stage(2, 20, 1, 3, 2))
WIDTHS = (16, 16)


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def tiny() -> BlendUNet:
    torch.manual_seed(0)
    return BlendUNet(stages=STAGES, taps=(3, 4), widths=WIDTHS)


def things(count: int = 6, side: int = 64) -> Pictures:
    """Bright discs on dark slopes, each in colours of its own."""
    numbers = np.random.default_rng(1)
    y, x = np.mgrid[:side, :side] / side
    made = []
    for _ in range(count):
        disc = np.hypot(x - 0.5, y - 0.5) < 0.28
        ground = (30 + 70 * x)[..., None] * numbers.uniform(0.5, 1, 3)
        made.append(np.where(disc[..., None], numbers.uniform(140, 240, 3), ground))
    images = torch.from_numpy(np.stack(made).round().astype(np.uint8)).permute(0, 3, 1, 2).contiguous()
    return Pictures(images, tuple(f"t{i}" for i in range(count)))


def data(tmp_path: Path) -> Labelled:
    return labelled(things(), objects=True, cache=tmp_path)


def discs() -> Labelled:
    """The same, with outlines that nobody had to find."""
    y, x = (np.mgrid[:FOUND_AT, :FOUND_AT] + 0.5) / FOUND_AT
    labels = np.arange(FOUND_AT)[:, None] // 14 % CLUSTERS + np.where(np.hypot(x - 0.5, y - 0.5) < 0.28, OBJECT, 0)
    return Labelled(things(), torch.from_numpy(labels.astype(np.uint8)).expand(6, -1, -1).contiguous())


def test_objects_are_found_once_and_their_outlines_are_right(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = data(tmp_path)
    y, x = (np.mgrid[:FOUND_AT, :FOUND_AT] + 0.5) / FOUND_AT
    disc = np.hypot(x - 0.5, y - 0.5) < 0.28
    assert found.labels.shape == (6, FOUND_AT, FOUND_AT) and found.labels.dtype == torch.uint8
    assert ((found.labels.numpy() >= OBJECT) == disc).mean() > 0.97
    assert (found.labels % OBJECT < CLUSTERS).all()
    monkeypatch.setattr(blend_batches, "outlines", None)
    assert torch.equal(data(tmp_path).labels, found.labels), "kept from the first time"


def test_pieces_differ_from_the_truth_in_the_object_alone(tmp_path: Path) -> None:
    pieces = Pieces({"set": data(tmp_path)}, {}, side=48)
    batch = pieces.draw(12, rng(), kinds=blend.CHANCES, strangers=4)
    assert batch.truth.shape == batch.piece.shape == (16, 3, 48, 48) and batch.mask.shape == (16, 1, 48, 48)
    assert batch.known.tolist() == [True] * 12 + [False] * 4
    outside = (batch.mask == 0).expand_as(batch.truth)
    assert torch.equal(batch.composite[outside], batch.truth[outside])
    area = (batch.mask > 0.5).float().mean((1, 2, 3))
    assert area.min() > 0.7 * LEAST and area.max() < 1.1 * MOST
    inside = batch.mask[:12] > 0.9
    apart = ((batch.piece - batch.truth)[:12].abs() * inside).sum((1, 2, 3)) / inside.sum((1, 2, 3))
    assert (apart > 0.02).sum() >= 8, "in other light"
    again = pieces.draw(12, rng(), kinds=blend.CHANCES, strangers=4)
    assert torch.equal(batch.composite, again.composite)


def test_masks_follow_outlines(tmp_path: Path) -> None:
    pieces = Pieces({"set": data(tmp_path)}, {}, side=48)
    batch = pieces.draw(30, rng(2), kinds={"outline": 1.0})
    inner = torch.nn.functional.avg_pool2d(batch.mask, 3, 1, 1)
    line = ((inner > 0.3) & (inner < 0.7)).float()
    grey = batch.truth.mean(1, keepdim=True)
    edges = (grey[..., 1:-1, 2:] - grey[..., 1:-1, :-2]).abs() + (grey[..., 2:, 1:-1] - grey[..., :-2, 1:-1]).abs()
    line = line[..., 1:-1, 1:-1]
    assert (edges * line).sum() / line.sum() > 3 * edges.mean(), "where the picture has edges"


def test_other_light_is_bounded_and_some_stay(tmp_path: Path) -> None:
    rgb = pictures(40, size=32).float() / 255
    spoilt = respoilt(rgb, torch.ones(40, 1, 32, 32), rng(3))
    assert spoilt.min() >= 0 and spoilt.max() <= 1
    moved = (spoilt - rgb).abs().mean((1, 2, 3))
    assert (moved < 1e-4).sum() in range(1, 12) and (moved > 0.03).sum() > 15 and moved.max() < 0.5


def test_the_network_answers_smooth_curves_and_starts_by_leaving_colours() -> None:
    net = tiny()
    composite, mask = net.probe()
    curves = net(composite, mask)
    assert curves.shape == (1, 3 * TERMS, SIDE // 8, SIDE // 8)
    assert (relit(composite, curves) - composite).abs().max() < 0.1
    wide = net(torch.rand(2, 3, 32, 48, generator=rng()), torch.ones(2, 1, 32, 48))
    assert wide.shape == (2, 3 * TERMS, 4, 6), "a mask that covers everything, another shape"
    assert torch.isfinite(wide).all()


def test_curves_are_quadratics_that_do_not_depend_on_the_resolution() -> None:
    x = torch.rand(1, 3, 8, 8, generator=rng())
    assert terms(x).shape == (1, TERMS, 8, 8)
    curves = torch.zeros(1, 3, TERMS, 1, 1)
    curves[:, 0, 0] = 0.25  # red plus a quarter
    curves[:, 2, 3] = -0.5  # blue loses half of what it is from the middle
    y = relit(x, curves.flatten(1, 2))
    assert torch.allclose(y[:, 0], x[:, 0] + 0.25) and torch.equal(y[:, 1], x[:, 1])
    assert torch.allclose(y[:, 2], x[:, 2] - 0.5 * (2 * x[:, 2] - 1), atol=1e-6)


def test_what_is_told_of_colours_is_told_of_the_right_place() -> None:
    image = torch.full((1, 3, 32, 32), 0.2)
    mask = torch.zeros(1, 1, 32, 32)
    mask[..., 8:24, 8:24] = 1
    image = torch.where(mask > 0, torch.tensor([0.9, 0.5, 0.1]).view(1, 3, 1, 1), image)
    said = facts(image, mask).reshape(3, -1)
    assert torch.allclose(said[0, :3], torch.tensor([0.8, 0.0, -0.8]), atol=1e-5)
    assert torch.allclose(said[1:, :3], torch.full((2, 3), -0.6), atol=1e-5)
    parts = cells(image, mask, (4, 4))
    assert torch.allclose(parts[0, :3, 1, 1], torch.tensor([0.9, 0.5, 0.1])) and parts[0, 6, 0, 0] == 0
    assert torch.allclose(parts[0, 3:6, 0, 0], torch.full((3,), 0.2))


def backbone_without_weights(_: str) -> EfficientNetLite:
    """EfficientNet-lite0 at random: no file is read."""
    torch.manual_seed(5)
    return fold_batch_norms(EfficientNetLite().eval()).requires_grad_(False)


def trainee(sets: Labelled, *, seed: int = 0, **options: Any) -> blend.Blend:
    chosen = {"side": 48, "batch": 4, "widths": WIDTHS, "total": 64, "r1_every": 2, "adversarial_from": 4, "frozen": 1}
    machine = Machine(torch.device("cpu"), torch.float32, seed)
    return blend.Blend(tiny(), {"set": sets}, {"set": sets}, blend.Options(**(chosen | options)), machine)


def test_both_phases_run_and_a_run_can_be_gone_on_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blend, "load_backbone", backbone_without_weights)
    sets = data(tmp_path)
    first = trainee(sets)
    alone, opposed = first.step(), first.step()
    assert set(alone) == {"l1", "l2", "range"} and set(opposed) == {*alone, "adversarial", "loss_D"}
    assert all(torch.isfinite(value) for value in opposed.values())
    gone_on(lambda seed=0: trainee(sets, seed=seed))
    rebuilt = BlendUNet(stages=STAGES, taps=(3, 4), widths=WIDTHS)
    rebuilt.load_state_dict({name: value.float() for name, value in first.result().items()})
    card = first.card()
    assert (card.id, card.engine, card.options) == ("blend", "inpainting", {"widths": list(WIDTHS)})
    assert first.sample().size == (10 * 48, 9 * 48)
    batch = first.fixed("outline", 3)
    ours, again = first.relight(batch), first.relight(first.fixed("outline", 3))
    assert torch.equal(ours, again) and ours.shape == batch.truth.shape
    outside = (batch.mask == 0).expand_as(ours)
    assert torch.equal(ours[outside], batch.truth[outside])


def test_it_learns_the_light_of_a_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The loss of one batch falls, and on it the objects come nearer to the truth than they were."""
    monkeypatch.setattr(blend, "load_backbone", backbone_without_weights)
    run = trainee(data(tmp_path), adversarial_from=10**9, total=10**6, batch=8)
    batch = run.pieces.draw(8, rng(7), kinds={"outline": 1.0})
    monkeypatch.setattr(run.pieces, "draw", lambda *args, **options: batch)
    run.rates = [3e-4, 5e-4]
    run.images = 4000  # beyond the first rise of the rates
    told = [float(run.step()["l1"]) for _ in range(25)]
    assert told[-1] < 0.6 * told[0]


def test_measures_look_into_the_object_alone() -> None:
    truth = torch.full((1, 3, 20, 20), 0.5)
    mask = torch.zeros(1, 1, 20, 20)
    mask[..., :10, :] = 1
    other = truth.clone()
    other[..., 10:, :] = 0
    same = blend.in_object(other, truth, mask)
    assert float(same["mse"]) == 0 and float(same["ciede2000"]) == 0
    other[..., :10, :] = 0.5 + 10 / 255
    seen = blend.in_object(other, truth, mask)
    assert abs(float(seen["mse"]) - 100) < 1 and abs(float(seen["psnr"]) - 28.13) < 0.1
    assert 2 < float(seen["ciede2000"]) < 6


def test_archives_become_a_trainee_that_measures_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blend, "load_backbone", backbone_without_weights)
    monkeypatch.setattr(blend, "start_encoder", lambda encoder, stem: None)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    archives = [write_archive(tmp_path / name, things(6).images) for name in ("photos_288.zip", "textures_256.zip")]
    options = blend.Options(side=48, batch=2, widths=WIDTHS, hold_out=2)
    built = blend.build(archives, options, Machine(torch.device("cpu"), torch.float32, 0))
    assert built.sets == {"photos_288": 4, "textures_256": 4}
    assert [len(kept.labels) for kept in built.held_out.values()] == [2, 2]
    assert (built.held_out["textures_256"].labels < OBJECT).all(), "textures show no object"
    monkeypatch.setattr(blend, "COUNT", 4)
    figures = built.measure()
    assert {f"psnr_{kind}_{name}" for kind in blend.KINDS for name in ("composite", "ours")} < set(figures)
    assert figures["mse_outline_composite"] > 0
