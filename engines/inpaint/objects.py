"""Objects from file to file: cut out of one picture, pasted into another, whose metadata the result keeps."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageCms

from engines.core.colour import profile_space
from engines.core.files import edit_file
from engines.core.image import Picture, Pixels, read_image
from engines.core.job import Fact, Job
from engines.inpaint.masks import Mask, read_mask

if TYPE_CHECKING:
    from engines.inpainting import Inpainting


def blend_file(
    engine: Inpainting,
    foreground: Path | str,
    background: Path | str,
    target: Path | str,
    *,
    mask: Path | str | Mask | None = None,
    options: Mapping[str, Any],
    name: str | None = None,
    job: Job | None = None,
) -> Picture:
    """`blend` from file to file: depth, alpha, profile and EXIF are the background's; with the mark and the recipe.

    mask: a file or an array, None where the foreground's alpha says it; files' names go into the recipe.
    options: x, y, scale, strength, model.  name: what to call the background in sentences.
    """
    where = mask if mask is None or isinstance(mask, np.ndarray) else read_mask(mask)
    thing = read_image(foreground, srgb=True).pixels
    icc = profile_of(background)
    if icc:
        thing = into_profile(thing, icc)
    told: dict[str, Fact] = {key: value for key, value in options.items() if key != "model" and value is not None}
    told["foreground"] = Path(foreground).name
    if isinstance(mask, str | Path):
        told["mask"] = Path(mask).name

    def edit(pixels: Pixels, part: Job) -> Pixels:
        return engine.blend(thing, pixels, where, job=part, **options)

    return edit_file(background, target, tool="blend", options=told, edit=edit, name=name, job=job)


def profile_of(path: Path | str) -> bytes | None:
    """The profile of a wide-gamut picture, whose values `read_image` keeps; None for sRGB and for what it converts."""
    try:
        with Image.open(path) as image:
            icc = image.info.get("icc_profile") if image.mode in ("RGB", "RGBA") else None
            plain = not icc or profile_space(icc) != "RGB" or "sRGB" in ImageCms.getProfileName(io.BytesIO(icc))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError, ImageCms.PyCMSError):
        return None  # whatever is wrong with the file, reading it says so
    return None if plain else icc


def into_profile(pixels: Pixels, icc: bytes) -> Pixels:
    """sRGB pixels in the colours of a profile, 8 bits; as they are where the profile cannot be used."""
    eight = np.asarray(pixels if pixels.dtype == np.uint8 else pixels >> 8, np.uint8)
    try:
        shown = ImageCms.profileToProfile(
            Image.fromarray(np.ascontiguousarray(eight[..., :3])),
            ImageCms.createProfile("sRGB"),
            ImageCms.ImageCmsProfile(io.BytesIO(icc)),
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        )
    except (ImageCms.PyCMSError, OSError):
        return pixels
    colours = np.asarray(shown, np.uint8)
    return colours if pixels.shape[2] == 3 else np.asarray(np.dstack([colours, eight[..., 3]]), np.uint8)
