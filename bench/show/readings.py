"""Readings at a price as tables: for the terminal, for a paper, and for the page."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import partial

from bench.compare.boards import Column, Row
from bench.compare.readings import Reading
from bench.show import fitting
from bench.show.answers import at, lacking, level
from bench.show.tables import FIRST_METRIC, Mark, format_interval, seed_count, starred


def cells(reading: Reading, row: Row) -> list[str]:
    """A row's numbers with their intervals; (3/5) where some seeds that reach the price lack one; else why it lacks."""
    columns = reading.board.columns
    if not row.n_done:
        return [lacking(reading).lower(), *("" for _ in columns[1:])]
    return [_cell(row, column) for column in columns]


def _cell(row: Row, column: Column) -> str:
    if column.name not in row.intervals:
        return "n/a"
    n = len(row.values[column.name])
    some = f" ({n}/{row.n_done})" if n < row.n_done and not row.deterministic else ""
    return format_interval(row.intervals[column.name]) + some


def seeds(reading: Reading, row: Row) -> str:
    """How many seeds reach the price: '3/5'; 'fixed' where no seed matters, 'imported' where there are none."""
    return seed_count(reading.source, row) if row.n_done or not row.imported else "imported"


def is_marked(reading: Reading, row: Row, column: Column) -> bool:
    """Whether a row is the best of a column, or not told apart from it."""
    return row.label in reading.board.ties.get(column.name, ())


def rank_text(ranks: tuple[int, int] | None) -> str:
    """'1-3', or '2'; "" for no rank."""
    return "-".join(map(str, dict.fromkeys(ranks))) if ranks else ""


def table_of(
    reading: Reading, rows: Sequence[Row], mark: Mark, escape: Callable[[str], str], ranked: bool = False
) -> list[list[str]]:
    """Header and rows of a reading, every cell a string; `ranked`: with the ranks behind the numbers."""
    columns = reading.board.columns
    ranks = [reading.ranks(column) if ranked else {} for column in columns]
    table = [["model", "seeds", *(escape(column.header) for column in columns)]]
    for row in rows:
        numbers = []
        for column, number, of in zip(columns, cells(reading, row), ranks, strict=True):
            rank = rank_text(of.get(row.label))
            numbers.append(mark(escape(f"{number} [{rank}]" if rank else number), is_marked(reading, row, column)))
        table.append([escape(row.label), seeds(reading, row), *numbers])
    return table


def text(reading: Reading, width: int | None = None) -> str:
    """A reading for the terminal."""
    columns = reading.board.columns
    header, *rows = starred(partial(table_of, reading, reading.board.rows, ranked=True))
    places = range(FIRST_METRIC, FIRST_METRIC + len(columns))
    spare = sorted(places[:0:-1], key=lambda place: bool(columns[place - FIRST_METRIC].info.answer))
    table = fitting.table(header, rows, width, spare=spare, right=places)
    return f"{at(reading)}\n{table}"


def over_datasets(readings: Sequence[Reading], width: int | None = None) -> list[str]:
    """Ranks over data sets, a table for each price, setting and budget that several data sets share."""
    groups: dict[tuple[str, ...], list[Reading]] = defaultdict(list)
    for reading in readings:
        groups[level(reading), reading.source.settings, reading.source.budget].append(reading)
    return [_ranks_over(group, width) for group in groups.values() if len({r.source.dataset for r in group}) > 1]


def _ranks_over(readings: Sequence[Reading], width: int | None) -> str:
    """Model by metric: the lowest and the highest rank that tests allow on any data set, and on how many it has one."""
    found: dict[str, dict[str, list[tuple[int, int]]]] = defaultdict(lambda: defaultdict(list))
    headers: dict[str, str] = {}
    for reading in readings:
        for column in reading.board.columns:
            for label, rank in reading.ranks(column).items():
                found[label][column.name].append(rank)
                headers[column.name] = column.header

    def words(ranks: Sequence[tuple[int, int]]) -> str:
        ends = (min(low for low, _ in ranks), max(high for _, high in ranks)) if ranks else None
        return f"{rank_text(ends)} ({len(ranks)}/{len(readings)})" if ends else "-"

    rows = [[label, *(words(by_metric[name]) for name in headers)] for label, by_metric in found.items()]
    title = f"Ranks over {len(readings)} data sets at {level(readings[0])}: the lowest and the highest on any of them"
    return f"{title}\n{fitting.table(['model', *headers.values()], rows, width, spare=range(len(headers), 0, -1))}"
