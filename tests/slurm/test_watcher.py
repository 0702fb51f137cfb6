from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from slurm.errors import SlurmError, SlurmUnavailable
from slurm.launcher import Array, submit
from slurm.watcher import JobState, Limits, cancel, end_of, limits, parse_ends, parse_limits, parse_queue, queue
from tests.slurm.jobs import WORK, ended, wait
from tests.slurm.test_launcher import SMALL
from tests.slurm.testcluster import Cluster

# Of SLURM 22.05; here with '|' for the separator.
SQUEUE = """\
46_3|3|CANCELLED|n1|2026-11-21T09:27:47|None|cap-0
49|N/A|FAILED|n2|2026-11-21T09:27:47|JobLaunchFailure|cap-3
46_2|2|PENDING||2026-11-21T09:27:50|BeginTime|cap-0
51|N/A|PENDING||2026-11-21T09:27:47|DependencyNeverSatisfied|cap-5
46_1|1|PENDING||2026-11-21T09:27:50|job requeued in held state|cap-0
47|N/A|PENDING||2026-11-21T09:27:47|JobHeldUser|cap-1
7|N/A|PENDING||2026-11-21T09:20:04|PartitionTimeLimit|cap-7
9|N/A|PENDING||2026-11-21T09:20:04|launch failed requeued held|cap-8
46_0|0|SUSPENDED|n1|2026-11-21T09:27:47|None|cap-0
53|N/A|RUNNING|n1|2026-11-21T09:27:47|None|other
"""
SACCT = """\
47|PENDING|0:0
48|RUNNING|0:0
48.batch|RUNNING|0:0
49|FAILED|0:9
49.batch|CANCELLED|0:9
50|FAILED|3:0
50.batch|FAILED|3:0
46_0|COMPLETED|0:0
46_3|CANCELLED by 0|0:0
46_3.batch|CANCELLED|0:15
"""


def squeue(text: str) -> str:
    """Rows as squeue is told to print them."""
    return "".join(line.replace("|", "\x1f") + "\x1e\n" for line in text.splitlines())


def parsed(text: str, prefix: str = "cap-") -> dict[tuple[str, int], JobState]:
    return parse_queue(squeue(text), prefix)


def test_reads_what_squeue_says() -> None:
    jobs = parsed(SQUEUE)
    assert len(jobs) == 9
    assert jobs["cap-0", 3] == JobState("cap-0", 3, "46_3", "CANCELLED", "n1", "None")
    assert jobs["cap-3", 0].job_id == "49", "without an array it is index 0"
    assert {key for key, job in jobs.items() if not job.active} == {("cap-0", 3), ("cap-3", 0)}
    held = {("cap-0", 1), ("cap-1", 0), ("cap-5", 0), ("cap-7", 0), ("cap-8", 0)}
    assert {key for key, job in jobs.items() if job.held} == held


def test_other_jobs_are_left_out() -> None:
    assert set(parsed(SQUEUE, "other")) == {("other", 0)}
    assert parsed("", "") == {}
    two_lines = "5\x1fN/A\x1fRUNNING\x1fn1\x1f2026-11-21T09:27:47\x1fNone\x1fa name\nof two lines\x1e\n"
    assert [name for name, _ in parse_queue(two_lines + squeue(SQUEUE), "a name")] == ["a name\nof two lines"]


GOOD = squeue("46_3|3|RUNNING|n1|2026-11-21T09:27:47|None|cap-0")


@pytest.mark.parametrize(
    "output",
    [
        "Scheduled maintenance on Friday.\n",
        "Scheduled maintenance on Friday.\n" + GOOD,
        GOOD + "Scheduled maintenance on Friday.\n",
        GOOD[:-20],
        GOOD + GOOD[: len(GOOD) // 2],
        GOOD[10:],
        GOOD.replace("\x1e\n", "\n"),
        GOOD.replace("46_3", "\ufffd\ufffd"),
        GOOD.replace("\x1f3\x1f", "\x1f4\x1f"),
        GOOD.replace("\x1f3\x1f", "\x1fx\x1f"),
        GOOD.replace("RUNNING", "running?"),
        "\n",
        "slurm_load_jobs error: Unable to contact slurm controller",
    ],
)
def test_what_is_no_row_is_quoted_and_no_empty_queue(output: str) -> None:
    with pytest.raises(SlurmUnavailable, match=r"squeue answers with a line that is no row: '"):
        parse_queue(output, "cap-")


RUNNING = "9_1|1|RUNNING|n1|2026-11-21T09:00:00|None|x\n"
ENDED = "8_1|1|CANCELLED|n1|2026-11-21T10:00:00|None|x\n"
ENDED_BEFORE = "10_1|1|FAILED|n1|2026-11-21T08:00:00|None|x\n"


@pytest.mark.parametrize(
    ("rows", "job_id"), [((RUNNING, ENDED), "9_1"), ((ENDED, RUNNING), "9_1"), ((ENDED, ENDED_BEFORE), "8_1")]
)
def test_of_several_rows_the_active_one_counts_or_the_newest(rows: tuple[str, str], job_id: str) -> None:
    assert parsed("".join(rows), "x")["x", 1].job_id == job_id


@pytest.mark.parametrize(
    ("reason", "held"),
    [
        ("QOSMaxWallDurationPerJobLimit", True),
        ("QOSMaxCpuPerJobLimit", True),
        ("DependencyNeverSatisfied", True),
        ("QOSMaxJobsPerUserLimit", False),
        ("AssocMaxJobsLimit", False),
        ("QOSGrpCPULimit", False),
        ("Dependency", False),
    ],
)
def test_limits_that_pass_when_other_jobs_end_are_waited_for(reason: str, held: bool) -> None:
    assert JobState("x", 0, "1", "PENDING", "", reason).held == held


@pytest.mark.parametrize(
    "state", ["PENDING", "RUNNING", "COMPLETING", "REQUEUED", "SIGNALING", "STAGE_OUT", "NEWSPEAK"]
)
def test_everything_not_known_to_have_ended_is_active(state: str) -> None:
    assert JobState("x", 0, "1", state, "", "").active


def test_reads_what_sacct_says_of_jobs_that_have_ended() -> None:
    assert parse_ends(SACCT) == {
        "49": "FAILED, signal 9",
        "50": "FAILED, exit code 3",
        "46_0": "COMPLETED",
        "46_3": "CANCELLED by 0",
    }


def test_the_memory_limit_of_a_step_is_the_cause() -> None:
    assert parse_ends("5|FAILED|1:0\n5.batch|FAILED|1:0\n5.0|OUT_OF_MEMORY|0:125\n") == {"5": "OUT_OF_MEMORY"}


def test_reads_limits() -> None:
    config = (
        "Slurm data\nClusterName             = loop\nMaxArraySize            = 1001\nMaxJobCount             = 10000 \n"
    )
    assert parse_limits(config) == Limits("loop", 1001)
    for odd in ("ClusterName = loop\n", config.replace("1001", "many"), "Maintenance!\n", config + config, ""):
        with pytest.raises(SlurmUnavailable, match=r"does not say '(MaxArraySize|ClusterName)', but '"):
            parse_limits(odd)


@pytest.mark.parametrize("output", ["Maintenance!\n", SACCT + "half a r", "50|FAILED\n", "\ufffd\n"])
def test_what_is_no_row_of_sacct_is_no_end(output: str) -> None:
    with pytest.raises(SlurmUnavailable, match="sacct answers with a line that is no row: '"):
        parse_ends(output)


def test_without_slurm_nothing_is_known(no_slurm: None) -> None:
    with pytest.raises(SlurmUnavailable, match=r"squeue is not found on .* use a login node"):
        queue("x")
    with pytest.raises(SlurmUnavailable, match="scontrol is not found"):
        limits()
    with pytest.raises(SlurmUnavailable, match="scancel is not found"):
        cancel(["1"])
    assert end_of(["1"]) == {}


def test_no_jobs_no_calls(no_slurm: None) -> None:
    cancel([])
    assert end_of([]) == {}


def test_a_command_that_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hanging = tmp_path / "sacct"
    hanging.write_text("#!/bin/sh\nexec sleep 60\n", encoding="utf-8")
    hanging.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    start = time.monotonic()
    assert end_of(["1"]) == {}
    assert time.monotonic() - start < 10


@pytest.mark.parametrize(
    ("words", "advice"),
    [("fatal: Could not establish a configuration source", "use a login node"), ("no idea", "failed: no idea$")],
)
def test_silence_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: str, advice: str) -> None:
    (tmp_path / "squeue").write_text(f"#!/bin/sh\necho '{words}' >&2\nexit 1\n", encoding="utf-8")
    (tmp_path / "squeue").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    with pytest.raises(SlurmUnavailable, match=advice):
        queue("x")


@pytest.mark.cluster
def test_limits_of_the_cluster(cluster: Cluster) -> None:
    assert limits() == Limits("loop", 1001)


@pytest.mark.cluster
def test_variables_that_filter_squeue_are_not_heeded(
    cluster: Cluster, results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit(Array("seen-0", (("a",),)), SMALL, results, WORK, None)
    for name, value in {"SQUEUE_STATES": "RUNNING", "SQUEUE_PARTITION": "hi", "SQUEUE_SORT": "x"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("SLURM_TIME_FORMAT", "relative")
    wait("seen", ended)
    assert queue("seen")["seen-0", 0].state == "COMPLETED"


@pytest.mark.cluster
def test_cancelling_what_has_ended_is_no_error(cluster: Cluster, results: Path) -> None:
    job_id = submit(Array("gone-0", (("a",),)), SMALL, results, WORK, None)
    wait("gone", lambda jobs: bool(jobs) and ended(jobs))
    cancel([job_id, "4000000"])


@pytest.mark.cluster
def test_a_controller_that_is_down_is_no_empty_queue(cluster: Cluster, results: Path) -> None:
    cluster.stop("slurmctld")
    try:
        with pytest.raises(SlurmUnavailable, match=r"squeue (failed: .*contact.* try again later|did not answer)"):
            queue("x")
        with pytest.raises(SlurmError, match=r"sbatch refused 'down-0': .*contact.* try again later"):
            submit(Array("down-0", (("a",),)), SMALL, results, WORK, None)
    finally:
        cluster.start("slurmctld")
    assert queue("down") == {}
