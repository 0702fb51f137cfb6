"""What is done to the inputs of a data set before a model sees them. Fitted on the training split alone.

Pictures are of the inputs as models see them: those that go below zero are drawn in two colours.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from bench.datasets.base import Dataset

Affine = tuple[Tensor | float, Tensor | float]
"""Shift and scale: x becomes (x - shift) * scale."""


def _none(x: Tensor) -> Affine:
    return 0.0, 1.0


def _center(x: Tensor) -> Affine:
    return x.double().mean(0).float(), 1.0


def _standardise(x: Tensor) -> Affine:
    spread = x.double().std(0, correction=0).float()
    return x.double().mean(0).float(), torch.where(spread > 0, 1 / spread, 1.0)


def _rms(x: Tensor) -> Affine:
    mean = x.double().mean(0)
    squares = (x.double() - mean).square().mean().item()
    return mean.float(), squares**-0.5 if squares > 0 else 1.0


def _unit(x: Tensor) -> Affine:
    squared_norm = x.double().square().sum(1).mean().item()
    return 0.0, squared_norm**-0.5 if squared_norm > 0 else 1.0


def _auto(x: Tensor) -> Affine:
    return _none(x) if x.min() >= 0 and x.max() <= 1 else _rms(x)


AFFINES: dict[str, Callable[[Tensor], Affine]] = {
    "auto": _auto,
    "none": _none,
    "center": _center,
    "standardise": _standardise,
    "rms": _rms,
    "unit": _unit,
}
"""auto: none for inputs in [0, 1], else rms. center: mean 0. standardise: mean 0 and variance 1 of each dimension; a
constant one stays at 0. rms: mean 0, and mean squared norm D, as SAE libraries scale activations: one factor for all
dimensions, so that the fraction of variance unexplained is what it was. unit: mean squared norm 1, by one factor and
without a shift, as dictionary_learning and the variational SAE's authors scale activations (Lieberum et al. 2024,
arXiv 2408.05147, section 3.1)."""


def normalised(dataset: Dataset, how: str) -> Dataset:
    """A data set whose splits are all shifted and scaled as its training split asks for."""
    shift, scale = AFFINES[how](dataset.train.x)
    return dataset.with_splits(lambda split: replace(split, x=(split.x - shift) * scale))
