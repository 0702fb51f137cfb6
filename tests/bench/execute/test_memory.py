"""A GPU that fails in a run: what its record says, and that the others go on."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from bench.execute import pool
from bench.execute.memory import sizes_told
from bench.store.failure import may_pass
from bench.store.record import Record
from bench.store.runs import RunStore
from tests.bench.execute.helpers import LOSS, job, make, plugin, run_all, spec_of

FULL = (
    "CUDA out of memory. Tried to allocate 20.00 GiB. GPU 0 has a total capacity of 79.10 GiB of which 1.20 GiB is "
    "free. Of the allocated memory 70.00 GiB is allocated by PyTorch, and 1.00 GiB is reserved."
)
BREAKS = f"""if getattr(torch, 'gpu_is_gone', self.config.batch_size == 7):
            torch.gpu_is_gone = True
            raise RuntimeError('CUDA error: unspecified launch failure')
        {LOSS}"""
"""A run of batches of 7 loses the GPU, and its process never finds it again."""


def records_of(root: Path) -> dict[str, Record]:
    return {record.spec.label: record for record in RunStore(root).scan().records}


def test_a_full_gpu_is_told_by_the_sizes_of_the_run(tmp_path: Path) -> None:
    reference = plugin(tmp_path, f"raise torch.OutOfMemoryError({FULL!r})")
    run_all(make(tmp_path, models=f"{reference},mean", set=["batch_size=64"]), tmp_path, metrics=("fvu",))
    records = records_of(tmp_path)
    assert records["mean"].status == "done"
    failed = records["Mine batch_size=64"]
    assert failed.status == "failed"
    assert may_pass(failed)
    assert failed.error is not None
    assert failed.error.type == "OutOfMemoryError"
    assert failed.error.message.startswith("CUDA out of memory. Tried to allocate 20.00 GiB. What helps: ")
    assert "allocated by PyTorch" not in failed.error.message
    for words in ("training on cpu, with N 64 (batch_size), D 64", "--set Mine.batch_size=32", "runs_per_gpu"):
        assert words in failed.error.message


def test_the_sizes_of_a_dictionary(tmp_path: Path) -> None:
    spec = spec_of(tmp_path, set=["n_latents=16384", "k=32", "batch_size=4096"])
    with pytest.raises(torch.OutOfMemoryError) as raised, sizes_told(spec, "evaluation", "cuda"):
        raise torch.OutOfMemoryError(FULL)
    assert "N 4096 (batch_size), M 16384 (n_latents), k 32, and each (N, M) matrix of a batch 0.25 GiB" in str(
        raised.value
    )
    assert f"python -m bench evaluate {spec.run_id} --device cpu" in str(raised.value)


def test_a_trained_model_that_the_gpu_cannot_evaluate_is_kept(tmp_path: Path) -> None:
    full = f"def encode(self, x):\n        raise torch.OutOfMemoryError({FULL!r})"
    run_all(make(tmp_path, models=plugin(tmp_path, more=full)), tmp_path, metrics=("fvu",))
    (record,) = records_of(tmp_path).values()
    assert record.trained
    assert record.error is not None
    assert "This was evaluation on cpu" in record.error.message


def test_a_process_whose_gpu_is_gone_is_replaced(tmp_path: Path) -> None:
    plan = make(tmp_path, models=plugin(tmp_path, BREAKS), set=["batch_size=[7,8]"])
    at_work = job(tmp_path, metrics=("fvu",), threads=1)
    assert pool.execute(plan.todo, at_work, lambda _: None, n_workers=1)
    outcomes = {
        label: (record.status, record.error and record.error.type) for label, record in records_of(tmp_path).items()
    }
    assert outcomes == {
        "Mine batch_size=7": ("failed", "RuntimeError"),
        "Mine batch_size=8": ("done", None),
    }
