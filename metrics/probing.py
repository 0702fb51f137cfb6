"""Can a linear probe tell the class from the codes, and how few codes does it need?

Probes are fitted on codes of training images and scored on the evaluated split. But for `mean_probe`, they are
scikit-learn's logistic regression on codes divided by their standard deviation (not centred, so that zeros stay zeros).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from metrics.base import Axis, NotApplicable, metric
from metrics.logistic import fit, fit_by_sklearn
from metrics.matrix import Matrix, dense, spread

K_SPARSE = {str(k): k for k in (1, 2, 5, 10)}
"""Key of the k-sparse probe -> number of units that it reads."""

KEPT = {str(m): m for m in (1, 2, 5)}
"""Key of the probe of largest codes -> number of codes that are kept."""

MAX_SAMPLES = 5000
"""Samples on which probes are scored, evenly spaced."""

EPOCHS, BATCH_SIZE = 20, 32
"""Of the layer that reads means; its other settings are in `mean_probe`. The size of a batch is a choice."""

GURNEE = "Gurnee et al. 2023 (2305.01610)"
"""Source of the k-sparse probe."""

SPARSE_CODING = "Tonolini et al. 2019, ICLR version of variational sparse coding, and its reproduction"
"""Source of the layer that reads means."""

REGULARISED = "Jacquier et al. 2026 (2606.27321)"
"""Source of the probe of largest codes."""

ONE_CLASS = NotApplicable("fewer than two classes occur in training")
"""Why there is no probe."""


@metric(
    label="probe",
    direction="max",
    range="[0, 1]",
    source="Alain & Bengio 2016 (1610.01644)",
    headline=True,
    answer="serves a linear probe best",
)
def probe_accuracy(z: Matrix, labels: Tensor, train_z: Matrix, train_labels: Tensor) -> float | NotApplicable:
    """Accuracy of a linear probe for the class, fitted on the codes of 5,000 training images. n/a for one class."""
    if len(train_labels.unique()) < 2:
        return ONE_CLASS
    return _accuracy(dense(train_z), train_labels, _sample(z), _sample(labels))


@metric(label="probe of mu", direction="max", range="[0, 1]", source=SPARSE_CODING)
def mean_probe(
    posterior_mean: Callable[[Tensor], Tensor], x: Tensor, labels: Tensor, train_x: Tensor, train_labels: Tensor
) -> float | NotApplicable:
    """Accuracy of one linear layer with ReLU on mu, the means of the units' Gaussians, whether they are on or off.

    It is trained on 5,000 training images as published: cross-entropy of the rectified outputs, 20 epochs of SGD with
    learning rate 1e-3 and momentum 0.9, no scaling; it starts from weights of 0 and biases of 1 [choice], so that it
    depends on the seed by the order of the batches alone. It is far from converged: compare it with itself. n/a for one
    class.
    """
    classes, targets = train_labels.cpu().unique(return_inverse=True)
    if len(classes) < 2:
        return ONE_CLASS
    layer = _trained_layer(posterior_mean(train_x).float().cpu(), targets, len(classes))
    with torch.no_grad():
        guess = layer(posterior_mean(dense(spread(x, MAX_SAMPLES))).float().cpu()).argmax(1)
    return float((classes[guess] == _sample(labels).cpu()).double().mean())


def _trained_layer(inputs: Tensor, targets: Tensor, n_classes: int) -> nn.Module:
    """The layer of `mean_probe`, from inputs (N, M) and targets (N,) below the number of classes."""
    linear = nn.Linear(inputs.shape[1], n_classes)
    nn.init.zeros_(linear.weight)
    nn.init.ones_(linear.bias)
    layer = nn.Sequential(linear, nn.ReLU())
    optimiser = torch.optim.SGD(layer.parameters(), lr=1e-3, momentum=0.9)
    with torch.enable_grad():
        for _ in range(EPOCHS):
            for batch in torch.randperm(len(inputs)).split(BATCH_SIZE):
                optimiser.zero_grad()
                nn.functional.cross_entropy(layer(inputs[batch]), targets[batch]).backward()
                optimiser.step()
    return layer


@metric(label="probe of largest", direction="max", range="[0, 1]", source=REGULARISED, curve=Axis.single("units", KEPT))
def truncated_probe(
    z: Matrix, labels: Tensor, train_z: Matrix, train_labels: Tensor
) -> dict[str, float] | NotApplicable:
    """Accuracy of a linear probe on the m codes of largest magnitude in each image, m = 1, 2, 5.

    The other codes are set to zero. n/a for one class.
    """
    if len(train_labels.unique()) < 2:
        return ONE_CLASS
    sizes = {key: m for key, m in KEPT.items() if m <= z.shape[1]}
    test, truth, train = _sample(z), _sample(labels), dense(train_z)
    return {key: _accuracy(_truncate(train, m), train_labels, _truncate(test, m), truth) for key, m in sizes.items()}


@metric(
    label="k-sparse probe",
    direction="max",
    range="[0, 1]",
    source=GURNEE,
    curve=Axis.single("units", K_SPARSE, log=True),
)
def sparse_probe(z: Matrix, labels: Tensor, train_z: Matrix, train_labels: Tensor) -> dict[str, float] | NotApplicable:
    """Balanced accuracy of a probe of k units for one class against the rest, k = 1, 2, 5, 10: mean over classes.

    The units of a class are those whose training codes differ most between it and the rest, in standard deviations.
    n/a for one class in training, or if no class of training occurs in some, but not all, of the evaluated samples.
    """
    # Problems of a few units are no work for a GPU.
    train, test = (part.cpu().numpy() for part in _scaled(dense(train_z), _sample(z)))
    targets, test_labels = train_labels.cpu().numpy(), _sample(labels).cpu().numpy()
    classes = np.unique(targets)
    if len(classes) < 2:
        return ONE_CLASS
    sizes = {key: k for key, k in K_SPARSE.items() if k <= train.shape[1]}
    scores: dict[str, list[float]] = {key: [] for key in sizes}
    for label in classes:
        on, truth = targets == label, test_labels == label
        order = np.argsort(-np.abs(train[on].mean(0) - train[~on].mean(0)), kind="stable")
        for key, k in sizes.items() if truth.any() and not truth.all() else ():
            units = order[:k]
            guess = fit_by_sklearn(train[:, units], on, class_weight="balanced").predict(test[:, units])
            scores[key].append((guess[truth].mean() + (~guess[~truth]).mean()) / 2)
    means = {key: float(np.mean(values)) for key, values in scores.items() if values}
    return means or NotApplicable("no class of training occurs in some, but not all, of the evaluated samples")


def _accuracy(train: Tensor, targets: Tensor, test: Tensor, truth: Tensor) -> float:
    fitted, scored = _scaled(train, test)
    guess = fit(fitted, targets).predict(scored)
    return float((guess == truth.to(guess)).double().mean())


def _scaled(train: Tensor, test: Tensor) -> tuple[Tensor, Tensor]:
    """Training and test codes over the training codes' standard deviations, without units constant in training."""
    deviation = train.double().std(0, correction=0)
    live = deviation > 1e-6 * train.abs().amax(0)
    scale = deviation[live].to(train)
    if not live.any():  # nothing to read: one constant feature
        return torch.zeros_like(train[:, :1]), torch.zeros_like(test[:, :1])
    return train[:, live] / scale, test.to(train.device)[:, live] / scale


def _truncate(z: Tensor, m: int) -> Tensor:
    """Codes with all but the m of largest magnitude in each row set to zero."""
    largest = z.abs().topk(m, dim=1).indices
    return torch.zeros_like(z).scatter(1, largest, z.gather(1, largest))


def _sample(matrix: Matrix) -> Tensor:
    """At most 5,000 evenly spaced rows."""
    return dense(spread(matrix, MAX_SAMPLES))
