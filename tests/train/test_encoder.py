"""The encoder's recipe on a tiny generator: learning, measuring, going on, its card."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from skimage.metrics import peak_signal_noise_ratio

from engines.core.card import ModelCard, Source, WeightFile, write_card
from engines.core.faces import identity
from engines.models.face_encoder import FaceEncoder
from engines.models.style_generator import StyleGenerator
from engines.train import measure
from engines.train.data import Pictures, to_bytes
from engines.train.growing import grown
from engines.train.loop import choose_machine
from engines.train.metrics import perceptual_distance
from engines.train.recipes.encoder import Encoder, Options, answers, halves, likeness, some
from tests.train import tiny

STAGES = (*tiny.STAGES, *tiny.STAGES, *tiny.STAGES, *tiny.STAGES)  # 16 blocks, as many as the recipe looks at


def trainee(seed: int = 0, start_from: str = "") -> Encoder:
    torch.manual_seed(5)
    generator = StyleGenerator(tiny.GENERATOR).requires_grad_(False)
    reader = tiny.backbone()
    images = Pictures(tiny.pictures(12), tuple(f"p/{i}" for i in range(12)))
    net = FaceEncoder(generator.options.num_ws, generator.options.w_dim, width=16, stages=STAGES)
    options = Options(batch=4, lr=3e-3, trunk_lr=1e-3, looked_at=(0, 1, 2), start_from=start_from)
    return Encoder(*images.split(4), generator, reader, options, choose_machine("cpu", "float32", seed=seed), net=net)


def test_the_answer_begins_at_the_mean_face() -> None:
    trained = trainee()
    trained.net.w_avg.fill_(0.5)
    for head in (trained.net.base, *trained.net.heads):
        torch.nn.init.zeros_(head.out.weight)
    ws = trained.net(torch.zeros(2, 3, 32, 32))
    assert ws.shape == (2, 9, 12) and torch.equal(ws, torch.full_like(ws, 0.5))


def test_it_learns_a_fixed_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    trained = trainee()
    batch = trained._batch()
    monkeypatch.setattr(trained, "_batch", lambda: batch)
    monkeypatch.setattr(trained, "_seen", lambda targets: targets)
    first = trained.step()
    for _ in range(40):
        last = trained.step()
    assert all(float(last[name]) < 0.85 * float(first[name]) for name in ("latent", "features"))
    assert all(not parameter.requires_grad for parameter in trained.G.parameters())


def test_a_new_run_starts_from_a_result(tmp_path: Path) -> None:
    old = trainee()
    old.step()
    path = tmp_path / "encoder.safetensors"
    save_file({name: value.contiguous() for name, value in old.result().items()}, path)
    new = trainee(seed=3, start_from=str(path))
    assert new.result().keys() == old.result().keys()
    assert all(torch.equal(value, old.result()[name]) for name, value in new.result().items()), "the average too"
    started = {name: value.half() for name, value in new.net.state_dict().items()}
    assert all(torch.equal(value, old.result()[name]) for name, value in started.items())
    assert not torch.equal(old.net.base.out.weight, trainee().net.base.out.weight), "a step changes it"


def photo(image: torch.Tensor) -> np.ndarray:
    return np.ascontiguousarray(image.permute(1, 2, 0).numpy())


def test_measures_are_of_held_out_faces_and_what_is_made_of_them() -> None:
    trained = trainee()
    trained.training = trained.reals = None  # type: ignore[assignment]  # nothing of it is looked at
    trained.step_count = trained.rng.get_state()
    found = trained.measure()
    truth, ours = trained.held_out.images, trained.reconstruct(trained.held_out.images)
    assert ours.shape == truth.shape == (4, 3, 16, 16) and ours.dtype == torch.uint8
    with torch.no_grad():
        mean = to_bytes(trained.G.synthesis(trained.G.mapping.w_avg.expand(4, -1)))
    pairs = [(photo(a), photo(b)) for a, b in zip(ours, truth, strict=True)]
    assert found["psnr"] == pytest.approx(np.mean([peak_signal_noise_ratio(b, a) for a, b in pairs]), rel=1e-5)
    apart = sorted(np.linalg.norm(identity(a) - identity(b)) for a, b in pairs)
    assert found["identity"] == pytest.approx(apart[1], abs=1e-5), "torch's median is the lower of the middle two"
    assert found["perceptual"] == pytest.approx(float(perceptual_distance(ours, truth).mean()), rel=1e-5)
    assert found["perceptual_of_mean_face"] == pytest.approx(float(perceptual_distance(mean, truth).mean()), rel=1e-5)
    assert torch.equal(trained.rng.get_state(), trained.step_count), "training goes on as if nobody had measured"


class Knowing(torch.nn.Module):
    """An encoder that knows whose latents each picture was made from, by the picture's mean."""

    def __init__(self, images: torch.Tensor, ws: torch.Tensor) -> None:
        super().__init__()
        self.means, self.ws = images.float().mean((1, 2, 3)), ws

    def forward(self, squares: torch.Tensor) -> torch.Tensor:
        means = (squares.mean((1, 2, 3)) + 1) * 127.5
        return self.ws[(means[:, None] - self.means).abs().argmin(1)]


def made() -> tuple[StyleGenerator, torch.Tensor, torch.Tensor]:
    """A tiny generator, latents and their pictures."""
    torch.manual_seed(5)
    generator = StyleGenerator(tiny.GENERATOR).requires_grad_(False)
    ws = torch.randn(6, 9, 12)
    return generator, ws, to_bytes(generator.synthesis(ws))


def test_who_knows_the_latents_makes_the_same_picture_and_who_knows_nothing_the_mean_face() -> None:
    generator, ws, truth = made()
    machine = choose_machine("cpu", "float32", seed=0)
    knows = likeness(Knowing(truth, ws), generator, truth, machine)  # type: ignore[arg-type]
    assert knows["perceptual"] < 1e-6 and knows["identity"] == 0 and knows["psnr"] == float("inf")
    nothing = generator.mapping.w_avg.expand(6, 9, -1)
    ignorant = likeness(Knowing(truth, nothing), generator, truth, machine)  # type: ignore[arg-type]
    assert ignorant["perceptual"] == pytest.approx(ignorant["perceptual_of_mean_face"], rel=1e-5)
    assert ignorant["identity"] == pytest.approx(ignorant["identity_of_mean_face"], abs=1e-6)
    assert ignorant["perceptual"] > 0.01 and ignorant["psnr"] < 30
    assert knows["perceptual_of_mean_face"] == ignorant["perceptual_of_mean_face"]


def test_a_grown_generator_answers_at_the_pictures_size() -> None:
    generator, ws, truth = made()
    machine, encoder = choose_machine("cpu", "float32", seed=0), Knowing(truth, ws)
    larger = grown(generator, channels=(12, 6), learning=2)  # its new level adds nothing yet
    assert larger.options.resolution == 32 and larger.options.num_ws == 12
    ours = answers(encoder, larger, truth, machine)  # type: ignore[arg-type]
    assert ours.shape == truth.shape
    away = (ours.float() - truth.float()).abs().mean()
    assert away < 0.1 * (truth.float() - truth.float().mean()).abs().mean(), "enlarged and averaged down again"


def test_an_encoder_is_measured_from_the_command_line(tmp_path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    generator, ws, truth = made()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(measure, "SEEN", 16)
    nets = {FaceEncoder: Knowing(truth, ws), StyleGenerator: generator}
    monkeypatch.setattr(measure, "load_module", lambda path, kind: nets[kind])
    entry = (WeightFile("x.safetensors", "0" * 64, 1),)
    card = ModelCard("x-encoder", "x", "X", "An encoder.", "face_encoder", Source("own", entry), "MIT", "nothing")
    write_card(card, tmp_path / "x.toml")
    first = tiny.write_archive(tmp_path / "known.zip", truth)
    second = tiny.write_archive(tmp_path / "other.zip", tiny.pictures(6))
    assert measure.main([str(tmp_path / "x.toml"), "--data", str(first), str(second), "--hold-out", "3"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["known: perceptual"] < 0.002 < found["other: perceptual"], "in bfloat16"
    assert found["known: identity"] < found["other: identity"]
    both = (found["known: perceptual"] + found["other: perceptual"]) / 2
    assert found["perceptual"] == pytest.approx(both, abs=1e-4) and len(found) == 15
    assert measure.main([str(tmp_path / "x.toml"), "--data", str(first), "--hold-out", "3"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == 5
    assert [len(part.images) for part in halves([first], resolution=16, hold_out=2)[0]] == [4, 2]
    assert [int(one) for one in some(torch.arange(10), 5)] == [0, 2, 4, 6, 8] and len(some(torch.arange(3), 5)) == 3


def test_going_on_equals_no_interruption() -> None:
    tiny.gone_on(trainee)


def test_card_and_result_fit_together() -> None:
    trained = trainee()
    card = trained.card()
    assert card.id == "faces-16-encoder" and card.options == {"num_ws": 9, "w_dim": 12, "width": 384}
    assert set(trained.result()) == set(trained.net.state_dict())
