"""What scontrol and sacct say of jobs that squeue does not list."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from slurm.errors import SlurmUnavailable
from slurm.launcher import Array, submit, submitted_id
from slurm.watcher import JobState, cancel
from slurm.witness import jobs_of, parse_accounted, parse_jobs
from tests.slurm.jobs import UNTIL_TOLD, WORK, ended, wait
from tests.slurm.test_launcher import SMALL
from tests.slurm.testcluster import Cluster

# Of SLURM 22.05, less the fields behind the reason.
WAITS = "JobId=75 ArrayJobId=75 ArrayTaskId=0,3-8:2%3 ArrayTaskThrottle=3 JobName=x-0 UserId=root(0) Priority=0 Nice=0 "
WAITS += "JobState=PENDING Reason=JobHeldUser Dependency=(null) NodeList= NumNodes=1 \n"
RUNS = "JobId=76 ArrayJobId=75 ArrayTaskId=1 JobName=x-0 JobState=RUNNING Reason=None NodeList=n1 Command=/x \n"
ALONE = "JobId=80 JobName=x-0 JobState=COMPLETED Reason=None NodeList=n2 Comment=a JobState=FOO JobName=y \n"
NAMED = "JobId=81 JobName=two\nlines UserId=root(0) JobState=RUNNING Reason=None NodeList=n2 \n"


def test_reads_what_scontrol_says() -> None:
    found = parse_jobs(WAITS + RUNS + NAMED, "x-0")
    assert sorted(found) == [0, 1, 3, 5, 7]
    assert found[1] == JobState("x-0", 1, "75_1", "RUNNING", "n1", "None")
    assert found[7] == JobState("x-0", 7, "75_7", "PENDING", "", "JobHeldUser")
    assert parse_jobs(WAITS.replace("0,3-8:2%3", "4294967294"), "x-0") == {}, "all that waited were cancelled"
    assert parse_jobs(ALONE, "x-0") == {0: JobState("x-0", 0, "80", "COMPLETED", "n2", "None")}


def test_a_job_of_another_name_has_the_id_by_chance() -> None:
    assert parse_jobs(WAITS + RUNS, "another-0") == {}
    assert parse_accounted("75_1|x-0|RUNNING\n", "another-0") == {}


@pytest.mark.parametrize(
    "output",
    [
        "Maintenance on Friday\n",
        "Maintenance on Friday\n" + RUNS,
        RUNS[:40],
        RUNS.replace("RUNNING", "?"),
        WAITS.replace("0,3-8:2%3", "0,3,..."),
        "\ufffd\n",
    ],
)
def test_what_is_no_job_is_quoted(output: str) -> None:
    with pytest.raises(SlurmUnavailable, match="answers with what is no job: '"):
        parse_jobs(output, "x-0")


def test_reads_what_sacct_says() -> None:
    rows = "75_1|x-0|COMPLETED\n75_[3-4]|x-0|PENDING\n75_2|x-0|CANCELLED by 0\n80|y|z|FAILED\n"
    found = parse_accounted(rows, "x-0")
    assert {index: job.state for index, job in found.items()} == {
        1: "COMPLETED",
        2: "CANCELLED",
        3: "PENDING",
        4: "PENDING",
    }
    assert parse_accounted(rows, "y|z")[0].job_id == "80"
    with pytest.raises(SlurmUnavailable, match="no row: 'Maintenance"):
        parse_accounted("Maintenance\n", "x-0")


def fake(folder: Path, monkeypatch: pytest.MonkeyPatch, **scripts: str) -> None:
    """Commands that answer as a test wants."""
    for name, text in scripts.items():
        (folder / name).write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


FORGOTTEN = "echo 'slurm_load_jobs error: Invalid job id specified' >&2; exit 1"


@pytest.mark.parametrize(
    ("sacct", "states"),
    [("echo '75_1|x-0|RUNNING'", ["RUNNING"]), ("echo disabled >&2; exit 1", []), ("echo Maintenance", [])],
)
def test_accounting_is_asked_of_what_the_controller_has_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sacct: str, states: list[str]
) -> None:
    fake(tmp_path, monkeypatch, scontrol=FORGOTTEN, sacct=sacct)
    assert [job.state for job in jobs_of("75", "x-0").values()] == states


def test_a_controller_that_does_not_answer_has_forgotten_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake(tmp_path, monkeypatch, scontrol="echo 'Unable to contact slurm controller' >&2; exit 1", sacct="exit 0")
    with pytest.raises(SlurmUnavailable, match="Unable to contact"):
        jobs_of("75", "x-0")


def test_the_id_that_sbatch_gave_is_in_the_name_of_the_script(tmp_path: Path) -> None:
    assert submitted_id(tmp_path, "x-0") is None
    (tmp_path / "x-0").mkdir()
    (tmp_path / "x-0" / ".submission_file_1234.sh").write_text("", encoding="utf-8")
    (tmp_path / "x-0" / "y_submission.sh").write_text("", encoding="utf-8")
    assert submitted_id(tmp_path, "x-0") is None
    (tmp_path / "x-0" / "75_submission.sh").write_text("", encoding="utf-8")
    assert submitted_id(tmp_path, "x-0") == "75"


@pytest.mark.cluster
def test_the_controller_knows_every_job_of_an_array(cluster: Cluster, results: Path) -> None:
    some = tuple((f"run{number}",) for number in range(30))
    job_id = submit(Array("witness-0", some), SMALL, results, UNTIL_TOLD, 2)
    assert submitted_id(results, "witness-0") == job_id
    wait("witness", lambda jobs: sum(job.state == "RUNNING" for job in jobs.values()) == 2)
    found = jobs_of(job_id, "witness-0")
    assert sorted(found) == list(range(30))
    assert all(job.active for job in found.values())
    assert jobs_of(job_id, "another") == {}
    cancel([job.job_id for job in found.values()])
    wait("witness", ended)
    assert not any(job.active for job in jobs_of(job_id, "witness-0").values())


@pytest.mark.cluster
def test_the_controller_knows_a_single_job_and_none_that_never_was(cluster: Cluster, results: Path) -> None:
    job_id = submit(Array("lone-0", (("a",),)), SMALL, results, WORK, None)
    wait("lone", lambda jobs: bool(jobs) and ended(jobs))
    assert jobs_of(job_id, "lone-0")[0].state == "COMPLETED"
    assert jobs_of("4000000", "lone-0") == {}
