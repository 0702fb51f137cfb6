"""Boards -> text, markdown, csv, json and latex, from one source of numbers."""

from __future__ import annotations

import csv
import html
import io
import math
import re
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tabulate import tabulate

from bench.compare.boards import Board, Column, Row, caveats, compared_at_a_price, remarks
from bench.compare.stats import Interval
from bench.errors import BenchError, clipped, first_line, printable
from bench.show import fitting
from bench.show.json_text import json_text
from bench.store.files import write_text
from bench.store.record import Record

if TYPE_CHECKING:
    import pandas as pd

Mark = Callable[[str, bool], str]
"""A cell, and whether it is among the best -> the cell as it is shown."""

FIRST_METRIC = 2
"""Column of a board behind the row's name and its seeds."""

HEADER_WIDTH = 10
"""Characters after which a header wraps in the terminal."""

FIXED = ("model", "dataset", "settings", "budget", "variant", "seeds", "failed")
HALF_WIDTH = "_ci95"
"""Columns of the csv that every row has, and the end of those of intervals."""

LABEL_WIDTH = 100
"""Characters of a row's name in the terminal, at most."""

NEEDS = r"% needs \usepackage{booktabs}"
"""How latex begins."""

EXPONENT = re.compile(r"(?<![\w.-])(-?\d[\d.]*)e([+-]\d+)\b")
"""A number such as 3.823e-05."""

LARGE, MAX_DECIMALS = 1e9, 6
"""Beyond these, numbers are written with an exponent."""


@dataclass(frozen=True)
class Tables:
    """What the files and the page have in common, made once."""

    boards: Sequence[Board]
    """In the order in which they are shown."""

    @cached_property
    def content(self) -> dict[str, Any]:
        """What leaderboard.json holds."""
        return as_dict(self.boards)

    @cached_property
    def csv(self) -> str:
        """What leaderboard.csv holds."""
        return csv_text(*_lines(self.boards))

    @cached_property
    def latex(self) -> str:
        """What leaderboard.tex holds."""
        return latex(self.boards)

    def write(self, folder: Path) -> None:
        """Write leaderboard.md, .csv, .json and .tex into a folder. BenchError where it cannot."""
        write_texts(
            {
                "leaderboard.md": markdown(self.boards),
                "leaderboard.csv": self.csv,
                "leaderboard.json": json_text(self.content, indent=1),
                "leaderboard.tex": self.latex,
            },
            folder,
        )


def write_texts(texts: Mapping[str, str], folder: Path) -> None:
    """Write texts under their file names. BenchError where the folder refuses."""
    path = folder
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, text in ((folder / name, text) for name, text in texts.items()):
            write_text(path, printable(text))
    except OSError as error:
        raise BenchError(
            f"'{path}' cannot be written ({error.strerror}); name another folder (--out, or --site of a site)."
        ) from error


def text(board: Board, width: int | None = None) -> str:
    """A board for the terminal; * marks the best and what cannot be told from it.

    In a width that does not hold it the columns that say most are shown, and the others named.
    """
    header, *rows = starred(partial(cells_of, board))
    spare = [FIRST_METRIC + place for place in reversed(_by_weight(board)[1:])]
    rest = "also measured: {}; all in leaderboard.md"
    metrics = range(FIRST_METRIC, len(header))
    return f"{board.title}\n{fitting.table(header, rows, width, spare=spare, right=metrics, rest=rest)}"


def starred(table_of: Callable[[Mark, Callable[[str], str]], list[list[str]]]) -> list[list[str]]:
    """A table for the terminal: header and rows, of which a star marks the best; other cells leave room for one."""
    header, *rows = table_of(
        lambda cell, best: f"{cell}{' *' if best else '  '}", lambda words: clipped(words, LABEL_WIDTH)
    )
    stars = {column for row in rows for column, words in enumerate(row) if words.endswith(" *")}
    rows = [[words if column in stars else words.rstrip() for column, words in enumerate(row)] for row in rows]
    wrapped = [textwrap.fill(word, HEADER_WIDTH, break_long_words=False, break_on_hyphens=False) for word in header]
    return [wrapped, *rows]


def _by_weight(board: Board) -> list[int]:
    """Places of the headline columns, those that say most first; alike ones stay in the board's order.

    Those that most rows have come before the others, what is ranked or a price before what only describes.
    """

    def weight(place: int) -> tuple[bool, bool]:
        column = board.headline[place]
        described = column.info.direction == "none" and not column.info.price
        return 2 * sum(column.name in row.values for row in board.rows) < len(board.rows), described

    return sorted(range(len(board.headline)), key=weight)


def markdown(boards: Sequence[Board]) -> str:
    """All boards with their legend and provenance."""
    parts = ["# Leaderboards", *filter(None, (_READING, compared_at_a_price(boards)))]
    for board in boards:
        table = cells_of(board, lambda cell, best: f"**{cell}**" if best else cell, escape_markdown)
        parts += [f"## {escape_markdown(board.title)}", pipes(table), *_failures(board)]
    columns = {column.name: column for board in boards for column in board.headline}
    parts += ["## Columns", "\n".join(_explain(column) for column in columns.values())]
    parts += ["## Provenance", provenance([record for board in boards for record in board.records])]
    return "\n\n".join(parts) + "\n"


_READING = (
    "Mean over seeds on the test split, ± the half-width of the 95% Student-t interval (none below 3 seeds). "
    "**Bold**: the best, and every row that t tests over the seeds cannot tell from it (5%, adjusted for the number of "
    "rows, by the spread of all; 5 seeds or more), and never a row below one that is not. Fixed: the model's numbers "
    "do not depend on the seed; it has one run and no interval, and other rows' seeds are tested against its value. "
    "n/a: the metric does not apply to the model. Every metric is in the csv beside this file."
)


def frame(boards: Sequence[Board]) -> pd.DataFrame:
    """One row per board and row: model, dataset, setting, then mean and interval half-width of every metric."""
    import pandas as pd  # takes longer to import than a small board to make

    lines, names = _lines(boards)
    return pd.DataFrame(lines, columns=names)


def _lines(boards: Sequence[Board]) -> tuple[list[dict[str, Any]], list[str]]:
    """The rows of `frame`, and the names of its columns; a row lacks what it has no number of."""
    lines = []
    for board in boards:
        for row in board.rows:
            cells: dict[str, Any] = {
                "model": row.model,
                "dataset": board.dataset,
                "settings": board.settings,
                "budget": board.budget,
                "variant": " ".join(f"{field}={value}" for field, value in row.variant.items()),
                "seeds": row.n_done,
                "failed": len(row.failures),
            }
            for name, interval in row.intervals.items():
                mean, half_width = _csv_names(name)
                cells |= {mean: interval.mean, half_width: interval.half_width}
            lines.append(cells)
    metrics = [name for board in boards for column in board.columns for name in _csv_names(column.name)]
    return lines, list(dict.fromkeys([*FIXED, *metrics]))


def _csv_names(metric: str) -> tuple[str, str]:
    """Columns of a metric's mean and interval, whatever its name is like."""
    name = f"metric {metric}" if metric in FIXED or metric.endswith(HALF_WIDTH) else metric
    return name, f"{name}{HALF_WIDTH}"


def for_spreadsheet(cell: Any) -> Any:
    """A cell of a csv that no spreadsheet takes for a formula: text that begins like one gets an apostrophe before it.

    So does text that begins with an apostrophe: taking one away from such a cell gives back what it was.
    """
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(("=", "+", "-", "@", "\t", "\r", "'")) else cell


def csv_text(lines: Sequence[Mapping[str, Any]], names: Sequence[str] | None = None) -> str:
    """A table as csv that a spreadsheet may open.

    Parameters
    ----------
    lines : sequence of mapping
        Column -> cell, for each row. What a row lacks is empty.
    names : sequence of str, optional
        The columns; by default those of the rows, in their order.
    """
    names = list(dict.fromkeys(name for line in lines for name in line)) if names is None else names
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(map(for_spreadsheet, names))
    for line in lines:
        cells = [line.get(name) for name in names]
        writer.writerow(["" if cell != cell else for_spreadsheet(cell) for cell in cells])  # NaN is unlike itself
    return text.getvalue()


def as_dict(boards: Sequence[Board]) -> dict[str, Any]:
    """Everything that the tables show, per seed, with the columns' meaning and the provenance of each run."""
    return {
        "boards": [
            {
                "dataset": board.dataset,
                "settings": board.settings,
                "budget": board.budget,
                "columns": [{"name": c.name, **_info(c)} for c in board.columns],
                "rows": [_row_dict(board, row) for row in board.rows],
                "runs": [
                    {"run_id": r.run_id, "status": r.status, "config": r.spec.config, "seed": r.spec.seed}
                    | {"dataset_checksum": r.spec.dataset_checksum, "provenance": r.provenance.model_dump()}
                    for r in board.records
                ],
            }
            for board in boards
        ]
    }


def _info(column: Column) -> dict[str, Any]:
    """How a column is read, without what only drawing needs."""
    return {
        name: value
        for name, value in vars(column.info).items()
        if name not in ("curve", "dimensions", "price", "answer")
    }


def _row_dict(board: Board, row: Row) -> dict[str, Any]:
    metrics = {
        name: {
            "mean": _finite(interval.mean),
            "ci95_half_width": interval.half_width,
            "by_seed": _all_finite(row.values[name]),
            "best_or_tied": row.label in board.ties[name] if name in board.ties else None,
        }
        for name, interval in row.intervals.items()
    }
    head = {"model": row.model, "variant": row.variant, "seeds": row.n_done, "deterministic": row.deterministic}
    head |= {"imported": True} if row.imported else {}
    return head | {"failed": row.failures, "metric_errors": row.metric_errors, "metrics": metrics}


def _all_finite(values: Mapping[int, float]) -> Mapping[int, Any]:
    if math.isfinite(sum(values.values())):
        return values
    return {seed: _finite(value) for seed, value in values.items()}


def latex(boards: Sequence[Board]) -> str:
    """A booktabs table per board."""
    parts = [NEEDS]
    for board in boards:
        table = cells_of(board, lambda cell, best: rf"\textbf{{{cell}}}" if best else cell, escape_latex)
        parts.append(f"% {' '.join(board.title.split())}\n{booktabs(table)}")
    return "\n\n".join(parts) + "\n"


def pipes(table: Sequence[Sequence[str]]) -> str:
    """A table in markdown: a header and rows, of which the first two columns are words."""
    align = ["left", "left", *["right"] * (len(table[0]) - 2)]
    return tabulate(table[1:], table[0], "pipe", disable_numparse=True, colalign=align)


def booktabs(table: Sequence[Sequence[str]]) -> str:
    """A tabular environment: a header and rows, of which the first two columns are words."""
    head, *rows = [" & ".join(row) + r" \\" for row in table]
    begin = rf"\begin{{tabular}}{{ll{'r' * (len(table[0]) - 2)}}}"
    return "\n".join([begin, r"\toprule", head, r"\midrule", *rows, r"\bottomrule", r"\end{tabular}"])


@lru_cache(maxsize=2**17)  # markdown, latex and the page print the same cells
def format_interval(interval: Interval) -> str:
    """'0.1235 ± 0.0012': the half-width to two significant digits or more; the mean alone to four."""
    mean, half = interval
    if half is None or not math.isfinite(mean):
        return format_number(mean)
    if half == 0:
        return f"{format_number(mean)} ± 0"
    decimals = 1 - math.floor(math.log10(float(f"{half:.1e}")))
    if decimals > MAX_DECIMALS or abs(mean) >= LARGE:
        return f"{format_number(mean)} ± {half:.1e}"
    decimals = max(0, decimals)
    return f"{round(mean, decimals) + 0.0:,.{decimals}f} ± {half:,.{decimals}f}"


def format_number(value: float) -> str:
    """Four significant digits; whole numbers whole."""
    if not math.isfinite(value) or value == 0:
        return f"{value:.0f}"
    if abs(value) >= LARGE:
        return f"{value:.3e}"
    if value == int(value):
        return f"{value:,.0f}"
    decimals = 3 - math.floor(math.log10(abs(value)))
    return f"{value:.3e}" if decimals > MAX_DECIMALS else f"{value:,.{max(0, decimals)}f}"


def cells_of(board: Board, mark: Mark, escape: Callable[[str], str]) -> list[list[str]]:
    """Header and rows of the headline columns, every cell a string."""
    columns = board.headline
    table = [["model", "seeds", *(escape(column.header) for column in columns)]]
    for row in board.rows:
        cells = [
            mark(
                escape(cell(row, column)),
                row.label in board.ties.get(column.name, set()) and column.name in row.values,
            )
            for column in columns
        ]
        table.append([escape(row.label), seed_count(board, row), *cells])
    return table


def seed_count(board: Board, row: Row) -> str:
    """How many of the board's seeds a row has done: '2/3 failed' where one failed; 'fixed' where no seed matters.

    Of checkpoints of another library, which have no seeds, 'imported', or how many there are: '3 imported'.
    """
    if row.imported:
        return ("" if row.n_done == 1 else f"{row.n_done} ") + "imported" + (" failed" if row.failures else "")
    if row.deterministic:
        return "fixed"
    return f"{row.n_done}/{len(board.seeds)}" + (" failed" if row.failures else "")


def cell(row: Row, column: Column) -> str:
    """A row's number in a column; 'failed' or 'n/a' where there is none."""
    if column.name in row.intervals:
        missing = len(row.metric_errors.get(column.name, {}))
        counted = f" ({row.n_done - missing}/{row.n_done})" if missing else ""
        return format_interval(row.intervals[column.name]) + counted
    if row.n_done == 0 or column.name in row.metric_errors:
        return "failed"
    return "n/a"


def _failures(board: Board) -> list[str]:
    lines = [
        f"- {escape_markdown(row.label)}, seed {seed}, failed: {escape_markdown(first_line(message))}"
        for row in board.rows
        for seed, message in row.failures.items()
    ]
    lines += [
        f"- {escape_markdown(row.label)}, seed {seed}, {name} failed: {escape_markdown(first_line(message))}"
        for row in board.rows
        for name, messages in row.metric_errors.items()
        for seed, message in messages.items()
    ]
    lines += [f"- {escape_markdown(words)}" for words in (*remarks(board.records), *caveats(board))]
    return ["\n".join(lines)] if lines else []


def _explain(column: Column) -> str:
    info = column.info
    header, name, range_, explanation, source = (
        escape_markdown(" ".join(words.split()))
        for words in (column.header, column.name, info.range, info.explanation, info.source)
    )
    return f"- **{header}** (`{name}`, {range_}): {explanation} Source: {source}."


def provenance(records: Sequence[Record]) -> str:
    """What ran all this, each fact once."""

    def unique(values: Sequence[Any]) -> str:
        return ", ".join(sorted({str(value) for value in values if value is not None}))

    made = [r.provenance for r in records if r.provenance.software and r.provenance.hardware]
    software = [p.software for p in made if p.software]
    hardware = [p.hardware for p in made if p.hardware]
    shown = ("python", "torch", "numpy")
    facts = {
        "commit": unique([s.checkout for s in software if s.commit]),
        "versions": unique([", ".join(f"{n} {s.versions[n]}" for n in shown if n in s.versions) for s in software]),
        "machine": unique([f"{h.cpu}, {h.cores} cores" for h in hardware]),
        "device": unique([f"{p.device}, {p.threads} threads" for p in made]),
        "timings": unique(["taken beside other runs" if r.timings_shared else "taken alone" for r in records]),
        "seeds": unique([record.spec.seed for record in records]),
        "data": unique([f"{r.spec.dataset} sha256:{r.spec.dataset_checksum[:12]}" for r in records]),
        "command": unique([f"`{p.command}`" for p in made]),
        "made": f"{min((p.start for p in made), default='')} to {max((p.end for p in made), default='')}",
    }
    return "\n".join(f"- {name}: {escape_markdown(value)}" for name, value in facts.items() if value)


def _finite(value: float) -> float | str:
    return value if math.isfinite(value) else str(value)


def escape_markdown(text: str) -> str:
    """Text in which nothing has a meaning in a table of markdown."""
    return html.escape(text, quote=False).replace("|", r"\|")


def escape_latex(text: str) -> str:
    """Text in which nothing is a command of latex, and numbers with an exponent are set as a paper has them."""
    replacements = {
        "\\": r"\textbackslash{}",
        "±": r"$\pm$",
        "↓": r"$\downarrow$",
        "↑": r"$\uparrow$",
        "†": r"$\dagger$",
    }
    replacements |= {"^": r"\textasciicircum{}", "~": r"\textasciitilde{}"}
    replacements |= {char: rf"\{char}" for char in "&%$#_{}"}
    escaped = "".join(replacements.get(char, char) for char in text)
    # Digits stay outside of formulas, which \textbf does not make bold.
    return EXPONENT.sub(lambda number: rf"{number[1]}$\times$10$^{{{int(number[2])}}}$", escaped)
