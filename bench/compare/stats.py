"""Intervals, paired differences and ranks over seeds. The unit of replication is the seed.

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
"""Fewest seeds for an interval: with two, the quantile of t is 12.7, and the interval says nothing."""
ROUNDING = 1e-12
"""Spread, relative to the values, up to which values are the same."""
STEP_SPREAD = 1 / math.sqrt(6)
"""Spread that rounding to steps leaves in the difference of two values: each has a variance of step² / 12."""
PAIRS_AT_ONCE = 2**14
"""Pairs of rows that are tested together: 1,000 rows have 500,000."""


class Interval(NamedTuple):
    """A mean over seeds with its confidence interval."""

    mean: float
    """Mean over seeds."""
    half_width: float | None
    """Half-width of the confidence interval; None below three seeds, or if it is not finite."""


def t_interval(values: Sequence[float], level: float = LEVEL) -> Interval:
    """Mean and Student-t interval of at least one value."""
    return t_intervals([values], level)[0]


def t_intervals(samples: Sequence[Sequence[float]], level: float = LEVEL) -> list[Interval]:
    """Mean and Student-t interval of each sample; all samples have the same length, at least one."""
    table = np.array(samples, dtype=float)
    n = table.shape[1]
    means = table.mean(1).tolist()
    if n < MIN_SEEDS:
        return [Interval(mean, None) for mean in means]
    quantile = float(stdtrit(n - 1, (1 + level) / 2))
    with np.errstate(invalid="ignore", over="ignore"):  # infinite values and overflows have no interval
        spreads = table.std(1, ddof=1)
        same = np.ptp(table, axis=1) <= ROUNDING * np.abs(table).max(1)
    spreads[same] = 0.0  # and not what rounding leaves
    halves = (quantile * spreads / math.sqrt(n)).tolist()
    return [
        Interval(mean, half if math.isfinite(mean) and math.isfinite(half) else None)
        for mean, half in zip(means, halves, strict=True)
    ]


def least_spread(table: np.ndarray) -> float:
    """What differences of two rows of a table (seeds, rows) are taken to spread where all are equal; NaN: no value.

    A metric that counts, as accuracy does, comes in steps. In all of three seeds two rows may differ by the same number
    of steps by chance: if that were taken for no spread, of 26 equal rows some would be told apart on most boards. A
    step is the smallest gap between two seeds of a row; 0 where no seed changes anything.
    """
    with np.errstate(invalid="ignore"):  # inf - inf is nan: no gap
        gaps = np.diff(np.sort(table, 0), axis=0)
    sizes = np.abs(table[np.isfinite(table)])
    gaps = gaps[np.isfinite(gaps) & (gaps > ROUNDING * sizes.max(initial=0.0))]
    return STEP_SPREAD * float(gaps.min()) if len(gaps) else 0.0


def paired_p_value(differences: Sequence[float], least: float = 0.0) -> float:
    """Two-sided p-value of the paired t test of no difference.

    Differences that are equal spread by `least`; where that is 0, p is 1 if they are zero, else 0. If some are infinite
    (one model diverged): 0 if all are infinite with the same sign, else 1.
    """
    values = np.array(differences, dtype=float)[:, None]
    return float(paired_p_values(values, least=least)[0])


def paired_p_values(differences: np.ndarray, present: np.ndarray | None = None, least: float = 0.0) -> np.ndarray:
    """The p-value of each column of (n, P) differences, over those that are `present`; None: all are present.

    Seeds are the rows: numpy reduces a few long rows in a seventh of the time of many short ones.
    Differences that are equal are taken to spread by `least`, as `least_spread` says.
    """
    if present is None and np.isfinite(differences).all():
        mean = differences.sum(0) / len(differences)
        constant = differences.max(0) == differences.min(0)
        return _p_values(mean, constant, (differences - mean) ** 2, len(differences), least)
    present = np.ones(differences.shape, bool) if present is None else present
    n = present.sum(0)
    finite = (np.isfinite(differences) | ~present).all(0)
    same_sign = (np.isposinf(differences) | ~present).all(0) | (np.isneginf(differences) | ~present).all(0)
    values = np.where(present & finite, differences, 0.0)
    mean = values.sum(0) / n
    constant = np.where(present, values, -np.inf).max(0) == np.where(present, values, np.inf).min(0)
    squares = np.where(present, values - mean, 0.0) ** 2
    return np.where(finite, _p_values(mean, constant, squares, n, least), np.where(same_sign, 0.0, 1.0))


def _p_values(
    mean: np.ndarray, constant: np.ndarray, squares: np.ndarray, n: np.ndarray | int, least: float
) -> np.ndarray:
    """From the mean of n differences, whether all are equal, and their squared distances from the mean."""
    spread = np.where(constant, 0.0, np.sqrt(squares.sum(0) / np.maximum(n - 1, 1)))
    spread = np.where(spread <= ROUNDING * np.abs(mean), least, spread)
    flat = spread == 0
    p_values = 2 * stdtr(n - 1, -np.abs(mean) / np.where(flat, 1.0, spread) * np.sqrt(n))
    return np.where(flat, np.where(mean == 0, 1.0, 0.0), p_values)


def separable(p_values: Sequence[float], level: float = LEVEL) -> list[bool]:
    """Which of several tests reject, Holm-adjusted."""
    return [bool(rejects) for rejects in rejections(np.array(p_values, dtype=float), level)]


def rejections(p: np.ndarray, level: float = LEVEL) -> np.ndarray:
    """The same of an array (n,): (n,) bool."""
    tried = np.flatnonzero(p <= 1 - level)  # an adjusted p-value is never below the p-value itself
    order = tried[np.argsort(p[tried])]
    failed = p[order] * np.arange(len(p), len(p) - len(order), -1) > 1 - level
    rejected = np.zeros(len(p), dtype=bool)
    rejected[order[: int(failed.argmax()) if failed.any() else None]] = True
    return rejected


def rank_intervals(
    rows: Mapping[str, Mapping[int, float]], maximise: bool, level: float = LEVEL
) -> dict[str, tuple[int, int]] | None:
    """The possible ranks of each row: from 1 + the rows that are told to be better, to n - those told to be worse.

    Every pair is tested over the seeds that the two share, Holm-adjusted over all pairs.

    Parameters
    ----------
    rows : mapping
        Row -> seed -> value.
    maximise : bool
        Whether more is better.

    Returns
    -------
    dict, or None
        Row -> lowest and highest rank, for the rows with a value; None if no row has three seeds. Two rows that share
        fewer than three seeds are not tested against each other: a row with fewer than three may have any rank.
    """
    if all(len(values) < MIN_SEEDS for values in rows.values()):
        return None
    names = [row for row, values in rows.items() if values]
    winners, losers = told_pairs(*score_table([rows[row] for row in names], maximise), level=level)
    better, worse = np.bincount(losers, minlength=len(names)), np.bincount(winners, minlength=len(names))
    return {row: (1 + int(b), len(names) - int(w)) for row, b, w in zip(names, better, worse, strict=True)}


def score_table(rows: Sequence[Mapping[int, float]], maximise: bool) -> tuple[np.ndarray, np.ndarray]:
    """Scores (seeds, rows) of which more is better, NaN where a row lacks a seed, and where it does not."""
    seeds = sorted(set().union(*rows))
    table = np.array([[row.get(seed, math.nan) for row in rows] for seed in seeds]) * (1 if maximise else -1)
    return table, np.array([[seed in row for row in rows] for seed in seeds])


def told_pairs(
    table: np.ndarray, known: np.ndarray, rivals: np.ndarray | None = None, level: float = LEVEL
) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of rows that are told apart, Holm-adjusted over all pairs: the better ones, and the worse.

    Parameters
    ----------
    table : array, (seeds, rows)
        Scores, of which more is better.
    known : array of bool, (seeds, rows)
        Where there is one; a pair is tested over the seeds that both have, three at least.
    rivals : array of bool, (rows, rows), optional
        In place (i, j): whether j may beat i; None: any row any other.
    """
    first, second = np.triu_indices(table.shape[1], 1)
    tested = (known.T.astype(int) @ known)[first, second] >= MIN_SEEDS
    first, second = first[tested], second[tested]
    leads, p_values = _compare_pairs(table, known, first, second)
    better, worse = np.where(leads > 0, (first, second), (second, first))
    able = np.ones(len(leads), dtype=bool) if rivals is None else rivals[worse, better]
    told = np.flatnonzero(able)[rejections(p_values[able], level)]
    return better[told], worse[told]


def _compare_pairs(
    table: np.ndarray, known: np.ndarray, first: np.ndarray, second: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """For pairs of columns: the difference first - second, summed over the seeds that both have, and its p-value."""
    leads, p_values = np.empty(len(first)), np.empty(len(first))
    complete = known.all()
    least = least_spread(table)
    for start in range(0, len(first), PAIRS_AT_ONCE):
        part = slice(start, start + PAIRS_AT_ONCE)
        present = None if complete else known[:, first[part]] & known[:, second[part]]
        with np.errstate(invalid="ignore"):  # inf - inf is nan: a tie
            differences = table[:, first[part]] - table[:, second[part]]
            leads[part] = (differences if present is None else np.where(present, differences, 0.0)).sum(0)
        p_values[part] = paired_p_values(differences, present, least)
    return leads, p_values


def t_quantiles(largest: int, level: float = LEVEL) -> dict[int, float]:
    """Number of seeds -> two-sided Student-t quantile, from `MIN_SEEDS` to `largest` seeds."""
    return {n: float(stdtrit(n - 1, (1 + level) / 2)) for n in range(MIN_SEEDS, largest + 1)}
