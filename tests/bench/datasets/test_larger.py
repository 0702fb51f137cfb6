"""Data larger than memory: the same splits, statistics and inputs as in memory, flaws named by their row."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from bench.datasets import larger
from bench.datasets.base import Dataset
from bench.datasets.extracted import MANIFEST, Manifest, Sample, Shard, shard_name
from bench.datasets.files import FileSource
from bench.datasets.place import NORMALISATIONS, place_of
from bench.datasets.stored import npy_rows
from bench.datasets.stream import Stream
from bench.errors import BenchError

N, D = 3000, 6
RNG = np.random.default_rng(0)
X = (RNG.standard_normal((N, D)) * [1, 2, 3, 4, 5, 0] + 50).astype(np.float16)
Y = np.arange(N) % 3


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))


def load(reference: str | Path, in_memory: int = 100) -> Dataset:
    place = place_of(str(reference))
    assert place
    return FileSource(place, in_memory).load(Path("data"))


def stream(dataset: Dataset) -> Stream:
    assert dataset.whole
    return dataset.whole.train


def npy(folder: Path, x: np.ndarray = X, y: np.ndarray | None = Y) -> Path:
    np.save(folder / "a.npy", x)
    if y is not None:
        np.save(folder / "a.labels.npy", y)
    return folder / "a.npy"


def shards(folder: Path) -> Path:
    for i, rows in enumerate(np.array_split(np.arange(N), 7)):
        np.save(folder / f"part-{i}.npy", X[rows])
        np.save(folder / f"part-{i}.labels.npy", Y[rows])
    return folder


def tensors(folder: Path) -> Path:
    save_file({"x": torch.from_numpy(X), "labels": torch.from_numpy(Y)}, folder / "a.safetensors")
    return folder / "a.safetensors"


def splits(folder: Path) -> Path:
    for name, part in {"train": slice(0, 2000), "val": slice(2000, 2300), "test": slice(2300, N)}.items():
        np.save(folder / f"{name}.npy", X[part])
    return folder


def extracted(folder: Path) -> Path:
    """Activations of samples of three rows each, in four shards, whose splits begin in the middle of one."""
    parts = np.array_split(np.arange(N), [600, 1200, 2100])
    for i, rows in enumerate(parts):
        np.save(folder / shard_name(i), X[rows])
        lines = [Sample(name=f"s{row // 3}", rows=3).model_dump_json() for row in rows[::3]]
        (folder / shard_name(i, ".jsonl")).write_text("\n".join(lines) + "\n", "utf-8")
    np.save(folder / "labels.npy", Y)
    np.save(folder / "sample.npy", np.arange(N) // 3)
    np.save(folder / "position.npy", np.arange(N) % 3)
    manifest = Manifest(
        backbone="net.py:net", weights="", layer="1", pool="none", preprocessing={}, inputs="i", inputs_checksum="",
        dtype="float16", row="token", width=D, output_shape=[3, D], class_names=["a", "b", "c"], samples=N // 3,
        splits={"train": 700, "validation": 100, "test": 200}, batch_size=1, versions={}, complete=True,
        shards=[Shard(rows=len(rows), samples=len(rows) // 3) for rows in parts],
    )  # fmt: skip
    (folder / MANIFEST).write_text(manifest.model_dump_json(), "utf-8")
    return folder


@pytest.mark.parametrize("make", [npy, shards, tensors, splits, extracted])
def test_it_is_the_data_set_that_fits_in_memory(tmp_path: Path, make: object) -> None:
    path = make(tmp_path)  # type: ignore[operator]
    ours, theirs = load(path), load(path, 10**9)
    assert theirs.whole is None
    for name in ("train", "validation", "test"):
        torch.testing.assert_close(ours.splits[name].x, theirs.splits[name].x)
        assert torch.equal(ours.splits[name].labels, theirs.splits[name].labels)
    assert len(stream(ours)) == len(theirs.train)
    assert (ours.class_names, ours.image_shape) == (theirs.class_names, theirs.image_shape)


@pytest.mark.parametrize("how", NORMALISATIONS)
@pytest.mark.parametrize("offset", [0, 3000])
def test_statistics_are_those_of_all_training_samples(tmp_path: Path, how: str, offset: int) -> None:
    x = X.astype(np.float64) + offset
    path = npy(tmp_path, x, None)
    ours, theirs = load(f"{path}:normalise={how}"), load(f"{path}:normalise={how}", 10**9)
    torch.testing.assert_close(ours.train.x, theirs.train.x, rtol=1e-6, atol=1e-6)
    low, high = theirs.train.x.aminmax(dim=0)
    torch.testing.assert_close(stream(ours).bounds, torch.stack([low, high]), rtol=1e-6, atol=1e-6)


def test_splits_are_evenly_spread_samples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(larger, "SAMPLE", 90)
    ours, theirs = load(npy(tmp_path)), load(tmp_path / "a.npy", 10**9)
    assert [len(split) for split in ours.splits.values()] == [90, 90, 90]
    torch.testing.assert_close(ours.test.x, theirs.test.spread(90).x)
    assert torch.equal(ours.train.labels, theirs.train.spread(90).labels)
    assert ours.whole
    assert (len(ours.whole.train), ours.whole.n_test) == (2400, 300)


def test_bytes_of_images_are_scaled(tmp_path: Path) -> None:
    np.save(tmp_path / "i.npy", RNG.integers(0, 256, (50, 4, 5), dtype=np.uint8))
    ours, theirs = load(tmp_path / "i.npy"), load(tmp_path / "i.npy", 10**9)
    assert ours.image_shape == (4, 5)
    assert torch.equal(ours.train.x, theirs.train.x)


def test_one_pass_is_remembered(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = npy(tmp_path)
    for said in (True, False):
        load(path)
        assert ("reading a.npy" in capsys.readouterr().err) is said


def test_a_run_of_batches_is_not_a_run_in_memory(tmp_path: Path) -> None:
    place = place_of(str(npy(tmp_path)))
    assert place
    assert FileSource(place, 100).checksum(Path()) != FileSource(place, 10**9).checksum(Path())


@pytest.mark.parametrize("in_memory", [100, 10**9])
def test_what_cannot_be_right_is_named_by_file_and_row(tmp_path: Path, in_memory: int) -> None:
    def refused(path: Path, words: str) -> None:
        with pytest.raises(BenchError, match=words):
            load(path, in_memory)

    broken = X.copy()
    broken[2999, 3] = np.nan
    refused(npy(tmp_path, broken), "a.npy' has nan at row 2,999, column 3")
    (tmp_path / "shards").mkdir()
    path = shards(tmp_path / "shards")
    np.save(path / "part-4.npy", broken[-429:])
    np.save(path / "part-4.labels.npy", Y[-429:])
    refused(path, "part-4.npy' has nan at row 428, column 3")
    np.save(path / "part-4.npy", X[-429:].astype(np.float32))
    refused(path, r"'part-0.npy' has float16 \(N, 6\) and labels, 'part-4.npy' float32 \(N, 6\) and labels")
    whole = npy(tmp_path)
    np.save(tmp_path / "a.labels.npy", Y[:-1])
    refused(whole, r"labels of shape \(2999,\) for 3000 samples")
    whole.write_bytes(whole.read_bytes()[:-100])
    refused(whole, "a.npy' cannot be read: it is cut short")
    file = tensors(tmp_path)
    file.write_bytes(file.read_bytes()[:-100])
    refused(file, "a.safetensors' cannot be read")


def test_a_column_of_labels_is_labels(tmp_path: Path) -> None:
    expected = load(npy(tmp_path)).train.labels
    assert torch.equal(load(npy(tmp_path, y=Y[:, None])).train.labels, expected)


CHILD = """
import re, sys
from dataclasses import replace
from pathlib import Path
from bench.datasets import larger
from bench.datasets.extracted import MANIFEST, Manifest, Sample, Shard, shard_name
from bench.datasets.files import FileSource
from bench.datasets.place import place_of
from bench.execute.batches import batches

def peak():
    return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])

larger.SAMPLE, before = 1000, peak()
train = FileSource(place_of(sys.argv[1]), 1000).load(Path()).whole.train
made = batches(replace(train, buffer_bytes=2**22), 100, seed=0)
assert sum(len(next(made)[0]) for _ in range(480)) == len(train)
print(peak() - before)
"""


def test_memory_is_less_than_a_quarter_of_the_inputs(tmp_path: Path) -> None:
    np.lib.format.open_memmap(tmp_path / "zeros.npy", mode="w+", dtype=np.uint8, shape=(60_000, 2200))  # no disk
    one_thread = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(tmp_path / "zeros.npy")],
        capture_output=True,
        text=True,
        check=True,
        env=one_thread,
    )
    assert int(done.stdout) * 1024 < 60_000 * 2200, "a byte for each float32"


def test_a_file_that_shrinks_while_it_is_used(tmp_path: Path) -> None:
    data = stream(load(npy(tmp_path)))
    (tmp_path / "a.npy").write_bytes((tmp_path / "a.npy").read_bytes()[:2000])
    with pytest.raises(BenchError, match="cut short while it was in use"):
        data.read_blocks(torch.tensor([0]))
    with pytest.raises(BenchError, match="cut short while it was in use"):
        data.at(torch.tensor([0, 2000]))


def test_of_no_rows_there_are_none(tmp_path: Path) -> None:
    none = npy_rows(npy(tmp_path))
    assert none
    assert none.between(7, 7).read().shape == (0, D)
