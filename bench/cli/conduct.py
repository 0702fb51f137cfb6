"""From a plan to its runs, and what a person sees before, meanwhile and after: what `run` and `claims` share."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

from bench.cli.boards import build_tables, print_boards, print_places, write_all
from bench.cli.options import Execution
from bench.compare.boards import build
from bench.compare.columns import columns
from bench.compare.names import told_apart
from bench.errors import Interrupted, counted
from bench.execute.console import Reporter
from bench.execute.dispatch import Executor
from bench.execute.environment import command
from bench.execute.job import Job
from bench.execute.reassess import has_metrics
from bench.plan.edits import edits
from bench.plan.plan import Plan, estimates
from bench.plugins.registry import METRIC_REGISTRY
from bench.show.fitting import paragraph, room
from bench.show.plan import plan_text, variants_text
from bench.show.printing import make_console, print_raw, results_flag
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
        str(Path(name).absolute()) if ".py:" in name and name not in METRIC_REGISTRY.plugins else name
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
        executor.require(plan.todo, job)
    with nullcontext() if execution.dry_run else executor.alone(store.root):
        survey = executor.survey(plan.todo, store, execution.retry_failed)
        plan = replace(plan, todo=survey.todo, submitted=survey.submitted, lost=survey.lost)
        records = store.scan().records
        seconds = estimates(plan.todo, records)
        lines = [plan_text(plan, store, asked, executor.place(job), seconds), *edits(plan.todo, records)]
        print_raw(console, paragraph("\n  ".join(lines), room()))
        if execution.dry_run:
            print_raw(console, f"\n{variants_text(plan, room())}")
        batch = executor.lay_out(survey, job, seconds)
        for text in (batch.description, f"\n{batch.script}" if execution.dry_run and batch.script else ""):
            if text:
                print_raw(console, text)
        if execution.dry_run:
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
        raise Interrupted(executor.interrupted.format(n=sum(reporter.counts.values()))) from None
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
        print_boards(console, tables.boards if same else build(mine, columns(mine, store)))
        print_places(console, store.root)
    print_raw(console, _counts(plan, mine))
    if lacking := [r.run_id for r in mine if r.status == "done" and not has_metrics(store.folder(r.run_id), metrics)]:
        command = f"python -m bench evaluate --metrics {shlex.quote(','.join(metrics))}{results_flag(store.root)}"
        print_raw(console, f"{counted(len(lacking), 'run')} done before without metrics that you name: {command}")
    if any(record.status != "done" for record in mine):
        print_raw(console, "Next: read an error.log above, then issue the same command with --retry-failed.")
    elif mine:
        print_raw(console, f"Next: python -m bench show {mine[0].run_id}{results_flag(store.root)}")
    return len(mine) == len(wanted) and all(r.status == "done" and not r.metric_errors for r in mine)


def _counts(plan: Plan, mine: Sequence[Record]) -> str:
    """'9 done (0 of them before), 0 failed, 0 missing of 9 runs.'"""
    failed = sum(record.status != "done" for record in mine)
    cells = sum(len(record.metric_errors) for record in mine)
    n_runs = len({spec.run_id for spec in plan.specs})
    done, missing = len(mine) - failed, n_runs - len(mine)
    counts = f"{done} done ({len(plan.done)} of them before), {failed} failed, {missing} missing of {n_runs} runs"
    return counts + (f"; {cells} metrics failed in runs that are done." if cells else ".")
