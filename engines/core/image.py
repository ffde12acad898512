"""The only reader of pictures people send, and the only writer of those they get back.

A `Picture` holds what survives an edit: pixels (8 or 16 bit, with alpha), EXIF, ICC profile, XMP, name.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from engines.core import colour, deep
from engines.core.errors import ImageError
from engines.core.provenance import Recipe, raw_xmp, xmp_packet

Pixels = NDArray[np.uint8] | NDArray[np.uint16]

MAX_MEGAPIXELS = 100.0
READ_FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP", "AVIF", "MPO", "PPM", "TGA", "ICO", "DIB", "JPEG2000")
WRITE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff")
_ORIENTATION, _WIDTH, _HEIGHT, _EXIF_WIDTH, _EXIF_HEIGHT, _EXIF_IFD = 0x0112, 0x0100, 0x0101, 0xA002, 0xA003, 0x8769


@dataclass(frozen=True)
class Picture:
    """A picture as it travels through the studio.

    pixels: uint8 or uint16 (H, W, 3) RGB or (H, W, 4) RGBA with straight alpha, upright, read-only.
    icc: the profile those RGB values are in; None means sRGB.  exif: as read, orientation cleared.
    note: what a person should know about how it was read ("" if nothing).  grey: the source had no colour.
    """

    pixels: Pixels
    name: str = "picture"
    icc: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    note: str = ""
    grey: bool = False

    @property
    def size(self) -> tuple[int, int]:
        """(height, width)."""
        return self.pixels.shape[0], self.pixels.shape[1]

    @property
    def bits(self) -> int:
        """8 or 16."""
        return 8 * self.pixels.dtype.itemsize

    @property
    def rgb(self) -> Pixels:
        """(H, W, 3) without alpha."""
        return self.pixels[..., :3]

    @property
    def alpha(self) -> Pixels | None:
        """(H, W) or None."""
        return self.pixels[..., 3] if self.pixels.shape[2] == 4 else None

    def with_pixels(self, pixels: Pixels) -> Picture:
        """The same picture, everything else kept, with the pixels an edit made."""
        return replace(self, pixels=pixels)


def max_megapixels() -> float:
    """The largest picture the studio takes, in millions of pixels (GAN_STUDIO_MAX_MEGAPIXELS)."""
    return float(os.environ.get("GAN_STUDIO_MAX_MEGAPIXELS", MAX_MEGAPIXELS))


def read_image(path: Path | str, name: str | None = None, *, srgb: bool = False) -> Picture:
    """Read a picture. ImageError, in one sentence, for anything that is not one or is too large.

    Its size is checked before a pixel is decoded. The orientation is applied, the first frame of an animation taken,
    grey, palette and CMYK become RGB, 16 bits stay 16 bits.
    srgb: convert to sRGB (what networks that know colours expect); else RGB profiles are kept with their values, so
    that a wide gamut survives. Profiles of other colour spaces are always converted to sRGB.
    """
    path = Path(path)
    shown = name or path.name
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image = _open(path, shown)
            with image:
                return _decode(image, path, shown, srgb=srgb)
    except ImageError:
        raise
    except MemoryError as error:
        raise ImageError(f"{shown} does not fit into memory. Make it smaller first.") from error
    except (OSError, ValueError, SyntaxError, EOFError, KeyError, IndexError, TypeError, OverflowError) as error:
        raise ImageError(
            f"{shown} is damaged: its pixels end early or are garbled. Send it again from its source."
        ) from error


def _open(path: Path, shown: str) -> Image.Image:
    if not path.exists():
        raise ImageError(f"{shown} is not there. Choose the file again.")
    if path.is_dir():
        raise ImageError(f"{shown} is a folder. Choose a picture.")
    if path.stat().st_size == 0:
        raise ImageError(f"{shown} is empty (0 bytes). Send it again from its source.")
    limit = max_megapixels()
    try:
        image = Image.open(path)
    except Image.DecompressionBombError as error:
        raise ImageError(_too_large(shown, None, limit)) from error
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, EOFError, KeyError) as error:
        raise ImageError(_not_a_picture(path, shown)) from error
    problem = None
    if image.format not in READ_FORMATS:
        problem = f"{shown} is a {image.format} file, which the studio does not take. Save it as PNG or JPEG."
    elif image.width * image.height > limit * 1e6:
        problem = _too_large(shown, image.width * image.height / 1e6, limit)
    if problem:
        image.close()
        raise ImageError(problem)
    return image


def _too_large(shown: str, megapixels: float | None, limit: float) -> str:
    has = "far too many pixels" if megapixels is None else f"{megapixels:,.0f} megapixels"
    return f"{shown} has {has}; the limit here is {limit:,.0f} megapixels. Make it smaller or crop it first."


def _not_a_picture(path: Path, shown: str) -> str:
    with path.open("rb") as stream:
        head = stream.read(512).lstrip().lower()
    if head.startswith(b"<svg") or (head.startswith((b"<?xml", b"<!doctype")) and b"<svg" in head):
        return f"{shown} is an SVG drawing, made of lines and not of pixels. Export it as PNG first."
    if b"ftypheic" in head or b"ftypheix" in head or b"ftypmif1" in head:
        return f"{shown} is a HEIC photo. Export it as JPEG first (on an iPhone: share it, Options, Most Compatible)."
    return f"{shown} is not a picture the studio can read. Send a JPEG, PNG, WebP, TIFF, AVIF, GIF or BMP file."


def _decode(image: Image.Image, path: Path, shown: str, *, srgb: bool) -> Picture:
    notes = []
    frames = getattr(image, "n_frames", 1)
    if frames > 1 and image.format not in ("MPO", "TIFF", "ICO"):
        notes.append(f"{shown} is an animation of {frames} frames; this is its first.")
    elif frames > 1 and image.format == "TIFF":
        notes.append(f"{shown} has {frames} pages; this is its first.")
    exif, icc, xmp = image.getexif(), image.info.get("icc_profile"), raw_xmp(image)
    orientation = exif.get(_ORIENTATION, 1)
    grey = image.mode in ("1", "L", "LA", "I;16", "I;16B", "I", "F")
    pixels: NDArray[Any] | None = deep.read16(path, image)
    if pixels is None:
        upright: Image.Image = ImageOps.exif_transpose(image)
        pixels, icc = _eight_bits(upright, icc, srgb=srgb)
    else:
        pixels = _turn(pixels, orientation)
        if icc and (grey or colour.profile_space(icc) != "RGB"):
            icc = None  # a grey profile's curve is close to sRGB's; the values are kept
        if srgb and icc:
            pixels, icc = colour.deep_to_srgb(pixels, icc), None
    pixels = np.ascontiguousarray(pixels)
    pixels.flags.writeable = False
    exif.pop(_ORIENTATION, None)
    return Picture(
        pixels=pixels,
        name=Path(shown).name,
        icc=icc,
        exif=exif.tobytes() if len(exif) else None,
        xmp=xmp,
        note=" ".join(notes),
        grey=grey,
    )


def _turn(pixels: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Apply an EXIF orientation, 1 to 8."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.transpose(1, 0, 2)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return pixels


def _eight_bits(image: Image.Image, icc: bytes | None, *, srgb: bool) -> tuple[NDArray[np.uint8], bytes | None]:
    """8-bit RGB or RGBA of any Pillow image, and the profile it is in."""
    if image.mode in ("I", "F", "I;16", "I;16B"):
        image = image.convert("F").point(lambda value: value / 257).convert("L")  # 0..65535, nothing clipped
    if image.mode == "P" or (image.mode in ("RGB", "L", "1") and "transparency" in image.info):
        image = image.convert("RGBA" if "transparency" in image.info else "RGB")
    if image.mode in ("PA", "La", "RGBa"):
        image = image.convert("RGBA")
    if image.mode == "LA":
        image = image.convert("RGBA")
        icc = None
    space = colour.profile_space(icc) if icc else None
    if image.mode in ("CMYK", "LAB", "YCbCr", "HSV") or (
        icc and (space != "RGB" or srgb) and image.mode in ("L", "RGB", "RGBA")
    ):
        image, icc = colour.to_srgb(image, icc, space), None
    if image.mode not in ("RGB", "RGBA"):
        image, icc = image.convert("RGB"), icc if image.mode == "RGBX" else None
    return np.asarray(image), icc


def write_image(
    path: Path | str,
    picture: Picture,
    *,
    recipe: Recipe | None = None,
    quality: int = 95,
    check: Callable[[], None] = lambda: None,
) -> None:
    """Write a picture with its EXIF, profile, alpha and depth, and the mark and recipe of what was done to it.

    The suffix decides the format: .png, .webp and .tif are lossless, .jpg has the given quality. The file appears
    under its name only when it is complete. ImageError says what a format cannot hold.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in WRITE_SUFFIXES:
        raise ImageError(f'The studio does not write "{suffix or path.name}" files. Use .png, .jpg, .webp or .tif.')
    height, width = picture.size
    longest = {".jpg": 65_500, ".jpeg": 65_500, ".webp": 16_383}.get(suffix, 1 << 31)
    if max(height, width) > longest:
        raise ImageError(f"A {suffix[1:]} picture can be {longest:,} pixels long at most. Save this one as PNG.")
    exif = _exif_for(picture)
    xmp = xmp_packet(recipe, picture.xmp) if recipe else picture.xmp
    partial = path.with_name(f".{path.name}.part{suffix}")
    check()
    try:
        if picture.bits == 16 and suffix in (".png", ".tif", ".tiff"):
            deep.write16(partial, picture.pixels, icc=picture.icc, exif=exif, xmp=xmp, check=check)
        else:
            _write8(partial, picture, suffix, exif=exif, xmp=xmp, quality=quality)
        os.replace(partial, path)
    except OSError as error:
        raise ImageError(
            f"{path.name} could not be written: {error.strerror or error}. Check the folder and its space."
        ) from error
    finally:
        partial.unlink(missing_ok=True)


def _exif_for(picture: Picture) -> bytes | None:
    """The picture's EXIF with its new size, upright, without the old thumbnail."""
    if not picture.exif:
        return None
    exif = Image.Exif()
    exif.load(picture.exif)
    height, width = picture.size
    exif.pop(_ORIENTATION, None)
    details = exif.get_ifd(_EXIF_IFD)
    for tag, value, where in (
        (_WIDTH, width, exif),
        (_HEIGHT, height, exif),
        (_EXIF_WIDTH, width, details),
        (_EXIF_HEIGHT, height, details),
    ):
        if tag in where:
            where[tag] = value
    return exif.tobytes()


def _write8(path: Path, picture: Picture, suffix: str, *, exif: bytes | None, xmp: bytes | None, quality: int) -> None:
    pixels = picture.pixels
    if pixels.dtype == np.uint16:
        pixels = ((pixels.astype(np.uint32) * 255 + 32895) >> 16).astype(np.uint8)
    if suffix in (".jpg", ".jpeg") and pixels.shape[2] == 4:
        pixels = _on_white(pixels)
    image = Image.fromarray(pixels)
    options: dict[str, Any] = {"icc_profile": picture.icc} if picture.icc else {}
    if exif:
        options["exif"] = exif
    if suffix == ".png":
        deep.save_png(image, path, xmp=xmp, options=options)
        return
    if suffix in (".tif", ".tiff"):
        deep.save_tiff8(image, path, xmp=xmp, options=options)
        return
    if xmp:
        options["xmp"] = xmp
    if suffix == ".webp":
        image.save(path, "WEBP", lossless=True, quality=50, method=2, exact=True, **options)
    else:
        image.save(path, "JPEG", quality=quality, subsampling=0, optimize=True, **options)


def _on_white(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    """RGBA over white, for formats without alpha."""
    out = np.empty((*pixels.shape[:2], 3), np.uint8)
    for top in range(0, pixels.shape[0], 256):  # in strips: a large picture would need four times its size
        part = pixels[top : top + 256].astype(np.uint32)
        alpha = part[..., 3:]
        out[top : top + 256] = (part[..., :3] * alpha + 255 * (255 - alpha) + 127) // 255
    return out


def preview_png(picture: Picture, path: Path | str, *, longest: int = 1600) -> None:
    """A small 8-bit PNG of any picture, in its own profile, for a browser to show."""
    height, width = picture.size
    step = max(1, max(height, width) // (2 * longest))
    pixels: NDArray[Any] = picture.pixels[::step, ::step]
    if pixels.dtype == np.uint16:
        pixels = (pixels >> 8).astype(np.uint8)
    image = Image.fromarray(np.ascontiguousarray(pixels))
    image.thumbnail((longest, longest), Image.Resampling.LANCZOS)
    image.save(path, "PNG", compress_level=3, **({"icc_profile": picture.icc} if picture.icc else {}))
