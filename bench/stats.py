"""Intervals, paired differences and ties over seeds. The unit of replication is the seed.

Student's t throughout: at 5 seeds the percentile bootstrap covers 84% where t covers 95%.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import stdtr, stdtrit

LEVEL = 0.95
MIN_SEEDS = 3
"""Fewest seeds for an interval: with two, t's quantile is 12.7 and says nothing."""


class Interval(NamedTuple):
    """A mean over seeds and the half-width of its confidence interval; None below three seeds."""

    mean: float
    half_width: float | None


def t_interval(values: Sequence[float], level: float = LEVEL) -> Interval:
    """Mean and Student-t interval of at least one value."""
    n = len(values)
    mean = float(np.mean(values))
    if n < MIN_SEEDS or not math.isfinite(mean):
        return Interval(mean, None)
    quantile = float(stdtrit(n - 1, (1 + level) / 2))
    return Interval(mean, quantile * float(np.std(values, ddof=1)) / math.sqrt(n))


def paired_p_value(differences: Sequence[float]) -> float:
    """Two-sided p-value of the paired t test of no difference. Without any spread: 1 if all are zero, else 0."""
    n = len(differences)
    mean, spread = float(np.mean(differences)), float(np.std(differences, ddof=1))
    if spread <= 1e-12 * abs(mean) or spread == 0:
        return 1.0 if mean == 0 else 0.0
    return 2 * float(stdtr(n - 1, -abs(mean) / spread * math.sqrt(n)))


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down adjustment: controls the chance of any false rejection among several tests."""
    order = np.argsort(p_values)
    adjusted = np.empty(len(p_values))
    running = 0.0
    for rank, index in enumerate(order):
        running = max(running, min(1.0, p_values[index] * (len(p_values) - rank)))
        adjusted[index] = running
    return [float(p) for p in adjusted]


def best_and_ties(rows: Mapping[str, Mapping[int, float]], maximise: bool, level: float = LEVEL) -> set[str] | None:
    """The row with the best mean, and the rows that cannot be told from it.

    Parameters
    ----------
    rows : mapping
        Row -> seed -> value. Rows are paired over the seeds they share with the best.
    maximise : bool
        Whether more is better.

    Returns
    -------
    set of str, or None
        None where the best row has fewer than three seeds: nothing can be said. A row that shares fewer than three
        seeds with the best cannot be separated, and ties.
    """
    rows = {row: values for row, values in rows.items() if values}
    if not rows:
        return None
    sign = 1 if maximise else -1
    best = max(rows, key=lambda row: sign * float(np.mean(list(rows[row].values()))))
    if len(rows[best]) < MIN_SEEDS:
        return None
    others = [row for row in rows if row != best]
    p_values = []
    for row in others:
        shared = rows[best].keys() & rows[row].keys()
        differences = [rows[best][seed] - rows[row][seed] for seed in shared]
        p_values.append(paired_p_value(differences) if len(differences) >= MIN_SEEDS else 1.0)
    return {best} | {row for row, p in zip(others, holm(p_values), strict=True) if p > 1 - level}
