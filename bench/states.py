"""Where the runs that were sent to a cluster are: from their records, the queue and their locks, in this order.

Accounting is asked only for the cause of an end: where it is off, late or down, every state is still right.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from bench.lock import is_stale, read_owner
from bench.store import RunStore, UnreadableRecord
from bench.submission import PREFIX, Submission, places
from slurm import watcher
from slurm.watcher import JobState

State = Literal["done", "failed", "timeout", "cancelled", "running", "queued", "lost", "unknown"]


@dataclass(frozen=True)
class RunState:
    """Where one run is.

    Attributes
    ----------
    state : str
        That of its record; without one: "running", "queued", "lost" (no job will carry it out), or "unknown" (SLURM
        does not answer).
    submission : Submission
        The newest that it is part of.
    job : JobState, optional
        Its job, as long as the queue remembers it.
    progress : float
        Of a running one, in [0, 1].
    since : float
        When a running one started, in seconds since 1970.
    note : str
        What there is to say: where it runs, what it waits for, how it was lost.
    """

    run_id: str
    state: State
    submission: Submission
    job: JobState | None = None
    progress: float = 0.0
    since: float = 0.0
    note: str = ""

    @property
    def active(self) -> bool:
        """It is, or may be, on its way."""
        return self.state in ("queued", "running", "unknown")


Queue = Mapping[tuple[str, int], JobState]


def ask_queue() -> tuple[Queue | None, str]:
    """The queue; or None, and why SLURM does not answer."""
    try:
        return watcher.queue(PREFIX), ""
    except watcher.SlurmUnavailable as error:
        return None, str(error)


def states_of(
    run_ids: Iterable[str], store: RunStore, submissions: list[Submission], queue: Queue | None
) -> dict[str, RunState]:
    """The states of those runs that are part of a submission."""
    where = places(submissions)
    found = {run_id: _state(run_id, store, *where[run_id], queue) for run_id in run_ids if run_id in where}
    return found if queue is None else _explain_lost(found)


def _state(
    run_id: str, store: RunStore, submission: Submission, array: str, index: int, queue: Queue | None
) -> RunState:
    job = (queue or {}).get((array, index))
    if (status := _recorded(run_id, store, submission)) is not None:
        return RunState(run_id, status, submission, job)
    lock = store.lock_path(run_id)
    owner = read_owner(lock)
    if owner and not is_stale(lock):
        where = f"job {owner.job} on {owner.host}" if owner.job else f"process {owner.pid} on {owner.host}"
        return RunState(run_id, "running", submission, job, owner.progress, owner.since, where)
    if queue is None:
        return RunState(run_id, "unknown", submission)
    if job is None or not job.active:
        return RunState(run_id, "lost", submission, job, note=_how_lost(submission, array, index, job))
    if job.held and "user" not in job.reason.lower():  # a person who holds a job has not lost it
        return RunState(run_id, "lost", submission, job, note=f"job {job.job_id} waits for ever: {job.reason}")
    return RunState(run_id, "queued", submission, job, note=_waits(job))


def _recorded(run_id: str, store: RunStore, submission: Submission) -> State | None:
    """How the run ended, if its record is not older than the submission (which then is to replace it)."""
    try:
        record = store.load(run_id)
    except UnreadableRecord:
        return None
    if record is None:
        return None
    ours = record.provenance.get("cluster", {}).get("submission") == submission.id
    newer = str(record.provenance.get("end", "")) >= submission.sent.created
    kept = record.status == "done" and not submission.sent.force
    return record.status if ours or newer or kept else None


def _waits(job: JobState) -> str:
    if job.state == "PENDING":
        return f"job {job.job_id} waits: {job.reason or 'no reason given'}"
    return f"job {job.job_id} is {job.state.lower()} on {job.node or 'no node yet'}"


def _how_lost(submission: Submission, array: str, index: int, job: JobState | None) -> str:
    name = f"job {job.job_id}" if job else f"job {index} of {array}"
    how = f"{name} ended ({job.state})" if job else f"{name} has left the queue"
    if job and job.node and not submission.logs(array, index):
        return f"{how} and left no log: is '{submission.folder}' on a file system that node {job.node} shares?"
    return how


def _explain_lost(states: dict[str, RunState]) -> dict[str, RunState]:
    """Add accounting's word on the jobs that took runs with them."""
    lost = {state.job.job_id for state in states.values() if state.state == "lost" and state.job}
    if not lost:
        return states
    words = watcher.end_of(sorted(lost))

    def explained(state: RunState) -> RunState:
        word = words.get(state.job.job_id, "") if state.state == "lost" and state.job else ""
        return replace(state, note=f"{state.note}: {word}") if word else state

    return {run_id: explained(state) for run_id, state in states.items()}
