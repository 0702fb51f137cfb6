"""CIFAR-10, 32x32 in colour, 60,000 photographs of ten kinds of things (Krizhevsky 2009)."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch

from bench.datasets.base import Dataset, DatasetSource, Split
from bench.errors import BenchError

SHAPE = (3, 32, 32)
SPLIT = "train[:-5000], train[-5000:], test"


class CIFAR10(DatasetSource):
    """45,000 / 5,000 / 10,000 images: the last 5,000 training images are the validation split.

    Read from the binary version, `cifar-10-batches-bin`, where that is there; else through torchvision, which brings
    and verifies `cifar-10-batches-py`. Both hold the same bytes.
    """

    folder: ClassVar[str] = "cifar-10-batches-bin"
    n_validation: ClassVar[int] = 5_000
    md5: ClassVar[dict[str, str]] = {
        "data_batch_1.bin": "5dd7e06a14cb22eb9f671a540d1b7c25",
        "data_batch_2.bin": "5ea93a67294ea407fff1d09f752e9692",
        "data_batch_3.bin": "942cd6a4bcdd0dd3c604fbe906cb4421",
        "data_batch_4.bin": "ae636b3ba5c66a11e91e8cb52e771fcb",
        "data_batch_5.bin": "53f37980c15c3d472c316c40844f3f0d",
        "test_batch.bin": "803d5f7f4d78ea53de84dbe85f74fb6d",
    }
    classes: ClassVar[tuple[str, ...]] = (
        "airplane",
        "automobile",
        "bird",
        "cat",
        "deer",
        "dog",
        "frog",
        "horse",
        "ship",
        "truck",
    )
    vehicles: ClassVar[frozenset[str]] = frozenset({"airplane", "automobile", "ship", "truck"})

    def checksum(self, data_dir: Path) -> str:
        return hashlib.sha256(" ".join([*self.md5.values(), SPLIT]).encode()).hexdigest()

    def load(self, data_dir: Path) -> Dataset:
        raw = data_dir / self.folder
        read = self._binary if all((raw / name).is_file() for name in self.md5) else self._through_torchvision
        (x, labels), (x_test, labels_test) = (read(data_dir, train) for train in (True, False))
        n_train = len(x) - self.n_validation
        return Dataset(
            Split(x[:n_train], labels[:n_train]),
            Split(x[n_train:], labels[n_train:]),
            Split(x_test, labels_test),
            SHAPE,
            self.classes,
            tuple("vehicle" if name in self.vehicles else "animal" for name in self.classes),
        )

    def _binary(self, data_dir: Path, train: bool) -> tuple[torch.Tensor, torch.Tensor]:
        """Inputs (N, 3072) in [0, 1], channels first, and labels (N,): a record is a label and 3,072 bytes."""
        parts = []
        for name, expected in self.md5.items():
            if name.startswith("test") == train:
                continue
            content = (data_dir / self.folder / name).read_bytes()
            actual = hashlib.md5(content, usedforsecurity=False).hexdigest()
            if actual != expected:
                raise BenchError(
                    f"'{data_dir / self.folder / name}' is not the published file: its md5 is {actual}, expected "
                    f"{expected}. Restore it from a good copy, or delete the folder to have it downloaded."
                )
            parts.append(np.frombuffer(content, np.uint8).reshape(-1, 3073))
        records = torch.from_numpy(np.concatenate(parts))
        return records[:, 1:].float().div_(255), records[:, 0].long()

    def _through_torchvision(self, data_dir: Path, train: bool) -> tuple[torch.Tensor, torch.Tensor]:
        """The same of torchvision's files, which it verifies before it reads them."""
        import torchvision.datasets

        try:
            images = torchvision.datasets.CIFAR10(str(data_dir), train=train, download=True)
        except (OSError, RuntimeError) as error:
            raise BenchError(
                f"CIFAR-10 is not in '{data_dir}' and could not be downloaded ({error}). Put 'cifar-10-batches-py' or "
                f"'{self.folder}' there, or name another folder with --data-dir or BENCH_DATA_DIR."
            ) from error
        pixels = torch.from_numpy(np.ascontiguousarray(images.data.transpose(0, 3, 1, 2)))
        return pixels.flatten(1).float().div_(255), torch.tensor(images.targets)
