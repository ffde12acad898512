"""One step of each recipe lowers the loss it goes down, on the batch it was taken on."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from engines.models.efficientnet_lite import EfficientNetLite, fold_batch_norms
from engines.train import recipes
from engines.train.recipes import blend, colorize, inpaint
from tests.train import (
    test_attributes,
    test_blend,
    test_colorize,
    test_encoder,
    test_faces,
    test_grow,
    test_inpaint,
    test_parts,
    test_teach,
    tiny,
)

LATER = {"total": 10**6}  # so that learning rates stay what they are


def small_backbone(_: str) -> EfficientNetLite:
    """As many blocks as the discriminators look at, at random."""
    torch.manual_seed(5)
    return fold_batch_norms(EfficientNetLite(tiny.STAGES * 4, classes=5, width=24).eval()).requires_grad_(False)


@pytest.fixture(autouse=True)
def tiny_backbones(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (blend, colorize, inpaint):
        monkeypatch.setattr(module, "load_backbone", small_backbone)


ALONE: dict[str, Callable[[], Any]] = {
    "attributes": test_attributes.trainee,
    "encoder": test_encoder.trainee,
    "parts": lambda: test_parts.trainee(alone=0),
    "teach": test_teach.trainee,
    "colorize": lambda: test_colorize.trainee(matching_from=0, adversarial_from=10**9, **LATER),
    "inpaint": lambda: test_inpaint.trainee(adversarial_from=10**9, **LATER),
    "blend": lambda: test_blend.trainee(test_blend.discs(), adversarial_from=10**9, **LATER),
}
# networks against a discriminator, and which of a step's two losses is the network's
OPPOSED: dict[str, tuple[Callable[[], Any], int]] = {
    "faces": (test_faces.faces, 1),
    "grow": (lambda: test_grow.trainee(g_lr=(1e-5, 1e-5)), 1),
    "colorize": (lambda: test_colorize.trainee(matching_from=0, adversarial_from=0, **LATER), 0),
    "inpaint": (lambda: test_inpaint.trainee(adversarial_from=0, r1=0.0, **LATER), 0),
    "blend": (lambda: test_blend.trainee(test_blend.discs(), adversarial_from=0, r1=0.0, **LATER), 0),
}


def test_every_recipe_is_here() -> None:
    assert {*ALONE, *OPPOSED} == {*recipes.names()}


@pytest.fixture
def gone_down(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Every loss that is gone down, in turn."""
    backward, seen = torch.autograd.backward, list[float]()

    def watched(loss: torch.Tensor) -> None:
        seen.append(float(loss.detach()))
        backward(loss)

    monkeypatch.setattr(torch.autograd, "backward", watched)
    return seen


def twice(trained: Any, seen: list[float]) -> tuple[list[float], list[float]]:
    """The losses of two steps on the same batch, with the same noise."""
    before = trained.rng.get_state()
    trained.step()
    first, seen[:] = [*seen], []
    trained.rng.set_state(before)
    trained.step()
    return first, seen


def resting(trained: Any, network: bool) -> None:
    """Let the network, or its discriminator, stay as it is: the latter's spectral norms move while it trains, too."""
    for discriminator in () if network else (trained.D, getattr(trained, "patches", None)):
        if discriminator is not None:
            discriminator.eval()
            discriminator.train = lambda _=True: None
    for group in (trained.adam_G if network else trained.adam_D).param_groups:
        group["lr"] = 0.0
    if network and hasattr(trained, "rates"):
        trained.rates = [0.0] * len(trained.rates)


@pytest.mark.parametrize("name", ALONE)
def test_a_step_lowers_the_loss(name: str, gone_down: list[float]) -> None:
    first, second = twice(ALONE[name](), gone_down)
    assert len(first) == len(second) == 1 and second[0] < first[0] - 1e-6


@pytest.mark.parametrize("name", OPPOSED)
def test_a_step_lowers_the_networks_loss_against_a_resting_discriminator(name: str, gone_down: list[float]) -> None:
    trained, own = OPPOSED[name][0](), OPPOSED[name][1]
    resting(trained, network=False)
    first, second = twice(trained, gone_down)
    assert len(first) == len(second) == 2 and second[own] < first[own] - 1e-6


@pytest.mark.parametrize("name", OPPOSED)
def test_a_step_lowers_the_discriminators_loss_against_a_resting_network(name: str, gone_down: list[float]) -> None:
    trained, own = OPPOSED[name][0](), OPPOSED[name][1]
    resting(trained, network=True)
    first, second = twice(trained, gone_down)
    assert len(first) == len(second) == 2 and second[1 - own] < first[1 - own] - 1e-6
