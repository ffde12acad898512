"""Pictures with more than 8 bits a channel, and PNG and TIFF containers with their metadata.

Pillow holds 8 bits a channel in colour, so 16-bit PNG and TIFF go through imagecodecs and tifffile.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin

_XMP_TAG = 700
_TEXT_TAGS = (270, 271, 272, 305, 306, 315, 33432)  # description, make, model, software, date, artist, copyright


def read16(path: Path, image: Image.Image) -> NDArray[np.uint16] | None:
    """uint16 (H, W, 3 or 4) of a PNG or TIFF deeper than 8 bits, as stored (not turned); None for all others."""
    if image.format == "PNG":
        with path.open("rb") as stream:
            head = stream.read(25)
        return _colour(imagecodecs.png_decode(path.read_bytes())) if head[24] == 16 else None
    if image.format == "PPM" and image.mode in ("I", "I;16"):
        return _colour(np.asarray(image).astype(np.uint16))
    if image.format != "TIFF":
        return None
    bits = getattr(image, "tag_v2", {}).get(258, (1,))
    if max(bits if isinstance(bits, tuple) else (bits,)) <= 8:
        return None
    with tifffile.TiffFile(path) as tiff:
        page = tiff.pages[0]
        values = np.asarray(page.asarray())
        if page.axes.startswith("S"):
            values = np.moveaxis(values, 0, -1)
        if page.photometric == tifffile.PHOTOMETRIC.MINISWHITE:  # type: ignore[union-attr]
            values = np.iinfo(values.dtype).max - values if values.dtype.kind in "ui" else 1 - values
        if page.photometric not in (0, 1, 2):  # type: ignore[union-attr]
            return None  # CMYK, Lab …: the 8-bit reader converts them
        premultiplied = 1 in (page.extrasamples or ())  # type: ignore[union-attr]
    return _colour(_sixteen(values), premultiplied=premultiplied)


def _sixteen(values: NDArray[Any]) -> NDArray[np.uint16]:
    """Any sample type to 0..65535: integers by their range, floats as 0 to 1."""
    if values.dtype.kind == "f":
        values = np.round(np.clip(np.nan_to_num(values), 0, 1) * 65535).astype(np.uint16)
    elif values.dtype.kind == "i":
        values = np.clip(values, 0, None).astype(np.uint64) * 2
    if values.dtype.itemsize > 2:
        values = values >> (8 * values.dtype.itemsize - 16)
    sixteen: NDArray[np.uint16] = values.astype(np.uint16)
    return sixteen


def _colour(values: NDArray[Any], *, premultiplied: bool = False) -> NDArray[np.uint16]:
    """Grey, grey with alpha, RGB or RGBA to RGB or RGBA."""
    if values.ndim == 2:
        values = values[..., None]
    if values.shape[2] == 1:
        values = np.repeat(values, 3, 2)
    elif values.shape[2] == 2:
        values = values[..., (0, 0, 0, 1)]
    values = values[..., :4]
    if premultiplied and values.shape[2] == 4:
        alpha = np.maximum(values[..., 3:].astype(np.float32), 1)
        values = np.concatenate([np.clip(values[..., :3] * (65535 / alpha), 0, 65535).round(), values[..., 3:]], 2)
    colour: NDArray[np.uint16] = values.astype(np.uint16)
    return colour


def write16(
    path: Path,
    pixels: NDArray[Any],
    *,
    icc: bytes | None,
    exif: bytes | None,
    xmp: bytes | None,
    check: Callable[[], None],
) -> None:
    """Write uint16 (H, W, 3 or 4) as PNG or TIFF. A TIFF keeps of EXIF what stands in its main directory as text."""
    if path.suffix == ".png":
        body = bytes(imagecodecs.png_encode(np.ascontiguousarray(pixels), level=4))
        check()
        path.write_bytes(_with_chunks(body, icc=icc, exif=exif, xmp=xmp))
        return
    tags: list[tuple[Any, ...]] = [(_XMP_TAG, "B", len(xmp), xmp, True)] if xmp else []
    if exif:
        held = Image.Exif()
        held.load(exif)
        tags += [(tag, "s", 0, str(held[tag]), True) for tag in _TEXT_TAGS if tag in held]
    tifffile.imwrite(
        path,
        pixels,
        photometric="rgb",
        compression="zlib",
        predictor=True,
        extrasamples=["unassalpha"] if pixels.shape[2] == 4 else None,
        iccprofile=icc,
        extratags=tags,
        metadata=None,
        software=False,
    )


def _with_chunks(png: bytes, *, icc: bytes | None, exif: bytes | None, xmp: bytes | None) -> bytes:
    """Insert colour profile, EXIF and XMP behind the header of a finished PNG."""
    extra = b""
    if icc:
        extra += _chunk(b"iCCP", b"ICC Profile\0\0" + zlib.compress(icc))
    if exif:
        extra += _chunk(b"eXIf", exif.removeprefix(b"Exif\0\0"))
    if xmp:
        extra += _chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp)
    end_of_header = 8 + 25
    return png[:end_of_header] + extra + png[end_of_header:]


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def save_png(image: Image.Image, path: Path, *, xmp: bytes | None, options: dict[str, Any]) -> None:
    """Write an 8-bit PNG through Pillow with its metadata."""
    info = PngImagePlugin.PngInfo()
    if xmp:
        info.add_itxt("XML:com.adobe.xmp", xmp.decode())
    image.save(path, "PNG", compress_level=3, pnginfo=info, **options)


def save_tiff8(image: Image.Image, path: Path, *, xmp: bytes | None, options: dict[str, Any]) -> None:
    """Write an 8-bit TIFF through Pillow with its metadata; uncompressed if it has EXIF, which libtiff cannot nest."""
    exif = Image.Exif()
    if options.get("exif"):
        exif.load(options["exif"])
    if xmp:
        exif[_XMP_TAG] = xmp
    compression = "raw" if options.get("exif") else "tiff_adobe_deflate"
    image.save(path, "TIFF", compression=compression, **options | {"exif": exif})
