"""Intervals and tests against scipy, by simulation, and at the edges."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, strategies as st
from scipy import stats as reference
from scipy.special import stdtrit

from bench.compare.stats import LEVEL, paired_p_value, separable, t_interval, t_intervals


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


def test_values_that_differ_by_rounding_have_no_spread() -> None:
    assert t_interval([0.1, 0.1 + 2e-17, 0.3 / 3]).half_width == 0
    assert t_interval([0.1, 0.1 + 1e-9, 0.1]).half_width > 0


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
