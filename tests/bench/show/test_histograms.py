"""Vectors as histograms."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
from hypothesis import given, settings, strategies as st
from hypothesis.extra import numpy as hnp

from bench.show.histograms import histogram


@settings(max_examples=200, deadline=None)
@given(hnp.arrays(np.float64, st.integers(1, 40), elements=st.floats(allow_subnormal=False)))
def test_any_vector_has_a_histogram_that_counts_its_finite_values(values: np.ndarray) -> None:
    found = histogram(values)
    assert sum(found["counts"]) + found["zeros"] == (np.abs(values) <= 1e300).sum()
    assert all(math.isfinite(edge) for edge in found["edges"])
    assert all(b > a for a, b in pairwise(found["edges"]))


def test_histograms_count_everything_once() -> None:
    values = np.array([0.0, 0.0, 0.001, 0.01, 0.5, 1.0, np.nan, np.inf])
    found = histogram(values)
    assert (found["log"], found["zeros"], sum(found["counts"])) == (True, 2, 4)
    assert (found["edges"][0], found["edges"][-1]) == (-3, 0)
    assert found["counts"] == np.histogram(np.log10(values[2:6]), 30)[0].tolist()
    linear = histogram(np.array([-1.0, 0.0, 1.0]))
    assert (linear["log"], linear["zeros"], sum(linear["counts"])) == (False, 0, 3)
    assert histogram(np.full(3, np.nan))["counts"] == []
    assert sum(histogram(np.zeros(4))["counts"]) == 4


def test_values_that_are_alike_have_one_bin_that_can_be_seen() -> None:
    for level, edges in ((2.0, (1.9, 2.1)), (-2.0, (-2.1, -1.9)), (0.0, (-0.05, 0.05)), (1e-3, (0.95e-3, 1.05e-3))):
        np.testing.assert_allclose(histogram(np.full(5, level))["edges"], edges)
