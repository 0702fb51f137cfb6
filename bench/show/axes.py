"""What figures of a page and of a paper share: which numbers make a curve, and how far a logarithmic axis goes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from bench.compare.boards import Column
from metrics.base import Axis

FEWEST_POINTS = 3
"""Places of a curve, at least."""
DECADES = 4
"""Powers of ten between the largest error that a figure shows and the least: as many units as inputs make it a rounding
error."""


def curve_columns(columns: Sequence[Column]) -> dict[str, list[Column]]:
    """Metric -> its columns that are places on an axis, of the metrics that are a curve; quantiles are none."""
    groups: dict[str, list[Column]] = defaultdict(list)
    for column in columns:
        metric, _, key = column.name.partition(".")
        axis = column.info.curve
        if axis and key in axis.places and not axis.quantiles:
            groups[metric].append(column)
    return {metric: group for metric, group in groups.items() if len(abscissas(group)) >= FEWEST_POINTS}


def key_of(column: Column) -> str:
    """The key of the number in its metric."""
    return column.name.partition(".")[2]


def axis_of(column: Column) -> Axis:
    """The axis of a column that is a place on one."""
    assert column.info.curve is not None
    return column.info.curve


def without_key(column: Column) -> str:
    """The label of the metric that a column is one number of."""
    return column.info.label.removesuffix(f" {key_of(column)}")


def abscissas(columns: Sequence[Column]) -> list[float]:
    """Where the points of a curve are."""
    found = {axis_of(column).places[key_of(column)].at for column in columns}
    return sorted(at for at in found if at is not None)
