"""Global and class-specific units, by the rate p[c, j] at which unit j is active in class c.

dead: max_c p < 0.01; global: min_c p >= tau; exclusive: p >= tau in one class only; shared: in several but not all;
class-specific = exclusive + shared. A live unit that reaches tau nowhere has no role (unaligned). Counts at tau = 0.5.
"""

from __future__ import annotations

import torch
from torch import Tensor

from metrics.base import metric

SOURCE = "after Sangari Abiz et al. 2025 (2505.14476), who show pictures; the thresholds are a choice"
TAU = 0.5
TAUS = (0.3, 0.5, 0.7, 0.9)
DEAD_RATE = 0.01


@metric(label="global", direction="none", unit="units", range="[0, M]", source=SOURCE, headline=True)
def global_units(active: Tensor, labels: Tensor) -> float:
    """Units active in at least half of the images of every class."""
    return roles(active, labels)[f"global@{TAU}"]


@metric(label="class-specific", direction="none", unit="units", range="[0, M]", source=SOURCE, headline=True)
def class_specific_units(active: Tensor, labels: Tensor) -> float:
    """Units active in at least half of the images of some classes, but not of all: exclusive + shared."""
    return exclusive_units(active, labels) + shared_units(active, labels)


@metric(label="exclusive", direction="none", unit="units", range="[0, M]", source=SOURCE)
def exclusive_units(active: Tensor, labels: Tensor) -> float:
    """Units active in at least half of the images of exactly one class."""
    return roles(active, labels)[f"exclusive@{TAU}"]


@metric(label="shared", direction="none", unit="units", range="[0, M]", source=SOURCE)
def shared_units(active: Tensor, labels: Tensor) -> float:
    """Units active in at least half of the images of two or more classes, but not of all."""
    return roles(active, labels)[f"shared@{TAU}"]


@metric(label="roles", direction="none", unit="units", range="[0, M]", source=SOURCE)
def roles(active: Tensor, labels: Tensor) -> dict[str, float]:
    """Counts of dead, global, exclusive and shared units, as a curve over tau in {0.3, 0.5, 0.7, 0.9}.

    With one class, a unit that reaches tau is global.
    """
    rates = class_rates(active, labels)
    counts = {"dead": float((rates.amax(0) < DEAD_RATE).sum())}
    for tau in TAUS:
        n_classes = (rates >= tau).sum(0)
        everywhere = n_classes == len(rates)
        counts[f"global@{tau}"] = float(everywhere.sum())
        counts[f"exclusive@{tau}"] = float(((n_classes == 1) & ~everywhere).sum())
        counts[f"shared@{tau}"] = float(((n_classes > 1) & ~everywhere).sum())
    return counts


def class_rates(rows: Tensor, labels: Tensor) -> Tensor:
    """Class means of `rows` (N, M) over the classes that occur, in their order: (C, M) float64."""
    return torch.stack([rows[labels == label].double().mean(0) for label in labels.unique()])
