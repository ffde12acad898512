"""A pretended accelerator: tests without one can tell what lies on it and what travels to it, value by value.

PyTorch's device "meta" holds no values. Here each of its tensors carries a tensor of the CPU inside, and every
operation is run on that. What an accelerator refuses is refused: operations that mix the two devices (one number, and
indices, may come from the CPU, as with CUDA), and reading values without fetching them.
"""

from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map

DEVICE = torch.device("meta")
_INDEXED = {"aten::index.Tensor", "aten::index_put_", "aten::index_put", "aten::_index_put_impl_"}


class There(Tensor):
    """A tensor on the pretended device; inner: its values."""

    inner: Tensor

    @staticmethod
    def __new__(cls, inner: Tensor) -> "There":
        made = torch.Tensor._make_wrapper_subclass(
            cls, inner.size(), strides=inner.stride(), dtype=inner.dtype, device=DEVICE
        )
        made.inner = inner
        return made

    def new_tensor(self, data: Any, **_: Any) -> Tensor:
        """PyTorch's own would make one without values."""
        return torch.tensor(data, dtype=self.dtype).to(DEVICE)

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        raise RuntimeError("Use it inside Elsewhere.")


class Elsewhere(TorchDispatchMode):
    """Within it the device exists. sent, fetched: shapes and types of what travelled to it and back, in turn."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[tuple[torch.Size, torch.dtype]] = []
        self.fetched: list[tuple[torch.Size, torch.dtype]] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        tensors = [value for value in tree_flatten((args, kwargs))[0] if isinstance(value, Tensor)]
        there = [value for value in tensors if isinstance(value, There)]
        target = kwargs.get("device")
        name = func.name()
        if name == "aten::_to_copy" and target is not None:
            source = args[0]
            away = torch.device(target).type == DEVICE.type
            if away != isinstance(source, There):
                (self.sent if away else self.fetched).append((source.shape, source.dtype))
            plain = func(source.inner if isinstance(source, There) else source, **kwargs | {"device": "cpu"})
            return There(plain) if away else plain
        if target is not None and torch.device(target).type == DEVICE.type:
            kwargs["device"] = torch.device("cpu")
        elif not there:
            return func(*args, **kwargs)
        if name == "aten::copy_" and len(there) == 1:
            (self.sent if isinstance(args[0], There) else self.fetched).append((args[1].shape, args[1].dtype))
        elif name not in _INDEXED and there:
            strange = [value for value in tensors if not isinstance(value, There) and value.dim() > 0]
            if strange:
                raise RuntimeError(f"{name} mixes two devices: {[tuple(value.shape) for value in strange]} is here")
        known = {id(value.inner): value for value in there}
        plain = tree_map(lambda value: value.inner if isinstance(value, There) else value, (args, kwargs))
        made = func(*plain[0], **plain[1])

        def brought(value: Any) -> Any:
            if not isinstance(value, Tensor):
                return value
            return known[id(value)] if id(value) in known else There(value)

        return tree_map(brought, made)


def values(tensor: Tensor) -> Tensor:
    """What a tensor of either device holds."""
    return tensor.inner if isinstance(tensor, There) else tensor
