"""`bench.leaderboard`: boards from the records alone, which a notebook shows as tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from bench import RESULTS
from bench.api.arguments import require, results_folder
from bench.compare.answers import answer, answering, floors_of
from bench.compare.boards import Board, Column, build
from bench.compare.columns import columns as columns_of
from bench.compare.prices import parse_price
from bench.compare.readings import Reading, read
from bench.errors import BenchError, unknown
from bench.plan.request import comma_separated
from bench.show import legends, notebook, readings as show_readings, tables
from bench.show.papers import lines, rows_named
from bench.store.record import Record, metric_of
from bench.store.runs import RunStore

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Leaderboard:
    """Boards, and what they say at a price. A notebook shows it as tables; `str` is what a terminal shows."""

    boards: Sequence[Board]
    """One for each data set, setting and budget."""
    readings: Sequence[Reading] = ()
    """Where a price was asked for: each board at each price, shown in place of the boards."""

    def frame(self) -> pd.DataFrame:
        """A row for each row of the tables: means, and half-widths of the 95% intervals in columns `*_ci95`."""
        import pandas as pd

        if not self.readings:
            return tables.frame(self.boards)
        return pd.DataFrame([line for reading in self.readings for line in lines(reading, reading.board.rows)])

    def __str__(self) -> str:
        parts = [show_readings.text(r) for r in self.readings] or [tables.text(board) for board in self.boards]
        return "\n\n".join([*parts, *legends.of_shown(self.boards, self.readings)])

    __repr__ = __str__

    def _repr_markdown_(self) -> str:
        return notebook.markdown(self.boards, self.readings)

    def _repr_html_(self) -> str:
        return notebook.html(self.boards, self.readings)


def leaderboard(
    results: Path | str | pd.DataFrame = RESULTS,
    at: str | Sequence[str] = (),
    columns: str | Sequence[str] | None = None,
) -> Leaderboard:
    """Rank models, with intervals over seeds and ties, from the records alone.

    Parameters
    ----------
    results : path or DataFrame
        A results folder; or what `bench.run` or `bench.results` returned, or rows of it: of these runs alone.
    at : str or sequence of str
        Compare at an equal price: "l0=10", "fvu=0.2", any metric; "l0=4..32" is the mean over a range.
    columns : str or sequence of str, optional
        The metrics to show, by their names or headings; by default those of the printed board.

    Raises
    ------
    BenchError
        There are no records, or a price or a column is none.

    Examples
    --------
    >>> import bench
    >>> table = bench.run("topk,pca", "digits", seeds=1, budget="smoke", metrics="fvu,l0", verbose=False)
    >>> board = bench.leaderboard(table)
    >>> print(str(board).splitlines()[0])
    digits, native setting, smoke budget
    >>> board.frame()[["model", "seeds", "failed"]].values.tolist()
    [['pca', 1, 0], ['topk', 1, 0]]
    """
    require("at", at, (str, list, tuple), "prices such as 'l0=10'")
    if columns is not None:
        require("columns", columns, (str, list, tuple), "names of metrics")
    store, records = _chosen(results)
    boards = build_boards(records, store)
    prices = [at] if isinstance(at, str) else list(at)
    names = columns if columns is None or isinstance(columns, str) else ",".join(map(str, columns))
    if prices:
        return Leaderboard(boards, readings_at(boards, store, prices, names))
    return Leaderboard(boards if names is None else with_columns(boards, names))


def _chosen(results: Path | str | pd.DataFrame) -> tuple[RunStore, list[Record]]:
    """The records of a folder, or of the runs in a table. BenchError where there are none."""
    if isinstance(results, Path | str) or not hasattr(results, "attrs"):
        store = RunStore(results_folder(results))
        records = store.scan().records
    elif "run" in results and "results" in results.attrs:
        store = RunStore(Path(results.attrs["results"]))
        records = [store.find(run_id) for run_id in results["run"].unique()]
    else:
        raise BenchError(
            "This table is no longer one of bench.run or bench.results: it lacks the column 'run', or its attrs. "
            "Choose rows of theirs, or name the results folder."
        )
    if not records:
        raise BenchError(f"No records that can be read in '{store.root}'. Make some with bench.run(...).")
    return store, records


def build_boards(records: Sequence[Record], store: RunStore) -> list[Board]:
    """All boards of some records."""
    codes = {record.run_id: store.folder(record.run_id).legend().codes for record in records}
    return build(records, columns_of(records, store), codes)


def readings_at(
    boards: Sequence[Board], store: RunStore, at: Sequence[str] | None, columns: str | None, rows: Sequence[str] = ()
) -> list[Reading]:
    """Each board at each price that is asked for, else at the one that its answer is about. BenchError for none.

    Columns that none of the rows that are named has, of all where none is, are left out, unless they are asked for.
    """
    known = {column.name for board in boards for column in board.columns}
    asked = None if columns is None else _asked(boards, columns)
    found = []
    for board in boards:
        floors, shown = floors_of(board, store), _columns(board, asked)
        chosen = None if at else answer(board, floors).chosen
        prices = [parse_price(text, known) for text in at or ()] if not chosen else [chosen.price]
        own = {column.name for column in board.columns}
        found += [read(board, price, shown, floors) for price in prices if price.metric in own]
    if not found:
        raise BenchError("No two models reach one price; name one that you want to see with --at, e.g. --at l0=10.")
    return [_filled(reading, rows) for reading in found] if columns is None else found


def _filled(reading: Reading, names: Sequence[str]) -> Reading:
    """The reading without the columns that no row has, of those that are named; with all where nothing is reached."""
    rows = rows_named(reading, names)
    columns = [column for column in reading.board.columns if any(column.name in row.intervals for row in rows)]
    return replace(reading, board=replace(reading.board, columns=columns or reading.board.columns))


def with_columns(boards: Sequence[Board], names: str) -> list[Board]:
    """The same boards, which show the columns that are asked for. BenchError for a name that is none."""
    asked, changed = _asked(boards, names), []
    for board in boards:
        shown = _columns(board, asked)
        columns = [*shown, *(column for column in board.columns if column not in shown)]
        told = [replace(c, info=replace(c.info, headline=c in shown)) for c in columns]
        changed.append(replace(board, columns=told))
    return changed


def _asked(boards: Sequence[Board], names: str) -> list[str]:
    """Names of metrics, for which headings of columns may stand. BenchError for what is neither."""
    columns = sorted((c for board in boards for c in board.columns), key=lambda c: c.info.headline)  # these win
    headings = {column.info.label.casefold(): column.name for column in columns}
    valid = {name for column in columns for name in (column.name, metric_of(column.name))}
    asked = [name if name in valid else headings.get(name.casefold(), name) for name in comma_separated(names)]
    for name in asked:
        if name not in valid:
            raise unknown("metric in --columns", name, valid, "`python -m bench list metrics` says what each is.")
    return asked


def _columns(board: Board, asked: Sequence[str] | None) -> list[Column]:
    """The columns of a board that are asked for: of a metric of several numbers all, or the one that is named."""
    if asked is None:
        first = answering(board)
        return [column for column in board.columns if column.info.headline or column in first]
    return [c for name in asked for c in board.columns if name in (c.name, metric_of(c.name))]
