"""Do related classes share units? Correlation between the classes' mean activation probabilities."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from metrics.base import metric
from metrics.dimensions import class_rates

SOURCE = "Sangari Abiz et al. 2025 (2505.14476), class correlation"


@metric(label="class correlation", direction="none", range="[-1, 1]", source=SOURCE)
def class_correlation(gamma: Tensor, labels: Tensor) -> Tensor:
    """Pearson correlation between the class-mean gamma vectors, (C, C); NaN where a class mean is constant."""
    means = class_rates(gamma, labels)
    means = means - means.mean(1, keepdim=True)
    norms = torch.linalg.vector_norm(means, dim=1)
    norms = torch.where(norms > 1e-12, norms, math.nan)
    return (means @ means.T / torch.outer(norms, norms)).clamp(-1, 1)


@metric(label="category gap", direction="none", range="[-2, 2]", source=SOURCE, headline=True)
def category_gap(gamma: Tensor, labels: Tensor, categories: Tensor) -> float | dict[str, float]:
    """Mean class correlation within categories minus between them.

    `categories` (C,) gives each class its category. Positive: boots, sandals and sneakers share units more than boots
    and shirts do. n/a without two classes of one category and two categories, or where no pair has a correlation.
    """
    correlation = class_correlation(gamma, labels)
    present = categories[labels.unique()]
    pair = torch.triu(torch.ones_like(correlation, dtype=torch.bool), diagonal=1) & correlation.isfinite()
    same = present[:, None] == present[None, :]
    within, between = correlation[pair & same], correlation[pair & ~same]
    if len(within) == 0 or len(between) == 0:
        return {}
    return (within.mean() - between.mean()).item()
