"""The comparison of two rows as text."""

from __future__ import annotations

from collections.abc import Sequence

from tabulate import tabulate

from bench.compare.boards import Board
from bench.compare.pairs import Comparison
from bench.compare.stats import MIN_SEEDS, Interval
from bench.show.tables import format_interval

EXPLANATION = (
    "difference: A - B, mean over the shared seeds ± 95% paired t interval. better: where a paired t test rejects "
    "equality at 5%, Holm-adjusted over all metrics that the two share."
)


def pairs_text(board: Board, comparisons: Sequence[Comparison], first: str, second: str) -> str:
    """A table: each metric's means, difference with interval, and what may be concluded."""
    header = ["metric", "seeds", first, second, "difference", "better"]
    rows = [
        [
            c.column.header,
            c.seeds,
            format_interval(Interval(c.first, None)),
            format_interval(Interval(c.second, None)),
            format_interval(c.difference),
            c.better or _why_not(c),
        ]
        for c in comparisons
    ]
    align = ("left", "right", "right", "right", "right", "left")
    return f"{board.title}\n{tabulate(rows, header, 'simple', disable_numparse=True, colalign=align)}"


def _why_not(comparison: Comparison) -> str:
    if comparison.column.info.direction == "none":
        return ""
    return "too few seeds" if comparison.seeds < MIN_SEEDS else "not separable"
