"""Executors of one machine: where they run, what they need first, and what they leave when they are interrupted."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from bench.errors import BenchError
from bench.execute import dispatch
from bench.execute.dispatch import Executor, Inline, Pool, choose_device, require_runnable
from bench.execute.job import Event
from bench.store.runs import RunStore
from tests.bench.execute.helpers import LOSS, job, make, plugin, spec_of


@pytest.mark.parametrize(
    ("executor", "n_runs", "place"),
    [
        (Inline(), 9, "inline on cpu"),
        (Pool(3), 9, "pool of 3 workers on cpu"),
        (Pool(3), 2, "pool of 2 workers on cpu"),
        (Pool(), 9, "pool of 6 workers on cpu"),
        (Pool(), 1, "inline on cpu"),
    ],
)
def test_an_executor_says_where_it_runs(
    executor: Executor, n_runs: int, place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "n_at_a_time", lambda: 6)
    assert executor.place(job(tmp_path), n_runs) == place


def test_a_gpu_has_one_run_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    on_gpu = job(tmp_path, device="cuda")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert Pool().place(on_gpu, 9) == "pool of 1 worker on cuda, one a GPU: runs that share one take turns"
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    assert Pool().place(on_gpu, 9) == "pool of 4 workers on cuda, one a GPU: runs that share one take turns"
    assert Pool(6).place(on_gpu, 9) == "pool of 6 workers on cuda"


@pytest.mark.parametrize("executor", [Inline(), Pool(1)], ids=["inline", "pool"])
def test_what_is_laid_out_is_carried_out_when_it_is_followed(executor: Executor, tmp_path: Path) -> None:
    specs = make(tmp_path, models="mean,pca").specs
    survey = executor.survey(specs, RunStore(tmp_path), retry_failed=False)
    assert survey.todo == specs
    batch = executor.lay_out(survey, job(tmp_path, metrics=("fvu",)), {})
    assert (batch.hand_over(), list(batch.pending), batch.script) == ("", [], "")
    assert RunStore(tmp_path).scan().records == []
    events: list[Event] = []
    assert batch.follow(events.append) == ""
    assert {event.run_id for event in events if event.kind == "finished"} == {spec.run_id for spec in specs}
    assert {record.status for record in RunStore(tmp_path).scan().records} == {"done"}


def test_nothing_to_do_is_nothing_done(tmp_path: Path) -> None:
    for executor in (Inline(), Pool(2)):
        batch = executor.lay_out(executor.survey([], RunStore(tmp_path), retry_failed=False), job(tmp_path), {})
        assert batch.follow(lambda event: None) == ""


def test_data_and_batches_are_looked_at_before_anything_runs(tmp_path: Path) -> None:
    require_runnable([spec_of(tmp_path)], job(tmp_path))
    with pytest.raises(BenchError, match="1257 training samples"):
        Inline().require([spec_of(tmp_path, set=["batch_size=5000"])], job(tmp_path))


def test_a_gpu_that_is_not_there_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert (choose_device("auto"), choose_device("cpu")) == ("cpu", "cpu")
    with pytest.raises(BenchError, match="torch finds no GPU here; use --device cpu"):
        Inline().choose_device("cuda")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert (choose_device("auto"), choose_device("cuda")) == ("cuda", "cuda")


def test_a_terminal_that_goes_away_keeps_what_is_finished(tmp_path: Path) -> None:
    """As Ctrl-C does: both are one interrupt."""
    busy = tmp_path / "busy"
    waits = f"import pathlib, time; pathlib.Path({str(busy)!r}).touch(); time.sleep(60)"
    reference = plugin(tmp_path, f"{LOSS}\n        if progress: {waits}")
    command = [sys.executable, "-m", "bench", "run", "--models", f"mean,{reference}", "--seeds", "1"]
    command += ["--budget", "smoke", "--metrics", "fvu", "--workers", "1", "--results", str(tmp_path / "runs")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    deadline = time.monotonic() + 120
    while not (busy.exists() and RunStore(tmp_path / "runs").recorded()) and time.monotonic() < deadline:
        time.sleep(0.1)
    process.send_signal(signal.SIGHUP)
    output = process.communicate(timeout=50)[0]
    assert process.returncode == 130
    assert "Finished, and kept: 1 run." in output
    assert "Traceback" not in output
    assert [record.spec.model for record in RunStore(tmp_path / "runs").scan().records] == ["mean"]
