"""Which runs the page shows more of than numbers, and in which order they are given room."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from itertools import chain, zip_longest

from bench.compare.answers import Answer
from bench.compare.boards import Board, Row
from bench.store.record import Record

SEEDS = 3
"""Seeds to choose from, of the rows that the answer is made of."""


def first_runs(boards: Sequence[Board]) -> list[Record]:
    """The run with the lowest seed of each row."""
    return [record for board in boards for record in board.representatives.values()]


def rounds(answers: Sequence[Answer]) -> list[list[Record]]:
    """Runs in rounds: what comes later has the room that is left; within a round the boards take turns.

    First, of each curve, the row nearest to the price of the answer, with its lowest seed; then the next seeds of these
    rows; then the lowest seed of all other rows.
    """
    parts = [_rounds_of(answer) for answer in answers]
    return [_in_turns(part) for part in zip(*parts, strict=True)]


def _rounds_of(answer: Answer) -> list[list[Record]]:
    runs: dict[str, list[Record]] = defaultdict(list)
    for record in sorted(answer.board.records, key=lambda record: record.spec.seed):
        if record.status == "done":
            runs[record.spec.label].append(record)
    main = [label for label in _main_rows(answer) if label in runs]
    others = [label for label in runs if label not in main]
    seeds = [[runs[label][place] for label in main if len(runs[label]) > place] for place in range(SEEDS)]
    return [*seeds, [runs[label][0] for label in others]]


def _main_rows(answer: Answer) -> list[str]:
    """Of each curve the row whose price is nearest to that of the answer; all rows where there is no such price."""
    if answer.chosen is None or answer.price is None:
        return [row.label for row in answer.board.rows]
    price, wanted = answer.price.name, math.log(answer.chosen.price.low)

    def distance(row: Row) -> float:
        paid = row.intervals[price].mean if price in row.intervals else 0.0
        return abs(math.log(paid) - wanted) if 0 < paid < math.inf else math.inf

    return [min(sweep.rows, key=distance).label for sweep in answer.chosen.sweeps]


def _in_turns(parts: Sequence[Sequence[Record]]) -> list[Record]:
    return [record for record in chain.from_iterable(zip_longest(*parts)) if record is not None]
