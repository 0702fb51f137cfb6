"""What the verb `figures` does: choose runs, draw each, draw what compares them."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from bench.compare.answers import floors_of
from bench.compare.boards import Board, build
from bench.compare.columns import columns
from bench.errors import BenchError, counted, unknown
from bench.show.figures.comparisons import comparisons
from bench.show.figures.files import FORMATS, save
from bench.show.figures.study import Drawings, drawings
from bench.store.files import require_writable
from bench.store.record import Record
from bench.store.runs import RunStore

FEW = 2
"""Folders up to which it takes longer to start other processes than to draw."""


@dataclass(frozen=True)
class Task:
    """The figures of one folder: of a run, or of a board."""

    drawn: Record | Board
    """Whose figures."""
    store: RunStore
    """Where the runs are."""
    folder: Path
    """Where the figures go."""
    formats: Sequence[str]
    """Kinds of files."""
    only: Sequence[str]
    """Names of the figures that are wanted; none for all."""

    def drawings(self) -> Drawings:
        """All figures that there can be. BenchError for a run of which there are none."""
        if isinstance(self.drawn, Board):
            return comparisons(self.drawn, floors_of(self.drawn, self.store))
        return drawings(self.drawn, self.store.folder(self.drawn.run_id))

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
    """Draw runs, by names or the lowest seed of each row, and the boards of all or of those, into a folder each.

    Parameters
    ----------
    tell : function
        Called with a line for each folder that has been written.
    only : sequence of str
        Names of the figures that are wanted; none for all.
    formats : sequence of str
        Kinds of files. BenchError for one that is not among `FORMATS`.

    Raises
    ------
    BenchError
        For a name that there is not, and for a folder that cannot be written.
    """
    for kind in formats:
        if kind not in FORMATS:
            raise unknown("--format", kind, FORMATS)
    named = {record.run_id: record for record in map(store.find, names)}
    records = list(named.values() if names else store.scan().records)
    boards = build(records, columns(records, store))
    for board in boards:
        if board.superseded:
            tell(f"{board.title}: {counted(board.superseded, 'older run')} left out, as newer ones have their rows.")
    drawn = records if names else first_of_each_row(boards, store)
    tasks = [Task(record, store, out / record.run_id, formats, only) for record in drawn]
    tasks += [Task(board, store, out / _folder_name(board), formats, only) for board in boards]
    there_are = {name for task in tasks for name in task.names()} if only else set()
    for name in only:
        if name not in there_are:
            raise unknown(
                "figure", name, there_are, "What compares rows, such as front-fvu, takes two of them or more."
            )
    require_writable(out, "--out")
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


def first_of_each_row(boards: Sequence[Board], store: RunStore) -> list[Record]:
    """Of each row of each board the run with the lowest seed that is done. BenchError where there is none."""
    first = [record for board in boards for record in board.representatives.values()]
    if not first:
        raise BenchError(
            f"No runs that are done in '{store.root}'. `bench run` makes some; --results DIR names others."
        )
    return first


def _folder_name(board: Board) -> str:
    """Where what compares the rows of a board is written."""
    dataset = re.sub(r"\W+", "_", board.dataset).strip("_")
    return f"{dataset}-{board.settings}-{board.budget}-{board.records[0].spec.dataset_checksum[:8]}"


def _line(folder: Path, paths: Sequence[Path]) -> str:
    """'FOLDER: atoms, gamma (png, pdf)'."""
    names = dict.fromkeys(path.stem for path in paths)
    kinds = dict.fromkeys(path.suffix[1:] for path in paths)
    return f"{folder}: {', '.join(names)} ({', '.join(kinds)})"
