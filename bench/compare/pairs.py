"""Two rows of a board, metric by metric: paired differences over the seeds that both have."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from bench.compare.boards import Board, Column, Row, prices
from bench.compare.marks import ALIKE
from bench.compare.stats import MIN_SEEDS, Interval, least_spread, paired_p_value, score_table, separable, t_interval
from bench.errors import BenchError, counted, unknown


@dataclass(frozen=True)
class Comparison:
    """One metric of two rows."""

    column: Column
    """The metric."""
    seeds: int
    """Number of seeds that both rows have; only these are compared."""
    first: float
    """Mean of the first row over them."""
    second: float
    """Mean of the second row over them."""
    difference: Interval
    """First minus second, with its paired t interval."""
    better: str
    """Label of the better row, if the metric is ranked, the paired t test, Holm-adjusted over the metrics of the
    comparison, rejects equality at 5%, and the row pays no more than the other; else empty."""
    unlike: bool
    """Whether the row that is better on average pays more in what the metric is bought with, such as L0."""


def boards_with(boards: Sequence[Board], first: str, second: str) -> list[Board]:
    """The boards that have both rows. Raises BenchError if there is none."""
    labels = {row.label: row.model for board in boards for row in board.rows}
    for label in (first, second):
        own = [each for each, model in labels.items() if model == label]
        if label not in labels and own:
            raise BenchError(
                f"'{label}' is {counted(len(own), 'row')}, one for each setting: name one of them, such as '{own[0]}'. "
                "`bench leaderboard --at l0=10` compares models over all their settings, at one price; so does 'Two "
                "models' on the page."
            )
        if label not in labels:
            raise unknown("row", label, labels, "A row is a model with its variant, as the board names it.")
    both = [board for board in boards if {first, second} <= {row.label for row in board.rows}]
    if not both:
        raise BenchError(f"No board has both '{first}' and '{second}': they share no data set, setting and budget.")
    return both


def compare(board: Board, first: str, second: str, columns: Sequence[Column]) -> list[Comparison]:
    """Those of some columns that two rows of a board share, tested together."""
    rows = {row.label: row for row in board.rows}
    paired = {column.name: _paired(rows[first], rows[second], column.name) for column in columns}
    columns = [column for column in columns if paired[column.name]]
    tested = [c for c in columns if c.info.direction != "none" and len(paired[c.name]) >= MIN_SEEDS]
    rejections = separable([_p_value(board, column.name, paired[column.name]) for column in tested])
    separated = {column.name for column, rejected in zip(tested, rejections, strict=True) if rejected}
    return [
        _comparison(column, paired[column.name], rows[first], rows[second], column.name in separated)
        for column in columns
    ]


def _paired(first: Row, second: Row, name: str) -> list[tuple[float, float]]:
    """Values of both rows for each seed that both have."""
    a, b = first.values.get(name, {}), second.values.get(name, {})
    return [(a[seed], b[seed]) for seed in sorted(a.keys() & b.keys())]


def _p_value(board: Board, name: str, pairs: Sequence[tuple[float, float]]) -> float:
    """Of the paired t test; in which steps the metric counts, all rows of the board say."""
    table, _ = score_table([row.values[name] for row in board.rows if name in row.values], maximise=True)
    return paired_p_value([a - b for a, b in pairs], least_spread(table))


def _comparison(
    column: Column, pairs: Sequence[tuple[float, float]], first: Row, second: Row, separated: bool
) -> Comparison:
    difference = t_interval([a - b for a, b in pairs])
    means = [sum(values) / len(pairs) for values in zip(*pairs, strict=True)]
    wins = (difference.mean > 0) == (column.info.direction == "max")
    winner, loser = (first, second) if wins else (second, first)
    paid = prices((winner, loser), column.info)
    unlike = paid is not None and not paid.get(winner.label, math.inf) <= ALIKE * paid.get(loser.label, 0)
    better = winner.label if separated and not unlike else ""
    return Comparison(column, len(pairs), means[0], means[1], difference, better, unlike)
