"""How sparse the codes are."""

from __future__ import annotations

import torch
from torch import Tensor

from metrics.base import metric


@metric(label="L0", direction="none", unit="units", range="[0, M]", source="definition", headline=True)
def l0(active: Tensor) -> float:
    """Mean number of active units per sample. Collapsed units of a dense model are not active."""
    return active.double().sum(1).mean().item()


@metric(label="Hoyer", direction="none", range="[0, 1]", source="Hoyer 2004, section 3.1")
def hoyer(z: Tensor) -> float | dict[str, float]:
    """Hoyer sparsity: mean over samples of (sqrt(M) - |z|_1 / |z|_2) / (sqrt(M) - 1).

    1: one active unit; 0: all equal. Over the samples with an active unit; n/a where there are none, or M = 1.
    """
    z = z[z.any(1)].double()
    root = z.shape[1] ** 0.5
    if len(z) == 0 or root == 1:
        return {}
    ratio = z.abs().sum(1) / torch.linalg.vector_norm(z, dim=1)
    mean: Tensor = ((root - ratio) / (root - 1)).mean()
    return mean.item()
