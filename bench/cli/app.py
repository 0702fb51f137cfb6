"""The verbs: run, claims, list, leaderboard, report, compare, show, figures, status; of a cluster: cancel, logs."""

from __future__ import annotations

import gc
import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench import RESULTS
from bench.errors import BenchError, Interrupted, counted, unknown
from slurm.errors import SlurmError

if TYPE_CHECKING:
    from rich.console import Console

    from bench.cli.conduct import Conduct
    from bench.compare.boards import Board
    from bench.store.runs import RunStore, Scan

EXIT_FAILED, EXIT_USAGE, EXIT_INTERRUPTED = 1, 2, 130
EXECUTORS = ("inline", "pool", "slurm")
DEVICES = ("auto", "cpu", "cuda")

app = typer.Typer(
    help="Compare sparse latent models: train, evaluate, rank.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

ResultsDir = Annotated[Path, typer.Option("--results", help="Folder of the runs.")]
DataDir = Annotated[Path, typer.Option(envvar="BENCH_DATA_DIR", help="Where data sets are, or are downloaded to.")]
Device = Annotated[str, typer.Option(help="auto, cpu or cuda.")]
ExecutorName = Annotated[str, typer.Option(help="inline (one by one), pool (worker processes) or slurm.")]
Workers = Annotated[int, typer.Option(min=1, help="Processes of the pool.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print the plan and stop.")]
RetryFailed = Annotated[bool, typer.Option("--retry-failed", help="Run failed, cancelled and lost runs again.")]
ProfileName = Annotated[str, typer.Option(help="slurm: what a job asks for: cpu, gpu, preemptible, or a YAML file.")]
Values = Annotated[
    list[str] | None, typer.Option("--slurm", help="slurm: KEY=VALUE, a value in place of the profile's.")
]
RunsPerJob = Annotated[int | None, typer.Option(min=1, help="slurm: runs in a job; default: by their duration.")]
MaxParallel = Annotated[int | None, typer.Option(min=1, help="slurm: jobs at a time; default: what SLURM gives.")]
Wait = Annotated[bool, typer.Option("--wait", help="slurm: follow the runs to their end.")]


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
    profile: ProfileName = "cpu",
    slurm: Values = None,
    runs_per_job: RunsPerJob = None,
    max_parallel: MaxParallel = None,
    wait: Wait = False,
    dry_run: DryRun = False,
    retry_failed: RetryFailed = False,
    force: Annotated[bool, typer.Option("--force", help="Run everything again, replacing records.")] = False,
) -> None:
    """Train and evaluate what is missing, then print the board. Issue the same command again to resume."""
    how = _conduct(executor, workers, dry_run, retry_failed, profile, slurm, runs_per_job, max_parallel, wait)
    from bench.plan.request import Request, read_study
    from bench.store.runs import RunStore

    keys = {"models": models, "datasets": datasets, "seeds": seeds, "settings": settings, "budget": budget, "set": set_}
    given = {key: value for key, value in keys.items() if value is not None}
    request = Request.build(**((read_study(study) if study else {}) | given))

    from bench.cli import conduct
    from bench.execute import environment
    from bench.execute.job import Job
    from bench.plan import runs as studies
    from bench.show import printing

    console = printing.make_console()
    store = RunStore(results)
    plan = studies.make_plan(request, store, data_dir, retry_failed, force)
    job = Job(results, data_dir, _device(device, how), force=force, command=environment.command())
    what = f"{'/'.join(request.settings)} setting, {request.budget} budget"
    if conduct.carry_out(plan, store, job, what, how):
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
    profile: ProfileName = "cpu",
    slurm: Values = None,
    runs_per_job: RunsPerJob = None,
    max_parallel: MaxParallel = None,
    wait: Wait = False,
    dry_run: DryRun = False,
    retry_failed: RetryFailed = False,
) -> None:
    """Check what the papers claim: run what is missing, then give a verdict with its interval for each."""
    how = _conduct(executor, workers, dry_run, retry_failed, profile, slurm, runs_per_job, max_parallel, wait)
    from bench.claims import study as claim_study
    from bench.cli import conduct
    from bench.execute import environment
    from bench.execute.job import Job
    from bench.plan import runs as studies
    from bench.plan.request import Request
    from bench.show import claim_tables, printing
    from bench.store.runs import RunStore

    chosen = claim_study.choose(claims)
    request = Request.build(seeds=seeds, budget=budget)
    runs = claim_study.runs_of(chosen, request.seeds, request.budget, data_dir)
    store = RunStore(results)
    specs = claim_study.all_specs(runs)
    plan = studies.plan_of(specs, store, retry_failed)
    job = Job(results, data_dir, _device(device, how), command=environment.command())
    what = f"{counted(len(chosen), 'claim')}, {budget} budget"
    if not conduct.carry_out(plan, store, job, what, how):
        return
    found = [record for record in studies.load_existing(specs, store).values() if record]
    console = printing.make_console()
    rows = [claim_tables.row(verdict) for verdict in claim_study.verdicts(chosen, runs, found)]
    printing.print_raw(console, f"\n{claim_tables.text(rows)}")
    claim_tables.write_claims(rows, found, out or results)
    printing.print_raw(console, f"Table: {(out or results) / 'claims'}.{{md,csv,json}}")
    n_done = sum(record.status == "done" for record in found)
    raise typer.Exit(0 if n_done == len(specs) else EXIT_FAILED)


@app.command("list")
def list_(kind: Annotated[str, typer.Argument(help="models, datasets or metrics.")]) -> None:
    """Name what there is, one line each with its source."""
    from bench.plugins.registry import DATASET_REGISTRY, METRIC_REGISTRY, MODEL_REGISTRY
    from bench.plugins.source import metric_source

    registries = {"models": MODEL_REGISTRY, "datasets": DATASET_REGISTRY, "metrics": METRIC_REGISTRY}
    if kind not in registries:
        raise unknown("kind", kind, registries)
    plugins = registries[kind].plugins
    width = max(map(len, plugins))
    for name, plugin in plugins.items():
        source = metric_source(plugin)
        typer.echo(f"{name:<{width}}  {plugin.summary()}{f' [{source}]' if source else ''}")


@app.command()
def leaderboard(
    results: ResultsDir = RESULTS,
    out: Annotated[Path | None, typer.Option(help="Folder for the tables; default: the results folder.")] = None,
) -> None:
    """Rebuild the tables and the page from the records alone, and print the boards."""
    from bench.show import printing
    from bench.show.tables import Tables

    with _opened(results) as (console, store, scan):
        tables = Tables(_build(scan))
        printing.print_boards(console, tables.boards)
        printing.write_tables(console, tables, out or results)
        printing.write_page(console, scan.records, tables, out or results, store)
    raise typer.Exit(EXIT_FAILED if scan.unreadable else 0)


@app.command()
def report(
    results: ResultsDir = RESULTS,
    out: Annotated[Path | None, typer.Option(help="Folder for the page; default: the results folder.")] = None,
) -> None:
    """Rebuild report.html, tables and figures in one file, from the runs alone."""
    from bench.show import printing
    from bench.show.tables import Tables

    with _opened(results) as (console, store, scan):
        printing.write_page(console, scan.records, Tables(_build(scan)), out or results, store)
    raise typer.Exit(EXIT_FAILED if scan.unreadable else 0)


@app.command()
def compare(
    first: Annotated[str, typer.Argument(metavar="A", help="A row of the board: a model, or 'topk k=8'.")],
    second: Annotated[str, typer.Argument(metavar="B", help="Another row.")],
    results: ResultsDir = RESULTS,
    all_: Annotated[bool, typer.Option("--all", help="Every metric, not only those of the printed board.")] = False,
) -> None:
    """Compare two rows, metric by metric: paired differences over the seeds that both have."""
    from bench.compare import pairs as comparing
    from bench.show import printing
    from bench.store.runs import RunStore

    console = printing.make_console()
    scan = RunStore(results).scan()
    printing.require_records(console, scan, results)
    for board in comparing.boards_with(_build(scan), first, second):
        shown = [c for c in comparing.compare(board, first, second) if all_ or c.column.info.headline]
        printing.print_raw(console, f"\n{comparing.text(board, shown, first, second)}")
    printing.print_raw(console, f"\n{comparing.EXPLANATION}")


@app.command()
def status(results: ResultsDir = RESULTS) -> None:
    """Count the runs of a results folder by state: what ended and how, and what a cluster is at."""
    from bench.cluster import status as statuses
    from bench.show import printing
    from bench.store.runs import RunStore

    console = printing.make_console()
    found = statuses.collect(RunStore(results))
    if not found.submissions:
        printing.require_records(console, found.scan, results)
    printing.print_raw(console, statuses.text(found))
    raise typer.Exit(0 if found.well else EXIT_FAILED)


@app.command()
def cancel(
    runs: Annotated[list[str] | None, typer.Argument(metavar="RUN...", help="Starts or ends of run ids.")] = None,
    all_: Annotated[bool, typer.Option("--all", help="All that are queued or running.")] = False,
    results: ResultsDir = RESULTS,
) -> None:
    """Cancel runs that were submitted to a cluster; `--retry-failed` submits them again."""
    from bench.cluster import follow
    from bench.store.runs import RunStore

    if bool(runs) == all_:
        raise BenchError("Name the runs to cancel, or give --all (not both); `bench status` lists what is running.")
    cancelled = follow.cancel(runs or [], RunStore(results))
    typer.echo("\n".join([*cancelled, f"{counted(len(cancelled), 'run')} cancelled."]))


@app.command()
def logs(
    run_id: Annotated[str, typer.Argument(metavar="RUN", help="A run id, or the start or end of one.")],
    results: ResultsDir = RESULTS,
) -> None:
    """Print what a run's job on the cluster has written, and the traceback of a run that failed."""
    from bench.cluster import status as statuses
    from bench.show import printing
    from bench.store.runs import RunStore

    printing.print_raw(printing.make_console(), statuses.logs(run_id, RunStore(results)))


cluster_app = typer.Typer(help="The cluster that this machine submits to.", no_args_is_help=True)
app.add_typer(cluster_app, name="cluster")


@cluster_app.callback()
def _cluster() -> None:
    """Keep `check` a verb of its own."""


@cluster_app.command("check")
def cluster_check(profile: ProfileName = "cpu", slurm: Values = None) -> None:
    """Print what the cluster offers, and what of a profile it would refuse. Submits nothing."""
    from bench.cluster.profiles import check, load_profile
    from bench.show import printing

    text, refused = check(load_profile(profile, slurm or ()))
    printing.print_raw(printing.make_console(), text)
    raise typer.Exit(EXIT_FAILED if refused else 0)


@app.command()
def show(
    run_id: Annotated[str, typer.Argument(metavar="RUN_ID", help="A run id, or the start or end of one.")],
    results: ResultsDir = RESULTS,
) -> None:
    """Print one run: spec, metrics, timings, provenance, paths."""
    from bench.show import printing
    from bench.show.run import describe
    from bench.store.runs import RunStore

    store = RunStore(results)
    record = store.find(run_id)
    printing.print_raw(printing.make_console(), describe(record, store))


@app.command()
def figures(
    runs: Annotated[
        list[str] | None, typer.Argument(metavar="[RUN...]", help="Starts or ends of run ids; default: one a row.")
    ] = None,
    results: ResultsDir = RESULTS,
    out: Annotated[Path | None, typer.Option(help="Folder for the figures; default: figures, in the results.")] = None,
    data_dir: DataDir = Path("data"),
) -> None:
    """Draw trained runs for a paper, as PNG and PDF: by default the lowest seed of each row, and what compares them."""
    from bench.show import printing
    from bench.show.figures.command import write_figures
    from bench.store.runs import RunStore

    console = printing.make_console()
    folder = out or results / "figures"
    written = write_figures(
        runs or [], RunStore(results), folder, data_dir, lambda line: printing.print_raw(console, line)
    )
    printing.print_raw(console, f"{counted(len(written), 'file')} in {folder}")


@contextmanager
def _opened(results: Path) -> Iterator[tuple[Console, RunStore, Scan]]:
    """A results folder read, and what of it is missing or unreadable said. BenchError where there are no records."""
    from bench.show import printing
    from bench.store.runs import RunStore

    gc.disable()  # a million numbers and no cycle among them: a tenth of the time would go into looking for some
    try:
        console, store = printing.make_console(), RunStore(results)
        scan = store.scan()
        printing.print_missing(console, store)
        printing.require_records(console, scan, results)
        yield console, store, scan
    finally:
        gc.enable()


def _build(scan: Scan) -> list[Board]:
    from bench.compare import boards as leaderboard
    from bench.compare.columns import columns

    return leaderboard.build(scan.records, columns())


def _conduct(
    executor: str,
    workers: int,
    dry_run: bool,
    retry_failed: bool,
    profile: str,
    values: list[str] | None,
    runs_per_job: int | None,
    max_parallel: int | None,
    wait: bool,
) -> Conduct:
    if executor not in EXECUTORS:
        raise unknown("--executor", executor, EXECUTORS)
    from bench.cli.conduct import Conduct

    if executor != "slurm":
        return Conduct(executor, workers, None, False, dry_run, retry_failed)
    from bench.cluster.profiles import load_profile
    from bench.cluster.submit import Cluster

    cluster = Cluster(load_profile(profile, values or ()), runs_per_job, max_parallel)
    return Conduct(executor, workers, cluster, wait, dry_run, retry_failed)


def _device(device: str, how: Conduct) -> str:
    """The device meant; on a cluster, what the profile asks for, which this machine need not have."""
    if device not in DEVICES:
        raise unknown("--device", device, DEVICES)
    from bench.plan.runs import choose_device

    if how.cluster is None:
        return choose_device(device)
    on_gpu = how.cluster.profile.gpus > 0
    if device == "cuda" and not on_gpu:
        raise BenchError("--device cuda: the profile asks for no GPU; use --profile gpu, or --slurm gpus=1.")
    return device if device != "auto" else "cuda" if on_gpu else "cpu"


def main() -> None:
    """Entry point: bad input, or a file system that refuses, is one message and exit status 2."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without ± or arrows shows a question mark
    try:
        app(standalone_mode=True)
    except (BenchError, SlurmError, OSError) as error:
        typer.echo(f"error: {error}", err=True)
        sys.exit(EXIT_USAGE)
    except Interrupted as interruption:
        typer.echo(f"\nInterrupted. {interruption}", err=True)
        sys.exit(EXIT_INTERRUPTED)
