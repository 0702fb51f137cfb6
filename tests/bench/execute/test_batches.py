"""Batches of data larger than memory: every sample once an epoch, in an order of its own, from any point on."""

from __future__ import annotations

import threading
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch

from bench.datasets.base import Split
from bench.datasets.scaling import Scaling
from bench.datasets.stored import npy_rows
from bench.datasets.stream import Stream
from bench.errors import BenchError
from bench.execute.batches import batches
from bench.execute.checkpoint import Checkpoints, StopRequestedError
from bench.execute.training import train
from models.base import Model
from models.topk import TopK
from tests.bench.execute.helpers import stop_after

N, SIZE = 1000, 64
TRAINED = 800


@pytest.fixture
def data(tmp_path: Path) -> Stream:
    """800 of 1,000 rows, each of its own number; labels tell it, blocks have 30 rows, buffers 4 blocks."""
    np.save(tmp_path / "x.npy", np.arange(N, dtype=np.float32)[:, None].repeat(4, 1))
    rows = npy_rows(tmp_path / "x.npy")
    assert rows
    chosen = torch.randperm(N, generator=torch.Generator().manual_seed(0))[:TRAINED].sort().values
    return Stream(
        rows,
        chosen,
        chosen,
        scaling=Scaling("", torch.tensor(1.0), torch.tensor(2.0)),
        block_bytes=30 * 16,
        buffer_bytes=120 * 16,
    )


def test_every_sample_comes_once_an_epoch(data: Stream) -> None:
    per_epoch = -(-TRAINED // SIZE)
    made = list(islice(batches(data, SIZE, seed=3), 2 * per_epoch))
    for epoch in (made[:per_epoch], made[per_epoch:]):
        assert [len(x) for x, _ in epoch] == [SIZE] * (TRAINED // SIZE) + [TRAINED % SIZE]
        assert torch.cat([labels for _, labels in epoch]).sort().values.tolist() == data.samples.tolist()
    assert all(torch.equal(x[:, 0], (labels - 1.0) * 2) for x, labels in made), "normalised, with their own labels"
    first, second = (torch.cat([labels for _, labels in part]) for part in (made[:per_epoch], made[per_epoch:]))
    assert not torch.equal(first, second), "another order"
    apart = (first[1:] - first[:-1]).abs().double()
    assert apart.median() > 100, "neighbours come from far apart"


@pytest.mark.parametrize("first", [1, 5, 13, 20])
def test_they_go_on_from_any_point(data: Stream, first: int) -> None:
    whole, later = batches(data, SIZE, seed=1), batches(data, SIZE, seed=1, first=first)
    for (x, labels), (own, theirs) in zip(islice(whole, first, first + 20), later, strict=False):
        assert torch.equal(x, own)
        assert torch.equal(labels, theirs)


def trained(data: Stream, checkpoints: Checkpoints | None = None) -> Model:
    torch.manual_seed(0)
    model = TopK(TopK.Config(n_latents=16, k=2, batch_size=SIZE, epochs=3), 4)
    sample = data.inputs(data.rows.take(data.samples[:100]))
    train(model, Split(sample, data.labels[:100]), 5, checkpoints=checkpoints, batched=data)
    return model


def test_resumed_training_has_the_same_weights(data: Stream, tmp_path: Path) -> None:
    whole = trained(data)
    assert whole.n_train == TRAINED
    path = tmp_path / "checkpoint.pt"
    with pytest.raises(StopRequestedError):
        trained(data, Checkpoints(path, stop=stop_after(35)))
    resumed = trained(data, Checkpoints(path))
    for name, values in whole.state_dict().items():
        assert torch.equal(values, resumed.state_dict()[name]), name


def test_threads_end_with_the_batches(data: Stream) -> None:
    before = threading.active_count()
    made = batches(data, SIZE, seed=0)
    next(made)
    assert threading.active_count() > before
    made.close()  # type: ignore[attr-defined]
    assert threading.active_count() == before


def test_what_fails_in_a_thread_fails_the_training(data: Stream, tmp_path: Path) -> None:
    (tmp_path / "x.npy").unlink()
    with pytest.raises(BenchError, match="cannot be read"):
        next(batches(data, SIZE, seed=0))
