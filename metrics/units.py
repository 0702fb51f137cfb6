"""How many units are used, and how often."""

from __future__ import annotations

from torch import Tensor

from metrics.base import NotApplicable, metric
from metrics.matrix import Matrix, column_sums, quantile_axis, quantiles

ALWAYS_ON = 0.99
"""A unit is always on if it is active on more than this share of the samples."""

QUANTILES = (0.1, 0.5, 0.9)
"""Quantiles over live units."""


@metric(
    label="dead",
    direction="min",
    range="[0, 1]",
    source="Gao et al. 2024; VAE: Burda et al. 2016",
    headline=True,
    answer="leaves the fewest units dead",
    caution="of its units are dead",
    caution_above=0.5,
)
def dead_fraction(active: Matrix) -> float:
    """Share of units that are active on no evaluation sample (VAE: collapsed, Var_x(mu) < 0.01)."""
    return 1 - (column_sums(active) > 0).double().mean().item()


@metric(
    label="always on",
    direction="min",
    range="[0, 1]",
    source="definition",
    headline=True,
    caution="of its units are always on",
    caution_above=0.1,
)
def always_on_fraction(active: Matrix) -> float:
    """Share of units that are active on more than 99% of the samples, and so distinguish nothing."""
    return (density(active) > ALWAYS_ON).double().mean().item()


@metric(label="live", direction="none", unit="units", range="[0, M]", source="definition")
def live_units(active: Matrix) -> float:
    """Number of units that are active on at least one sample."""
    return float((column_sums(active) > 0).sum().item())


@metric(label="density", direction="none", range="[0, 1]", source="definition", dimensions=("unit",))
def density(active: Matrix) -> Tensor:
    """Share of the samples on which each unit is active, (M,)."""
    return column_sums(active) / active.shape[0]


@metric(
    label="density of live units",
    direction="none",
    range="(0, 1]",
    source="definition",
    curve=quantile_axis(QUANTILES),
)
def density_quantiles(active: Matrix) -> dict[str, float] | NotApplicable:
    """10%, 50% and 90% quantiles of the density of the live units; n/a if all units are dead."""
    rates = density(active)
    return quantiles(rates[rates > 0], QUANTILES) or NotApplicable("all units are dead")
