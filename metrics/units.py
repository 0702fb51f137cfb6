"""Which units are used at all."""

from __future__ import annotations

from torch import Tensor

from metrics.base import metric

ALWAYS_ON = 0.99


@metric(label="dead", direction="min", range="[0, 1]", source="Gao et al. 2024; VAE: Burda et al. 2016", headline=True)
def dead_fraction(active: Tensor) -> float:
    """Share of units that are active on no evaluation sample (VAE: collapsed, Var_x(mu) < 0.01)."""
    return 1 - active.any(0).double().mean().item()


@metric(label="always on", direction="min", range="[0, 1]", source="definition", headline=True)
def always_on_fraction(active: Tensor) -> float:
    """Share of units that are active on more than 99% of the samples: they tell nothing apart."""
    return (density(active) > ALWAYS_ON).double().mean().item()


@metric(label="live", direction="none", unit="units", range="[0, M]", source="definition")
def live_units(active: Tensor) -> float:
    """Number of units that are active on at least one sample."""
    return float(active.any(0).sum().item())


@metric(label="density", direction="none", range="[0, 1]", source="definition")
def density(active: Tensor) -> Tensor:
    """Share of the samples on which each unit is active, (M,)."""
    return active.double().mean(0)
