"""The face recipe at 32 pixels with a tiny generator: learning, same seed, going on, the command line."""

import json

import pytest
import torch
from PIL import Image

from engines.core.card import read_card
from engines.core.errors import DatasetError
from engines.core.network import build_module
from engines.core.weights import read_tensors
from engines.models.style_generator import StyleGenerator
from engines.train import measure
from engines.train.__main__ import main
from engines.train.data import Pictures
from engines.train.finish import write_result
from engines.train.instances import describe, fit, instance_latents
from engines.train.loop import choose_machine
from engines.train.recipes.faces import Faces, Options, coarse, frozen, load_matching
from engines.train.runs import RunFolder
from tests.conftest import ROOT
from tests.train import tiny

OPTIONS = Options(resolution=32, z_dim=6, w_dim=8, channels=(8, 8, 6, 4), batch=4, hold_out=4)
IMAGES = Pictures(tiny.pictures(12, size=32), tuple(f"p/{index}" for index in range(12)))


def faces(seed: int = 0, **changed: object) -> Faces:
    options = Options(**{**OPTIONS.__dict__, **changed})
    return Faces(*IMAGES.split(4), options, choose_machine("cpu", "bfloat16", seed=seed), sets=["p"])


def equal(one: Faces, other: Faces) -> bool:
    mine, theirs = one.state(), other.state()
    return all(torch.equal(mine[part][name], theirs[part][name]) for part in mine for name in mine[part])


@pytest.fixture(scope="module")
def two_steps() -> Faces:
    trained = faces()
    trained.step()
    trained.step()
    return trained


def test_a_step_moves_everything_that_learns_and_nothing_else(two_steps):
    fresh, state = faces().state(), two_steps.state()
    moved = {part: [n for n in fresh[part] if not torch.equal(fresh[part][n], state[part][n])] for part in ("G", "D")}
    assert any(name.startswith("mapping.layers") for name in moved["G"])
    assert any(name.startswith("levels.3.rgb") for name in moved["G"])
    assert moved["D"] and all(name.startswith("heads.") for name in moved["D"])
    assert two_steps.images == 8


def test_two_runs_with_the_same_seed_agree(two_steps):
    again = faces()
    again.step()
    again.step()
    assert equal(again, two_steps)
    assert not torch.equal(faces(seed=1).G.const, again.G.const)


def test_going_on_equals_no_interruption(two_steps):
    first, second = faces(), faces(seed=9)
    first.step()
    second.load_state(
        {part: {name: t.clone() for name, t in tensors.items()} for part, tensors in first.state().items()}
    )
    second.sample()  # looking does not disturb
    second.step()
    assert equal(second, two_steps)


def test_pairs_are_learnt():
    """On one fixed set, the pictures made from the real ones' latents come closer to them."""
    trained = faces(paired=1.0, adversarial=0.0, g_lr=2e-3, mapping_lr=2e-3)
    first = sum(float(trained.step()["colour"]) for _ in range(4))
    for _ in range(16):
        trained.step()
    assert sum(float(trained.step()["colour"]) for _ in range(4)) < 0.8 * first


def test_a_state_of_other_pictures_is_refused(two_steps):
    other = Faces(IMAGES.subset(range(6)), IMAGES.subset(range(4)), OPTIONS, choose_machine("cpu", "bfloat16", seed=0))
    with pytest.raises(DatasetError, match="other pictures"):
        other.load_state(two_steps.state())
    state = two_steps.state()
    del state["latents"]["names"]  # as runs were before pictures could be added
    with pytest.raises(DatasetError, match="--start-from"):
        faces().load_state(state)


def test_pictures_can_be_added_to_a_run_and_z_goes_on_meaning_what_it_meant():
    few, more = tiny.pictures(24, size=32), tiny.pictures(6, size=32, seed=7)
    names = [f"p/{index}" for index in range(30)]
    machine = choose_machine("cpu", "bfloat16", seed=0)
    options = Options(**{**OPTIONS.__dict__, "z_dim": 12})
    before = Faces(Pictures(few, tuple(names[6:])), IMAGES.subset(range(4)), options, machine)
    before.step()
    after = Faces(Pictures(torch.cat([more, few]), tuple(names)), IMAGES.subset(range(4)), options, machine)
    after.load_state(before.state())
    told = before.G_ema.mapping(before._latents()[0].float())  # of the pictures both know
    first_layer = before.G_ema.mapping.layers[0].weight
    meant = after.G_ema.mapping(after._latents()[0, 6:].float())
    after.G_ema.mapping.layers[0].weight.data = first_layer.data  # as if the mapping had not been turned
    unturned = after.G_ema.mapping(after._latents()[0, 6:].float())
    assert (meant - told).square().mean() < 0.3 * (unturned - told).square().mean()
    assert after.state()["latents"]["z"].shape == (2, 30, 12)


def test_samples_and_measures(two_steps):
    assert two_steps.sample().size == (320, 192)
    assert torch.equal(two_steps.generate(3, seed=5), two_steps.generate(3, seed=5))
    figures = two_steps.measure()
    assert figures["frechet_lite2"] > 0 and set(figures) == {"frechet_lite2", "kernel_lite2"}


def test_a_new_run_can_start_from_a_generator(two_steps, tmp_path):
    target = faces(channels=(8, 8, 6, 5)).G
    load_matching(target, two_steps.result())
    assert torch.allclose(target.const, two_steps.G_ema.const, atol=1e-2)
    assert target.levels[3].convs[0].weight.shape[0] == 5


def test_what_the_shipped_run_started_from_draws_a_head():
    start = read_tensors(ROOT / "assets" / "starts" / "faces-128.safetensors")
    G = StyleGenerator(Options().generator())
    missing = {name for name in G.state_dict() if name not in start and not name.startswith("mapping.")}
    assert missing == {"input.weight"}
    load_matching(G, start)
    assert all(torch.equal(G.state_dict()[name], tensor.float()) for name, tensor in start.items())
    with torch.no_grad():
        head = G.synthesis(torch.zeros(1, 256))[0].mean(0)  # its middle person: dark hair, a light wall
    assert head[8:24, 40:88].mean() < -0.5 and head[:, :16].mean() > 0.3


def test_frozen_heads_take_no_gradient_but_pass_it_on(two_steps):
    images = torch.zeros(4, 3, 32, 32, requires_grad=True)
    with frozen(two_steps.D):
        sum(logits.sum() for logits in two_steps.D(images)).backward()
    assert images.grad.abs().sum() > 0
    assert all(p.requires_grad for p in two_steps.D.heads.parameters())


def test_instance_latents_are_white():
    descriptors = torch.randn(60, 20, generator=torch.Generator().manual_seed(0)) @ torch.diag(torch.arange(1.0, 21.0))
    z = fit(descriptors, z_dim=5)(descriptors)
    assert torch.allclose(z.mean(0), torch.zeros(5), atol=1e-4)
    assert torch.allclose(torch.cov(z.t()), torch.eye(5), atol=0.02)
    full = torch.linalg.svdvals(descriptors - descriptors.mean(0))[:5].square().sum()
    kept = torch.linalg.lstsq(z, descriptors - descriptors.mean(0)).solution
    assert (z @ kept).square().sum() == pytest.approx(float(full), rel=0.02)  # the largest components there are


def test_a_picture_and_its_mirror_image_have_latents_of_their_own(two_steps):
    z = instance_latents(IMAGES.images, two_steps.backbone, z_dim=4)
    assert z.shape == (2, 12, 4) and z.dtype == torch.float16
    assert not torch.equal(z[0], z[1])
    symmetric = torch.cat([IMAGES.images, IMAGES.images.flip(-1)], -1)
    assert describe(symmetric, two_steps.backbone).shape == (12, 24 * 24 * 3 + 112 * 16 + 320 * 4)


def test_coarse_colour():
    assert torch.allclose(coarse(torch.ones(1, 3, 32, 32)), torch.ones(1, 3, 16, 16))


def test_the_command_line_trains_goes_on_and_leaves_a_card_that_loads(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    archive = tiny.write_archive(tmp_path / "p.zip", IMAGES.images)
    shape = [
        "--resolution",
        "32",
        "--z-dim",
        "6",
        "--w-dim",
        "8",
        "--channels",
        "8",
        "8",
        "6",
        "4",
        "--batch",
        "4",
        "--hold-out",
        "4",
    ]
    common = ["faces", "--run", str(tmp_path / "run"), "--device", "cpu", "--stats-every", "1"]
    assert main([*common, *shape, "--data", str(archive), "--max-images", "4", "--seed", "5"]) == 0
    assert main([*common, "--max-images", "8"]) == 0
    assert "going on from 4 images" in capsys.readouterr().out
    stored = json.loads((tmp_path / "run" / "options.json").read_text())
    assert stored["options"]["z_dim"] == 6 and stored["seed"] == 5
    card = read_card(tmp_path / "run" / "card.toml")
    net = build_module(card, read_tensors(tmp_path / "run" / card.source.files[0].file))
    assert net(torch.randn(2, 6)).shape == (2, 3, 32, 32)


def test_the_command_line_explains_what_is_wrong(tmp_path, capsys):
    assert main(["faces", "--run", str(tmp_path), "--device", "cpu"]) == 1
    assert "nothing to train on" in capsys.readouterr().err


def test_a_card_can_be_measured(tmp_path, monkeypatch, capsys, two_steps):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    archive = tiny.write_archive(tmp_path / "p.zip", tiny.pictures(24, size=32))
    write_result(RunFolder(tmp_path), two_steps.card(), two_steps.result(), {}, seconds=1)
    command = [str(tmp_path / "card.toml"), "--data", str(archive), "--hold-out", "8"]
    assert measure.main([*command, "--sheets", str(tmp_path / "sheets")]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["count"] == 8 and figures["frechet_lite2"] > figures["frechet_lite2_training"] > 0
    sizes = {"truncation-1": (320, 320), "truncation-0.7": (320, 320), "interpolation": (320, 128)}
    sizes["nearest"] = (256, 128)
    for kind, size in sizes.items():
        with Image.open(next((tmp_path / "sheets").glob(f"*-{kind}.jpg"))) as sheet:
            assert sheet.size == size


def test_the_nearest_picture_of_a_training_picture_is_itself():
    images = tiny.pictures(6, size=64)
    assert torch.equal(measure.nearest(images[[4, 1]].flip(-1), images), images[[4, 1]].flip(-1))
