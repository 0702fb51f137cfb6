"""Marks: on a ranked column, the best row and every row that the seeds cannot tell from it.

A row is marked unless the best of its rivals is better in a t test over the seeds that all rows share, at 5% divided by
the number of its rivals. So the row that is best in truth is marked with 95% or more, and also where it is two or three
times as noisy as the others. Nor is a row marked that any rival beats where all pairs are tested, Holm-adjusted, as for
ranks: a noisy row that is best on average does not shield those that a third one beats. No row is marked below one that
is not: a row that is too noisy to be told from the best, but worse on average than one that is told, is not marked.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.special import chdtrc, stdtr

from bench.compare.stats import LEVEL, PAIRS_AT_ONCE, paired_p_values, rejections

MARK_SEEDS = 5
"""Fewest seeds for a mark. With three, a row five standard deviations worse ties with the best in 87% of the cases."""
ALIKE = 1.1
"""Prices up to this ratio count as alike."""
POOLED = 0.25
"""The rows' spread over seeds is pooled if Bartlett's test of equal spreads has a larger p-value than this: a
preliminary test at 5% would too often miss one noisy row among equal ones."""


def marked(
    rows: Mapping[str, Mapping[int, float]],
    maximise: bool,
    prices: Mapping[str, float] | None = None,
    level: float = LEVEL,
) -> set[str] | None:
    """The rows that are marked.

    Parameters
    ----------
    rows : mapping
        Row -> seed -> value. A row of equal values is a constant, which the others' seeds are tested against.
    maximise : bool
        Whether more is better.
    prices : mapping, optional
        Row -> what it pays, such as L0. The rivals of a row are then the rows that pay as much or less, and a row is
        marked only if another one pays alike, or if it is better than a marked row and pays no more.

    Returns
    -------
    set of str, or None
        None if the rows of five seeds or more share fewer than five: then nothing can be said. A row with fewer seeds,
        or without a price, is not compared.
    """
    compared = [row for row, values in rows.items() if len(values) >= MARK_SEEDS and (prices is None or row in prices)]
    shared = sorted(set.intersection(*(set(rows[row]) for row in compared))) if compared else []
    if len(shared) < MARK_SEEDS:
        return None
    scores = np.array([[rows[row][seed] for seed in shared] for row in compared]) * (1 if maximise else -1)
    price = np.zeros(len(compared)) if prices is None else np.array([prices[row] for row in compared])
    means = _means(scores)
    rivals = (price <= ALIKE * price[:, None]) & ~np.eye(len(scores), dtype=bool)
    has_like = (rivals & (price[:, None] <= ALIKE * price)).any(1)
    beaten = _beaten_by_best(scores, means, rivals, level) | _beaten_by_any(scores, means, rivals, level)
    # In place (i, j): i is better than j and pays no more.
    above = (means[:, None] >= means) & (price[:, None] <= price)
    chosen = ~beaten & has_like & ~above[beaten].any(0)
    chosen |= ~beaten & above[:, chosen].any(1)
    return {row for row, is_marked in zip(compared, chosen, strict=True) if is_marked}


def _means(scores: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore"):
        means: np.ndarray = scores.mean(1)
    return np.where(np.isnan(means), -np.inf, means)


def _beaten_by_best(scores: np.ndarray, means: np.ndarray, rivals: np.ndarray, level: float) -> np.ndarray:
    """Which rows the best of their rivals beats, at the level shared among these."""
    best = np.where(rivals, means, -np.inf).argmax(1)
    with np.errstate(invalid="ignore"):  # inf - inf is nan: not beaten
        lead = means[best] - means
        p_values = _p_values(scores[best], scores, lead)
    beaten: np.ndarray = (lead > 0) & ((p_values <= (1 - level) / np.maximum(rivals.sum(1), 1)) | np.isposinf(lead))
    return beaten


def _beaten_by_any(scores: np.ndarray, means: np.ndarray, rivals: np.ndarray, level: float) -> np.ndarray:
    """Which rows some rival beats, Holm-adjusted over all pairs in which the better one is a rival."""
    ties = (means == means[:, None]) & np.tri(len(scores), k=-1, dtype=bool)
    worse, better = np.nonzero(rivals & ((means > means[:, None]) | ties))
    with np.errstate(invalid="ignore"):  # inf - inf is nan: not told apart
        p_values = [
            paired_p_values((scores[better[i : i + PAIRS_AT_ONCE]] - scores[worse[i : i + PAIRS_AT_ONCE]]).T)
            for i in range(0, len(worse), PAIRS_AT_ONCE)
        ]
    beaten = np.zeros(len(scores), dtype=bool)
    if p_values:
        beaten[worse[rejections(np.concatenate(p_values), level)]] = True
    return beaten


def _p_values(first: np.ndarray, second: np.ndarray, lead: np.ndarray) -> np.ndarray:
    """Two-sided p-value of each row of `second` against its row of `first`, by paired t tests.

    The variance is that of the pair's own differences, or the pooled one where it is justified and both rows vary.
    """
    own = paired_p_values((first - second).T)
    pooled = _pooled(second[_varies(second)])
    if pooled is None:
        return own
    variance, freedom = pooled
    together = 2 * stdtr(freedom, -np.abs(lead) / np.sqrt(2 * variance / second.shape[1]))
    return np.where(_varies(first) & _varies(second), together, own)


def _varies(scores: np.ndarray) -> np.ndarray:
    """Which rows have finite values that are not all equal."""
    varies: np.ndarray = np.isfinite(scores).all(1) & (scores != scores[:, :1]).any(1)
    return varies


def _pooled(scores: np.ndarray) -> tuple[float, int] | None:
    """Variance of all rows about their means and the seeds' effects, with its degrees of freedom.

    None if Bartlett's test finds that the rows' variances differ, or if there are not two rows.
    """
    n_rows, n = scores.shape
    if n_rows < 2:
        return None
    residuals = scores - scores.mean(1, keepdims=True) - scores.mean(0) + scores.mean()
    variances = residuals.var(1, ddof=1)
    if variances.min() <= 1e-24 * np.square(scores).max():
        return None
    spread = n_rows * (n - 1) * np.log(variances.mean()) - (n - 1) * np.log(variances).sum()
    scale = 1 + (n_rows - 1 / n_rows) / (3 * (n_rows - 1) * (n - 1))
    if chdtrc(n_rows - 1, spread / scale) <= POOLED:
        return None
    return float(variances.mean()) * n_rows / (n_rows - 1), (n_rows - 1) * (n - 1)
