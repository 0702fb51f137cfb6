"""What a data set must be before anything is trained on it. Each flaw names the split, the place and the remedy."""

from __future__ import annotations

import math
from itertools import combinations
from typing import Any

from torch import Tensor

from bench.datasets.base import Dataset, Split
from bench.datasets.conversion import DataError
from bench.errors import counted

LARGEST = 1e15
"""Sums of the squares of larger inputs overflow float32."""


def require_dataset(loaded: Any) -> Dataset:
    """What was loaded, where it is a sound data set. DataError for its first flaw."""
    for flaw_of in (flaw_of_type, flaw_of_inputs, flaw_of_sizes, flaw_of_classes, flaw_of_factors):
        if flaw := flaw_of(loaded):
            raise DataError(flaw)
    sound: Dataset = loaded
    return sound


def flaw_of_type(loaded: Any) -> str:
    """Anything but a Dataset of three splits; "" for one."""
    if not isinstance(loaded, Dataset):
        return f"load() returns {type(loaded).__name__}; expected bench.datasets.base.Dataset."
    for name, split in loaded.splits.items():
        if not isinstance(split, Split):
            return f"{name} is {type(split).__name__}; expected bench.datasets.base.Split."
    return ""


def flaw_of_inputs(dataset: Dataset) -> str:
    """Splits without samples that differ, and values that no model can take; "" where all is well."""
    for name, split in dataset.splits.items():
        x = split.x
        if len(x) < 2 or not x.shape[1]:
            size = f"{counted(len(x), 'sample')} of {counted(x.shape[1], 'column')}"
            return f"{name}.x has {size}; give two samples or more, of one column or more."
        low, high = (bound.item() for bound in x.aminmax())
        if not (math.isfinite(low) and math.isfinite(high)):
            return f"{name}.x has {_first(x, ~x.isfinite())}; leave such samples out, or fill in a value."
        if max(-low, high) > LARGEST:
            return (
                f"{name}.x has {_first(x, x.abs() > LARGEST)}, more than {LARGEST:g}; scale it, to [0, 1] for instance."
            )
        if not (x != x[0]).any():
            return f"all {len(x)} samples of {name}.x are the same; give some that differ."
    return ""


def _first(x: Tensor, bad: Tensor) -> str:
    """'nan at row 3, column 5 (7 such values)'."""
    row, column = bad.nonzero()[0].tolist()
    return f"{x[row, column].item():g} at row {row}, column {column} ({counted(int(bad.sum()), 'such value')})"


def flaw_of_sizes(dataset: Dataset) -> str:
    """Splits of unlike D, and a shape that is not that of D values; "" where all is well."""
    sizes = {name: split.x.shape[1] for name, split in dataset.splits.items()}
    if len(set(sizes.values())) > 1:
        return f"D differs: {', '.join(f'{size} in {name}' for name, size in sizes.items())}."
    shape, d = dataset.image_shape, dataset.n_features
    if not (isinstance(shape, tuple) and all(isinstance(size, int) and size > 0 for size in shape)):
        return f"image_shape is {shape!r}; give the sizes before flattening, or ({d},)."
    if math.prod(shape) != d:
        return f"image_shape {shape} has {math.prod(shape)} pixels; D is {d}."
    return ""


def flaw_of_classes(dataset: Dataset) -> str:
    """Labels without a name, and classes without a category where others have one; "" where all is well."""
    names, categories = dataset.class_names, dataset.categories
    if isinstance(names, str) or not all(isinstance(name, str) for name in names):
        return f"class_names is {names!r:.100}; give a tuple of words, one for each label."
    for split, labels in ((name, split.labels) for name, split in dataset.splits.items()):
        if (highest := int(labels.max())) >= len(names):
            return (
                f"{counted(len(names), 'class name')} for labels up to {highest} (at row {int(labels.argmax())} of "
                f"{split}); give {highest + 1}, in the order of the labels."
            )
    if categories is not None and len(categories) != len(names):
        return f"{len(categories)} categories for {len(names)} classes; give one for each class."
    return ""


def flaw_of_factors(dataset: Dataset) -> str:
    """Factors that are no tensors, or not the same ones in every split; "" where all is well."""
    splits = dataset.splits
    for name, split in splits.items():
        for factor, values in split.factors.items():
            if not isinstance(values, Tensor):
                return f"{name}.factors['{factor}'] is {type(values).__name__}; expected a tensor of {len(split)} rows."
    for first, second in combinations(splits, 2):
        ours, theirs = (sorted(splits[name].factors) for name in (first, second))
        if ours != theirs:
            return f"{first} has the factors {ours} and {second} has {theirs}; give each the same."
    return ""
