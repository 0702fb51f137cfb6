"""Boards read at a price: each seed of a model gives a value there, and these are compared as those of any board.

For a seed, the rows of a sweep are points: what is paid, and what it buys. Between them a curve goes, a monotone cubic
(PCHIP) in the logarithm of the price, which never leaves the range of the two points around it. It is never followed
beyond its ends. What is a price itself, as L0 at a given error, is read in its logarithm as well. The uncertainty is
that of the seeds: how well the curve follows a model between two settings is not in the interval.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from bench.compare.boards import Board, Column, Row, intervals_of
from bench.compare.marks import marked
from bench.compare.prices import Price
from bench.compare.stats import Interval, rank_intervals
from bench.compare.sweeps import Sweep, sweeps

Values = dict[str, dict[int, float]]
"""Metric -> seed -> value."""

NEAR = 1.02
"""A price that lies outside of a curve by this ratio or less is read at the curve's end: an L0 of 9.99 is one of 10."""
SAME = 1.001
"""A price that a setting has but for this ratio is read at that setting: between 9.999 and 25, a curve at 10 adds
nothing but traces of the latter."""
FLOORS = "floors"
"""The family whose models are shown, and not ranked."""


@dataclass(frozen=True)
class Reading:
    """A board at a price."""

    board: Board
    """A row for each sweep, with interpolated values, also of metrics that caution; `n_done` is the number of seeds
    whose curve reaches the price."""
    source: Board
    """The board that was read."""
    price: Price
    """Where."""
    column: Column
    """The metric that is the price."""
    sweeps: Sequence[Sweep]
    """What was interpolated, a sweep for each row of `board`."""
    floors: Collection[str]
    """Labels of the rows that are not ranked."""
    partial: Collection[str]
    """Labels of rows that are not ranked, as some of their seeds do not reach a price that is itself a quality, such as
    FVU: those that do are no fair sample."""

    def ranks(self, column: Column) -> dict[str, tuple[int, int]]:
        """Label -> lowest and highest rank that the tests allow; {} where a column, or a row alone, has no ranks."""
        if column.info.direction == "none" or column.info.against:
            return {}
        values = {row.label: row.values[column.name] for row in self.compared if column.name in row.values}
        if len(values) < 2:
            return {}
        return rank_intervals(values, column.info.direction == "max") or {}

    @property
    def ranked(self) -> list[Row]:
        """The rows that are no floors."""
        return [row for row in self.board.rows if row.label not in self.floors]

    @property
    def compared(self) -> list[Row]:
        """Those of them that are ranked here."""
        return [row for row in self.ranked if row.label not in self.partial]


def read(board: Board, price: Price, columns: Sequence[Column], floors: Collection[str] = ()) -> Reading:
    """A board at a price, which must be of one of its columns.

    Parameters
    ----------
    columns : sequence of Column
        What is read; the price itself is left out.
    floors : collection of str
        Models that are not ranked.
    """
    priced = next(column for column in board.columns if column.name == price.metric)
    shown = [_at_equal(column, priced) for column in columns if column.name != price.metric]
    cautions = [c for c in board.columns if c.info.caution and c.name not in {price.metric, *(c.name for c in shown)}]
    pairs = [(_row(sweep, price, [*shown, *cautions], _seeds(sweep, board)), sweep) for sweep in sweeps(board)]
    place = _place([row for row, _ in pairs], shown)
    pairs.sort(key=lambda pair: place(pair[0]))
    rows = [row for row, _ in pairs]
    unranked = {row.label for row in rows if row.model in floors}
    some = {row.label for row, s in pairs if 0 < row.n_done < len(s.seeds(price.metric).intersection(_seeds(s, board)))}
    partial = some if priced.info.direction != "none" else set()
    ties = {c.name: labels for c in shown if (labels := _marked(rows, c, unranked | partial)) is not None}
    at_price = replace(board, columns=shown, rows=rows, ties=ties)
    return Reading(at_price, board, price, priced, [sweep for _, sweep in pairs], unranked, partial)


def _seeds(sweep: Sweep, board: Board) -> list[int]:
    """The seeds that a sweep is read at: those of the board, or the numbers of checkpoints."""
    if not sweep.rows[0].imported:
        return board.seeds
    labels = {row.label for row in sweep.rows}
    return sorted({record.spec.seed for record in board.records if record.spec.label in labels})


def _at_equal(column: Column, price: Column) -> Column:
    """How a column is read where all pay one price: it needs no other, and what the price itself is bought with counts.

    At one FVU, the lower L0 is the better.
    """
    if column.info.against == price.name:
        return replace(column, info=replace(column.info, against=""))
    if column.name == price.info.against:
        return replace(column, info=replace(column.info, direction="min"))
    return column


def _marked(rows: Sequence[Row], column: Column, unranked: Collection[str]) -> set[str] | None:
    if column.info.direction == "none" or column.info.against:
        return None
    values = {row.label: row.values.get(column.name, {}) for row in rows if row.label not in unranked}
    return marked(values, column.info.direction == "max")


def _place(rows: Sequence[Row], columns: Sequence[Column]) -> Callable[[Row], tuple[bool, bool, float, str]]:
    """What rows are sorted by: the first ranked column that half of those read have; what is not read comes last."""
    n_read = sum(row.n_done > 0 for row in rows)
    ranked = [column for column in columns if column.info.direction != "none"]
    first = next((c for c in ranked if 2 * sum(c.name in row.values for row in rows) >= n_read), None)
    sign = -1 if first and first.info.direction == "max" else 1

    def place(row: Row) -> tuple[bool, bool, float, str]:
        interval = row.intervals.get(first.name) if first else None
        return not row.n_done, interval is None, sign * interval.mean if interval else 0.0, row.label

    return place


def _row(sweep: Sweep, price: Price, columns: Sequence[Column], seeds: Sequence[int]) -> Row:
    """A sweep at a price: a value for each seed whose curve reaches it, of the metrics that its neighbours have."""
    first = sweep.rows[0]
    fixed = all(row.deterministic for row in sweep.rows)
    reached, values = (_standing if len(sweep.rows) == 1 else _between)(sweep, price, columns, seeds)
    intervals = intervals_of(values)
    if fixed:
        intervals = {name: Interval(interval.mean, None) for name, interval in intervals.items()}
    shared = {name: value for name, value in first.variant.items() if name != sweep.field}
    return Row(first.model, shared, sweep.label, reached, values, intervals, {}, {}, fixed, first.imported)


def _standing(sweep: Sweep, price: Price, columns: Sequence[Column], seeds: Sequence[int]) -> tuple[int, Values]:
    """How many seeds of a row that is alone stand at a price, and their values: nothing is to be interpolated."""
    (row,) = sweep.rows
    paid = {seed: value for seed in seeds if 0 < (value := row.values.get(price.metric, {}).get(seed, 0.0)) < math.inf}
    apart = np.abs(np.log(list(paid.values()))[:, None] - np.log([price.low, price.high])).max(1)
    at = [seed for seed, distance in zip(paid, apart, strict=True) if distance <= math.log(NEAR)]
    values: Values = {}
    for column in columns:
        least = 0.0 if column.info.price else -math.inf  # as on a curve, where a price of zero has no logarithm
        own = row.values.get(column.name, {})
        if found := {seed: own[seed] for seed in at if least < own.get(seed, math.nan) < math.inf}:
            values[column.name] = found
    return len(at), values


def _between(sweep: Sweep, price: Price, columns: Sequence[Column], seeds: Sequence[int]) -> tuple[int, Values]:
    """How many seeds' curves reach a price, and their values there."""
    values: Values = {}
    reached = 0
    for seed in seeds:
        found = interpolated(*_points(sweep, price.metric, columns, seed), price)
        reached += found is not None
        for column, value in zip(columns, () if found is None else found.tolist(), strict=False):
            if not math.isnan(value):
                values.setdefault(column.name, {})[seed] = math.exp(value) if column.info.price else value
    return reached, values


def _points(sweep: Sweep, price: str, columns: Sequence[Column], seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Log price (n,) and values (n, metrics) of a seed's points with a price above zero; NaN for no value."""
    paid = [(row.values.get(price, {}).get(seed, 0.0), row) for row in sweep.rows]
    kept = [(value, row) for value, row in paid if 0 < value < math.inf]
    table = [[row.values.get(column.name, {}).get(seed, math.nan) for column in columns] for _, row in kept]
    values = np.array(table, dtype=float).reshape(len(kept), len(columns))
    logs = [place for place, column in enumerate(columns) if column.info.price]
    with np.errstate(divide="ignore", invalid="ignore"):  # a price of zero has no logarithm
        values[:, logs] = np.log(values[:, logs])
    return np.log([value for value, _ in kept]), values


def interpolated(at: np.ndarray, values: np.ndarray, price: Price) -> np.ndarray | None:
    """A curve at a price, or its mean over a range of log price.

    Parameters
    ----------
    at : array of float, (n,)
        Log price of the points, in any order. Points of one price count as one, with the mean of their values.
    values : array of float, (n, metrics)
        What they buy; a metric that is not finite is one that the point lacks.

    Returns
    -------
    array of float, (metrics,), or None
        None where the curve does not reach the price. NaN for a metric that a point next to the price lacks.
    """
    if not len(at):
        return None
    ends = np.log([price.low, price.high])
    low, high = np.clip(ends, at.min(), at.max())
    if np.abs(ends - (low, high)).max() > math.log(NEAR):
        return None
    x, place = np.unique(at, return_inverse=True)
    y = np.array([values[place == i].mean(0) for i in range(len(x))])
    y[~np.isfinite(y)] = np.nan
    nearest = x[np.abs(x - low).argmin()]
    if not price.is_range and abs(nearest - low) <= math.log(SAME):
        low = high = nearest
    around = slice(max(0, np.searchsorted(x, low, "right") - 1), np.searchsorted(x, high, "left") + 1)
    result = np.full(values.shape[1], np.nan)
    for mask, alike in _alike(np.isfinite(y)):
        if mask[around].all():
            result[alike] = _curve(x[mask], y[np.ix_(mask, alike)], low, high)
    return result


def _alike(known: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Metrics that the same points have: which points, and which metrics."""
    masks, place = np.unique(known, axis=1, return_inverse=True)
    for i, mask in enumerate(masks.T):
        yield mask, np.flatnonzero(place.ravel() == i)


def _curve(x: np.ndarray, y: np.ndarray, low: float, high: float) -> np.ndarray:
    """Values at `low`, or the mean from there to `high`."""
    if len(x) == 1:
        return np.asarray(y[0])
    from scipy.interpolate import PchipInterpolator  # a board without curves is made before it would be imported

    curve = PchipInterpolator(x, y)
    found = np.asarray(curve.integrate(low, high) / (high - low) if high > low else curve(low))
    return found.clip(y.min(0), y.max(0))  # rounding may leave a curve that is flat
