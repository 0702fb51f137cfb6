"""The command line on a GPU: all models, all metrics."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.store.runs import RunStore
from tests.bench.cli.helpers import bench

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
