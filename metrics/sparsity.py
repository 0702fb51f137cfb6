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

REGULARISED = "Jacquier et al. 2026 (2606.27321)"
"""Where the measures of pre-activations come from."""

MAX_SAMPLES = 2000
"""Samples whose pre-activations are read, evenly spaced."""

ALL_ZERO = NotApplicable("all codes are zero")
"""Why nothing is said of codes."""


@metric(
    label="L0",
    direction="none",
    unit="units",
    range="[0, M]",
    source="definition",
    headline=True,
    price=True,
    validation=True,
)
def l0(active: Matrix) -> float:
    """Mean number of active units per sample. Collapsed units of a dense model are not active."""
    return column_sums(active).sum().item() / active.shape[0]


@metric(label="Hoyer", direction="none", range="[0, 1]", source="Hoyer 2004, section 3.1", price=True)
def hoyer(z: Matrix) -> float | NotApplicable:
    """Hoyer sparsity: mean over samples of (sqrt(M) - |z|_1 / |z|_2) / (sqrt(M) - 1).

    1: one active unit; 0: all equal. Over the samples with an active unit; n/a where there are none, or M = 1.
    """
    root = math.sqrt(z.shape[1])
    ratios = [v.sum(1) / torch.linalg.vector_norm(v, dim=1) for v in _magnitudes(z)]
    if root == 1:
        return NotApplicable("the model has a single unit")
    if not ratios:
        return ALL_ZERO
    mean: Tensor = ((root - torch.cat(ratios)) / (root - 1)).mean()
    return mean.item()


@metric(label="Gini", direction="none", range="[0, 1)", source="Hurley & Rickard 2009 (0811.4706), Eq. 4", price=True)
def gini(z: Matrix) -> float | NotApplicable:
    """Gini index of |z|: mean over samples of 1 - 2 sum_i |z|_(i) (i - 1/2) / (M |z|_1), largest first.

    0: all units equal; 1 - 1/M: one active unit. Over the samples with an active unit; n/a where there are none.
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
    source="Costa et al. 2025 (2506.03093); Roy 2007",
    price=True,
)
def effective_rank(z: Matrix) -> float | NotApplicable:
    """exp(-sum_i l_i ln l_i), l the eigenvalues of Z^T Z over their sum: how many directions the codes use.

    With more than 2,048 live units, of 2,048 evenly spaced samples. n/a where all codes are zero.
    """
    live = live_units(z != 0)
    if len(live) == 0:
        return ALL_ZERO
    if len(live) > MAX_UNITS:
        z = spread(z, MAX_UNITS)
    used = columns(z, live)
    if used.shape[0] < used.shape[1]:
        gram = dense(used).double() @ dense(used).double().T
    else:
        gram = transposed_product(used, used)
    eigenvalues = torch.linalg.eigvalsh(gram).clamp_min(0)
    shares = eigenvalues / eigenvalues.sum()
    return torch.exp(-torch.xlogy(shares, shares).sum()).item()


@metric(label="effective support", direction="none", unit="units", range="[1, M]", source=REGULARISED, price=True)
def effective_support(preactivations: Callable[[Tensor], Tensor], x: Tensor) -> float | NotApplicable:
    """Participation ratio (sum a)^2 / sum a^2 of the rectified pre-activations a, before any selection.

    Mean over 2,000 evenly spaced samples with any a > 0; n/a where there are none.
    """
    a = _rectified(preactivations, x)
    a = a[a.any(1)]
    if len(a) == 0:
        return NotApplicable("no pre-activation is above zero")
    return (a.sum(1).square() / a.square().sum(1)).mean().item()


@metric(label="tail ratio", direction="none", range="[0, inf)", source=REGULARISED, price=True)
def tail_ratio(preactivations: Callable[[Tensor], Tensor], x: Tensor, z: Matrix) -> float | NotApplicable:
    """Mean rectified pre-activation of the units that the selection leaves out, over that of those it keeps.

    Over 2,000 evenly spaced samples; n/a where nothing is kept, nothing is left out, or what is kept
    has no pre-activation above zero.
    """
    a = _rectified(preactivations, x)
    kept = dense(spread(z, MAX_SAMPLES)).to(a.device) != 0
    if not kept.any():
        return NotApplicable("the selection keeps no unit")
    if kept.all():
        return NotApplicable("the selection leaves no unit out")
    if not a[kept].any():
        return NotApplicable("no unit that the selection keeps has a pre-activation above zero")
    return (a[~kept].mean() / a[kept].mean()).item()


def _rectified(preactivations: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    return preactivations(dense(spread(x, MAX_SAMPLES))).relu().double()


def _magnitudes(z: Matrix) -> list[Tensor]:
    """Blocks of the samples that have an active unit: |z| without zeros, float64."""
    kept = (values[values.any(1)] for values, _ in nonzeros(z))
    return [values.abs().double() for values in kept if len(values)]
