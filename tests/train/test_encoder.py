"""The encoder's recipe on a tiny generator: learning, going on, its card."""

import pytest
import torch

from engines.models.face_encoder import FaceEncoder
from engines.models.style_generator import StyleGenerator
from engines.train.data import Pictures
from engines.train.loop import choose_machine
from engines.train.recipes.encoder import Encoder, Options
from tests.train import tiny

STAGES = (*tiny.STAGES, *tiny.STAGES, *tiny.STAGES, *tiny.STAGES)  # 16 blocks, as many as the recipe looks at


def trainee(seed: int = 0) -> Encoder:
    torch.manual_seed(5)
    generator = StyleGenerator(tiny.GENERATOR).requires_grad_(False)
    reader = tiny.backbone()
    images = Pictures(tiny.pictures(12), tuple(f"p/{i}" for i in range(12)))
    net = FaceEncoder(generator.options.num_ws, generator.options.w_dim, width=16, stages=STAGES)
    options = Options(batch=4, lr=3e-3, trunk_lr=1e-3, looked_at=(0, 1, 2))
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


def test_going_on_equals_no_interruption() -> None:
    tiny.gone_on(trainee)


def test_card_and_result_fit_together() -> None:
    trained = trainee()
    card = trained.card()
    assert card.id == "faces-16-encoder" and card.options == {"num_ws": 9, "w_dim": 12, "width": 384}
    assert set(trained.result()) == set(trained.net.state_dict())
