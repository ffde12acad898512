"""Is the mouth of a face covered (a mask, a hand, a microphone), or are its eyes? Told from a few numbers.

A mouth has level edges, a dark line between the lips and reds that differ from the skin's; a mask also differs in
colour from the forehead. Each number is a ratio within one face, so that light and pale colours hardly count; the
weights are a logistic regression on 2,000 CelebA squares and 250 others with covers drawn over them. What it says of
250 people it was not fitted to, whose covers are drawn: masks (blue, white, black) 100 %, patterned cloth 78 %, a hand
90 %, a microphone 97 %, sunglasses 98 %. Of 2,000 photographed people it calls 2.8 % covered at the mouth, among them
a few real hands and microphones, moustaches and faint mouths, and 0.9 % at the eyes, most of them truly in sunglasses.

Through the detector, 100 more people: most covered faces are not found at all (masks 41 %, hands 22 %, microphones and
sunglasses 94 % are); of those found the hint comes for 95, 82, 90 and 97 %, and for 1 (mouth) and 2 (eyes) of the same
people uncovered.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.core.faces import Photo

_SIDE = 96
_WEIGHTS, _BIAS = np.array([-1.65, -1.41, -1.86, 1.52]), -7.4  # of the logarithms of `numbers`
_SURE = 3.0  # the evidence beyond which even 97 % of blurred faces do not go
_CONTRAST = 0.059  # of an eye; below it is covered
Lab = NDArray[np.float32]


def mouth_covered(square: Photo, *, blurred: bool = False) -> bool:
    """Whether something lies over the mouth of an aligned square, uint8 (H, W, 3).

    blurred: the square is; lips have few edges then, so that more is asked for.
    """
    return evidence(square) > (_SURE if blurred else 0.0)


def eyes_covered(square: Photo, *, blurred: bool = False) -> bool:
    """Whether an eye lies behind something dark and even."""
    return eye_contrast(square) < _CONTRAST * (0.6 if blurred else 1.0)


def evidence(square: Photo) -> float:
    """How much speaks for a covered mouth, in logits; above 0 is covered."""
    return float(np.log(np.maximum(numbers(square), 0.003)) @ _WEIGHTS + _BIAS)


def numbers(square: Photo) -> NDArray[np.float64]:
    """Edges of the mouth over those of the eyes, its dark line over the skin's light, spread of its reds over the
    skin's colourfulness, and how far the colour around the mouth is from the forehead's, over the same.
    """
    lab = _lab(square)
    forehead, nose, cheeks = lab[_FOREHEAD], lab[_NOSE], lab[_CHEEKS]
    skin = np.concatenate([forehead, nose, cheeks])
    light = _light(lab)
    colour = max(float(np.hypot(skin[:, 1], skin[:, 2]).mean()), 1.0)
    luma = np.asarray(cv2.GaussianBlur(lab[..., 0], (0, 0), 0.8), np.float32)
    lips, eyes = (np.abs(np.diff(luma[part], axis=0)).mean() for part in (_LIPS_BOX, _EYES_BOX))
    apart = np.median(lab[_AROUND], 0) - np.median(forehead, 0)
    return np.array(
        [
            lips / max(float(eyes), 1e-3),
            _line(luma[_LIPS_BOX].mean(1)) / light,
            lab[_MOUTH][:, 1].std() / colour,
            np.hypot(apart[1], apart[2]) / colour,
        ]
    )


def eye_contrast(square: Photo) -> float:
    """The lesser of both eyes' contrasts, standard deviation over the skin's light; sunglasses have next to none."""
    lab = _lab(square)
    return min(float(lab[eye][:, 0].std()) for eye in _EYES) / _light(lab)


def _line(rows: NDArray[np.float32]) -> float:
    """How much darker the darkest row is than the lightest nearby above and below, whichever is less."""
    reach = _SIDE // 12
    depths = [
        min(rows[max(0, at - reach) : at].max(), rows[at + 1 : at + 1 + reach].max()) - rows[at]
        for at in range(1, len(rows) - 1)
    ]
    return float(max(depths))


def _light(lab: Lab) -> float:
    """Lightness of the skin where a mask seldom is, 20 to 100."""
    return max(float(np.median(lab[_FOREHEAD][:, 0])), float(np.median(lab[_NOSE][:, 0])), 20.0)


def _lab(square: Photo) -> Lab:
    small = cv2.resize(square, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA).astype(np.float32) / np.float32(255)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2LAB), np.float32)


def _ellipse(cx: float, cy: float, rx: float, ry: float) -> NDArray[np.bool_]:
    y, x = (np.mgrid[0:_SIDE, 0:_SIDE] + 0.5) / _SIDE
    return np.asarray(np.hypot((x - cx) / rx, (y - cy) / ry) < 1)


def _box(left: float, top: float, right: float, bottom: float) -> tuple[slice, slice]:
    return slice(int(top * _SIDE), int(bottom * _SIDE)), slice(int(left * _SIDE), int(right * _SIDE))


# places in the aligned square, as parts of its side
_MOUTH = _ellipse(0.5, 0.745, 0.115, 0.05)
_AROUND = _ellipse(0.5, 0.685, 0.10, 0.025) | _ellipse(0.5, 0.83, 0.10, 0.03)
_FOREHEAD, _NOSE = _ellipse(0.5, 0.345, 0.12, 0.045), _ellipse(0.5, 0.57, 0.05, 0.07)
_CHEEKS = _ellipse(0.335, 0.62, 0.06, 0.07) | _ellipse(0.665, 0.62, 0.06, 0.07)
_EYES = _ellipse(0.376, 0.469, 0.075, 0.035), _ellipse(0.624, 0.469, 0.075, 0.035)
_LIPS_BOX, _EYES_BOX = _box(0.38, 0.66, 0.62, 0.84), _box(0.28, 0.40, 0.72, 0.54)
