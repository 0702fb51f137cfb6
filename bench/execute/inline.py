"""One run after the other, in this process."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bench.execute.job import Event, Job
from bench.execute.run import run_one
from bench.store.spec import RunSpec


def execute(specs: Sequence[RunSpec], job: Job, on_event: Callable[[Event], None]) -> None:
    """Carry out the runs in order."""
    for spec in specs:
        run_one(spec, job, on_event)
