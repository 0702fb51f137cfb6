"""A GPU that is not there: tensors that are said to lie on one, and whose numbers the CPU computes.

As on a GPU, an operation takes no tensors of both devices, and numpy no tensor of this one. So what a machine without a
GPU can prove of code that runs on one: that it puts all its tensors there, and what its paths for a GPU compute. Not:
kernels, backward passes (autograd wants real devices), and which types an operator of CUDA takes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map_only

GPU = torch.device("cuda", 0)
CPU = torch.device("cpu")
aten = torch.ops.aten
BETWEEN_DEVICES = (aten._to_copy.default, aten.to.device, aten.copy_.default, aten.set_.source_Tensor)
"""Operators that take tensors of both."""
BY_INDICES = (aten.index.Tensor, aten.index_put_.default, aten._index_put_impl_.default, aten.index_put.default)
"""Those that take indices from a CPU, and copy them."""
NO_GRADIENT = {"targeted_probe_perturbation", "spurious_correlation_removal"}
"""Metrics that ask for a gradient."""


class OnGPU(Tensor):
    """A tensor on the GPU that is not there."""

    held: Tensor
    """Its numbers, on the CPU."""

    @staticmethod
    def __new__(cls, held: Tensor) -> OnGPU:
        strides = held.stride() if held.layout == torch.strided else None
        made: OnGPU = Tensor._make_wrapper_subclass(  # type: ignore[attr-defined]
            cls, held.shape, strides=strides, storage_offset=held.storage_offset() if strides else 0,
            dtype=held.dtype, layout=held.layout, device=GPU,
        )  # fmt: skip
        made.held = held
        return made

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _carry_out(func, args, kwargs or {})

    def __repr__(self, **_: Any) -> str:
        return f"{self.held!r} on {GPU}"

    def tolist(self) -> Any:
        return self.held.tolist()


class _PretendedGPU(TorchDispatchMode):
    """Makes on the CPU what is to be made on the GPU."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _carry_out(func, args, kwargs or {})


def _carry_out(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    leaves = tree_leaves((args, kwargs))
    tensors = [leaf for leaf in leaves if isinstance(leaf, Tensor)]
    there = any(isinstance(tensor, OnGPU) for tensor in tensors)
    here = [tensor for tensor in tensors if not isinstance(tensor, OnGPU) and tensor.ndim > 0]
    if there and here and func not in (*BETWEEN_DEVICES, *BY_INDICES):
        raise RuntimeError(f"{func}: expected all tensors to be on the same device, found {GPU} and cpu")
    if func is aten.copy_.default:
        there = isinstance(args[0], OnGPU)
    for device in (leaf for leaf in leaves if isinstance(leaf, torch.device)):
        there = device.type == GPU.type
    inner_args, inner_kwargs = tree_map_only(
        (OnGPU, torch.device), lambda leaf: leaf.held if isinstance(leaf, OnGPU) else CPU, (args, kwargs)
    )
    result = func(*inner_args, **inner_kwargs)
    return tree_map_only(Tensor, OnGPU, result) if there else result


@contextmanager
def pretended_gpu(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Within it, `.to("cuda")` and `device="cuda"` lead to the GPU that is not there; its kernels do not compile."""
    made = torch.tensor
    with monkeypatch.context() as patch, torch.no_grad(), _PretendedGPU():
        torch._C._ensureCUDADeviceGuardSet()
        patch.setattr("torch.cuda._lazy_init", lambda: None)
        patch.setattr("torch.tensor", lambda data, device=None, **how: made(data, **how).to(device or CPU))
        patch.setattr("models.parts.kernels.takes", lambda _: False)
        swaps = torch.__future__.get_swap_module_params_on_conversion()
        torch.__future__.set_swap_module_params_on_conversion(True)  # a module's parameters become tensors of this kind
        try:
            yield
        finally:
            torch.__future__.set_swap_module_params_on_conversion(swaps)


def to_gpu(value: Any) -> Any:
    """The same with all its tensors there."""
    return tree_map_only(Tensor, lambda tensor: tensor.to("cuda"), value)
