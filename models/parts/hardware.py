"""What a step may do on a CPU and not on a GPU, and the other way round.

On a CPU, the size of a result may depend on values: to look only at the units that are dead saves work, and blocks that
fit its cache are faster than wholes. On a GPU the host would wait for all kernels before it knows such a size, and a
step that waits cannot be captured as a graph: there, sizes are fixed, and a mask says what counts.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import Tensor, nn

GPU_BLOCK = 2**29
"""Numbers that a GPU processes at a time: 2 GiB."""


def may_wait(x: Tensor) -> bool:
    """Whether a step on x may ask for sizes that depend on values."""
    return x.device.type == "cpu"


def block(x: Tensor, cached: int) -> int:
    """Numbers to process at a time: `cached` on a CPU, so many as a GPU has memory for on a GPU."""
    return cached if may_wait(x) else GPU_BLOCK


_in_bf16 = False


@contextmanager
def products_in(precision: str) -> Iterator[None]:
    """Within it, products of float32 matrices are computed in one precision, whatever a plug-in or a user has set.

    Parameters
    ----------
    precision : str
        ``float32``: exact. ``tf32``: all that a GPU computes, as torch does it. ``bf16``: those of `linear`, that is of
        encoders, and Gram matrices; factors and result are rounded to bfloat16.
    """
    global _in_bf16
    before = _in_bf16, _allowed()
    _in_bf16 = precision == "bf16"
    torch.set_float32_matmul_precision("high" if precision == "tf32" else "highest")
    try:
        yield
    finally:
        _in_bf16 = before[0]
        torch.set_float32_matmul_precision(before[1])


def products_are_exact() -> bool:
    """Whether matrix products, those of `linear` included, are computed in float32."""
    return not _in_bf16 and _allowed() == "highest"


def _allowed() -> str:
    """What torch is set to; `highest` where two of its ways to set it contradict each other, and it refuses to say."""
    try:
        return torch.get_float32_matmul_precision()
    except RuntimeError:
        return "highest"


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x W^T + b of x (N, D), W (M, D) and b (M,): (N, M), of the type of x; the product as `products_in` says."""
    if not _in_bf16:
        return F.linear(x, weight, bias)
    product = F.linear(x.bfloat16(), weight.bfloat16()).to(x.dtype)
    return product if bias is None else product + bias


def where_above(values: Tensor, x: Tensor, threshold: float = 0.0) -> Tensor:
    """The values where x > threshold, of the same shape, and 0 elsewhere: on a CPU in a fraction of the time of
    `torch.where`."""
    result: Tensor = torch.ops.aten.threshold_backward(values, x, threshold)
    return result


class EncoderLinear(nn.Linear):
    """A layer of an encoder: its product is that of `linear`."""

    def forward(self, x: Tensor) -> Tensor:
        """x (N, D) -> (N, M)."""
        return linear(x, self.weight, self.bias)
