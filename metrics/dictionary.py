"""How far a dictionary is from orthogonal. A description: coherent atoms are neither good nor bad."""

from __future__ import annotations

import torch
from torch import Tensor

from metrics.base import metric

SIZES = (1, 2, 5, 10, 50)


@metric(label="coherence", direction="none", range="[0, 1]", source="Tropp 2004, section 2.2")
def coherence(atoms: Tensor) -> float:
    """max_{i != j} |D_i . D_j| of unit-norm atoms; 0 for a single atom."""
    sums = _neighbour_sums(atoms)
    return sums[0].item() if len(sums) else 0.0


@metric(label="Babel", direction="none", range="[0, r]", source="Tropp 2004, section 2.2")
def babel(atoms: Tensor) -> dict[str, float]:
    """mu_1(r) = max_j of the summed |D_i . D_j| of the r atoms closest to D_j; for each r below M."""
    sums = _neighbour_sums(atoms)
    return {str(r): sums[r - 1].item() for r in SIZES if r <= len(sums)}


def _neighbour_sums(atoms: Tensor) -> Tensor:
    """mu_1(r) for r = 1 ... R, R the largest of `SIZES` below M: from the R largest of each row of |D D^T|."""
    n_sums = max((r for r in SIZES if r < len(atoms)), default=0)
    best = atoms.new_zeros(n_sums, dtype=torch.float64)
    unit = torch.nn.functional.normalize(atoms.double(), dim=1)
    for start in range(0, len(unit) if n_sums else 0, 1024):  # bounded memory: never the whole (M, M)
        overlaps = (unit[start : start + 1024] @ unit.T).abs()
        overlaps.diagonal(start).fill_(-1)
        best = torch.maximum(best, overlaps.topk(n_sums, dim=1).values.cumsum(1).amax(0))
    return best
