"""The contract of a data set: what identifies it, and three splits of inputs in [0, 1] with their labels."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from bench.datasets.base import Dataset, DatasetSource, Split
from bench.errors import counted
from bench.execute.contract.checking import Check, Outcome, form_of, run_checks
from bench.plugins.loading import load_source
from bench.plugins.plugin import Plugin

SPLITS = ("train", "validation", "test")

CHANCE = 0.001
"""Share of samples that may be in two splits: by chance, or since the source has them twice, as many a set has."""
NAMED = 3
"""Shared samples that are named; the others are counted."""


@dataclass(frozen=True)
class Subject:
    """A data set under test."""

    plugin: Plugin
    """What names it."""
    data_dir: Path
    """Where its files are."""

    @cached_property
    def source(self) -> DatasetSource:
        """The way to it."""
        return load_source(self.plugin)

    @cached_property
    def dataset(self) -> Dataset:
        """What it loads."""
        return self.source.load(self.data_dir)

    @property
    def splits(self) -> dict[str, Split]:
        """Its splits, by name."""
        return {name: getattr(self.dataset, name) for name in SPLITS}


def check_source(plugin: Plugin, data_dir: Path) -> list[Outcome]:
    """Try everything that the harness asks of a data set."""
    return run_checks(SOURCE, Subject(plugin, data_dir), plugin)


def makes(subject: Subject) -> str:
    """Its class can be made, without arguments."""
    return "" if subject.source else "the class makes nothing."


def has_a_checksum(subject: Subject) -> str:
    """checksum() is a string, the same twice."""
    first, second = (subject.source.checksum(subject.data_dir) for _ in range(2))
    if not isinstance(first, str) or not first:
        return f"checksum() returns {first!r}; expected a string that identifies content and splits."
    if first != second:
        return f"checksum() returns {first!r} and then {second!r}: every command would begin all runs again."
    return ""


def loads(subject: Subject) -> str:
    """load() gives a Dataset of three splits that have samples."""
    if not isinstance(subject.dataset, Dataset):
        return f"load() returns {type(subject.dataset).__name__}; expected bench.datasets.base.Dataset."
    for name, split in subject.splits.items():
        if not isinstance(split, Split):
            return f"{name} is {type(split).__name__}; expected bench.datasets.base.Split."
        if not len(split):
            return f"{name} has no samples."
    return ""


def has_inputs(subject: Subject) -> str:
    """x is float32 (N, D) in each split, finite, in [0, 1]."""
    for name, split in subject.splits.items():
        x = split.x
        if not isinstance(x, Tensor) or x.dtype != torch.float32 or x.ndim != 2:
            return f"{name}.x is {form_of(x)}; expected torch.float32 (N, D): flatten the inputs."
        if bad := int((~x.isfinite()).sum()):
            return f"{name}.x has values that are NaN or infinite: {bad} of {x.numel()}."
        if x.min() < 0 or x.max() > 1:
            return f"{name}.x goes from {x.min().item():.4g} to {x.max().item():.4g}; scale it to [0, 1]."
    return ""


def has_one_size(subject: Subject) -> str:
    """Inputs have the same D in all splits, that of image_shape."""
    sizes = {name: split.x.shape[1] for name, split in subject.splits.items()}
    if len(set(sizes.values())) > 1:
        return f"D differs: {', '.join(f'{size} in {name}' for name, size in sizes.items())}."
    shape, d = subject.dataset.image_shape, subject.dataset.n_features
    if math.prod(shape) != d:
        return f"image_shape {shape} has {math.prod(shape)} pixels; D is {d}."
    return ""


def has_labels(subject: Subject) -> str:
    """labels is int64 (N,) in each split; negative for a sample without one."""
    for name, split in subject.splits.items():
        labels = split.labels
        if not isinstance(labels, Tensor) or labels.dtype != torch.int64 or labels.ndim != 1:
            return f"{name}.labels is {form_of(labels)}; expected torch.int64 (N,)."
    return ""


def names_classes(subject: Subject) -> str:
    """There are as many class names as labels, and a category for each class or none."""
    n_classes = 1 + max(int(split.labels.max()) for split in subject.splits.values())
    names, categories = subject.dataset.class_names, subject.dataset.categories
    if len(names) != max(0, n_classes):
        return f"{counted(len(names), 'class name')} for labels up to {n_classes - 1}; give {max(0, n_classes)}."
    if categories is not None and len(categories) != len(names):
        return f"{len(categories)} categories for {len(names)} classes; give one for each class."
    return ""


def knows_factors(subject: Subject) -> str | None:
    """Factors are tensors with a row for each sample, the same ones in every split."""
    known = {name: sorted(split.factors) for name, split in subject.splits.items()}
    if not any(known.values()):
        return None
    for name, split in subject.splits.items():
        for factor, values in split.factors.items():
            if not isinstance(values, Tensor):
                return f"{name}.factors['{factor}'] is {type(values).__name__}; expected a tensor of {len(split)} rows."
            if len(values) != len(split):
                return f"{name}.factors['{factor}'] has {len(values)} rows for {len(split)} samples."
    for first, second in combinations(SPLITS, 2):
        if known[first] != known[second]:
            return f"{first} has the factors {known[first]} and {second} has {known[second]}; give each the same."
    return ""


def loads_again(subject: Subject) -> str:
    """Loading twice gives the same values."""
    again = subject.source.load(subject.data_dir)
    for name, split in subject.splits.items():
        other = getattr(again, name)
        for what, ours, theirs in (("x", split.x, other.x), ("labels", split.labels, other.labels)):
            if not torch.equal(ours, theirs):
                return f"{name}.{what} differs from load to load: seed what is drawn or shuffled."
    return ""


def has_separate_splits(subject: Subject) -> str:
    """Hardly any sample is in two splits: less than 1 in 1,000; samples without any contrast do not count."""
    rows = {name: _rows(split.x) for name, split in subject.splits.items()}
    problems = []
    for first, second in combinations(SPLITS, 2):
        where = {row: i for i, row in reversed(rows[first].items())}
        shared = [(where[row], i) for i, row in rows[second].items() if row in where]
        if len(shared) > CHANCE * len(rows[second]):
            pairs = ", ".join(f"{first} {i} = {second} {j}" for i, j in shared[:NAMED])
            more = f" and {len(shared) - NAMED} more" if len(shared) > NAMED else ""
            problems.append(
                f"{len(shared)} of {len(rows[second])} samples of {second} are in {first} too: {pairs}{more}."
            )
    return " ".join(problems)


def _rows(x: Tensor) -> dict[int, bytes]:
    """The bytes of each sample that is not constant, by its index."""
    array = np.ascontiguousarray(x.cpu().numpy())
    varied = (array != array[:, :1]).any(1).nonzero()[0]
    return {int(i): array[i].tobytes() for i in varied}


SOURCE = (
    Check(
        makes,
        then=(
            Check(has_a_checksum),
            Check(
                loads,
                then=(
                    Check(
                        has_inputs,
                        then=(Check(has_one_size), Check(has_separate_splits), Check(loads_again)),
                    ),
                    Check(has_labels, then=(Check(names_classes),)),
                    Check(knows_factors),
                ),
            ),
        ),
    ),
)
"""What is tried of a data set."""
