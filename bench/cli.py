"""The verbs: run, claims, list, leaderboard, show, status."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench import RESULTS
from bench.errors import BenchError, first_line, unknown

if TYPE_CHECKING:
    from bench.plan import Plan
    from bench.run import Job
    from bench.store import RunStore

EXIT_FAILED, EXIT_USAGE, EXIT_INTERRUPTED = 1, 2, 130

app = typer.Typer(
    help="Compare sparse latent models: train, evaluate, rank.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

ResultsDir = Annotated[Path, typer.Option("--results", help="Folder of the runs.")]
DataDir = Annotated[Path, typer.Option(envvar="BENCH_DATA_DIR", help="Where data sets are, or are downloaded to.")]
Device = Annotated[str, typer.Option(help="auto, cpu or cuda.")]
ExecutorName = Annotated[str, typer.Option(help="inline (one by one) or pool (worker processes).")]
Workers = Annotated[int, typer.Option(min=1, help="Processes of the pool.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print the plan and stop.")]
RetryFailed = Annotated[bool, typer.Option("--retry-failed", help="Run failed runs again.")]


@app.command()
def run(
    models: Annotated[
        str | None, typer.Option(help="all, or names, package.module:Class, file.py:Class; commas between.")
    ] = None,
    datasets: Annotated[str | None, typer.Option(help="Names with commas between; default digits.")] = None,
    seeds: Annotated[str | None, typer.Option(help="How many, or a list such as 0,1,2; default 3.")] = None,
    settings: Annotated[
        str | None, typer.Option(help="native (each model's own) or matched (shared sizes, swept sparsity).")
    ] = None,
    budget: Annotated[str | None, typer.Option(help="smoke (seconds), quick (5 epochs) or full (the papers').")] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="MODEL.FIELD=VALUE, or FIELD=VALUE; a list is a grid.")
    ] = None,
    study: Annotated[Path | None, typer.Option(help="YAML file with the keys above; flags win over it.")] = None,
    results: ResultsDir = RESULTS,
    data_dir: DataDir = Path("data"),
    device: Device = "auto",
    executor: ExecutorName = "inline",
    workers: Workers = 2,
    dry_run: DryRun = False,
    retry_failed: RetryFailed = False,
    force: Annotated[bool, typer.Option("--force", help="Run everything again, replacing records.")] = False,
) -> None:
    """Train and evaluate what is missing, then print the board. Issue the same command again to resume."""
    _require_choices(device, executor)
    from bench.request import Request, read_study
    from bench.store import RunStore

    keys = {"models": models, "datasets": datasets, "seeds": seeds, "settings": settings, "budget": budget, "set": set_}
    given = {key: value for key, value in keys.items() if value is not None}
    request = Request.build(**((read_study(study) if study else {}) | given))

    from bench import environment, printing, study as studies
    from bench.run import Job

    console = printing.make_console()
    store = RunStore(results)
    plan = studies.make_plan(request, store, data_dir, retry_failed, force)
    job = Job(results, data_dir, studies.choose_device(device), force=force, command=environment.command())
    what = f"{'/'.join(request.settings)} setting, {request.budget} budget"
    if _carry_out(plan, store, job, what, executor, workers, dry_run):
        raise typer.Exit(0 if printing.print_summary(console, plan, store) else EXIT_FAILED)


@app.command()
def claims(
    claims: Annotated[str | None, typer.Option(help="Ids with commas between, such as A1,M2; default all.")] = None,
    seeds: Annotated[str, typer.Option(help="How many, or a list such as 0,1,2.")] = "6",
    budget: Annotated[str, typer.Option(help="smoke (seconds), quick (5 epochs) or full (the papers').")] = "quick",
    results: ResultsDir = RESULTS,
    out: Annotated[Path | None, typer.Option(help="Folder for the table; default: the results folder.")] = None,
    data_dir: DataDir = Path("data"),
    device: Device = "auto",
    executor: ExecutorName = "inline",
    workers: Workers = 2,
    dry_run: DryRun = False,
    retry_failed: RetryFailed = False,
) -> None:
    """Check what the papers claim: run what is missing, then give a verdict with its interval for each."""
    _require_choices(device, executor)
    from bench import claim_study, claim_tables, environment, printing, study as studies
    from bench.request import Request
    from bench.run import Job
    from bench.store import RunStore

    chosen = claim_study.choose(claims)
    request = Request.build(seeds=seeds, budget=budget)
    runs = claim_study.runs_of(chosen, request.seeds, request.budget, data_dir)
    store = RunStore(results)
    specs = claim_study.all_specs(runs)
    plan = studies.plan_of(specs, store, retry_failed)
    job = Job(results, data_dir, studies.choose_device(device), command=environment.command())
    what = f"{len(chosen)} claim{'s' * (len(chosen) != 1)}, {budget} budget"
    if not _carry_out(plan, store, job, what, executor, workers, dry_run):
        return
    found = [record for record in studies.load_existing(specs, store).values() if record]
    console = printing.make_console()
    verdicts = claim_study.verdicts(chosen, runs, found)
    printing.print_raw(console, f"\n{claim_tables.text(verdicts)}")
    claim_tables.write_claims(verdicts, found, out or results)
    printing.print_raw(console, f"Table: {(out or results) / 'claims'}.{{md,csv,json}}")
    n_done = sum(record.status == "done" for record in found)
    raise typer.Exit(0 if n_done == len(specs) else EXIT_FAILED)


@app.command("list")
def list_(kind: Annotated[str, typer.Argument(help="models, datasets or metrics.")]) -> None:
    """Name what there is, one line each with its source."""
    from bench.registry import DATASET_REGISTRY, METRIC_REGISTRY, MODEL_REGISTRY

    registries = {"models": MODEL_REGISTRY, "datasets": DATASET_REGISTRY, "metrics": METRIC_REGISTRY}
    if kind not in registries:
        raise unknown("kind", kind, registries)
    plugins = registries[kind].plugins
    width = max(map(len, plugins))
    for name, plugin in plugins.items():
        source = plugin.source()
        typer.echo(f"{name:<{width}}  {plugin.summary()}{f' [{source}]' if source else ''}")


@app.command()
def leaderboard(
    results: ResultsDir = RESULTS,
    out: Annotated[Path | None, typer.Option(help="Folder for the tables; default: the results folder.")] = None,
) -> None:
    """Rebuild the tables from the records alone, and print them."""
    from bench import printing
    from bench.store import RunStore

    console = printing.make_console()
    scan = RunStore(results).scan()
    printing.require_records(console, scan, results)
    printing.print_boards(console, scan.records, scan.records, out or results)
    raise typer.Exit(EXIT_FAILED if scan.unreadable else 0)


@app.command()
def status(results: ResultsDir = RESULTS) -> None:
    """Count the runs of a results folder by data set and state, and name what failed."""
    from collections import Counter

    from tabulate import tabulate

    from bench import printing
    from bench.store import RunStore

    console = printing.make_console()
    scan = RunStore(results).scan()
    printing.require_records(console, scan, results)
    counts = Counter((r.spec.dataset, r.spec.settings, r.spec.budget, r.status) for r in scan.records)
    groups = sorted({key[:3] for key in counts})
    rows = [[*group, counts[*group, "done"], counts[*group, "failed"]] for group in groups]
    printing.print_raw(console, tabulate(rows, ["dataset", "settings", "budget", "done", "failed"], "simple"))
    for record in scan.records:
        if record.error:
            printing.print_raw(console, f"failed: {record.run_id}: {first_line(record.error.message)}")
    raise typer.Exit(EXIT_FAILED if scan.unreadable or any(r.error for r in scan.records) else 0)


@app.command()
def show(
    run_id: Annotated[str, typer.Argument(metavar="RUN_ID", help="A run id, or the start or end of one.")],
    results: ResultsDir = RESULTS,
) -> None:
    """Print one run: spec, metrics, timings, provenance, paths."""
    from bench import printing
    from bench.show import describe
    from bench.store import RunStore

    store = RunStore(results)
    record = store.find(run_id)
    printing.print_raw(printing.make_console(), describe(record, store.path(record.run_id)))


def _require_choices(device: str, executor: str) -> None:
    for name, value, valid in (("device", device, ("auto", "cpu", "cuda")), ("executor", executor, ("inline", "pool"))):
        if value not in valid:
            raise unknown(f"--{name}", value, valid)


def _carry_out(plan: Plan, store: RunStore, job: Job, what: str, executor: str, workers: int, dry_run: bool) -> bool:
    """Print the plan and run what it lacks; False where printing it was all that was asked."""
    from bench import printing, study as studies
    from bench.console import Reporter

    console = printing.make_console()
    how = "inline" if executor == "inline" else f"pool of {workers} workers"
    printing.print_plan(console, plan, store, what, f"{how} on {job.device}")
    if dry_run:
        return False
    store.require_writable()
    studies.require_data(plan.todo, job)
    reporter = Reporter(len(plan.todo), job.results, console)
    try:
        with reporter.showing():
            studies.execute(plan, job, executor, workers, reporter)  # type: ignore[arg-type]
    except KeyboardInterrupt:
        kept = sum(reporter.counts.values())
        console.print(f"\nInterrupted; {kept} finished runs are kept. Issue the same command to resume.")
        raise typer.Exit(EXIT_INTERRUPTED) from None
    return True


def main() -> None:
    """Entry point: bad input, or a file system that refuses, is one message and exit status 2."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without ± or arrows shows a question mark
    try:
        app(standalone_mode=True)
    except (BenchError, OSError) as error:
        typer.echo(f"error: {error}", err=True)
        sys.exit(EXIT_USAGE)
