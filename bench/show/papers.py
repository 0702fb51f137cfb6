"""Readings as tables for a paper: markdown, latex or csv."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from bench.compare.boards import Row
from bench.compare.readings import Reading
from bench.errors import unknown
from bench.show.answers import at, level
from bench.show.readings import table_of
from bench.show.tables import HALF_WIDTH, NEEDS, booktabs, csv_text, escape_latex, escape_markdown, pipes

FORMATS = ("markdown", "latex", "csv")
FLOOR = "†"
"""Behind the name of a row that is not ranked."""


def paper(readings: Sequence[Reading], names: Sequence[str], form: str, caption: str = "", label: str = "") -> str:
    """All readings in one of `FORMATS`.

    Parameters
    ----------
    names : sequence of str
        Models or rows, in the order in which they are shown; none: all. Marks are those among all rows.
    caption : str
        Of each table; "": what it is of, and how it is read.
    label : str
        What latex calls a table; the second of several ends in -2.
    """
    shown = [(reading, rows_named(reading, names)) for reading in readings]
    unread = set(names) - {name for _, rows in shown for row in rows for name in (row.model, row.label)}
    if unread:
        known = {name for reading in readings for row in reading.board.rows for name in (row.model, row.label)}
        raise unknown("row in --rows", min(unread), known)
    if form == "csv":
        return csv_text([line for reading, rows in shown for line in lines(reading, rows)]).rstrip()
    draw = _latex if form == "latex" else _markdown
    labels = [f"{label}-{i}" if label and i > 1 else label for i in range(1, len(shown) + 1)]
    parts = [draw(*each, caption or _caption(*each), name) for each, name in zip(shown, labels, strict=True)]
    return "\n\n".join([NEEDS, *parts] if form == "latex" else parts)


def rows_named(reading: Reading, names: Sequence[str]) -> list[Row]:
    """The rows of some models, or with some labels, in this order; all where none is named."""
    rows = reading.board.rows
    return [row for name in names for row in rows if name in (row.model, row.label)] if names else list(rows)


def _caption(reading: Reading, rows: Sequence[Row]) -> str:
    """What a table is of, and what those of its signs say that it has."""
    where, columns = level(reading), [column.name for column in reading.board.columns]
    intervals = [row.intervals[name] for row in rows for name in columns if name in row.intervals]
    varied = [row for row in rows if not row.deterministic and not row.imported]
    is_partial = any(row.n_done < len(reading.source.seeds) for row in varied)
    seeds_say = f"Seeds: those that reach {where}, of all"
    signs = {
        "Mean over seeds ± half-width of the 95% t interval": any(each.half_width is not None for each in intervals),
        "Bold: the best, and what t tests cannot tell apart from it (5%)": any(
            row.label in reading.board.ties.get(name, ()) for row in rows for name in columns
        ),
        f"{seeds_say}; a row is ranked if all do" if reading.partial else seeds_say: is_partial,
        "Fixed: no seed changes the row": any(row.deterministic for row in rows),
        f"{FLOOR}: a floor, not ranked": any(row.label in reading.floors for row in rows),
    }
    return " ".join(f"{words}." for words in (at(reading), *(words for words, has in signs.items() if has)))


def _markdown(reading: Reading, rows: Sequence[Row], caption: str, _: str) -> str:
    return f"{escape_markdown(caption)}\n\n{pipes(_table(reading, rows, escape_markdown, '**{}**'))}"


def _latex(reading: Reading, rows: Sequence[Row], caption: str, label: str) -> str:
    body = booktabs(_table(reading, rows, escape_latex, r"\textbf{{{}}}"))
    lines = [r"\begin{table}", r"\centering", rf"\caption{{{escape_latex(caption)}}}"]
    return "\n".join([*lines, *([rf"\label{{{label}}}"] if label else []), body, r"\end{table}"])


def _table(reading: Reading, rows: Sequence[Row], escape: Callable[[str], str], bold: str) -> list[list[str]]:
    """Header and rows; marked numbers are in bold, and floors have a sign."""
    header, *body = table_of(reading, rows, lambda cell, best: bold.format(cell) if best else cell, escape)
    signs = [escape(f" {FLOOR}") if row.label in reading.floors else "" for row in rows]
    return [header, *([name + sign, *cells] for (name, *cells), sign in zip(body, signs, strict=True))]


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
