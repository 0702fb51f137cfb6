"""`bench evaluate`: metrics that are new or have changed, on runs that have their weights. Nothing is trained again."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple

import typer

from bench import RESULTS
from bench.cli.app import EXIT_FAILED, app, say
from bench.cli.options import DataDir, DeviceName, Metrics, ResultsDir, RunIds, require_device
from bench.errors import BenchError, counted, first_line

if TYPE_CHECKING:
    from bench.execute.job import Job
    from bench.plugins.plugin import Plugin
    from bench.plugins.registry import Registry
    from bench.store.runs import RunStore

Outcome = Literal["evaluated", "up to date", "failed"]


class Trusted(NamedTuple):
    """Plug-ins whose code may run, beside what is built in or installed."""

    models: list[Plugin]
    """Models of somebody's own."""
    datasets: list[Plugin]
    """Data sets of somebody's own."""


@app.command()
def evaluate(
    runs: RunIds = None,
    metrics: Metrics = "all",
    models: Annotated[str | None, typer.Option(help="Own models of runs, FILE.py:Class, whose code may run.")] = None,
    datasets: Annotated[str | None, typer.Option(help="The same for data sets.")] = None,
    results: ResultsDir = RESULTS,
    data_dir: DataDir = Path("data"),
    device: DeviceName = "auto",
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

    require_device(device)
    store, names = RunStore(results), Request.build(metrics=metrics).metrics
    load_metrics(names)
    if runs:
        records = [store.find(name) for name in runs]
    else:
        scan = store.scan()
        require_records(make_console(), scan, results)
        records = scan.records
    job = Job(results, data_dir, choose_device(device), names, command=command())
    trusted = Trusted(_plugins(MODEL_REGISTRY, models), _plugins(DATASET_REGISTRY, datasets))
    counts = Counter(_evaluate(record.run_id, store, job, trusted) for record in records if record.status == "done")
    n_failed = counts["failed"]
    say(f"{counted(counts['evaluated'], 'run')} evaluated, {counts['up to date']} up to date, {n_failed} failed.")
    raise typer.Exit(EXIT_FAILED if n_failed else 0)


def _plugins(registry: Registry, names: str | None) -> list[Plugin]:
    return registry.choose([name.strip() for name in (names or "").split(",") if name.strip()])


def _evaluate(run_id: str, store: RunStore, job: Job, trusted: Trusted) -> Outcome:
    """Bring one run up to date; what came of it. Whatever goes wrong with it is said, and costs no other run."""
    from bench.execute.build import trusted_spec
    from bench.execute.reassess import lacks_views, outdated, reassess

    folder = store.folder(run_id)
    names = outdated(folder, job.metrics)
    if not names and not lacks_views(folder):
        return "up to date"
    try:
        with store.claim(run_id) as run:
            record = run.record() if run else None  # not as it was before: another command may have been at it
            if run is None or record is None or record.status != "done":
                raise BenchError("another command is running it")
            updated = reassess(run, record, trusted_spec(record.spec, *trusted), job, names)
    except BenchError as error:
        say(f"{run_id} failed: {error}")
        return "failed"
    except Exception as error:  # models and data sets may be anybody's
        say(f"{run_id} failed: {type(error).__name__}: {first_line(str(error))}")
        return "failed"
    failed = updated.metric_errors.keys() & {name.rpartition(":")[2] for name in names}
    wrong = f"; {counted(len(failed), 'metric')} failed: {', '.join(sorted(failed))}" if failed else ""
    say(f"{run_id}: {counted(len(names), 'metric')}{wrong}")
    return "failed" if failed else "evaluated"
