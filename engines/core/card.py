"""Model cards: everything the studio knows of a model, in a TOML file beside (or instead of) its weights."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engines.core.errors import CardError

SOURCES = ("bundled", "package", "hub", "web", "own")


@dataclass(frozen=True)
class WeightFile:
    """One file of a model.

    role: weights; structure (ncnn's .param); denoise (the twin that removes less noise); or a word its engine knows.
    """

    file: str
    sha256: str
    bytes: int
    role: str = "weights"


@dataclass(frozen=True)
class Source:
    """Where the files are.

    bundled: beside the card.  own: beside the card, in the person's folder.
    package: inside the installed Python package `place`.  hub: Hugging Face repository `place` at commit `revision`.
    web: the one file that the address `place` answers with.
    """

    kind: str
    files: tuple[WeightFile, ...]
    place: str = ""
    revision: str = ""

    @property
    def bytes(self) -> int:
        return sum(file.bytes for file in self.files)

    @property
    def remote(self) -> bool:
        """Whether the files are downloaded at the first use."""
        return self.kind in ("hub", "web")

    def file(self, role: str) -> WeightFile | None:
        """The file that plays this role, or None."""
        return next((file for file in self.files if file.role == role), None)


@dataclass(frozen=True)
class Tiling:
    """What a network needs to see around a pixel, and what it costs; all lengths in its input pixels.

    margin: pixels at a tile's edge whose result is thrown away.  blend: pixels over which neighbours fade.
    border: pixels mirrored around the picture, so that the network sees no black beyond its edge.
    best: the tile side that runs fastest; of one that fills holes, the side of what it looks at.
    multiple: sides must be multiples of this.
    bytes_per_pixel: peak memory of one forward in float32, measured, per input pixel.
    """

    margin: int = 16
    blend: int = 16
    border: int = 10
    best: int = 256
    multiple: int = 1
    bytes_per_pixel: int = 40_000


@dataclass(frozen=True)
class ModelCard:
    """One model: what it is for, how its network is built, where its weights are, what may be done with them.

    architecture: "spandrel" (recognised from the weights) or a module of `engines.models` whose `build` makes it.
    input_range: what the network expects; the studio's own tensors are in [0, 1].  role: the plain choice it answers.
    companions: ids of other models that it works with, by what its engine calls them.
    """

    id: str
    engine: str
    title: str
    about: str
    architecture: str
    source: Source
    licence: str
    trained_on: str
    licence_url: str = ""
    role: str = ""
    order: int = 100
    scale: int = 1
    parameters: int = 0
    input_range: tuple[float, float] = (0.0, 1.0)
    options: Mapping[str, Any] = field(default_factory=dict)
    tiling: Tiling = field(default_factory=Tiling)
    companions: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)
    folder: Path = Path()

    @property
    def bytes(self) -> int:
        """Size of the files on disk."""
        return self.source.bytes

    @property
    def denoise(self) -> bool:
        """Whether a denoise slider works: the card has a twin that removes less noise."""
        return self.source.file("denoise") is not None


def read_card(path: Path) -> ModelCard:
    """The card in a TOML file. CardError says which file and what is wrong with it."""
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
        return _card(data, path.parent)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, KeyError, TypeError, ValueError) as error:
        raise CardError(f"The model card {path.name} cannot be used: {error}. Correct it or remove it.") from error


def _card(data: dict[str, Any], folder: Path) -> ModelCard:
    weights = dict(data.pop("weights"))
    files = tuple(WeightFile(**entry) for entry in weights.pop("files"))
    source = Source(kind=weights.pop("source"), files=files, **weights)
    network = data.pop("network")
    low, high = network.pop("input_range", (0.0, 1.0))
    card = ModelCard(
        **data | {"tiling": Tiling(**data.get("tiling", {}))},
        **network,
        source=source,
        input_range=(float(low), float(high)),
        folder=folder,
    )
    _check(card)
    return card


def _check(card: ModelCard) -> None:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}", card.id):
        raise ValueError(f'id "{card.id}" may hold letters, digits, dot, dash and underscore only')
    if card.source.kind not in SOURCES:
        raise ValueError(f'weights.source is one of {", ".join(SOURCES)}, not "{card.source.kind}"')
    if card.source.file("weights") is None:
        raise ValueError("weights.files names no file with the role weights")
    if card.source.kind == "hub" and not re.fullmatch(r"[0-9a-f]{40}", card.source.revision):
        raise ValueError("a hub card pins a revision of 40 hexadecimal digits")
    if card.source.kind == "web" and (len(card.source.files) != 1 or not card.source.place.startswith("https://")):
        raise ValueError("a web card names one file and its https address")
    for file in card.source.files:
        if not re.fullmatch(r"[a-z_]+", file.role):
            raise ValueError(f'a file\'s role is a word in small letters, not "{file.role}"')
        if Path(file.file).is_absolute() or ".." in Path(file.file).parts:
            raise ValueError(f'"{file.file}" points outside the model\'s folder')
        if not re.fullmatch(r"[0-9a-f]{64}", file.sha256):
            raise ValueError(f"sha256 of {file.file} is not 64 hexadecimal digits")


def write_card(card: ModelCard, path: Path) -> None:
    """Write a card that `read_card` reads back equal."""
    lines = [
        f"{key} = {_toml(getattr(card, key))}"
        for key in ("id", "engine", "title", "about", "role", "order", "licence", "licence_url", "trained_on")
    ]
    lines += ["", "[network]"] + [
        f"{key} = {_toml(getattr(card, key))}"
        for key in ("architecture", "scale", "parameters", "input_range", "options")
    ]
    tiling = card.tiling
    lines += ["", "[tiling]"] + [f"{key} = {_toml(value)}" for key, value in vars(tiling).items()]
    lines += ["", "[weights]", f"source = {_toml(card.source.kind)}"]
    lines += [
        f"{key} = {_toml(getattr(card.source, key))}" for key in ("place", "revision") if getattr(card.source, key)
    ]
    for file in card.source.files:
        lines += ["", "[[weights.files]]"] + [f"{key} = {_toml(value)}" for key, value in vars(file).items()]
    for name, table in (("companions", card.companions), ("metrics", card.metrics)):
        if table:
            lines += ["", f"[{name}]"] + [f"{key} = {_toml(value)}" for key, value in table.items()]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return '"' + "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in escaped) + '"'
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_toml, value)) + "]"
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_toml(str(key))} = {_toml(item)}" for key, item in value.items()) + " }"
    raise TypeError(f"a card cannot hold {type(value).__name__}")
