"""Logistic regression by L-BFGS in torch, beside scikit-learn: the same problem, whatever its classes."""

from __future__ import annotations

import pytest
import torch
from sklearn.datasets import load_digits
from torch import Tensor

from metrics.logistic import Probe, fit, fit_by_lbfgs, fit_by_sklearn


def digits() -> tuple[Tensor, Tensor]:
    x, labels = (torch.from_numpy(part) for part in load_digits(return_X_y=True))
    return (x / 16).float(), labels


def clouds(n_classes: int) -> tuple[Tensor, Tensor]:
    """Sparse codes that overlap, and classes with gaps between their labels."""
    noise = torch.Generator().manual_seed(n_classes)
    members = torch.randint(n_classes, (1500,), generator=noise)
    means = torch.rand(n_classes, 40, generator=noise)
    z = (means[members] + torch.randn(1500, 40, generator=noise)).relu()
    z[:, -1] = 0
    return z, 3 * members + 2


def few_codes() -> tuple[Tensor, Tensor]:
    """The two largest of 40 codes of each sample: a matrix that is mostly zeros."""
    z, labels = clouds(5)
    values, units = z.topk(2)
    return torch.zeros_like(z).scatter(1, units, values), labels


CASES = {"digits": digits(), "2 classes": clouds(2), "7 classes": clouds(7), "few codes": few_codes()}


@pytest.mark.parametrize("case", CASES)
def test_both_find_the_same_probe(case: str) -> None:
    x, labels = CASES[case]
    train, targets = x[::2], labels[::2].contiguous()
    ours, theirs = fit_by_lbfgs(train, targets), fit_by_sklearn(train.numpy(), targets.numpy())
    test, truth = x[1::2], labels[1::2]
    accuracy = float((ours.predict(test) == truth).double().mean())
    assert accuracy == pytest.approx(theirs.score(test.numpy(), truth.numpy()), abs=2e-3)
    assert 0.3 < accuracy < 1
    objectives = [_objective(probe, train, targets) for probe in (ours, fit(train, targets))]
    assert objectives[0] == pytest.approx(objectives[1], abs=1e-4)


@pytest.mark.parametrize("case", CASES)
def test_a_probe_predicts_as_scikit_learn_does(case: str) -> None:
    x, labels = CASES[case]
    theirs = fit_by_sklearn(x[::2].numpy(), labels[::2].numpy())
    probe = fit(x[::2], labels[::2])
    assert torch.equal(probe.predict(x), torch.from_numpy(theirs.predict(x.numpy())))


def test_nothing_to_read_gives_the_most_frequent_class() -> None:
    labels = torch.tensor([4, 9, 9, 5])
    for probe in (fit_by_lbfgs(torch.zeros(4, 1), labels), fit(torch.zeros(4, 1), labels)):
        assert probe.predict(torch.zeros(2, 1)).tolist() == [9, 9]


def _objective(probe: Probe, x: Tensor, labels: Tensor) -> float:
    """The mean cross-entropy and the penalty, from the definition."""
    scores = x.double() @ probe.weights.T + probe.intercepts
    if len(probe.weights) == 1:
        scores = torch.cat([torch.zeros_like(scores), scores], dim=1)
    of_class = scores.log_softmax(1)[torch.arange(len(x)), torch.searchsorted(probe.classes, labels)]
    return float(-of_class.mean() + probe.weights.square().sum() / (2 * len(x)))
