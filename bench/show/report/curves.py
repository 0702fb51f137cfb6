"""Scalars that belong together: a metric at several thresholds or sizes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from bench.compare.boards import Column
from metrics.base import Axis

FEWEST_POINTS = 3
"""Places of a curve, at least."""


def curves(columns: Sequence[Column]) -> list[dict[str, Any]]:
    """The metrics whose keys are places on an axis, with the columns that make each of their series."""
    groups: dict[str, list[Column]] = defaultdict(list)
    for column in columns:
        metric, _, key = column.name.partition(".")
        axis = column.info.curve
        if axis and key in axis.places and not axis.quantiles:
            groups[metric].append(column)
    return [_curve(metric, group) for metric, group in groups.items() if len(_abscissas(group)) >= FEWEST_POINTS]


def _curve(metric: str, columns: Sequence[Column]) -> dict[str, Any]:
    axis = _axis(columns[0])
    series: dict[str, list[tuple[float, str]]] = defaultdict(list)
    xs = _abscissas(columns)
    for column in columns:
        name, at = axis.places[_key(column)]
        series[name] += [(x, column.name) for x in ((xs[0], xs[-1]) if at is None else (at,))]
    return {
        "metric": metric,
        "label": columns[0].info.label.removesuffix(f" {_key(columns[0])}"),
        "unit": columns[0].info.unit,
        "axis": axis.label,
        "log": axis.log,
        "series": {name: sorted(points) for name, points in sorted(series.items())},
    }


def _key(column: Column) -> str:
    return column.name.partition(".")[2]


def _axis(column: Column) -> Axis:
    assert column.info.curve is not None
    return column.info.curve


def _abscissas(columns: Sequence[Column]) -> list[float]:
    """Where the points of a curve are."""
    found = {_axis(column).places[_key(column)].at for column in columns}
    return sorted(at for at in found if at is not None)
