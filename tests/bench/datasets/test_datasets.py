"""Data sets: sizes, ranges, fixed splits, checksums, and what happens when files are absent or corrupt."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch

from bench.datasets.base import Dataset
from bench.datasets.digits import Digits
from bench.datasets.fmnist import FashionMNIST
from bench.datasets.mnist import MNIST
from bench.errors import BenchError
from bench.execute.batches import batches


def check(dataset: Dataset, sizes: tuple[int, int, int]) -> None:
    assert (len(dataset.train), len(dataset.validation), len(dataset.test)) == sizes
    for split in (dataset.train, dataset.validation, dataset.test):
        assert split.x.dtype == torch.float32
        assert split.labels.dtype == torch.int64
        assert split.x.min() >= 0
        assert split.x.max() == 1
        assert set(split.labels.tolist()) == set(range(10))
    assert dataset.n_features == dataset.image_shape[0] * dataset.image_shape[1]


def test_digits() -> None:
    dataset = Digits().load(Path("unused"))
    check(dataset, (1257, 180, 360))
    rows = torch.cat([dataset.train.x, dataset.validation.x, dataset.test.x])
    assert len(rows.unique(dim=0)) == 1797, "every image once"
    assert torch.equal(dataset.train.x, Digits().load(Path("unused")).train.x)


@pytest.mark.parametrize("source", [MNIST, FashionMNIST])
def test_mnist_family(source: type[MNIST], data_dir: Path) -> None:
    dataset = source().load(data_dir)
    check(dataset, (55_000, 5_000, 10_000))
    assert dataset.test.labels.bincount().sum() == 10_000


def test_known_images(data_dir: Path) -> None:
    """The first test image of MNIST is a 7, of Fashion-MNIST an ankle boot; the mean pixels are the published ones."""
    mnist, fashion = MNIST().load(data_dir), FashionMNIST().load(data_dir)
    assert mnist.class_names[mnist.test.labels[0]] == "7"
    assert fashion.class_names[fashion.test.labels[0]] == "Ankle boot"
    assert torch.cat([mnist.train.x, mnist.validation.x]).double().mean().item() == pytest.approx(0.1307, abs=1e-4)
    assert torch.cat([fashion.train.x, fashion.validation.x]).double().mean().item() == pytest.approx(0.2860, abs=1e-4)


def test_a_corrupt_file_is_named_with_both_checksums(tmp_path: Path, data_dir: Path) -> None:
    shutil.copytree(data_dir / "MNIST", tmp_path / "MNIST")
    file = tmp_path / "MNIST" / "raw" / "t10k-labels-idx1-ubyte"
    file.chmod(0o644)
    content = bytearray(file.read_bytes())
    content[100] ^= 1
    file.write_bytes(content)
    with pytest.raises(BenchError, match=r"t10k-labels.*expected 27ae3e4e09519cfbb04c329615203637"):
        MNIST().load(tmp_path)


def test_absent_data_without_a_network_says_what_to_put_where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(variable, "http://127.0.0.1:1")  # a port that refuses: no network
    with pytest.raises(BenchError) as caught:
        MNIST().load(tmp_path)
    for word in ("train-images-idx3-ubyte", str(tmp_path / "MNIST" / "raw"), "BENCH_DATA_DIR", "--datasets digits"):
        assert word in str(caught.value)


def test_checksums_tell_datasets_apart_and_need_no_files() -> None:
    sums = {source().checksum(Path("absent")) for source in (Digits, MNIST, FashionMNIST)}
    assert len(sums) == 3


def test_batches_cover_each_epoch_once_and_depend_on_the_seed_alone(digits: Dataset) -> None:
    def epoch(seed: int) -> torch.Tensor:
        stream = batches(digits.train, 100, seed)
        return torch.cat([next(stream)[0] for _ in range(13)])

    first = epoch(1)
    assert torch.equal(first, epoch(1))
    assert not torch.equal(first, epoch(2))
    assert torch.equal(first.unique(dim=0), digits.train.x.unique(dim=0))
