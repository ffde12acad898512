"""Inpainting networks of other people, spoken to as the studio's own: picture, hole and noise in, picture out."""

from __future__ import annotations

import re
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engines.models.inpaint_unet import a_hole


class Guest(nn.Module):
    """What is common to them. A subclass has `answer`; its parameters bear the names of the published files.

    Units as in InpaintUNet: pictures (N, 3, H, W) in [0, 1], holes (N, 1, H, W) of 0 and 1, noise (N, 1, H, W). Any
    height and width: what a guest cannot take is continued by mirroring and cut off again.
    """

    MULTIPLE, LEAST = 8, 32  # height and width as `answer` takes them

    def __init__(self) -> None:
        super().__init__()
        self.register_load_state_dict_pre_hook(_plain_names)

    def answer(self, image: Tensor, hole: Tensor, noise: Tensor) -> Tensor:
        """As forward, of sizes it can take; what it says outside the hole does not matter."""
        raise NotImplementedError

    def probe(self) -> tuple[Tensor, Tensor, Tensor]:
        """What it can be tried with."""
        return a_hole()

    def forward(self, image: Tensor, hole: Tensor, noise: Tensor) -> Tensor:
        """image (N, 3, H, W), hole and noise (N, 1, H, W) -> (N, 3, H, W), equal to the picture outside the hole."""
        height, width = image.shape[-2:]
        more = [max(self.LEAST, side + -side % self.MULTIPLE) - side for side in (width, height)]
        inputs = [image, hole, noise]
        if any(more):
            pad = (0, more[0], 0, more[1])
            kind = "reflect" if width > more[0] and height > more[1] else "replicate"
            inputs = [F.pad(x, pad, mode=kind) for x in inputs]
        said = self.answer(*inputs)[..., :height, :width].float()
        return torch.where(hole > 0, said, image)


def _plain_names(module: nn.Module, state: dict[str, Any], prefix: str, *_: Any) -> None:
    """Names as they are here: what published files write before them (generator., model.) is taken off."""
    own = set(module.state_dict())
    for key in list(state):
        bare = key
        while bare not in own and (short := re.sub(r"^(generator|model|module)\.", "", bare)) != bare:
            bare = short
        if bare in own and bare != key:
            state[bare] = state.pop(key)
