"""DDColor (Kang et al. 2023): a ConvNeXt looks, colour queries ask its maps, and each place mixes their answers.

Written anew after the paper; parameters bear the names of the published files, so that those load as they are.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engines.models.colour_guest import DEVIATION, MEAN, Guest, Shuffle, conv_block

ROUNDS = 9  # of the colour decoder, going around its three scales
HEADS = 8


class ChannelNorm(nn.Module):
    """Layer norm over the channels of each place, of (N, C, H, W)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        """The same shape."""
        y = F.layer_norm(x.permute(0, 2, 3, 1), self.weight.shape, self.weight, self.bias, 1e-6)
        return y.permute(0, 3, 1, 2)


class Block(nn.Module):
    """ConvNeXt's (Liu et al. 2022): depthwise 7x7, norm, two layers per place, a learned share added."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.dwconv = nn.Conv2d(channels, channels, 7, padding=3, groups=channels)
        self.norm = nn.LayerNorm(channels, eps=1e-6)
        self.pwconv1 = nn.Linear(channels, 4 * channels)
        self.pwconv2 = nn.Linear(4 * channels, channels)
        self.gamma = nn.Parameter(torch.full((channels,), 1e-6))

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W), the same shape."""
        y = self.norm(self.dwconv(x).permute(0, 2, 3, 1))
        y = self.pwconv2(F.gelu(self.pwconv1(y)))
        return x + (self.gamma * y).permute(0, 3, 1, 2)


class ConvNeXt(nn.Module):
    """The encoder, read at four levels through a norm each."""

    def __init__(self, depths: Sequence[int], dims: Sequence[int]) -> None:
        super().__init__()
        stem = nn.Sequential(nn.Conv2d(3, dims[0], 4, 4), ChannelNorm(dims[0]))
        downs = [nn.Sequential(ChannelNorm(a), nn.Conv2d(a, b, 2, 2)) for a, b in itertools.pairwise(dims)]
        self.downsample_layers = nn.ModuleList([stem, *downs])
        self.stages = nn.ModuleList(
            nn.Sequential(*(Block(dim) for _ in range(depth))) for depth, dim in zip(depths, dims, strict=True)
        )
        self.norm0, self.norm1, self.norm2, self.norm3 = (ChannelNorm(dim) for dim in dims)
        self.norm = nn.LayerNorm(dims[-1], eps=1e-6)  # the classifier's, in the files though nothing asks it

    def forward(self, x: Tensor) -> list[Tensor]:
        """(N, 3, H, W) -> maps at 1/4, 1/8, 1/16, 1/32."""
        found = []
        norms = (self.norm0, self.norm1, self.norm2, self.norm3)
        for down, stage, norm in zip(self.downsample_layers, self.stages, norms, strict=True):
            x = stage(down(x))
            found.append(norm(x))
        return found


class Up(nn.Module):
    """One step of the pixel decoder: enlarge twice, join the encoder's map, convolve."""

    def __init__(self, below: int, skip: int, out: int) -> None:
        super().__init__()
        self.shuf = Shuffle(below, out)
        self.bn = nn.BatchNorm2d(skip)
        self.conv = conv_block(out + skip, out)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        """(N, below, h, w), (N, skip, 2h, 2w) -> (N, out, 2h, 2w)."""
        joined: Tensor = self.conv(F.relu(torch.cat([self.shuf(x), self.bn(skip)], 1)))
        return joined


class SelfLayer(nn.Module):
    """Queries look at each other."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.self_attn = nn.MultiheadAttention(width, HEADS, batch_first=True)
        self.norm = nn.LayerNorm(width)

    def forward(self, x: Tensor, place: Tensor) -> Tensor:
        """Queries (N, Q, C) and what tells them apart -> the same shape."""
        y = self.self_attn(x + place, x + place, x, need_weights=False)[0]
        return self.norm(x + y)


class CrossLayer(nn.Module):
    """Queries look at a map."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.multihead_attn = nn.MultiheadAttention(width, HEADS, batch_first=True)
        self.norm = nn.LayerNorm(width)

    def forward(self, x: Tensor, place: Tensor, memory: Tensor, where: Tensor) -> Tensor:
        """Queries (N, Q, C), a map's places (N, HW, C) and where they are -> queries."""
        y = self.multihead_attn(x + place, memory + where, memory, need_weights=False)[0]
        return self.norm(x + y)


class FeedForward(nn.Module):
    """Two layers per query."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.linear1 = nn.Linear(width, 8 * width)
        self.linear2 = nn.Linear(8 * width, width)
        self.norm = nn.LayerNorm(width)

    def forward(self, x: Tensor) -> Tensor:
        """(N, Q, C), the same shape."""
        return self.norm(x + self.linear2(F.relu(self.linear1(x))))


class Answer(nn.Module):
    """Three layers that make a query's answer."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(width, width) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        """(N, Q, C), the same shape."""
        for layer in self.layers[:-1]:
            x = F.relu(layer(x))
        return self.layers[-1](x)


class ColourDecoder(nn.Module):
    """Colour queries ask three scales of the pixel decoder in turn."""

    def __init__(self, channels: Sequence[int], width: int, queries: int) -> None:
        super().__init__()
        self.query_feat = nn.Embedding(queries, width)
        self.query_embed = nn.Embedding(queries, width)
        self.level_embed = nn.Embedding(len(channels), width)
        self.input_proj = nn.ModuleList(nn.Conv2d(c, width, 1) for c in channels)
        self.transformer_self_attention_layers = nn.ModuleList(SelfLayer(width) for _ in range(ROUNDS))
        self.transformer_cross_attention_layers = nn.ModuleList(CrossLayer(width) for _ in range(ROUNDS))
        self.transformer_ffn_layers = nn.ModuleList(FeedForward(width) for _ in range(ROUNDS))
        self.decoder_norm = nn.LayerNorm(width)
        self.color_embed = Answer(width)

    def forward(self, maps: Sequence[Tensor], fine: Tensor) -> Tensor:
        """Maps at three scales, and the fine map (N, C, H, W) -> each query's say at each place (N, Q, H, W)."""
        dtype, n = fine.dtype, len(fine)
        memories, wheres = [], []
        for level, (project, x) in enumerate(zip(self.input_proj, maps, strict=True)):
            memories.append(project(x).flatten(2).transpose(1, 2) + self.level_embed.weight[level].to(dtype))
            wheres.append(waves(x.shape[-2], x.shape[-1], self.query_feat.embedding_dim, x.device).to(dtype)[None])
        x = self.query_feat.weight.to(dtype).expand(n, -1, -1)
        place = self.query_embed.weight.to(dtype).expand(n, -1, -1)
        for turn in range(ROUNDS):
            level = turn % len(memories)
            x = self.transformer_cross_attention_layers[turn](x, place, memories[level], wheres[level])
            x = self.transformer_self_attention_layers[turn](x, place)
            x = self.transformer_ffn_layers[turn](x)
        return torch.einsum("nqc,nchw->nqhw", self.color_embed(self.decoder_norm(x)), fine)


def waves(height: int, width: int, channels: int, device: torch.device) -> Tensor:
    """Where the places of a map are, as sines and cosines of many lengths: (height * width, channels), y then x."""
    half = channels // 2
    lengths = 10000 ** (2 * (torch.arange(half, device=device) // 2) / half)
    sides = []
    for count in (height, width):
        at = torch.arange(1, count + 1, device=device) / (count + 1e-6) * (2 * math.pi)
        angle = at[:, None] / lengths
        sides.append(torch.stack([angle[:, 0::2].sin(), angle[:, 1::2].cos()], 2).flatten(1))
    y, x = sides
    return torch.cat([y[:, None].expand(-1, width, -1), x[None].expand(height, -1, -1)], 2).flatten(0, 1)


class Decoder(nn.Module):
    """The pixel decoder, and the colour decoder on it."""

    def __init__(self, dims: Sequence[int], width: int, queries: int) -> None:
        super().__init__()
        half = width // 2
        self.layers = nn.Sequential(Up(dims[3], dims[2], width), Up(width, dims[1], width), Up(width, dims[0], half))
        self.last_shuf = Shuffle(half, half, scale=4, norm=False)
        self.color_decoder = ColourDecoder((width, width, half), half, queries)

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """The encoder's maps -> (N, Q, H, W)."""
        x, found = maps[3], []
        for up, skip in zip(self.layers, reversed(maps[:3]), strict=True):
            x = up(x, skip)
            found.append(x)
        result: Tensor = self.color_decoder(found, self.last_shuf(x))
        return result


class Encoder(nn.Module):
    """A name's worth of folder: the files call the encoder `encoder.arch`."""

    def __init__(self, depths: Sequence[int], dims: Sequence[int]) -> None:
        super().__init__()
        self.arch = ConvNeXt(depths, dims)


class DDColor(Guest):
    """Grey in, ab of CIELAB out.

    depths, dims: the encoder's blocks and channels at 1/4, 1/8, 1/16, 1/32. width: of the pixel decoder. queries: how
    many colours are asked for.
    """

    def __init__(self, *, depths: Sequence[int], dims: Sequence[int], width: int = 512, queries: int = 100) -> None:
        super().__init__()
        self.encoder = Encoder(depths, dims)
        self.decoder = Decoder(dims, width, queries)
        self.refine_net = nn.Sequential(nn.Sequential(nn.Conv2d(queries + 3, 2, 1)))
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1))  # in the files; `normalised` does it
        self.register_buffer("std", torch.tensor(DEVIATION).view(1, 3, 1, 1))

    def look(self, grey: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """See Guest.look."""
        maps = self.encoder.arch(grey)
        said = self.decoder(maps)
        ab = self.refine_net(torch.cat([said, grey.to(said.dtype)], 1))
        return ab, maps[1], maps[2]


def build(
    *, depths: Sequence[int], dims: Sequence[int], width: int = 512, queries: int = 100, short: int = 512
) -> DDColor:
    """The network a card's options describe, with random weights. short: what the engine shows it, see passes.py."""
    return DDColor(depths=depths, dims=dims, width=width, queries=queries)
