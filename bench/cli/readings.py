"""Boards read at prices that are asked for: what `leaderboard --at` and `table` have in common."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from bench.errors import BenchError, unknown

if TYPE_CHECKING:
    from bench.compare.boards import Board, Column
    from bench.compare.readings import Reading
    from bench.store.runs import RunStore

At = Annotated[
    list[str] | None,
    typer.Option(help="Compare at an equal price: l0=10, fvu=0.2, any metric; l0=4..32 is the mean over a range."),
]
Columns = Annotated[
    str | None, typer.Option(help="At a price: metrics to show; commas between. Default: those of the printed board.")
]


def readings_at(
    boards: Sequence[Board], store: RunStore, at: Sequence[str] | None, columns: str | None
) -> list[Reading]:
    """Each board at each price that is asked for, else at the one that its answer is about. BenchError for none."""
    from bench.compare.answers import answer, floors_of
    from bench.compare.prices import parse_price
    from bench.compare.readings import read

    known = {column.name for board in boards for column in board.columns}
    found = []
    for board in boards:
        floors, shown = floors_of(board, store), _columns(board, columns, known)
        chosen = None if at else answer(board, floors).chosen
        prices = [parse_price(text, known) for text in at or ()] if not chosen else [chosen.price]
        own = {column.name for column in board.columns}
        found += [read(board, price, shown, floors) for price in prices if price.metric in own]
    if not found:
        raise BenchError("No two models reach one price; name one that you want to see with --at, e.g. --at l0=10.")
    return found


def _columns(board: Board, names: str | None, known: Collection[str]) -> list[Column]:
    """The columns of a board that are asked for: of a metric of several numbers all, or the one that is named."""
    from bench.compare.answers import answering
    from bench.plan.request import comma_separated
    from bench.store.record import metric_of

    if names is None:
        first = answering(board)
        return [column for column in board.columns if column.info.headline or column in first]
    valid = {*known, *map(metric_of, known)}
    asked = comma_separated(names)
    for name in asked:
        if name not in valid:
            raise unknown("metric in --columns", name, valid, "`python -m bench list metrics` says what each is.")
    return [c for name in asked for c in board.columns if name in (c.name, metric_of(c.name))]
