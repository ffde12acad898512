"""Still the same person? The identity distance in words, and how far an edit may go."""

from __future__ import annotations

from collections.abc import Callable

# dlib's distance between photos of one person lies mostly under 0.6, of strangers at 0.7 to 0.9 (King 2017).
SAME, LIKELY, DOUBTFUL = 0.35, 0.5, 0.6
_HALVINGS = 5  # of the interval in which the strongest allowed edit is looked for


def verdict(distance: float) -> str:
    """An identity distance in words."""
    if distance < SAME:
        return "The same person"
    if distance < LIKELY:
        return "Probably still recognisable"
    if distance < DOUBTFUL:
        return "Hardly recognisable"
    return "Looks like someone else"


def bound(keep: float, floor: float = 0.0) -> float:
    """The identity distance that "keep this person" allows: endless at 0, 0.55 just above, 0.2 at 1.

    floor: the distance that remains without any edit; the bound stays a little above it.
    """
    if keep <= 0:
        return float("inf")
    return max(0.55 - 0.35 * min(keep, 1.0), floor + 0.05)


def strongest(distance_at: Callable[[float], float], limit: float) -> tuple[float, float]:
    """The largest part of an edit, 0 to 1, whose distance is within the limit, by bisection; and its distance.

    distance_at(1) is asked first, so that an edit within the limit costs one look.
    """
    full = distance_at(1.0)
    if full <= limit:
        return 1.0, full
    low, high, kept = 0.0, 1.0, 0.0
    best = distance_at(0.0)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        distance = distance_at(middle)
        if distance <= limit:
            low, kept, best = middle, middle, distance
        else:
            high = middle
    return kept, best
