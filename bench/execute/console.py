"""What a person sees while runs are carried out: a live table on a terminal, one line per run elsewhere."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.progress_bar import ProgressBar
from rich.table import Table

from bench.errors import first_line
from bench.execute.job import Event

REFRESH_PER_SECOND = 4


class Reporter:
    """Counts what happened to the runs of a plan, and shows it.

    Parameters
    ----------
    n_runs : int
        Runs that will be carried out.
    results : Path
        The results folder, for the paths of logs.
    console : Console
        Where to write; a terminal gets the live table.
    """

    def __init__(self, n_runs: int, results: Path, console: Console) -> None:
        self.n_runs, self.results, self.console = n_runs, results, console
        self.counts: Counter[str] = Counter()
        self.active: dict[str, tuple[float, float]] = {}
        self.started = time.monotonic()
        self.live: Live | None = None

    @contextmanager
    def showing(self) -> Iterator[None]:
        """Show the live table inside the block, if this is a terminal."""
        if not self.console.is_terminal:
            yield
            return
        with Live(get_renderable=self._table, console=self.console, refresh_per_second=REFRESH_PER_SECOND) as self.live:
            yield

    def __call__(self, event: Event) -> None:
        """Take one event."""
        if event.kind == "started":
            self.active[event.run_id] = (time.monotonic(), 0.0)
        elif event.kind == "progress":
            self.active[event.run_id] = (self.active[event.run_id][0], event.progress)
        elif event.kind != "checkpoint":
            self.active.pop(event.run_id, None)
            self.counts[event.record.status if event.record else event.kind] += 1
            self.console.print(self._line(event), highlight=False, soft_wrap=True)

    def _line(self, event: Event) -> str:
        """One run that ended: its place in the queue, name, state, and its time, or its error and log."""
        run_id, record = event.run_id, event.record
        width = len(str(self.n_runs))
        head = f"[{sum(self.counts.values()):>{width}}/{self.n_runs}]".replace("[", r"\[") + f" {escape(run_id)}"
        if record is None:
            return f"{head} [yellow]{event.kind}[/]: {escape(event.note)}"
        if record.error:
            message = first_line(record.error.message)
            log = self.results / run_id / "error.log"
            what = f"{escape(record.error.type)}: {escape(message)} (log: {escape(str(log))})"
            return f"{head} [red]{record.status}[/]: {what}"
        fvu = f", FVU {record.metrics['fvu']:.4f}" if "fvu" in record.metrics else ""
        return f"{head} [green]done[/] in {format_seconds(record.timings['total'])}{fvu}"

    def _table(self) -> Group:
        """The runs under way, and the whole."""
        table = Table.grid(padding=(0, 2))
        now = time.monotonic()
        for run_id, (start, progress) in self.active.items():
            bar = ProgressBar(total=1.0, completed=progress, width=24)
            phase = "evaluating" if progress >= 1 else f"{progress:4.0%}"
            table.add_row(escape(run_id), bar, phase, format_seconds(now - start))
        finished = sum(self.counts.values())
        bar = ProgressBar(total=self.n_runs, completed=finished, width=24)
        table.add_row("[bold]all runs", bar, f"{finished}/{self.n_runs}", format_seconds(now - self.started))
        return Group(table)


def format_seconds(seconds: float) -> str:
    """'4.2 s', '3 min 20 s', '2 h 05 min'."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"
