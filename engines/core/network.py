"""A loaded network: float32 tensors in and out, whatever number format it runs in, interruptible inside."""

from __future__ import annotations

import functools
import importlib
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engines.core import torchvision_cpu
from engines.core.card import ModelCard
from engines.core.device import PRECISIONS, Device
from engines.core.errors import CardError
from engines.core.weights import StateDict

# A network runs in a reduced format only where its result stays this close to float32 on the probe, in steps of
# 1/255: on average, and for 999 of 1000 values.
MEAN_ERROR, MOST_ERROR = 0.75, 6.0
_BREATH = 0.02  # seconds between two calls of `breathe` inside a forward
_STRIP = 60_000_000_000  # operations of one uninterruptible piece on a CPU: 0.15 to 0.5 s on two cores


def _plain(conv: nn.Conv2d) -> bool:
    """Whether a convolution gives the same result computed in strips of rows."""
    same = isinstance(conv.padding, tuple) and conv.padding[0] == conv.kernel_size[0] // 2
    ones = conv.stride == (1, 1) and conv.dilation == (1, 1) and conv.groups == 1
    return same and ones and conv.padding_mode == "zeros" and conv.kernel_size[0] % 2 == 1


def build_module(card: ModelCard, state: StateDict) -> nn.Module:
    """The torch module a card describes, with its weights (float32, CPU, eval). CardError if they do not fit."""
    try:
        if card.architecture == "spandrel":
            known: nn.Module = recognise(state).model
            return known.eval()
        module = importlib.import_module(f"engines.models.{card.architecture}")
        network: nn.Module = module.build(**card.options)
        network.load_state_dict({key: value.float() for key, value in state.items()}, strict=True)
        return network.eval()
    except (ImportError, AttributeError, TypeError, RuntimeError, KeyError, ValueError) as error:
        raise CardError(f"The weights of {card.title} do not fit its network. Add the model again.") from error


def recognise(state: StateDict) -> Any:
    """spandrel's descriptor of a picture-to-picture network, told from its weights. CardError if it knows none."""
    torchvision_cpu.declare_operators()
    import spandrel

    floats = {key: value.float() if value.is_floating_point() else value for key, value in state.items()}
    try:
        descriptor = spandrel.ModelLoader(device="cpu").load_from_state_dict(floats)
    except Exception as error:  # spandrel's detectors fail in many ways on a file that is none of theirs
        raise CardError(
            "This file's network is not one the studio knows. Send a model of a known architecture."
        ) from error
    if not isinstance(descriptor, spandrel.ImageModelDescriptor):
        raise CardError("This file's network does not turn one picture into another. Send an upscaler.")
    return descriptor


class Network:
    """A network resident on a device. Several threads may call it: what belongs to one call is kept per thread.

    Most turn pictures into pictures: called with float32 (N, 3, H, W) in [0, 1] they return float32
    (N, 3, H*scale, W*scale), not clamped. A module that does something else says so by a method
    `probe() -> tuple of tensors`, inputs it can be tried with: it takes float32 tensors as they are, any number of
    them, gives its float32 tensor as it is, and its card's input_range and scale mean nothing here.
    """

    def __init__(self, card: ModelCard, module: nn.Module, device: Device, *, precision: str = "auto") -> None:
        """precision: float32, bfloat16, float16, or auto: the device's fast one if it stays within the stated error."""
        self.card = card
        self.device = device
        self.error = 0.0  # mean distance from float32 on the probe, in 1/255
        self._module = module.to(device.torch_device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._plain = hasattr(module, "probe")
        self._call = threading.local()
        self._first, self._layers = self._order()
        for layer in self._leaves():
            layer.register_forward_pre_hook(self._on_layer)
            if device.kind == "cpu" and isinstance(layer, nn.Conv2d) and _plain(layer):
                layer.forward = functools.partial(self._in_strips, layer)  # type: ignore[method-assign]
        self.precision = "float32"
        wanted = device.fast if precision == "auto" else precision
        if wanted not in (None, "float32"):
            self._lower(str(wanted), forced=precision != "auto")
        self.bytes = sum(t.numel() * t.element_size() for t in [*module.parameters(), *module.buffers()])

    def __call__(
        self, *inputs: Tensor, breathe: Callable[[float], None] | None = None, method: str = "forward"
    ) -> Tensor:
        """`breathe(fraction)` is called every few ms between layers; it may raise to abandon the forward.

        method: which of the module's methods to call, for modules that have several (a generator's `synthesis`).
        """
        low, high = (0.0, 1.0) if self._plain else self.card.input_range
        call = self._call
        call.done, call.looked, call.breathe = 0, time.monotonic(), breathe
        run = self._module if method == "forward" else getattr(self._module, method)
        with torch.inference_mode():
            moved = [self._moved(x) for x in inputs]
            y = run(*(x if (low, high) == (0.0, 1.0) else x * (high - low) + low for x in moved)).float()
            result: Tensor = y if (low, high) == (0.0, 1.0) else (y - low) / (high - low)
            return result

    def _moved(self, x: Tensor) -> Tensor:
        """An input on the network's device; pictures in the memory order in which convolutions are fast."""
        x = x.to(self.device.torch_device)
        return x.contiguous(memory_format=torch.channels_last) if x.dim() == 4 else x

    def _leaves(self) -> list[nn.Module]:
        return [m for m in self._module.modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d | nn.Linear)]

    def _probe(self) -> tuple[Tensor, ...]:
        """What the network is tried with: its own probe, or a fixed (1, 3, 48, 48) picture of slopes, edges, grain."""
        if self._plain:
            own: tuple[Tensor, ...] = self._module.probe()
            return own
        ramp = torch.linspace(0, 1, 48)
        slopes = torch.stack([ramp[None].expand(48, 48), ramp[:, None].expand(48, 48), 1 - ramp[None].expand(48, 48)])
        disc = ((ramp[None] - 0.4) ** 2 + (ramp[:, None] - 0.5) ** 2 < 0.06).float()
        grain = torch.rand(3, 48, 48, generator=torch.Generator().manual_seed(1))
        return ((0.55 * slopes + 0.4 * disc + 0.05 * grain)[None],)

    def _order(self) -> tuple[nn.Module | None, int]:
        """The layer with weights that runs first, and how many run; also proves that the network runs."""
        order: list[nn.Module] = []
        hooks = [leaf.register_forward_pre_hook(lambda module, _: order.append(module)) for leaf in self._leaves()]
        try:
            self._reference = self(*self._probe())
        except (RuntimeError, TypeError, ValueError) as error:
            raise CardError(
                f"{self.card.title} cannot process a picture: its network and its card disagree."
            ) from error
        finally:
            for hook in hooks:
                hook.remove()
        return (order[0] if order else None), len(order)

    def _lower(self, precision: str, *, forced: bool) -> None:
        """Go to a reduced format, its first layer kept in float32; back to float32 if the result strays too far."""
        dtype = PRECISIONS[precision]
        state = {key: value.clone() for key, value in self._module.state_dict().items()}
        self._module.to(dtype)
        hooks = []
        if self._first is not None:
            self._first.float()
            hooks.append(self._first.register_forward_hook(lambda _m, _i, out: out.to(dtype)))
        ok = False
        with suppress(RuntimeError, TypeError, ValueError):
            distance = (self._unit(self(*self._probe())) - self._unit(self._reference)).abs() * 255
            self.error = float(distance.mean())
            ok = self.error <= MEAN_ERROR and float(distance.flatten().quantile(0.999)) <= MOST_ERROR
        if ok or forced:
            self.precision = precision
        else:
            for hook in hooks:
                hook.remove()
            self._module.float().load_state_dict(state)
        del self._reference

    def _unit(self, y: Tensor) -> Tensor:
        """An output as numbers in [0, 1]: pictures clamped, anything else in parts of the range it has on the probe."""
        if not self._plain:
            return y.clamp(0, 1)
        low, high = self._reference.min(), self._reference.max()
        return (y - low) / (high - low).clamp_min(1e-6)

    def _in_strips(self, conv: nn.Conv2d, x: Tensor) -> Tensor:
        """A convolution on the CPU; one that would take long goes in strips of rows, so that it can be interrupted."""
        height, width = x.shape[-2:]
        work = 2 * conv.weight.numel() * width * x.shape[0]  # operations per row
        rows = max(_STRIP // max(work, 1), 8)
        halo = conv.kernel_size[0] // 2
        if rows >= height or x.shape[0] != 1:
            return F.conv2d(x, conv.weight, conv.bias, padding=conv.padding)
        out = x.new_empty(1, conv.out_channels, height, width).contiguous(memory_format=torch.channels_last)
        for top in range(0, height, rows):
            bottom = min(top + rows, height)
            first = max(top - halo, 0)
            part = x[:, :, first : min(bottom + halo, height)]
            y = F.conv2d(part, conv.weight, conv.bias, padding=conv.padding)
            out[:, :, top:bottom] = y[:, :, top - first : bottom - first]
            self._breathe()
        return out

    def _on_layer(self, _module: nn.Module, _inputs: Any) -> None:
        self._call.done += 1
        self._breathe()

    def _breathe(self) -> None:
        call = self._call
        if call.breathe is not None and time.monotonic() - call.looked >= _BREATH:
            call.breathe(min(call.done / max(self._layers, 1), 1.0))
            call.looked = time.monotonic()
