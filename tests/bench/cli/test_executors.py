"""The executors by name, and one of somebody's own beside them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from bench.cli.executors import EXECUTORS, make_executor
from bench.cli.options import Execution
from bench.cluster.submit import Slurm
from bench.errors import BenchError
from bench.execute.dispatch import Executor, Inline, Pool
from bench.execute.job import Job, OnEvent
from bench.store.runs import RunStore
from bench.store.spec import RunSpec
from tests.bench.cli.helpers import bench


def test_a_name_stands_for_an_executor_with_its_options() -> None:
    assert isinstance(make_executor(Execution(executor="inline")), Inline)
    for options, n_workers in ((Execution(), None), (Execution(executor="pool", workers=5), 5)):
        pool = make_executor(options)
        assert isinstance(pool, Pool)
        assert pool.n_workers == n_workers
    options = Execution(executor="slurm", profile="gpu", slurm=["minutes=7"], runs_per_job=3, max_parallel=2, wait=True)
    slurm = make_executor(options)
    assert isinstance(slurm, Slurm)
    assert (slurm.profile.gpus, slurm.profile.minutes) == (1, 7)
    assert (slurm.layout.runs_per_job, slurm.layout.max_parallel, slurm.follows) == (3, 2, True)


def test_an_unknown_executor_is_refused_with_what_there_is() -> None:
    with pytest.raises(
        BenchError, match=r"Unknown --executor 'poool'. Did you mean 'pool'\? Valid: inline, pool, slurm"
    ):
        make_executor(Execution(executor="poool"))


class Backwards(Inline):
    """The runs of a plan from the last to the first."""

    def place(self, job: Job, n_runs: int) -> str:
        return f"backwards on {job.device}"

    def execute(self, specs: Sequence[RunSpec], job: Job, on_event: OnEvent) -> None:
        super().execute(list(reversed(specs)), job, on_event)


class Nothing(Executor):
    """All that an executor must say, and no more: it loses every run."""

    def place(self, job: Job, n_runs: int) -> str:
        return "nowhere"

    def execute(self, specs: Sequence[RunSpec], job: Job, on_event: OnEvent) -> None:
        assert specs


SMALL = ("run", "--models", "random,topk", "--seeds", "2", "--budget", "smoke", "--metrics", "fvu,l0")


@pytest.mark.parametrize(
    "verb", [SMALL, ("claims", "--claims", "A3", "--seeds", "1", "--budget", "smoke", "--dry-run")]
)
def test_an_executor_of_ones_own_is_a_class_and_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: tuple[str, ...]
) -> None:
    monkeypatch.setitem(EXECUTORS, "backwards", f"{__name__}:Backwards")
    said = bench(*verb, "--executor", "backwards", "--results", str(tmp_path))
    assert said.returncode == 0, said.stdout + said.stderr
    assert "executor: backwards on cpu" in said.stdout
    if verb is SMALL:
        order = [line.split()[1] for line in said.stdout.splitlines() if line.startswith("[")]
        assert [run_id.split("-")[2] for run_id in order] == ["s1", "s1", "s0", "s0"]
        assert {record.status for record in RunStore(tmp_path).scan().records} == {"done"}


def test_what_an_executor_lost_is_missing_and_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(EXECUTORS, "nothing", f"{__name__}:Nothing")
    said = bench(*SMALL, "--executor", "nothing", "--results", str(tmp_path))
    assert said.returncode == 1
    assert "0 done (0 of them before), 0 failed, 4 missing of 4 runs." in said.stdout
