"""`bench status`, `show`, `logs`: what became of runs."""

from __future__ import annotations

import typer

from bench import RESULTS
from bench.cli.app import EXIT_FAILED, app
from bench.cli.options import ResultsDir, RunId


@app.command()
def status(results: ResultsDir = RESULTS) -> None:
    """Count the runs of a results folder by state: how they ended, what is running, what was stopped half-way."""
    from bench.cli.boards import require_records
    from bench.cluster.status import collect
    from bench.show.fitting import room
    from bench.show.printing import make_console, print_raw
    from bench.show.status import status_text
    from bench.store.runs import RunStore

    console, found = make_console(), collect(RunStore(results))
    if not found.submissions and not found.unfinished:
        require_records(console, found.scan, results)
    print_raw(console, status_text(found, room()))
    raise typer.Exit(0 if found.well else EXIT_FAILED)


@app.command()
def show(run_id: RunId, results: ResultsDir = RESULTS) -> None:
    """Print one run: spec, metrics, timings, provenance, paths."""
    from bench.show.fitting import room
    from bench.show.printing import make_console, print_raw
    from bench.show.run import describe
    from bench.store.runs import RunStore

    store = RunStore(results)
    print_raw(make_console(), describe(store.find(run_id), store, room()))


@app.command()
def logs(run_id: RunId, results: ResultsDir = RESULTS) -> None:
    """Print what a run's job on the cluster has written, and the traceback of a run that failed."""
    from bench.cluster.status import logs as read_logs
    from bench.show.printing import make_console, print_raw
    from bench.store.runs import RunStore

    print_raw(make_console(), read_logs(run_id, RunStore(results)))
