"""Results folders made for tests: records and what lies beside them, written as a run writes them."""

from __future__ import annotations

from bench.store.folder import Results
from bench.store.record import Record
from bench.store.runs import RunStore


def put(store: RunStore, record: Record, results: Results | None = None) -> None:
    """Write a record, and what belongs beside it, into the folder of its run."""
    with store.claim(record.run_id) as run:
        assert run is not None
        if results:
            run.write_results(results)
        run.write_record(record)


def unsealed(record: Record) -> Record:
    """A record without what says which files lie beside it, and by which code they were made."""
    return record.model_copy(update={"files": {}, "digest": "", "metric_code": {}})
