"""The comparison of two rows as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bench.compare.boards import Board
from bench.compare.pairs import Comparison
from bench.compare.stats import MIN_SEEDS, Interval
from bench.show.fitting import NARROWEST, table
from bench.show.tables import format_interval

EXPLANATION = (
    "difference: the first row minus the second, mean over the shared seeds ± 95% paired t interval. better: where a "
    "paired t test rejects equality at 5%, Holm-adjusted over the metrics shown; 'unlike': the row that "
    "is ahead pays more."
)


def pairs_text(
    board: Board, comparisons: Sequence[Comparison], first: str, second: str, width: int | None = None
) -> str:
    """A table: each metric's means, difference with interval, and what may be concluded."""
    header = ["metric", "seeds", first, second, "difference", "better"]
    labels = {column.name: column.info.label for column in board.columns}
    rows = [
        [
            c.column.header,
            c.seeds,
            format_interval(Interval(c.first, None)),
            format_interval(Interval(c.second, None)),
            format_interval(c.difference),
            c.better or _why_not(c, labels),
        ]
        for c in comparisons
    ]
    body = table(header, rows, width, words=dict.fromkeys((0, 2, 3, 5), NARROWEST), spare=(1, 3, 2), right=range(1, 5))
    return f"{board.title}\n{body}"


def _why_not(comparison: Comparison, labels: Mapping[str, str]) -> str:
    if comparison.column.info.direction == "none":
        return ""
    if comparison.seeds < MIN_SEEDS:
        return "too few seeds"
    price = comparison.column.info.against
    return f"unlike {labels.get(price, price)}" if comparison.unlike else "not told apart"
