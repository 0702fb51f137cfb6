"""Where the runs that were sent to a cluster are: from their records, the queue and their locks, in this order.

Accounting is asked only for the cause of an end: where it is off, late or down, every state is still right.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from bench.cluster.submission import PREFIX, Logs, Submission, places, user
from bench.store.parsing import UnreadableRecord
from bench.store.record import Record
from bench.store.runs import RunStore
from slurm import watcher
from slurm.watcher import JobState

State = Literal["done", "failed", "timeout", "cancelled", "running", "queued", "lost", "unknown"]


@dataclass(frozen=True)
class RunState:
    """Where one run is."""

    run_id: str
    """Which run."""
    state: State
    """That of its record; without one "running", "queued", "lost" (no job will carry it out) or "unknown" (SLURM does
    not answer)."""
    submission: Submission
    """The newest that it is part of."""
    job: JobState | None = None
    """Its job, as long as the queue remembers it."""
    first: float = 0.0
    """Where a running one started, in [0, 1]."""
    progress: float = 0.0
    """Where it is, in [0, 1]."""
    since: float = 0.0
    """When it started, in seconds since 1970."""
    note: str = ""
    """What there is to say: where it runs, what it waits for, how it was lost."""

    @property
    def active(self) -> bool:
        """Whether it is on its way, or may be."""
        return self.state in ("queued", "running", "unknown")


@dataclass(frozen=True)
class Queue:
    """What SLURM says of this user's jobs on this cluster."""

    jobs: Mapping[tuple[str, int], JobState] | None
    """By array and index; None where it says nothing."""
    cluster: str = ""
    """Its name of the cluster."""
    silence: str = ""
    """Why it says nothing."""

    def covers(self, submission: Submission) -> bool:
        """Whether the jobs of a submission would be in it: another user's, or another cluster's, are not."""
        return self.jobs is not None and (submission.sent.cluster, submission.sent.user) == (self.cluster, user())


def ask_queue() -> Queue:
    """What SLURM says now, by two of its commands; nothing, and why, where it does not answer."""
    try:
        return Queue(watcher.queue(PREFIX), watcher.limits().cluster)
    except watcher.SlurmUnavailable as error:
        return Queue(None, silence=str(error))


def states_of(
    run_ids: Iterable[str],
    store: RunStore,
    submissions: list[Submission],
    queue: Queue,
    records: Mapping[str, Record] | None = None,
) -> dict[str, RunState]:
    """The states of those runs that are part of a submission; `records` where they have been read, after the queue."""
    where = places(submissions)
    logs = Logs()
    found = {}
    for run_id in run_ids:
        if run_id in where:
            record = _load(run_id, store) if records is None else records.get(run_id)
            found[run_id] = _state(run_id, record, store, *where[run_id], queue, logs)
    return _explain_lost(found)


def _state(
    run_id: str,
    record: Record | None,
    store: RunStore,
    submission: Submission,
    array: str,
    index: int,
    queue: Queue,
    logs: Logs,
) -> RunState:
    job = (queue.jobs or {}).get((array, index))
    if (status := _recorded(record, submission)) is not None:
        return RunState(run_id, status, submission, job)
    if owner := store.folder(run_id).owner():
        where = f"job {owner.job} on {owner.host}" if owner.job else f"process {owner.pid} on {owner.host}"
        return RunState(run_id, "running", submission, job, owner.first, owner.progress, owner.since, where)
    if not queue.covers(submission):
        sent = submission.sent
        note = queue.silence or f"submitted by {sent.user} to cluster {sent.cluster}: ask there"
        return RunState(run_id, "unknown", submission, note=note)
    if job is None or not job.active:
        store.folder(run_id).refresh()
        if (status := recorded(run_id, store, submission)) is not None:
            return RunState(run_id, status, submission, job)
        return RunState(run_id, "lost", submission, job, note=_how_lost(submission, array, index, job, logs))
    if job.held and "user" not in job.reason.lower():  # a person who holds a job has not lost it
        return RunState(run_id, "lost", submission, job, note=f"job {job.job_id} waits for ever: {job.reason}")
    return RunState(run_id, "queued", submission, job, note=_waits(job))


def recorded(run_id: str, store: RunStore, submission: Submission) -> State | None:
    """How the run ended, if its record is not older than the submission (which then is to replace it)."""
    return _recorded(_load(run_id, store), submission)


def _load(run_id: str, store: RunStore) -> Record | None:
    """The record of a run; None where it has none, or none that can be read."""
    try:
        return store.load(run_id)
    except UnreadableRecord:
        return None


def _recorded(record: Record | None, submission: Submission) -> State | None:
    if record is None:
        return None
    if record.status == "done" and not submission.sent.force:
        return "done"
    if record.provenance.submission is not None:
        return record.status if record.provenance.submission == submission.id else None
    return record.status if record.provenance.end > submission.sent.created else None


def _waits(job: JobState) -> str:
    if job.state == "PENDING":
        return f"job {job.job_id} waits: {job.reason or 'no reason given'}"
    return f"job {job.job_id} is {job.state.lower()} on {job.node or 'no node yet'}"


def _how_lost(submission: Submission, array: str, index: int, job: JobState | None, logs: Logs) -> str:
    name = f"job {job.job_id}" if job else f"job {index} of {array}"
    how = f"{name} ended ({job.state})" if job else f"{name} has left the queue"
    if logs.find(submission, array, index):
        return how
    node = f"node {job.node} shares" if job and job.node else "all nodes share"
    return f"{how} and left no log: is '{submission.folder}' on a file system that {node}?"


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
