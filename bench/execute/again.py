"""A sample of somebody's runs, carried out again: do the numbers agree?"""

from __future__ import annotations

import os
import random
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from bench.errors import BenchError
from bench.execute.job import Job
from bench.execute.run import run_one
from bench.plugins.registry import METRIC_REGISTRY
from bench.store.record import Record, metric_of
from bench.store.runs import RunStore
from bench.store.spec import RunSpec


def sample(records: Sequence[Record], n: int, seed: int) -> list[Record]:
    """At most `n` of the runs that are done and were trained here, chosen by a seed, in order of their ids."""
    done = sorted((r for r in records if r.status == "done" and not r.spec.imported), key=lambda r: r.run_id)
    return sorted(random.Random(seed).sample(done, min(n, len(done))), key=lambda record: record.run_id)


def run_again(record: Record, spec: RunSpec, job: Job) -> Record:
    """What a run gives here, with as many threads as it had, in the built-in metrics that it has. Nothing is kept.

    Parameters
    ----------
    spec : RunSpec
        The record's, with references to code that may be run: see `bench.execute.build.trusted_spec`.

    Raises
    ------
    BenchError
        Its data are not here, or it fails.
    """
    with tempfile.TemporaryDirectory(prefix="bench-again-") as folder:
        metrics = sorted({name for name in map(metric_of, record.metrics) if name in METRIC_REGISTRY.builtins})
        threads = min(record.provenance.threads or 1, os.cpu_count() or 1)  # a record may say anything
        again = replace(job, results=Path(folder), threads=threads, metrics=tuple(metrics) or ("all",))
        run_one(spec, again, lambda event: None)
        found = RunStore(again.results).load(spec.run_id)
    if found is None or found.status != "done":
        raise BenchError(f"it fails here: {found.error.message if found and found.error else 'no record'}")
    return found
