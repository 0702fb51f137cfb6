"""Where all runs of a results folder are."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from bench.cluster.logs import Logs, read_tail
from bench.cluster.states import Queue, RunState, ask_queue, states_of
from bench.cluster.submission import Place, Submission, places, read_all, scan as scan_submissions
from bench.errors import BenchError
from bench.store.runs import RunStore, Scan, Unfinished, match

MOST_LOG = 2**20
"""Bytes of a log that are printed."""


@dataclass(frozen=True)
class Status:
    """The runs of a folder: those that ended, and those that were submitted."""

    scan: Scan
    """The records, and what of them or of the submissions cannot be read."""
    submissions: list[Submission]
    """What was handed to a cluster, oldest first."""
    states: dict[str, RunState]
    """Where the submitted runs are."""
    unfinished: list[Unfinished]
    """Other runs that are under way, or were stopped and have a checkpoint."""
    extractions: dict[Path, RunState] = field(default_factory=dict)
    """Where the extractions into some folders are."""

    @property
    def well(self) -> bool:
        """Whether nothing has failed, or is lost."""
        lost = any(state.state == "lost" for state in (*self.states.values(), *self.extractions.values()))
        return not (self.scan.unreadable or lost or any(record.error for record in self.scan.records))


def collect(store: RunStore) -> Status:
    """Read the records, and ask the queue where there are submissions."""
    submissions, odd = scan_submissions(store.root)
    queue = ask_queue() if submissions else Queue(None)  # before the records: a job writes its own, then ends
    scan = store.scan()
    records = {record.run_id: record for record in scan.records}
    states = states_of(places(submissions), store, submissions, queue, records)
    unfinished = [run for run in store.unfinished() if run.run_id not in states]
    return Status(
        Scan(scan.records, scan.unreadable | odd),
        submissions,
        states,
        unfinished,
        _extractions(store, queue, submissions),
    )


def _extractions(store: RunStore, queue: Queue, submissions: list[Submission]) -> dict[Path, RunState]:
    if not any(submission.sent.extraction for submission in submissions):
        return {}
    from bench.cluster.extraction import extractions  # imports torch, which no other status needs

    return extractions(store, queue, submissions)


def missing(store: RunStore) -> tuple[int, int]:
    """How many of the runs that were submitted have no record, and how many were submitted."""
    submitted = places(read_all(store.root))
    recorded = set(store.recorded())
    return sum(run_id not in recorded for run_id in submitted), len(submitted)


def logs(name: str, store: RunStore) -> str:
    """What the job of a run, or of an extraction by its submission's id, has written, and a failed run's traceback.

    BenchError where there is neither.
    """
    submissions = read_all(store.root)
    extracting = [submission for submission in submissions if submission.sent.extraction]
    where = places(submissions) | {
        each.id: [Place(each, array.name, 0) for array in each.arrays] for each in extracting
    }
    run_id = match(name, {*where, *store.recorded()}, f"Looked in '{store.root}'; `bench status` lists all.")
    logs = Logs()
    found = (path for place in reversed(where.get(run_id, [])) if (path := logs.find(place)))
    paths = [next(found, None), store.folder(run_id).path / "error.log"]
    parts = [_tail(path) for path in paths if path and os.path.lexists(path)]
    if not parts:
        raise BenchError(f"'{run_id}' has no log yet: its job has not started, or never ran on a cluster.")
    return "\n".join(parts)


def _tail(path: Path) -> str:
    """The name of a log and the end of it, which says what happened last; or why it cannot be read."""
    try:
        text, left_out = read_tail(path, MOST_LOG)
    except OSError as error:
        return f"{path} is left alone: {error.strerror or error}"
    return f"{path}\n\n" + (f"... {left_out:,} bytes before this are left out\n" if left_out else "") + text
