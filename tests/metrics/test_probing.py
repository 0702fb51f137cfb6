"""Linear probes: by hand, beside scikit-learn step by step, and on codes that determine the class or do not."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score
from torch import Tensor

from metrics import probing
from metrics.base import NotApplicable
from metrics.matrix import evenly_spaced
from tests.metrics.cases import csr

ONE_SAMPLE = 0.0067
"""One sample of 150: probes stop at their own tolerance."""


def codes(n: int = 150, m: int = 8, n_classes: int = 4) -> tuple[Tensor, Tensor]:
    """Sparse codes, in which some units fire more in one class, and the classes."""
    labels = torch.randint(n_classes, (n,))
    labels[:n_classes] = torch.arange(n_classes)
    rates = torch.full((n_classes, m), 0.2)
    rates[:, :n_classes] += 0.5 * torch.eye(n_classes)
    z = (torch.rand(n, m) + 0.2) * (torch.rand(n, m) < rates[labels])
    z[:, -1] = 0
    return z, labels


def regression(features: np.ndarray, targets: np.ndarray, **options: Any) -> LogisticRegression:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return LogisticRegression(max_iter=2000, tol=1e-6, **options).fit(features, targets)


def scaled(train: Tensor, test: Tensor) -> tuple[np.ndarray, np.ndarray]:
    a, b = train.double().numpy(), test.double().numpy()
    live = a.std(0) > 0
    return a[:, live] / a[:, live].std(0), b[:, live] / a[:, live].std(0)


def expected_accuracy(train: Tensor, targets: Tensor, test: Tensor, truth: Tensor) -> float:
    a, b = scaled(train, test)
    return float(np.mean(regression(a, targets.numpy()).predict(b) == truth.numpy()))


def largest(z: Tensor, m: int) -> Tensor:
    """The m largest of each row by magnitude, row by row."""
    result = torch.zeros_like(z)
    for i, row in enumerate(z.abs()):
        kept = sorted(range(len(row)), key=lambda j: -row[j].item())[:m]
        result[i, kept] = z[i, kept]
    return result


def test_probes_by_hand() -> None:
    # Unit c is on in class c alone: every probe reads the class, and one unit is enough for 'class c or not'.
    z, labels = torch.eye(3).repeat(10, 1), torch.arange(30) % 3
    assert probing.probe_accuracy(z, labels, z, labels) == 1
    assert probing.truncated_probe(z, labels, z, labels) == {"1": 1, "2": 1}
    assert probing.sparse_probe(z, labels, z, labels) == {"1": 1, "2": 1}


def test_a_probe_of_largest_codes_by_hand() -> None:
    # The sign of unit 1 is the class; unit 0 is larger and says nothing. One code gives a guess, two give certainty.
    sign = torch.tensor([1.0, -1.0]).repeat(20)
    z, labels = torch.stack([torch.full((40,), 5.0), sign], 1), (sign > 0).long()
    assert probing.truncated_probe(z, labels, z, labels) == {"1": 0.5, "2": 1}


def test_accuracies_agree_with_scikit_learn() -> None:
    (train, targets), (test, truth) = codes(), codes()
    expected = expected_accuracy(train, targets, test, truth)
    assert probing.probe_accuracy(test, truth, train, targets) == pytest.approx(expected, abs=ONE_SAMPLE)
    found = probing.truncated_probe(test, truth, train, targets)
    assert found.keys() == {"1", "2", "5"}
    for m in (1, 2, 5):
        expected = expected_accuracy(largest(train, m), targets, largest(test, m), truth)
        assert found[str(m)] == pytest.approx(expected, abs=ONE_SAMPLE)


def test_sparse_probes_agree_with_units_chosen_and_fitted_one_class_at_a_time() -> None:
    (train, targets), (test, truth) = codes(m=12), codes(m=12)
    a, b = scaled(train, test)
    expected: dict[str, list[float]] = {"1": [], "2": [], "5": [], "10": []}
    for label in range(4):
        on = targets.numpy() == label
        difference = [abs(a[on, j].mean() - a[~on, j].mean()) for j in range(a.shape[1])]
        order = sorted(range(a.shape[1]), key=lambda j: -difference[j])
        for k, scores in expected.items():
            units = order[: int(k)]
            guess = regression(a[:, units], on, class_weight="balanced").predict(b[:, units])
            scores.append(balanced_accuracy_score(truth.numpy() == label, guess))
    found = probing.sparse_probe(test, truth, train, targets)
    assert found == pytest.approx({k: np.mean(v) for k, v in expected.items()}, abs=0.02)


def test_codes_that_say_nothing_give_the_commonest_class() -> None:
    labels = torch.tensor([0, 0, 1] * 20)
    for z in (torch.zeros(60, 3), torch.full((60, 3), 0.7), csr(torch.zeros(60, 3))):
        assert probing.probe_accuracy(z, labels, z, labels) == pytest.approx(2 / 3)
        assert probing.sparse_probe(z, labels, z, labels) == {"1": 0.5}
        assert probing.truncated_probe(z, labels, z, labels) == pytest.approx({"1": 2 / 3, "2": 2 / 3})


def test_permuted_labels_are_read_at_chance() -> None:
    (train, targets), (test, truth) = codes(600), codes(600)
    found = probing.probe_accuracy(test, truth[torch.randperm(600)], train, targets)
    assert found == pytest.approx(0.25, abs=0.06)


def test_a_reader_does_not_mind_the_scale_of_the_codes() -> None:
    (train, targets), (test, truth) = codes(), codes()
    for measure in (probing.probe_accuracy, probing.truncated_probe, probing.sparse_probe):
        expected = measure(test, truth, train, targets)
        assert measure(test * 2.0**-30, truth, train * 2.0**-30, targets) == expected


def test_units_that_are_constant_in_training_are_not_read() -> None:
    (train, targets), (test, truth) = codes(), codes()
    expected = probing.probe_accuracy(test, truth, train, targets)
    test[:, -1] = 100 * torch.randn(len(test))
    assert probing.probe_accuracy(test, truth, train, targets) == expected


def test_one_class_cannot_be_told_from_another() -> None:
    (z, labels), none = codes(), torch.zeros(150).long()
    for probe in (probing.probe_accuracy, probing.truncated_probe, probing.sparse_probe):
        assert probe(z, none, z, none) == NotApplicable("fewer than two classes occur in training")
    assert probing.sparse_probe(z, none, z, labels) == NotApplicable(
        "no class of training occurs in some, but not all, of the evaluated samples"
    ), "no class is told from the rest where there is no rest"


def test_classes_that_the_evaluated_samples_lack_are_left_out() -> None:
    (train, targets), (test, truth) = codes(), codes()
    kept = truth != 3
    found = probing.sparse_probe(test[kept], truth[kept], train, targets)
    assert all(0 <= value <= 1 for value in found.values())


def test_probes_are_scored_on_evenly_spaced_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    (train, targets), (test, truth) = codes(), codes()
    chosen = evenly_spaced(150, 40)
    expected = probing.probe_accuracy(test[chosen], truth[chosen], train, targets)
    monkeypatch.setattr(probing, "MAX_SAMPLES", 40)
    assert probing.probe_accuracy(test, truth, train, targets) == expected
    assert probing.probe_accuracy(csr(test), truth, csr(train), targets) == expected


def test_the_layer_that_reads_means_is_sgd_step_by_step() -> None:
    """By hand in float64: 20 steps of momentum on the gradient of the cross-entropy of rectified outputs, one batch."""
    x, y = torch.randn(30, 3), torch.arange(30) % 4
    layer = probing._trained_layer(x, y, 4)
    parameters = np.concatenate([np.zeros((4, 3)), np.ones((4, 1))], axis=1)
    inputs, truth = np.concatenate([x.numpy(), np.ones((30, 1))], axis=1).astype(float), np.eye(4)[y.numpy()]
    velocity = np.zeros_like(parameters)
    for _ in range(20):
        before = inputs @ parameters.T
        scores = np.exp(before.clip(0))
        errors = (scores / scores.sum(1, keepdims=True) - truth) * (before > 0) / 30
        velocity = 0.9 * velocity + errors.T @ inputs
        parameters = parameters - 1e-3 * velocity
    found = torch.cat([layer[0].weight, layer[0].bias[:, None]], dim=1).detach()  # type: ignore[index]
    np.testing.assert_allclose(found.numpy(), parameters, rtol=0, atol=1e-6)
    torch.testing.assert_close(layer(-100 * x), (-100 * x @ found[:, :3].T + found[:, 3]).relu())


def test_means_are_read_whether_units_are_on_or_off() -> None:
    labels = torch.arange(600) % 3 * 7
    x = 5 * torch.nn.functional.one_hot(labels // 7, 3).float() + 0.1 * torch.randn(600, 3)
    assert probing.mean_probe(lambda x: x, x, labels, x, labels) == 1
    assert probing.mean_probe(torch.zeros_like, x, labels, x, labels) == pytest.approx(1 / 3)
    assert isinstance(probing.mean_probe(lambda x: x, x, labels, x, torch.zeros_like(labels)), NotApplicable)
