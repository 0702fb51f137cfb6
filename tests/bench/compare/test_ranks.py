"""Rank intervals: by hand, at the edges, and what must hold for any scores."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy import stats as reference

from bench.compare.stats import paired_p_value, rank_intervals, t_interval, t_quantiles
from tests.bench.compare.test_stats import holm

VALUES = st.one_of(st.floats(-1e3, 1e3, width=32, allow_subnormal=False), st.sampled_from([0.0, 1.0, math.inf]))
TABLES = st.integers(3, 6).flatmap(
    lambda n: st.dictionaries(st.sampled_from("abcdef"), st.lists(VALUES, min_size=n, max_size=n), max_size=6)
)


def table(**rows: list[float]) -> dict[str, dict[int, float]]:
    return {name: dict(enumerate(values)) for name, values in rows.items()}


def test_by_hand() -> None:
    rows = table(a=[1.0, 1.1, 1.2, 1.3], b=[1.01, 1.08, 1.21, 1.29], c=[2.0, 2.1, 2.2, 2.31], d=[9.0, 9.1, 9.2, 9.29])
    assert rank_intervals(rows, maximise=False) == {"a": (1, 2), "b": (1, 2), "c": (3, 3), "d": (4, 4)}
    assert rank_intervals(rows, maximise=True) == {"a": (3, 4), "b": (3, 4), "c": (2, 2), "d": (1, 1)}


def test_too_few_seeds() -> None:
    assert rank_intervals(table(a=[1.0, 2.0], b=[3.0, 4.0]), maximise=True) is None
    assert rank_intervals({}, maximise=True) is None
    disjoint = {"a": {0: 1.0, 1: 1.0, 2: 1.0}, "b": {3: 2.0, 4: 2.0, 5: 2.0}}
    assert rank_intervals(disjoint, maximise=True) == {"a": (1, 2), "b": (1, 2)}


def test_each_pair_is_tested_over_its_own_seeds() -> None:
    rows = table(a=[1.0, 1.1, 1.2, 1.3, 1.4, 1.5], b=[2.0, 2.1, 2.2, 2.31, 2.4, 2.5], c=[1.5, 1.4])
    rows["d"] = {5: 3.0, 6: 3.0, 7: 3.0, 8: 3.0}
    assert rank_intervals(rows, maximise=False) == {"a": (1, 3), "b": (2, 4), "c": (1, 4), "d": (1, 4)}


def test_a_row_with_two_seeds_may_have_any_rank_and_one_without_has_none() -> None:
    rows = table(a=[1.0, 1.1, 1.2], b=[5.0, 5.1, 5.2], short=[3.0, 3.0], none=[])
    ranks = rank_intervals(rows, maximise=False)
    assert ranks == {"a": (1, 2), "b": (2, 3), "short": (1, 3)}


@pytest.mark.parametrize("maximise", [True, False])
def test_equal_rows_share_all_ranks_and_one_row_is_first(maximise: bool) -> None:
    same = [0.1, 0.5, 0.2]
    assert rank_intervals(table(a=same, b=same, c=same), maximise) == {"a": (1, 3), "b": (1, 3), "c": (1, 3)}
    assert rank_intervals(table(a=same), maximise) == {"a": (1, 1)}


def test_a_model_that_diverged_is_last() -> None:
    rows = table(a=[1.0, 1.1, 1.2], b=[math.inf] * 3, c=[math.inf, 1.0, 1.0])
    ranks = rank_intervals(rows, maximise=False)
    assert ranks is not None
    assert ranks["a"] == (1, 2)
    assert ranks["b"][0] == 2


def test_pairs_are_adjusted_over_all_pairs() -> None:
    rng = np.random.default_rng(0)
    scores = {name: rng.normal(i * 0.4, 1.0, size=6) for i, name in enumerate("abcd")}
    names = list(scores)
    pairs = [(a, b) for i, a in enumerate(names) for b in names[i + 1 :]]
    adjusted = holm([float(reference.ttest_rel(scores[a], scores[b]).pvalue) for a, b in pairs])
    better = dict.fromkeys(names, 0)
    for (a, b), p in zip(pairs, adjusted, strict=True):
        if p <= 0.05:
            better[a if scores[a].mean() < scores[b].mean() else b] += 1
    ranks = rank_intervals({name: dict(enumerate(values.tolist())) for name, values in scores.items()}, maximise=True)
    assert ranks is not None
    assert {name: low - 1 for name, (low, _) in ranks.items()} == better


@given(TABLES, st.booleans())
@settings(deadline=None)
def test_ranks_of_any_scores(columns: dict[str, list[float]], maximise: bool) -> None:
    rows = {name: dict(enumerate(values)) for name, values in columns.items()}
    ranks = rank_intervals(rows, maximise)
    if ranks is None:
        return
    n = len(rows)
    assert set(ranks) == set(rows)
    assert all(1 <= low <= high <= n for low, high in ranks.values())
    assert sum(low - 1 for low, _ in ranks.values()) == sum(n - high for _, high in ranks.values())
    flipped = rank_intervals({name: {s: -v for s, v in values.items()} for name, values in rows.items()}, not maximise)
    assert flipped == ranks


@given(st.lists(st.floats(0, 1, allow_subnormal=False), max_size=12))
def test_holm_is_monotone_and_never_lowers(p_values: list[float]) -> None:
    adjusted = holm(p_values)
    assert all(p <= q <= 1 for p, q in zip(p_values, adjusted, strict=True))
    by_p = [q for _, q in sorted(zip(p_values, adjusted, strict=True))]
    assert by_p == sorted(by_p)


def test_quantiles_are_the_intervals() -> None:
    values = [0.3, 0.5, 0.45, 0.7, 0.2]
    assert t_interval(values).half_width == pytest.approx(t_quantiles(5)[5] * np.std(values, ddof=1) / math.sqrt(5))
    assert sorted(t_quantiles(5)) == [3, 4, 5]


@pytest.mark.parametrize("n_seeds", [3, 5])
@pytest.mark.parametrize("noise", [0.5, 1.0, 2.0])
def test_equal_rows_of_a_metric_that_counts_are_rarely_told_apart(n_seeds: int, noise: float) -> None:
    """Accuracies of 360 samples: in all of three seeds, two rows of 26 often differ by the same number of samples."""
    rng = np.random.default_rng(0)
    told = 0
    for _ in range(100):
        right = np.round(345 + noise * rng.normal(size=(26, n_seeds))) / 360
        ranks = rank_intervals({str(i): dict(enumerate(row)) for i, row in enumerate(right.tolist())}, maximise=True)
        assert ranks is not None
        told += any(rank != (1, 26) for rank in ranks.values())
    assert told <= 12, "5% by construction; a spread of zero, of differences that are equal, would make it 27 to 99"


def test_equal_differences_of_many_steps_are_told_apart() -> None:
    rows = table(a=[0.0] * 5, b=[0.25] * 5, c=[0.5, 0.51, 0.52, 0.51, 0.51], d=[0.9] * 5)
    assert rank_intervals(rows, maximise=False) == {"a": (1, 1), "b": (2, 2), "c": (3, 3), "d": (4, 4)}
    assert rank_intervals(table(a=[0.0] * 3, b=[0.5] * 3), maximise=False) == {"a": (1, 1), "b": (2, 2)}, "constants"


def test_infinite_differences() -> None:
    assert paired_p_value([math.inf] * 3) == 0.0
    assert paired_p_value([math.inf, -math.inf, 1.0]) == 1.0
    assert paired_p_value([math.nan] * 3) == 1.0
