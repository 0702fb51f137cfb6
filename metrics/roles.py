"""The roles of units as names, and units in their order: what figures and the page sort by."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch import Tensor

from metrics.dimensions import dead_units, units_by_role

ROLES = ("global", "shared", "exclusive", "no role", "dead")


def roles(rates: Tensor) -> list[str]:
    """The role of each unit by its rates (C, M), as the metrics define it; 'no role' for a live one without."""
    found = ["no role"] * rates.shape[1]
    for role, units in {**units_by_role(rates), "dead": dead_units(rates)}.items():
        for unit in units.nonzero().flatten().tolist():
            found[unit] = role
    return found


def order_by_role(rates: np.ndarray, roles: Sequence[str]) -> np.ndarray:
    """Units by role, within a role by the class (C, M) that they are on in most, most active first."""
    ranks = np.array([ROLES.index(role) for role in roles])
    best = np.where(ranks == ROLES.index("global"), 0, rates.argmax(0))
    return np.lexsort((-rates.max(0), best, ranks))
