"""Runs that were submitted: follow them, or cancel them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence

from bench.cluster.states import RunState, ask_queue, recorded, states_of
from bench.cluster.submission import places, read_all, user
from bench.errors import BenchError, counted
from bench.execute.job import Event
from bench.store.failure import ended_record
from bench.store.parsing import UnreadableRecord
from bench.store.record import ClusterJob
from bench.store.runs import RunStore, match
from slurm import watcher

QUEUE_SECONDS = 15.0
"""Between calls of squeue."""
LOOKS_PER_SECOND = 100
"""At the records, at most; and a look every two seconds at all that are left."""
SILENCE_SECONDS = 900.0
"""Of SLURM, after which following ends."""


class CancelledError(Exception):
    """A person cancelled the run."""


def follow(run_ids: Iterable[str], store: RunStore, on_event: Callable[[Event], None]) -> str:
    """Report what happens to submitted runs, until none is on its way; why it ended sooner, if it did."""
    submissions = read_all(store.root)
    left = set(run_ids)
    started: set[str] = set()
    last_word, last_asked = time.monotonic(), -QUEUE_SECONDS
    while left:
        if time.monotonic() - last_asked > QUEUE_SECONDS:
            queue = ask_queue()
            last_asked = time.monotonic()
            last_word = last_word if queue.jobs is None else last_asked
        if time.monotonic() - last_word > SILENCE_SECONDS:
            return f"SLURM has not answered for {SILENCE_SECONDS / 60:.0f} minutes ({queue.silence})."
        for run_id, state in states_of(sorted(left), store, submissions, queue).items():
            if event := _event(state, store, started):
                on_event(event)
                if event.kind in ("finished", "lost"):
                    left.discard(run_id)
        if left:
            time.sleep(max(2.0, len(left) / LOOKS_PER_SECOND))
    return ""


def _event(state: RunState, store: RunStore, started: set[str]) -> Event | None:
    if state.state == "lost":
        return Event("lost", state.run_id, note=state.note)
    if state.state == "running":
        if state.run_id not in started:
            started.add(state.run_id)
            return Event("started", state.run_id)
        return Event("progress", state.run_id, state.progress)
    if state.active:
        return None
    try:
        return Event("finished", state.run_id, 1.0, store.load(state.run_id))
    except UnreadableRecord as error:
        return Event("lost", state.run_id, note=f"its record cannot be read ({error})")


def cancel(names: Sequence[str], store: RunStore) -> list[str]:
    """Cancel what is on its way, each named by the start or end of its id; all of it where none is named.

    A run gets a `cancelled` record; an extraction keeps the shards that it has, and the same command goes on from
    them. A job that has no other runs left is taken from the queue. BenchError for a name that is not, or no longer, on
    its way, and where SLURM does not answer.
    """
    from bench.cluster.extraction import extractions  # imports torch, which the verbs beside it do not need

    submissions = read_all(store.root)
    queue = ask_queue()
    if queue.jobs is None:
        raise BenchError(f"Nothing was cancelled: {queue.silence}")
    found = states_of(places(submissions), store, submissions, queue)
    states = {run_id: state for run_id, state in found.items() if state.jobs or state.state in ("queued", "running")}
    extracting = {s.run_id: s for s in extractions(store, queue, submissions).values() if s.jobs}
    states |= extracting
    hint = "It is not queued or running; `bench status` lists what is."
    chosen = {match(name, states, hint) for name in names} if names else set(states)
    jobs = {job.job_id for run_id, state in states.items() if run_id in chosen for job in state.jobs}
    needed = {job.job_id for run_id, state in states.items() if run_id not in chosen for job in state.jobs}
    cancelled, problems = sorted(chosen & extracting.keys()), []
    for run_id in sorted(chosen - extracting.keys()):
        try:
            cancelled += [run_id] * _record_cancelled(states[run_id], store)
        except (BenchError, OSError) as error:
            problems.append(str(error))
    watcher.cancel(sorted(jobs - needed))
    if problems:
        failed = f"the jobs of {counted(len(problems), 'run')} that got no record: {problems[0]}"
        raise BenchError(f"{len(cancelled)} cancelled, and {failed}")
    return cancelled


def _record_cancelled(state: RunState, store: RunStore) -> bool:
    """Take the run's lock from whoever has it (who finds out, and leaves off), and record that it was cancelled."""
    spec = store.read_spec(state.run_id)
    error = CancelledError(f"Cancelled by {user()}.")
    record = ended_record(spec, error, "cancelled", ClusterJob(submission=state.submission.id))
    with store.seize(state.run_id) as run:
        if recorded(state.run_id, store, state.submission):
            return False  # it has ended meanwhile
        run.write_record(record)
    return True
