"""A plan as text: how many runs, how many of them are done, where the others will be carried out, and for how long."""

from __future__ import annotations

from collections.abc import Mapping

from bench.execute.console import format_seconds
from bench.plan.plan import Plan
from bench.store.runs import RunStore


def plan_text(plan: Plan, store: RunStore, what: str, place: str, seconds: Mapping[str, float]) -> str:
    """Lines to print before anything runs.

    Parameters
    ----------
    what : str
        What was asked for, such as "native setting, quick budget".
    place : str
        Where the runs will be carried out.
    seconds : mapping
        Of the runs to do whose like has run before, by run id.
    """
    known = f"estimate: {format_seconds(sum(seconds.values()))} for the {len(seconds)} whose like has run before"
    time = known if seconds else "no estimate"
    then = f"executor: {place}; {time}" if plan.todo else "nothing to do"
    counts = [f"{len(plan.done)} done", f"{len(plan.failed)} failed", f"{len(plan.todo)} to run"]
    others = {"unreadable": plan.unreadable, "submitted": plan.submitted, "lost": plan.lost}
    counts[2:2] = [f"{len(runs)} {name}" for name, runs in others.items() if runs]
    lines = [f"Plan: {plan.size} ({what})", f"  {', '.join(counts)}; {then}"]
    lines += [
        f"  unreadable, left alone (--force replaces it): {store.folder(run_id).record_path}"
        for run_id in plan.unreadable
    ]
    if plan.lost:
        lines.append("  lost, left alone (--retry-failed submits them again): `bench status` says how")
    return "\n".join(lines)
