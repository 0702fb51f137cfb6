"""Does a class use the same units for all its images? Intra-class spread of activation probabilities.

Each measure comes in a soft form on gamma (within the VSC family) and in a hard form on the 0/1 activity (across
families: a probability and an indicator do not have comparable variances). A dense model has neither: n/a.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from metrics.base import metric

VARIANCE = "after Sangari Abiz et al. 2025 (2505.14476); the normalisations are a choice"
DIVERGENCE = "Sangari Abiz et al. 2025 (2505.14476), Eq. 6"
MAX_PER_CLASS = 200


@metric(label="activity var", direction="none", range="[0, 0.25]", source=VARIANCE)
def activity_variance(gamma_hard: Tensor, labels: Tensor) -> float:
    """Mean over classes and units of the variance of the 0/1 activity within the class."""
    return gamma_variance(gamma_hard, labels)


@metric(label="activity var share", direction="min", range="[0, 1]", source=VARIANCE, headline=True)
def activity_variance_share(gamma_hard: Tensor, labels: Tensor) -> float:
    """Within-class share of the activity's variance, so that shrinking wins nothing. 1 where nothing varies."""
    return gamma_variance_share(gamma_hard, labels)


@metric(label="activity JSD", direction="none", unit="nats", range="[0, M ln 2]", source=DIVERGENCE)
def activity_jsd(gamma_hard: Tensor, labels: Tensor) -> float:
    """Mean within-class pairwise Jensen-Shannon divergence of the 0/1 activities, summed over units: exact.

    Two indicators diverge by ln 2 where they differ, so pairs are counted, not formed.
    """
    per_class = []
    for rows in _classes(gamma_hard.double(), labels):
        n, on = len(rows), rows.sum(0)
        if n > 1:
            per_class.append((on * (n - on)).sum() / (n * (n - 1) / 2) * math.log(2))
    return torch.stack(per_class).mean().item() if per_class else 0.0


@metric(label="gamma var", direction="none", range="[0, 0.25]", source=VARIANCE)
def gamma_variance(gamma: Tensor, labels: Tensor) -> float:
    """Mean over classes and units of Var(gamma | class)."""
    return torch.stack([rows.var(0, correction=0) for rows in _classes(gamma.double(), labels)]).mean().item()


@metric(label="gamma var share", direction="min", range="[0, 1]", source=VARIANCE)
def gamma_variance_share(gamma: Tensor, labels: Tensor) -> float:
    """Within-class over total variance of gamma, classes weighted by their size. 1 where nothing varies.

    By the law of total variance the rest, 1 - share, is the variance of the class means.
    """
    total = gamma.double().var(0, correction=0).sum().item()
    if total < 1e-12:
        return 1.0
    within = sum(len(rows) * rows.var(0, correction=0).sum().item() for rows in _classes(gamma.double(), labels))
    return within / len(gamma) / total


@metric(label="gamma JSD", direction="none", unit="nats", range="[0, M ln 2]", source=DIVERGENCE)
def gamma_jsd(gamma: Tensor, labels: Tensor) -> float:
    """Mean within-class pairwise Jensen-Shannon divergence of gamma, summed over units.

    Over all pairs of the first 200 samples of each class; classes with fewer than two samples are left out.
    """
    per_class = []
    for rows in _classes(gamma.double(), labels):
        rows = rows[:MAX_PER_CLASS]
        n = len(rows)
        if n < 2:
            continue
        mixtures = sum(_entropy((rows[i] + rows[i + 1 :]) / 2).sum() for i in range(n - 1))
        per_class.append(mixtures / (n * (n - 1) / 2) - _entropy(rows).sum(1).mean())
    return torch.stack(per_class).mean().clamp_min(0).item() if per_class else 0.0


def _entropy(p: Tensor) -> Tensor:
    """Entropy of Bernoulli(p) in nats; 0 at p = 0 and p = 1."""
    return -torch.xlogy(p, p) - torch.xlogy(1 - p, 1 - p)


def _classes(rows: Tensor, labels: Tensor) -> list[Tensor]:
    return [rows[labels == label] for label in labels.unique()]
