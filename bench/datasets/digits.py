"""Handwritten digits, 8x8, 1,797 images, from scikit-learn: no download (UCI; Alpaydin & Kaynak 1998)."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

import numpy as np
import torch

from bench.datasets.base import Dataset, DatasetSource, Split

N_TRAIN, N_VALIDATION = 1257, 180
SPLIT_SEED = 0


class Digits(DatasetSource):
    """1,257 / 180 / 360 images by a fixed permutation; pixels 0 to 16 scaled to [0, 1]."""

    def checksum(self, data_dir: Path) -> str:
        images, labels, order = _arrays()
        return hashlib.sha256(images.tobytes() + labels.tobytes() + order.tobytes()).hexdigest()

    def load(self, data_dir: Path) -> Dataset:
        images, labels, order = _arrays()
        x = torch.from_numpy(images[order].astype(np.float32) / 16)
        y = torch.from_numpy(labels[order])
        sizes = [N_TRAIN, N_VALIDATION, len(x) - N_TRAIN - N_VALIDATION]
        train, validation, test = (Split(*parts) for parts in zip(x.split(sizes), y.split(sizes), strict=True))
        return Dataset(train, validation, test, (8, 8), tuple("0123456789"))


@cache
def _arrays() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Images (N, 64) in 0..16, labels (N,) and the fixed order of the split."""
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    order = np.random.Generator(np.random.PCG64(SPLIT_SEED)).permutation(len(images))
    return images.astype(np.float64), labels.astype(np.int64), order.astype(np.int64)
