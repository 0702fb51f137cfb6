"""What the verb `figures` does: choose runs, draw each, draw what compares them."""

from __future__ import annotations

import os
import re
import signal
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from bench.compare.answers import floors_among
from bench.compare.boards import build
from bench.errors import BenchError, unknown
from bench.show.figures.files import FORMATS, save
from bench.show.figures.study import Drawings, comparisons, drawings
from bench.store.record import Record
from bench.store.runs import RunStore

FEW = 2
"""Folders up to which it takes longer to start other processes than to draw."""


@dataclass(frozen=True)
class Task:
    """The figures of one folder: of a run, or of what compares several."""

    records: Sequence[Record]
    """What is drawn."""
    store: RunStore
    """Where they are."""
    folder: Path
    """Where the figures go."""
    formats: Sequence[str]
    """Kinds of files."""
    only: Sequence[str]
    """Names of the figures that are wanted; none for all."""
    compared: bool = False
    """Whether the figures compare the records, or are of the first."""

    def drawings(self) -> Drawings:
        """All figures that there can be. BenchError for a run of which there are none."""
        folder = self.store.folder(self.records[0].run_id)
        if not self.compared:
            return drawings(self.records[0], folder)
        return comparisons(self.records, folder.legend(), floors_among(self.records, self.store))

    def names(self) -> list[str]:
        """What its figures are called; none of a run that cannot be drawn."""
        try:
            return list(self.drawings())
        except BenchError:
            return []

    def carry_out(self) -> list[Path] | BenchError:
        """Draw, and write what is wanted; the error where there is nothing to draw."""
        try:
            wanted = {name: draw for name, draw in self.drawings().items() if name in self.only or not self.only}
            return save(wanted, self.folder, self.formats)
        except BenchError as error:
            return error


def write_figures(
    names: Sequence[str],
    store: RunStore,
    out: Path,
    tell: Callable[[str], None],
    only: Sequence[str] = (),
    formats: Sequence[str] = FORMATS[:1],
) -> list[Path]:
    """Draw runs, by names or the lowest seed of each row, and what compares all or those named, into a folder each.

    Parameters
    ----------
    tell : function
        Called with a line for each folder that has been written.
    only : sequence of str
        Names of the figures that are wanted; none for all.
    formats : sequence of str
        Kinds of files. BenchError for one that is not among `FORMATS`.
    """
    for kind in formats:
        if kind not in FORMATS:
            raise unknown("--format", kind, FORMATS)
    records = [store.find(name) for name in names] if names else first_of_each_row(store)
    compared = records if names else [record for record in store.scan().records if record.status == "done"]
    tasks = [Task([record], store, out / record.run_id, formats, only) for record in records]
    tasks += [Task(runs, store, out / board, formats, only, True) for board, runs in _by_board(compared).items()]
    there_are = {name for task in tasks for name in task.names()} if only else set()
    for name in only:
        if name not in there_are:
            raise unknown("figure", name, there_are)
    written = []
    for task, paths in _carried_out(tasks):
        if isinstance(paths, BenchError):
            if names:
                raise paths
            tell(str(paths))
        elif paths:
            tell(_line(task.folder, paths))
            written += paths
    return written


def _carried_out(tasks: Sequence[Task]) -> Iterator[tuple[Task, list[Path] | BenchError]]:
    """What came of each task, in their order; many are shared out among the cores."""
    if len(tasks) <= FEW:
        yield from ((task, task.carry_out()) for task in tasks)
        return
    n_workers = min(len(tasks), len(os.sched_getaffinity(0)))
    ignore_ctrl_c = (signal.SIGINT, signal.SIG_IGN)  # it ends this process, and with it the others
    with ProcessPoolExecutor(n_workers, get_context("spawn"), signal.signal, ignore_ctrl_c) as pool:
        try:
            yield from zip(tasks, pool.map(Task.carry_out, tasks), strict=True)
        finally:
            pool.shutdown(cancel_futures=True)


def first_of_each_row(store: RunStore) -> list[Record]:
    """Of each row of each board the run with the lowest seed that is done. BenchError where there is none."""
    boards = build(store.scan().records, columns=())
    first = [record for board in boards for record in board.representatives.values()]
    if not first:
        raise BenchError(
            f"No runs that are done in '{store.root}'. `bench run` makes some; --results DIR names others."
        )
    return first


def _by_board(records: Sequence[Record]) -> dict[str, list[Record]]:
    """Runs that may be compared, by the name of their folder."""
    groups: dict[str, list[Record]] = defaultdict(list)
    for record in {record.run_id: record for record in records}.values():
        spec = record.spec
        name = re.sub(r"\W+", "_", spec.dataset).strip("_")
        groups[f"{name}-{spec.settings}-{spec.budget}-{spec.dataset_checksum[:8]}"].append(record)
    return groups


def _line(folder: Path, paths: Sequence[Path]) -> str:
    """'FOLDER: atoms, gamma (png, pdf)'."""
    names = dict.fromkeys(path.stem for path in paths)
    kinds = dict.fromkeys(path.suffix[1:] for path in paths)
    return f"{folder}: {', '.join(names)} ({', '.join(kinds)})"
