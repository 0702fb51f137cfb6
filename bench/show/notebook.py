"""Boards, or readings at a price, as a notebook shows them: tables in HTML or markdown, the best in bold."""

from __future__ import annotations

import html as html_text
from collections.abc import Callable, Iterator, Sequence

from bench.compare.boards import Board
from bench.compare.readings import Reading
from bench.errors import printable
from bench.show.answers import at
from bench.show.legends import of_shown
from bench.show.readings import table_of
from bench.show.tables import cells_of, escape_markdown, pipes

Escape = Callable[[str], str]
Table = tuple[str, list[list[str]]]
"""A title, and a header and rows."""


def html(boards: Sequence[Board], readings: Sequence[Reading] = ()) -> str:
    """A table for each reading, or else for each board, and how it is read."""

    def draw(title: str, rows: list[list[str]]) -> str:
        lines = ["".join(f"<{tag}>{cell}</{tag}>" for cell in row) for row, tag in zip(rows, tags(rows), strict=True)]
        body = "\n".join(f"<tr>{line}</tr>" for line in lines)
        return f"<table>\n<caption>{title}</caption>\n{body}\n</table>"

    def tags(rows: list[list[str]]) -> list[str]:
        return ["th", *("td" for _ in rows[1:])]

    drawn = [draw(*table) for table in _tables(boards, readings, _escape_html, "<b>{}</b>")]
    legend = [f"<p>{_escape_html(words)}</p>" for words in of_shown(boards, readings, "bold:")]
    return "\n".join(["<div>", *drawn, *legend, "</div>"])


def markdown(boards: Sequence[Board], readings: Sequence[Reading] = ()) -> str:
    """The same in markdown."""
    drawn = [f"{title}\n\n{pipes(table)}" for title, table in _tables(boards, readings, escape_markdown, "**{}**")]
    legend = [escape_markdown(words) for words in of_shown(boards, readings, "bold:")]
    return printable("\n\n".join([*drawn, *legend]))


def _escape_html(text: str) -> str:
    return html_text.escape(printable(text))


def _tables(boards: Sequence[Board], readings: Sequence[Reading], escape: Escape, bold: str) -> Iterator[Table]:
    def mark(cell: str, best: bool) -> str:
        return bold.format(cell) if best else cell

    for reading in readings:
        yield escape(at(reading)), table_of(reading, reading.board.rows, mark, escape, ranked=True)
    for board in boards if not readings else ():
        yield escape(board.title), cells_of(board, mark, escape)
