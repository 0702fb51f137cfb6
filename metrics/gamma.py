"""Does a class use the same units for all its images? Spread of activation probabilities within and between classes.

Each measure has a soft form on gamma, to compare models of the VSC family, and a hard form on the 0/1 activity, to
compare families: the variances of a probability and of an indicator are not comparable. Both are n/a for a dense model.
"""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import torch
from torch import Tensor

from metrics.base import NotApplicable, metric
from metrics.matrix import Matrix, class_moments, column_sums, dense, entries, evenly_spaced, rows

VARIANCE = "after Sangari Abiz et al. 2025 (2505.14476); the normalisations are a choice"
"""Source of the variances."""

DIVERGENCE = "Sangari Abiz et al. 2025 (2505.14476), Eq. 6"
"""Source of the divergences."""

MAX_PER_CLASS = 200
"""Pairs are formed among this many samples of a class, evenly spaced."""


@metric(label="activity var", direction="none", range="[0, 0.25]", source=VARIANCE)
def activity_variance(gamma_hard: Matrix, labels: Tensor) -> float:
    """Variance of the 0/1 activity of a unit within a class: mean over classes and units."""
    return gamma_variance(gamma_hard, labels)


@metric(label="activity var share", direction="none", range="[0, 1]", source=VARIANCE)
def activity_variance_share(gamma_hard: Matrix, labels: Tensor) -> float:
    """Share of the variance of the 0/1 activity that is within classes; 1 if nothing varies.

    Being a share, it does not improve if all variances shrink; but what it can be depends on how often units are on.
    """
    return gamma_variance_share(gamma_hard, labels)


@metric(
    label="activity var above floor",
    direction="min",
    range="[0, inf)",
    source=VARIANCE,
    headline=True,
    answer="has the most class-consistent code",
)
def activity_variance_above_floor(gamma_hard: Matrix, labels: Tensor) -> float | NotApplicable:
    """Share of the variance of units' switching on and off that classes leave open, above the least that is possible.

    (s - f) / (c - f), of s, the share within classes, its floor f, the smallest share that units with these numbers of
    active samples can have, and c, what chance gives: (N - C) / (N - 1), the expected share if the N samples were dealt
    out to the C classes anew. A unit that is on in a share p of the samples has the smallest variance within classes if
    it is on in all samples of some classes, in part of one class, and in no other; of ten equal classes, with p below
    0.1, the floor is (1 - 10 p) / (1 - p). 0: activity follows the classes as far as its density allows; 1: it knows
    nothing of them, above 1 by chance. Where classes are of one size, units that are on, or off, for one sample have no
    other share, and do not count. n/a if none counts, or if only one class occurs.
    """
    sizes, rates, _ = class_moments(gamma_hard, labels)
    if len(sizes) < 2:
        return NotApplicable("fewer than two classes occur")
    n = sizes.sum()
    counts = column_sums(gamma_hard)
    total = (counts * (1 - counts / n)).sum()
    if total == 0:
        return NotApplicable("no activity varies")
    by_chance = total.item() * (n.item() - len(sizes)) / (n.item() - 1)
    within = (sizes @ (rates * (1 - rates))).sum().item()
    least = float(_least_within(counts.cpu().numpy(), sizes.cpu().numpy()).sum())
    if by_chance - least <= 1e-9 * by_chance:
        return NotApplicable("units that are on, or off, for a single sample have no other share")
    return max(0.0, (within - least) / (by_chance - least))


@metric(label="activity JSD", direction="none", unit="nats", range="[-M ln 2, M ln 2]", source=DIVERGENCE)
def activity_jsd(gamma_hard: Matrix, labels: Tensor) -> dict[str, float] | NotApplicable:
    """Mean Jensen-Shannon divergence of two images' 0/1 activities: within classes, between classes, and the gap.

    Summed over units. The gap is between - within. Exact over all pairs of images: the divergence of two indicators is
    ln 2 where they differ, so pairs are counted, not formed. All classes have the same weight, and so have all pairs of
    classes. A class of one sample has no pair and is left out; n/a for a single sample.
    """
    sizes, rates, _ = class_moments(gamma_hard, labels)
    differ = 2 * rates * (1 - rates) * (sizes / (sizes - 1).clamp_min(1))[:, None]
    within = differ[sizes > 1].sum(1).tolist()
    between = [(p + q - 2 * p * q).sum().item() for p, q in combinations(rates, 2)]
    return _within_and_between(*([math.log(2) * value for value in values] for values in (within, between)))


@metric(
    label="activity Jaccard", direction="none", range="[-1, 1]", source="after Sangari Abiz et al. 2025; definition"
)
def activity_jaccard(gamma_hard: Matrix, labels: Tensor) -> dict[str, float] | NotApplicable:
    """Mean Jaccard index of the active sets of two images: within classes, between classes, and the gap.

    The gap is within - between. Over 200 evenly spaced images of each class; two empty sets have index 1. n/a for a
    single sample.
    """
    groups = [dense(rows(gamma_hard, some)).float() for some in _some_of_each_class(labels)]
    within = [_jaccard(group, group, distinct=True) for group in groups if len(group) > 1]
    between = [_jaccard(first, second) for first, second in combinations(groups, 2)]
    values = _within_and_between(within, between)
    if isinstance(values, NotApplicable) or "gap" not in values:
        return values
    return values | {"gap": -values["gap"]}


@metric(
    label="class gamma",
    direction="none",
    range="[0, 1]",
    source="Sangari Abiz et al. 2025 (2505.14476)",
    dimensions=("class", "unit"),
)
def class_gamma(gamma: Matrix, labels: Tensor) -> Tensor:
    """Mean gamma of each unit in each class that occurs: (C, M) float64."""
    return class_moments(gamma, labels).means


@metric(label="gamma var", direction="none", range="[0, 0.25]", source=VARIANCE)
def gamma_variance(gamma: Matrix, labels: Tensor) -> float:
    """Variance of gamma within a class, Var(gamma | class): mean over classes and units."""
    return class_moments(gamma, labels).variances.mean().item()


@metric(label="gamma var share", direction="min", range="[0, 1]", source=VARIANCE)
def gamma_variance_share(gamma: Matrix, labels: Tensor) -> float:
    """Share of the variance of gamma that is within classes; 1 if nothing varies.

    Classes are weighted by their size. By the law of total variance, 1 - share is the share of the class means.
    """
    sizes, means, variances = class_moments(gamma, labels)
    weights = sizes / sizes.sum()
    within = (weights @ variances).sum().item()
    centred = means - weights @ means
    total = within + (weights @ centred.square()).sum().item()
    return within / total if total >= 1e-12 else 1.0


@metric(label="gamma JSD", direction="none", unit="nats", range="[-M ln 2, M ln 2]", source=DIVERGENCE)
def gamma_jsd(gamma: Matrix, labels: Tensor) -> dict[str, float] | NotApplicable:
    """Mean Jensen-Shannon divergence of two images' gammas: within classes, between classes, and the gap.

    Summed over units. The gap is between - within. Over 200 evenly spaced samples of each class: within a class all
    their pairs, between two classes the i-th sample of one with the i-th of the other. If all gammas are 0 or 1, the
    result is `activity_jsd`, exact over all pairs. n/a for a single sample.
    """
    values = entries(gamma)
    if ((values == 0) | (values == 1)).all():
        return activity_jsd(gamma, labels)
    groups = [dense(rows(gamma, some)).double() for some in _some_of_each_class(labels)]
    within = [_mean_jsd(group) for group in groups if len(group) > 1]
    between = []
    for first, second in combinations(groups, 2):
        n = min(len(first), len(second))
        p, q = first[:n], second[:n]
        between.append((_entropy((p + q) / 2) - (_entropy(p) + _entropy(q)) / 2).sum(1).mean().item())
    return _within_and_between(within, between)


def _within_and_between(within: list[float], between: list[float]) -> dict[str, float] | NotApplicable:
    """Means over classes and over pairs of classes, and their difference; a mean without pairs is left out."""
    if not within and not between:
        return NotApplicable("there are fewer than two samples")
    means = {name: sum(v) / len(v) for name, v in (("within", within), ("between", between)) if v}
    return means | {"gap": means["between"] - means["within"]} if len(means) == 2 else means


def _some_of_each_class(labels: Tensor) -> list[Tensor]:
    members = [(labels == label).nonzero().squeeze(1) for label in labels.unique()]
    return [group[evenly_spaced(len(group), MAX_PER_CLASS).to(group.device)] for group in members]


def _least_within(counts: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Least sum over classes of n p (1 - p) that a unit with this many active samples can have, (M,).

    The sum is concave in the classes' rates p, so its minimum is at a corner of what the number allows: every class
    but one is wholly on or off. Classes that are wholly on can have as many samples as some set of the others has.
    """
    least = np.full(len(counts), np.inf)
    whole = [int(size) for size in sizes]
    for size in set(whole):
        others = list(whole)
        others.remove(size)
        reached = 1  # bit s: some of the others have s samples together
        for other in others:
            reached |= reached << other
        bits = np.frombuffer(reached.to_bytes(reached.bit_length() // 8 + 1, "little"), np.uint8)
        sums = np.flatnonzero(np.unpackbits(bits, bitorder="little"))
        for nearest in (np.searchsorted(sums, counts, "right") - 1, np.searchsorted(sums, counts - size)):
            rest = counts - sums[nearest.clip(0, len(sums) - 1)]  # of the class that is partly on
            partly = np.where((rest >= 0) & (rest <= size), rest * (size - rest) / size, np.inf)
            least = np.minimum(least, partly)
    return least


def _jaccard(first: Tensor, second: Tensor, distinct: bool = False) -> float:
    """Mean index over all pairs of a row of each matrix; `distinct` leaves out pairs of a row with itself."""
    both = (first @ second.T).double()
    index = jaccard_index(both, first.sum(1)[:, None] + second.sum(1)[None, :] - both)
    if distinct:
        return (index.sum() - index.diagonal().sum()).item() / (len(index) * (len(index) - 1))
    return index.mean().item()


def jaccard_index(both: Tensor, either: Tensor) -> Tensor:
    """Jaccard index from the sizes of intersections and of unions; 1 for two empty sets."""
    return torch.where(either > 0, both / either.clamp_min(1), 1.0)


def _mean_jsd(group: Tensor) -> float:
    """Mean over all pairs of rows of the divergence summed over units."""
    n = len(group)
    mixtures = torch.stack([_entropy((group[i] + group[i + 1 :]) / 2).sum() for i in range(n - 1)]).sum()
    mean: Tensor = mixtures / (n * (n - 1) / 2) - _entropy(group).sum(1).mean()
    return max(0.0, mean.item())


def _entropy(p: Tensor) -> Tensor:
    """Entropy of Bernoulli(p) in nats; 0 at p = 0 and p = 1."""
    return -torch.xlogy(p, p) - torch.xlogy(1 - p, 1 - p)
