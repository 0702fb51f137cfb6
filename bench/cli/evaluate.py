"""`bench evaluate`: metrics that are new or have changed, on runs that have their weights. Nothing is trained again."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from bench import RESULTS
from bench.cli.app import EXIT_FAILED, app, say
from bench.cli.options import DataDir, DeviceName, Metrics, ResultsDir, RunIds, path_option
from bench.cli.trust import OwnDatasets, OwnModels, Trusted, trusted_of
from bench.errors import BenchError, counted, first_line

if TYPE_CHECKING:
    from bench.execute.assess import Measure
    from bench.execute.job import Job
    from bench.store.runs import RunStore

Outcome = Literal["evaluated", "up to date", "failed", "held"]

PATIENCE = 60.0
"""Seconds that are waited, in the end, for runs that other commands have."""


@app.command()
def evaluate(
    runs: RunIds = None,
    metrics: Metrics = "all",
    models: OwnModels = None,
    datasets: OwnDatasets = None,
    downstream: Annotated[
        bool, typer.Option("--downstream", help="Of activations: put reconstructions back into their network.")
    ] = False,
    backbone: Annotated[str | None, typer.Option(help="That network, if not as in the manifest.")] = None,
    weights: Annotated[Path | None, path_option(help="File of its weights, as for extract.")] = None,
    inputs: Annotated[str | None, typer.Option(help="Its inputs, if not where the manifest says.")] = None,
    results: ResultsDir = RESULTS,
    data_dir: DataDir = Path("data"),
    device: DeviceName = "auto",
) -> None:
    """Compute metrics that are new or have changed, and what figures draw, on runs that are trained."""
    from bench.activations.site import Named
    from bench.cli.boards import require_records
    from bench.cli.downstream import measures_of
    from bench.execute.console import following_data
    from bench.execute.dispatch import choose_device
    from bench.execute.environment import command
    from bench.execute.job import Job
    from bench.plan.request import Request
    from bench.plugins.loading import load_metrics
    from bench.show.printing import make_console
    from bench.store.runs import RunStore

    device = choose_device(device)
    if (backbone or weights or inputs) and not downstream:
        raise BenchError("--backbone, --weights and --inputs are for --downstream; add it, or leave them out.")
    store, names = RunStore(results), Request.build(metrics=metrics).metrics
    load_metrics(names)
    if runs:
        records = [store.find(name) for name in runs]
    else:
        scan = store.scan()
        require_records(make_console(), scan, results)
        records = scan.records
    job = Job(results, data_dir, device, names, command=command())
    trusted = trusted_of(models, datasets)
    records = [record for record in records if record.status == "done" or record.trained]
    with following_data(make_console()):
        named = Named(backbone, weights, inputs)
        measures = measures_of(records, bool(runs), trusted, named, job) if downstream else {}
        run_ids = list(measures) if downstream else [record.run_id for record in records]
        evaluate_one = partial(_evaluate, store=store, job=job, trusted=trusted, measures=measures)
        outcomes = {run_id: evaluate_one(run_id) for run_id in run_ids}
        deadline = time.monotonic() + PATIENCE
        for run_id in [run_id for run_id, outcome in outcomes.items() if outcome == "held"]:
            outcomes[run_id] = evaluate_one(run_id, give_up=lambda: time.monotonic() > deadline)
    for words in _why_failed(store, {run_id for run_id, outcome in outcomes.items() if outcome == "failed"}, names):
        say(words)
    say(_counts(outcomes.values()))
    raise typer.Exit(EXIT_FAILED if {"failed", "held"} & {*outcomes.values()} else 0)


def _counts(outcomes: Iterable[Outcome]) -> str:
    """'3 runs evaluated, 1 up to date, 0 failed.'"""
    counts = Counter(outcomes)
    held = f", {counts['held']} left to another command" if counts["held"] else ""
    evaluated = counted(counts["evaluated"], "run")
    return f"{evaluated} evaluated, {counts['up to date']} up to date, {counts['failed']} failed{held}."


def _why_failed(store: RunStore, run_ids: Set[str], names: Sequence[str]) -> list[str]:
    """'nanm failed in 31 runs: ValueError: the metric is NaN', each reason once, of the metrics that were asked for."""
    from bench.plugins.registry import METRIC_REGISTRY

    records = [record for record in store.scan().records if record.run_id in run_ids] if run_ids else []
    asked = [plugin.name for plugin in METRIC_REGISTRY.choose(names)]
    counts = Counter(
        (name, record.metric_errors[name]) for name in asked for record in records if name in record.metric_errors
    )
    return [f"{name} failed in {counted(n, 'run')}: {first_line(error)}" for (name, error), n in counts.items()]


def _evaluate(
    run_id: str,
    store: RunStore,
    job: Job,
    trusted: Trusted,
    measures: Mapping[str, Measure],
    give_up: Callable[[], bool] | None = None,
) -> Outcome:
    """Bring one run up to date; what came of it. Whatever goes wrong with it is said, and costs no other run.

    A run that another command has is waited for until `give_up` says so; without it, it is looked at again later.
    """
    from bench.execute.build import trusted_spec
    from bench.execute.reassess import lacks_views, outdated, reassess

    folder, downstream = store.folder(run_id), measures.get(run_id)
    try:
        if not outdated(folder, job.metrics, bool(downstream)) and not lacks_views(folder):
            return "up to date"
        with store.claim(run_id, give_up=give_up) as run:
            if run is None:
                later = "left to it; issue the command again when it has ended" if give_up else "looked at again later"
                say(f"{run_id}: another command is at it; {later}")
                return "held"
            record = run.record()  # another command may have been at it meanwhile
            names = outdated(run, job.metrics, bool(downstream))
            if record is None or not (record.status == "done" or record.trained):
                raise BenchError("another command has replaced it")
            if not names and not lacks_views(run):
                return "up to date"
            updated = reassess(run, record, trusted_spec(record.spec, *trusted), job, names, downstream)
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
