"""What is done to the inputs of a data set before a model sees them. Fitted on the training split alone.

Pictures are of the inputs as models see them: those that go below zero are drawn in two colours.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor

from bench.datasets.base import Dataset
from bench.datasets.scaling import Scaling

DARKEST = 0.5
"""The brightest pixel of a set of images is brighter: what stays below are small numbers, not pixels."""

Affine = tuple[Tensor, Tensor]
"""Shift (D,), and scale (D,) or (): x becomes (x - shift) * scale."""


class Moments(NamedTuple):
    """What normalisation needs to know of the training split, each (D,) float64."""

    mean: Tensor
    """Of each input."""
    std: Tensor
    """Standard deviation of each input."""
    low: Tensor
    """Least value of each input."""
    high: Tensor
    """Largest value of each input."""


def moments_of(x: Tensor) -> Moments:
    """The moments of inputs (N, D)."""
    low, high = x.double().aminmax(dim=0)
    return Moments(x.double().mean(0), x.double().std(0, correction=0), low, high)


def _center(of: Moments) -> Affine:
    return of.mean.float(), torch.ones(())


def _standardise(of: Moments) -> Affine:
    spread = of.std.float()
    return of.mean.float(), torch.where(spread > 0, 1 / spread, 1.0)


def _rms(of: Moments) -> Affine:
    return of.mean.float(), _inverse_root(of.std.square().mean().item())


def _unit(of: Moments) -> Affine:
    return torch.zeros(()), _inverse_root((of.std.square() + of.mean.square()).sum().item())


def _inverse_root(squares: float) -> Tensor:
    return torch.tensor(squares**-0.5 if squares > 0 else 1.0, dtype=torch.float32)


AFFINES: dict[str, Callable[[Moments], Affine]] = {
    "center": _center,
    "standardise": _standardise,
    "rms": _rms,
    "unit": _unit,
}
"""center: mean 0. standardise: mean 0 and variance 1 of each dimension; a constant one stays at 0. rms: mean 0, and
mean squared norm D, as SAE libraries scale activations: one factor for all dimensions, so that the fraction of variance
unexplained is what it was. unit: mean squared norm 1, by one factor and without a shift, as dictionary_learning and the
variational SAE's authors scale activations (Lieberum et al. 2024, arXiv 2408.05147, section 3.1)."""


def scaling_of(moments: Moments, how: str) -> Scaling | None:
    """How inputs of some moments are normalised; None where they stay as they are.

    auto: none for what may be pixels, inputs in [0, 1] of which one is above a half at least, else rms.
    """
    if how == "auto":
        how = "none" if moments.low.min() >= 0 and DARKEST < moments.high.max() <= 1 else "rms"
    return None if how == "none" else Scaling(how, *AFFINES[how](moments))


def normalised(dataset: Dataset, how: str) -> Dataset:
    """A data set whose splits are all shifted and scaled as its training split asks for."""
    scaling = None if how == "none" else scaling_of(moments_of(dataset.train.x), how)
    if scaling is None:
        return dataset
    return replace(dataset.with_splits(lambda split: replace(split, x=scaling.of(split.x))), scaling=scaling)
