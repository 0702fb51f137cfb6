"""The record of a run that came to no result."""

from __future__ import annotations

import traceback
from typing import Any

from bench.errors import printable
from bench.execute.environment import timestamp
from bench.store.spec import Record, RunError, RunSpec, Status


def ended_record(spec: RunSpec, error: Exception, status: Status, cluster: dict[str, Any]) -> Record:
    """The record of a run that was ended from outside: `status` says how, `cluster` by which submission it was sent."""
    record = failed_record(spec, error, status)
    record.provenance = {"end": timestamp(), "cluster": cluster}
    return record


def failed_record(spec: RunSpec, error: BaseException, status: Status = "failed") -> Record:
    """The record of a run that raised."""
    trace = printable("".join(traceback.format_exception(error)))
    try:
        message = printable(str(error))
    except Exception:  # an exception of a plug-in may not even print
        message = "(its message cannot be printed)"
    details = RunError(type=type(error).__name__, message=message, traceback=trace)
    return Record(run_id=spec.run_id, spec=spec, status=status, error=details)
