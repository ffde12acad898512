"""A picture is looked at in two sizes: what one of them cannot name, the other may."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from engines import Engines
from engines.colour.passes import joined, seen


def flat(a: float, b: float, side: int) -> torch.Tensor:
    return torch.tensor([a, b], dtype=torch.float32)[None, :, None, None].expand(1, 2, side, side)


def test_two_looks_of_one_opinion_agree() -> None:
    both = joined([flat(20, -5, 4), flat(20, -5, 6)])
    assert both.shape == (1, 2, 6, 6)
    torch.testing.assert_close(both, flat(20, -5, 6))


def test_colour_weighs_more_than_grey() -> None:
    both = joined([flat(0, 0, 4), flat(14, 0, 4)])  # weights sqrt(2) and 4
    assert float(both[0, 0, 0, 0]) == pytest.approx(14 * 4 / (4 + 2**0.5), rel=1e-5)
    assert float(both[0, 1].abs().max()) == 0


def test_opposite_colours_leave_grey() -> None:
    assert float(joined([flat(12, 6, 4), flat(-12, -6, 4)]).abs().max()) < 1e-5


def test_the_own_network_looks_twice_and_a_guest_once(engines: Engines) -> None:
    picture = np.zeros((300, 400, 3), np.uint8)
    assert [tuple(L.shape[-2:]) for L in seen(picture, engines.catalogue["colorize"])] == [(128, 160), (192, 256)]
    (L,) = seen(picture, engines.catalogue["ddcolor"])
    assert min(L.shape[-2:]) == 512
