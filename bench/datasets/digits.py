"""Handwritten digits, 8x8, 1,797 images, from scikit-learn: no download (UCI; Alpaydin & Kaynak 1998)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch

from bench.datasets.base import Dataset, DatasetSource, Split

N_TRAIN, N_VALIDATION = 1257, 180
SPLIT_SEED = 0


class Digits(DatasetSource):
    """1,257 / 180 / 360 images by a fixed permutation; pixels 0 to 16 scaled to [0, 1].

    The papers' 11 epochs of batches of 32 are 18,900 steps on MNIST and 440 here, in which no spike-and-slab model
    learns to use its units: every model gets 3,000, so that a board of all models takes minutes. And 64 grey pixels
    leave a Bernoulli model 2 nats to gain, against 100 on MNIST: the KL terms of VSC must rise slowly, and its prior
    stays. Chosen on the validation split, where the FVU of VSC (mean of three seeds) is 0.54 if the KL terms rise over
    0.8 of training, 0.62 over 0.5, and 0.82 over 0.2.
    """

    min_steps = 3000
    hyperparameters: ClassVar[Mapping[str, Any]] = {"kl_warmup": 0.8, "alpha_warmup": 0.0}

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
