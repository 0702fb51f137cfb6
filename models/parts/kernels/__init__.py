"""Kernels for a GPU, in Triton, beside the torch code that does the same and that is used wherever they are not.

A kernel that does not compile here is given up for the rest of the process, and `problems` says why.
"""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any

import torch
from torch import Tensor

problems: dict[str, str] = {}
"""Kernels that were given up, by name, with the reason."""


def kernel(name: str, x: Tensor) -> Any:
    """The function `name`, "module.function" of this folder, for tensors such as x; None where it cannot be used."""
    if x.device.type != "cuda" or x.dtype != torch.float32 or name in problems:
        return None
    if importlib.util.find_spec("triton") is None:
        problems[name] = "Triton is not installed"
        return None
    module, function = name.split(".")
    return _Guarded(name, getattr(importlib.import_module(f"{__name__}.{module}"), function))


class _Guarded:
    """A kernel that gives up with None where it does not compile or launch; out of memory is nobody's fault."""

    def __init__(self, name: str, function: Any) -> None:
        self.name, self.function = name, function

    def __call__(self, *args: Any) -> Any:
        try:
            return self.function(*args)
        except torch.OutOfMemoryError:
            raise
        except Exception as error:
            problems[self.name] = (str(error).splitlines() or [type(error).__name__])[0]
            return None
