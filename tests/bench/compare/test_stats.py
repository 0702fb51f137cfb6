"""Intervals and ties against scipy, by simulation, and at the edges."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, strategies as st
from scipy import stats as reference
from scipy.special import stdtrit

from bench.compare.stats import LEVEL, best_and_ties, paired_p_value, separable, t_interval, t_intervals


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down adjustment, as it is written in books: the oracle of `separable`."""
    order = np.argsort(p_values)
    adjusted = np.empty(len(p_values))
    stepped = np.array(p_values, dtype=float)[order] * np.arange(len(p_values), 0, -1)
    adjusted[order] = np.maximum.accumulate(np.minimum(stepped, 1.0))
    return [float(p) for p in adjusted]


def test_interval_is_scipys() -> None:
    values = [0.3, 0.5, 0.45, 0.7]
    low, high = reference.t.interval(0.95, 3, np.mean(values), reference.sem(values))
    mean, half = t_interval(values)
    assert half is not None
    assert (mean - half, mean + half) == pytest.approx((low, high))


@pytest.mark.parametrize("values", [[1.0], [1.0, 2.0], [math.inf, 1.0, 2.0]])
def test_no_interval_below_three_seeds_or_of_infinities(values: list[float]) -> None:
    assert t_interval(values).half_width is None


@pytest.mark.parametrize("n", [3, 5, 10])
def test_intervals_cover_at_their_level(n: int) -> None:
    rng = np.random.default_rng(0)
    covered = 0
    for sample in rng.normal(2.0, 0.7, size=(4000, n)):
        mean, half = t_interval(list(sample))
        assert half is not None
        covered += abs(mean - 2.0) <= half
    assert covered / 4000 == pytest.approx(0.95, abs=0.012)


def test_paired_p_value_is_scipys() -> None:
    a, b = np.array([1.0, 2.0, 3.5, 3.0]), np.array([0.8, 2.1, 2.9, 2.2])
    assert paired_p_value(list(a - b)) == pytest.approx(reference.ttest_rel(a, b).pvalue)


def test_paired_p_value_without_spread() -> None:
    assert paired_p_value([0.0, 0.0, 0.0]) == 1.0
    assert paired_p_value([0.1, 0.1, 0.1]) == 0.0


def test_holm_by_hand() -> None:
    # Sorted 0.01, 0.03, 0.04: times 3, 2, 1 = 0.03, 0.06, 0.04; made monotone: 0.03, 0.06, 0.06.
    assert holm([0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.03, 0.06])


def test_pairing_separates_what_unpaired_seeds_would_hide() -> None:
    easy = {0: 1.0, 1: 5.0, 2: 9.0, 3: 2.0}
    harder = {seed: value + 0.5 + 0.01 * seed for seed, value in easy.items()}
    assert best_and_ties({"a": easy, "b": harder}, maximise=False) == {"a"}
    assert best_and_ties({"a": easy, "b": harder}, maximise=True) == {"b"}


def test_equal_models_tie_at_the_stated_rate() -> None:
    """The best of five equal models is separated from another in at most 5% of studies."""
    rng = np.random.default_rng(1)
    separated = 0
    for study in rng.normal(size=(600, 5, 5)):
        rows = {str(i): dict(enumerate(row)) for i, row in enumerate(study)}
        ties = best_and_ties(rows, maximise=True)
        separated += ties is not None and len(ties) < 5
    assert separated / 600 < 0.10, "picking the best first costs some; far from 1 - 0.95^4 unadjusted"


def test_nothing_is_said_below_three_shared_seeds_and_small_rows_tie() -> None:
    assert best_and_ties({"a": {0: 1.0, 1: 1.1}, "b": {0: 5.0, 1: 5.1}}, maximise=False) is None
    assert best_and_ties({}, maximise=True) is None
    three = {0: 1.0, 1: 1.1, 2: 1.05}
    assert best_and_ties({"a": three, "b": {5: 1.0, 6: 1.1, 7: 1.2}}, maximise=False) is None
    assert best_and_ties({"a": three, "b": {0: 0.1}}, maximise=False) == {"a", "b"}, "one lucky seed is not best"


def test_the_best_is_judged_on_shared_seeds() -> None:
    a = {0: 1.00, 1: 1.01, 2: 0.99}
    b = {0: 0.90, 1: 0.912, 2: 0.889, 3: 2.0, 4: 2.1}  # better on every shared seed, worse on average
    assert best_and_ties({"a": a, "b": b}, maximise=False) == {"b"}


def test_a_diverged_model_is_not_the_best() -> None:
    rows = {"fine": {0: 0.1, 1: 0.12, 2: 0.11}, "diverged": dict.fromkeys(range(3), math.inf)}
    assert best_and_ties(rows, maximise=False) == {"fine"}


def test_equal_values_have_no_spread_at_all() -> None:
    assert t_interval([0.1, 0.1, 0.1]).half_width == 0


@given(st.lists(st.floats(0, 1) | st.sampled_from([0.0, 0.01, 0.05, 1.0]), max_size=30))
def test_separable_is_what_holms_adjusted_p_values_say(p_values: list[float]) -> None:
    assert separable(p_values) == [p <= 1 - LEVEL for p in holm(p_values)]


@given(st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_samples_together_have_the_intervals_that_each_has(n: int, seed: int) -> None:
    samples = [*np.random.default_rng(seed).lognormal(size=(5, n)).tolist(), [0.1] * n, [1.0] * (n - 1) + [math.inf]]
    assert t_intervals(samples) == [t_interval(sample) for sample in samples]
    for sample, (mean, half_width) in zip(samples[:5], t_intervals(samples[:5]), strict=True):
        assert mean == float(np.mean(sample))
        assert half_width is None or half_width == float(stdtrit(n - 1, 0.975)) * float(np.std(sample, ddof=1)) / n**0.5
