"""Submissions without a cluster, and a queue that says what a test wants."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bench.cluster import submission as submissions
from bench.cluster.states import Queue, Witness
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
    """Runs of random atoms, one a seed."""
    return make(folder, seeds=str(seeds))


def submitted(
    folder: Path,
    jobs: list[list[str]],
    name: str = NAME,
    replaces: dict[str, str] | None = None,
    job_id: str | None = "7",
    **sent: Any,
) -> Submission:
    """A submission of these jobs, as it lies on disk once sbatch has given it a job id."""
    values = {"command": "python -m bench run", "created": "2026-01-01T00:00:00+00:00", "data_dir": Path("data")}
    values |= {"user": user(), "cluster": "here", "device": "cpu", "threads": 1, "n_workers": 1, "force": False}
    array = Array(f"bench-{name}-0", tuple(map(tuple, jobs)))
    place = submissions.root(folder) / name
    submission = Submission(place, Sent(**(values | {"software": {}} | sent)), (array,), replaces)
    submissions.write(submission)
    if job_id:
        (place / array.name).mkdir(exist_ok=True)
        (place / array.name / f"{job_id}_submission.sh").write_text("", encoding="utf-8")
    return submission


def job(index: int, state: str, reason: str = "None", name: str = f"bench-{NAME}-0") -> JobState:
    """A job of the queue."""
    return JobState(name, index, f"7_{index}", state, "" if state == "PENDING" else "n1", reason)


def queue_of(*jobs: JobState, unlisted: tuple[JobState, ...] = ()) -> Queue:
    """What squeue says, and what else SLURM knows of."""

    def ask(job_id: str, name: str) -> dict[int, JobState]:
        return {found.index: found for found in unlisted if found.name == name}

    return Queue({(found.name, found.index): found for found in jobs}, "here", witness=Witness(ask))


def ended(spec: RunSpec, status: Status = "failed", submission: str | None = None, end: str = "") -> Record:
    """The record of a run that ended, made by a submission or by nobody's."""
    if status == "done":
        record = Record(run_id=spec.run_id, spec=spec, status="done")
    else:
        record = failed_record(spec, RuntimeError("no luck"), status)
    cluster = ClusterJob(submission=submission) if submission else None
    record.provenance = Provenance(end=end, cluster=cluster)
    return record
