"""Where all runs of a results folder are, as text."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Sequence

from bench.cluster.status import Status
from bench.errors import counted, first_line, listed
from bench.execute.console import format_seconds
from bench.show.fitting import paragraph, table
from bench.store.runs import Scan

ENDS = ("done", "failed", "timeout", "cancelled")
ON_THE_WAY, GONE = ("queued", "running"), ("lost", "unknown")
UNSETTLED = {"lost": "lost", "queued": "queued", "unknown": "unknown (submitted, no record yet)"}
"""States without a record or a process -> how they are called."""
OWN_JOB = re.compile(r"^job \S+( of \S+)? ")
"""How a note begins that is of one run: the rest of it others may share."""
HOW = (
    "`bench logs` with the id of a lost run shows what its job wrote. Issue the command that submitted them again with "
    "--retry-failed."
)


def status_text(status: Status, width: int | None = None) -> str:
    """Tables of runs that ended and of submissions; then what is running or has stopped, and what went wrong."""
    parts = [_records(status.scan, width), _submissions(status, width), _running(status, width)]
    parts += [_stopped(status, width), _wrong(status, width), _extractions(status, width)]
    return "\n\n".join(part for part in parts if part)


def _records(scan: Scan, width: int | None) -> str:
    counts: Counter[tuple[str, ...]] = Counter(
        (r.spec.dataset, r.spec.settings, r.spec.budget, r.status) for r in scan.records
    )
    groups = sorted({key[:3] for key in counts})
    shown = ENDS[:2] + tuple(end for end in ENDS[2:] if any(key[3] == end for key in counts))
    rows = [[*group, *(counts[*group, end] for end in shown)] for group in groups]
    header = ["dataset", "settings", "budget", *shown]
    return table(header, rows, width, right=range(3, len(header))) if rows else ""


def _submissions(status: Status, width: int | None) -> str:
    """One row each, with the runs that it is the newest submission of."""
    counts: Counter[tuple[str, str]] = Counter((state.submission.id, state.state) for state in status.states.values())
    shown = [word for word in (*ON_THE_WAY, *ENDS, *GONE) if any(key[1] == word for key in counts)]
    rows = []
    for submission in status.submissions:
        numbers = [counts[submission.id, word] for word in shown]
        if any(numbers):
            rows.append([submission.id, *numbers, submission.sent.command.removeprefix("python -m ")])
    header, last = ["submission", *shown, "command"], len(shown) + 1
    return table(header, rows, width, words={last: 24}, spare=(last,), right=range(1, last)) if rows else ""


def _running(status: Status, width: int | None) -> str:
    """Progress, rate and time left of each run under way."""
    running = [state for state in status.states.values() if state.state == "running"]
    rows = [_pace(state.run_id, state.first, state.progress, state.since, state.note) for state in running]
    for run in status.unfinished:
        if owner := run.owner:
            where = f"process {owner.pid} on {owner.host}"
            rows.append(_pace(run.run_id, owner.first, owner.progress, owner.since, where))
    header = ["running", "trained", "rate", "left", "where"]
    return table(header, rows, width, words={0: 24, 4: 16}, spare=(4, 2), right=(1,)) if rows else ""


def _pace(run_id: str, first: float, progress: float, since: float, where: str) -> list[str]:
    rate = (progress - first) / max(1e-9, time.time() - since)
    left = format_seconds((1 - progress) / rate) if rate and progress < 1 else ""
    phase = f"{progress:.0%}" if progress < 1 else "evaluating"
    return [run_id, phase, f"{rate * 60:.0%} a minute" if left else "", left, where]


def _extractions(status: Status, width: int | None) -> str:
    """Where each extraction is, and how far."""
    rows = []
    for out, state in status.extractions.items():
        _, share, _, left, _ = _pace(state.run_id, state.first, state.progress, state.since, state.note)
        running = state.state == "running"
        rows.append([state.run_id, state.state, share * running, left * running, str(out), state.note])
    header = ["extraction", "state", "at", "left", "into", "where"]
    how = "Issue the command of a lost extraction again: it goes on. `bench logs` with its id shows its log."
    lost = any(state.state == "lost" for state in status.extractions.values())
    shown = table(header, rows, width, words={4: 24, 5: 16}, right=(2,)) if rows else ""
    return f"{shown}\n{paragraph(how, width)}" if lost else shown


def _stopped(status: Status, width: int | None) -> str:
    """Runs that were stopped: the command that began them goes on from where they are."""
    rows = [
        [run.run_id, "" if run.progress is None else f"{run.progress:.0%}", "goes on from its checkpoint"]
        for run in status.unfinished
        if run.owner is None
    ]
    how = "Issue the command that began them again."
    return f"{table(['stopped', 'at', 'and then'], rows, width, right=(1,))}\n{how}" if rows else ""


def _wrong(status: Status, width: int | None) -> str:
    """What went wrong, what waits, and where nobody can say: a line for all runs of which the same is to be said."""
    lines = [f"unreadable, left alone: {path}: {reason}" for path, reason in status.scan.unreadable.items()]
    told: dict[str, list[tuple[str, str]]] = {}
    for record in status.scan.records:
        if record.error:
            told.setdefault(record.status, []).append((record.run_id, first_line(record.error.message)))
    for state in status.states.values():
        if state.state in UNSETTLED:
            told.setdefault(UNSETTLED[state.state], []).append((state.run_id, state.note))
    lines += [line for what, runs in told.items() for line in _grouped(what, runs, width)]
    lines += [HOW] if "lost" in told else []
    return "\n".join(paragraph(line, width) for line in lines)


def _grouped(what: str, runs: Sequence[tuple[str, str]], width: int | None) -> list[str]:
    """'lost: ID: job 7_3 ended (FAILED)'; of several '2 runs lost: ended (FAILED): ID, ID', all in a file or a pipe."""
    alike: dict[str, dict[str, str]] = {}
    for run_id, note in runs:
        alike.setdefault(OWN_JOB.sub("", note), {})[run_id] = note
    lines = []
    for reason, notes in alike.items():
        ids = listed([*notes]) if width else ", ".join(notes)
        several = f"{counted(len(notes), 'run')} {what}: {reason}: {ids}"
        lines.append(several if len(notes) > 1 else f"{what}: {ids}: {notes[ids]}")
    return lines
