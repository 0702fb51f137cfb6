"""What a data set is: three splits of flattened inputs in [0, 1] with labels, and a checksum that identifies them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor


@dataclass(frozen=True)
class Split:
    """Inputs x (N, D) float32 in [0, 1] and labels (N,) int64, on one device."""

    x: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.x)

    def to(self, device: torch.device) -> Split:
        """The same split on a device."""
        return Split(self.x.to(device), self.labels.to(device))

    def head(self, n: int | None) -> Split:
        """The first n samples; all of them where n is None."""
        return self if n is None else Split(self.x[:n], self.labels[:n])


@dataclass(frozen=True)
class Dataset:
    """A loaded data set.

    Attributes
    ----------
    train, validation, test : Split
        Fixed splits; the test split is read once, after training.
    image_shape : tuple of int
        Shape of an input before flattening, for pictures.
    class_names : tuple of str
        One name per label value.
    categories : tuple of str, optional
        One category per class, where the classes have known relatives.
    """

    train: Split
    validation: Split
    test: Split
    image_shape: tuple[int, ...]
    class_names: tuple[str, ...]
    categories: tuple[str, ...] | None = None

    @property
    def n_features(self) -> int:
        """D."""
        return self.train.x.shape[1]

    def to(self, device: torch.device) -> Dataset:
        """The same data set on a device."""
        splits = {name: getattr(self, name).to(device) for name in ("train", "validation", "test")}
        return replace(self, **splits)


class DatasetSource(ABC):
    """A way to a data set, cheap until `load` is called."""

    @abstractmethod
    def checksum(self, data_dir: Path) -> str:
        """Identifies content and splits; part of every run id. Reads as little as it can, downloads nothing."""

    @abstractmethod
    def load(self, data_dir: Path) -> Dataset:
        """Read (and on first use download) and verify. Raises BenchError where the data are absent or corrupt."""
