"""The record of a run that came to no result."""

from __future__ import annotations

import builtins
import traceback

from bench.errors import message_of, printable
from bench.store.record import ClusterJob, Provenance, Record, RunError, Status, timestamp
from bench.store.spec import RunSpec

PASSING = {"WorkerDiedError", "NoHeadwayError", "OutOfMemoryError", "AcceleratorError"}
"""Errors of the machine, beside those that Python knows."""
PASSING_WORDS = ("No space left on device", "out of memory", "CUDA error")
"""What libraries say of the same."""

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


def lost_device(record: Record) -> bool:
    """Whether a run failed with its GPU: what its process does there after that fails as well."""
    error = record.error
    return error is not None and (error.type == "AcceleratorError" or "CUDA error" in error.message)


def may_pass(record: Record) -> bool:
    """Whether a run may succeed as it is: what failed was time, memory, disk, machine or installation, not itself."""
    if record.error is None or record.status in ("timeout", "cancelled"):
        return True
    kind = getattr(builtins, record.error.type, None)
    of_the_machine = isinstance(kind, type) and issubclass(kind, OSError | MemoryError | ImportError)
    said = any(words in record.error.message for words in PASSING_WORDS)
    return of_the_machine or said or record.error.type in PASSING
