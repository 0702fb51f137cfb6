"""What a data set is: three splits of flattened inputs with labels, and a checksum that identifies them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
from torch import Tensor

from bench.datasets.conversion import DataError, as_inputs, as_labels
from bench.datasets.scaling import Scaling
from bench.datasets.stream import Stream


@dataclass(frozen=True)
class Split:
    """One split, on one device. Arrays and tensors of other types are converted: see `bench.datasets.conversion`."""

    x: Tensor
    """Inputs (N, D), float32; those of images in [0, 1]."""
    labels: Tensor
    """Classes (N,), int64, negative for a sample without a class; None where no sample has one."""
    factors: Mapping[str, Tensor] = field(default_factory=dict)
    """Other known properties of the samples, as tensors of N rows, by the names under which metrics ask for them:
    "gates", "values", "measures"; "group" and "position", of rows that are tokens or patches: the number of the text or
    image that a row is of, and its place there."""
    names: tuple[str, ...] | None = None
    """What each sample is called, such as its text or the path of its image; None where that is not known."""

    def __post_init__(self) -> None:
        x = as_inputs(self.x)
        object.__setattr__(self, "x", x)
        object.__setattr__(self, "labels", as_labels(self.labels, x))
        rows = {name: len(values) for name, values in self.factors.items()}
        if self.names is not None:
            rows["names"] = len(self.names)
        for name, n in rows.items():
            if n != len(x):
                raise DataError(f"{name} has {n} rows for {len(x)} samples of x; give one for each.")

    def __len__(self) -> int:
        return len(self.x)

    def to(self, device: torch.device) -> Split:
        """The same split on a device."""
        factors = {name: values.to(device) for name, values in self.factors.items()}
        return Split(self.x.to(device), self.labels.to(device), factors, self.names)

    def head(self, n: int) -> Split:
        """The first n samples."""
        return self.take(torch.arange(min(n, len(self))))

    def spread(self, n: int | None) -> Split:
        """n samples, one from a fixed random place of each of n equal stretches; all of them where n is None.

        Neither samples that are sorted by class nor classes that take turns can hide a class from it.
        """
        return self if n is None or n >= len(self) else self.take(spread_indices(len(self), n))

    def take(self, samples: Tensor) -> Split:
        """The samples at some indices."""
        indices = samples.to(self.x.device)
        factors = {name: values[indices] for name, values in self.factors.items()}
        names = None if self.names is None else tuple(self.names[i] for i in samples.tolist())
        return Split(self.x[indices], self.labels[indices], factors, names)


def spread_indices(n: int, limit: int) -> Tensor:
    """At most `limit` indices below n: one from a fixed random place of each of `limit` equal stretches."""
    if limit >= n:
        return torch.arange(n)
    within = torch.rand(limit, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return ((torch.arange(limit) + within) * n / limit).long().clamp_max(n - 1)


class Whole(NamedTuple):
    """Of a data set that is larger than memory, whose splits are samples: where all of it is."""

    train: Stream
    """What training batches are made of."""
    n_test: int
    """Samples of the whole test split."""


@dataclass(frozen=True)
class Dataset:
    """A loaded data set."""

    train: Split
    """The split on which models are trained."""
    validation: Split
    """The split on which hyperparameters are chosen."""
    test: Split
    """The split on which results are reported: read once, after training."""
    image_shape: tuple[int, ...]
    """Shape of an input before flattening, for pictures."""
    class_names: tuple[str, ...]
    """One name per label value."""
    categories: tuple[str, ...] | None = None
    """One category per class, if it is known which classes are related."""
    truth: Mapping[str, Any] = field(default_factory=dict)
    """Known properties of the whole set, by the names under which metrics ask for them: names and roles of factors,
    the atoms that generated it."""
    scaling: Scaling | None = None
    """How its inputs were normalised; None where they are as they came."""
    whole: Whole | None = None
    """Where it is larger than memory: then its splits are some of their samples, evenly spread. Models are initialised,
    fitted and measured on them, and trained on all."""
    feature_names: tuple[str, ...] | None = None
    """What each of the D inputs is called, such as the columns of a table; None where that is not known."""
    notes: tuple[str, ...] = ()
    """What to know of it beside its numbers, a clause each; every run on it has them."""
    picture: Callable[[str], np.ndarray] | None = None
    """Where inputs are made of images: the name of a sample -> a small picture of it, (side, side, 3) in [0, 1]."""

    @property
    def batched(self) -> Split | Stream:
        """What training batches are made of."""
        return self.whole.train if self.whole else self.train

    @property
    def n_features(self) -> int:
        """D, the length of a flattened input."""
        return self.train.x.shape[1]

    @property
    def splits(self) -> dict[str, Split]:
        """Its splits, by name."""
        return {"train": self.train, "validation": self.validation, "test": self.test}

    def to(self, device: torch.device) -> Dataset:
        """The same data set on a device."""
        return self.with_splits(lambda split: split.to(device))

    def with_splits(self, change: Callable[[Split], Split]) -> Dataset:
        """The same data set with each split changed."""
        changed: dict[str, Any] = {name: change(split) for name, split in self.splits.items()}
        return replace(self, **changed)


class DatasetSource(ABC):
    """The source of a data set; cheap until `load` is called."""

    reads: ClassVar[tuple[str, ...]] = ()
    """Files that it reads beside its data, by paths from the folder of its own file: with other content they make new
    runs, as an edit of its code does."""
    min_steps: ClassVar[int | None] = None
    """Optimiser steps that every run takes at least, where its budget's epochs come to fewer: for a data set so small
    that they are no training. Epochs that are asked for, and a budget's `max_steps`, stand."""
    hyperparameters: ClassVar[Mapping[str, Any]] = {}
    """Values that suit it, for every model that has the field; a setting, a budget and what is asked for win."""

    @abstractmethod
    def checksum(self, data_dir: Path) -> str:
        """Identifies content and splits; part of every run id. Reads as little as possible, and downloads nothing."""

    @abstractmethod
    def load(self, data_dir: Path) -> Dataset:
        """Read and verify the data; download them on first use. Raises BenchError if they are absent or corrupt.

        What it returns is checked before it is used: see `bench.datasets.soundness`.
        """
