"""The record of a run that came to no result."""

from __future__ import annotations

import traceback

from bench.errors import printable
from bench.spec import Record, RunError, RunSpec, Status


def failed_record(spec: RunSpec, error: BaseException, status: Status = "failed") -> Record:
    """The record of a run that raised, or that was ended from outside: then `status` says how."""
    trace = printable("".join(traceback.format_exception(error)))
    try:
        message = printable(str(error))
    except Exception:  # an exception of a plug-in may not even print
        message = "(its message cannot be printed)"
    details = RunError(type=type(error).__name__, message=message, traceback=trace)
    return Record(run_id=spec.run_id, spec=spec, status=status, error=details)
