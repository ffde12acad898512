"""Lets torchvision's CUDA build be imported beside a torch without CUDA.

The package index has no CPU build of torchvision. Its Python half looks up two operators that only its compiled half
would define; declaring their schemas first makes transforms, models and everything built on them (spandrel) work.
`torchvision.ops.nms` itself still does not. Importing this module is the cure; import it before torchvision.
"""

import torch

_library: torch.library.Library | None = None  # must stay alive as long as the operators are to exist


def declare_operators() -> None:
    """Declare `torchvision::nms` and `qnms` when torch has no CUDA and nobody has declared them. Idempotent."""
    global _library
    if torch.version.cuda is not None or _library is not None:
        return
    try:
        torch._C._dispatch_has_kernel_for_dispatch_key("torchvision::nms", "CPU")
        return  # a real CPU build is loaded already
    except RuntimeError:
        pass
    library = torch.library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call]
    for name in ("nms", "qnms"):
        library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")  # type: ignore[no-untyped-call]
    _library = library
