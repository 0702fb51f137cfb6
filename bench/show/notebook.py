"""Boards, or readings at a price, as a notebook shows them: tables in HTML or markdown, the best in bold."""

from __future__ import annotations

import html as html_text
from collections.abc import Callable, Iterator, Sequence

from tabulate import tabulate

from bench.compare.boards import Board
from bench.compare.readings import Reading
from bench.errors import printable
from bench.show import readings as show_readings
from bench.show.answers import at
from bench.show.tables import cells_of, escape_markdown

Escape = Callable[[str], str]
Table = tuple[str, list[list[str]]]
"""A title, and a header and rows."""


def html(boards: Sequence[Board], readings: Sequence[Reading] = ()) -> str:
    """A table for each reading, or else for each board."""

    def draw(title: str, rows: list[list[str]]) -> str:
        lines = ["".join(f"<{tag}>{cell}</{tag}>" for cell in row) for row, tag in zip(rows, tags(rows), strict=True)]
        body = "\n".join(f"<tr>{line}</tr>" for line in lines)
        return f"<table>\n<caption>{title}</caption>\n{body}\n</table>"

    def tags(rows: list[list[str]]) -> list[str]:
        return ["th", *("td" for _ in rows[1:])]

    return "\n".join(draw(*table) for table in _tables(boards, readings, _escape_html, "<b>{}</b>"))


def markdown(boards: Sequence[Board], readings: Sequence[Reading] = ()) -> str:
    """The same in markdown."""
    parts = []
    for title, (header, *rows) in _tables(boards, readings, escape_markdown, "**{}**"):
        align = ["left", "left", *["right"] * (len(header) - 2)]
        parts.append(f"{title}\n\n{tabulate(rows, header, 'pipe', disable_numparse=True, colalign=align)}")
    return printable("\n\n".join(parts))


def _escape_html(text: str) -> str:
    return html_text.escape(printable(text))


def _tables(boards: Sequence[Board], readings: Sequence[Reading], escape: Escape, bold: str) -> Iterator[Table]:
    for reading in readings:
        yield escape(at(reading)), _cells(reading, escape, bold)
    for board in boards if not readings else ():
        yield escape(board.title), cells_of(board, lambda cell, best: bold.format(cell) if best else cell, escape)


def _cells(reading: Reading, escape: Escape, bold: str) -> list[list[str]]:
    """Header and rows of a reading."""
    columns = reading.board.columns
    table = [["model", "seeds", *(escape(column.header) for column in columns)]]
    for row in reading.board.rows:
        numbers = [
            bold.format(escape(number)) if show_readings.is_marked(reading, row, column) else escape(number)
            for column, number in zip(columns, show_readings.cells(reading, row), strict=True)
        ]
        table.append([escape(row.label), show_readings.seeds(reading, row), *numbers])
    return table
