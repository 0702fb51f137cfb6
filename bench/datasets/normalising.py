"""What is done to the inputs of a data set before a model sees them. Fitted on the training split alone.

Pictures are of the inputs as models see them: those that go below zero are drawn in two colours.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from bench.datasets.base import Dataset, Scaling

Affine = tuple[Tensor, Tensor]
"""Shift (D,), and scale (D,) or (): x becomes (x - shift) * scale."""


def _center(x: Tensor) -> Affine:
    return x.double().mean(0).float(), torch.ones(())


def _standardise(x: Tensor) -> Affine:
    spread = x.double().std(0, correction=0).float()
    return x.double().mean(0).float(), torch.where(spread > 0, 1 / spread, 1.0)


def _rms(x: Tensor) -> Affine:
    mean = x.double().mean(0)
    squares = (x.double() - mean).square().mean().item()
    return mean.float(), torch.tensor(squares**-0.5 if squares > 0 else 1.0, dtype=torch.float32)


def _unit(x: Tensor) -> Affine:
    squared_norm = x.double().square().sum(1).mean().item()
    return torch.zeros(()), torch.tensor(squared_norm**-0.5 if squared_norm > 0 else 1.0, dtype=torch.float32)


AFFINES: dict[str, Callable[[Tensor], Affine]] = {
    "center": _center,
    "standardise": _standardise,
    "rms": _rms,
    "unit": _unit,
}
"""center: mean 0. standardise: mean 0 and variance 1 of each dimension; a constant one stays at 0. rms: mean 0, and
mean squared norm D, as SAE libraries scale activations: one factor for all dimensions, so that the fraction of variance
unexplained is what it was. unit: mean squared norm 1, by one factor and without a shift, as dictionary_learning and the
variational SAE's authors scale activations (Lieberum et al. 2024, arXiv 2408.05147, section 3.1)."""


def normalised(dataset: Dataset, how: str) -> Dataset:
    """A data set whose splits are all shifted and scaled as its training split asks for.

    auto: none for inputs in [0, 1], else rms.
    """
    x = dataset.train.x
    if how == "auto":
        how = "none" if x.min() >= 0 and x.max() <= 1 else "rms"
    if how == "none":
        return dataset
    scaling = Scaling(how, *AFFINES[how](x))
    return replace(dataset.with_splits(lambda split: replace(split, x=scaling.of(split.x))), scaling=scaling)
