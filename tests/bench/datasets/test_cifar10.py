"""CIFAR-10: its binary format, its splits, and the published files where they lie."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from bench.datasets.cifar10 import CIFAR10
from bench.errors import BenchError

DATA = Path(os.environ.get("BENCH_DATA_DIR", "data"))


def small(folder: Path) -> tuple[CIFAR10, dict[str, np.ndarray]]:
    """Six files of four images each, and a source that takes them for the published ones."""
    rng = np.random.default_rng(0)
    files = {name: rng.integers(0, 256, (4, 3073), dtype=np.uint8) for name in CIFAR10.md5}
    (folder / CIFAR10.folder).mkdir()
    for name, records in files.items():
        records[:, 0] %= 10
        (folder / CIFAR10.folder / name).write_bytes(records.tobytes())
    md5 = {name: hashlib.md5(records.tobytes()).hexdigest() for name, records in files.items()}
    attributes: dict[str, Any] = {"md5": md5, "n_validation": 5}
    return type("Small", (CIFAR10,), attributes)(), files


def test_binary_files_are_a_label_and_the_channels_of_each_image(tmp_path: Path) -> None:
    source, files = small(tmp_path)
    data = source.load(tmp_path)
    assert [len(split) for split in (data.train, data.validation, data.test)] == [15, 5, 4]
    assert data.image_shape == (3, 32, 32)
    records = np.concatenate([files[f"data_batch_{i}.bin"] for i in range(1, 6)])
    x, labels = torch.cat([data.train.x, data.validation.x]), torch.cat([data.train.labels, data.validation.labels])
    np.testing.assert_allclose(x.numpy() * 255, records[:, 1:], atol=1e-4)
    assert labels.tolist() == records[:, 0].tolist()
    assert data.test.labels.tolist() == files["test_batch.bin"][:, 0].tolist()
    assert data.categories is not None
    groups = dict(zip(data.class_names, data.categories, strict=True))
    assert (groups["ship"], groups["frog"], list(groups.values()).count("vehicle")) == ("vehicle", "animal", 4)


def test_another_file_is_refused(tmp_path: Path) -> None:
    source, _ = small(tmp_path)
    (tmp_path / source.folder / "data_batch_3.bin").write_bytes(b"\0" * 3073)
    with pytest.raises(BenchError, match=r"data_batch_3.bin' is not the published file: its md5 is"):
        source.load(tmp_path)


def test_what_cannot_be_downloaded_says_where_it_may_lie(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torchvision.datasets

    monkeypatch.setattr(torchvision.datasets.CIFAR10, "url", "file:///nowhere/cifar.tar.gz")
    with pytest.raises(BenchError, match=r"could not be downloaded .*Put 'cifar-10-batches-py' or"):
        CIFAR10().load(tmp_path)


@pytest.mark.skipif(not (DATA / CIFAR10.folder).is_dir(), reason="CIFAR-10 is not in BENCH_DATA_DIR")
def test_the_published_images() -> None:
    data = CIFAR10().load(DATA)
    x = torch.cat([data.train.x, data.validation.x]).view(-1, *data.image_shape)
    mean = x.mean((0, 2, 3), dtype=torch.float64)
    torch.testing.assert_close(mean, torch.tensor([0.49139968, 0.48215841, 0.44653091]).double(), atol=1e-6, rtol=0)
    assert torch.cat([data.train.labels, data.validation.labels]).bincount().tolist() == [5000] * 10
    assert data.test.labels.bincount().tolist() == [1000] * 10
