"""The ways to a latent direction: each gives steps to try for a slider."""

from collections.abc import Callable

import torch
from torch import Tensor

from engines.train.axes import COARSE, Axes
from engines.train.portraits import Mix, Portraits, differences
from engines.train.responses import Census, Trial, solve
from engines.train.sliders import HELD, POSE, Slider

RANGES = ((0, 18), (0, 9), (3, 12), (6, 12), (6, 18), (9, 18))
PORTRAIT_RANGES = ((0, 18), (6, 18), (9, 18))
AXES_FROM = (0, 6, 9)  # first layers of the mixtures of axes

Tries = list[tuple[str, tuple[int, int], Tensor]]  # method, layers, step (num_ws, w_dim) meant to move the score by 1


def candidates(slider: Slider, people: Census, by_w: Tensor, by_ws: Tensor, num_ws: int) -> Tries:
    """Directions to try, from what the scores respond to."""
    sign = -1.0 if slider.score.startswith("-") else 1.0
    wanted = slider.score.lstrip("-")
    held = [wanted] + [name for name in HELD if name != wanted and name not in slider.free]
    rows = [people.names.index(name) for name in held]
    covariance = torch.cov(people.w.t())
    out = []
    for first, last in RANGES:
        if last > num_ws:
            continue
        step = torch.zeros(num_ws, people.w.shape[1])
        step[first:last] = solve(by_w[rows][:, None], covariance, slack=slider.slack)
        out.append(("regression", (first, last), sign * step))
        if not by_ws[rows[0]].any():  # read by dlib, without a gradient
            continue
        response = by_ws[rows].clone()
        for row, name in enumerate(held):
            if name in POSE:  # known from the regression only: as if each coarse layer did its part
                response[row, :COARSE] = by_w[people.names.index(name)] / COARSE
        step = torch.zeros(num_ws, people.w.shape[1])
        step[first:last] = solve(response[:, first:last], covariance, slack=slider.slack)
        out.append(("gradient", (first, last), sign * step))
    return out


def from_people(slider: Slider, seen: Portraits, mixed: dict[tuple[int, int], Mix]) -> Tries:
    """Directions to try, from the latents of portraits; none for what only dlib reads.

    People who smile also look younger to the reader: mixtures take such things back where they can.
    """
    wanted = slider.score.lstrip("-")
    if wanted in POSE:
        return []
    sign = -1.0 if slider.score.startswith("-") else 1.0
    difference = sign * differences(seen, wanted, [name for name in HELD if name not in slider.free])
    out = []
    for layers, mix in mixed.items():
        step = torch.zeros_like(difference)
        step[slice(*layers)] = difference[slice(*layers)]
        out.append(("people", layers, step))
        out.append(("people, unmixed", layers, sign * mix.only(wanted, slider.free)))
    return out


def from_axes(slider: Slider, known: Callable[[], Axes], trial: Trial, halves: Tries) -> Tries:
    """Directions to try, from what every kind of small move does, alone and half with each of `halves`.

    None for what only dlib reads: its answer to small moves was not measured.
    """
    num_ws = trial.ws.shape[1]
    out: Tries = []
    if slider.score.lstrip("-") in POSE:
        return out
    for first in AXES_FROM:
        if slider.first <= first < num_ws:
            mixed = known().mixture(slider, lambda step: trial.effect(step, posed=False), first=first)
            out.append(("axes", (first, num_ws), mixed))
            out += [
                (f"{way} and axes", (first, num_ws), (step + mixed) / 2) for way, at, step in halves if at[0] == first
            ]
    return out
