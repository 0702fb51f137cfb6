"""Marks: on a ranked column, the best row and every row that the seeds cannot tell from it.

A row is marked unless the best of its rivals is better in two t tests over the seeds that all rows share: by the spread
of all rows, at 5% divided by the number of its rivals, and by the pair's own differences, at 5%. Five seeds alone say
too little of a spread to tell many rows apart, and the spread of all rows need not be the pair's. So these
tests leave the row that is best in truth its mark with about 95%, also where it is two or three times as noisy as the
others. Nor is a row marked that any rival beats where all pairs are tested, Holm-adjusted, as for ranks: a noisy row
that is best on average does not shield those that a third one beats. No row is marked below one that is not: a row that
is too noisy to be told from the best, but worse on average than one that is told, is not marked. This costs noisy rows
some of their 95%: of 22 rows whose spreads are those of `results/matched` and whose true means are all alike, the least
favourable case, an ordinary row keeps its mark in 91 to 93%, one that is ten times as noisy in 87 to 90%.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.special import stdtr

from bench.compare.stats import LEVEL, least_spread, paired_p_values, score_table, told_pairs

MARK_SEEDS = 5
"""Fewest seeds for a mark. With three, a row five standard deviations worse ties with the best in 87% of the cases."""
ALIKE = 1.1
"""Prices up to this ratio count as alike."""
WILD = 5.0
"""Times their median that a row's squared spread over seeds counts for, at most, in the spread of all rows."""


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
    if not compared:
        return None
    table, known = score_table([rows[row] for row in compared], maximise)
    scores = table[known.all(1)].T
    if scores.shape[1] < MARK_SEEDS:
        return None
    price = np.zeros(len(compared)) if prices is None else np.array([prices[row] for row in compared])
    means = _means(scores)
    rivals = (price <= ALIKE * price[:, None]) & ~np.eye(len(scores), dtype=bool)
    has_like = (rivals & (price[:, None] <= ALIKE * price)).any(1)
    beaten = _beaten_by_best(scores, means, rivals, level)
    beaten[told_pairs(table, known, rivals & (means >= means[:, None]), level)[1]] = True
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
    shared = (1 - level) / np.maximum(rivals.sum(1), 1)
    varies = np.isfinite(scores).all(1) & (scores != scores[:, :1]).any(1)
    with np.errstate(invalid="ignore"):  # inf - inf is nan: not beaten
        lead = means[best] - means
        own = paired_p_values((scores[best] - scores).T, least=least_spread(scores.T))
    together = _pooled_p_values(lead, scores[varies])
    told = np.where(varies & varies[best], (own <= 1 - level) & (together <= shared), own <= shared)
    beaten: np.ndarray = (lead > 0) & (told | np.isposinf(lead))
    return beaten


def _pooled_p_values(lead: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Two-sided p-value of each lead, by the spread of all rows about their means and the seeds' effects.

    These are medians over the rows, and a row's squared spread counts for `WILD` times their median at most: one wild
    row does not hide what sets others apart.
    """
    n_rows, n = scores.shape
    if n_rows < 2:
        return np.ones(len(lead))
    apart = scores - scores.mean(1, keepdims=True)
    apart -= np.median(apart, 0)
    spreads = np.square(apart - apart.mean(1, keepdims=True)).sum(1)
    freedom = (n_rows - 1) * (n - 1)
    variance = np.minimum(spreads, WILD * np.median(spreads)).sum() / freedom
    with np.errstate(divide="ignore", invalid="ignore"):  # rows may differ by a constant
        p_values: np.ndarray = 2 * stdtr(freedom, -np.abs(lead) / np.sqrt(2 * variance / n))
    return p_values
