"""How sparse codes are: by hand, beside plain formulas, and at the ends of each range."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import entropy
from torch import Tensor

from metrics import sparsity
from metrics.base import NotApplicable
from metrics.matrix import evenly_spaced
from tests.metrics.cases import ACTIVE, csr

CODES = arrays(np.float32, (4, 5), elements=st.floats(-8, 8, width=32, allow_subnormal=False))


def random_codes(n: int = 60, m: int = 7) -> Tensor:
    return torch.randn(n, m) * (torch.rand(n, m) < 0.4)


def test_sparsity_by_hand() -> None:
    # |z| = (3, 4, 0, 0): l1 7, l2 5, sqrt(M) 2: (2 - 7/5) / (2 - 1) = 0.6.
    # Largest first: 4, 3: 1 - 2 (4 x 0.5 + 3 x 1.5) / (4 x 7) = 1 - 13/28.
    z = torch.tensor([[3.0, -4.0, 0.0, 0.0]])
    assert sparsity.l0(z != 0) == 2
    assert sparsity.l0(ACTIVE) == pytest.approx(7 / 4)
    assert sparsity.hoyer(z) == pytest.approx(0.6)
    assert sparsity.gini(z) == pytest.approx(1 - 13 / 28)
    # Z = diag(2, 1): singular values 2 and 1, shares 2/3 and 1/3: the exponential of their entropy. Of the energy:
    # the eigenvalues 4 and 1 of Z^T Z, shares 0.8 and 0.2.
    diagonal = torch.tensor([[2.0, 0.0], [0.0, 1.0]])
    assert sparsity.effective_rank(diagonal) == pytest.approx(math.exp(math.log(3) - 2 / 3 * math.log(2)))
    energy = math.exp(-0.8 * math.log(0.8) - 0.2 * math.log(0.2))
    assert sparsity.effective_rank_of_energy(diagonal) == pytest.approx(energy)


def test_support_and_tail_by_hand() -> None:
    # Pre-activations 4, 2, 1, -3, rectified 4, 2, 1, 0: (sum)^2 / sum of squares = 49 / 21.
    # The first is kept; the others have mean (2 + 1 + 0) / 3 = 1: 1 / 4.
    a = torch.tensor([[4.0, 2.0, 1.0, -3.0]])
    assert sparsity.effective_support(lambda x: x, a) == pytest.approx(49 / 21)
    assert sparsity.tail_ratio(lambda x: x, a, torch.tensor([[4.0, 0.0, 0.0, 0.0]])) == pytest.approx(0.25)


def test_hoyer_and_gini_agree_with_the_formulas_sample_by_sample() -> None:
    z = random_codes()
    rows = [row for row in z.abs().double().numpy() if row.any()]
    m = z.shape[1]
    hoyers = [(math.sqrt(m) - row.sum() / math.sqrt((row**2).sum())) / (math.sqrt(m) - 1) for row in rows]
    ranks = np.arange(1, m + 1)  # of the smallest first, as economists write it
    ginis = [2 * (ranks * np.sort(row)).sum() / (m * row.sum()) - (m + 1) / m for row in rows]
    assert sparsity.hoyer(z) == pytest.approx(np.mean(hoyers), rel=1e-6)
    assert sparsity.gini(z) == pytest.approx(np.mean(ginis), rel=1e-6)
    assert sparsity.l0(z != 0) == pytest.approx(np.mean([len(row.nonzero()[0]) for row in z.numpy()]))


@pytest.mark.parametrize("shape", [(60, 7), (5, 9)])
def test_effective_rank_agrees_with_the_singular_values(shape: tuple[int, int]) -> None:
    z = random_codes(*shape)
    values = np.linalg.svd(z.double().numpy(), compute_uv=False)
    assert sparsity.effective_rank(z) == pytest.approx(math.exp(entropy(values)), rel=1e-6)
    assert sparsity.effective_rank_of_energy(z) == pytest.approx(math.exp(entropy(values**2)), rel=1e-6)
    twice = torch.cat([z, z], dim=1)  # of half rank: rounding adds no direction
    assert sparsity.effective_rank(twice) == pytest.approx(math.exp(entropy(values)), rel=1e-6)


def test_effective_rank_of_many_units_is_that_of_evenly_spaced_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    z = torch.randn(40, 9)
    monkeypatch.setattr(sparsity, "MAX_UNITS", 6)
    values = np.linalg.svd(z[evenly_spaced(40, 6)].double().numpy(), compute_uv=False)
    for codes in (z, csr(z)):
        assert sparsity.effective_rank(codes) == pytest.approx(math.exp(entropy(values)), rel=1e-6)


def test_support_and_tail_agree_with_loops() -> None:
    a = torch.randn(50, 6)
    a[3] = -1
    z = torch.where(a >= a.topk(2, dim=1).values[:, -1:], a, 0).relu()
    rows = a.clamp_min(0).double().numpy()
    supports = [row.sum() ** 2 / (row**2).sum() for row in rows if row.any()]
    assert sparsity.effective_support(lambda x: x, a) == pytest.approx(np.mean(supports), rel=1e-6)
    kept = [value for row, code in zip(rows, z.numpy(), strict=True) for value, c in zip(row, code, strict=True) if c]
    left = [
        value for row, code in zip(rows, z.numpy(), strict=True) for value, c in zip(row, code, strict=True) if not c
    ]
    assert sparsity.tail_ratio(lambda x: x, a, z) == pytest.approx(np.mean(left) / np.mean(kept), rel=1e-6)


def test_one_hot_codes_are_sparsest_and_equal_codes_least() -> None:
    assert sparsity.hoyer(torch.eye(5)) == pytest.approx(1)
    assert sparsity.gini(torch.eye(5)) == pytest.approx(1 - 1 / 5)
    assert sparsity.effective_rank(torch.eye(5)) == pytest.approx(5)
    assert sparsity.effective_support(lambda x: x, torch.eye(5)) == pytest.approx(1)
    equal = torch.ones(3, 5)
    assert sparsity.hoyer(equal) == pytest.approx(0, abs=1e-12)
    assert sparsity.gini(equal) == pytest.approx(0, abs=1e-12)
    assert sparsity.effective_rank(equal) == pytest.approx(1)
    assert sparsity.effective_support(lambda x: x, equal) == pytest.approx(5)


def test_empty_codes_are_not_sparse_they_are_none() -> None:
    empty = torch.zeros(3, 5)
    assert sparsity.l0(empty) == 0
    assert (
        sparsity.hoyer(empty)
        == sparsity.gini(empty)
        == sparsity.effective_rank(empty)
        == NotApplicable("all codes are zero")
    )
    assert sparsity.effective_support(lambda x: x, -torch.ones(3, 5)) == NotApplicable(
        "no pre-activation is above zero"
    )
    mixed = torch.cat([torch.zeros(98, 5), torch.ones(2, 5)])
    assert sparsity.hoyer(mixed) == pytest.approx(0, abs=1e-12), "samples without an active unit are left out"
    assert sparsity.gini(mixed) == pytest.approx(0, abs=1e-12)


def test_a_tail_needs_something_kept_and_something_left_out() -> None:
    a = torch.ones(2, 3)
    assert sparsity.tail_ratio(lambda x: x, a, torch.zeros(2, 3)) == NotApplicable("the selection keeps no unit")
    assert sparsity.tail_ratio(lambda x: x, a, a) == NotApplicable("the selection leaves no unit out")
    assert sparsity.tail_ratio(lambda x: -x, a, torch.eye(3)[:2]) == NotApplicable(
        "no unit that the selection keeps has a pre-activation above zero"
    ), "what is kept has no pre-activation above 0"
    assert sparsity.tail_ratio(lambda x: x, torch.eye(3), torch.eye(3)) == 0


def test_one_unit_has_no_hoyer_sparsity() -> None:
    assert sparsity.hoyer(torch.ones(3, 1)) == NotApplicable("the model has a single unit")
    assert sparsity.gini(torch.ones(3, 1)) == pytest.approx(0)


@given(CODES, st.sampled_from([1e-3, 2.0, 1e3]))
@settings(deadline=None, max_examples=25)
def test_scaling_the_codes_changes_no_sparsity(codes: np.ndarray, scale: float) -> None:
    codes = np.where(np.abs(codes) < 1e-3, 0, codes)
    z, scaled = torch.from_numpy(codes), torch.from_numpy(codes * np.float32(scale))
    for measure in (sparsity.hoyer, sparsity.gini, sparsity.effective_rank):
        expected = measure(z)
        if not isinstance(expected, NotApplicable):
            expected = pytest.approx(expected, rel=1e-5, abs=1e-6)
        assert measure(scaled) == expected
