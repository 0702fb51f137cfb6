"""The verbs: run, list, leaderboard, show, status."""

from __future__ import annotations

import io
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.errors import BenchError, first_line, unknown

if TYPE_CHECKING:
    from rich.console import Console

    from bench.plan import Plan
    from bench.spec import Record
    from bench.store import RunStore, Scan

EXIT_FAILED, EXIT_USAGE, EXIT_INTERRUPTED = 1, 2, 130

app = typer.Typer(
    help="Compare sparse latent models: train, evaluate, rank.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

ResultsDir = Annotated[Path, typer.Option("--results", help="Folder of the runs.")]
RESULTS = Path("results/runs")


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
    data_dir: Annotated[
        Path, typer.Option(envvar="BENCH_DATA_DIR", help="Where data sets are, or are downloaded to.")
    ] = Path("data"),
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    executor: Annotated[str, typer.Option(help="inline (one by one) or pool (worker processes).")] = "inline",
    workers: Annotated[int, typer.Option(min=1, help="Processes of the pool.")] = 2,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan and stop.")] = False,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Run failed runs again.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Run everything again, replacing records.")] = False,
) -> None:
    """Train and evaluate what is missing, then print the board. Issue the same command again to resume."""
    for name, value, valid in (("device", device, ("auto", "cpu", "cuda")), ("executor", executor, ("inline", "pool"))):
        if value not in valid:
            raise unknown(f"--{name}", value, valid)
    from bench.request import Request, read_study
    from bench.store import RunStore

    keys = {"models": models, "datasets": datasets, "seeds": seeds, "settings": settings, "budget": budget, "set": set_}
    given = {key: value for key, value in keys.items() if value is not None}
    request = Request.build(**((read_study(study) if study else {}) | given))

    from bench import environment, study as studies
    from bench.console import Reporter
    from bench.run import Job

    console = _console()
    store = RunStore(results)
    plan = studies.make_plan(request, store, data_dir, retry_failed, force)
    job = Job(results, data_dir, studies.choose_device(device), force=force, command=environment.command())
    how = executor if executor == "inline" else f"pool of {workers} workers"
    _print_plan(
        console, plan, store, f"{'/'.join(request.settings)} setting, {request.budget} budget", f"{how} on {job.device}"
    )
    if dry_run:
        return
    store.require_writable()
    studies.require_data(plan.todo, job)
    reporter = Reporter(len(plan.todo), results, console)
    try:
        with reporter.showing():
            studies.execute(plan, job, executor, workers, reporter)  # type: ignore[arg-type]
    except KeyboardInterrupt:
        console.print(
            f"\nInterrupted; {sum(reporter.counts.values())} finished runs are kept. Issue the same command to resume."
        )
        raise typer.Exit(EXIT_INTERRUPTED) from None
    failed = _print_summary(console, plan, store)
    raise typer.Exit(EXIT_FAILED if failed else 0)


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
    from bench.store import RunStore

    console = _console()
    scan = RunStore(results).scan()
    _warn_unreadable(console, scan)
    _require_records(scan, results)
    _print_boards(console, scan.records, scan.records, out or results)
    raise typer.Exit(EXIT_FAILED if scan.unreadable else 0)


@app.command()
def status(results: ResultsDir = RESULTS) -> None:
    """Count the runs of a results folder by data set and state, and name what failed."""
    from collections import Counter

    from tabulate import tabulate

    from bench.store import RunStore

    console = _console()
    scan = RunStore(results).scan()
    _warn_unreadable(console, scan)
    _require_records(scan, results)
    counts = Counter((r.spec.dataset, r.spec.settings, r.spec.budget, r.status) for r in scan.records)
    groups = sorted({key[:3] for key in counts})
    rows = [[*group, counts[*group, "done"], counts[*group, "failed"]] for group in groups]
    _print_raw(console, tabulate(rows, ["dataset", "settings", "budget", "done", "failed"], "simple"))
    for record in scan.records:
        if record.error:
            _print_raw(console, f"failed: {record.run_id}: {first_line(record.error.message)}")
    raise typer.Exit(EXIT_FAILED if scan.unreadable or any(r.error for r in scan.records) else 0)


@app.command()
def show(
    run_id: Annotated[str, typer.Argument(metavar="RUN_ID", help="A run id, or the start or end of one.")],
    results: ResultsDir = RESULTS,
) -> None:
    """Print one run: spec, metrics, timings, provenance, paths."""
    from bench.show import describe
    from bench.store import RunStore

    store = RunStore(results)
    record = store.find(run_id)
    _print_raw(_console(), describe(record, store.path(record.run_id)))


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


def _console() -> Console:
    from rich.console import Console

    return Console(highlight=False)


def _print_raw(console: Console, text: str) -> None:
    """Print as it is: no markup, no wrapping (a wide table stays a table)."""
    console.print(text, markup=False, soft_wrap=True)


def _print_plan(console: Console, plan: Plan, store: RunStore, what: str, how: str) -> None:
    from bench.console import format_seconds
    from bench.plan import estimate_seconds

    seconds, known = estimate_seconds(plan.todo, store.scan().records)
    estimate = (
        f"{format_seconds(seconds)} for the {known} whose like has run before" if known else "none before a first run"
    )
    _print_raw(console, f"Plan: {plan.size} ({what})")
    counts = [f"{len(plan.done)} done", f"{len(plan.failed)} failed", f"{len(plan.todo)} to run"]
    if plan.unreadable:
        counts.insert(2, f"{len(plan.unreadable)} unreadable")
    _print_raw(console, f"  {', '.join(counts)}; executor: {how}; estimate: {estimate}")
    for run_id in plan.unreadable:
        _print_raw(console, f"  unreadable, left alone (--force replaces it): {store.path(run_id, 'record.json')}")


def _print_summary(console: Console, plan: Plan, store: RunStore) -> bool:
    """The board of this plan's runs, the counts, the paths and the next command; whether anything failed."""
    scan = store.scan()
    wanted = {spec.run_id for spec in plan.specs}
    mine = [record for record in scan.records if record.run_id in wanted]
    if mine:
        _print_boards(console, mine, scan.records, store.root)
    failed = [record for record in mine if record.status == "failed"]
    done, missing = len(mine) - len(failed), len(wanted) - len(mine)
    counts = f"{done} done ({len(plan.done)} of them before), {len(failed)} failed, {missing} missing"
    _print_raw(console, f"{counts} of {len(wanted)} runs.")
    if failed:
        _print_raw(console, "Next: read an error.log above, then issue the same command with --retry-failed.")
    elif done:
        _print_raw(console, f"Next: python -m bench show {mine[0].run_id}{_results_flag(store.root)}")
    return bool(failed) or missing > 0


def _print_boards(console: Console, shown: Sequence[Record], written: Sequence[Record], folder: Path) -> None:
    """Print the boards of some records, and write those of all."""
    from bench import leaderboard as boards, tables
    from bench.study import columns

    described = columns()
    built = boards.build(shown, described)
    for board in built:
        _print_raw(console, f"\n{tables.text(board)}")
    if any(board.ties for board in built):
        _print_raw(console, "\n± 95% t interval over seeds; * best, or not separable from it (paired t, Holm, 5%).")
    else:
        _print_raw(console, "\nFewer than 3 seeds: no intervals, and no claim about what is separable.")
    tables.write_all(boards.build(written, described), folder)
    _print_raw(console, f"Tables: {folder / 'leaderboard'}.{{md,csv,json,tex}}")


def _require_records(scan: Scan, results: Path) -> None:
    if not scan.records:
        command = f"python -m bench run --models all{_results_flag(results)}"
        raise BenchError(f"No records that can be read in '{results}'. Make some: {command}")


def _warn_unreadable(console: Console, scan: Scan) -> None:
    for path, reason in scan.unreadable.items():
        _print_raw(console, f"unreadable, left alone: {path}: {reason}")
    if scan.unreadable:
        _print_raw(
            console, f"{len(scan.unreadable)} of {len(scan.unreadable) + len(scan.records)} records cannot be read."
        )


def _results_flag(root: Path) -> str:
    return "" if root == RESULTS else f" --results {shlex.quote(str(root))}"
