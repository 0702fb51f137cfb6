"""Correlation between classes and between units: by hand, beside numpy, and a Mantel test by brute force."""

from __future__ import annotations

from itertools import combinations, permutations

import numpy as np
import pytest
import torch
from torch import Tensor

from metrics import correlation
from metrics.base import NotApplicable
from tests.metrics.cases import csr

# Classes 0 and 1 share one pattern, 2 and 3 the opposite one: correlation 1 within the categories, -1 between them.
PATTERNS = torch.tensor([[1.0, 0, 1, 0], [1, 0, 1, 0], [0, 1, 0, 1], [0, 1, 0, 1]])
PAIRED = torch.tensor([0, 0, 1, 1])
NO_GAP = NotApplicable("no pair of classes within a category, or none between categories, has a correlation")


def class_means(rates: Tensor, labels: Tensor) -> np.ndarray:
    return np.stack([rates[labels == c].double().mean(0).numpy() for c in labels.unique()])


def gap_of(matrix: np.ndarray, categories: tuple[int, ...]) -> float:
    """Mean over pairs within a category minus the mean over the other pairs, pair by pair."""
    pairs = list(combinations(range(len(categories)), 2))
    within = [matrix[i, j] for i, j in pairs if categories[i] == categories[j]]
    between = [matrix[i, j] for i, j in pairs if categories[i] != categories[j]]
    return float(np.mean(within) - np.mean(between))


def test_class_correlation_by_hand() -> None:
    labels = torch.arange(8) % 4
    expected = [[1, 1, -1, -1], [1, 1, -1, -1], [-1, -1, 1, 1], [-1, -1, 1, 1]]
    np.testing.assert_allclose(correlation.class_correlation(PATTERNS[labels], labels), expected, atol=1e-12)
    assert correlation.category_gap(PATTERNS[labels], labels, PAIRED) == pytest.approx(2)
    found = correlation.category_correlations(PATTERNS[labels], labels, PAIRED, ["up", "down"])
    assert found == pytest.approx({"up": 1, "down": 1, "between": -1})


def test_mantel_by_hand() -> None:
    # Of the 3 ways to pair 4 classes only the true one has the gap 2; with the names swapped that is 2 of 6: 1/3.
    labels = torch.arange(8) % 4
    assert correlation.category_p_value(PATTERNS[labels], labels, PAIRED) == pytest.approx(1 / 3)


def test_class_correlation_is_numpy_corrcoef_of_the_class_means() -> None:
    rates, labels = torch.rand(90, 7), torch.arange(90) % 3
    expected = np.corrcoef(class_means(rates, labels))
    for gamma in (rates, csr(rates)):
        np.testing.assert_allclose(correlation.class_correlation(gamma, labels), expected, atol=1e-9)


def test_category_measures_agree_with_loops_over_pairs() -> None:
    rates, labels = torch.rand(60, 7), torch.arange(60) % 6
    categories = torch.tensor([0, 1, 0, 2, 1, 1])
    matrix = np.corrcoef(class_means(rates, labels))
    assert correlation.category_gap(rates, labels, categories) == pytest.approx(gap_of(matrix, (0, 1, 0, 2, 1, 1)))
    found = correlation.category_correlations(rates, labels, categories, ["a", "b", "c"])
    pairs = {"a": [(0, 2)], "b": [(1, 4), (1, 5), (4, 5)]}
    pairs["between"] = [p for p in combinations(range(6), 2) if p not in pairs["a"] + pairs["b"]]
    assert found == pytest.approx({key: np.mean([matrix[p] for p in chosen]) for key, chosen in pairs.items()})


@pytest.mark.parametrize("categories", [(0, 0, 1, 1), (0, 1, 0, 2, 2), (0, 0, 0, 1, 1, 1)])
def test_mantel_is_the_share_of_all_distinct_permutations(categories: tuple[int, ...]) -> None:
    n = len(categories)
    labels = torch.arange(5 * n) % n
    rates = torch.rand(5 * n, 4) + torch.tensor(categories)[labels][:, None] * torch.rand(4)
    rates = rates / rates.max()
    matrix = np.corrcoef(class_means(rates, labels))
    dealt = [gap_of(matrix, deal) for deal in set(permutations(categories))]
    expected = np.mean([gap >= gap_of(matrix, categories) - 1e-9 for gap in dealt])
    assert correlation.category_p_value(rates, labels, torch.tensor(categories)) == pytest.approx(expected)


def test_mantel_of_ten_classes_in_three_categories_is_exact() -> None:
    categories = np.array([0, 1, 2, 0, 1, 2, 0, 1, 2, 0])
    deals = correlation._deals(categories)
    assert len({tuple(deal) for deal in deals.tolist()}) == len(deals) == 4200
    labels = torch.arange(50) % 10
    rates = torch.rand(50, 6) + torch.from_numpy(categories)[labels][:, None] * torch.rand(6) / 4
    matrix = np.corrcoef(class_means(rates, labels))
    gaps = [gap_of(matrix, tuple(deal)) for deal in deals.tolist()]
    expected = np.mean([gap >= gap_of(matrix, tuple(categories)) - 1e-9 for gap in gaps])
    found = correlation.category_p_value(rates, labels, torch.from_numpy(categories))
    assert found == pytest.approx(expected, abs=1e-12)


def test_mantel_of_many_classes_is_near_the_share_of_all_permutations(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(correlation, "MOST_DEALS", 69)  # one less than there are
    categories = (0, 0, 0, 0, 1, 1, 1, 1)
    labels = torch.arange(40) % 8
    rates = torch.rand(40, 6)
    matrix = np.corrcoef(class_means(rates, labels))
    dealt = [gap_of(matrix, deal) for deal in set(permutations(categories))]
    expected = np.mean([gap >= gap_of(matrix, categories) - 1e-9 for gap in dealt])
    found = correlation.category_p_value(rates, labels, torch.tensor(categories))
    assert found == pytest.approx(expected, abs=0.02)
    assert 10_000 * found == pytest.approx(round(10_000 * found), abs=1e-6), "drawn 9,999 times, beside the true one"
    assert found == correlation.category_p_value(rates, labels, torch.tensor(categories)), "by a fixed seed"


def test_a_class_without_a_correlation_is_not_dealt_a_category() -> None:
    # Class 3 has a constant mean. Of the three orders of (0, 0, 1) for the others, only the true one has the gap.
    gamma = torch.tensor([[0.9, 0.8, 0.1, 0.2], [0.8, 0.9, 0.2, 0.1], [0.1, 0.2, 0.9, 0.7], [0.5, 0.5, 0.5, 0.5]])
    categories = torch.tensor([0, 0, 1, 2])
    assert correlation.class_correlation(gamma, torch.arange(4))[3].isnan().all()
    assert correlation.category_p_value(gamma, torch.arange(4), categories) == pytest.approx(1 / 3)
    without = correlation.category_gap(gamma[:3], torch.arange(3), categories)
    assert correlation.category_gap(gamma, torch.arange(4), categories) == pytest.approx(without)


@pytest.mark.parametrize("categories", [[0, 0, 0, 0], [0, 1, 2, 3]])
def test_a_gap_needs_two_classes_of_one_category_and_two_categories(categories: list[int]) -> None:
    labels = torch.arange(8) % 4
    assert correlation.category_gap(PATTERNS[labels], labels, torch.tensor(categories)) == NO_GAP
    assert correlation.category_p_value(PATTERNS[labels], labels, torch.tensor(categories)) == NO_GAP


def test_codes_that_say_nothing_of_the_class_have_no_correlation() -> None:
    labels = torch.arange(8) % 4
    for gamma in (torch.zeros(8, 5), torch.full((8, 5), 0.7)):
        assert correlation.class_correlation(gamma, labels).isnan().all()
        assert correlation.category_gap(gamma, labels, PAIRED) == NO_GAP
        assert correlation.category_correlations(gamma, labels, PAIRED, ["a", "b"]) == NotApplicable(
            "no two classes have a correlation"
        )


def test_classes_that_do_not_occur_are_left_out_with_their_category() -> None:
    labels = torch.tensor([0, 2, 3] * 4)
    gamma = torch.tensor([[0.9, 0.1, 0.2], [0.8, 0.3, 0.1], [0.1, 0.9, 0.8], [0.2, 0.7, 0.9]])[labels]
    assert correlation.class_correlation(gamma, labels).shape == (3, 3)
    matrix = np.corrcoef(class_means(gamma, labels))
    assert correlation.category_gap(gamma, labels, PAIRED) == pytest.approx(gap_of(matrix, (0, 1, 1)))


def test_unit_correlation_by_hand() -> None:
    # Unit 1 is minus unit 0, unit 2 is orthogonal to both once centred, unit 3 is dead: |r| = 1, 0, 0.
    z = torch.tensor([[1.0, -1, 1, 0], [-1, 1, 1, 0], [1, -1, -1, 0], [-1, 1, -1, 0]])
    assert correlation.unit_correlation(z, z != 0) == pytest.approx({"mean": 1 / 3, "q95": 0.9})
    assert correlation.unit_correlation(z[:, :1], z[:, :1] != 0) == NotApplicable("fewer than two units are live")


def test_unit_correlation_agrees_with_numpy() -> None:
    z = torch.randn(80, 9) * (torch.rand(80, 9) < 0.5)
    z[:, 4] = 0
    live = [0, 1, 2, 3, 5, 6, 7, 8]
    values = np.abs(np.corrcoef(z[:, live].double().numpy().T))[np.triu_indices(8, 1)]
    found = correlation.unit_correlation(z, z != 0)
    assert found == pytest.approx({"mean": values.mean(), "q95": np.quantile(values, 0.95)}, rel=1e-6)


def test_lift_by_hand() -> None:
    # 40 samples; units 0 and 1 on together in 10 of them: expected 10 x 10 / 40 = 2.5, too few. Twice as many
    # samples: 20 x 20 / 80 = 5 expected, 20 found: lift 4.
    few, many = ((torch.arange(n) % 4 == 0)[:, None].expand(n, 2) for n in (40, 80))
    assert correlation.coactivation_lift(few) == NotApplicable(
        "no two live units are expected to be on together 5 times"
    )
    assert correlation.coactivation_lift(many) == {"mean": 4, "q95": 4}


def test_lift_agrees_with_loops_over_pairs() -> None:
    active = torch.rand(200, 8) < torch.rand(8) / 2
    active[:, 3] = False
    on = active.numpy()
    lifts = []
    for i, j in combinations(range(8), 2):
        expected = on[:, i].sum() * on[:, j].sum() / 200
        if expected >= 5:
            lifts.append((on[:, i] & on[:, j]).sum() / expected)
    assert 0 < len(lifts) < 28, "some pairs are rare, and are left out"
    for matrix in (active, csr(active)):
        found = correlation.coactivation_lift(matrix)
        assert found == pytest.approx({"mean": np.mean(lifts), "q95": np.quantile(lifts, 0.95)})


def test_independent_units_have_lift_one_and_exclusive_ones_zero() -> None:
    assert correlation.coactivation_lift(torch.rand(20_000, 4) < 0.5)["mean"] == pytest.approx(1, abs=0.02)
    assert correlation.coactivation_lift(torch.eye(2).repeat(20, 1)) == {"mean": 0, "q95": 0}
    assert correlation.coactivation_lift(torch.ones(9, 3)) == {"mean": 1, "q95": 1}
    assert correlation.unit_correlation(torch.ones(9, 3), torch.ones(9, 3)) == {"mean": 0, "q95": 0}
