"""Figures that compare the rows of a board: qualities against the main price, and metrics along their axes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import replace
from functools import partial
from math import inf, isfinite, log

import numpy as np

from bench.compare.answers import answer
from bench.compare.boards import Board, Column, Row
from bench.compare.sweeps import main_price
from bench.show.axes import FEWEST_POINTS, axis_of, curve_columns, key_of, without_key
from bench.show.figures import curves, scatter
from bench.show.figures.study import Drawings, curve, file_name
from bench.show.figures.style import axis_label, looks

MAX_CURVES = 8


def comparisons(board: Board, floors: Collection[str] = ()) -> Drawings:
    """Every ranked metric of the printed board against the main price, and every metric along its axis.

    Numbers are the board's: means over seeds, of the runs that it does not leave out.
    """
    return _fronts(board, floors) | _curves(board, floors)


def _fronts(board: Board, floors: Collection[str]) -> Drawings:
    price = main_price(board.columns)
    figures: Drawings = {}
    for column in board.headline:
        rows = [row for row in board.rows if price and column.name in row.intervals and _paid(row, price)]
        if price and column.info.direction != "none" and not column.info.price and len(rows) > 1:
            intervals = [row.intervals[column.name] for row in rows]
            figures[f"front-{file_name(column.name)}"] = partial(
                scatter.front_figure,
                [row.model for row in rows],
                looks(row.model for row in board.rows),
                np.array([_paid(row, price) for row in rows]),
                np.array([interval.mean for interval in intervals]),
                price.info,
                column.info,
                np.array([np.nan if i.half_width is None else i.half_width for i in intervals]),
                floors,
            )
    return figures


def _paid(row: Row, price: Column) -> float:
    """What a row pays on average; 0 where it pays nothing, or that is not known."""
    return row.intervals[price.name].mean if price.name in row.intervals else 0.0


def _curves(board: Board, floors: Collection[str]) -> Drawings:
    """Metrics with one curve a row: a curve for each of the rows that have it."""
    styles = looks(row.model for row in board.rows)
    figures: Drawings = {}
    for metric, columns in curve_columns(board.columns).items():
        axis = axis_of(columns[0])
        points = {row.label: _points(row, columns) for row in board.rows}
        rows = [row for row in board.rows if len(points[row.label]) >= FEWEST_POINTS]
        if len(rows) < 2 or {place.series for place in axis.places.values()} != {""}:
            continue
        shown = few_enough(rows, board, floors)
        drawn = [curve(name, points[row.label], styles[row.model]) for name, row in shown]
        y_label = axis_label(replace(columns[0].info, label=without_key(columns[0])))
        figures[file_name(metric)] = partial(curves.along_axis, drawn, {}, axis.label, y_label, axis.log)
    return figures


def _points(row: Row, columns: Sequence[Column]) -> list[tuple[float, float]]:
    """The places of a curve and its means there, from left to right."""
    means = [(axis_of(c).places[key_of(c)].at, row.intervals[c.name].mean) for c in columns if c.name in row.intervals]
    return sorted((at, mean) for at, mean in means if at is not None and isfinite(mean))


def few_enough(rows: Sequence[Row], board: Board, floors: Collection[str]) -> list[tuple[str, Row]]:
    """Rows whose curves can be told apart, with their names: of more than 8 the one of each model at a common price.

    That is the one whose price is nearest to the level at which the board is answered. What it pays is in its name.
    """
    models: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        models[row.model].append(row)
    if len(rows) <= MAX_CURVES or len(models) == len(rows):
        return list(zip(short_names(rows, board), rows, strict=True))
    price, chosen = main_price(board.columns), answer(board, floors).chosen

    def distance(row: Row) -> float:
        paid = _paid(row, price) if price else 0.0
        return abs(log(paid / chosen.price.low)) if paid and chosen else inf

    kept = [min(own, key=distance) for own in models.values()]
    paid = [f" ({price.info.label} {_paid(row, price):.3g})" if price else "" for row in kept]
    return [(name + words, row) for name, words, row in zip(short_names(kept, board), paid, kept, strict=True)]


def short_names(rows: Sequence[Row], board: Board) -> list[str]:
    """The model of each row, and the part of its setting that another row of the model on the board does not share."""
    settings = {label: run.spec.config | run.spec.variant for label, run in board.representatives.items()}
    names = []
    for row in rows:
        rivals = [other for other in board.rows if other.model == row.model and other.label in settings]
        fields = dict.fromkeys(field for rival in rivals for field in rival.variant)
        own = settings[row.label]
        told = [f for f in fields if f in own and any(settings[other.label].get(f) != own[f] for other in rivals)]
        names.append(" ".join([row.model, *(f"{field}={own[field]}" for field in told)]))
    return names
