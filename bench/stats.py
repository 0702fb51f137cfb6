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
    return Interval(mean, quantile * _spread(values) / math.sqrt(n))


def paired_p_value(differences: Sequence[float]) -> float:
    """Two-sided p-value of the paired t test of no difference.

    Without any spread: 1 if all are zero, else 0. Infinite differences (one model diverged) separate if all have the
    same sign, and otherwise say nothing.
    """
    n, mean = len(differences), float(np.mean(differences))
    if not all(map(math.isfinite, differences)):
        return 0.0 if set(differences) in ({math.inf}, {-math.inf}) else 1.0
    spread = _spread(differences)
    if spread <= 1e-12 * abs(mean):
        return 1.0 if mean == 0 else 0.0
    return 2 * float(stdtr(n - 1, -abs(mean) / spread * math.sqrt(n)))


def _spread(values: Sequence[float]) -> float:
    """Sample standard deviation; exactly 0 where all values are equal."""
    return 0.0 if min(values) == max(values) else float(np.std(values, ddof=1))


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
    """The row with the best mean over the seeds that all rows share, and the rows that it is not separably better than.

    Parameters
    ----------
    rows : mapping
        Row -> seed -> value.
    maximise : bool
        Whether more is better.

    Returns
    -------
    set of str, or None
        None where the rows with three seeds or more share fewer than three: nothing can be said. A row with fewer than
        three seeds of its own cannot be separated from the best, and ties.
    """
    compared = [row for row, values in rows.items() if len(values) >= MIN_SEEDS]
    shared = sorted(set.intersection(*(set(rows[row]) for row in compared))) if compared else []
    if len(shared) < MIN_SEEDS:
        return None
    sign = 1 if maximise else -1
    scores = {row: sign * np.array([rows[row][seed] for seed in shared]) for row in compared}
    best = max(scores, key=lambda row: float(np.mean(scores[row])))
    others = [row for row in compared if row != best]
    with np.errstate(invalid="ignore"):  # two infinities differ by nan, and tie
        p_values = holm([paired_p_value((scores[best] - scores[row]).tolist()) for row in others])
    separated = {row for row, p in zip(others, p_values, strict=True) if p <= 1 - level}
    return {row for row, values in rows.items() if values} - separated
