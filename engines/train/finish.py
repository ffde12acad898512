"""The end of a run: the shipped weights and their card, side by side in the run folder."""

import dataclasses
from collections.abc import Mapping

from safetensors.torch import save_file
from torch import Tensor

from engines.core.card import ModelCard, Source, WeightFile, write_card
from engines.train.runs import RunFolder, sha256


def write_result(
    folder: RunFolder,
    card: ModelCard,
    tensors: Mapping[str, Tensor],
    metrics: Mapping[str, float],
    *,
    seconds: float,
) -> ModelCard:
    """Write `<card.id>.safetensors` and card.toml into the run folder: the pair that a person's model folder takes.

    metrics: measured on pictures not trained on. seconds: spent on the run; kept among the metrics.
    """
    weights = folder.path / f"{card.id}.safetensors"
    save_file({name: tensor.cpu().contiguous() for name, tensor in tensors.items()}, weights)
    entry = WeightFile(file=weights.name, sha256=sha256(weights), bytes=weights.stat().st_size)
    card = dataclasses.replace(
        card,
        source=Source(kind="own", files=(entry,)),
        parameters=sum(tensor.numel() for tensor in tensors.values()),
        metrics={**metrics, "training_seconds": round(seconds)},
    )
    write_card(card, folder.path / "card.toml")
    return card
