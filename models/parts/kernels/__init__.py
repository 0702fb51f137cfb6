"""Kernels for a GPU, in Triton, beside the torch code that does the same and that is used wherever they are not.

A kernel that does not compile here is given up for the rest of the process, and `problems` says why.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

problems: dict[str, str] = {}
"""Kernels that were given up, by name, with the reason."""


def takes(x: Tensor) -> bool:
    """Whether kernels take tensors like x."""
    return x.device.type == "cuda" and x.dtype == torch.float32


def attempt(name: str, like: Tensor, *arguments: Any) -> Any:
    """What the kernel `name`, "module.function" of this folder, returns; None where it cannot be used for such tensors.

    torch.OutOfMemoryError, since no other code would need less.
    """
    if not takes(like) or name in problems:
        return None
    return guarded(name, _launch, name, like.device, *arguments)


def _launch(name: str, device: torch.device, *arguments: Any) -> Any:
    module, function = name.split(".")
    kernel = getattr(importlib.import_module(f"{__name__}.{module}"), function)
    with torch.cuda.device(device):  # Triton launches on the current device, wherever the tensors are
        return kernel(*arguments)


def guarded(name: str, kernel: Callable[..., Any], *arguments: Any) -> Any:
    """What a kernel returns; None where it does not compile or launch: then it is given up.

    What goes wrong while a graph is captured is raised: the kernel has run before, and the capture is at fault.
    """
    try:
        return kernel(*arguments)
    except torch.OutOfMemoryError:
        raise
    except Exception as error:
        if torch.cuda.is_initialized() and torch.cuda.is_current_stream_capturing():
            raise
        problems[name] = (str(error).splitlines() or [type(error).__name__])[0]
        return None
