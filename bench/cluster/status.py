"""Where all runs of a results folder are."""

from __future__ import annotations

from dataclasses import dataclass

from bench.cluster.states import Queue, RunState, ask_queue, states_of
from bench.cluster.submission import Logs, Submission, places, read_all
from bench.errors import BenchError
from bench.store.runs import RunStore, Scan, match


@dataclass(frozen=True)
class Status:
    """The runs of a folder: those that ended, and those that were submitted."""

    scan: Scan
    """The records."""
    submissions: list[Submission]
    """What was handed to a cluster, oldest first."""
    states: dict[str, RunState]
    """Where the submitted runs are."""

    @property
    def well(self) -> bool:
        """Whether nothing has failed, or is lost."""
        lost = any(state.state == "lost" for state in self.states.values())
        return not (self.scan.unreadable or lost or any(record.error for record in self.scan.records))


def collect(store: RunStore) -> Status:
    """Read the records, and ask the queue where there are submissions."""
    submissions = read_all(store.root)
    queue = ask_queue() if submissions else Queue(None)  # before the records: a job writes its own, then ends
    scan = store.scan()
    records = {record.run_id: record for record in scan.records}
    return Status(scan, submissions, states_of(places(submissions), store, submissions, queue, records))


def missing(store: RunStore) -> tuple[int, int]:
    """How many of the runs that were submitted have no record, and how many were submitted."""
    submitted = places(read_all(store.root))
    recorded = set(store.recorded())
    return sum(run_id not in recorded for run_id in submitted), len(submitted)


def logs(name: str, store: RunStore) -> str:
    """What the job of a run has written, and the traceback of a run that failed. BenchError where there is neither."""
    where = places(read_all(store.root))
    run_id = match(name, {*where, *store.recorded()}, f"Looked in '{store.root}'; `bench status` lists all.")
    log = Logs().find(*where[run_id]) if run_id in where else None
    error = store.folder(run_id).path / "error.log"
    files = [path for path in (log, error) if path and path.exists()]
    if not files:
        raise BenchError(f"Run '{run_id}' has no log yet: its job has not started, or never ran on a cluster.")
    return "\n".join(f"{path}\n\n{path.read_text(encoding='utf-8', errors='replace')}" for path in files)
