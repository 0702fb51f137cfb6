"""How far a dictionary is from orthogonal. A description: coherent atoms are neither good nor bad."""

from __future__ import annotations

import torch
from torch import Tensor

from metrics.base import Axis, NotApplicable, metric
from metrics.matrix import (
    MAX_UNITS,
    Matrix,
    dense,
    live_units,
    nonzeros,
    quantile_axis,
    quantiles,
    spread,
    upper_triangle,
)
from metrics.once import once

SIZES = {str(r): r for r in (1, 2, 5, 10, 50)}
"""Key of the Babel function -> number of neighbours."""

QUANTILES = (0.01, 0.5, 0.99)
"""Quantiles over pairs of atoms."""

BLOCK = 1024
"""Rows of the Gram matrix at a time: bounded memory, never the whole (M, M)."""

MAX_SAMPLES = 1000
"""Images whose active atoms are compared, evenly spaced."""

GATHERED = 2**22
"""Numbers of active atoms that are compared at a time: 32 MB."""

COSTA = "Costa et al. 2025 (2506.05239), after Tropp 2004"
"""Source of the Babel function of active atoms."""

ONE_ATOM = NotApplicable("there are fewer than two atoms")
"""Why metrics of pairs of atoms have no value."""


@metric(label="coherence", direction="none", range="[0, 1]", source="Tropp 2004, section 2.2")
def coherence(atoms: Tensor) -> float:
    """Largest |cosine| of two atoms, max_{i != j} |D_i . D_j| for unit norms; 0 for a single atom."""
    sums = _neighbour_sums(atoms)
    return sums[0].item() if len(sums) else 0.0


@metric(
    label="Babel",
    direction="none",
    range="[0, r]",
    source="Tropp 2004, section 2.2",
    curve=Axis.single("nearest atoms", SIZES, log=True),
)
def babel(atoms: Tensor) -> dict[str, float] | NotApplicable:
    """Babel function mu_1(r): the largest sum of |D_i . D_j| over the r atoms closest to one atom D_j.

    For each r below M; n/a for a single atom.
    """
    sums = _neighbour_sums(atoms)
    return {key: sums[r - 1].item() for key, r in SIZES.items() if r <= len(sums)} or ONE_ATOM


@metric(label="Babel of active atoms", direction="none", range="[0, L0 - 1]", source=COSTA)
def active_babel(atoms: Tensor, active: Matrix) -> float | NotApplicable:
    """Babel function of all atoms that are active in one image: mean over images.

    For one image: the largest sum of |cosine| of one active atom with all the other active atoms. Over 1,000 evenly
    spaced images, without those that have no active unit; n/a if none is left.
    """
    unit = torch.nn.functional.normalize(atoms.double(), dim=1)
    largest = [
        _largest_overlaps(unit, units[rows].to(unit.device), selected[rows].bool().to(unit.device))
        for selected, units in nonzeros(spread(active, MAX_SAMPLES))
        if units.shape[1]
        for rows in torch.arange(len(units)).split(max(1, GATHERED // (units.shape[1] * unit.shape[1])))
    ]
    sums = torch.cat(largest) if largest else unit.new_zeros(0)
    return sums.mean().item() if len(sums) else NotApplicable("no image has an active unit")


def _largest_overlaps(unit: Tensor, units: Tensor, on: Tensor) -> Tensor:
    """Of each image with active units, the largest sum of |cosine| of one with the others, from unit-norm atoms (M, D)
    and slots (B, K) of units, some of them on."""
    some = on.any(1)
    own = unit[units[some]] * on[some][:, :, None]
    overlaps = (own @ own.mT).abs()
    return (overlaps.sum(2) - overlaps.diagonal(dim1=1, dim2=2)).amax(1)


@metric(
    label="cosine of atoms",
    direction="none",
    range="[-1, 1]",
    source="definition",
    curve=quantile_axis(QUANTILES),
)
def cosine_quantiles(atoms: Tensor) -> dict[str, float] | NotApplicable:
    """1%, 50% and 99% quantiles of the cosine of two atoms.

    If there are more than 2,048 atoms, over 2,048 evenly spaced ones; n/a for a single atom.
    """
    unit = torch.nn.functional.normalize(dense(spread(atoms, MAX_UNITS)).double(), dim=1)
    return quantiles(upper_triangle((unit @ unit.T).clamp(-1, 1)), QUANTILES) or ONE_ATOM


@metric(label="|cosine| of live atoms", direction="none", range="[0, 1]", source="Baker & Li 2025 (2509.22994)")
def live_cosine(atoms: Tensor, active: Matrix) -> float | NotApplicable:
    """Mean |cosine| of the atoms of two live units.

    If there are more than 2,048 live units, over 2,048 evenly spaced ones; n/a for fewer than two.
    """
    unit = torch.nn.functional.normalize(atoms[live_units(active, MAX_UNITS)].double(), dim=1)
    if len(unit) < 2:
        return NotApplicable("fewer than two units are live")
    return upper_triangle(unit @ unit.T).abs().mean().item()


@once
def _neighbour_sums(atoms: Tensor) -> Tensor:
    """mu_1(r) for r = 1 ... R, R the largest of `SIZES` below M, from the R largest entries of each row of |D D^T|."""
    n_sums = max((r for r in SIZES.values() if r < len(atoms)), default=0)
    best = atoms.new_zeros(n_sums, dtype=torch.float64)
    unit = torch.nn.functional.normalize(atoms.double(), dim=1)
    for start in range(0, len(unit), BLOCK):
        overlaps = (unit[start : start + BLOCK] @ unit.T).abs().clamp_max(1)  # of rounding
        overlaps.diagonal(start).fill_(-1)
        best = torch.maximum(best, overlaps.topk(n_sums, dim=1).values.cumsum(1).amax(0))
    return best
