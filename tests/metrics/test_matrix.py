"""Codes as a tensor or a sparse array: the same sums, moments and correlations, beside numpy."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from hypothesis.extra.numpy import arrays
from scipy.sparse import csr_array
from torch import Tensor

from metrics import matrix
from metrics.base import Axis, Place
from metrics.matrix import Matrix
from tests.metrics.cases import csr

CODES = arrays(np.float32, (6, 4), elements=st.floats(-100, 100, width=16, allow_subnormal=False))
BOTH = pytest.mark.parametrize("store", [lambda z: z, csr], ids=["tensor", "csr"])


def codes(n: int = 30, m: int = 5) -> Tensor:
    return torch.randn(n, m) * (torch.rand(n, m) < 0.4)


@BOTH
def test_sums_and_moments_by_hand(store: Callable[[Tensor], Matrix]) -> None:
    # Class 5 has rows (1, 0) and (3, 0): mean 2, variance 1. Class 7 has the row (0, 4).
    z = store(torch.tensor([[1.0, 0.0], [0.0, 4.0], [3.0, 0.0]]))
    assert matrix.column_sums(z).tolist() == [4, 4]
    assert matrix.column_squares(z).tolist() == [10, 16]
    sizes, means, variances = matrix.class_moments(z, torch.tensor([5, 7, 5]))
    assert sizes.tolist() == [2, 1]
    assert means.tolist() == [[2, 0], [0, 4]]
    assert variances.tolist() == [[1, 0], [0, 0]]


@BOTH
def test_sums_and_moments_agree_with_numpy(store: Callable[[Tensor], Matrix], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matrix, "BLOCK_ENTRIES", 12)
    z, labels = codes(), torch.arange(30) ** 2 % 4
    a, stored = z.double().numpy(), store(z)
    np.testing.assert_allclose(matrix.column_sums(stored), a.sum(0))
    np.testing.assert_allclose(matrix.column_squares(stored), (a**2).sum(0))
    np.testing.assert_allclose(torch.cat(list(matrix.blocks(stored))), z)
    np.testing.assert_allclose(matrix.dense(stored), z)
    sizes, means, variances = matrix.class_moments(stored, labels)
    groups = [a[labels.numpy() == c] for c in labels.unique()]
    assert sizes.tolist() == [len(group) for group in groups]
    np.testing.assert_allclose(means, [group.mean(0) for group in groups], atol=1e-12)
    np.testing.assert_allclose(variances, [group.var(0) for group in groups], atol=1e-12)


@BOTH
def test_sums_run_in_double_precision(store: Callable[[Tensor], Matrix]) -> None:
    z = torch.full((20_000, 1), 0.1)
    expected = 20_000 * float(np.float32(0.1))
    assert matrix.column_sums(store(z)).item() == pytest.approx(expected, rel=1e-12)
    assert matrix.column_squares(store(z)).item() == pytest.approx(expected**2 / 20_000, rel=1e-12)


def test_products_of_every_pair_of_kinds_agree_with_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matrix, "BLOCK_ENTRIES", 12)
    z, other = codes(), codes(m=3)
    expected = z.double().numpy().T @ other.double().numpy()
    for left in (z, csr(z)):
        for right in (other, csr(other)):
            np.testing.assert_allclose(matrix.transposed_product(left, right), expected, atol=1e-12)
            assert matrix.transposed_product(left, right).dtype == torch.float64


def test_correlations_agree_with_numpy_and_are_zero_for_constant_columns() -> None:
    z, other = codes(), codes(m=3)
    z[:, 1], other[:, 2] = 0.1, 0
    with np.errstate(invalid="ignore", divide="ignore"):
        expected = np.nan_to_num(np.corrcoef(z.double().numpy().T, other.double().numpy().T)[:5, 5:])
    expected[1], expected[:, 2] = 0, 0
    for left in (z, csr(z)):
        for right in (other, csr(other)):
            np.testing.assert_allclose(matrix.correlations(left, right), expected, atol=1e-12)


@pytest.mark.parametrize(("scale", "offset"), [(1e-12, 0.0), (1e6, 0.0), (1.0, 1e3), (0.01, 10.0)])
def test_correlations_do_not_mind_scale_and_offset(scale: float, offset: float) -> None:
    z, other = scale * codes(200) + offset, codes(200, 3)
    expected = np.corrcoef(z.double().numpy().T, other.double().numpy().T)[:5, 5:]
    np.testing.assert_allclose(matrix.correlations(z, other), expected, atol=1e-7)


def test_rounding_noise_is_no_variance() -> None:
    z = 1000 * (1 + 6e-8 * torch.randn(50, 1))
    assert matrix.correlations(z, z).item() == 0


def test_evenly_spaced_indices_reach_from_end_to_end() -> None:
    assert matrix.evenly_spaced(5, 10).tolist() == [0, 1, 2, 3, 4]
    assert matrix.evenly_spaced(5, 5).tolist() == [0, 1, 2, 3, 4]
    assert matrix.evenly_spaced(9, 3).tolist() == [0, 4, 8]
    assert matrix.evenly_spaced(12, 4).tolist() == [0, 4, 7, 11], "the nearest ones"
    assert matrix.evenly_spaced(40_000_000, 5000)[-1] == 39_999_999, "more than float32 counts"
    for n, limit in ((100_003, 10_000), (70_000, 2000), (11, 10)):
        chosen = matrix.evenly_spaced(n, limit)
        assert (len(chosen), chosen[0], chosen[-1]) == (limit, 0, n - 1)
        assert (chosen.diff() >= 1).all(), "none stands twice"


@BOTH
def test_parts_of_a_matrix(store: Callable[[Tensor], Matrix]) -> None:
    z = codes()
    stored, some = store(z), torch.tensor([4, 0, 2])
    np.testing.assert_array_equal(matrix.dense(matrix.rows(stored, some)), z[some])
    np.testing.assert_array_equal(matrix.dense(matrix.columns(stored, some)), z[:, some])
    np.testing.assert_array_equal(matrix.dense(matrix.spread(stored, 7)), z[matrix.evenly_spaced(30, 7)])
    none = torch.tensor([], dtype=torch.int64)
    assert matrix.columns(stored, none).shape == (30, 0)
    assert matrix.column_squares(matrix.rows(stored, none)).tolist() == [0] * 5


@BOTH
def test_live_units_are_those_on_anywhere_at_most_so_many(store: Callable[[Tensor], Matrix]) -> None:
    active = torch.zeros(4, 12)
    active[2, [1, 3, 4, 8, 11]] = 1
    assert matrix.live_units(store(active)).tolist() == [1, 3, 4, 8, 11]
    assert matrix.live_units(store(active), limit=3).tolist() == [1, 4, 11]
    assert matrix.live_units(store(torch.zeros(4, 12))).tolist() == []


def test_each_pair_stands_once_in_the_upper_triangle() -> None:
    assert matrix.upper_triangle(torch.arange(9).view(3, 3)).tolist() == [1, 2, 5]
    assert matrix.upper_triangle(torch.ones(1, 1)).tolist() == []


def test_quantiles_and_their_places_have_the_same_keys() -> None:
    at = (0.01, 0.5, 0.95)
    assert matrix.quantiles(torch.arange(101.0), at) == {"q1": 1, "q50": 50, "q95": 95}
    places = {"q1": Place("", 1), "q50": Place("", 50), "q95": Place("", 95)}
    assert matrix.quantile_axis(at) == Axis("quantile [%]", places, quantiles=True)
    assert matrix.quantiles(torch.zeros(0), at) == {}


@given(CODES)
@settings(deadline=None, max_examples=25)
def test_tensor_and_sparse_array_have_the_same_moments_and_correlations(table: np.ndarray) -> None:
    z, stored, labels = torch.from_numpy(table), csr_array(table), torch.tensor([0, 0, 1, 1, 1, 2])
    for a, b in zip(matrix.class_moments(z, labels), matrix.class_moments(stored, labels), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9)
    found = matrix.correlations(z, z)
    np.testing.assert_allclose(matrix.correlations(stored, stored), found, rtol=1e-6, atol=1e-6)
    assert (found.abs() <= 1).all()
