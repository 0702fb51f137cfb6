"""Spread of activation within and between classes: by hand, beside scipy over all pairs, sets, and numpy."""

from __future__ import annotations

import math
from itertools import combinations, product

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial.distance import jensenshannon
from torch import Tensor

from metrics import gamma
from metrics.base import NotApplicable
from tests.metrics.cases import ACTIVE, LABELS, csr

LN2 = math.log(2)


def divergence(p: np.ndarray, q: np.ndarray) -> float:
    """Jensen-Shannon divergence of two rows of Bernoulli rates, summed over units, by scipy."""
    pairs = zip(p, q, strict=True)
    return float(sum(np.nan_to_num(jensenshannon([a, 1 - a], [b, 1 - b])) ** 2 for a, b in pairs))


def jaccard(first: np.ndarray, second: np.ndarray) -> float:
    """Jaccard index of two rows of activity, by sets."""
    a, b = set(first.nonzero()[0]), set(second.nonzero()[0])
    return len(a & b) / len(a | b) if a | b else 1.0


def classes(matrix: Tensor, labels: Tensor) -> list[np.ndarray]:
    return [matrix[labels == c].double().numpy() for c in labels.unique()]


def test_variances_by_hand() -> None:
    # Within: unit 1 in class 0 has variance 0.25, all else 0; mean over 2 classes x 3 units = 0.25 / 6.
    # Total: unit 1 has p = 0.75, variance 0.1875; within, weighted: (2 x 0.25 + 2 x 0) / 4 = 0.125.
    for measure, share in (
        (gamma.activity_variance(ACTIVE, LABELS), gamma.activity_variance_share(ACTIVE, LABELS)),
        (gamma.gamma_variance(ACTIVE.float(), LABELS), gamma.gamma_variance_share(ACTIVE.float(), LABELS)),
    ):
        assert measure == pytest.approx(0.25 / 6)
        assert share == pytest.approx(0.125 / 0.1875)


def test_divergences_by_hand() -> None:
    # Class 0 has one pair, which differs in one unit: ln 2. Class 1: one pair, equal: 0. Mean over classes: ln 2 / 2.
    # Between: the first sample of class 0 differs from both of class 1 in one unit, the second from none: ln 2 / 2.
    expected = pytest.approx({"within": LN2 / 2, "between": LN2 / 2, "gap": 0})
    assert gamma.activity_jsd(ACTIVE, LABELS) == expected
    assert gamma.gamma_jsd(ACTIVE.float(), LABELS) == expected


def test_jaccard_by_hand() -> None:
    # Sets {0}, {0, 1} | {0, 1}, {0, 1}. Within: 1/2 and 1, mean 3/4. Between: 1/2, 1/2, 1, 1, mean 3/4.
    assert gamma.activity_jaccard(ACTIVE, LABELS) == pytest.approx({"within": 0.75, "between": 0.75, "gap": 0})


def test_variances_agree_with_numpy() -> None:
    rates, labels = torch.rand(90, 5), torch.arange(90) ** 2 % 4
    groups = classes(rates, labels)
    assert gamma.gamma_variance(rates, labels) == pytest.approx(np.mean([group.var(0) for group in groups]))
    within = sum(len(group) * group.var(0).sum() for group in groups) / 90
    total = rates.double().numpy().var(0).sum()
    assert gamma.gamma_variance_share(rates, labels) == pytest.approx(within / total)
    active = rates > 0.6
    groups = classes(active, labels)
    assert gamma.activity_variance(active, labels) == pytest.approx(np.mean([group.var(0) for group in groups]))
    within = sum(len(group) * group.var(0).sum() for group in groups) / 90
    assert gamma.activity_variance_share(active, labels) == pytest.approx(within / active.double().numpy().var(0).sum())


def test_activity_divergence_equals_scipy_over_all_pairs() -> None:
    active, labels = torch.rand(20, 4) < 0.5, torch.tensor([0] * 9 + [1] * 10 + [2])
    groups = classes(active, labels)
    within = np.mean([np.mean([divergence(p, q) for p, q in combinations(g, 2)]) for g in groups if len(g) > 1])
    between = np.mean([np.mean([divergence(p, q) for p, q in product(a, b)]) for a, b in combinations(groups, 2)])
    expected = pytest.approx({"within": within, "between": between, "gap": between - within})
    assert gamma.activity_jsd(active, labels) == expected
    assert gamma.gamma_jsd(active.float(), labels) == expected, "where gamma is 0 or 1 the two are the same"


def test_gamma_divergence_equals_scipy_within_over_all_pairs_and_between_row_by_row() -> None:
    rates, labels = torch.rand(13, 3), torch.tensor([0, 1] * 6 + [1])
    groups = classes(rates, labels)
    within = np.mean([np.mean([divergence(p, q) for p, q in combinations(group, 2)]) for group in groups])
    between = np.mean([divergence(p, q) for p, q in zip(*groups, strict=False)])
    for matrix in (rates, csr(rates)):
        found = gamma.gamma_jsd(matrix, labels)
        assert found == pytest.approx({"within": within, "between": between, "gap": between - within}, rel=1e-6)


def test_jaccard_equals_python_sets_over_all_pairs() -> None:
    active, labels = torch.rand(30, 4) < 0.3, torch.arange(30) % 3
    groups = classes(active, labels)
    within = np.mean([np.mean([jaccard(a, b) for a, b in combinations(group, 2)]) for group in groups])
    between = np.mean([np.mean([jaccard(a, b) for a, b in product(*pair)]) for pair in combinations(groups, 2)])
    found = gamma.activity_jaccard(active, labels)
    assert found == pytest.approx({"within": within, "between": between, "gap": within - between})


def test_pairs_are_formed_of_evenly_spaced_samples_of_each_class(monkeypatch: pytest.MonkeyPatch) -> None:
    rates, labels = torch.rand(42, 3), torch.arange(42) % 2
    some = torch.cat([(labels == c).nonzero().squeeze(1)[[0, 5, 10, 15, 20]] for c in (0, 1)])
    monkeypatch.setattr(gamma, "MAX_PER_CLASS", 5)
    assert gamma.gamma_jsd(rates, labels) == pytest.approx(gamma.gamma_jsd(rates[some], labels[some]))
    active = rates > 0.5
    assert gamma.activity_jaccard(active, labels) == gamma.activity_jaccard(active[some], labels[some])


def test_the_floor_is_the_least_share_of_all_codes_by_enumeration() -> None:
    """Of every unit of 9 samples in classes of 2, 3 and 4: the least share of those that are on equally often."""
    labels = torch.tensor([0] * 2 + [1] * 3 + [2] * 4)
    units = torch.tensor(list(product([False, True], repeat=9))[1:-1]).T
    shares = torch.tensor([gamma.activity_variance_share(unit[:, None], labels) for unit in units.T])
    above = torch.tensor([gamma.activity_variance_above_floor(unit[:, None], labels) for unit in units.T])
    for count in range(1, 9):
        alike = units.sum(0) == count
        floor = shares[alike].min()
        chance = shares[alike].mean()  # each code that is on equally often is as likely, if labels are dealt out anew
        assert chance == pytest.approx(6 / 8)
        torch.testing.assert_close(above[alike], (shares[alike] - floor) / (chance - floor), atol=1e-6, rtol=0)
    # Of several units the variances add up before the share is taken, and so do their floors.
    pair = units[:, [3, 200]]
    n = pair.sum(0) / 9
    totals = n * (1 - n)
    floors = [shares[units.sum(0) == count].min() for count in pair.sum(0)]
    floor = sum(t * f for t, f in zip(totals, floors, strict=True)) / totals.sum()
    expected = (gamma.activity_variance_share(pair, labels) - floor) / (6 / 8 - floor)
    assert gamma.activity_variance_above_floor(pair, labels) == pytest.approx(float(expected), abs=1e-6)


@pytest.mark.parametrize("p", [0.01, 0.05, 0.15, 0.5])
@pytest.mark.parametrize("sizes", [[500] * 10, [100, 900, 400, 1600, 2000]])
def test_above_its_floor_a_code_that_knows_no_class_has_all_and_one_that_follows_the_class_nothing(
    p: float, sizes: list[int]
) -> None:
    labels = torch.arange(len(sizes)).repeat_interleave(torch.tensor(sizes))
    n = int(p * 5000)
    blind = torch.rand(5000, 40).argsort(0) < n
    follows = torch.arange(5000) < n  # classes one after the other: one of them in part
    assert gamma.activity_variance_above_floor(blind, labels) == pytest.approx(1, abs=0.03)
    found = gamma.activity_variance_above_floor(follows[:, None], labels)
    share = gamma.activity_variance_share(follows[:, None], labels)
    if sizes[0] == 500:
        rest = n % 500
        floor = rest * (500 - rest) / 500 / (n * (1 - p))
        assert share == pytest.approx(floor)
        assert p >= 0.1 or floor == pytest.approx((1 - 10 * p) / (1 - p))
        assert found == pytest.approx(0, abs=1e-9)
    assert 0 <= found <= share * 4999 / (5000 - len(sizes))


def test_above_its_floor_nothing_can_be_said_of_one_class_or_of_a_code_that_never_varies() -> None:
    labels = torch.arange(8) % 2
    alike = NotApplicable("no activity varies")
    assert gamma.activity_variance_above_floor(torch.ones(8, 3).bool(), labels) == alike
    assert gamma.activity_variance_above_floor(torch.zeros(8, 3).bool(), labels) == alike
    one = NotApplicable("fewer than two classes occur")
    assert gamma.activity_variance_above_floor(ACTIVE, torch.zeros(4).long()) == one
    # ACTIVE: units 0 and 2 do not vary; unit 1 is on in 3 of 4, always in 2 of a class and 1 of the other.
    single = NotApplicable("units that are on, or off, for a single sample have no other share")
    assert gamma.activity_variance_above_floor(ACTIVE, LABELS) == single
    assert gamma.activity_variance_above_floor(torch.eye(20).bool(), torch.arange(20) % 4) == single


@pytest.mark.parametrize("n_active", [2, 3, 6])
@pytest.mark.parametrize("sizes", [[30] * 10, [200, 60, 30, 10]])
def test_by_chance_units_that_are_rarely_on_have_all_above_their_floor(n_active: int, sizes: list[int]) -> None:
    labels = torch.arange(len(sizes)).repeat_interleave(torch.tensor(sizes))
    units = torch.rand(300, 4000).argsort(0) < n_active
    assert gamma.activity_variance_above_floor(units, labels) == pytest.approx(1, abs=0.05)


def test_a_class_code_has_no_spread_within_classes() -> None:
    labels = torch.arange(300) % 10
    oracle = torch.nn.functional.one_hot(labels, 10)
    for code in (oracle.bool(), csr(oracle)):
        assert gamma.activity_variance(code, labels) == 0
        assert gamma.activity_variance_share(code, labels) == 0
        assert gamma.activity_jsd(code, labels) == pytest.approx({"within": 0, "between": 2 * LN2, "gap": 2 * LN2})
        assert gamma.activity_jaccard(code, labels) == pytest.approx({"within": 1, "between": 0, "gap": 1})


def test_noise_has_all_its_spread_within_classes() -> None:
    labels, noise = torch.arange(3000) % 10, torch.rand(3000, 10) < 0.3
    assert gamma.activity_variance_share(noise, labels) > 0.98
    assert gamma.activity_variance(noise, labels) == pytest.approx(0.21, abs=0.01)
    assert abs(gamma.activity_jsd(noise, labels)["gap"]) < 0.02 * gamma.activity_jsd(noise, labels)["within"]
    assert abs(gamma.activity_jaccard(noise, labels)["gap"]) < 0.02
    assert abs(gamma.gamma_jsd(torch.rand(3000, 10), labels)["gap"]) < 0.05


def test_a_code_that_never_changes_has_no_variance_to_share() -> None:
    labels, level = torch.arange(8) % 2, torch.full((8, 3), 0.7)
    assert gamma.gamma_variance(level, labels) == pytest.approx(0, abs=1e-12)
    assert gamma.gamma_variance_share(level, labels) == 1
    assert gamma.gamma_jsd(level, labels) == pytest.approx({"within": 0, "between": 0, "gap": 0}, abs=1e-12)
    assert gamma.activity_jaccard(torch.zeros(8, 3).bool(), labels) == {"within": 1, "between": 1, "gap": 0}


def test_where_no_class_has_a_pair_nothing_is_said_of_pairs_within() -> None:
    eye, labels = torch.eye(3), torch.arange(3)
    assert gamma.activity_jsd(eye.bool(), labels) == pytest.approx({"between": 2 * LN2})
    assert gamma.activity_jaccard(eye.bool(), labels) == {"between": 0}
    assert gamma.gamma_jsd(eye / 2, labels).keys() == {"between"}
    assert gamma.activity_jsd(eye.bool(), torch.zeros(3).long()).keys() == {"within"}
    alone = NotApplicable("there are fewer than two samples")
    assert gamma.activity_jsd(eye[:1].bool(), labels[:1]) == gamma.activity_jaccard(eye[:1], labels[:1]) == alone
    assert gamma.gamma_jsd(eye[:1] / 2, labels[:1]) == alone


def test_the_variance_of_rates_near_one_keeps_its_digits() -> None:
    rates, labels = 1 - 1e-4 * torch.rand(400, 3), torch.arange(400) % 2
    expected = np.mean([group.var(0) for group in classes(rates, labels)])
    assert gamma.gamma_variance(rates, labels) == pytest.approx(expected, rel=1e-5)


@given(arrays(np.float32, (8, 3), elements=st.floats(0, 1, width=32, allow_subnormal=False)))
@settings(deadline=None, max_examples=25)
def test_divergences_lie_between_zero_and_ln_2_a_unit_and_shrinking_wins_no_share(rates: np.ndarray) -> None:
    probabilities, labels = torch.from_numpy(rates), torch.arange(8) % 2
    found = gamma.gamma_jsd(probabilities, labels)
    assert 0 <= found["within"] <= 3 * LN2 + 1e-9
    assert -1e-9 <= found["between"] <= 3 * LN2 + 1e-9
    if rates.astype(np.float64).var(0).sum() > 1e-6:
        half = gamma.gamma_variance_share(probabilities / 2, labels)
        assert half == pytest.approx(gamma.gamma_variance_share(probabilities, labels), rel=1e-6, abs=1e-9)
