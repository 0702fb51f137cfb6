"""`bench status`, `show`, `logs`: what became of runs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bench.execute.job import Job
from bench.execute.run import run_one
from bench.show.run import describe, sparkline
from bench.store.runs import RunStore
from tests.bench.cli.helpers import bench, carry_out, make, model_file
from tests.bench.cluster.helpers import ended, plan_of, submitted
from tests.bench.execute.helpers import stop_after
from tests.results import put


def test_show_and_status(results: Path) -> None:
    run_id = next(path.parent.name for path in results.glob("topk*/record.json"))
    shown = bench("show", run_id, "--results", str(results))
    assert shown.returncode == 0
    for word in (run_id, "n_latents", "fvu", "weights.safetensors", "seed"):
        assert word in shown.stdout
    status = bench("status", "--results", str(results))
    assert status.returncode == 0
    assert "digits" in status.stdout


def test_show_says_units_and_directions_and_each_reason_once(tmp_path: Path) -> None:
    store, spec = RunStore(tmp_path), make(tmp_path, models="mean").specs[0]
    run_one(spec, Job(tmp_path, Path("unused"), "cpu", ("psnr", "l0", "mcc", "gate_auc"), threads=1), lambda _: None)
    lines = describe(store.find(spec.run_id), store).splitlines()
    assert any(line.startswith("  psnr [dB] ↑  ") for line in lines)
    assert any(line.startswith("  l0 [units]  ") for line in lines)
    assert lines[-1] == "  mcc, gate_auc: the data set has no known factors"


def test_a_run_is_found_by_the_start_or_the_end_of_its_id(results: Path) -> None:
    run_id = next(path.parent.name for path in results.glob("topk*/record.json"))
    for name in (run_id[:14], run_id[-6:]):
        assert run_id in bench("show", name, "--results", str(results)).stdout
    assert bench("show", "topk", "--results", str(results)).returncode == 2, "it fits three"


def test_status_of_runs_that_failed_is_1_and_says_why(tmp_path: Path) -> None:
    carry_out(make(tmp_path, models=f"mean,{model_file(tmp_path, 'raise RuntimeError(7)')}"), tmp_path)
    said = bench("status", "--results", str(tmp_path))
    assert said.returncode == 1
    assert "failed: Mine-digits-s0" in said.stdout
    logs = bench("logs", "Mine", "--results", str(tmp_path))
    assert logs.returncode == 0
    assert "RuntimeError: 7" in logs.stdout


def test_status_knows_a_run_that_is_under_way_and_one_that_was_stopped(tmp_path: Path) -> None:
    store, (first, second) = RunStore(tmp_path), make(tmp_path, models="topk", seeds="2").specs
    job = Job(tmp_path, Path("unused"), "cpu", ("fvu",), threads=1)
    run_one(first, job, lambda _: None, stop=stop_after(8))  # of 20 steps
    with store.claim(second.run_id):
        said = bench("status", "--results", str(tmp_path))
    assert said.returncode == 0, "nothing is wrong with either"
    rows = {line.split()[0]: line for line in said.stdout.splitlines() if line}
    assert rows[first.run_id].split()[1:] == ["40%", "goes", "on", "from", "its", "checkpoint"]
    assert rows[second.run_id].split()[1:4] == ["0%", "process", str(os.getpid())]
    run_one(first, job, lambda _: None)
    assert "stopped" not in bench("status", "--results", str(tmp_path)).stdout


def test_status_of_submitted_runs_without_a_cluster_knows_that_it_does_not_know(tmp_path: Path) -> None:
    plan = plan_of(tmp_path)
    ours = submitted(tmp_path, [[spec.run_id] for spec in plan.specs])
    put(RunStore(tmp_path), ended(plan.specs[0], "timeout", ours.id))
    said = bench("status", "--results", str(tmp_path), env={"PATH": "", "COLUMNS": "80"})
    assert said.returncode == 1
    assert "3 runs unknown (submitted, no record yet): squeue is not found" in said.stdout
    assert max(map(len, said.stdout.splitlines())) <= 80


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("random-digits-s9", ["random-digits-s9", "Did you mean", "random-digits-s0"]),
        ("random-digits-s", ["fits 4 runs"]),
        ("random-digits-s0", ["no log yet"]),
    ],
)
def test_logs_wants_one_run_that_has_some(tmp_path: Path, name: str, words: list[str]) -> None:
    submitted(tmp_path, [[spec.run_id] for spec in plan_of(tmp_path).specs])
    said = bench("logs", name, "--results", str(tmp_path))
    assert said.returncode == 2
    for word in words:
        assert word in said.stderr


@pytest.mark.parametrize(
    ("values", "expected"),
    [([0, 1, 2, 3, 4, 5, 6, 7], "▁▂▃▄▅▆▇█"), ([1, 1], "▁▁"), ([2, -2], "█▁"), (list(range(120)), 36)],
)
def test_sparkline(values: list[float], expected: str | int) -> None:
    line = sparkline(values)
    assert len(line) == expected if isinstance(expected, int) else line == expected
    assert isinstance(expected, str) or (line[0], line[-1]) == ("▁", "█")
