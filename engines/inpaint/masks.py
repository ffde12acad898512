"""Masks: uint8 (H, W), 255 where a picture is to be filled. Read, checked, resized, grown, softened, outlined."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.core.errors import OptionError
from engines.core.image import read_image

Mask = NDArray[np.uint8]
Floats = NDArray[np.float32]
Box = tuple[int, int, int, int]  # left, top, right, bottom
HOLE = 127  # values above it are hole; how far above says how much of the fill shows
MOST = 64  # pixels that a mask may grow, shrink, or be soft for
RIM = 4  # pixels of a mask's border that may be neither black nor white without making it a soft mask
ALIKE = 0.02  # how far the aspect ratios of a mask and its picture may be apart
_EMPTY = "The mask is empty. Paint over what should go."


def read_mask(path: Path | str, name: str | None = None) -> Mask:
    """A mask from a picture file: its alpha where that says anything, else its brightness. ImageError as read_image."""
    pixels = read_image(path, name).pixels
    if pixels.shape[2] == 4 and bool((pixels[..., 3] != pixels[0, 0, 3]).any()):
        plane: NDArray[Any] = pixels[..., 3]
    else:
        plane = pixels[..., :3].max(2)
    return np.ascontiguousarray((plane >> 8 if plane.dtype == np.uint16 else plane).astype(np.uint8))


def checked(mask: NDArray[Any], height: int, width: int) -> Mask:
    """A mask as the verbs take it, at the size of its picture. bool is taken too.

    OptionError: not a mask, empty, or of another shape than the picture.
    """
    if mask.dtype == np.bool_:
        mask = mask.astype(np.uint8) * 255
    if mask.ndim == 3 and mask.shape[2] == 1:
        mask = mask[..., 0]
    if mask.dtype != np.uint8 or mask.ndim != 2 or not mask.size:
        raise OptionError("A mask is an array of uint8 with the shape (height, width), 255 where to fill.")
    mask = without_rim(mask)
    if mask.shape != (height, width):
        mask = resized(mask, height, width)
    if not bool((mask > HOLE).any()):
        raise OptionError(_EMPTY)
    return mask


def without_rim(mask: Mask) -> Mask:
    """A mask that is soft only along its borders, by RIM pixels at most, without that: it was drawn smoothly, and is
    meant to be hard. A softer one stays as it is.
    """
    soft = ((mask > 0) & (mask < 255)).astype(np.uint8)
    if not soft.any() or cv2.erode(soft, np.ones((RIM + 1, RIM + 1), np.uint8)).any():
        return mask
    return np.asarray(np.where(mask > HOLE, 255, 0), np.uint8)


def of_object(mask: NDArray[Any] | None, picture: NDArray[Any]) -> Mask:
    """Where an object is: a mask as `checked` takes it, or the picture's own alpha, hard or soft.

    OptionError without either.
    """
    if mask is not None:
        return checked(mask, *picture.shape[:2])
    if picture.shape[2] == 4:
        alpha = picture[..., 3]
        if bool((alpha < np.iinfo(alpha.dtype).max).any()) and bool((alpha > 0).any()):
            return np.full(alpha.shape, 255, np.uint8)
    raise OptionError("Say what to cut out: send a mask, or an object whose background is transparent.")


def resized(mask: Mask, height: int, width: int) -> Mask:
    """A mask at another size of the same shape. OptionError where the aspect ratios are more than 2 % apart."""
    h, w = mask.shape
    apart = abs(h * width - w * height)  # a side may be off by a pixel: small copies are rounded
    if apart > ALIKE * max(h * width, w * height) and apart > max(height, width):
        raise OptionError(
            f"The mask is {w} x {h} pixels and the picture {width} x {height}. Make a mask for this picture."
        )
    kind = cv2.INTER_AREA if h > height or w > width else cv2.INTER_LINEAR
    out = np.asarray(cv2.resize(mask, (width, height), interpolation=kind), np.uint8)
    if not np.isin(mask, (0, 255)).all():
        return out
    small = not bool((out > HOLE).any())  # a hard mask stays hard, and what is thin does not get lost
    return np.asarray(np.where(out > (0 if small else HOLE), 255, 0), np.uint8)


def grown(mask: Mask, pixels: int) -> Mask:
    """A mask grown by so many pixels, or shrunk by -pixels, in all directions alike; its soft part moves along.

    OptionError where nothing of it is left.
    """
    if pixels == 0:
        return mask
    left, top, right, bottom = box_of(mask > 0, margin=abs(pixels) + 1, size=mask.shape)
    out = mask.copy()
    part = np.ascontiguousarray(mask[top:bottom, left:right])
    morph: Any = cv2.dilate if pixels > 0 else cv2.erode
    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    square = abs(pixels) * 2 // 5  # a square and a cross one after the other make an octagon, nearly round
    part = morph(part, cross, iterations=abs(pixels) - square)
    if square:
        part = morph(part, np.ones((2 * square + 1, 2 * square + 1), np.uint8))
    out[top:bottom, left:right] = part
    if not bool((out > HOLE).any()):
        raise OptionError(f"Nothing is left of the mask when it shrinks by {-pixels} pixels. Shrink it less.")
    return out


def with_border(mask: Mask, feather: int, clear: NDArray[np.bool_] | None = None) -> Mask:
    """A mask with room for a soft border around it, so that nothing of what it covers shines through the border.

    clear: (H, W), what is transparent and gets none. A mask that is soft itself has its border already, and where a
    border would leave nothing of the picture it stays inside.
    """
    if feather <= 0 or not np.isin(mask, (0, 255)).all():
        return mask
    wide = grown(mask, feather)
    if clear is not None:
        wide = np.where(clear, mask, wide)
    return mask if (wide > HOLE).all() else wide


def weight_of(mask: Mask, feather: int) -> Floats:
    """How much of the fill shows, (H, W): exactly 0 outside the hole, 1 inside but for a soft border of `feather`.

    The border lies inside the hole and only where picture follows, not at the picture's edge. Where the mask itself is
    soft, what shows is the smaller of the two.
    """
    out = np.zeros(mask.shape, np.float32)
    left, top, right, bottom = box_of(mask > HOLE, margin=1)
    part = mask[top:bottom, left:right]
    own: Floats = np.clip((part.astype(np.float32) - HOLE) / np.float32(255 - HOLE), 0, 1)
    if feather > 0:
        near = np.asarray(cv2.distanceTransform((own > 0).astype(np.uint8), cv2.DIST_L2, 5), np.float32)
        t = np.clip(near / np.float32(feather + 1), 0, 1)
        own = np.minimum(own, t * t * (3 - 2 * t))
    out[top:bottom, left:right] = own
    return out


def box_of(where: NDArray[np.bool_], *, margin: int = 0, size: tuple[int, ...] | None = None) -> Box:
    """The smallest box around what is true, with a margin, inside the picture. Nothing true: an empty box."""
    rows, columns = np.flatnonzero(where.any(1)), np.flatnonzero(where.any(0))
    if not len(rows):
        return 0, 0, 0, 0
    height, width = size if size is not None else where.shape
    return (
        max(0, int(columns[0]) - margin),
        max(0, int(rows[0]) - margin),
        min(width, int(columns[-1]) + 1 + margin),
        min(height, int(rows[-1]) + 1 + margin),
    )


def outlines(mask: Mask, *, tolerance: float = 0.75) -> list[NDArray[np.int32]]:
    """The borders of a mask's hole as closed polygons (n, 2) of x, y, holes in it included; for drawing.

    tolerance: pixels by which a polygon may leave the border.
    """
    found, _ = cv2.findContours((mask > HOLE).astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    shapes = (cv2.approxPolyDP(contour, tolerance, True) for contour in found)
    return [np.asarray(shape, np.int32).reshape(-1, 2) for shape in shapes]
