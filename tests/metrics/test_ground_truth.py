"""Recovery of factors: by hand, beside scikit-learn and scipy, and on codes that are the gates or noise."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis.extra.numpy import arrays
from scipy.optimize import linear_sum_assignment
from scipy.stats import mannwhitneyu, pearsonr
from sklearn.metrics import f1_score, roc_auc_score
from torch import Tensor

from metrics import ground_truth
from metrics.base import NotApplicable
from metrics.matrix import evenly_spaced
from tests.metrics.cases import csr

# Four samples, two gates, three units:            gates   units
#                                                   1 0     1 0 1
#                                                   1 1     1 1 1
#                                                   0 1     0 0 1
#                                                   0 0     0 0 1
# Unit 0 is gate 0. Unit 1 is on for one of gate 1's two samples. Unit 2 is always on.
GATES = torch.tensor([[1, 0], [1, 1], [0, 1], [0, 0]])
UNITS = torch.tensor([[1.0, 0, 1], [1, 1, 1], [0, 0, 1], [0, 0, 1]])


def factors(n: int = 120, n_units: int = 9, n_gates: int = 4) -> tuple[Tensor, Tensor]:
    """Codes (N, M) of which the first follow the gates loosely, and gates (N, F)."""
    gates = torch.rand(n, n_gates) < 0.4
    z = torch.randn(n, n_units).relu()
    z[:, 1 : 1 + n_gates] += gates * torch.rand(n_gates) * 2
    z[:, 1] *= -1
    return z, gates


def test_correlation_and_auc_by_hand() -> None:
    # |r|: unit 0 with gate 0 is 1, with gate 1 is 0; unit 1 with either gate 1 / sqrt(3) (covariance 1/8, deviations
    # 1/2 and sqrt(3)/4); unit 2 is constant. Matched 0-0, 1-1: (1 + 1 / sqrt(3)) / 2.
    assert ground_truth.mcc(UNITS, GATES) == pytest.approx((1 + 1 / 3**0.5) / 2)
    # AUC of unit 0 for gate 0: 1. Gate 1: unit 1 is higher in 2 of the 4 pairs and equal in 2: 3/4. Mean 7/8.
    assert ground_truth.gate_auc(UNITS, GATES, UNITS, GATES) == pytest.approx(7 / 8)
    recovery = ground_truth.factor_recovery(UNITS, GATES, UNITS, GATES, ["global", "exclusive"])
    assert recovery == {"global": 1, "class-specific": 0}


def test_f1_by_hand() -> None:
    # Gate 0, unit 0: 1. Gate 1: unit 0 has 2 x 1 / (2 + 2) = 1/2, unit 1 2 x 1 / 3, unit 2 2 x 2 / 6. Mean 5/6.
    assert ground_truth.gate_f1(UNITS > 0, GATES, UNITS > 0, GATES) == pytest.approx(5 / 6)


def test_values_and_tracking_by_hand() -> None:
    # Unit 0 is minus the value where it is known; its sign is that of the training samples. The third row has none.
    z, values = torch.tensor([[-1.0], [-2.0], [9.0], [-4.0]]), torch.tensor([[1.0], [2.0], [torch.nan], [4.0]])
    assert ground_truth.value_correlation(z, values, z, values) == pytest.approx(1)
    assert ground_truth.value_correlation(-z, values, z, values) == pytest.approx(-1)
    # The measure is the unit in class 0, and minus the unit in class 1 of the test samples; in training, the unit: 0.
    labels, unit = torch.tensor([0, 0, 1, 1]), torch.tensor([[1.0], [2.0], [1.0], [2.0]])
    turned = torch.tensor([[1.0], [2.0], [2.0], [1.0]])
    everywhere = ground_truth.tracking(unit, labels, unit, unit, labels, unit, ["slant"])
    half = ground_truth.tracking(unit, labels, turned, unit, labels, unit, ["slant"])
    assert everywhere == pytest.approx({"slant": 1, "slant min": 1})
    assert half == pytest.approx({"slant": 0, "slant min": -1})
    assert ground_truth.unit_tracking(unit, labels, turned).tolist() == [[pytest.approx(0)]]


def test_atoms_by_hand() -> None:
    # Feature 1 is a child of 0. Its unit learned (1, 1): the cosine with the parent's atom is 1 / sqrt(2). The best
    # cosine of each true atom: 1 and 1 / sqrt(2). Lengths do not count.
    atoms, true = torch.tensor([[2.0, 0.0], [3.0, 3.0]]), torch.tensor([[5.0, 0.0], [0.0, 0.1]])
    parents = torch.tensor([-1, 0])
    assert ground_truth.absorption(atoms, GATES, GATES > 0, GATES, true, parents) == pytest.approx(0.5**0.5)
    assert ground_truth.atom_recovery(atoms, true) == pytest.approx((1 + 0.5**0.5) / 2)
    # Unit 1 of the table follows gate 1 with r = 0.577, unit 0 gate 0 with 1: both are found.
    assert ground_truth.features_found(UNITS > 0, GATES, true) == 1
    assert ground_truth.features_found(UNITS[:, 1:] > 0, GATES, true) == 0.5
    assert ground_truth.features_found(UNITS[:, :1] > 0, GATES, true) == 0.5, "one unit for two features"


def correlation_table(z: Tensor, others: Tensor) -> np.ndarray:
    return np.array([[pearsonr(u, g).statistic for g in others.double().numpy().T] for u in z.double().numpy().T])


@pytest.mark.parametrize("n_units", [9, 3])
def test_mcc_agrees_with_scipy_and_with_all_matchings(n_units: int) -> None:
    z, gates = factors(n_units=9)
    z = z[:, :n_units]
    table = np.abs(correlation_table(z, gates))
    units, matched = linear_sum_assignment(-table)
    found = ground_truth.mcc(z, gates)
    assert found == pytest.approx(table[units, matched].sum() / 4)
    if n_units == 3:
        best = max(sum(table[u, g] for u, g in enumerate(chosen)) for chosen in permutations(range(4), 3))
        assert found == pytest.approx(best / 4), "a gate without a unit counts 0"


def aucs(z: Tensor, gates: Tensor) -> np.ndarray:
    return np.array([[roc_auc_score(g, unit) for g in gates.numpy().T] for unit in z.numpy().T])


def test_auc_agrees_with_scikit_learn_and_mann_whitney() -> None:
    (train, train_gates), (test, gates) = factors(), factors()
    table = aucs(train, train_gates)
    scores = []
    for f in range(4):
        unit = max(range(9), key=lambda j: abs(table[j, f] - 0.5))
        sign = 1 if table[unit, f] >= 0.5 else -1
        scores.append(roc_auc_score(gates[:, f], sign * test[:, unit]))
        on = gates[:, f]
        wins = mannwhitneyu(sign * test[on, unit].double(), sign * test[~on, unit].double()).statistic
        assert scores[-1] == pytest.approx(wins / (on.sum() * (~on).sum()))
    assert ground_truth.gate_auc(test, gates, train, train_gates) == pytest.approx(np.mean(scores))
    roles = ["global", "shared", "exclusive", "global"]
    recovered = np.array(scores) >= 0.9
    expected = {"global": recovered[[0, 3]].mean(), "class-specific": recovered[[1, 2]].mean()}
    assert ground_truth.factor_recovery(test, gates, train, train_gates, roles) == pytest.approx(expected)


def test_f1_agrees_with_scikit_learn() -> None:
    (train, train_gates), (test, gates) = factors(), factors()
    on, train_on = test != 0, train != 0
    scores = []
    for f in range(4):
        unit = max(range(9), key=lambda j: f1_score(train_gates[:, f], train_on[:, j]))
        scores.append(f1_score(gates[:, f], on[:, unit]))
    assert ground_truth.gate_f1(on, gates, train_on, train_gates) == pytest.approx(np.mean(scores))


def noisy_values(z: Tensor) -> Tensor:
    """One value near a unit, and one near minus a unit; each is unknown for some samples."""
    values = torch.stack([z[:, 2], -3 * z[:, 5]], 1) + 0.5 * torch.randn(len(z), 2)
    return torch.where(torch.rand(len(z), 2) < 0.3, torch.nan, values)


@pytest.mark.parametrize(("scale", "offset"), [(1.0, 0.0), (1e-8, 0.0), (1.0, 1e4), (0.1, 1e3)])
def test_value_correlation_agrees_with_scipy_whatever_the_scale(scale: float, offset: float) -> None:
    (train, _), (test, _) = factors(), factors()
    train_values, values = noisy_values(train), noisy_values(test)
    train, test = scale * train + offset, scale * test + offset
    scores = []
    for v in range(2):
        known, here = train_values[:, v].isfinite(), values[:, v].isfinite()
        rs = correlation_table(train[known], train_values[known][:, [v]])[:, 0]
        unit = np.abs(rs).argmax()
        scores.append(np.sign(rs[unit]) * pearsonr(test[here, unit].double(), values[here, v].double()).statistic)
    for a, b in ((test, train), (csr(test), csr(train))):
        found = ground_truth.value_correlation(a, values, b, train_values)
        assert found == pytest.approx(np.mean(scores), rel=1e-5)


def test_tracking_agrees_with_scipy_class_by_class() -> None:
    (train, _), (test, _) = factors(), factors()
    train_labels, labels = torch.randint(3, (120,)), torch.arange(120) % 3
    train_measures, measures = (
        z[:, [2, 4]] * torch.tensor([1, -1]) + torch.rand(120, 2) + y[:, None]
        for z, y in ((train, train_labels), (test, labels))
    )

    def within(z: Tensor, y: Tensor, m: Tensor) -> np.ndarray:
        return np.array([correlation_table(z[y == c], m[y == c]) for c in range(3)])

    means, scores = within(train, train_labels, train_measures).mean(0), within(test, labels, measures)
    best = np.abs(means).argmax(0)
    chosen = {name: np.sign(means[best[i], i]) * scores[:, best[i], i] for i, name in enumerate("ab")}
    expected = {name: s.mean() for name, s in chosen.items()} | {f"{name} min": s.min() for name, s in chosen.items()}
    found = ground_truth.tracking(test, labels, measures, train, train_labels, train_measures, "ab")
    assert found == pytest.approx(expected)
    np.testing.assert_allclose(ground_truth.unit_tracking(test, labels, measures), scores.mean(0), atol=1e-6)


def test_absorption_and_features_agree_with_a_matching_by_scipy() -> None:
    active = torch.rand(200, 7) < 0.4
    gates = active[:, [6, 1, 4, 0, 2]] ^ (torch.rand(200, 5) < torch.tensor([0.05, 0.1, 0.1, 0.3, 0.05]))
    atoms, true, parents = torch.randn(7, 6), torch.randn(5, 6), torch.tensor([-1, 0, 0, 1, 2])
    table = correlation_table(active, gates)
    units, features = linear_sum_assignment(-table)
    unit_of = dict(zip(features, units, strict=True))
    found = [f for f in range(5) if table[unit_of[f], f] >= 0.5]
    assert 0 < len(found) < 5
    assert ground_truth.features_found(active, gates, true) == pytest.approx(len(found) / 5)

    def cosine(a: Tensor, b: Tensor) -> float:
        return float(a.double() @ b.double() / (a.double().norm() * b.double().norm()))

    cosines = [cosine(atoms[unit_of[f]], true[parents[f]]) for f in found if parents[f] >= 0]
    z = active * (0.1 + torch.rand(200, 7))
    assert ground_truth.absorption(atoms, z, active, gates, true, parents) == pytest.approx(np.mean(cosines))
    signs = torch.tensor([1, -1, -1, 1, -1, 1, -1])
    for codes in (z * signs, csr(z * signs)):
        found_too = ground_truth.absorption(atoms * signs[:, None], codes, active, gates, true, parents)
        assert found_too == pytest.approx(np.mean(cosines)), "-z times -atom is the same"
    best = [max(cosine(a, t) for a in atoms) for t in true]
    assert ground_truth.atom_recovery(atoms, true) == pytest.approx(np.mean(best))


def test_the_gates_as_codes_are_found_without_error() -> None:
    gates = torch.rand(100, 6) < 0.4
    z, order = gates.float(), torch.randperm(6)
    for codes in (z[:, order], torch.cat([torch.rand(100, 3), 5 * z], 1)):
        assert ground_truth.mcc(codes, gates) == pytest.approx(1)
        assert ground_truth.gate_auc(codes, gates, codes, gates) == 1
        assert set(ground_truth.factor_recovery(codes, gates, codes, gates, ["global"] * 6).values()) == {1}
    assert ground_truth.gate_f1(gates[:, order], gates, gates, gates) < 1
    assert ground_truth.gate_f1(gates, gates, gates, gates) == 1
    eye, parents = torch.eye(6), torch.tensor([-1, 0, 0, 1, 1, -1])
    assert ground_truth.absorption(eye[order], z[:, order], gates[:, order], gates, eye, parents) == 0
    assert ground_truth.absorption(eye[[0, 0, 0, 1, 1, 5]], z, gates, gates, eye, parents) == 1, "all absorbed"
    assert ground_truth.features_found(gates[:, order], gates, eye) == 1
    assert ground_truth.atom_recovery(eye[order], eye) == 1
    strengths = torch.where(gates, torch.rand(100, 6), torch.nan)
    assert ground_truth.value_correlation(
        strengths.nan_to_num(), strengths, strengths.nan_to_num(), strengths
    ) == pytest.approx(1)


def test_permuted_gates_are_found_at_chance() -> None:
    train_gates, gates = torch.rand(4000, 5) < 0.5, torch.rand(4000, 5) < 0.5
    train_z, z = (g[torch.randperm(4000)].float() for g in (train_gates, gates))
    assert ground_truth.gate_auc(z, gates, train_z, train_gates) == pytest.approx(0.5, abs=0.03)
    assert ground_truth.mcc(z, gates) < 0.05
    assert ground_truth.factor_recovery(z, gates, train_z, train_gates, ["global"] * 5) == {"global": 0}
    assert ground_truth.gate_f1(z > 0, gates, train_z > 0, train_gates) == pytest.approx(0.5, abs=0.03)
    assert ground_truth.features_found(z > 0, gates, torch.eye(5)) == 0
    assert ground_truth.absorption(torch.eye(5), z, z > 0, gates, torch.eye(5), torch.zeros(5).long()) == NotApplicable(
        "no feature with a parent is recovered"
    )


@pytest.mark.parametrize("level", [0.0, 0.7])
def test_codes_that_are_the_same_for_all_find_nothing(level: float) -> None:
    _, gates = factors()
    z, values = torch.full((120, 6), level), torch.rand(120, 2)
    assert ground_truth.mcc(z, gates) == 0
    assert ground_truth.gate_auc(z, gates, z, gates) == 0.5
    assert ground_truth.factor_recovery(z, gates, z, gates, ["global"] * 4) == {"global": 0}
    assert ground_truth.value_correlation(z, values, z, values) == 0
    labels = torch.arange(120) % 3
    assert ground_truth.tracking(z, labels, values, z, labels, values, "ab") == dict.fromkeys(
        ("a", "b", "a min", "b min"), 0
    )
    shares = gates.double().mean(0).numpy()
    expected = np.mean(2 * shares / (1 + shares)) if level else 0
    assert ground_truth.gate_f1(z > 0, gates, z > 0, gates) == pytest.approx(expected)


def test_gates_that_do_not_change_are_left_out() -> None:
    z, gates = factors()
    expected = ground_truth.mcc(z, gates), ground_truth.gate_auc(z, gates, z, gates)
    stuck = torch.cat([gates, torch.zeros(120, 1).bool(), torch.ones(120, 1).bool()], 1)
    assert (ground_truth.mcc(z, stuck), ground_truth.gate_auc(z, stuck, z, stuck)) == pytest.approx(expected)
    on = z != 0
    assert ground_truth.gate_f1(on, stuck, on, stuck) == pytest.approx(ground_truth.gate_f1(on, gates, on, gates))
    roles = ["global", "shared", "exclusive", "global", "global", "shared"]
    recovery = ground_truth.factor_recovery(z, stuck, z, stuck, roles)
    assert recovery == ground_truth.factor_recovery(z, gates, z, gates, roles[:4])
    still = stuck[:, 4:]
    assert (
        ground_truth.mcc(z, still)
        == ground_truth.gate_auc(z, still, z, still)
        == ground_truth.gate_f1(on, still, on, still)
        == NotApplicable("no factor is present in some samples and absent in others")
    )
    assert ground_truth.factor_recovery(z, still, z, still, ["global", "global"]) == NotApplicable(
        "no factor is present in some samples and absent in others"
    )


def test_no_factor_at_all_is_no_score() -> None:
    z, none = torch.rand(9, 3), torch.zeros(9, 0)
    assert (
        ground_truth.mcc(z, none)
        == ground_truth.gate_auc(z, none, z, none)
        == ground_truth.gate_f1(z > 0.5, none, z > 0.5, none)
        == NotApplicable("no factor is present in some samples and absent in others")
    )
    assert ground_truth.value_correlation(z, none, z, none) == NotApplicable("no factor has a value")


def test_no_measure_at_all_is_not_tracked() -> None:
    z, labels, none = torch.rand(9, 3), torch.arange(9) % 3, torch.zeros(9, 0)
    assert ground_truth.tracking(z, labels, none, z, labels, none, []) == NotApplicable("no shape is measured")
    assert ground_truth.unit_tracking(z, labels, none).shape == (3, 0)


def test_the_unit_of_a_gate_is_chosen_in_training_not_in_testing() -> None:
    gates = torch.tensor([[1.0], [0.0]]).repeat(10, 1)
    noise = torch.tensor([[0.0], [0.0], [1.0], [1.0]]).repeat(5, 1)
    train_z, z = torch.cat([gates, noise], 1), torch.cat([noise, gates], 1)
    assert ground_truth.gate_auc(z, gates, train_z, gates) == 0.5
    assert ground_truth.gate_f1(z > 0, gates, train_z > 0, gates) == 0.5
    assert ground_truth.value_correlation(z, gates, train_z, gates) == pytest.approx(0, abs=1e-12)


def test_auc_is_read_on_evenly_spaced_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    (train, train_gates), (test, gates) = factors(), factors()
    chosen = evenly_spaced(120, 50)
    expected = ground_truth.gate_auc(test[chosen], gates[chosen], train, train_gates)
    monkeypatch.setattr(ground_truth, "MAX_SAMPLES", 50)
    assert ground_truth.gate_auc(test, gates, train, train_gates) == expected


@given(arrays(np.bool_, (8, 3)), arrays(np.bool_, (8, 2)))
@settings(deadline=None, max_examples=25)
def test_any_small_table_has_the_f1_of_scikit_learn(on: np.ndarray, gates: np.ndarray) -> None:
    active, truth = torch.from_numpy(on), torch.from_numpy(gates)
    table = np.array([[f1_score(g, unit, zero_division=0) for g in gates.T] for unit in on.T])
    changing = gates.any(0) & ~gates.all(0)
    expected = pytest.approx(table.max(0)[changing].mean()) if changing.any() else ground_truth.NO_CHANGE
    assert ground_truth.gate_f1(active, truth, active, truth) == expected
