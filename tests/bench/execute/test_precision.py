"""Precision of a run: what asks for it, what it is named by, and which devices have none but float32."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from bench.errors import BenchError
from bench.execute.precision import require_precision
from bench.store.runs import RunStore
from tests.bench.execute.helpers import LOSS, make, metric_plugin, plugin, run_all, run_one_of


def test_a_run_in_another_precision_is_another_row(tmp_path: Path) -> None:
    plain, coarse = (make(tmp_path, models="topk,mean", **given).specs for given in ({}, {"precision": "bf16"}))
    assert [spec.label for spec in coarse] == ["topk precision=bf16", "mean"]
    assert coarse[0].run_id != plain[0].run_id
    assert coarse[1] == plain[1]  # what is not trained by gradient has no such products
    assert "precision" not in plain[0].config
    assert make(tmp_path, precision="float32").specs[0].run_id == plain[0].run_id


@pytest.mark.parametrize("precision", ["tf32", "bf16"])
def test_a_device_without_it_is_said(precision: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "Tesla T4")
    for capability in ((7, 5), (8, 0)):
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device, found=capability: found)
        require_precision("float32", "cuda")
        if capability == (8, 0):
            require_precision(precision, "cuda:1")
            continue
        with pytest.raises(
            BenchError, match=rf"--precision {precision}: Tesla T4 has neither .* is 7\.5, the least is 8\.0"
        ):
            require_precision(precision, "cuda:1")


def test_a_run_that_was_sent_to_a_cpu_fails_before_work(tmp_path: Path) -> None:
    run_all(make(tmp_path, precision="tf32"), tmp_path)
    (record,) = RunStore(tmp_path).scan().records
    assert (record.status, record.timings) == ("failed", {})
    assert record.error is not None
    assert record.error.message == "--precision tf32: a CPU computes in float32; leave it out, or use --device cuda."


def test_a_run_in_float32_is_trained_and_measured_in_it(tmp_path: Path) -> None:
    """Whatever a plug-in allows when it is imported."""
    found = "__import__('torch').get_float32_matmul_precision()"
    allows = "torch.set_float32_matmul_precision('high')"
    model = plugin(tmp_path, f"assert {found} == 'highest'; {LOSS}", name="Coarse", more=allows)
    try:
        record = run_one_of(tmp_path, metric_plugin(tmp_path, f"float({found} == 'highest')"), models=model)
    finally:
        before = torch.get_float32_matmul_precision()
        torch.set_float32_matmul_precision("highest")
    assert before == "high", "the plug-in has set it"
    assert record.status == "done"
    assert record.metrics == {"mine": 1.0}
