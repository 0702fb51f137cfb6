"""Cancel what was submitted: runs, and extractions of activations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bench.cluster.extraction import extractions
from bench.cluster.states import RunState, ask_queue, recorded, states_of
from bench.cluster.submission import places, read_all, user
from bench.errors import BenchError, counted
from bench.store.failure import ended_record
from bench.store.record import ClusterJob
from bench.store.runs import RunStore, fits, match
from slurm import watcher


class CancelledError(Exception):
    """A person cancelled the run."""


def cancel(names: Sequence[str], store: RunStore) -> list[str]:
    """Cancel what is on its way, each named by the start or end of its id; all of it where none is named.

    A run gets a `cancelled` record; an extraction keeps the shards that it has, and the same command goes on from
    them. A job that has no other runs left is taken from the queue. BenchError for a name that is not, or no longer, on
    its way, and where SLURM does not answer.
    """
    submissions = read_all(store.root)
    queue = ask_queue()
    if queue.jobs is None:
        raise BenchError(f"Nothing was cancelled: {queue.silence}")
    found = states_of(places(submissions), store, submissions, queue)
    states = {run_id: state for run_id, state in found.items() if state.jobs or state.state in ("queued", "running")}
    extractable = {state.run_id: state for state in extractions(store, queue, submissions).values()}
    extracting = {run_id: state for run_id, state in extractable.items() if state.jobs}
    states |= extracting
    chosen = {_match(name, states, found | extractable) for name in names} if names else set(states)
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


def _match(name: str, states: Mapping[str, RunState], submitted: Mapping[str, RunState]) -> str:
    """What is on its way and fits `name`. BenchError where nothing does; it says how that ended which would."""
    ended = [state for run_id, state in submitted.items() if fits(name, run_id)]
    if ended and not any(fits(name, run_id) for run_id in states):
        raise BenchError(f"There is nothing to cancel: {', '.join(f'{s.run_id} is {s.state}' for s in ended[:5])}.")
    return match(name, states, "It is not queued or running.")


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
