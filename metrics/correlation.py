"""Do related classes share units, and are units redundant? Correlation between classes and between units."""

from __future__ import annotations

import math
from itertools import combinations
from typing import Any

import numpy as np
import torch
from torch import Tensor

from metrics.base import NotApplicable, metric
from metrics.dimensions import class_rates
from metrics.matrix import (
    MAX_UNITS,
    Matrix,
    column_sums,
    columns,
    correlations,
    live_units,
    quantile_axis,
    quantiles,
    transposed_product,
    upper_triangle,
)

SOURCE = "Sangari Abiz et al. 2025 (2505.14476), class correlation"
"""Source of the correlations between classes."""

PERMUTATIONS = 9999
"""Permutations of the categories that are drawn, where there are too many to try all."""

MOST_DEALS = 50_000
"""Ways to deal the categories to the classes that are all tried. Ten classes, of 4, 3 and 3: 4,200 ways."""

MIN_EXPECTED = 5
"""Expected co-activations below which a lift is noise: the usual bound of the chi-square test."""

QUANTILES = (0.95,)
"""Quantiles over pairs of units."""

NO_GAP = NotApplicable("no pair of classes within a category, or none between categories, has a correlation")
"""Why there is no category gap."""


@metric(label="class correlation", direction="none", range="[-1, 1]", source=SOURCE, dimensions=("class", "class"))
def class_correlation(gamma: Matrix, labels: Tensor) -> Tensor:
    """Pearson correlation between the class-mean gamma vectors, (C, C); NaN where a class mean is constant."""
    means = class_rates(gamma, labels)
    means = means - means.mean(1, keepdim=True)
    norms = torch.linalg.vector_norm(means, dim=1)
    norms = torch.where(norms > 1e-12, norms, math.nan)
    return (means @ means.T / torch.outer(norms, norms)).clamp(-1, 1)


@metric(label="category gap", direction="none", range="[-2, 2]", source=SOURCE, headline=True)
def category_gap(gamma: Matrix, labels: Tensor, categories: Tensor) -> float | NotApplicable:
    """Mean class correlation within categories minus the mean between categories.

    `categories` (C,) is the category of each class. Positive: boots, sandals and sneakers share more units than boots
    and shirts. n/a if no pair of classes within a category, or none between categories, has a correlation.
    """
    correlation, present = _of_the_classes(gamma, labels, categories)
    gap = float(_gap(correlation, present))
    return gap if math.isfinite(gap) else NO_GAP


@metric(label="category p", direction="none", range="(0, 1]", source="Mantel 1967")
def category_p_value(gamma: Matrix, labels: Tensor, categories: Tensor) -> float | NotApplicable:
    """p-value of the category gap: the chance of a gap at least as large under random categories (Mantel test).

    One-sided and exact: over all ways to deal the categories to the classes; if there are more than 50,000, over 9,999
    random ones and the true one. n/a where the gap is n/a.
    """
    correlation, present = _of_the_classes(gamma, labels, categories)
    gap = _gap(correlation, present)
    if not math.isfinite(gap):
        return NO_GAP
    return float((_gap(correlation, _deals(present)) >= gap - 1e-9).mean())


def _deals(categories: np.ndarray) -> np.ndarray:
    """The distinct ways to deal the categories to the classes, the true one among them: (P, C)."""
    values, counts = np.unique(categories, return_counts=True)
    n_deals = math.factorial(len(categories)) // math.prod(math.factorial(count) for count in counts.tolist())
    if n_deals > MOST_DEALS:
        drawn = np.tile(categories, (PERMUTATIONS + 1, 1))
        return np.concatenate([drawn[:1], np.random.default_rng(0).permuted(drawn[1:], axis=1)])
    deals = np.full((1, len(categories)), values[-1])
    free = [np.arange(len(categories))]  # of each deal: the classes that have no category yet
    for value, count in zip(values[:-1], counts[:-1].tolist(), strict=True):
        chosen = np.array(list(combinations(range(len(free[0])), count)))
        deals = deals.repeat(len(chosen), axis=0)
        places = np.concatenate([classes[chosen] for classes in free])
        np.put_along_axis(deals, places, value, axis=1)
        free = [np.delete(classes, pick) for classes in free for pick in chosen]
    return deals


@metric(label="class correlation", direction="none", range="[-1, 1]", source=SOURCE)
def category_correlations(
    gamma: Matrix, labels: Tensor, categories: Tensor, category_names: Any
) -> dict[str, float] | NotApplicable:
    """Mean class correlation within each category of two classes or more, and between categories.

    n/a if no pair has a correlation.
    """
    correlation, present = _of_the_classes(gamma, labels, categories)
    pairs = np.triu(np.ones(correlation.shape, dtype=bool), 1)
    same = present[:, None] == present[None, :]
    masks = {name: pairs & same & (present == i)[:, None] for i, name in enumerate(category_names)}
    masks["between"] = pairs & ~same
    means = {name: float(correlation[pair].mean()) for name, pair in masks.items() if pair.any()}
    return means or NotApplicable("no two classes have a correlation")


@metric(
    label="|correlation| of units",
    direction="none",
    range="[0, 1]",
    source="definition",
    curve=quantile_axis(QUANTILES),
)
def unit_correlation(z: Matrix, active: Matrix) -> dict[str, float] | NotApplicable:
    """Absolute Pearson correlation between the codes of two live units: mean and 95% quantile over pairs.

    If there are more than 2,048 live units, over 2,048 evenly spaced ones; n/a for fewer than two.
    """
    units = live_units(active, MAX_UNITS)
    if len(units) < 2:
        return NotApplicable("fewer than two units are live")
    codes = columns(z, units)
    return _mean_and_quantile(upper_triangle(correlations(codes, codes).abs()))


@metric(
    label="co-activation lift",
    direction="none",
    range="[0, inf)",
    source="definition",
    curve=quantile_axis(QUANTILES),
)
def coactivation_lift(active: Matrix) -> dict[str, float] | NotApplicable:
    """P(i and j on) / (P(i on) P(j on)) of two live units: mean and 95% quantile over pairs. 1: independent.

    Over the pairs that are expected to be on together in at least 5 samples; n/a if there is no such pair. If there are
    more than 2,048 live units, over 2,048 evenly spaced ones.
    """
    n = active.shape[0]
    units = columns(active, live_units(active, MAX_UNITS))
    counts = column_sums(units)
    expected = upper_triangle(torch.outer(counts, counts) / n)
    together = upper_triangle(transposed_product(units, units))
    enough = expected >= MIN_EXPECTED
    if not enough.any():
        return NotApplicable(f"no two live units are expected to be on together {MIN_EXPECTED} times")
    return _mean_and_quantile((together / expected)[enough])


def _mean_and_quantile(values: Tensor) -> dict[str, float]:
    return {"mean": values.mean().item(), **quantiles(values, QUANTILES)}


def _of_the_classes(gamma: Matrix, labels: Tensor, categories: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Correlations (C, C) of the classes that occur, without classes of constant mean, and their categories (C,)."""
    correlation, present = class_correlation(gamma, labels), categories[labels.unique()]
    known = correlation.diagonal().isfinite()
    return correlation[known][:, known].cpu().numpy(), present[known].cpu().numpy()


def _gap(correlation: np.ndarray, categories: np.ndarray) -> np.ndarray:
    """Mean correlation within minus between categories (..., C): (...); NaN where either has no pair."""
    pairs = np.triu(np.ones(correlation.shape, dtype=bool), 1)
    same = (categories[..., :, None] == categories[..., None, :])[..., pairs]
    values = correlation[pairs]
    within, between = (
        np.where(mask.any(-1), (values * mask).sum(-1) / np.maximum(mask.sum(-1), 1), np.nan) for mask in (same, ~same)
    )
    gap: np.ndarray = within - between
    return gap
