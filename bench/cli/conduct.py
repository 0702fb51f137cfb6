"""From a plan to its runs, here or on a cluster, and what a person sees meanwhile."""

from __future__ import annotations

from dataclasses import dataclass, replace

from rich.console import Console

from bench.cluster import follow, submit as cluster
from bench.cluster.profiles import require_accepted
from bench.cluster.submission import Submission
from bench.cluster.submit import Cluster
from bench.errors import Interrupted
from bench.execute.console import Reporter
from bench.execute.job import Job
from bench.plan import runs as study
from bench.plan.plan import Plan, estimates
from bench.show import printing
from bench.store.runs import RunStore
from slurm import watcher


@dataclass(frozen=True)
class Conduct:
    """How a plan is to be carried out.

    Attributes
    ----------
    executor : str
        "inline", "pool" or "slurm".
    workers : int
        Of the pool.
    cluster : Cluster, optional
        For slurm: the profile, and how runs become jobs.
    wait : bool
        For slurm: whether to follow the runs to their end.
    dry_run, retry_failed : bool
        Whether to show the plan only; whether runs that failed or were lost are run again.
    """

    executor: str
    workers: int = 2
    cluster: Cluster | None = None
    wait: bool = False
    dry_run: bool = False
    retry_failed: bool = False


def carry_out(plan: Plan, store: RunStore, job: Job, what: str, how: Conduct) -> bool:
    """Print the plan, and run what it lacks; whether all that will come of it is there."""
    if how.cluster:
        return _submit(plan, store, job, what, how, how.cluster)
    console = printing.make_console()
    where = "inline" if how.executor == "inline" else f"pool of {how.workers} workers"
    seconds = estimates(plan.todo, store.scan().records)
    printing.print_plan(console, plan, store, what, f"{where} on {job.device}", seconds)
    if how.dry_run:
        return False
    store.require_writable()
    study.require_data(plan.todo, job)
    reporter = Reporter(len(plan.todo), job.results, console)
    try:
        with reporter.showing():
            study.execute(plan, job, how.executor, how.workers, reporter)  # type: ignore[arg-type]
    except KeyboardInterrupt:
        kept = sum(reporter.counts.values())
        raise Interrupted(f"{kept} finished runs are kept. Issue the same command to resume.") from None
    return True


def _submit(plan: Plan, store: RunStore, job: Job, what: str, how: Conduct, options: Cluster) -> bool:
    console = printing.make_console()
    if how.dry_run:
        _show(console, cluster.narrow(plan, store, how.retry_failed)[0], store, job, what, options, dry_run=True)
        return False
    store.require_writable()
    if plan.todo:
        require_accepted(options.profile)
    study.require_data(plan.todo, replace(job, device="cpu"))
    with cluster.one_at_a_time(store.root) as lock:
        plan, held = cluster.narrow(plan, store, how.retry_failed)
        submission = _show(console, plan, store, job, what, options, dry_run=False)
        if submission.arrays:
            watcher.cancel(held)
            job_ids = cluster.submit(submission, {spec.run_id: spec for spec in plan.todo}, store, options, lock)
            noun = "job" if len(job_ids) == 1 else "jobs"
            printing.print_raw(console, f"Submitted {submission.id}: SLURM {noun} {', '.join(job_ids)}.")
    on_their_way = [*plan.submitted, *submission.run_ids]
    if how.wait:
        _wait(console, on_their_way, store)
    elif on_their_way:
        flag = printing.results_flag(store.root)
        printing.print_raw(console, f"Next: python -m bench status{flag}  (logs RUN, cancel; leaderboard any time)")
        return False
    return True


def _show(
    console: Console, plan: Plan, store: RunStore, job: Job, what: str, options: Cluster, dry_run: bool
) -> Submission:
    """Print the plan, and the jobs that it comes to."""
    seconds = estimates(plan.todo, store.scan().records)
    printing.print_plan(console, plan, store, what, f"slurm, {job.device}", seconds)
    submission = cluster.lay_out(plan, store.root, job, options, seconds)
    if submission.arrays:
        printing.print_raw(console, cluster.describe(submission, options.profile, seconds))
    if submission.arrays and dry_run:
        printing.print_raw(console, f"\nThe script of {submission.arrays[0].name}:\n")
        printing.print_raw(console, cluster.scripts(submission, options))
    return submission


def _wait(console: Console, run_ids: list[str], store: RunStore) -> None:
    reporter = Reporter(len(run_ids), store.root, console)
    try:
        with reporter.showing():
            if silence := follow.follow(run_ids, store, reporter):
                printing.print_raw(console, f"{silence} Jobs may still run; `python -m bench status` tells later.")
    except KeyboardInterrupt:
        raise Interrupted(
            "The jobs go on. Issue the same command to follow them again, or `bench cancel` to end them."
        ) from None
