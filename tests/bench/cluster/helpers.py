"""Submissions without a cluster, and a queue that says what a test wants."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bench.cluster import submission as submissions
from bench.cluster.states import Queue
from bench.cluster.submission import Sent, Submission, user
from bench.plan.plan import Plan
from bench.store.failure import failed_record
from bench.store.record import ClusterJob, Provenance, Record, Status
from bench.store.spec import RunSpec
from slurm.launcher import Array
from slurm.watcher import JobState
from tests.bench.cli.helpers import make

NAME = "20260101-000000-aaaa"


def plan_of(folder: Path, seeds: int = 4) -> Plan:
    """Runs of the mean, one a seed."""
    return make(folder, seeds=str(seeds))


def submitted(folder: Path, jobs: list[list[str]], name: str = NAME, **sent: Any) -> Submission:
    """A submission of these jobs, as it lies on disk."""
    values = {"command": "python -m bench run", "created": "2026-01-01T00:00:00+00:00", "data_dir": Path("data")}
    values |= {"user": user(), "cluster": "here", "device": "cpu", "threads": 1, "n_workers": 1, "force": False}
    array = Array(f"bench-{name}-0", tuple(map(tuple, jobs)))
    submission = Submission(submissions.root(folder) / name, Sent(**(values | {"software": {}} | sent)), (array,))
    submissions.write(submission)
    return submission


def job(index: int, state: str, reason: str = "None", name: str = f"bench-{NAME}-0") -> JobState:
    """A job of the queue."""
    return JobState(name, index, f"7_{index}", state, "" if state == "PENDING" else "n1", reason)


def queue_of(*jobs: JobState) -> Queue:
    """What SLURM says."""
    return Queue({(found.name, found.index): found for found in jobs}, "here")


def ended(spec: RunSpec, status: Status = "failed", submission: str | None = None, end: str = "") -> Record:
    """The record of a run that ended badly, made by a submission or by nobody's."""
    record = failed_record(spec, RuntimeError("no luck"), status)
    cluster = ClusterJob(submission=submission) if submission else None
    record.provenance = Provenance(end=end, cluster=cluster)
    return record
