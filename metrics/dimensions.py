"""Global and class-specific units, by the rate p[c, j] at which unit j is active in class c.

dead: max_c p < 0.01; global: min_c p >= tau; exclusive: p >= tau in one class only; shared: p >= tau in several, but
not all classes; class-specific: exclusive or shared. A live unit with p < tau in every class has no role (unaligned).
Single counts use tau = 0.5.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from metrics.base import Axis, NotApplicable, Place, metric
from metrics.matrix import Matrix, class_moments

SOURCE = "after Sangari Abiz et al. 2025 (2505.14476), who show pictures; the thresholds are a choice"
"""Source of the roles."""

TAU = 0.5
"""A unit belongs to a class if it is active there at this rate or more."""

TAUS = (0.3, 0.5, 0.7, 0.9)
"""Values of tau on the curve."""

DEAD_RATE = 0.01
"""A unit is dead if its rate is below this in every class."""

GLOBAL, SHARED, EXCLUSIVE = "global", "shared", "exclusive"
"""Roles of units that belong to all classes, to several, and to one."""

NO_ROLE, DEAD = "no role", "dead"
"""Roles of the units that belong to no class: live ones, and dead ones."""

ROLES = (GLOBAL, SHARED, EXCLUSIVE, NO_ROLE, DEAD)
"""All roles, in the order of figures and of the page."""


def _key(role: str, tau: float) -> str:
    return f"{role}@{tau}"


_POINTS = {_key(role, tau): Place(role, tau) for tau in TAUS for role in (GLOBAL, SHARED, EXCLUSIVE)}


@metric(label="global", direction="none", unit="units", range="[0, M]", source=SOURCE, headline=True)
def global_units(active: Matrix, labels: Tensor) -> float:
    """Number of units that are active in at least half of the images of every class."""
    return roles(active, labels)[_key(GLOBAL, TAU)]


@metric(label="class-specific", direction="none", unit="units", range="[0, M]", source=SOURCE, headline=True)
def class_specific_units(active: Matrix, labels: Tensor) -> float:
    """Number of units active in at least half of the images of some classes, but not all: exclusive + shared."""
    counts = roles(active, labels)
    return counts[_key(EXCLUSIVE, TAU)] + counts[_key(SHARED, TAU)]


@metric(label="exclusive", direction="none", unit="units", range="[0, M]", source=SOURCE)
def exclusive_units(active: Matrix, labels: Tensor) -> float:
    """Number of units that are active in at least half of the images of exactly one class."""
    return roles(active, labels)[_key(EXCLUSIVE, TAU)]


@metric(label="shared", direction="none", unit="units", range="[0, M]", source=SOURCE)
def shared_units(active: Matrix, labels: Tensor) -> float:
    """Number of units that are active in at least half of the images of several classes, but not of all."""
    return roles(active, labels)[_key(SHARED, TAU)]


@metric(
    label="roles",
    direction="none",
    unit="units",
    range="[0, M]",
    source=SOURCE,
    curve=Axis("threshold", {DEAD: Place(DEAD, None), **_POINTS}),
)
def roles(active: Matrix, labels: Tensor) -> dict[str, float]:
    """Numbers of dead, global, exclusive and shared units, as curves over tau = 0.3, 0.5, 0.7, 0.9.

    With one class, a unit that reaches tau is global.
    """
    rates = class_rates(active, labels)
    counts = {DEAD: float(dead_units(rates).sum())}
    for tau in TAUS:
        counts |= {_key(role, tau): float(units.sum()) for role, units in units_by_role(rates, tau).items()}
    return counts


@metric(label="selectivity", direction="none", range="[0, 1]", source="entropy of the classes, as in Gale et al. 2019")
def selectivity(active: Matrix, labels: Tensor) -> float | NotApplicable:
    """Entropy selectivity: mean over live units of 1 - H(p_j / sum_c p[c, j]) / ln C.

    1: active in one class only; 0: active at the same rate in all. n/a for one class, or if all units are dead.
    """
    rates = class_rates(active, labels)
    rates = rates[:, rates.sum(0) > 0]
    if len(rates) < 2:
        return NotApplicable("fewer than two classes occur")
    if rates.shape[1] == 0:
        return NotApplicable("all units are dead")
    shares = rates / rates.sum(0)
    entropy = -torch.xlogy(shares, shares).sum(0)
    return (1 - entropy / math.log(len(rates))).mean().item()


def dead_units(rates: Tensor) -> Tensor:
    """Which units are on in less than 1% of every class, from their rates (C, M): (M,) bool."""
    return rates.amax(0) < DEAD_RATE


def units_by_role(rates: Tensor, tau: float = TAU) -> dict[str, Tensor]:
    """Which units are global, exclusive and shared, from their rates (C, M): (M,) bool each."""
    n_classes = (rates >= tau).sum(0)
    everywhere = n_classes == len(rates)
    return {
        GLOBAL: everywhere,
        EXCLUSIVE: (n_classes == 1) & ~everywhere,
        SHARED: (n_classes > 1) & ~everywhere,
    }


def unit_roles(rates: Tensor) -> list[str]:
    """The role of each unit, from its rates (C, M); `NO_ROLE` for a live unit that has none."""
    role_of_unit = [NO_ROLE] * rates.shape[1]
    for role, units in {**units_by_role(rates), DEAD: dead_units(rates)}.items():
        for unit in units.nonzero().flatten().tolist():
            role_of_unit[unit] = role
    return role_of_unit


def order_by_role(rates: np.ndarray, roles: Sequence[str]) -> np.ndarray:
    """Order of the units: by role, then by the class where their rate (C, M) is largest, then by that rate."""
    ranks = np.array([ROLES.index(role) for role in roles])
    best = np.where(ranks == ROLES.index(GLOBAL), 0, rates.argmax(0))
    return np.lexsort((-rates.max(0), best, ranks))


@metric(label="class rates", direction="none", range="[0, 1]", source=SOURCE, dimensions=("class", "unit"))
def class_rates(active: Matrix, labels: Tensor) -> Tensor:
    """Rate p[c, j] at which unit j is active in class c, for the classes that occur: (C, M) float64."""
    return class_moments(active, labels).means
