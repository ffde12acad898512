"""What a generator that grows a level is made of, and what its pictures are compared by."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor
from torch.nn import functional as F

from engines.models.style_generator import Level, StyleGenerator, stretched
from engines.train.metrics import lite2_features


def grown(small: StyleGenerator, *, channels: Sequence[int], learning: int) -> StyleGenerator:
    """The generator with one level more, that adds nothing yet. Its top `learning` levels take gradients.

    channels: feature maps of the top levels, the new one's last. What widens the others adds nothing yet either.
    """
    shape = small.options
    widths = (*shape.channels[: shape.levels + 1 - len(channels)], *channels)
    net = StyleGenerator(replace(shape, resolution=2 * shape.resolution, channels=widths))
    widen(net, small.state_dict())
    net.requires_grad_(False)
    for level in list(net.levels)[-learning:]:
        assert isinstance(level, Level)
        level.requires_grad_(True)
        newest = level.rgb.weight
    torch.nn.init.zeros_(newest)
    return net


def widen(net: StyleGenerator, tensors: Mapping[str, Tensor]) -> None:
    """Take over a narrower generator's tensors: old maps see old maps only, new maps see all and show in no picture."""
    own = net.state_dict()
    for name, old in tensors.items():
        corner = tuple(slice(size) for size in old.shape)
        if old.dim() == 4:  # a convolution's weight
            own[name][: old.shape[0]] = 0.0
        own[name][corner] = old.to(own[name])
    net.load_state_dict(own)


def grey(images: Tensor) -> Tensor:
    """Pictures (N, 3, H, W) without their colour, Rec. 601 luma in all three planes, channels_last."""
    luma = (images * images.new_tensor([0.299, 0.587, 0.114])[:, None, None]).sum(1, keepdim=True)
    return luma.expand_as(images).contiguous(memory_format=torch.channels_last)


def energies(images: Tensor) -> Tensor:
    """How much detail lies where: of the two finest octaves of (N, 3, H, W), the logarithm in cells of 16 pixels.

    (N, 2, H / 16, W / 16). Latents that answer a picture put its hairs elsewhere, but as many.
    """
    fine, octaves = grey(images.float())[:, :1], []
    for cell in (16, 8):
        coarse = F.avg_pool2d(fine, 2)
        band = fine - F.interpolate(coarse, scale_factor=2, mode="bilinear", align_corners=False)
        octaves.append(torch.log(F.avg_pool2d(band.abs(), cell) + 0.004))
        fine = coarse
    return torch.cat(octaves, 1)


def lengthened(ws: Tensor, count: int) -> Tensor:
    """Latents (…, num_ws, w_dim) for a generator of more levels: those of the last level go on, (…, count, w_dim)."""
    return ws[..., stretched(ws.shape[-2], count), :]


def looks(images: Tensor, window: int, *, device: torch.device) -> dict[str, Tensor]:
    """lite2's numbers (metrics.py) of pictures uint8 (N, 3, R, R), and `_windows`: of the windows that tile them."""
    tiles = images.unfold(2, window, window).unfold(3, window, window).permute(0, 2, 3, 1, 4, 5).flatten(0, 2)
    return {"": lite2_features(images, device=device), "_windows": lite2_features(tiles, device=device)}
