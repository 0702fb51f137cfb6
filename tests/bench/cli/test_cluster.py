"""`bench cancel`, `bench cluster check`: the cluster that this machine submits to."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.cluster import cancel
from bench.store.runs import RunStore
from slurm import offers, watcher
from tests.bench.cli.helpers import bench
from tests.bench.cluster.helpers import job, plan_of, queue_of, submitted


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], ["--all", "bench status"]),
        (["x", "--all"], ["not both"]),
        (["nothing"], ["squeue is not found"]),
    ],
)
def test_cancel_wants_runs_or_all_and_a_cluster(tmp_path: Path, arguments: list[str], words: list[str]) -> None:
    submitted(tmp_path, [[spec.run_id] for spec in plan_of(tmp_path).specs])
    said = bench("cancel", *arguments, "--results", str(tmp_path), env={"PATH": ""})
    assert said.returncode == 2, said.stdout
    for word in words:
        assert word in said.stderr


def test_cancel_names_and_counts_what_it_cancelled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, specs = RunStore(tmp_path), plan_of(tmp_path, seeds=2).specs
    submitted(tmp_path, [[spec.run_id] for spec in specs])
    for spec in specs:
        store.write_spec(spec)
    monkeypatch.setattr(cancel, "ask_queue", lambda: queue_of(job(0, "PENDING"), job(1, "PENDING")))
    monkeypatch.setattr(watcher, "cancel", lambda ids: None)
    said = bench("cancel", "--all", "--results", str(tmp_path))
    assert said.returncode == 0
    assert said.stdout.splitlines() == [*sorted(spec.run_id for spec in specs), "2 cancelled."]


def test_check_without_slurm_says_so() -> None:
    said = bench("cluster", "check", env={"PATH": ""})
    assert said.returncode == 2
    assert "is not found" in said.stderr
    assert "login node" in said.stderr
    assert "Traceback" not in said.stderr


@pytest.mark.parametrize(("refusals", "code"), [([], 0), (["no node has a GPU"], 1)])
def test_check_says_what_the_cluster_would_refuse(
    monkeypatch: pytest.MonkeyPatch, refusals: list[str], code: int
) -> None:
    monkeypatch.setattr(offers, "partitions", list)
    monkeypatch.setattr(offers, "refusals", lambda profile: refusals if profile.gpus else ["not asked"])
    said = bench("cluster", "check", "--profile", "gpu", "--slurm", "minutes=9")
    assert said.returncode == code
    assert "minutes 9" in said.stdout
    assert ("refused: no node has a GPU" in said.stdout) == bool(code)
