"""Colour spaces: what a profile says, and the way to sRGB."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms
from torch import from_numpy
from torch.nn.functional import grid_sample


def profile_space(icc: bytes) -> str | None:
    """The colour space of a profile: RGB, GRAY, CMYK, LAB …; None if it cannot be read."""
    try:
        return ImageCms.ImageCmsProfile(io.BytesIO(icc)).profile.xcolor_space.strip()
    except (OSError, ImageCms.PyCMSError):
        return None


def to_srgb(image: Image.Image, icc: bytes | None, space: str | None) -> Image.Image:
    """Any 8-bit Pillow image to sRGB, by its profile if it has one; alpha is kept."""
    fits = {"RGB": ("RGB", "RGBA"), "CMYK": ("CMYK",), "GRAY": ("L",), "Lab": ("LAB",)}
    alpha = image.getchannel("A") if image.mode == "RGBA" else None
    if icc and image.mode in fits.get(space or "", ()):
        colour = image.convert("RGB") if alpha else image
        try:
            profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
            done = ImageCms.profileToProfile(
                colour,
                profile,
                ImageCms.createProfile("sRGB"),
                outputMode="RGB",
                renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            )
            image = done if done is not None else colour
        except (ImageCms.PyCMSError, OSError):
            image = colour.convert("RGB")
    elif image.mode == "LAB":
        done = ImageCms.profileToProfile(
            image, ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB"), outputMode="RGB"
        )
        image = done if done is not None else image
    else:
        image = image.convert("RGB")
    if alpha is not None:
        image.putalpha(alpha)
    return image


def deep_to_srgb(pixels: NDArray[np.uint16], icc: bytes) -> NDArray[np.uint16]:
    """16-bit values to sRGB through a 33x33x33 table made by the colour library, interpolated: no banding."""
    steps = np.round(np.linspace(0, 255, 33)).astype(np.uint8)
    b, g, r = np.meshgrid(steps, steps, steps, indexing="ij")  # r varies fastest, as grid_sample's x
    table = np.stack([r, g, b], -1).reshape(33, 33 * 33, 3)
    converted = np.asarray(to_srgb(Image.fromarray(table), icc, "RGB"), np.float32).reshape(33, 33, 33, 3) / 255
    volume = from_numpy(converted).permute(3, 0, 1, 2)[None]  # (1, 3, b, g, r)
    out = pixels.copy()
    for top in range(0, pixels.shape[0], 256):
        part = from_numpy(pixels[top : top + 256, :, :3].astype(np.float32) / 65535)[None, None] * 2 - 1
        mapped = grid_sample(volume, part, mode="bilinear", align_corners=True)[0, :, 0].permute(1, 2, 0)
        out[top : top + 256, :, :3] = (mapped.clamp(0, 1) * 65535).round().numpy().astype(np.uint16)
    return out
