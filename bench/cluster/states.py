"""Where the runs that were sent to a cluster are: from their records, their locks and the queue, in this order.

Accounting is asked only for the cause of an end: where it is off, late or down, every state is still right.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from bench.cluster.logs import Logs
from bench.cluster.submission import PREFIX, Place, Submission, identity, lock_of, places, user
from bench.store.lock import Owner, living_owner
from bench.store.parsing import UnreadableRecord
from bench.store.record import Record
from bench.store.runs import RunStore
from slurm import watcher, witness
from slurm.launcher import submitted_id
from slurm.watcher import JobState, SlurmUnavailable

State = Literal["done", "failed", "timeout", "cancelled", "running", "queued", "lost", "unknown"]


@dataclass(frozen=True)
class RunState:
    """Where one run is."""

    run_id: str
    """Which run; of an extraction, the id of its submission."""
    state: State
    """That of its record; without one "running", "queued", "lost" (no job will carry it out) or "unknown" (SLURM does
    not say)."""
    submission: Submission
    """The newest that it is part of; of a queued run, that of its job."""
    job: JobState | None = None
    """Its job, as long as SLURM remembers it."""
    jobs: tuple[JobState, ...] = ()
    """All active jobs, of whatever submission, that have the run still to do."""
    first: float = 0.0
    """Where a running one started, in [0, 1]."""
    progress: float = 0.0
    """Where it is, in [0, 1]."""
    since: float = 0.0
    """When it started, in seconds since 1970."""
    note: str = ""
    """What there is to say: where it runs, what it waits for, how it was lost."""
    never_submitted: bool = False
    """It is lost, and no job was ever to carry it out here: the command that was to submit it ended before it did, or
    this folder is a copy."""

    @property
    def active(self) -> bool:
        """Whether it is on its way, or may be."""
        return self.state in ("queued", "running", "unknown")


class Witness:
    """Asks SLURM about jobs that squeue does not list: once for each array, as long as one answer of squeue is used."""

    def __init__(self, ask: Callable[[str, str], dict[int, JobState]] | None = None) -> None:
        self._ask = ask or witness.jobs_of
        self._said: dict[str, dict[int, JobState] | SlurmUnavailable] = {}

    def job(self, job_id: str, place: Place) -> JobState | None:
        """What else SLURM says of a job; None where it knows of none. Raises SlurmUnavailable."""
        if place.array not in self._said:
            try:
                self._said[place.array] = self._ask(job_id, place.array)
            except SlurmUnavailable as error:
                self._said[place.array] = error
        said = self._said[place.array]
        if isinstance(said, SlurmUnavailable):
            raise said
        return said.get(place.number)


@dataclass(frozen=True)
class Queue:
    """What SLURM says of this user's jobs on this cluster."""

    jobs: Mapping[tuple[str, int], JobState] | None
    """By array and index; None where it says nothing."""
    cluster: str = ""
    """Its name of the cluster."""
    silence: str = ""
    """Why it says nothing."""
    witness: Witness = field(default_factory=Witness, compare=False)
    """Who is asked about jobs that are not listed."""

    def covers(self, submission: Submission) -> bool:
        """Whether the jobs of a submission would be in it: another user's, or another cluster's, are not."""
        return self.jobs is not None and (submission.sent.cluster, submission.sent.user) == (self.cluster, user())

    @property
    def active(self) -> set[tuple[str, int]]:
        """Array and index of each job that is active."""
        return {key for key, job in (self.jobs or {}).items() if job.active}

    def listed(self, place: Place) -> JobState | None:
        """A job as squeue lists it."""
        return (self.jobs or {}).get(place.key)


def ask_queue() -> Queue:
    """What SLURM says now, by two of its commands; nothing, and why, where it does not answer."""
    try:
        return Queue(watcher.queue(PREFIX), watcher.limits().cluster)
    except SlurmUnavailable as error:
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
    look = Look(store, queue)
    found = {}
    for run_id in run_ids:
        if run_id in where:
            record = _load(run_id, store) if records is None else records.get(run_id)
            found[run_id] = look.at(run_id, record, where[run_id])
    return explain_lost(found)


def recorded(run_id: str, store: RunStore, submission: Submission) -> State | None:
    """How the run ended, if its record is not the one that the submission is to replace."""
    return _recorded(run_id, _load(run_id, store), submission)


class Look:
    """One look at many runs, or at what else jobs carry out."""

    def __init__(self, store: RunStore, queue: Queue) -> None:
        self.store, self.queue, self.logs = store, queue, Logs()
        self._submitting: bool | None = None

    def at(self, run_id: str, record: Record | None, given_to: Sequence[Place]) -> RunState:
        """Where one run is, that was given to these jobs."""
        place = given_to[-1]
        pending = self._pending(record, given_to)
        jobs = tuple(job for _, job in pending)
        state = RunState(run_id, "queued", place.submission, self._mine(place) or next(iter(jobs), None), jobs)
        if (status := _recorded(run_id, record, place.submission)) is not None and not jobs:
            return replace(state, state=status)
        if here := self.on_its_way(state, self.store.folder(run_id).owner(), pending):
            return here
        self.store.folder(run_id).refresh()
        if (status := recorded(run_id, self.store, place.submission)) is not None:
            return replace(state, state=status)
        if place.submission.copied:
            note = f"its job works for '{place.submission.sent.results}', of which this folder is a copy"
            return replace(state, state="lost", note=note, never_submitted=True)
        return self.absent(state, place)

    def on_its_way(
        self, state: RunState, owner: Owner | None, pending: Sequence[tuple[Place, JobState]]
    ) -> RunState | None:
        """Where what has not ended is, by the living owner of its lock, else by the queue; None where by neither."""
        if owner:
            where = f"job {owner.job} on {owner.host}" if owner.job else f"process {owner.pid} on {owner.host}"
            state = replace(state, first=owner.first, progress=owner.progress, since=owner.since)
            return replace(state, state="running", note=where)
        if pending:
            return self._waiting(state, pending)
        if not self.queue.covers(state.submission):
            sent = state.submission.sent
            note = self.queue.silence or f"submitted by {sent.user} to cluster {sent.cluster}: ask there"
            return replace(state, state="unknown", note=note)
        return None

    def _pending(self, record: Record | None, given_to: Sequence[Place]) -> list[tuple[Place, JobState]]:
        """The active jobs that will carry the run out, since they find no record that stops them."""
        listed = [(place, job) for place in given_to if (job := self._mine(place)) and job.active]
        return [(place, job) for place, job in listed if not _settled(record, place.submission)]

    def _mine(self, place: Place) -> JobState | None:
        """A job as squeue lists it; None for one that works for the folder of which this is a copy."""
        job = self.queue.listed(place)
        return None if job and place.submission.copied else job

    def _waiting(self, state: RunState, pending: Sequence[tuple[Place, JobState]]) -> RunState:
        """A run that has an active job, and no process yet."""
        hopeless = {}
        for place, job in pending:
            if job.held and "user" not in job.reason.lower():  # a person who holds a job has not lost it
                hopeless[job] = f"job {job.job_id} waits for ever: {job.reason}"
            elif job.state == "PENDING" and place.submission.moved:
                hopeless[job] = f"job {job.job_id} will look for {_moved(place.submission)}"
            else:
                return replace(state, submission=place.submission, job=job, note=_waits(job))
        job, note = list(hopeless.items())[-1]
        return replace(state, state="lost", job=job, note=note)

    def absent(self, state: RunState, place: Place) -> RunState:
        """A run that has not ended, without a process or an active job in squeue's answer."""
        if state.job is None:
            job_id = submitted_id(place.submission.folder, place.array)
            if job_id is None:
                return self._not_submitted(state, place)
            try:
                job = self.queue.witness.job(job_id, place)
            except SlurmUnavailable as error:
                return replace(state, state="unknown", note=f"squeue does not list job {job_id}, and {error}")
            state = replace(state, job=job)
            if job and job.active:
                note = f"squeue does not list job {job.job_id}, but it is {job.state}; `bench cancel` ends it"
                return replace(state, state="unknown", jobs=(job,), note=note)
        return replace(state, state="lost", note=_how_lost(place, state.job, self.logs))

    def _not_submitted(self, state: RunState, place: Place) -> RunState:
        if self._submitting is None:
            owner = living_owner(lock_of(self.store.root))
            self._submitting = owner is not None and owner.pid != os.getpid()
        if self._submitting:
            return replace(state, note="being submitted")
        note = f"{place.array} was never submitted: the command that was to do so ended before; issue it again"
        return replace(state, state="lost", note=note, never_submitted=True)


def _load(run_id: str, store: RunStore) -> Record | None:
    """The record of a run; None where it has none, or none that can be read."""
    try:
        return store.load(run_id)
    except UnreadableRecord:
        return None


def _settled(record: Record | None, submission: Submission) -> bool:
    """Whether a job of the submission leaves the run as it is: see `Job.settles`."""
    if record is None:
        return False
    return record.provenance.submission == submission.id or (record.status == "done" and not submission.sent.force)


def _recorded(run_id: str, record: Record | None, submission: Submission) -> State | None:
    if record is None:
        return None
    if _settled(record, submission):
        return record.status
    if submission.replaces is not None:
        return record.status if identity(record) != submission.replaces.get(run_id) else None
    if record.provenance.submission is not None:  # of earlier versions: no record was noted, so clocks have to decide
        return None
    return record.status if record.provenance.end > submission.sent.created else None


def _waits(job: JobState) -> str:
    if job.state == "PENDING":
        return f"job {job.job_id} waits: {job.reason or 'no reason given'}"
    return f"job {job.job_id} is {job.state.lower()} on {job.node or 'no node yet'}"


def _moved(submission: Submission) -> str:
    return f"'{submission.sent.results}', from where the results folder was moved to '{submission.folder.parents[1]}'"


def _how_lost(place: Place, job: JobState | None, logs: Logs) -> str:
    name = f"job {job.job_id}" if job else f"job {place.number} of {place.array}"
    how = f"{name} ended ({job.state})" if job else f"{name} has left the queue"
    if place.submission.moved:
        return f"{how}; it looked for {_moved(place.submission)}"
    if logs.out_of_memory(place):
        return f"{how} for want of memory, says its log; ask for more with --slurm memory_gb=N"
    if logs.find(place) or (job and job.state == "CANCELLED"):  # one that is cancelled as it waits has no log
        return how
    node = f"node {job.node} shares" if job and job.node else "all nodes share"
    return f"{how} and left no log: is '{place.submission.folder}' on a file system that {node}?"


def explain_lost(states: dict[str, RunState]) -> dict[str, RunState]:
    """Add accounting's word on the jobs that took runs with them."""
    lost = {state.job.job_id for state in states.values() if state.state == "lost" and state.job}
    if not lost:
        return states
    words = watcher.end_of(sorted(lost))

    def explained(state: RunState) -> RunState:
        word = words.get(state.job.job_id, "") if state.state == "lost" and state.job else ""
        return replace(state, note=f"{state.note}: {word}") if word else state

    return {run_id: explained(state) for run_id, state in states.items()}
