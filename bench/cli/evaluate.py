"""`bench evaluate`: metrics that are new or have changed, on runs that have their weights. Nothing is trained again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench import RESULTS
from bench.cli.app import EXIT_FAILED, app, say
from bench.cli.options import DataDir, Metrics, ResultsDir, RunIds
from bench.errors import BenchError, counted

if TYPE_CHECKING:
    from bench.execute.job import Job
    from bench.plugins.plugin import Plugin
    from bench.plugins.registry import Registry
    from bench.store.record import Record
    from bench.store.runs import RunStore


@app.command()
def evaluate(
    runs: RunIds = None,
    metrics: Metrics = "all",
    models: Annotated[str | None, typer.Option(help="Own models of runs, FILE.py:Class, whose code may run.")] = None,
    datasets: Annotated[str | None, typer.Option(help="The same for data sets.")] = None,
    results: ResultsDir = RESULTS,
    data_dir: DataDir = Path("data"),
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
) -> None:
    """Compute metrics that are new or have changed, and what figures draw, on runs that are done."""
    from bench.cli.boards import require_records
    from bench.execute.dispatch import choose_device
    from bench.execute.environment import command
    from bench.execute.job import Job
    from bench.plan.request import Request
    from bench.plugins.loading import load_metrics
    from bench.plugins.registry import DATASET_REGISTRY, MODEL_REGISTRY
    from bench.show.printing import make_console
    from bench.store.runs import RunStore

    store, names = RunStore(results), Request.build(metrics=metrics).metrics
    load_metrics(names)
    if runs:
        records = [store.find(name) for name in runs]
    else:
        scan = store.scan()
        require_records(make_console(), scan, results)
        records = scan.records
    job = Job(results, data_dir, choose_device(device), names, command=command())
    own = _plugins(MODEL_REGISTRY, models), _plugins(DATASET_REGISTRY, datasets)
    outcomes = [_evaluate(record, store, job, *own) for record in records if record.status == "done"]
    n_failed, n_current = outcomes.count("failed"), outcomes.count("current")
    n_evaluated = len(outcomes) - n_failed - n_current
    say(f"{counted(n_evaluated, 'run')} evaluated, {n_current} up to date, {n_failed} failed.")
    raise typer.Exit(EXIT_FAILED if n_failed else 0)


def _plugins(registry: Registry, names: str | None) -> list[Plugin]:
    return registry.choose([name.strip() for name in (names or "").split(",") if name.strip()])


def _evaluate(record: Record, store: RunStore, job: Job, models: Sequence[Plugin], datasets: Sequence[Plugin]) -> str:
    """Bring one run up to date, and say what came of it: "evaluated", "current" or "failed"."""
    from bench.execute.build import trusted_spec
    from bench.execute.reassess import lacks_views, outdated, reassess

    folder = store.folder(record.run_id)
    names = outdated(folder, job.metrics)
    if not names and not lacks_views(folder):
        return "current"
    try:
        spec = trusted_spec(record.spec, models, datasets)
        with store.claim(record.run_id) as run:
            if run is None:
                raise BenchError("another command is running it")
            updated = reassess(run, record, spec, job, names)
    except BenchError as error:
        say(f"{record.run_id} failed: {error}")
        return "failed"
    failed = {name: message for name, message in updated.metric_errors.items() if name in names}
    wrong = f"; {counted(len(failed), 'metric')} failed: {', '.join(failed)}" if failed else ""
    say(f"{record.run_id}: {counted(len(names), 'metric')}{wrong}")
    return "evaluated"
