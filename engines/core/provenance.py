"""What made this picture: an XMP packet that marks it as AI-edited and carries the recipe as JSON.

The mark is IPTC's DigitalSourceType "compositeWithTrainedAlgorithmicMedia" (a human's picture edited by a trained
model, https://cv.iptc.org/newscodes/digitalsourcetype/), which search engines and social networks read.
"""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from PIL import Image

from engines.core.errors import ImageError
from engines.core.job import Fact

VERSION = "0.1.0"
EDITED = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
_NAMES = {
    "x": "adobe:ns:meta/",
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "Iptc4xmpExt": "http://iptc.org/std/Iptc4xmpExt/2008-02-29/",
    "xmp": "http://ns.adobe.com/xap/1.0/",
    "ganstudio": "urn:gan-studio:recipe:1",
}
_TYPE = f"{{{_NAMES['Iptc4xmpExt']}}}DigitalSourceType"
_RECIPE = f"{{{_NAMES['ganstudio']}}}recipe"
_TOOL = f"{{{_NAMES['xmp']}}}CreatorTool"


@dataclass(frozen=True)
class Recipe:
    """Enough to make the picture again from its source. tool: the verb, as on the command line."""

    tool: str
    model: str
    options: Mapping[str, Fact] = field(default_factory=dict)
    seed: int | None = None
    version: str = VERSION

    def to_json(self) -> str:
        return json.dumps(asdict(self), ensure_ascii=False, sort_keys=True)


def xmp_packet(recipe: Recipe, source: bytes | None = None) -> bytes:
    """An XMP packet (UTF-8) with the mark and the recipe; what `source`, the original's packet, says is kept."""
    for prefix, uri in _NAMES.items():
        ET.register_namespace(prefix, uri)
    root = _parse(source) if source else None
    if root is None:
        root = ET.Element(f"{{{_NAMES['x']}}}xmpmeta")
        ET.SubElement(root, f"{{{_NAMES['rdf']}}}RDF")
    rdf = next(root.iter(f"{{{_NAMES['rdf']}}}RDF"))
    for description in rdf:
        for tag in (_TYPE, _RECIPE, _TOOL):
            description.attrib.pop(tag, None)
            for child in description.findall(tag):
                description.remove(child)
    description = ET.SubElement(rdf, f"{{{_NAMES['rdf']}}}Description", {f"{{{_NAMES['rdf']}}}about": ""})
    ET.SubElement(description, _TYPE).text = EDITED
    ET.SubElement(description, _TOOL).text = f"GAN Studio {recipe.version}"
    ET.SubElement(description, _RECIPE).text = recipe.to_json()
    body = ET.tostring(root, encoding="unicode")
    begin = '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
    return f'{begin}{body}<?xpacket end="w"?>'.encode()


def _parse(packet: bytes) -> ET.Element | None:
    """The packet's root element; None for a packet that is damaged, not XMP, or declares entities of its own."""
    text = packet.decode("utf-8", errors="replace").strip("\ufeff\x00 \r\n\t")
    if "<!DOCTYPE" in text or "<!ENTITY" in text or len(text) > 1_000_000:
        return None
    text = re.sub(r"<\?xpacket[^>]*\?>", "", text).strip("\ufeff\x00 \r\n\t")
    try:
        root = ET.fromstring(text)
    except ET.ParseError:
        return None
    return root if next(root.iter(f"{{{_NAMES['rdf']}}}RDF"), None) is not None else None


def raw_xmp(image: Image.Image) -> bytes | None:
    """The XMP packet of an opened picture, wherever its format keeps it."""
    value = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp")
    if value is None and hasattr(image, "tag_v2"):
        value = image.tag_v2.get(700)
    if isinstance(value, tuple):
        value = bytes(value)
    return value.encode() if isinstance(value, str) else value


def read_recipe(path: Path | str) -> Recipe:
    """The recipe inside a picture the studio wrote. ImageError if there is none."""
    try:
        with Image.open(path) as image:
            packet = raw_xmp(image)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise ImageError(f"{Path(path).name} cannot be read as a picture. Choose a picture the studio made.") from error
    root = _parse(packet) if packet else None
    text = next((element.text for element in root.iter(_RECIPE)), None) if root is not None else None
    try:
        data = json.loads(text or "")
        return Recipe(**data)
    except (json.JSONDecodeError, TypeError) as error:
        raise ImageError(
            f"{Path(path).name} carries no recipe: the studio did not make it, or it was stripped."
        ) from error


def is_marked(path: Path | str) -> bool:
    """Whether a picture says that a trained model edited it."""
    with Image.open(path) as image:
        packet = raw_xmp(image)
    root = _parse(packet) if packet else None
    return root is not None and any(element.text == EDITED for element in root.iter(_TYPE))
