"""The shipped cards with a face generator of twice the side, to measure what 256 pixels cost before one is trained.

Its lower levels are the shipped ones, the top level has random weights: pictures show grain on top of faces, and take
exactly as long as a trained generator's of this shape. Its encoder is left out, since it knows only 18 latents.
"""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from engines.core.card import WeightFile, read_card, write_card
from engines.core.weights import sha256
from engines.models.style_generator import GeneratorOptions, StyleGenerator
from engines.train.sliders import read, write

SHIPPED = Path(__file__).parents[2] / "assets" / "models"
CHANNELS = 16  # of the level that is added
GENERATOR = "faces-128"  # keeps its id, so that the page finds it


def grown_cards(folder: Path) -> Path:
    """A folder of cards for `Engines(cards=…)`."""
    for path in SHIPPED.iterdir():
        if not path.name.startswith(GENERATOR):
            shutil.copy(path, folder / path.name)
    card = read_card(SHIPPED / f"{GENERATOR}.toml")
    channels = (*card.options["channels"], CHANNELS)
    options = {**card.options, "resolution": 2 * int(card.options["resolution"]), "channels": list(channels)}
    torch.manual_seed(0)
    net = StyleGenerator(GeneratorOptions(**{**options, "channels": channels}))
    state = net.state_dict() | load_file(SHIPPED / f"{GENERATOR}.safetensors")
    save_file({key: value.half().contiguous() for key, value in state.items()}, folder / f"{GENERATOR}.safetensors")
    found, steps = read(SHIPPED / f"{GENERATOR}-directions.safetensors")
    more = [torch.cat([step, step.new_zeros(3, step.shape[1])]) for step in steps]
    write(folder / f"{GENERATOR}-directions.safetensors", found, more)
    files = tuple(
        WeightFile(file.file, sha256(folder / file.file), (folder / file.file).stat().st_size, file.role)
        for file in card.source.files
    )
    source = replace(card.source, files=files)
    parameters = sum(value.numel() for value in net.parameters())
    write_card(replace(card, options=options, source=source, parameters=parameters), folder / f"{GENERATOR}.toml")
    return folder
