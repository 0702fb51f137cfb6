"""A plan as text: how many runs, how many of them are done, where the others will be carried out, and for how long."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from bench.execute.console import format_seconds
from bench.plan.plan import Plan
from bench.show.fitting import NARROWEST, table
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
    work = format_seconds(sum(seconds.values()))
    known = f"estimate: {work} of work, one run after another, for the {len(seconds)} whose like has run before"
    time = known if seconds else "no estimate yet"
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


def variants_text(plan: Plan, width: int | None = None) -> str:
    """A row for each variant of each model: the hyperparameters that are varied, and how many of its runs are done."""
    ids: dict[str, Sequence[str]] = {"done": plan.done, "failed": plan.failed, "unreadable": plan.unreadable}
    ids |= {"submitted": plan.submitted, "lost": plan.lost, "to run": [spec.run_id for spec in plan.todo]}
    state_of = {run_id: state for state, run_ids in ids.items() for run_id in run_ids}
    states = [state for state in ids if ids[state] or state in ("done", "to run")]
    varied: dict[tuple[str, str], dict[str, None]] = {}
    for spec in plan.specs:
        varied.setdefault((spec.model, spec.settings), {}).update(dict.fromkeys(spec.variant))
    counts: dict[tuple[str, str, str], Counter[str]] = {}
    for spec in plan.specs:
        known = spec.config | spec.variant
        differs = " ".join(f"{field}={known[field]}" for field in varied[spec.model, spec.settings] if field in known)
        counts.setdefault((spec.model, spec.settings, differs), Counter())[state_of.get(spec.run_id, "")] += 1
    header = ["model", "setting", "what differs", "runs", *states]
    rows = [[*key, count.total(), *(count[state] for state in states)] for key, count in counts.items()]
    return table(header, rows, width, words={2: NARROWEST}, spare=(1,), right=range(3, len(header)))
