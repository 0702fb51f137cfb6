"""Readings as tables for a paper: markdown, latex or csv."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
from tabulate import tabulate

from bench.compare.boards import Row
from bench.compare.readings import Reading
from bench.errors import unknown
from bench.show.answers import at
from bench.show.readings import cells, is_marked, seeds
from bench.show.tables import HALF_WIDTH, booktabs, csv_text, escape_latex, escape_markdown

FORMATS = ("markdown", "latex", "csv")


def paper(readings: Sequence[Reading], names: Sequence[str], form: str, caption: str = "", label: str = "") -> str:
    """All readings in one of `FORMATS`.

    Parameters
    ----------
    names : sequence of str
        Models or rows, in the order in which they are shown; none: all. Marks are those among all rows.
    caption : str
        Of each table; "": what it is of.
    label : str
        What latex calls a table; the second of several ends in -2.
    """
    shown = [(reading, _rows(reading, names)) for reading in readings]
    unread = set(names) - {name for _, rows in shown for row in rows for name in (row.model, row.label)}
    if unread:
        known = {name for reading in readings for row in reading.board.rows for name in (row.model, row.label)}
        raise unknown("row in --rows", min(unread), known)
    if form == "csv":
        return csv_text(pd.DataFrame([line for reading, rows in shown for line in lines(reading, rows)])).rstrip()
    draw = _latex if form == "latex" else _markdown
    labels = [f"{label}-{i}" if label and i > 1 else label for i in range(1, len(shown) + 1)]
    parts = [draw(*each, caption or f"{at(each[0])}.", name) for each, name in zip(shown, labels, strict=True)]
    return "\n\n".join(parts)


def _rows(reading: Reading, names: Sequence[str]) -> list[Row]:
    rows = reading.board.rows
    return [row for name in names for row in rows if name in (row.model, row.label)] if names else list(rows)


def _markdown(reading: Reading, rows: Sequence[Row], caption: str, _: str) -> str:
    header = ["model", "seeds", *(escape_markdown(column.header) for column in reading.board.columns)]
    body = [_cells(reading, row, escape_markdown, "**{}**") for row in rows]
    align = ["left", "left", *["right"] * (len(header) - 2)]
    return f"{escape_markdown(caption)}\n\n{tabulate(body, header, 'pipe', disable_numparse=True, colalign=align)}"


def _latex(reading: Reading, rows: Sequence[Row], caption: str, label: str) -> str:
    header = ["model", "seeds", *(escape_latex(column.header) for column in reading.board.columns)]
    body = booktabs([header, *(_cells(reading, row, escape_latex, r"\textbf{{{}}}") for row in rows)])
    lines = [r"\begin{table}", r"\centering", rf"\caption{{{escape_latex(caption)}}}"]
    return "\n".join([*lines, *([rf"\label{{{label}}}"] if label else []), body, r"\end{table}"])


def _cells(reading: Reading, row: Row, escape: Any, bold: str) -> list[str]:
    """Label, seeds and numbers of a row; those that are marked in bold."""
    numbers = [
        bold.format(escape(number)) if is_marked(reading, row, column) else escape(number)
        for column, number in zip(reading.board.columns, cells(reading, row), strict=True)
    ]
    return [escape(row.label), seeds(reading, row), *numbers]


def lines(reading: Reading, rows: Sequence[Row]) -> list[dict[str, Any]]:
    """A line for each row, as csv has it: what is not reached, or not there, is empty."""
    board = reading.source
    where = {"dataset": board.dataset, "settings": board.settings, "budget": board.budget}
    where |= {"price": reading.price.metric, "at": reading.price.value}
    found = []
    for row in rows:
        line: dict[str, Any] = {"model": row.label, **where, "seeds": row.n_done}
        for column in reading.board.columns:
            interval = row.intervals.get(column.name)
            line[column.name] = interval.mean if interval else None
            line[f"{column.name}{HALF_WIDTH}"] = interval.half_width if interval else None
        found.append(line)
    return found
