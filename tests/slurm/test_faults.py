"""What may go wrong on a cluster, on a real one: what could be finished is finished, once, with the same numbers."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bench.cluster.submission import read_all
from tests.slurm.harness import Bench, await_, await_empty_queue, job_of, kill, numbers, only_job, path_without
from tests.slurm.testcluster import Cluster

pytestmark = pytest.mark.cluster

Observe = Callable[..., None]


@pytest.fixture
def bench(cluster: Cluster, tmp_path: Path) -> Iterator[Bench]:
    """A results folder of its own; what a test leaves in the queue is cancelled."""
    yield Bench(tmp_path, tmp_path / "runs")
    cluster.client("scancel", "--me", "--quiet", check=False)
    await_empty_queue(cluster, 60)


def only(bench: Bench) -> dict[str, float | str]:
    """The numbers of the only run."""
    records = bench.records()
    assert len(records) == 1
    return numbers(records[0])


def test_64_runs_on_12_slots(bench: Bench, observe: Observe) -> None:
    start = time.monotonic()
    bench("run", "--models", "random", "--seeds", "64", *bench.run()[3:], "--seeds", "64", "--wait")
    elapsed = time.monotonic() - start
    records = bench.records()
    assert len(records) == 64
    assert all(record.status == "done" for record in records)
    jobs = [job_of(record).job for record in records]
    assert len(set(jobs)) == 64
    work = sum(record.timings["total"] for record in records) / 12
    observe(elapsed, f"64 records, {(elapsed - work) / 64:.2f} s of harness time a run, {elapsed / 64:.2f} s in all")
    assert bench("run", "--models", "random", *bench.run()[3:], "--seeds", "64").count("nothing to do") == 1


def test_2500_runs_make_3_arrays(bench: Bench, cluster: Cluster, observe: Observe) -> None:
    many = ["run", "--models", "random", *bench.run()[3:], "--seeds", "2500", "--slurm", "sbatch={begin: now+2hours}"]
    assert "3 arrays of 1001 + 1001 + 498 jobs for 2500 runs" in bench(*many, "--dry-run")
    start = time.monotonic()
    bench(*many)
    elapsed = time.monotonic() - start
    waiting = cluster.client("squeue", "--noheader", "--array", "--format=%A").splitlines()
    assert len(waiting) == 2500
    assert [len(array.jobs) for array in read_all(bench.results)[0].arrays] == [1001, 1001, 498]
    observe(elapsed, "3 arrays of 1001 + 1001 + 498 jobs, nothing refused")
    assert "2500 cancelled" in bench("cancel", "--all")
    assert bench.states() == {"cancelled": 2500}


def test_one_raises_one_is_nan_one_is_killed(bench: Bench, observe: Observe) -> None:
    start = time.monotonic()
    faults = ["--set", 'Slow.fault=["", raise, nan, killed]', "--set", "Slow.pause=0.5", "--seeds", "2"]
    command = bench.start(*bench.run(*faults), "--wait")
    victims: dict[str, int] = {}

    def found() -> bool:
        specs = {run_id: bench.store.read_spec(run_id) for run_id in bench.owners()}
        for run_id, owner in bench.owners().items():
            if run_id in specs and specs[run_id].config["fault"] == "killed" and run_id not in victims:
                victims[run_id] = owner.pid
                kill(owner)
        return len(victims) == 2

    await_(found, 120, "the two that are to be killed")
    output, _ = command.communicate(timeout=240)
    assert command.returncode == 1, output
    by_fault: dict[str, list[str]] = {}
    for record in bench.records():
        message = record.error.message if record.error else ""
        by_fault.setdefault(record.spec.config["fault"], []).append(f"{record.status} {message}")
    assert by_fault[""] == ["done "] * 2
    assert all(words == "failed raised on purpose" for words in by_fault["raise"])
    assert all(words.startswith("failed The loss became nan at step") for words in by_fault["nan"])
    assert all("ended with signal SIGKILL" in words for words in by_fault["killed"])
    assert len(bench.records()) == 8
    observe(time.monotonic() - start, "6 failed records that say why, 2 done, exit status 1")


def test_a_time_limit_that_is_reached_twice(bench: Bench, observe: Observe) -> None:
    start = time.monotonic()
    limit = ["--slurm", "minutes=1", "--slurm", "signal_delay=10"]
    bench(*bench.run("--set", "Slow.pause=6", *limit, "--wait"))
    record = bench.records()[0]
    assert only(bench) == bench.reference()
    restarts = job_of(record).restarts
    assert restarts >= 2
    assert record.provenance.resumed == restarts
    observe(time.monotonic() - start, f"120 s of training in jobs of 60 s: {restarts} requeues, identical metrics")


@pytest.mark.parametrize("partition", ["test", "nograce"])
def test_preempted(bench: Bench, cluster: Cluster, observe: Observe, partition: str) -> None:
    start = time.monotonic()
    bench(*bench.run("--set", "Slow.pause=1", "--slurm", f"partition={partition}"))
    bench.await_checkpoint()
    cluster.client("sbatch", "--partition=hi", "--nodes=3", "--exclusive", "--output=/dev/null", "--wrap=sleep 3")
    record = bench.await_records()[0]
    assert only(bench) == bench.reference()
    assert job_of(record).restarts >= 1
    assert record.provenance.resumed >= 1
    observe(time.monotonic() - start, "finished after it was requeued, identical metrics")


def test_preempted_before_python_listens(bench: Bench, cluster: Cluster, observe: Observe, tmp_path: Path) -> None:
    start = time.monotonic()
    slow = tmp_path / "slow_imports"
    slow.mkdir()
    (slow / "sitecustomize.py").write_text("import time\ntime.sleep(10)\n", encoding="utf-8")
    setup = f"export PYTHONPATH={slow}:$PYTHONPATH"
    bench(*bench.run("--slurm", f"setup=[{setup!r}]", "--slurm", "partition=test", "--set", "Slow.pause=0.2"))
    await_(lambda: "R" in cluster.client("squeue", "--noheader", "--format=%t"), 30, "the job to start")
    job = only_job(cluster, "%A")
    time.sleep(3)
    cluster.client("scancel", "--signal=USR2", job)
    bench.await_records()
    assert only(bench) == bench.reference()
    observe(time.monotonic() - start, "the warning waited until it was heard; finished, identical metrics")


def test_queued_again_by_hand(bench: Bench, cluster: Cluster, observe: Observe) -> None:
    start = time.monotonic()
    bench(*bench.run("--set", "Slow.pause=1"))
    bench.await_checkpoint()
    job = only_job(cluster, "%i")
    cluster.client("scontrol", "requeue", job)
    record = bench.await_records()[0]
    assert only(bench) == bench.reference()
    assert job_of(record).restarts == 1
    assert record.provenance.resumed == 1
    observe(time.monotonic() - start, "finished from its checkpoint, identical metrics")


def test_a_node_is_set_down(bench: Bench, cluster: Cluster, observe: Observe) -> None:
    start = time.monotonic()
    bench(*bench.run("--set", "Slow.pause=1"))
    bench.await_checkpoint()
    node = only_job(cluster, "%N")
    cluster.set_node(node, "down")
    cluster.set_node(node, "drain")  # its daemon lives, and would report for work again
    try:
        record = bench.await_records()[0]
    finally:  # by itself it comes back as well, and then refuses to be resumed
        cluster.client("scontrol", "update", f"nodename={node}", "state=resume", check=False)
    assert only(bench) == bench.reference()
    assert job_of(record).node != node
    observe(time.monotonic() - start, "finished on another node, identical metrics")


def test_a_node_loses_power(bench: Bench, cluster: Cluster, observe: Observe) -> None:
    start = time.monotonic()
    bench(*bench.run("--set", "Slow.pause=1"))
    bench.await_checkpoint()
    node = only_job(cluster, "%N")
    cluster.crash(node)
    try:
        record = bench.await_records()[0]
    finally:
        cluster.start(f"slurmd.{node}")
    assert only(bench) == bench.reference()
    assert job_of(record).node != node
    observe(time.monotonic() - start, "seen after SlurmdTimeout, finished on another node, identical metrics")


def test_a_node_that_only_lost_its_daemon(bench: Bench, cluster: Cluster, observe: Observe) -> None:
    """Then the job goes on there while SLURM starts it again elsewhere: two copies, of which one writes."""
    start = time.monotonic()
    bench(*bench.run("--set", "Slow.pause=3"))
    first = next(iter(bench.await_progress().values()))
    node = only_job(cluster, "%N")
    cluster.stop(f"slurmd.{node}", signal.SIGKILL)
    try:
        await_(lambda: node not in cluster.client("squeue", "--states=running", "--noheader", "--format=%N"), 60, "it")
        await_(lambda: "R" in cluster.client("squeue", "--noheader", "--format=%t"), 60, "the second copy")
        assert next(iter(bench.owners().values())).pid == first.pid, "the first copy holds the lock"
        record = bench.await_records()[0]
        written = bench.store.folder(record.run_id).record_path.stat().st_mtime_ns
        await_empty_queue(cluster, 60)
    finally:
        cluster.start(f"slurmd.{node}")
    assert only(bench) == bench.reference()
    assert bench.store.folder(record.run_id).record_path.stat().st_mtime_ns == written
    observe(time.monotonic() - start, "two copies at once, the second waited for the first: one record, written once")


@pytest.mark.parametrize("how", ["restarted", "killed"])
def test_the_controller_goes_away(bench: Bench, cluster: Cluster, observe: Observe, how: str) -> None:
    start = time.monotonic()
    bench(*bench.run("--set", "Slow.pause=0.5"))
    cluster.stop("slurmctld", signal.SIGKILL if how == "killed" else signal.SIGTERM)
    time.sleep(8)
    cluster.start("slurmctld")

    def ended() -> bool:
        cluster.resume_drained()  # a controller that has forgotten a job drains the node that still runs it
        return set(bench.states()) <= {"done", "lost"}

    await_(ended, 120, "an end")
    found = bench.states()
    if "lost" in found:
        cluster.restore()
        bench(*bench.run("--set", "Slow.pause=0.5", "--retry-failed", "--wait"))
    assert only(bench) == bench.reference()
    again = " (lost, then finished by --retry-failed)" if "lost" in found else ""
    observe(time.monotonic() - start, f"finished, identical metrics{again}")


def test_without_accounting(bench: Bench, cluster: Cluster, observe: Observe, tmp_path: Path) -> None:
    """Its daemon hangs, and its command is missing: a run that died with its whole job is seen all the same."""
    if not cluster.accounting:
        pytest.skip("slurmdbd is not installed")
    without = Bench(tmp_path, tmp_path / "runs", env={"PATH": path_without("sacct", tmp_path / "bin")})
    cluster.signal("slurmdbd", signal.SIGSTOP)
    try:
        waits = [_lose_one(bench, cluster, pause=1)]
    finally:
        cluster.signal("slurmdbd", signal.SIGCONT)
    waits.append(_lose_one(without, cluster, pause=2))
    observe(max(waits), "running and lost told apart within that time, with slurmdbd stopped and sacct absent")
    output = bench("status", code=1)
    assert "2 runs lost: " in output
    assert "--retry-failed" in output


def _lose_one(bench: Bench, cluster: Cluster, pause: int) -> float:
    """Kill a run together with its whole job; how long it takes until it is seen to be lost."""
    before = bench.states().get("lost", 0)
    bench(*bench.run("--set", f"Slow.pause={pause}"))
    bench.await_progress()
    assert bench.states().get("running") == 1
    job = only_job(cluster, "%i")
    cluster.client("scancel", "--signal=KILL", "--full", job)
    return await_(lambda: bench.states().get("lost", 0) > before, 30, "the loss")


def test_accounting_switched_off(
    tmp_path: Path, short_folder: Path, observe: Observe, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Cluster(short_folder, accounting=False) as plain:
        for name, value in plain.env.items():
            monkeypatch.setenv(name, value)
        bench = Bench(tmp_path, tmp_path / "runs")
        start = time.monotonic()
        waited = _lose_one(bench, plain, pause=1)
        bench(*bench.run("--set", "Slow.pause=1", "--retry-failed", "--wait"))
        assert only(bench) == bench.reference()
        total = time.monotonic() - start
        observe(total, f"killed with its whole job, seen as lost after {waited:.0f} s, finished by --retry-failed")


def test_cancelling_one_that_waits_and_one_that_runs(bench: Bench, cluster: Cluster, observe: Observe) -> None:
    start = time.monotonic()
    bench(*bench.run("--set", "Slow.pause=1", "--seeds", "4", "--max-parallel", "2"))
    running = sorted(bench.await_progress(2))
    waiting = sorted(set(read_all(bench.results)[0].run_ids) - set(running))
    output = bench("cancel", running[0], waiting[0])
    assert "2 cancelled" in output
    assert bench.states().get("cancelled") == 2
    await_empty_queue(cluster)
    assert bench.states() == {"cancelled": 2, "done": 2}
    ends = {record.run_id: record.status for record in bench.records()}
    assert ends[running[0]] == ends[waiting[0]] == "cancelled"
    observe(time.monotonic() - start, "2 cancelled records, the other 2 done")


def test_cancelling_one_of_a_packed_job(bench: Bench, cluster: Cluster) -> None:
    bench(*bench.run("--set", "Slow.pause=1", "--seeds", "3", "--runs-per-job", "3"))
    running = next(iter(bench.await_progress()))
    last = read_all(bench.results)[0].run_ids[-1]
    bench("cancel", running, last)
    await_empty_queue(cluster)
    assert bench.states() == {"cancelled": 2, "done": 1}


def test_a_full_disk(bench: Bench, cluster: Cluster, observe: Observe, tmp_path: Path) -> None:
    start = time.monotonic()
    small = tmp_path / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1500k", "tmpfs", str(small)], check=True)
    try:
        on_small = Bench(tmp_path, small)
        study = on_small.run("--set", "Slow.size=[1,1000000]", "--seeds", "2")  # two of the four write 4 MB of weights
        on_small(*study)
        await_empty_queue(cluster)
        ends = {(record.spec.config["size"], record.status) for record in on_small.records()}
        assert ends == {(1, "done"), (1_000_000, "failed")}
        errors = {record.error.message for record in on_small.records() if record.error}
        assert all("No space left" in message for message in errors)
        left = {path.name for path in small.glob("*/*")} - {"submission.json", "runs.json"}
        assert not [name for name in left if name.startswith((".", "checkpoint"))], "nothing half-written"
        failed = [record.run_id for record in on_small.records() if record.status == "failed"]
        assert not [path for run_id in failed for path in (small / run_id).glob("weights*")]
        assert "No space left" in on_small("status", code=1)
        subprocess.run(["mount", "-o", "remount,size=50m", str(small)], check=True)
        on_small(*study, "--retry-failed", "--wait")
        assert {record.status for record in on_small.records()} == {"done"}
    finally:
        cluster.client("scancel", "--me", "--quiet", check=False)
        await_empty_queue(cluster, 60)
        subprocess.run(["umount", "--lazy", str(small)], check=True)
    observe(time.monotonic() - start, "2 failed records that say so, 2 done, nothing half-written; then all done")


def test_the_same_command_twice(bench: Bench, cluster: Cluster, observe: Observe) -> None:
    start = time.monotonic()
    study = bench.run("--set", "Slow.pause=3", "--seeds", "3")
    both = [bench.start(*study), bench.start(*study)]
    outputs = [command.communicate(timeout=120)[0] for command in both]
    assert sum("Submitted" in output for output in outputs) == 1, outputs
    assert "Submitted" not in bench(*study)
    assert len(cluster.client("squeue", "--noheader", "--array", "--format=%i").splitlines()) == 3
    assert "3 submitted" in bench(*study, "--dry-run")
    records = bench.await_records(3)
    assert all(record.status == "done" for record in records)
    observe(time.monotonic() - start, "issued three times, two of them at once: submitted once")


def test_a_results_folder_that_the_node_does_not_share(
    tmp_path: Path, short_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    private = tmp_path / "private"
    private.mkdir()
    with Cluster(short_folder, private=private) as cluster:
        for name, value in cluster.env.items():
            monkeypatch.setenv(name, value)
        bench = Bench(tmp_path, private / "runs")
        bench(*bench.run("--slurm", "sbatch={nodelist: n3}"))
        await_(lambda: "lost" in bench.states(), 60, "the loss")
        assert "shares" in bench("status", code=1)


def test_other_software_on_the_node(bench: Bench, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "sitecustomize.py").write_text(
        "import importlib.metadata as m\nreal = m.version\n"
        "m.version = lambda name: '0.1' if name == 'scipy' else real(name)\n",
        encoding="utf-8",
    )
    setup = f"export PYTHONPATH={elsewhere}:$PYTHONPATH"
    bench(*bench.run("--slurm", f"setup=[{setup!r}]", "--wait"))
    differs = job_of(bench.records()[0]).differs
    assert len(differs) == 1
    assert differs[0].startswith("scipy 0.1, submitted with ")
    assert "scipy 0.1, submitted with" in (bench.results / "leaderboard.md").read_text(encoding="utf-8")


def test_the_queue_is_polled_politely(bench: Bench, tmp_path: Path) -> None:
    folder = tmp_path / "counted"
    calls = tmp_path / "calls"
    path = path_without("squeue", folder)
    real = subprocess.run(["which", "squeue"], capture_output=True, text=True, check=True).stdout.strip()
    (folder / "squeue").write_text(f'#!/bin/sh\necho >> {calls}\nexec {real} "$@"\n', encoding="utf-8")
    (folder / "squeue").chmod(0o755)
    start = time.monotonic()
    counted = Bench(tmp_path, tmp_path / "runs", env={"PATH": path})
    counted(*counted.run("--set", "Slow.pause=1.5", "--wait"))
    elapsed = time.monotonic() - start
    assert os.path.getsize(calls) <= 2 + elapsed / 15
