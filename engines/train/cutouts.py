"""Generated people cut out of their backgrounds, with the place of their hair, skin and clothes: data for `parts`.

Nobody has to draw a mask. The generator's sliders say where hair is: what differs between its darkest and its fairest
is hair. What it draws behind people is a plain wall, so that colour tells them from it. Skin and clothes part below the
chin by the colour of the cheeks. Pictures are RGB in [0, 1], aligned as in engines/core/faces.py.
"""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from engines.models.face_parts import PARTS
from engines.models.style_generator import StyleGenerator
from engines.train.sliders import Found

Plane = NDArray[np.float32]
LIGHT = np.array([0.2126, 0.7152, 0.0722], np.float32)
RULES = 3  # raise when these rules change, so that people cut out before are left alone
UNKNOWN = 255  # in `parts`: nobody knows
_BACKGROUND, _HAIR, _SKIN, _CLOTHES = range(len(PARTS))
_VARIED = ("yaw", "pitch", "age", "smile", "fringe", "hair_dark", "hair_blond", "hair_grey", "exposure", "masculine")
_HUES = ("hair_dark", "hair_blond", "hair_grey")
_TRUNCATION = 0.9
_WALL = 5.0  # colour distance (CIELAB) up to which a place is still wall; up to three times it in doubt
_ROUGH = 4.0  # median distance of a wall from its smooth fit, above which the picture is left out


@dataclass(frozen=True)
class Cutout:
    """One person. picture: uint8 (S, S, 3), with the person's own colours also at the rim, where cover is above 0.

    parts: uint8 (S, S), an index into PARTS or UNKNOWN. cover: uint8 (S, S), 255 = person.
    """

    picture: NDArray[np.uint8]
    parts: NDArray[np.uint8]
    cover: NDArray[np.uint8]


@torch.no_grad()
def people(
    net: StyleGenerator,
    moves: tuple[list[Found], list[Tensor]],
    count: int,
    *,
    side: int,
    rng: torch.Generator,
    autocast: Callable[[], torch.autocast],
) -> list[Cutout]:
    """At most `count` new people, moved by random sliders; those whose wall is not plain are left out."""
    known = {found.name: (found.low, found.high, step) for found, step in zip(*moves, strict=True)}
    device = next(net.parameters()).device
    made: list[Cutout] = []
    for start in range(0, count, 8):
        n = min(8, count - start)
        z = torch.randn(n, net.options.z_dim, generator=rng)
        w = net.mapping(z.to(device), truncation_psi=_TRUNCATION)
        plain = w[:, None].repeat(1, net.options.num_ws, 1)
        dyed = torch.zeros_like(plain)
        for name in (name for name in _VARIED if name in known):
            low, high, step = known[name]
            amount = low + (high - low) * torch.rand(n, generator=rng)
            amount = amount * (torch.rand(n, generator=rng) < (0.5 if name == "fringe" else 0.3))
            shift = amount[:, None, None].to(device) * step.to(device)
            if name in _HUES:
                dyed += shift
            else:
                plain += shift
        dark, fair = (plain + known[name][1] * known[name][2].to(device) for name in ("hair_dark", "hair_blond"))
        with autocast():
            drawn = net.synthesis(torch.cat([plain + dyed, dark, fair])).float()
        small = F.interpolate(drawn, size=(side, side), mode="bilinear", antialias=True, align_corners=False)
        pictures = ((small + 1) / 2).clamp(0, 1).permute(0, 2, 3, 1).cpu().numpy()
        for own, darker, fairer in zip(*np.split(pictures, 3), strict=True):
            cut = cutout(own, darker, fairer)
            if cut is not None:
                made.append(cut)
    return made


def cutout(own: Plane, dark: Plane, fair: Plane) -> Cutout | None:
    """A person from three pictures (S, S, 3): as they are, with the darkest and with fair hair. None: no plain wall."""
    side = own.shape[0]
    y, x = (np.mgrid[0:side, 0:side].astype(np.float32) + 0.5) / side
    likely = _likely(dark, fair)
    lab = np.asarray(cv2.cvtColor(np.ascontiguousarray(own, np.float32), cv2.COLOR_RGB2LAB), np.float32)
    face = np.hypot((x - 0.5) / 0.20, (y - 0.60) / 0.24) < 1
    collar = (y > 0.80) & (np.abs(x - 0.5) < 0.32)
    hair = (likely > 0.45) & ~collar & ~(face & (y > 0.44))
    thick = cv2.morphologyEx(hair.astype(np.uint8), cv2.MORPH_OPEN, np.ones((side // 32 | 1,) * 2, np.uint8)) > 0
    fine = hair & ~thick & face  # in a forehead a fringe is thick, brows are not
    hair &= ~fine
    wall = _wall(lab, (likely > 0.35) | (np.hypot((x - 0.5) / 0.33, (y - 0.5) / 0.45) < 1) | (y > 0.8))
    if wall is None:
        return None
    away = np.sqrt(np.square(lab - wall).sum(2))
    marks = np.where(away > 3 * _WALL, np.uint8(cv2.GC_PR_FGD), np.uint8(cv2.GC_PR_BGD))
    marks[(away < _WALL) & ~face & ~hair] = cv2.GC_BGD
    marks[(face & ~hair) | (hair & (likely > 0.75) & (away > _WALL))] = cv2.GC_FGD
    marks[(y < 0.75) & ~face & (likely < 0.6) & (np.hypot((x - 0.5) / 0.38, (y - 0.5) / 0.5) > 1)] = cv2.GC_BGD
    cv2.setRNGSeed(0)
    view = np.ascontiguousarray((own[..., ::-1] * 255).round(), np.uint8)
    cv2.grabCut(view, marks, None, np.zeros((1, 65)), np.zeros((1, 65)), 2, cv2.GC_INIT_WITH_MASK)  # type: ignore[call-overload]
    person = _largest((marks == cv2.GC_FGD) | (marks == cv2.GC_PR_FGD))
    parts = np.full(person.shape, _SKIN, np.uint8)
    cheeks = lab[(np.abs(np.abs(x - 0.5) - 0.1) < 0.04) & (np.abs(y - 0.62) < 0.05)]
    unlike = np.abs(lab - np.median(cheeks, 0)) / (40, 11, 13)
    unlike = cv2.medianBlur((unlike.max(2) > 1).astype(np.uint8), 7) > 0
    parts[unlike & (~face | (y < 0.44))] = UNKNOWN  # wisps of a fringe, too
    parts[fine] = UNKNOWN
    hair = _from_above(hair & person)
    short = not hair[side * 3 // 4 :].any()  # where long hair lies over it, a garment takes some of hair's colour
    parts[unlike & (y > 0.80) & (short | (likely < 0.3))] = _CLOTHES
    parts[hair] = _HAIR
    parts[~person] = _BACKGROUND
    cover = cv2.GaussianBlur(person.astype(np.float32), (0, 0), side / 260)
    return Cutout(_own_colours(own, person), parts, np.asarray(cover * 255, np.uint8))


def _likely(dark: Plane, fair: Plane) -> Plane:
    """How much each place differs between dark and fair hair, about 1 in the middle of hair."""
    between = cv2.GaussianBlur(np.abs((fair - dark) @ LIGHT), (0, 0), dark.shape[0] / 160)
    seen = between[between > 0.05]
    return np.asarray(between / (float(np.quantile(seen, 0.8)) if seen.size else 1.0), np.float32)


def _wall(lab: Plane, other: NDArray[np.bool_]) -> Plane | None:
    """A smooth wall fitted where nothing else may be, (S, S, 3); None where it is not plain."""
    side = lab.shape[0]
    y, x = (np.mgrid[0:side, 0:side].astype(np.float32) + 0.5) / side - 0.5
    terms = np.stack([np.ones_like(x), x, y, x * x, y * y, x * y], 2)
    free = ~other
    if free.mean() < 0.06:
        return None
    for _ in range(2):
        weights, *_ = np.linalg.lstsq(terms[free], lab[free], rcond=None)
        fit = terms @ weights
        away = np.sqrt(np.square(lab - fit).sum(2))
        if float(np.median(away[~other])) > _ROUGH:
            return None
        free = ~other & (away < 3 * _ROUGH)
    return np.asarray(fit, np.float32)


def _largest(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The largest piece of a mask, without holes of its own."""
    closed = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    _, names, sizes, _ = cv2.connectedComponentsWithStats(closed)
    return np.asarray(names == 1 + int(np.argmax(sizes[1:, cv2.CC_STAT_AREA])))


def _from_above(hair: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The large pieces of hair that begin in the upper half: what begins below is a collar, and brows are small."""
    _, names, sizes, _ = cv2.connectedComponentsWithStats(hair.astype(np.uint8))
    kept = np.unique(names[: hair.shape[0] // 2])
    kept = kept[sizes[kept, cv2.CC_STAT_AREA] > 0.01 * hair.size]
    return np.asarray(np.isin(names, kept[kept > 0]))


def _own_colours(own: Plane, person: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """The picture, at the person's rim with colours from further inside: no wall is left in loose hair."""
    side = own.shape[0]
    core = cv2.erode(person.astype(np.uint8), np.ones((3, 3), np.uint8))
    weight = cv2.GaussianBlur(core.astype(np.float32), (0, 0), side / 100)[..., None]
    inner = cv2.GaussianBlur(own * core[..., None], (0, 0), side / 100) / np.maximum(weight, 1e-3)
    made = np.where((core[..., None] > 0) | (weight < 1e-2), own, inner)
    return np.asarray((made.clip(0, 1) * 255).round(), np.uint8)
