"""Reconstruction error. Means run over the whole set, never over batches; sums run in float64."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from metrics.base import NotApplicable, metric
from metrics.matrix import blocks

NORMALISED = "Gao et al. 2024 (2406.04093), with the per-dimension mean over the whole set"
"""Source of the fraction of variance unexplained."""

OwnUnits = Callable[[Tensor], Tensor]
"""From normalised inputs to the units that the data have."""

TOLERANCE = 1e-6
"""By which rounding may carry a pixel out of [0, 1]."""


@metric(
    label="FVU",
    direction="min",
    range="[0, inf)",
    source=NORMALISED,
    headline=True,
    against="l0",
    answer="reconstructs best",
    validation=True,
)
def fvu(x: Tensor, x_hat: Tensor) -> float:
    """Fraction of variance unexplained: sum ||x - x_hat||^2 / sum ||x - mean(x)||^2.

    Predicting the mean image scores 1. For constant data: 0 if the reconstruction is exact, infinite otherwise. It is
    of the inputs as models get them: to center, or to scale all alike, changes nothing; of standardised inputs each
    dimension counts the same.
    """
    residual, total = _squared_error(x, x_hat), _squared_error(x, x.mean(0, dtype=torch.float64).expand_as(x))
    if total == 0:
        return 0.0 if residual == 0 else math.inf
    return residual / total


@metric(label="EV", direction="max", range="(-inf, 1]", source=NORMALISED, against="l0")
def explained_variance(x: Tensor, x_hat: Tensor) -> float:
    """Explained variance: 1 - FVU."""
    return 1 - fvu(x, x_hat)


@metric(label="MSE", direction="min", range="[0, inf)", source="definition", against="l0", validation=True)
def mse(x: Tensor, x_hat: Tensor, own_units: OwnUnits | None = None) -> float:
    """Mean squared error per pixel, in the data's own units."""
    return _squared_error(x, x_hat, own_units) / x.numel()


@metric(label="SSE", direction="min", unit="per image", range="[0, inf)", source="definition", against="l0")
def sse(x: Tensor, x_hat: Tensor, own_units: OwnUnits | None = None) -> float:
    """Squared error summed over the pixels of an image, averaged over images, in the data's own units."""
    return mse(x, x_hat, own_units) * x.shape[1]


@metric(label="PSNR", direction="max", unit="dB", range="(-inf, inf]", source="definition, peak 1", against="l0")
def psnr(x: Tensor, x_hat: Tensor, own_units: OwnUnits | None = None) -> float | NotApplicable:
    """Peak signal-to-noise ratio of the whole set: -10 log10(MSE), for pixels in [0, 1]; n/a for others."""
    low, high = (bound.item() for bound in (own_units(x) if own_units else x).aminmax())
    if low < -TOLERANCE or high > 1 + TOLERANCE:
        return NotApplicable(f"inputs go from {low:.4g} to {high:.4g}: only pixels in [0, 1] have a peak of 1")
    error = mse(x, x_hat, own_units)
    return -10 * math.log10(error) if error > 0 else math.inf


@metric(label="cosine", direction="max", range="[-1, 1]", source="definition", against="l0")
def cosine(x: Tensor, x_hat: Tensor) -> float:
    """Mean cosine between an image and its reconstruction; 0 where one of them is zero.

    It is of the inputs as models get them: of data that were centred, it is not that of the data themselves.
    """
    pairs = zip(blocks(x), blocks(x_hat), strict=True)
    sums = [torch.cosine_similarity(a.double(), b.double(), dim=1, eps=1e-12).sum() for a, b in pairs]
    return torch.stack(sums).sum().item() / len(x)


def _squared_error(x: Tensor, x_hat: Tensor, own_units: OwnUnits | None = None) -> float:
    """Sum of squared differences, in blocks of rows."""
    pairs = zip(blocks(x), blocks(x_hat), strict=True)
    if own_units is None:
        sums = [(a - b).double().square().sum() for a, b in pairs]
    else:
        sums = [(own_units(a.double()) - own_units(b.double())).square().sum() for a, b in pairs]
    return torch.stack(sums).sum().item()
