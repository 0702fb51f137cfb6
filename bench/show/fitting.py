"""Text that fits the terminal: words wrap inside their column, and the columns that matter least go."""

from __future__ import annotations

import itertools
import re
import shutil
from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.text import Text

from bench.errors import printable

GAP = "  "
UNBROKEN = re.compile(r"\s*(?:`[^`]*`|\S)+")
"""A word, or a command in backticks with what touches it, and the space before it."""
NARROWEST = 16
"""Cells to which a column of names is wrapped, at least."""


def room() -> int | None:
    """Cells that a line may take: COLUMNS where it is set, else the terminal's; None where a file or a pipe reads."""
    return shutil.get_terminal_size((0, 0)).columns or None


def paragraph(text: str, width: int | None = None) -> str:
    """Text whose lines break between words, and not within what stands in backticks: a command is to be copied.

    What is longer than a line has one of its own, and is left to the terminal, which copies it in one piece.
    """
    return "\n".join(_filled(line, width) for line in text.split("\n")) if width else text


def table(
    header: Sequence[str],
    rows: Sequence[Sequence[Any]],
    width: int | None = None,
    words: Mapping[int, int] = MappingProxyType({0: NARROWEST}),
    spare: Sequence[int] = (),
    right: Collection[int] = (),
    rest: str = "not shown: {}",
) -> str:
    """A table in at most `width` cells, if that can be had; without a header, columns only.

    Columns that may go do so before a word is broken, unless it is longer than half a line.

    Parameters
    ----------
    words : mapping
        Columns that may be wrapped -> cells that they need at least.
    spare : sequence of int
        Columns that may go, the one that goes first first.
    right : collection of int
        Columns that are aligned on the right.
    rest : str
        A last line that names the columns that have gone.
    """
    cells = [[printable(str(cell)) for cell in row] for row in ([header] if header else []) + list(rows)]
    wanted = {column: max(map(_longest, each)) for column, each in enumerate(zip(*cells, strict=True))}

    def sizes(most: int, least: Mapping[int, int]) -> dict[int, int]:
        return {column: min(size, max(most, least.get(column, size))) for column, size in wanted.items()}

    def fits(most: int, least: Mapping[int, int]) -> bool:
        return width is None or sum(sizes(most, least).values()) + len(GAP) * (len(wanted) - 1) <= width

    gone = []
    whole = _whole_words(words, cells, width)
    for column in spare:
        if not fits(0, whole):
            gone.append(column)
            del wanted[column]
    least = whole if fits(0, whole) else words
    chosen = sizes(next((most for most in range(max(wanted.values()), 0, -1) if fits(most, least)), 0), least)
    lines = [_drawn([row[column] for column in chosen], chosen, right) for row in cells[bool(header) :]]
    if header:
        lines.insert(0, _drawn([cells[0][column] for column in chosen], chosen, right, low=True))
        lines.insert(1, GAP.join("-" * size for size in chosen.values()))
    if gone:
        names = ", ".join(" ".join(header[column].split()) for column in sorted(gone) if header)
        lines.append(paragraph(rest.format(names), width))
    return "\n".join(lines)


def _whole_words(words: Mapping[int, int], cells: Sequence[Sequence[str]], width: int | None) -> dict[int, int]:
    """Columns that may be wrapped -> cells from which no word of theirs is broken, half a line at most."""
    longest = {column: max(cell_len(word) for row in cells for word in _words(row[column])) for column in words}
    return {column: max(words[column], min(size, (width or 0) // 2)) for column, size in longest.items()}


def _drawn(row: Sequence[str], sizes: Mapping[int, int], right: Collection[int], low: bool = False) -> str:
    """A row, of as many lines as its longest cell has; `low`: the last lines of its cells are side by side."""
    step = -1 if low else 1
    wrapped = [_wrapped(cell, size)[::step] for cell, size in zip(row, sizes.values(), strict=True)]
    lines = []
    for parts in [*itertools.zip_longest(*wrapped, fillvalue="")][::step]:
        padded = [
            " " * (size - cell_len(part)) + part if column in right else set_cell_size(part, size)
            for part, (column, size) in zip(parts, sizes.items(), strict=True)
        ]
        lines.append(GAP.join(padded).rstrip())
    return "\n".join(lines)


def _filled(line: str, width: int) -> str:
    """A line as several, none of which breaks a word or a quoted command; they begin where its words do."""
    if cell_len(line) <= width:
        return line
    indent = line[: len(line) - len(line.lstrip())]
    lines: list[str] = []
    for piece in UNBROKEN.findall(line):
        if lines and cell_len(lines[-1]) + cell_len(piece) <= width:
            lines[-1] += piece
        else:
            lines.append(indent + piece.lstrip())
    return "\n".join(lines)


def _wrapped(cell: str, size: int) -> list[str]:
    """A cell as lines that are broken between words, or in a word that is longer than a line."""
    if _longest(cell) <= size:
        return cell.splitlines() or [""]
    words = [" ".join(_words(word)) if cell_len(word) > size else word for word in cell.split(" ")]
    return [line.plain.rstrip() for line in Text(" ".join(words)).wrap(Console(), size, overflow="fold")]


def _words(cell: str) -> list[str]:
    """What a cell may be broken between: a long name=value behind the sign, not within the number."""
    return cell.replace("=", "= ").split() or [""]


def _longest(cell: str) -> int:
    return max(map(cell_len, cell.splitlines()), default=0)
