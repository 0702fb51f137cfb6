"""Does what classes have in common hide what sets their members apart? Rare variations, and classes made by a model."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from sklearn.metrics import adjusted_mutual_info_score
from torch import Tensor

from metrics.base import NotApplicable, metric

RARE = 0.1
"""Share of the images of a class, those farthest from its mean, that count as rare variations."""


@metric(
    label="rare variation",
    direction="none",
    range="[0, inf]",
    source="after the open questions of Sangari Abiz et al. 2025 (2505.14476); definition",
)
def rare_variation(x: Tensor, x_hat: Tensor, labels: Tensor) -> dict[str, float] | NotApplicable:
    """Are rare variations of a class lost first? FVU around the class means of its outliers and of its typical images.

    Outliers are the tenth of the images of each class that is farthest from its mean. `outliers` and `typical` are
    sum ||x - x_hat||^2 / sum ||x - class mean||^2 over these, and over all others; a model that knows nothing but the
    class scores 1 in both. `ratio` is the first over the second: above 1 where rare variations are lost more than
    common ones. Classes of a single image are left out; n/a if no image is nearer to the mean of its class than others.
    """
    errors, spreads = torch.zeros(2, dtype=torch.float64), torch.zeros(2, dtype=torch.float64)
    for label in labels.unique():
        own = labels == label
        images = x[own].double()
        distance = (images - images.mean(0)).square().sum(1)
        error = (images - x_hat[own].double()).square().sum(1)
        n_rare = math.ceil(RARE * len(images))
        rare = distance >= distance.topk(n_rare).values[-1]
        for i, some in enumerate((rare, ~rare)):
            errors[i] += error[some].sum().cpu()
            spreads[i] += distance[some].sum().cpu()
    if (spreads == 0).any():
        return NotApplicable("no image is nearer to the mean of its class than others")
    outliers, typical = (errors / spreads).tolist()
    ratio = outliers / typical if typical else (math.inf if outliers else 1.0)
    return {"outliers": outliers, "typical": typical, "ratio": ratio}


@metric(
    label="agreement of pseudo-labels",
    direction="none",
    range="[-1, 1]",
    source="Vinh, Epps & Bailey 2010, adjusted mutual information, mean of the entropies",
)
def pseudo_label_agreement(
    x: Tensor, labels: Tensor, pseudo_labels: Callable[[Tensor], Tensor | None]
) -> float | NotApplicable:
    """Do the classes that a model made for itself agree with the labels? Their adjusted mutual information.

    1 if they are the same but for their names, 0 for what chance gives.
    """
    found = pseudo_labels(x)
    if found is None:
        return NotApplicable("the model takes the classes of the data")
    return float(adjusted_mutual_info_score(labels.cpu().numpy(), found.cpu().numpy()))
