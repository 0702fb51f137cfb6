"""MNIST, 28x28, 70,000 handwritten digits, through torchvision (LeCun, Cortes & Burges 1998)."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch

from bench.datasets.base import Dataset, DatasetSource, Split
from bench.datasets.cache import cached
from bench.datasets.morphology import MEASURES, METHOD, measure
from bench.errors import BenchError

N_TRAIN = 55_000
SPLIT = "train[:55000], train[55000:], test"


class MNIST(DatasetSource):
    """55,000 / 5,000 / 10,000 images: the last 5,000 training images are the validation split."""

    folder: ClassVar[str] = "MNIST"
    torchvision_name: ClassVar[str] = "MNIST"
    class_names: ClassVar[tuple[str, ...]] = ("0", "1", "2", "3", "4", "5", "6", "7", "8", "9")
    categories: ClassVar[tuple[str, ...] | None] = None
    md5: ClassVar[dict[str, str]] = {
        "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
        "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
        "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
        "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
    }

    def checksum(self, data_dir: Path) -> str:
        return hashlib.sha256(" ".join([*self.md5.values(), SPLIT]).encode()).hexdigest()

    def load(self, data_dir: Path) -> Dataset:
        raw = data_dir / self.folder / "raw"
        if not all((raw / name).is_file() for name in self.md5):
            self._download(data_dir)
        self._verify(raw)
        (x, labels), (x_test, labels_test) = (self._read(data_dir, train) for train in (True, False))
        measures, measures_test = self._measures(data_dir, x, x_test)
        return Dataset(
            Split(x[:N_TRAIN], labels[:N_TRAIN], {"measures": measures[:N_TRAIN]}),
            Split(x[N_TRAIN:], labels[N_TRAIN:], {"measures": measures[N_TRAIN:]}),
            Split(x_test, labels_test, {"measures": measures_test}),
            (28, 28),
            self.class_names,
            self.categories,
            {"measure_names": MEASURES},
        )

    def _read(self, data_dir: Path, train: bool) -> tuple[torch.Tensor, torch.Tensor]:
        import torchvision.datasets

        images = getattr(torchvision.datasets, self.torchvision_name)(str(data_dir), train=train)
        return images.data.flatten(1).float().div_(255), images.targets.long()

    def _measures(self, data_dir: Path, x: torch.Tensor, x_test: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Morphology (N, 6) float32 of the training and the test images; cached once it is measured."""

        def make() -> dict[str, np.ndarray]:
            images = (torch.cat([x, x_test]) * 255).round().byte().view(-1, 28, 28).numpy()
            what = f"Measuring the {len(images):,} images of {self.torchvision_name}, once"
            measures = measure(images, what=what)
            return {"train": measures[: len(x)], "test": measures[len(x) :]}

        arrays = cached(f"{self.folder.lower()}-measures", f"{METHOD}, {self.checksum(data_dir)}", make)
        return torch.from_numpy(arrays["train"]), torch.from_numpy(arrays["test"])

    def _download(self, data_dir: Path) -> None:
        import torchvision.datasets

        try:
            getattr(torchvision.datasets, self.torchvision_name)(str(data_dir), download=True)
        except (OSError, RuntimeError) as error:
            raise BenchError(
                f"{self.torchvision_name} is not in '{data_dir}' and could not be downloaded ({error}). "
                f"Put {', '.join(self.md5)} into '{data_dir / self.folder / 'raw'}', name another folder with "
                "--data-dir or BENCH_DATA_DIR, or try --datasets digits, which needs no download."
            ) from error

    def _verify(self, raw: Path) -> None:
        for name, expected in self.md5.items():
            actual = hashlib.md5((raw / name).read_bytes(), usedforsecurity=False).hexdigest()
            if actual != expected:
                raise BenchError(
                    f"'{raw / name}' is not the published file: its md5 is {actual}, expected {expected}. "
                    "Delete it and run again to download it, or restore it from a good copy."
                )
