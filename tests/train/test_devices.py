"""Where a training's pictures are: on its device from the start, on a pretended accelerator (elsewhere.py)."""

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from typing import Any

import pytest
import torch
from torch import Tensor

from engines.models.efficientnet_lite import EfficientNetLite, fold_batch_norms
from engines.train.colour_batches import Mixture, make_batch
from engines.train.data import Pictures
from engines.train.loop import Machine, Trainee
from engines.train.old_photos import Faults
from engines.train.recipes import attributes, blend, colorize, inpaint
from tests.train import test_attributes, test_blend, test_colorize, test_inpaint, test_parts, tiny
from tests.train.elsewhere import DEVICE, Elsewhere, There, values

MAKERS: dict[str, Callable[[], Trainee]] = {
    "attributes": test_attributes.trainee,
    "parts": test_parts.trainee,
    "colorize": lambda: test_colorize.trainee(matching_from=0, adversarial_from=0),
    "inpaint": lambda: test_inpaint.trainee(adversarial_from=0),
    "blend": lambda: test_blend.trainee(test_blend.discs(), adversarial_from=0),
}


def small_backbone(_: str) -> EfficientNetLite:
    """As many blocks as the discriminators look at, at random."""
    torch.manual_seed(5)
    return fold_batch_norms(EfficientNetLite(tiny.STAGES * 4, classes=5, width=24).eval()).requires_grad_(False)


@pytest.fixture
def there(monkeypatch: pytest.MonkeyPatch) -> Iterator[Elsewhere]:
    """Trainees are made on the pretended device, in float32."""

    def machine(*_: object, seed: int = 0) -> Machine:
        return Machine(DEVICE, torch.float32, seed)

    for module in (test_attributes, test_parts):
        monkeypatch.setattr(module, "choose_machine", machine)
    for module in (test_blend, test_colorize, test_inpaint):
        monkeypatch.setattr(module, "Machine", lambda device, dtype, seed: Machine(DEVICE, dtype, seed))
    monkeypatch.setattr(torch, "autocast", lambda *_, **__: nullcontext())  # it knows no such device
    with Elsewhere() as device:
        yield device


@pytest.fixture(autouse=True)
def tiny_backbones(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (blend, colorize, inpaint):
        monkeypatch.setattr(module, "load_backbone", small_backbone)


def weight(shapes: list[tuple[torch.Size, torch.dtype]]) -> int:
    """Bytes of what travelled."""
    return sum(shape.numel() * torch.empty((), dtype=dtype).element_size() for shape, dtype in shapes)


@pytest.mark.parametrize("name", MAKERS)
def test_a_step_sends_no_picture(name: str, there: Elsewhere) -> None:
    """Noise and masks of one channel may go, and for `parts` noise in colour; pictures are there already."""
    trained: Any = MAKERS[name]()
    kept = {
        "attributes": lambda: [labelled.pictures.images for labelled in trained.training],
        "parts": lambda: [trained.drawn[0].pictures, trained.drawn[0].cover, *trained.portraits, *trained.scenes[0]],
        "colorize": lambda: [data.images for data in trained.mixture.sets.values()],
        "inpaint": lambda: [data.images for data in trained.mixture.sets.values()],
        "blend": lambda: [data.pictures.images for data in trained.pieces.sets],
    }[name]()
    assert all(isinstance(images, There) for images in kept)
    there.sent.clear()
    there.fetched.clear()
    said = trained.step()
    assert all(isinstance(value, There) and bool(values(value).isfinite()) for value in said.values())
    pictures = [shape for shape, _ in there.sent if len(shape) == 4 and shape[1] == 3 and shape[2] > 1]
    noise = {"parts": 2}.get(name, 0)  # both halves of a batch get grain in colour, drawn on the CPU
    assert len(pictures) == noise, "grain, and nothing else of a picture's size"
    assert not any(dtype == torch.uint8 for _, dtype in there.sent), "pictures are bytes until they are drawn"
    if name != "colorize":  # JPEG files of some greys are made on the CPU
        assert weight(there.fetched) < 100


def drawn(trained: Any, name: str) -> list[Tensor]:
    """The pictures and labels of one step, as the recipe draws them."""
    if name == "attributes":
        return [*trained._draw(trained.training[0], 8, attributes.CELEBA_FRAME)]
    if name == "parts":
        people, where = test_parts.composed(trained.drawn[0], trained.scenes[0], 4, trained.rng)
        return [people, where, test_parts.spoil(people, trained.rng), trained._portraits(4)]
    if name == "colorize":
        batch = trained._batch(8, trained.rng)
        return [batch.L, batch.hints, batch.lab]
    if name == "blend":
        pasted = trained.pieces.draw(5, trained.rng, kinds=blend.CHANCES, strangers=2)
        return [pasted.truth, pasted.piece, pasted.mask, pasted.known]
    return [trained.mixture.draw(8, trained.rng)]


@pytest.mark.parametrize("name", MAKERS)
def test_the_same_seed_draws_the_same_on_every_device(name: str, request: pytest.FixtureRequest) -> None:
    here = MAKERS[name]()
    first = [tensor for _ in range(3) for tensor in drawn(here, name)]
    request.getfixturevalue("there")
    away = MAKERS[name]()
    second = [tensor for _ in range(3) for tensor in drawn(away, name)]
    assert all(isinstance(tensor, There) for tensor in second)
    assert all(torch.equal(one, values(other)) for one, other in zip(first, second, strict=True))
    assert torch.equal(here.rng.get_state(), away.rng.get_state()) and away.rng.device.type == "cpu"  # type: ignore[attr-defined]


def test_every_fault_of_an_old_photograph_is_made_where_the_picture_is() -> None:
    every, sets = Faults(1, 1, 1, 1, 1, 1), {"set": Pictures(tiny.pictures(6, size=48), tuple("abcdef"))}

    def batch(device: torch.device) -> list[Tensor]:
        rng = torch.Generator().manual_seed(3)
        made = make_batch(Mixture(sets, {}, side=32, device=device).draw(6, rng), rng, faults=every, hinted=1.0)
        return [made.L, made.hints, made.lab]

    here = batch(torch.device("cpu"))
    with Elsewhere() as device:
        away = batch(DEVICE)
    assert all(isinstance(tensor, There) for tensor in away)
    assert all(torch.equal(one, values(other)) for one, other in zip(here, away, strict=True))
    assert sum(shape == (32, 32) for shape, _ in device.fetched) == 6, "a JPEG file each"


def test_the_pretended_device_refuses_what_an_accelerator_refuses() -> None:
    with Elsewhere() as device:
        x = torch.ones(3).to(DEVICE)
        with pytest.raises(RuntimeError, match="mixes two devices"):
            x + torch.ones(3)
        assert values(x + torch.tensor(2.0)).tolist() == [3.0] * 3, "one number may come from the CPU"
        x[1:] = 5.0
        assert values(x).tolist() == [1.0, 5.0, 5.0] and (x * 2).cpu().tolist() == [2.0, 10.0, 10.0]
        assert [shape for shape, _ in device.sent] == [(3,)] and [shape for shape, _ in device.fetched] == [(3,)]
        with pytest.raises((RuntimeError, TypeError, NotImplementedError)):
            x.numpy()
