"""A pool: the numbers of one process, deaths that cost one run, and stops that leave checkpoints."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from bench.execute import pool
from bench.execute.job import Event, Job
from bench.plan.request import Request
from bench.plan.runs import make_plan
from bench.store.record import ClusterJob
from bench.store.runs import RunStore
from bench.store.spec import RunSpec
from tests.bench.execute import helpers
from tests.bench.execute.helpers import load, make, plugin, run_all
from tests.slurm.testcluster import processes

SLOW = """
import os
import pathlib
import time
import torch
from models.base import DenseCodes, GradientConfig, Losses, Model


class Slow(Model):
    class Config(GradientConfig):
        n_latents: int = 4
        train_pause: float = 0.0
        encode_pause: float = 0.0

    def __init__(self, config, n_features):
        super().__init__(config, n_features)
        self.bias = torch.nn.Parameter(torch.rand(n_features))

    def loss(self, x, labels, progress):
        pause(self.config.train_pause)
        return Losses((x - self.bias).square().mean(), {})

    def encode(self, x):
        pause(self.config.encode_pause)
        return DenseCodes(torch.ones(len(x), self.config.n_latents))

    def decode(self, codes):
        return self.bias.expand(len(codes.z), -1)


def pause(seconds):
    here = pathlib.Path(__file__)
    if seconds and not here.with_name("no pauses").exists():
        here.with_name(f"paused-{os.getpid()}").touch()
        time.sleep(seconds)
"""


@dataclass
class Told:
    """Requested as soon as `when` holds."""

    when: Callable[[], bool]
    grace: float = 120.0
    timed_out: bool = False
    asked: bool = field(default=False)

    def requested(self) -> bool:
        self.asked = self.asked or self.when()
        return self.asked


@pytest.fixture
def job(tmp_path: Path) -> Job:
    (tmp_path / "slow.py").write_text(SLOW, encoding="utf-8")
    cluster = ClusterJob(submission="a", job="1_0")
    return helpers.job(tmp_path / "runs", threads=1, metrics=("fvu",), cluster=cluster)


def specs_of(job: Job, *settings: str, seeds: int = 1) -> list[RunSpec]:
    request = Request.build(
        models=f"{job.results.parent / 'slow.py'}:Slow", seeds=str(seeds), budget="smoke", set=list(settings)
    )
    return make_plan(request, RunStore(job.results), Path("unused")).specs


def under_way(job: Job, n_workers: int) -> Callable[[], bool]:
    """Whether so many workers have got to where their model pauses."""
    return lambda: len(list(job.results.parent.glob("paused-*"))) >= n_workers


def test_what_trains_leaves_a_checkpoint_and_goes_on_later(job: Job) -> None:
    specs = specs_of(job, "train_pause=0.3", seeds=3)
    events: list[Event] = []
    assert not pool.execute(specs, job, events.append, 2, Told(under_way(job, 2)))
    store = RunStore(job.results)
    assert sum(event.kind == "stopped" for event in events) == 2
    assert sum(store.folder(spec.run_id).checkpoint_path.exists() for spec in specs) == 2
    assert not store.scan().records
    assert not list(job.results.glob("*/lock"))
    (job.results.parent / "no pauses").touch()
    assert pool.execute(specs, job, events.append, 2, Told(lambda: False))
    records = store.scan().records
    assert [record.status for record in records] == ["done"] * 3
    assert sum(record.provenance.resumed for record in records) == 2


def test_an_evaluation_that_does_not_end_is_left(job: Job) -> None:
    spec = specs_of(job, "encode_pause=600")[0]
    start = time.monotonic()
    assert not pool.execute([spec], job, lambda event: None, 1, Told(under_way(job, 1), grace=1))
    assert time.monotonic() - start < 300
    assert RunStore(job.results).load(spec.run_id) is None


def test_no_headway_in_a_whole_limit_is_a_timeout(job: Job) -> None:
    spec = specs_of(job, "train_pause=60")[0]
    events: list[Event] = []
    assert pool.execute([spec], job, events.append, 1, Told(under_way(job, 1), grace=1, timed_out=True))
    record = load(RunStore(job.results), spec.run_id)
    assert record.status == "timeout"
    assert record.error is not None
    assert "more minutes" in record.error.message
    assert events[-1].record
    assert events[-1].record.error == record.error


def test_a_checkpoint_that_cannot_be_written_is_no_headway(job: Job) -> None:
    """Else such a job would be queued again for ever, from its start."""
    spec = specs_of(job, "train_pause=0.5")[0]
    blocker = RunStore(job.results).folder(spec.run_id).checkpoint_path
    (blocker / "in the way").mkdir(parents=True)
    assert pool.execute([spec], job, lambda event: None, 1, Told(under_way(job, 1), timed_out=True))
    record = load(RunStore(job.results), spec.run_id)
    assert record.status == "timeout"
    assert record.error is not None
    assert "more space" in record.error.message


def test_headway_is_a_reason_to_go_on(job: Job) -> None:
    spec = specs_of(job, "train_pause=0.5")[0]
    assert not pool.execute([spec], job, lambda event: None, 1, Told(under_way(job, 1), timed_out=True))
    assert RunStore(job.results).load(spec.run_id) is None
    assert RunStore(job.results).folder(spec.run_id).checkpoint_path.exists()


def test_signals_to_every_process_stop_workers_too(job: Job) -> None:
    """SLURM signals all processes of a job; a worker that has not yet started to listen is not killed by that."""
    specs = specs_of(job, "train_pause=0.5", seeds=2)
    events: list[Event] = []
    started = time.monotonic()
    previous = signal.signal(signal.SIGUSR2, signal.SIG_IGN)

    def signal_children() -> bool:
        for worker in multiprocessing.active_children():  # and not Python's own helpers, which it would end
            assert worker.pid
            processes.send(worker.pid, signal.SIGUSR2)
        return time.monotonic() - started > 8

    try:
        pool.execute(specs, job, events.append, 2, Told(signal_children))
    finally:
        signal.signal(signal.SIGUSR2, previous)
    assert not [event for event in events if event.record and event.record.status == "failed"]
    assert sum(event.kind == "stopped" for event in events) == 2


def test_a_gpu_is_shared_by_memory(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    slots = [pool.slot_job(replace(job, device="cuda", threads=8), slot, 6) for slot in range(6)]
    assert [slot.device for slot in slots] == ["cuda:0", "cuda:1"] * 3
    assert {slot.gpu_share for slot in slots} == {1 / 3}
    assert {slot.threads for slot in slots} == {1}
    assert all(slot.shared for slot in slots)
    assert pool.slot_job(replace(job, device="cuda"), 0, 2).gpu_share == 1


def test_pool_equals_inline_and_marks_timings(tmp_path: Path) -> None:
    plan = make(tmp_path / "inline", models="topk,mean,mp")
    run_all(plan, tmp_path / "inline", threads=1, metrics=("fvu",))
    pool.execute(plan.todo, helpers.job(tmp_path / "pool", metrics=("fvu",)), lambda _: None, n_workers=2)
    by_id = {record.run_id: record for record in RunStore(tmp_path / "inline").scan().records}
    records = RunStore(tmp_path / "pool").scan().records
    assert len(records) == 3
    for record in records:
        assert record.timings_shared
        assert record.provenance.threads == max(1, len(os.sched_getaffinity(0)) // 2)
        assert record.metrics["fvu"] == pytest.approx(by_id[record.run_id].metrics["fvu"], rel=1e-5)


KILL = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"


def test_a_killed_worker_costs_its_run_only(tmp_path: Path) -> None:
    plan = make(tmp_path / "runs", models=f"{plugin(tmp_path, KILL)},mean,topk")
    pool.execute(plan.todo, helpers.job(tmp_path / "runs", metrics=("fvu",)), lambda _: None, n_workers=1)
    records = {record.spec.model: record for record in RunStore(tmp_path / "runs").scan().records}
    assert records["Mine"].error is not None
    assert "SIGKILL" in records["Mine"].error.message
    assert records["mean"].status == records["topk"].status == "done"


DIES_LATE = "total = self.bias.square().sum()\n        if progress > 0.5: " + KILL


def test_the_checkpoint_of_a_run_that_was_killed_is_kept_and_a_worker_that_dies_last_is_not_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that is tried again, with more memory or more minutes, goes on from there."""
    started: list[object] = []
    real = pool._Worker._start
    monkeypatch.setattr(pool._Worker, "_start", lambda worker: (started.append(worker), real(worker))[1])
    plan = make(tmp_path / "runs", models=plugin(tmp_path, DIES_LATE))
    folder = RunStore(tmp_path / "runs").folder(plan.specs[0].run_id)
    folder.path.mkdir(parents=True)
    folder.checkpoint_path.write_bytes(b"of an earlier attempt")
    assert pool.execute(plan.todo, helpers.job(tmp_path / "runs"), lambda _: None, n_workers=1)
    assert load(RunStore(tmp_path / "runs"), plan.specs[0].run_id).status == "failed"
    assert folder.checkpoint_path.exists()
    assert len(started) == 1


def test_killing_the_command_leaves_its_runs_to_be_resumed(tmp_path: Path) -> None:
    reference = plugin(tmp_path, "import time; time.sleep(0.2); total = self.bias.square().sum()")
    command = [sys.executable, "-m", "bench", "run", "--models", reference, "--seeds", "2", "--budget", "smoke"]
    command += ["--results", str(tmp_path / "runs")]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while len(list((tmp_path / "runs").glob("*/lock"))) < 2 and time.monotonic() < deadline:
        time.sleep(0.1)
    process.kill()
    process.wait()
    store = RunStore(tmp_path / "runs")
    plan = make_plan(Request.build(models=reference, seeds="2", budget="smoke"), store, Path("x"))
    while not all(_free(store, spec.run_id) for spec in plan.specs) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert store.scan().records == []
    assert len(plan.todo) == 2


def _free(store: RunStore, run_id: str) -> bool:
    with store.claim(run_id) as run:
        return run is not None
