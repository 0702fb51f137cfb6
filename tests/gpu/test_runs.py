"""The command line on a GPU: all models, all metrics."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.store.runs import RunStore
from tests.bench.cli.helpers import bench
from tests.bench.execute.helpers import make, only_record, run_all

pytestmark = pytest.mark.gpu


def test_all_models_are_trained_and_measured(tmp_path: Path) -> None:
    result = bench(
        "run", "--models", "all", "--datasets", "digits", "--seeds", "1", "--budget", "smoke", "--device", "cuda",
        "--results", str(tmp_path),
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    for record in RunStore(tmp_path).scan().records:
        assert record.status == "done"
        assert not record.metric_errors


def test_codes_that_are_large_and_sparse_are_measured_beside_inputs_on_the_gpu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("metrics.matrix.MAX_ENTRIES", 0)
    run_all(make(tmp_path), tmp_path, device="cuda")
    record = only_record(tmp_path)
    assert record.status == "done"
    assert not record.metric_errors
