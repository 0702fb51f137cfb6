"""`bench claims`: what the papers claim, checked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench import RESULTS
from bench.cli import completion
from bench.cli.app import EXIT_FAILED, app, say
from bench.cli.options import DataDir, Execution, Out, ResultsDir, with_execution
from bench.errors import BenchError, counted

if TYPE_CHECKING:
    from bench.claims.verdict import Claim
    from bench.plan.request import Request


@app.command()
@with_execution
def claims(
    claims: Annotated[str | None, typer.Option(help="Ids with commas between, such as A1,M2; default all.")] = None,
    datasets: Annotated[
        str | None,
        typer.Option(
            help="Your data in place of the claims' own, as for `bench run`.", autocompletion=completion.datasets
        ),
    ] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="FIELD=VALUE or MODEL.FIELD=VALUE, in place of the claims' own.")
    ] = None,
    seeds: Annotated[str, typer.Option(help="How many, or a list such as 0,1,2.")] = "6",
    budget: Annotated[str, typer.Option(help="smoke (seconds), quick (5 epochs) or full (the papers').")] = "quick",
    results: ResultsDir = RESULTS,
    out: Out = None,
    data_dir: DataDir = Path("data"),
    *,
    execution: Execution,
) -> None:
    """Check what the papers claim: run what is missing, then give a verdict with its interval for each.

    Runs get the metrics that the claims read, and no others; `bench evaluate` computes those.
    """
    from bench.claims import study
    from bench.cli.conduct import carry_out, make_job, print_lacking
    from bench.cli.executors import make_executor
    from bench.plan.request import Request
    from bench.plan.runs import load_existing, plan_of
    from bench.show.claims import claims_text, row, write_claims
    from bench.show.fitting import room
    from bench.show.printing import make_console, print_raw
    from bench.store.files import require_writable
    from bench.store.runs import RunStore

    executor = make_executor(execution)
    chosen = study.choose(claims)
    keys = {"datasets": datasets, "set": set_}
    request = Request.build(seeds=seeds, budget=budget, **{key: each for key, each in keys.items() if each is not None})
    chosen = chosen if datasets is None else _on(chosen, request.datasets, data_dir, named=claims is not None)
    chosen = chosen if claims else _distinct(chosen, request, data_dir)
    runs = study.runs_of(chosen, request.seeds, request.budget, data_dir, request.set)
    store, specs = RunStore(results), study.all_specs(runs)
    plan = plan_of(specs, store, execution.retry_failed)
    metrics = study.metrics_read(chosen)
    job = make_job(executor, execution, results, data_dir, metrics)
    asked = f"{counted(len(chosen), 'claim')}, {budget} budget"
    if out and not execution.dry_run:
        require_writable(out, "--out")
    if not carry_out(plan, store, job, asked, executor, execution):
        return
    records = [record for record in load_existing(specs, store).values() if record]
    verdicts = study.verdicts(chosen, runs, records)
    rows = [row(verdict) for verdict in verdicts]
    console = make_console()
    print_raw(console, f"\n{claims_text(rows, room())}")
    write_claims(rows, records, out or results)
    print_lacking(console, *study.lacking(verdicts, runs, records), store)
    print_raw(console, f"Table: {(out or results) / 'claims'}.{{md,csv,json}}")
    n_done = sum(record.status == "done" for record in records)
    raise typer.Exit(0 if n_done == len(specs) else EXIT_FAILED)


def _distinct(chosen: Sequence[Claim], request: Request, data_dir: Path) -> list[Claim]:
    """The claims whose models still differ with the values that were asked for; the others are named."""
    from bench.claims.study import blurred

    same = blurred(chosen, request.budget, data_dir, request.set) if request.set else {}
    if same:
        words = "; ".join(f"{name}: {arms}" for name, arms in same.items())
        say(f"Left out, since with this --set what they compare is the same: {words}.")
    return [claim for claim in chosen if claim.id not in same]


def _on(chosen: Sequence[Claim], datasets: Sequence[str], data_dir: Path, named: bool) -> list[Claim]:
    """The claims on other data; those that cannot be checked there are left out, or refused where they were named."""
    from bench.claims.own_data import moved
    from bench.execute.console import following_data
    from bench.show.printing import make_console

    with following_data(make_console()):
        found = moved(chosen, datasets, data_dir)
    by_reason: dict[str, list[str]] = {}
    for name, reason in found.left_out.items():
        by_reason.setdefault(reason, []).append(name)
    words = "; ".join(f"{', '.join(names)}: {reason}" for reason, names in by_reason.items())
    if found.left_out and (named or not found.claims):
        raise BenchError(f"--datasets: what these claims are about is not there. {words}. Leave them out of --claims.")
    if words:
        say(f"Left out, since the data lack what they are about: {words}.")
    return found.claims
