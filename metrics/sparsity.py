"""How sparse the codes are, and how many directions they use."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from metrics.base import NotApplicable, metric
from metrics.matrix import (
    MAX_UNITS,
    Matrix,
    column_sums,
    columns,
    dense,
    live_units,
    nonzeros,
    spread,
    transposed_product,
)
from metrics.once import once

REGULARISED = "Jacquier et al. 2026 (2606.27321)"
"""Source of the measures of pre-activations."""

MAX_SAMPLES = 2000
"""Samples whose pre-activations are used, evenly spaced."""

ALL_ZERO = NotApplicable("all codes are zero")
"""Why a measure of codes has no value."""


@metric(
    label="L0",
    direction="none",
    unit="units",
    range="[0, M]",
    source="definition",
    headline=True,
    price=True,
    answer="needs the fewest active units",
    validation=True,
)
def l0(active: Matrix) -> float:
    """Mean number of active units per sample. Collapsed units of a dense model are not active."""
    return column_sums(active).sum().item() / active.shape[0]


@metric(label="Hoyer", direction="none", range="[0, 1]", source="Hoyer 2004, section 3.1", price=True)
def hoyer(z: Matrix) -> float | NotApplicable:
    """Hoyer sparsity: mean over samples of (sqrt(M) - |z|_1 / |z|_2) / (sqrt(M) - 1).

    1: one active unit; 0: all units equal. Over the samples with an active unit; n/a if there are none, or if M = 1.
    """
    root = math.sqrt(z.shape[1])
    ratios = [v.sum(1) / torch.linalg.vector_norm(v, dim=1) for v in _magnitudes(z)]
    if root == 1:
        return NotApplicable("the model has a single unit")
    if not ratios:
        return ALL_ZERO
    mean: Tensor = ((root - torch.cat(ratios)) / (root - 1)).mean()
    return mean.clamp(0, 1).item()  # of rounding


@metric(label="Gini", direction="none", range="[0, 1)", source="Hurley & Rickard 2009 (0811.4706), Eq. 4", price=True)
def gini(z: Matrix) -> float | NotApplicable:
    """Gini index of |z|: mean over samples of 1 - 2 sum_i |z|_(i) (i - 1/2) / (M |z|_1), largest first.

    0: all units equal; 1 - 1/M: one active unit. Over the samples with an active unit; n/a if there are none.
    """
    indices = []
    for values in _magnitudes(z):
        ordered = values.sort(dim=1, descending=True).values  # the zeros that are left out come last and add nothing
        weights = torch.arange(ordered.shape[1], device=ordered.device).double() + 0.5
        indices.append(1 - 2 * (ordered @ weights) / (z.shape[1] * ordered.sum(1)))
    return torch.cat(indices).mean().item() if indices else ALL_ZERO


@metric(
    label="effective rank",
    direction="none",
    range="[1, M]",
    source="Roy & Vetterli 2007, section 2",
    price=True,
)
def effective_rank(z: Matrix) -> float | NotApplicable:
    """Number of directions that the codes use: the exponential of the entropy of the singular values of Z.

    exp(-sum_i s_i ln s_i), where s are the singular values divided by their sum. If there are more than 2,048 live
    units, over 2,048 evenly spaced samples. n/a if all codes are zero.
    """
    return _effective_rank(z, 0.5)


@metric(
    label="effective rank of the energy",
    direction="none",
    range="[1, M]",
    source="Costa et al. 2025 (2506.03093)",
    price=True,
)
def effective_rank_of_energy(z: Matrix) -> float | NotApplicable:
    """Effective rank by the squared singular values of Z, the eigenvalues of Z^T Z: large directions count for more.

    Over the same samples as `effective_rank`, and never above it. n/a if all codes are zero.
    """
    return _effective_rank(z, 1.0)


def _effective_rank(z: Matrix, power: float) -> float | NotApplicable:
    """Exponential of the entropy of the eigenvalues of Z^T Z, to a power, divided by their sum."""
    eigenvalues = _energies(z)
    if len(eigenvalues) == 0:
        return ALL_ZERO
    shares = eigenvalues.pow(power)
    shares = shares / shares.sum()
    return torch.exp(-torch.xlogy(shares, shares).sum()).item()


@once
def _energies(z: Matrix) -> Tensor:
    """Eigenvalues of Z^T Z, squares of the singular values of Z; none if all codes are zero."""
    live = live_units(z != 0)
    if len(live) == 0:
        return torch.zeros(0)
    if len(live) > MAX_UNITS:
        z = spread(z, MAX_UNITS)
    used = columns(z, live)
    if used.shape[0] < used.shape[1]:
        gram = dense(used).double() @ dense(used).double().T
    else:
        gram = transposed_product(used, used)
    eigenvalues = torch.linalg.eigvalsh(gram)
    return torch.where(eigenvalues > 1e-12 * eigenvalues.max(), eigenvalues, 0)  # else the rounding of zero


@metric(label="effective support", direction="none", unit="units", range="[1, M]", source=REGULARISED, price=True)
def effective_support(preactivations: Callable[[Tensor], Tensor], x: Tensor) -> float | NotApplicable:
    """Participation ratio (sum a)^2 / sum a^2 of the rectified pre-activations a, before any selection.

    Mean over 2,000 evenly spaced samples, without those where all a are zero; n/a if none is left.
    """
    a = _rectified(preactivations, x)
    a = a[a.any(1)]
    if len(a) == 0:
        return NotApplicable("no pre-activation is above zero")
    return (a.sum(1).square() / a.square().sum(1)).mean().item()


@metric(label="tail ratio", direction="none", range="[0, inf)", source=REGULARISED, price=True)
def tail_ratio(preactivations: Callable[[Tensor], Tensor], x: Tensor, z: Matrix) -> float | NotApplicable:
    """Mean rectified pre-activation of the unselected units, divided by the mean of the selected units.

    Over 2,000 evenly spaced samples; n/a if no unit is selected, if all units are selected, or if no selected unit has
    a pre-activation above zero.
    """
    a = _rectified(preactivations, x)
    selected = dense(spread(z, MAX_SAMPLES)).to(a.device) != 0
    if not selected.any():
        return NotApplicable("the selection keeps no unit")
    if selected.all():
        return NotApplicable("the selection leaves no unit out")
    if not a[selected].any():
        return NotApplicable("no unit that the selection keeps has a pre-activation above zero")
    return (a[~selected].mean() / a[selected].mean()).item()


def _rectified(preactivations: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    return preactivations(dense(spread(x, MAX_SAMPLES))).relu().double()


def _magnitudes(z: Matrix) -> list[Tensor]:
    """|z| without zeros, in float64, for blocks of the samples that have an active unit."""
    active = (values[values.any(1)] for values, _ in nonzeros(z))
    return [values.abs().double() for values in active if len(values)]
