"""A slider in years: how far the age direction has to go until the estimator sees the age that is wished."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from engines.core.errors import OptionError

YOUNGEST, OLDEST = 16.0, 90.0
OLDEST_WAY = 2.0  # from 1 on the slider is at its end, and hair turns grey and skin gets lines
_LOOKS = 10  # values at which the age is estimated, spread over the range
_CLOSE = 1.0  # years
_SAME = 0.25  # years that nobody tells apart
_FINE = 601  # values between which an age is looked up on the curve
_MISSED = 3.0  # years off, from which on it is said


def wished(years: float) -> float:
    """OptionError for an age no adult has."""
    if not YOUNGEST <= years <= OLDEST:
        raise OptionError(f"Ages go from {YOUNGEST:.0f} to {OLDEST:.0f} years here, not {years:g}. Choose one between.")
    return float(years)


def missed(years: float, reached: float | None, *, held_back: bool = False) -> str:
    """A sentence where the age that is reached is not the one that was wished; nothing where it is.

    held_back: whether it was "keep this person" that ended it.
    """
    if reached is None or abs(reached - years) < _MISSED:
        return ""
    way = "old" if reached < years else "young"
    why = "keeping the person allows no more" if held_back else f"this face cannot be made to look that {way}"
    return f"{years:.0f} years are not reached: {why}."


Estimate = Callable[[list[float]], list[float]]  # slider values -> estimated ages of the edited face
Curve = tuple[list[float], NDArray[np.float64]]  # slider values and the ages there, rising


def curve(estimate: Estimate) -> Curve:
    """One coarse look over the age slider and what comes after it, -1 to OLDEST_WAY, made monotone."""
    values = [float(value) for value in np.linspace(-1, OLDEST_WAY, _LOOKS)]
    return values, np.maximum.accumulate(estimate(values))


def slider_for(years: float, estimate: Estimate, seen: Curve) -> float:
    """The value, -1 to OLDEST_WAY, that comes closest to this age: read off the curve, then looked at once more."""
    values, ages = list(seen[0]), seen[1]
    value = _inverse(years, values, ages)
    (age,) = estimate([value])
    if abs(age - years) > _CLOSE and -1 < value < OLDEST_WAY:
        index = int(np.searchsorted(values, value))
        values.insert(index, value)
        low, high = ages[index - 1], ages[index]
        value = _inverse(years, values, np.insert(ages, index, np.clip(age, low, high)))
    return value


def _inverse(years: float, values: list[float], ages: NDArray[np.float64]) -> float:
    """Where a monotone curve reaches an age, as near to the unchanged face as it does; its end where it never does."""
    if years < ages[0] - _CLOSE:
        return float(values[0])
    if years > ages[-1] + _CLOSE:
        return float(values[-1])
    fine = np.linspace(values[0], values[-1], _FINE)
    apart = np.abs(np.interp(fine, values, ages) - years)
    near = fine[apart <= max(float(apart.min()) + 0.1, _SAME)]
    return float(near[np.argmin(np.abs(near))])
