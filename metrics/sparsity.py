"""How sparse the codes are."""

from __future__ import annotations

import torch
from torch import Tensor

from metrics.base import metric


@metric(label="L0", direction="none", unit="units", range="[0, M]", source="definition", headline=True)
def l0(active: Tensor) -> float:
    """Mean number of active units per sample. Collapsed units of a dense model are not active."""
    return active.double().sum(1).mean().item()


@metric(label="Hoyer", direction="max", range="[0, 1]", source="Hoyer 2004, section 3.1")
def hoyer(z: Tensor) -> float:
    """Hoyer sparsity: mean over samples of (sqrt(M) - |z|_1 / |z|_2) / (sqrt(M) - 1).

    1: one active unit; 0: all equal. A sample with no active unit, and every sample where M = 1, counts as 1.
    """
    root = z.shape[1] ** 0.5
    norm = torch.linalg.vector_norm(z.double(), dim=1)
    if root == 1:
        return 1.0
    ratio = z.double().abs().sum(1) / norm
    return torch.where(norm > 0, (root - ratio) / (root - 1), 1.0).mean().item()
