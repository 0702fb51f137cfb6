"""The answer of a board: what is best at an equal price, at prices that its models reach."""

from __future__ import annotations

import itertools
import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from bench.compare.boards import Board, Column
from bench.compare.families import family_of
from bench.compare.prices import Price, round_levels
from bench.compare.readings import FLOORS, NEAR, Reading, read
from bench.compare.sweeps import main_price, sweeps
from bench.store.record import metric_of
from bench.store.runs import RunStore

MOST_LEVELS = 5
"""Levels of a price that are offered."""


@dataclass(frozen=True)
class Answer:
    """A board at the prices that are offered."""

    board: Board
    """The board."""
    floors: Collection[str]
    """Its models that are not ranked."""
    price: Column | None
    """The main price; None where none was measured."""
    readings: Sequence[Reading]
    """At levels of the main price, over a range of it, then at levels of what is bought with it."""
    chosen: Reading | None
    """The one of them that the sentence is of; None where no two models reach one level."""


def answer(board: Board, floors: Collection[str]) -> Answer:
    """The answer of a board."""
    price, shown = main_price(board.columns), answering(board)
    if price is None:
        return Answer(board, floors, None, [], None)
    bought = next((column for column in shown if column.info.against == price.name), None)
    prices = offered(board, price, floors)
    if bought:
        prices += [level for level in offered(board, bought, floors) if not level.is_range]
    readings = [read(board, each, shown, floors) for each in prices]
    return Answer(board, floors, price, readings, _most_reached([r for r in readings if r.column is price]))


def _most_reached(readings: Sequence[Reading]) -> Reading | None:
    """The level that most seeds reach, the middle one of several."""
    reached = {r.price.low: sum(row.n_done for row in r.ranked) for r in readings if not r.price.is_range}
    most = [level for level, n in reached.items() if n == max(reached.values())]
    return next((reading for reading in readings if most and reading.price.low == most[len(most) // 2]), None)


def answering(board: Board) -> list[Column]:
    """The columns that the answer is made of: of each metric that declares one, the first."""
    found: dict[str, Column] = {}
    for column in board.columns:
        if column.info.answer:
            found.setdefault(metric_of(column.name), column)
    return list(found.values())


def floors_of(board: Board, store: RunStore) -> set[str]:
    """The models of a board that its runs call floors."""
    runs = {record.spec.model: record for record in board.representatives.values()}
    legends = {model: store.folder(record.run_id).legend() for model, record in runs.items()}
    return {model for model, record in runs.items() if family_of(record, legends[model]) == FLOORS}


def offered(board: Board, column: Column, floors: Collection[str]) -> list[Price]:
    """Round levels that two models or more reach, those that most reach, and the range between two of them.

    The range is the one that is covered best: by many models, and wide.
    """
    spans = []
    for sweep in sweeps(board):
        means = [row.intervals[column.name].mean for row in sweep.rows if column.name in row.intervals]
        means = [mean for mean in means if 0 < mean < math.inf]
        if means and sweep.rows[0].model not in floors:
            spans.append((min(means) / NEAR, max(means) * NEAR))
    if not spans:
        return []

    def reach(*levels: float) -> int:
        return sum(low <= min(levels) and max(levels) <= high for low, high in spans)

    levels = round_levels(min(low for low, _ in spans), max(high for _, high in spans))
    kept = sorted(sorted((level for level in levels if reach(level) > 1), key=reach, reverse=True)[:MOST_LEVELS])
    ranges = [ends for ends in itertools.combinations(kept, 2) if reach(*ends) > 1]
    widest = max(ranges, key=lambda ends: reach(*ends) * math.log(ends[1] / ends[0]), default=None)
    prices = [Price(column.name, level, level) for level in kept]
    return [*prices, Price(column.name, *widest)] if widest else prices
