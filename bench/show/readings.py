"""Readings at a price as tables: for the terminal, for a paper, and for the page."""

from __future__ import annotations

import textwrap
from collections import defaultdict
from collections.abc import Sequence
from functools import partial

from bench.compare.boards import Column, Row
from bench.compare.readings import Reading
from bench.errors import clipped
from bench.show import fitting
from bench.show.answers import at, level
from bench.show.tables import FIRST_METRIC, HEADER_WIDTH, LABEL_WIDTH, format_interval

EXPLANATION = (
    "± 95% t interval over seeds, of values read from each seed's own curve (monotone cubic in the logarithm of the "
    "price, never beyond its ends); * best, or not told apart from it (t tests, 5%); [1-3]: the ranks that paired "
    "tests allow, Holm-adjusted. Floors have no rank."
)
NOT_REACHED = "not reached"


def cells(reading: Reading, row: Row) -> list[str]:
    """A row's numbers with their intervals; (3/5) where some seeds that reach the price lack one; else why it lacks."""
    columns = reading.board.columns
    if not row.n_done:
        return [NOT_REACHED, *("" for _ in columns[1:])]
    return [_cell(row, column) for column in columns]


def _cell(row: Row, column: Column) -> str:
    if column.name not in row.intervals:
        return "n/a"
    n = len(row.values[column.name])
    some = f" ({n}/{row.n_done})" if n < row.n_done and not row.deterministic else ""
    return format_interval(row.intervals[column.name]) + some


def seeds(reading: Reading, row: Row) -> str:
    """How many seeds reach the price: '3/5'; 'fixed' where no seed matters."""
    return "fixed" if row.deterministic else f"{row.n_done}/{len(reading.source.seeds)}"


def is_marked(reading: Reading, row: Row, column: Column) -> bool:
    """Whether a row is the best of a column, or not told apart from it."""
    return row.label in reading.board.ties.get(column.name, ())


def rank_text(ranks: tuple[int, int] | None) -> str:
    """'1-3', or '2'; "" for no rank."""
    return "-".join(map(str, dict.fromkeys(ranks))) if ranks else ""


def text(reading: Reading, width: int | None = None) -> str:
    """A reading for the terminal."""
    columns = reading.board.columns
    ranks = {column.name: reading.ranks(column) for column in columns}

    def words(row: Row, column: Column, number: str) -> str:
        rank = rank_text(ranks[column.name].get(row.label))
        star = " *" if is_marked(reading, row, column) else "  " if reading.board.ties.get(column.name) else ""
        return f"{number}{f' [{rank}]' if rank and column.name in row.values else ''}{star}"

    rows = [
        [clipped(row.label, LABEL_WIDTH), seeds(reading, row), *map(partial(words, row), columns, cells(reading, row))]
        for row in reading.board.rows
    ]
    heads = [textwrap.fill(c.header, HEADER_WIDTH, break_long_words=False, break_on_hyphens=False) for c in columns]
    places = range(FIRST_METRIC, FIRST_METRIC + len(columns))
    spare = sorted(places[:0:-1], key=lambda place: bool(columns[place - FIRST_METRIC].info.answer))
    table = fitting.table(["model", "seeds", *heads], rows, width, spare=spare, right=places)
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
