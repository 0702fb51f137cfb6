"""`bench run`: plan, execute, show."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench import RESULTS
from bench.cli.app import EXIT_FAILED, app
from bench.cli.options import (
    Budget,
    DataDir,
    Datasets,
    Execution,
    Metrics,
    Models,
    ResultsDir,
    path_option,
    with_execution,
)


@app.command()
@with_execution
def run(
    models: Models = None,
    datasets: Datasets = None,
    metrics: Metrics = None,
    seeds: Annotated[str | None, typer.Option(help="How many, or a list such as 0,1,2; default 3.")] = None,
    settings: Annotated[
        str | None, typer.Option(help="native (each model's own) or matched (shared sizes, swept sparsity).")
    ] = None,
    budget: Budget = None,
    precision: Annotated[
        str | None, typer.Option(help="float32, tf32 or bf16: matrix products in training on a GPU; default float32.")
    ] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="MODEL.FIELD=VALUE, or FIELD=VALUE; a list is a grid.")
    ] = None,
    max_runs: Annotated[
        int | None, typer.Option(min=1, help="Refuse a study of more runs than this; default 100,000.")
    ] = None,
    study: Annotated[
        Path | None, path_option(help="YAML file with the keys above; flags win over it, of --set field by field.")
    ] = None,
    results: ResultsDir = RESULTS,
    data_dir: DataDir = Path("data"),
    force: Annotated[bool, typer.Option("--force", help="Run everything again, replacing records.")] = False,
    *,
    execution: Execution,
) -> None:
    """Train and evaluate what is missing, then print the board. Issue the same command again to resume."""
    from bench.cli.conduct import carry_out, make_job, print_summary
    from bench.cli.executors import make_executor
    from bench.execute.precision import require_precision
    from bench.plan.runs import make_plan
    from bench.plan.study import request_of
    from bench.plugins.loading import load_metrics
    from bench.store.runs import RunStore

    executor = make_executor(execution)
    keys: dict[str, object] = {"models": models, "datasets": datasets, "metrics": metrics, "seeds": seeds}
    keys |= {"settings": settings, "budget": budget, "precision": precision, "set": set_}
    keys["max_runs"] = max_runs
    given = {key: value for key, value in keys.items() if value is not None}
    request = request_of(study, given)
    store = RunStore(results)
    plan = make_plan(request, store, data_dir, execution.retry_failed, force)
    load_metrics(request.metrics)  # what is wrong with one is said before anything runs
    job = make_job(executor, execution, results, data_dir, request.metrics, force)
    if job.device == "cpu":  # of a GPU, its run asks: a GPU may be for one process alone
        require_precision(request.precision, job.device)
    asked = f"{'/'.join(request.settings)} setting, {request.budget} budget"
    if carry_out(plan, store, job, asked, executor, execution):
        raise typer.Exit(0 if print_summary(plan, store, request.metrics) else EXIT_FAILED)
