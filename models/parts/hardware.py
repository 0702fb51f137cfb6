"""What a step may do on a CPU and not on a GPU, and the other way round.

On a CPU, the size of a result may depend on values: to look only at the units that are dead saves work, and blocks that
fit its cache are faster than wholes. On a GPU the host would wait for all kernels before it knows such a size, and a
step that waits cannot be captured as a graph: there, sizes are fixed, and a mask says what counts.
"""

from __future__ import annotations

from torch import Tensor

GPU_BLOCK = 2**28
"""Numbers that a GPU processes at a time: 1 GiB."""


def may_wait(x: Tensor) -> bool:
    """Whether a step on x may ask for sizes that depend on values."""
    return x.device.type == "cpu"


def block(x: Tensor, cached: int) -> int:
    """Numbers to process at a time: `cached` on a CPU, so many as a GPU has memory for on a GPU."""
    return cached if may_wait(x) else GPU_BLOCK
