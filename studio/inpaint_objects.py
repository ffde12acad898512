"""Objects pasted into the picture on the Inpaint tab's desk, and the API and MCP tool `blend`."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from engines import Engines
from engines.core.errors import OptionError
from engines.core.image import read_image
from engines.core.job import Job
from engines.inpaint.objects import blend_file
from engines.inpainting import LIGHT, Inpainting
from studio.inpaint_api import Answer, Format, answered, documented, path_of, suffix_of
from studio.inpaint_masks import PREFIX
from studio.inpainting import FORMATS, Filled, Options
from studio.jobs import explain
from studio.pictures import Outcome, eight_bit, new_file, uploaded

SHOWN = 720  # longest side of the object that the page shows and drags
UNREADABLE = "These settings cannot be read. Load the page again."


@dataclass(frozen=True)
class Placed(Options):
    """What is pasted into a picture, and where. object: a path, mask too ("": by the object's own transparency).

    x, y: pixels of the picture, None in the middle; scale, strength: see Inpainting.blend.
    """

    object: str = ""
    x: int | None = None
    y: int | None = None
    scale: float = 1.0
    strength: float = 1.0


def place_options(panel: tuple[Any, ...], edit: Mapping[str, Any]) -> Placed:
    """One picture's paste as options, checked: a client may send anything. panel: as `panel_options` takes it."""
    try:
        thing, mask = str(edit.get("object") or ""), str(edit.get("mask") or "")
        x, y = (None if edit.get(name) is None else round(float(edit[name])) for name in ("x", "y"))
        scale, strength = float(edit.get("scale", 1.0)), float(edit.get("strength", 1.0))
        suffix = FORMATS.get(str(panel[-1]), ".png")
    except (TypeError, ValueError, KeyError, AttributeError, IndexError, OverflowError) as error:
        raise OptionError(UNREADABLE) from error
    if not thing:
        raise OptionError("Choose the picture with the object first.")
    return Placed(
        verb="blend",
        model=LIGHT,
        expand=0,
        feather=0,
        object=str(uploaded(thing)),
        mask=str(uploaded(mask)) if mask else "",
        x=x,
        y=y,
        scale=scale,
        strength=strength,
        suffix=suffix,
    )


def paste_file(engines: Engines, source: Path, name: str, *, options: Placed, job: Job) -> Filled:
    """An object pasted into a picture, from file to file, with everything the page wants to say about it."""
    target = new_file(f"{Path(name).stem or 'picture'}_pasted{options.suffix}")
    chosen = {key: getattr(options, key) for key in ("x", "y", "scale", "strength", "model")}
    made = blend_file(
        engines[Inpainting],
        options.object,
        source,
        target,
        mask=options.mask or None,
        options=chosen,
        name=name,
        job=job,
    )
    plain = Outcome.of(target, made, job, words="Pasted", key=options.key, note=job.facts.get("note"))
    return Filled(**vars(plain), verb=options.verb, family=options.family)


def look_at(asked: Mapping[str, Any]) -> dict[str, Any]:
    """An object's picture for the page. asked: path. Answers view (a PNG as data), width, height and cut, whether its
    transparency says what the object is; or {"error": a sentence}.
    """
    try:
        pixels = read_image(uploaded(str(asked.get("path") or "")), srgb=True).pixels
        height, width = pixels.shape[:2]
        image = Image.fromarray(np.ascontiguousarray(eight_bit(pixels)))
        image.thumbnail((SHOWN, SHOWN))
        buffer = io.BytesIO()
        image.save(buffer, "PNG", compress_level=1)
        cut = pixels.shape[2] == 4 and bool((pixels[..., 3] < np.iinfo(pixels.dtype).max).any())
        view = PREFIX + base64.b64encode(buffer.getvalue()).decode("ascii")
        return {"view": view, "width": width, "height": height, "cut": cut}
    except Exception as error:  # the page shows the sentence
        return {"error": explain(error)}


def blend_tool(engines: Engines) -> Callable[..., Iterator[Any]]:
    """The function behind the API and MCP tool `blend`."""

    def blend(
        photo: Any,
        object: Any,
        mask: Any = None,
        x: int | None = None,
        y: int | None = None,
        scale: float = 1.0,
        strength: float = 1.0,
        format: Format = "png",
    ) -> Answer:
        """Paste an object from one picture into a photo, in the colours and light of the place.

        Every pixel outside the object stays as it was, to the bit. Keeps the photo's EXIF, transparency and 16 bits,
        and marks the file as edited by AI. Returns the picture and facts: model, device, precision, seconds, width,
        height and note.

        Args:
            photo: The picture that the object is pasted into: JPEG, PNG, WebP, TIFF, AVIF, GIF or BMP.
            object: The picture that shows the object.
            mask: A picture of the object's picture's shape, white where the object is. Not needed if transparent.
            x: Where the left edge of the object's picture comes to lie, in pixels of the photo. Default: middle.
            y: Where its upper edge comes to lie. Default: middle.
            scale: Size of the object's picture, 0.01 to 20.
            strength: 0 pastes the object as it is, 1 gives it the light and colours of the place.
            format: png is lossless; jpeg is small; webp is lossless and small.
        """
        path, thing = uploaded(path_of(photo)), uploaded(path_of(object))
        options = Placed(
            verb="blend",
            model=LIGHT,
            object=str(thing),
            mask=str(uploaded(path_of(mask))) if mask else "",
            x=None if x is None else int(x),
            y=None if y is None else int(y),
            scale=float(scale),
            strength=float(strength),
            suffix=suffix_of(format),
        )

        def work(job: Job, facts: dict[str, Any]) -> Outcome:
            outcome = paste_file(engines, path, path.name, options=options, job=job)
            facts.update(job.facts)
            return outcome

        yield from answered(work)

    return documented(engines, blend, "photo", "object", "mask")
