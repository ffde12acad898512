"""Depthwise convolutions whose gradients are quick on a CPU.

oneDNN has no bfloat16 kernel for the gradient of a depthwise convolution with a stride, or with gradients for its own
weight or bias: those take 26 to 90 ms here where 1 ms is possible. So strides become a pass over every pixel of which
every second is kept, and the kernels themselves rest.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engines.models.efficientnet_lite import EfficientNetLite


class Thinned(nn.Conv2d):
    """A strided convolution as one without stride whose result is thinned: the same values, the same state."""

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C, ceil(H / stride), ceil(W / stride))."""
        whole = F.conv2d(x, self.weight, self.bias, 1, self.padding, 1, self.groups)
        return whole[..., :: self.stride[0], :: self.stride[1]].contiguous(memory_format=torch.channels_last)


def quicken(net: EfficientNetLite) -> EfficientNetLite:
    """Replace the strided depthwise convolutions of a network and freeze all depthwise ones, in place."""
    for block in net._blocks:
        conv = block._depthwise_conv
        assert isinstance(conv, nn.Conv2d) and isinstance(conv.padding, tuple)
        if conv.stride != (1, 1):
            thin = Thinned(
                conv.in_channels,
                conv.out_channels,
                (conv.kernel_size[0], conv.kernel_size[1]),
                (conv.stride[0], conv.stride[1]),
                (int(conv.padding[0]), int(conv.padding[1])),
                groups=conv.groups,
                bias=conv.bias is not None,
                device=conv.weight.device,
            )
            thin.load_state_dict(conv.state_dict())
            block._depthwise_conv = conv = thin
        conv.requires_grad_(False)
    return net
