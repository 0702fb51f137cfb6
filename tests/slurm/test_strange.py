"""Clusters that answer strangely, clocks that differ, folders that move, submitters that die: on a real SLURM."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bench.cluster.submission import read_all
from tests.bench.plugins.test_sources import lay
from tests.slurm.harness import REPOSITORY, Bench, await_, await_empty_queue, numbers, only_job, path_without
from tests.slurm.testcluster import Cluster

pytestmark = pytest.mark.cluster

Observe = Callable[[float, str], None]
CLOCK = """
import datetime, time
import bench.store.record
real = time.time
time.time = lambda: real() + {seconds}
class Shifted:
    now = staticmethod(lambda tz: datetime.datetime.fromtimestamp(time.time(), tz))
bench.store.record.datetime = Shifted
"""


@pytest.fixture
def bench(cluster: Cluster, tmp_path: Path) -> Iterator[Bench]:
    """A results folder of its own; what a test leaves in the queue is cancelled."""
    yield Bench(tmp_path, tmp_path / "runs")
    cluster.client("scancel", "--me", "--quiet", check=False)
    await_empty_queue(cluster, 60)


def wrapper(command: str, script: str, folder: Path) -> str:
    """A PATH on which a site's wrapper stands in the place of a command of SLURM, which is REAL in the script."""
    path = path_without(command, folder)
    (folder / command).write_text(
        f"#!/bin/sh\n{script.replace('REAL', str(shutil.which(command)))}\n", encoding="utf-8"
    )
    (folder / command).chmod(0o755)
    return path


def clock_off_by(seconds: int, folder: Path) -> str:
    """A PYTHONPATH with which the clock is off: all that is written down of it."""
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(CLOCK.format(seconds=seconds), encoding="utf-8")
    return f"{folder}:{REPOSITORY}"


def n_lost(status: str, words: str) -> int:
    """Of how many lost runs a status says this; its lines may be wrapped."""
    said = re.findall(rf"(?:(\d+) runs )?lost: (?:(?!lost: ).)*?{re.escape(words)}", " ".join(status.split()))
    return sum(int(n or 1) for n in said)


def queued(cluster: Cluster) -> int:
    """How many jobs are in the queue."""
    return len(cluster.client("squeue", "--noheader", "--array", "--format=%i").splitlines())


@pytest.mark.parametrize("seconds", [-90, 600])
def test_login_nodes_whose_clocks_differ(
    bench: Bench, cluster: Cluster, observe: Observe, tmp_path: Path, seconds: int
) -> None:
    start = time.monotonic()
    other = Bench(tmp_path, bench.results, env={"PYTHONPATH": clock_off_by(seconds, tmp_path / "clock")})
    study = bench.run("--set", "Slow.pause=3", "--seeds", "2")
    bench(*study)
    bench.await_progress(2)
    assert "2 cancelled" in bench("cancel", "--all")
    await_empty_queue(cluster)
    assert "Submitted 000002-" in other(*study, "--retry-failed")
    for there in (bench, other):
        assert "Submitted" not in there(*study, "--retry-failed")
        assert set(there.states()) <= {"queued", "running"}
    assert queued(cluster) == 2
    assert "2 cancelled" in other("cancel", "--all")
    await_empty_queue(cluster)
    assert "Submitted 000003-" in bench(*study, "--retry-failed")
    assert queued(cluster) == 2
    records = bench.await_records(2)
    await_(lambda: bench.states() == {"done": 2}, 120, "two done")
    assert len(records) == 2
    observe(time.monotonic() - start, f"a clock {seconds} s off: cancelled twice, submitted three times, two jobs each")


NOTICES = {
    "a notice": 'REAL "$@"; echo "Maintenance on Friday."',
    "a notice only": 'echo "Maintenance on Friday."',
    "half an answer": 'REAL "$@" | head -c 200',
    "bytes": "head -c 300 /dev/urandom",
    "half of its rows": 'REAL "$@" | head -n 1',
    "nothing": "exit 0",
}


def test_a_squeue_that_lies(bench: Bench, cluster: Cluster, observe: Observe, tmp_path: Path) -> None:
    start = time.monotonic()
    study = bench.run("--set", "Slow.pause=0.5", "--seeds", "3", "--slurm", "sbatch={begin: now+1hour}")
    bench(*study)
    for number, (name, script) in enumerate(NOTICES.items()):
        lied = Bench(tmp_path, bench.results, env={"PATH": wrapper("squeue", script, tmp_path / f"bin{number}")})
        output = lied(*study, "--retry-failed", code=2)
        assert "may be queued" in output, (name, output)
        assert "lost" not in lied.states(), name
    assert queued(cluster) == 3
    assert "Submitted" not in bench(*study)
    observe(time.monotonic() - start, "six kinds of answers that are none: nothing lost, nothing submitted")


def test_cancel_ends_jobs_that_squeue_leaves_out(bench: Bench, cluster: Cluster, tmp_path: Path) -> None:
    study = bench.run("--seeds", "3", "--slurm", "sbatch={begin: now+1hour}")
    bench(*study)
    lied = Bench(tmp_path, bench.results, env={"PATH": wrapper("squeue", "exit 0", tmp_path / "bin")})
    assert "3 cancelled" in lied("cancel", "--all")
    assert queued(cluster) == 0
    assert bench.states() == {"cancelled": 3}


def test_a_path_of_odd_characters(bench: Bench, tmp_path: Path) -> None:
    odd = Bench(tmp_path, tmp_path / "a'b\"c $HOME `id` #1; ä&(x)* ~")
    odd(*odd.run("--wait"))
    assert [record.status for record in odd.records()] == ["done"]
    back = Bench(tmp_path, tmp_path / "a\\b")
    assert "use another folder" in back(*back.run(), code=2)
    assert not back.results.exists() or not any(back.results.glob("*-s0-*"))


def test_a_folder_that_is_moved_while_jobs_wait(
    bench: Bench, cluster: Cluster, observe: Observe, tmp_path: Path
) -> None:
    start = time.monotonic()
    study = ("--set", "Slow.pause=0.5", "--seeds", "2")
    bench(*bench.run(*study, "--slurm", "sbatch={begin: now+25}"))
    moved = Bench(tmp_path, tmp_path / "elsewhere")
    bench.results.rename(moved.results)
    before = moved("status", code=1)
    assert n_lost(before, f"will look for '{bench.results}', from where the results folder was moved") == 2
    await_empty_queue(cluster)
    assert not bench.results.exists(), "nothing makes the old path again"
    after = moved("status", code=1)
    assert n_lost(after, f"it looked for '{bench.results}'") == 2
    assert "file system" not in after
    moved(*moved.run(*study, "--retry-failed", "--wait"))
    assert moved.states() == {"done": 2}
    observe(time.monotonic() - start, "lost, with the reason, before and after they start; the old path stays away")


def test_a_folder_that_is_moved_while_a_job_is_at_it(
    bench: Bench, cluster: Cluster, observe: Observe, tmp_path: Path
) -> None:
    start = time.monotonic()
    study = ("--set", "Slow.pause=1", "--seeds", "3", "--runs-per-job", "3")
    bench(*bench.run(*study))
    bench.await_checkpoint()
    moved = Bench(tmp_path, tmp_path / "elsewhere")
    bench.results.rename(moved.results)
    at = time.monotonic()
    await_empty_queue(cluster)
    ended = time.monotonic() - at
    assert not bench.results.exists(), "nothing makes the old path again"
    assert moved.states() == {"lost": 3}
    run_id = read_all(moved.results)[0].run_ids[0]
    assert f"The results folder '{bench.results}' was moved or deleted" in moved("logs", run_id)
    moved(*moved.run(*study, "--retry-failed", "--wait"))
    records = {record.spec.seed: record for record in moved.records()}
    assert len(records) == 3
    assert numbers(records[0]) == moved.reference()
    observe(time.monotonic() - start, f"the job ended after {ended:.0f} s, its log says why; then finished, identical")


def test_a_submitter_that_is_killed_before_sbatch(
    bench: Bench, cluster: Cluster, observe: Observe, tmp_path: Path
) -> None:
    start = time.monotonic()
    script = 'case "$*" in *--test-only*) exec REAL "$@";; esac; kill -9 $PPID'
    killed = Bench(tmp_path, bench.results, env={"PATH": wrapper("sbatch", script, tmp_path / "bin")})
    study = bench.run("--seeds", "2", "--set", "Slow.pause=0.2")
    killed(*study, code=-9)
    assert n_lost(bench("status", code=1), "was never submitted") == 2
    assert "Submitted 000002-" in bench(*study, "--wait")
    assert bench.states() == {"done": 2}
    observe(time.monotonic() - start, "never submitted, says status; submitted by the same command")


def test_a_submitter_that_is_killed_after_sbatch(bench: Bench, cluster: Cluster, tmp_path: Path) -> None:
    script = 'case "$*" in *--test-only*) exec REAL "$@";; esac; REAL "$@"; kill -9 $PPID'
    killed = Bench(tmp_path, bench.results, env={"PATH": wrapper("sbatch", script, tmp_path / "bin")})
    study = bench.run("--seeds", "2")
    killed(*study, code=-9)
    assert "Submitted" not in bench(*study), "its jobs are in the queue, by the names of their array"
    assert queued(cluster) == 2
    assert only_job(cluster, "%j").splitlines()[0].startswith("bench-000001-")


def test_a_job_over_its_memory_limit(
    tmp_path: Path, short_folder: Path, observe: Observe, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without cgroups: SLURM measures once a second, and kills the job."""
    gather = {"JobAcctGatherType": "jobacct_gather/linux", "JobAcctGatherFrequency": "task=1"}
    options = {**gather, "JobAcctGatherParams": "OverMemoryKill", "SelectTypeParameters": "CR_Core_Memory"}
    start = time.monotonic()
    with Cluster(short_folder, options=options) as strict:
        for name, value in {**strict.env, "PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1"}.items():
            monkeypatch.setenv(name, value)
        bench = Bench(tmp_path, tmp_path / "runs")
        bench(*bench.run())
        await_empty_queue(strict)
        seen = time.monotonic() - start
        assert "ended (FAILED) for want of memory, says its log; ask for more" in bench("status", code=1)
        bench(*bench.run("--slurm", "memory_gb=3", "--retry-failed", "--wait"))
        assert bench.states() == {"done": 1}
    observe(seen, "lost for want of memory, says status; with more, done")


def test_a_node_without_the_package(bench: Bench, cluster: Cluster, tmp_path: Path) -> None:
    (tmp_path / "shadow").mkdir()
    (tmp_path / "shadow" / "submitit.py").write_text("raise ModuleNotFoundError('none here')\n", encoding="utf-8")
    bench(*bench.run("--slurm", f"setup=['export PYTHONPATH={tmp_path / 'shadow'}', 'cd /']"))
    await_empty_queue(cluster)
    assert bench.states() == {"lost": 1}
    assert "ModuleNotFoundError: none here" in bench("logs", "Slow")


def test_a_working_folder_that_has_folders_of_our_names(bench: Bench, tmp_path: Path) -> None:
    """Jobs begin in it, and so do their workers; a model finds what lies beside its file."""
    lay(tmp_path, dict.fromkeys(("models/__init__.py", "metrics.py", "slurm/__init__.py"), "raise ValueError\n"))
    lay(tmp_path, {"helper.py": "", "slow.py": f"import helper\n{(tmp_path / 'slow.py').read_text(encoding='utf-8')}"})
    bench.cwd = tmp_path
    bench(*bench.run("--wait"))
    assert bench.states() == {"done": 1}


def test_a_node_whose_clock_is_ten_minutes_off(
    bench: Bench, cluster: Cluster, observe: Observe, tmp_path: Path
) -> None:
    start = time.monotonic()
    clock = f"export PYTHONPATH={clock_off_by(-600, tmp_path / 'clock')}"
    bench(*bench.run("--set", "Slow.pause=1", "--slurm", f"setup=['{clock}']"))
    bench.await_checkpoint()
    assert bench.states() == {"running": 1}
    cluster.client("scontrol", "requeue", only_job(cluster, "%i"))
    record = bench.await_records()[0]
    await_empty_queue(cluster)
    assert numbers(record) == bench.reference()
    assert record.provenance.resumed == 1
    assert bench.states() == {"done": 1}
    observe(time.monotonic() - start, "seen as running, queued again, finished; identical")
