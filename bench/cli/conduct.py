"""From a plan to its runs, and what a person sees before, meanwhile and after: what `run` and `claims` share."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from bench.api.boards import build_boards
from bench.cli.boards import build_tables, print_boards, print_left_out, print_places, write_all
from bench.cli.options import Execution
from bench.compare.names import told_apart
from bench.errors import Interrupted, counted
from bench.execute.console import Reporter, following_data
from bench.execute.dispatch import Executor
from bench.execute.environment import command
from bench.execute.job import Job
from bench.execute.reassess import has_metrics
from bench.plan.edits import edits
from bench.plan.plan import Plan, estimates
from bench.plugins.registry import DATASET_REGISTRY, METRIC_REGISTRY
from bench.show.fitting import paragraph, room
from bench.show.plan import plan_text, variants_text
from bench.show.printing import make_console, print_raw, results_flag
from bench.store.failure import may_pass
from bench.store.files import expanded
from bench.store.record import Record
from bench.store.runs import RunStore


def make_job(
    executor: Executor,
    execution: Execution,
    results: Path,
    data_dir: Path,
    metrics: Sequence[str] = ("all",),
    force: bool = False,
) -> Job:
    """How runs are to be carried out. Files of metrics are named by their absolute paths: a job starts elsewhere."""
    references = tuple(
        str(expanded(Path(name)).absolute()) if ".py:" in name and name not in METRIC_REGISTRY.plugins else name
        for name in metrics
    )
    device = executor.choose_device(execution.device)
    return Job(results, data_dir, device, references, force=force, command=command())


def carry_out(plan: Plan, store: RunStore, job: Job, asked: str, executor: Executor, execution: Execution) -> bool:
    """Print a plan and carry it out; whether its runs have ended.

    They have not after a dry run, nor where they were handed over to a cluster. `asked` says what the plan is of.
    """
    console = make_console()
    if not execution.dry_run:
        store.require_writable()
        with following_data(console):
            notes = executor.require(plan.todo, job)
        for note in notes:
            print_raw(console, paragraph(note, room()))
    with nullcontext() if execution.dry_run else executor.alone(store.root):
        survey = executor.survey(plan.todo, store, execution.retry_failed)
        plan = replace(plan, todo=survey.todo, submitted=survey.submitted, lost=survey.lost)
        records = store.scan().records
        seconds = estimates(plan.todo, records)
        place = executor.place(job, len(plan.todo))
        lines = [plan_text(plan, store, asked, place, seconds), *edits(plan.todo, records)]
        print_raw(console, paragraph("\n  ".join(lines), room()))
        if execution.dry_run:
            print_raw(console, f"\n{variants_text(plan, room())}")
        batch = executor.lay_out(survey, job, seconds)
        if batch.description:
            print_raw(console, paragraph(batch.description, room()))
        if execution.dry_run:
            if batch.script:
                print_raw(console, f"\n{batch.script}")
            return False
        if words := batch.hand_over():
            print_raw(console, words)
    if not executor.follows and batch.pending:
        flag = results_flag(store.root)
        print_raw(console, f"Next: python -m bench status{flag}  (logs RUN, cancel; leaderboard any time)")
        return False
    reporter = Reporter(len(batch.pending) or len(plan.todo), store.root, console)
    try:
        with reporter.showing():
            words = batch.follow(reporter)
    except KeyboardInterrupt:
        raise Interrupted(executor.interrupted.format(runs=counted(sum(reporter.counts.values()), "run"))) from None
    if words:
        print_raw(console, words)
    return True


def print_summary(plan: Plan, store: RunStore, metrics: Sequence[str] = ("all",)) -> bool:
    """The board of this plan's runs, the counts, the paths and the next command; whether all is well.

    `metrics` are those that were asked for: runs that were done before may lack some.
    """
    console, scan = make_console(), store.scan()
    wanted = {spec.run_id for spec in plan.specs}
    mine = [record for record in told_apart(scan.records) if record.run_id in wanted]
    if mine:
        tables = build_tables(scan.records, store)
        same = len(mine) == len(scan.records)
        write_all(scan.records, tables, store.root, store)
        print_boards(console, tables.boards if same else build_boards(mine, store), store)
        print_left_out(console, mine, store)
        print_places(console, store.root)
    print_raw(console, _counts(plan, mine))
    print_lacking(console, mine, metrics, store)
    tried = {spec.run_id for spec in plan.todo}
    kept = [record for record in mine if record.run_id in tried and store.folder(record.run_id).failed_again]
    if kept:
        print_raw(
            console, f"{counted(len(kept), 'run')} failed this time, and kept what was done before: see error.log."
        )
    for line in _next_steps(mine, metrics, store.root):
        print_raw(console, line)
    return len(mine) == len(wanted) and not kept and all(r.status == "done" and not r.metric_errors for r in mine)


def print_lacking(console: Console, records: Sequence[Record], metrics: Sequence[str], store: RunStore) -> None:
    """Say which runs were done before without the metrics, and the command that computes them."""
    done = [record for record in records if record.status == "done"]
    if lacking := [record for record in done if not has_metrics(store.folder(record.run_id), metrics)]:
        command = _evaluate_command(lacking, metrics, store.root)
        told = f"{counted(len(lacking), 'run')} done before without metrics that are asked for: {command}"
        print_raw(console, paragraph(told, room()))


def _counts(plan: Plan, mine: Sequence[Record]) -> str:
    """'9 done (0 of them before), 0 failed, 0 missing of 9 runs.'"""
    failed = sum(record.status != "done" for record in mine)
    n_runs = len({spec.run_id for spec in plan.specs})
    done, of = len(mine) - failed, f"{n_runs - len(mine)} missing of {counted(n_runs, 'run')}"
    counts = f"{done} done ({len(plan.done)} of them before), {failed} failed, {of}"
    names = list(dict.fromkeys(name for record in mine if record.status == "done" for name in record.metric_errors))
    what = f"{counted(len(names), 'metric')} failed in runs that are done: {', '.join(names)}"
    return f"{counts}; {what}." if names else f"{counts}."


def _evaluate_command(records: Sequence[Record], metrics: Sequence[str], root: Path) -> str:
    """The command that evaluates some runs, with the plug-ins whose code it may run."""
    options = {
        "metrics": [] if set(metrics) == {"all"} else metrics,
        "models": [record.spec.model_reference for record in records if record.spec.code],
        "datasets": [r.spec.dataset_reference for r in records if r.spec.dataset not in DATASET_REGISTRY.builtins],
    }
    words = [f" --{name} {shlex.quote(','.join(dict.fromkeys(given)))}" for name, given in options.items() if given]
    return f"`python -m bench evaluate{''.join(words)}{results_flag(root)}`"


def _next_steps(mine: Sequence[Record], metrics: Sequence[str], root: Path) -> list[str]:
    """What a person does now: with runs that did not end well by what can help, else a look at one."""
    trained = [record for record in mine if record.trained]
    ended = [record for record in mine if record.status != "done" and not record.trained]
    again = [record for record in ended if may_pass(record)]
    lines = []
    if trained:
        words = f"Next: {counted(len(trained), 'run')} trained, but not evaluated; mend what the error.log above says"
        lines.append(f"{words}, then: {_evaluate_command(trained, metrics, root)}")
    if again:
        words = f"Next: {counted(len(again), 'run')} ended by time, memory, disk or machine"
        lines.append(f"{words}: issue the same command with --retry-failed.")
    if len(again) < len(ended):
        words = f"Next: {counted(len(ended) - len(again), 'run')} failed by what the model or its hyperparameters are"
        lines.append(f"{words}, and would again: read the error.log above, and change them.")
    if failed := [record for record in mine if record.metric_errors and record.status == "done"]:
        lines.append(f"Next: `python -m bench show {failed[0].run_id}{results_flag(root)}` says why a metric failed.")
    if not lines and mine:
        return [f"Next: python -m bench show {mine[0].run_id}{results_flag(root)}"]
    return [paragraph(line, room()) for line in lines]
