"""The record of a run that came to no result."""

from __future__ import annotations

import traceback

from bench.errors import message_of, printable
from bench.store.record import ClusterJob, Provenance, Record, RunError, Status, timestamp
from bench.store.spec import RunSpec

MOST_TRACEBACK = 100_000
"""Characters that are kept: the end says where it was raised."""


def ended_record(spec: RunSpec, error: Exception, status: Status, cluster: ClusterJob | None) -> Record:
    """The record of a run that was ended from outside: `status` says how, `cluster` which job it was in."""
    record = failed_record(spec, error, status)
    record.provenance = Provenance(end=timestamp(), cluster=cluster)
    return record


def failed_record(spec: RunSpec, error: BaseException, status: Status = "failed") -> Record:
    """The record of a run that raised."""
    trace = printable("".join(traceback.format_exception(error)))[-MOST_TRACEBACK:]
    details = RunError(type=type(error).__name__, message=message_of(error), traceback=trace)
    return Record(run_id=spec.run_id, spec=spec, status=status, error=details)
