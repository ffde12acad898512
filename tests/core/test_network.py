"""Networks that are no picture-to-picture ones: their own inputs, their own methods, the same care for precision."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from engines.core.card import ModelCard, Source
from engines.core.device import Device
from engines.core.errors import Cancelled, CardError
from engines.core.network import MEAN_ERROR, Network


class Pair(nn.Module):
    """Two latents in, a row of numbers far outside [0, 1] out; `half` is its second method."""

    def __init__(self, noise: float = 0.0) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.noise = noise
        self.first, self.second = nn.Linear(8, 16), nn.Linear(16, 4)

    def probe(self) -> tuple[Tensor, ...]:
        return torch.linspace(-1, 1, 16).reshape(2, 8), torch.ones(2, 8)

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        y = self.second(torch.relu(self.first(a + b))) * 40
        return y * (1 + self.noise) if y.dtype != torch.float32 else y

    def half(self, a: Tensor) -> Tensor:
        return self.first(a)


def card() -> ModelCard:
    return ModelCard(
        "pair", "x", "Pair", "Tests.", "pair", Source("own", ()), "MIT", "nothing", input_range=(-1.0, 1.0)
    )


def test_tensors_go_through_as_they_are() -> None:
    module = Pair()
    network = Network(card(), module, Device("cpu", "CPU", None))
    a, b = module.probe()
    with torch.no_grad():
        assert torch.equal(network(a, b), module(a, b))
        assert torch.equal(network(a, method="half"), module.half(a))
    assert network(a, b).abs().max() > 2 and network.precision == "float32"


def test_a_reduced_format_is_kept_only_where_the_result_stays_close() -> None:
    good = Network(card(), Pair(), Device("cpu", "CPU", "bfloat16"))
    assert good.precision == "bfloat16" and 0 < good.error <= MEAN_ERROR
    bad = Network(card(), Pair(noise=0.2), Device("cpu", "CPU", "bfloat16"))
    assert bad.precision == "float32"
    a, b = Pair().probe()
    with torch.no_grad():
        assert torch.equal(bad(a, b), Pair()(a, b))


def test_it_breathes_and_can_be_abandoned() -> None:
    network = Network(card(), Pair(), Device("cpu", "CPU", None))

    def stop(fraction: float) -> None:
        raise Cancelled()

    a, b = Pair().probe()
    network._call.looked = 0.0
    import engines.core.network as module

    keep, module._BREATH = module._BREATH, 0.0
    try:
        with pytest.raises(Cancelled):
            network(a, b, breathe=stop)
    finally:
        module._BREATH = keep


def test_a_probe_that_does_not_fit_is_told() -> None:
    class Odd(Pair):
        def probe(self) -> tuple[Tensor, ...]:
            return (torch.ones(2, 3),)

    with pytest.raises(CardError, match="disagree"):
        Network(card(), Odd(), Device("cpu", "CPU", None))
