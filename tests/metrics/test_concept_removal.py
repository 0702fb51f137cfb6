"""Concept removal: oracle and mixing codes at the two ends, and the protocol once more, one unit at a time."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from scipy.linalg import hadamard
from torch import Tensor

from metrics import concept_removal
from metrics.base import NotApplicable
from tests.metrics.cases import csr

M, D = 16, 20
ATOMS = np.linalg.qr(np.random.default_rng(0).standard_normal((D, D)))[0][:M]
MIXING = hadamard(M) / 4
"""A rotation after which every unit holds as much of each attribute as any other."""


def tensor(array: np.ndarray) -> Tensor:
    return torch.from_numpy(np.asarray(array, np.float32))


def attributes(n: int, seed: int, rate: float = 0.5) -> tuple[np.ndarray, np.ndarray]:
    """Gates (N, M) and inputs: an orthonormal atom for each gate that is on, and noise."""
    rng = np.random.default_rng(seed)
    gates = rng.random((n, M)) < rate
    return gates, gates @ ATOMS + 0.1 * rng.standard_normal((n, D))


def classes(n: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels of four classes, codes in which unit c is on in class c, and others at random, and inputs."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 4
    z = (rng.random((n, M)) < 0.3) * (1 + rng.random((n, M)))
    z[:, :4] = np.eye(4)[labels]
    return labels, z, z @ ATOMS + 0.05 * rng.standard_normal((n, D))


def scr(z: np.ndarray, train_z: np.ndarray, atoms: np.ndarray) -> dict[str, float] | NotApplicable:
    (gates, x), (train_gates, train_x) = attributes(400, 2), attributes(800, 3)
    return concept_removal.spurious_correlation_removal(
        lambda c: c @ tensor(atoms), tensor(x), tensor(z), torch.from_numpy(gates), tensor(train_x), tensor(train_z),
        torch.from_numpy(train_gates),
    )  # fmt: skip


def test_a_unit_for_each_factor_removes_the_spurious_one_alone() -> None:
    gates, train = attributes(400, 2)[0], attributes(800, 3)[0]
    found = scr(gates, train, ATOMS)
    assert isinstance(found, dict)
    assert found.keys() == {"2", "5", "10"}, "there are 16 units"
    assert found["2"] == pytest.approx(1, abs=0.1)


def test_codes_that_mix_all_factors_or_say_nothing_of_them_remove_nothing() -> None:
    gates, train = attributes(400, 2)[0], attributes(800, 3)[0]
    found = scr(gates @ MIXING, train @ MIXING, MIXING.T @ ATOMS)
    dead = scr(0 * gates, 0 * train, ATOMS)
    assert isinstance(found, dict)
    assert found["2"] == pytest.approx(0, abs=0.2)
    assert dead == {"2": 0, "5": 0, "10": 0}


def tpp(z: np.ndarray, train_z: np.ndarray, atoms: np.ndarray) -> dict[str, float] | NotApplicable:
    (labels, _, x), (train_labels, _, train_x) = classes(200, 4), classes(400, 5)
    return concept_removal.targeted_probe_perturbation(
        lambda c: c @ tensor(atoms), tensor(x), tensor(z), torch.from_numpy(labels), tensor(train_x), tensor(train_z),
        torch.from_numpy(train_labels),
    )  # fmt: skip


def test_a_unit_for_each_class_blinds_its_own_probe_alone() -> None:
    """It then never sees its class: half of its balanced accuracy. What all units hold as a mixture blinds nobody."""
    z, train = classes(200, 4)[1], classes(400, 5)[1]
    found, mixed = tpp(z, train, ATOMS), tpp(z @ MIXING, train @ MIXING, MIXING.T @ ATOMS)
    assert isinstance(found, dict)
    assert isinstance(mixed, dict)
    assert found["2"] == pytest.approx(0.5, abs=0.05)
    assert mixed["2"] == pytest.approx(0, abs=0.05)
    assert tpp(0 * z, 0 * train, ATOMS) == {"2": 0, "5": 0, "10": 0}


def test_a_unit_and_its_atom_may_have_the_other_sign() -> None:
    z, train, signs = classes(200, 4)[1], classes(400, 5)[1], np.where(np.arange(M) % 3 == 0, -1, 1)
    expected = tpp(z, train, ATOMS)
    assert isinstance(expected, dict)
    assert expected["2"] > 0.4
    assert tpp(z * signs, train * signs, signs[:, None] * ATOMS) == expected
    # One unit for two classes, positive in one and negative in the other: both lose their probe, with one unit each.
    z, train = (np.concatenate([(a[:, 0] - a[:, 1])[:, None], 0 * a[:, :1], a[:, 2:]], 1) for a in (z, train))
    atoms = np.concatenate([(ATOMS[0] - ATOMS[1])[None] / 2, ATOMS[1:]])
    both = tpp(z, train, atoms)
    assert isinstance(both, dict)
    assert both["2"] > 0.3
    assert tpp(-z, -train, -atoms) == both


class Naive:
    """The protocol with loops, on a linear decoder: one probe, one unit, one group of samples at a time."""

    def __init__(self, train_x: np.ndarray, train_z: np.ndarray, atoms: np.ndarray) -> None:
        self.x, self.z, self.atoms = train_x, train_z, atoms
        covariance = np.cov(train_x.T, bias=True)
        self.covariance = 0.9 * covariance + 0.1 * np.trace(covariance) / D * np.eye(D)

    def probe(self, on: list[np.ndarray], off: list[np.ndarray]) -> tuple[np.ndarray, float]:
        """Weights and threshold, from groups of training samples with and without the concept."""
        a, b = (np.mean([self.x[group].mean(0) for group in groups], 0) for groups in (on, off))
        weights = np.linalg.solve(self.covariance, a - b)
        return weights, weights @ (a + b) / 2

    def effects(self, on: list[np.ndarray], off: list[np.ndarray], weights: np.ndarray, signed: bool) -> list[float]:
        found = []
        for unit in range(self.z.shape[1]):
            a, b = (np.mean([self.z[group, unit].mean() for group in groups]) for groups in (on, off))
            slope = float(weights @ self.atoms[unit])
            found.append(max(a - b, 0) * slope if signed else abs((a - b) * slope))
        return found

    def removed(self, x: np.ndarray, z: np.ndarray, effects: list[float], n: int, groups: Any = ()) -> np.ndarray:
        """Inputs without what the n strongest units add to them, but for their mean over the groups, if there are."""
        units = [u for u in sorted(range(len(effects)), key=lambda u: -effects[u])[:n] if effects[u] > 1e-9]
        means = np.mean([self.z[group].mean(0) for group in groups], 0) if groups else np.zeros(len(effects))
        return np.asarray(x - (z - means)[:, units] @ self.atoms[units])


def accuracy(probe: tuple[np.ndarray, float], x: np.ndarray, on: list[np.ndarray], off: list[np.ndarray]) -> float:
    weights, threshold = probe
    seen = x @ weights > threshold
    return float((np.mean([seen[g].mean() for g in on]) + np.mean([(~seen[g]).mean() for g in off])) / 2)


@pytest.mark.parametrize("atoms", [ATOMS, np.random.default_rng(1).standard_normal((M, D))], ids=["true", "others"])
def test_tpp_agrees_with_the_protocol_one_class_at_a_time(atoms: np.ndarray) -> None:
    """With others than the true atoms, a unit that is off in a class may move its probe as those that are on do."""
    (labels, z, x), (train_labels, train_z, train_x) = classes(200, 4), classes(400, 5)
    z, train_z = z + 0.3 * z[:, ::-1], train_z + 0.3 * train_z[:, ::-1]
    naive = Naive(train_x, train_z, atoms)
    on = {c: [train_labels == c] for c in range(4)}
    off = {c: [train_labels == other for other in range(4) if other != c] for c in range(4)}
    seen = {c: ([labels == c], [labels == other for other in range(4) if other != c]) for c in range(4)}
    probes = {c: naive.probe(on[c], off[c]) for c in range(4)}
    gaps = []
    for c in range(4):
        changed = naive.removed(x, z, naive.effects(on[c], off[c], probes[c][0], signed=True), 5)
        drop = [accuracy(probes[d], x, *seen[d]) - accuracy(probes[d], changed, *seen[d]) for d in range(4)]
        gaps.append(drop[c] - np.mean([drop[d] for d in range(4) if d != c]))
    found = tpp(z, train_z, atoms)
    assert isinstance(found, dict)
    assert abs(np.mean(gaps)) > 0.05
    assert found["5"] == pytest.approx(np.mean(gaps), abs=1e-6)


def test_scr_agrees_with_the_protocol_one_pair_at_a_time() -> None:
    (gates, x), (train_gates, train_x) = attributes(400, 2), attributes(800, 3)
    z, train_z = gates + 0.3 * gates[:, ::-1], train_gates + 0.3 * train_gates[:, ::-1]
    naive = Naive(train_x, train_z, ATOMS)

    def groups(of: np.ndarray, a: int, b: int) -> dict[tuple[bool, bool], np.ndarray]:
        return {(i, j): (of[:, a] == i) & (of[:, b] == j) for i in (False, True) for j in (False, True)}

    couples = [(a, b) for a in range(M) for b in range(a)]
    couples.sort(key=lambda couple: -min(group.sum() for group in groups(train_gates, *couple).values()))
    scores = []
    for a, b in couples[:4]:
        train, test = groups(train_gates, a, b), groups(gates, a, b)
        sides = {
            0: ([(True, False), (True, True)], [(False, False), (False, True)]),
            1: ([(False, True), (True, True)], [(False, False), (True, False)]),
        }
        of = {k: tuple([[train[key] for key in keys] for keys in side]) for k, side in sides.items()}
        seen = {k: tuple([[test[key] for key in keys] for keys in side]) for k, side in sides.items()}
        biased = naive.probe([train[True, True]], [train[False, False]])
        target = min((0, 1), key=lambda k: accuracy(biased, x, *seen[k]))
        lost, best = accuracy(biased, x, *seen[target]), accuracy(naive.probe(*of[target]), x, *seen[target])
        other = of[1 - target]
        effects = naive.effects(*other, naive.probe(*other)[0], signed=False)
        changed = naive.removed(x, z, effects, 2, list(train.values()))
        scores.append((accuracy(biased, changed, *seen[target]) - lost) / (best - lost))
    found = scr(z, train_z, ATOMS)
    assert isinstance(found, dict)
    assert found["2"] == pytest.approx(np.mean(scores), abs=1e-6)


def test_scr_is_read_on_evenly_spaced_samples_of_each_combination(monkeypatch: pytest.MonkeyPatch) -> None:
    (gates, x), (train_gates, train_x) = attributes(400, 2), attributes(800, 3)
    z, train_z = gates + 0.3 * gates[:, ::-1], train_gates + 0.3 * train_gates[:, ::-1]

    def score(chosen: np.ndarray) -> Any:
        return concept_removal.spurious_correlation_removal(
            lambda c: c @ tensor(ATOMS), tensor(x[chosen]), tensor(z[chosen]), torch.from_numpy(gates[chosen, :2]),
            tensor(train_x), tensor(train_z), torch.from_numpy(train_gates[:, :2]),
        )  # fmt: skip

    everything, whole = np.arange(400), score(np.arange(400))
    monkeypatch.setattr(concept_removal, "SAMPLES", 40)
    groups = [np.flatnonzero((gates[:, :2] == pair).all(1)) for pair in ((0, 0), (0, 1), (1, 0), (1, 1))]
    few = np.concatenate([group[np.linspace(0, len(group) - 1, 10).round().astype(int)] for group in groups])
    assert score(np.sort(few)) == score(everything) != whole


@pytest.mark.parametrize("bias", [torch.rand(D), torch.nn.Parameter(torch.rand(D))])
def test_a_decoder_that_ignores_its_codes_loses_nothing(bias: Tensor) -> None:
    labels, z, x = (torch.from_numpy(values) for values in classes(200, 4))
    with torch.no_grad():
        found = concept_removal.targeted_probe_perturbation(
            lambda c: bias.expand(len(c), -1), x.float(), z.float(), labels, x.float(), csr(z), labels
        )
    assert found == {"2": 0, "5": 0, "10": 0}


def test_where_there_is_nothing_to_remove_the_reason_is_said() -> None:
    labels, z, x = (torch.from_numpy(values) for values in classes(200, 4))
    parts = (lambda c: c, x.float(), z.float())
    few = concept_removal.targeted_probe_perturbation(*parts, labels % 2, x.float(), z.float(), labels)
    assert few == NotApplicable("fewer than three classes occur in training and in the evaluated samples")
    nested = torch.stack([labels > 0, labels > 1], 1)
    none = concept_removal.spurious_correlation_removal(*parts, nested, x.float(), z.float(), nested)
    assert none == NotApplicable("no two factors occur together, apart and not at all often enough")
    gates, _ = attributes(400, 2)
    random = torch.randn(400, D)
    blind = concept_removal.spurious_correlation_removal(
        lambda c: c, random, random, torch.from_numpy(gates), random, random, torch.from_numpy(gates)
    )
    assert isinstance(blind, dict | NotApplicable)
