"""`bench verify`: whether runs are as they were written."""

from __future__ import annotations

import typer

from bench import RESULTS
from bench.cli.app import EXIT_FAILED, app
from bench.cli.options import ResultsDir, RunIds
from bench.errors import counted


@app.command()
def verify(runs: RunIds = None, results: ResultsDir = RESULTS) -> None:
    """Check records and the files beside them against the digests that were written with them."""
    from bench.cli.boards import require_records
    from bench.show.printing import make_console, print_raw
    from bench.store.runs import RunStore

    console, store = make_console(), RunStore(results)
    scan = store.scan()
    require_records(console, scan, results)
    chosen = [store.find(name) for name in runs] if runs else scan.records
    sealed = [record for record in chosen if record.digest]
    n_changed = 0
    for record in sealed:
        for problem in store.folder(record.run_id).problems(record):
            print_raw(console, f"{record.run_id}: {problem}")
            n_changed += 1
    print_raw(console, f"{counted(len(sealed), 'run')} checked; {counted(n_changed, 'problem')}.")
    if len(sealed) < len(chosen):
        print_raw(console, f"{counted(len(chosen) - len(sealed), 'run')} of an earlier version, without a digest.")
    raise typer.Exit(EXIT_FAILED if n_changed or scan.unreadable else 0)
