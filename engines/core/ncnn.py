"""Reads ncnn model files (.param, .bin) of the Real-ESRGAN family into a torch state dict.

Format: https://github.com/Tencent/ncnn/wiki/param-and-model-file-structure. Only what these networks use is known:
convolutions with bias (weights in float32, or float16 behind the tag 0x01306B47) and PReLU slopes (float32, untagged).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from engines.core.errors import CardError

_MAGIC = "7767517"
_FLOAT32_TAG, _FLOAT16_TAG = 0, 0x01306B47
_SILENT = {"Input", "Split", "Concat", "Eltwise", "BinaryOp", "Interp", "PixelShuffle"}  # layers without weights


def read_state_dict(param: Path, binary: Path) -> dict[str, torch.Tensor]:
    """State dict (float32) under the names of the published .pth files: RRDBNet, or SRVGGNetCompact if it has PReLU.

    CardError when the two files do not fit each other or hold layers this reader does not know.
    """
    layers = list(_layers(param))
    data = binary.read_bytes()
    tensors, used = _tensors(layers, data, param.name)
    if used != len(data):
        raise CardError(
            f"{binary.name} is {len(data)} bytes long but {param.name} describes {used}. Reinstall its package."
        )
    kinds = [kind for kind, _ in layers]
    names = _compact_names(kinds) if "PReLU" in kinds else _rrdb_names(len(kinds))
    state: dict[str, torch.Tensor] = {}
    for name, (weight, bias) in zip(names, tensors, strict=True):
        state[f"{name}.weight"] = torch.from_numpy(weight)
        if bias is not None:
            state[f"{name}.bias"] = torch.from_numpy(bias)
    return state


def _layers(param: Path) -> Iterator[tuple[str, dict[int, int]]]:
    """Layers that own weights, in file order, with their integer parameters."""
    lines = param.read_text(encoding="ascii").splitlines()
    if not lines or lines[0].strip() != _MAGIC:
        raise CardError(f"{param.name} is not an ncnn parameter file. Reinstall the package it belongs to.")
    for line in lines[2:]:
        words = line.split()
        if not words or words[0] in _SILENT:
            continue
        kind, skip = words[0], 4 + int(words[2]) + int(words[3])
        if kind not in ("Convolution", "PReLU"):
            raise CardError(f"{param.name} has a layer {kind} that this reader does not know.")
        pairs = (word.split("=", 1) for word in words[skip:] if "," not in word)
        yield kind, {int(key): int(float(value)) for key, value in pairs if not key.startswith("-")}


_Tensors = list[tuple[NDArray[np.float32], NDArray[np.float32] | None]]


def _tensors(layers: list[tuple[str, dict[int, int]]], data: bytes, name: str) -> tuple[_Tensors, int]:
    out: _Tensors = []
    at = 0

    def floats(count: int) -> NDArray[np.float32]:
        nonlocal at
        values = np.frombuffer(data, np.dtype("<f4"), count, at).astype(np.float32)
        at += 4 * count
        return values

    try:
        for kind, parameter in layers:
            if kind == "PReLU":
                out.append((floats(parameter[0]), None))
                continue
            channels, kernel, count = parameter[0], parameter[1], parameter[6]
            (tag,) = struct.unpack_from("<I", data, at)
            at += 4
            if tag == _FLOAT16_TAG:
                weight = np.frombuffer(data, np.dtype("<f2"), count, at).astype(np.float32)
                at += (2 * count + 3) // 4 * 4
            elif tag == _FLOAT32_TAG:
                weight = floats(count)
            else:
                raise CardError(f"{name}: weights are stored in a way this reader does not know (tag {tag:#x}).")
            out.append((weight.reshape(channels, -1, kernel, kernel), floats(channels) if parameter.get(5) else None))
    except (ValueError, struct.error) as error:
        raise CardError(f"The weights of {name} end too early. Reinstall the package they belong to.") from error
    return out, at


def _compact_names(kinds: list[str]) -> list[str]:
    return [f"body.{index}" for index in range(len(kinds))]


def _rrdb_names(convolutions: int) -> list[str]:
    blocks, rest = divmod(convolutions - 6, 15)
    if rest or blocks < 1:
        raise CardError(f"A network of {convolutions} convolutions is not an RRDBNet.")
    body = [f"body.{n}.rdb{r}.conv{c}" for n in range(blocks) for r in (1, 2, 3) for c in (1, 2, 3, 4, 5)]
    return ["conv_first", *body, "conv_body", "conv_up1", "conv_up2", "conv_hr", "conv_last"]
