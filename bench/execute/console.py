"""What a person sees while runs are carried out: live bars on a terminal, one line per run elsewhere."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    Progress,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from bench.datasets.progress import heard_by
from bench.errors import clipped, first_line, printable
from bench.execute.job import Event
from bench.execute.pace import Pace

MOST_OF_VARIANT = 60
"""Characters of a variant in the line of a run."""


class Reporter:
    """Counts what happened to the runs of a plan, and shows it.

    Parameters
    ----------
    n_runs : int
        Runs that will be carried out.
    results : Path
        The results folder, for the paths of logs.
    console : Console
        Where to write; a terminal gets the bars.
    """

    def __init__(self, n_runs: int, results: Path, console: Console) -> None:
        self.n_runs, self.results, self.console = n_runs, results, console
        self.counts: Counter[str] = Counter()
        self._bars: dict[str, TaskID] = {}
        self._pace = Pace(n_runs)
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[phase]}"),
            TimeElapsedColumn(),
            TextColumn("{task.fields[left]}"),
            console=console,
            disable=not console.is_terminal,
        )
        self._all = self._progress.add_task("[bold]all runs", total=n_runs, phase=f"0/{n_runs}", left="")

    @contextmanager
    def showing(self) -> Iterator[None]:
        """Show the bars inside the block, if this is a terminal."""
        with self._progress:
            yield

    def __call__(self, event: Event) -> None:
        """Take one event."""
        if event.kind == "started":
            self._bars[event.run_id] = self._progress.add_task(escape(event.run_id), total=1.0, phase="", left="")
        elif event.kind == "progress":
            phase = "evaluating" if event.progress >= 1 else f"{event.progress:4.0%}"
            self._progress.update(self._bars[event.run_id], completed=event.progress, phase=phase)
            self._pace.move(event.run_id, event.progress)
            self._progress.update(self._all, left=self._pace.left())
        elif event.kind != "checkpoint":
            self._end(event)

    def _end(self, event: Event) -> None:
        if event.run_id in self._bars:
            self._progress.remove_task(self._bars.pop(event.run_id))
        self._pace.end(event.run_id)
        self.counts[event.record.status if event.record else event.kind] += 1
        n_ended = sum(self.counts.values())
        self._progress.update(self._all, completed=n_ended, phase=f"{n_ended}/{self.n_runs}", left=self._pace.left())
        left = "" if self.console.is_terminal else self._pace.left()
        line = self._line(event, n_ended) + (f"; {left}" if left else "")
        # A terminal breaks it between words; in a file it is one line.
        self.console.print(line, highlight=False, soft_wrap=not self.console.is_terminal)

    def _line(self, event: Event, n_ended: int) -> str:
        """One run that ended: its place in the queue, name, state, and its time and first metric, or its error."""
        run_id, record = event.run_id, event.record
        head = f"[{n_ended:>{len(str(self.n_runs))}}/{self.n_runs}]".replace("[", r"\[") + f" {escape(run_id)}"
        if record is None:
            return f"{head} [yellow]{event.kind}[/]: {_shown(event.note)}"
        if record.spec.variant:
            variant = record.spec.label.removeprefix(record.spec.model).strip()
            head += f" ({_shown(clipped(variant, MOST_OF_VARIANT))})"
        if record.error:
            log = self.results / run_id / "error.log"
            what = f"{_shown(record.error.type)}: {_shown(first_line(record.error.message))} (log: {_shown(str(log))})"
            return f"{head} [red]{record.status}[/]: {what}"
        if record.not_applicable:
            return f"{head} [yellow]n/a[/]: {_shown(first_line(record.not_applicable))}"
        name, value = next(iter(record.metrics.items()), ("", 0.0))
        score = f", {_shown(name)} {value:.4g}" if name else ""
        return f"{head} [green]done[/] in {format_seconds(record.timings['total'])}{score}"


@contextmanager
def following_data(console: Console) -> Iterator[None]:
    """Show how far data are that take a while to make, with the time left: a bar on a terminal, else four lines."""
    progress = Progress(
        TextColumn("{task.description}"), BarColumn(bar_width=24), TaskProgressColumn(), TimeElapsedColumn(),
        TimeRemainingColumn(), console=console, transient=True,
    )  # fmt: skip
    tasks: dict[str, TaskID] = {}
    begun: dict[str, float] = {}
    quarters: dict[str, int] = {}

    def heard(what: str, share: float) -> None:
        if console.is_terminal:
            progress.start()
            if what not in tasks:
                tasks[what] = progress.add_task(_shown(what), total=1.0)
            progress.update(tasks[what], completed=share)
            if share >= 1:
                progress.remove_task(tasks.pop(what))
                progress.stop()
        elif int(4 * share) > quarters.get(what, -1):
            quarters[what] = int(4 * share)
            seconds = time.monotonic() - begun.setdefault(what, time.monotonic())
            left = f", {format_seconds(seconds / share * (1 - share))} left" if 0 < share < 1 else ""
            console.print(f"{_shown(what)}: {share:.0%}{left}", highlight=False, soft_wrap=True)

    try:
        with heard_by(heard):
            yield
    finally:
        if console.is_terminal:
            progress.stop()


def _shown(text: str) -> str:
    """Text in which a terminal, and rich, find nothing to obey."""
    return escape(printable(text))


def format_seconds(seconds: float) -> str:
    """'4.2 s', '3 min 20 s', '2 h 05 min'."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"
