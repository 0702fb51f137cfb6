"""Where all runs of a results folder are, as text."""

from __future__ import annotations

import time
from collections import Counter

from tabulate import tabulate

from bench.cluster.status import Status
from bench.errors import first_line
from bench.execute.console import format_seconds
from bench.store.runs import Scan

ENDS = ("done", "failed", "timeout", "cancelled")
ON_THE_WAY, GONE = ("queued", "running"), ("lost", "unknown")


def status_text(status: Status) -> str:
    """Tables of runs that ended and of submissions; then what is running, and what went wrong."""
    parts = [_records(status.scan), _submissions(status), *_running(status), *_wrong(status)]
    return "\n\n".join(part for part in parts if part)


def _records(scan: Scan) -> str:
    counts: Counter[tuple[str, ...]] = Counter(
        (r.spec.dataset, r.spec.settings, r.spec.budget, r.status) for r in scan.records
    )
    groups = sorted({key[:3] for key in counts})
    shown = ENDS[:2] + tuple(end for end in ENDS[2:] if any(key[3] == end for key in counts))
    rows = [[*group, *(counts[*group, end] for end in shown)] for group in groups]
    return tabulate(rows, ["dataset", "settings", "budget", *shown], "simple") if rows else ""


def _submissions(status: Status) -> str:
    """One row each, with the runs that it is the newest submission of."""
    counts: Counter[tuple[str, str]] = Counter((state.submission.id, state.state) for state in status.states.values())
    shown = [word for word in (*ON_THE_WAY, *ENDS, *GONE) if any(key[1] == word for key in counts)]
    rows = []
    for submission in status.submissions:
        numbers = [counts[submission.id, word] for word in shown]
        if any(numbers):
            rows.append([submission.id, *numbers, submission.sent.command.removeprefix("python -m ")])
    return tabulate(rows, ["submission", *shown, "command"], "simple") if rows else ""


def _running(status: Status) -> list[str]:
    """Progress, rate and time left of each run under way."""
    rows = []
    for state in status.states.values():
        if state.state == "running":
            rate = (state.progress - state.first) / max(1e-9, time.time() - state.since)
            left = format_seconds((1 - state.progress) / rate) if rate and state.progress < 1 else ""
            phase = f"{state.progress:.0%}" if state.progress < 1 else "evaluating"
            rows.append([state.run_id, phase, f"{rate * 60:.0%} a minute" if left else "", left, state.note])
    return [tabulate(rows, ["running", "trained", "rate", "left", "where"], "simple")] if rows else []


def _wrong(status: Status) -> list[str]:
    lines = [f"unreadable, left alone: {path}: {reason}" for path, reason in status.scan.unreadable.items()]
    lines += [
        f"{record.status}: {record.run_id}: {first_line(record.error.message)}"
        for record in status.scan.records
        if record.error
    ]
    lost = [state for state in status.states.values() if state.state == "lost"]
    lines += [f"lost: {state.run_id}: {state.note}" for state in lost]
    waiting = Counter(state.note.partition(": ")[2] for state in status.states.values() if state.state == "queued")
    lines += [f"{count} queued: {reason}" for reason, count in waiting.items() if reason]
    unknown = Counter(state.note for state in status.states.values() if state.state == "unknown")
    lines += [f"{count} unknown: {note}" for note, count in unknown.items()]
    if lost:
        lines.append("Issue the command that submitted them again with --retry-failed.")
    return ["\n".join(lines)] if lines else []
