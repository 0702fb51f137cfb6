"""Scalars that belong together: a metric at several thresholds or sizes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from bench.compare.boards import Column
from bench.show.axes import abscissas, axis_of, curve_columns, key_of, without_key


def curves(columns: Sequence[Column]) -> list[dict[str, Any]]:
    """The metrics whose keys are places on an axis, with the columns that make each of their series."""
    return [_curve(metric, group) for metric, group in curve_columns(columns).items()]


def _curve(metric: str, columns: Sequence[Column]) -> dict[str, Any]:
    axis = axis_of(columns[0])
    series: dict[str, list[tuple[float, str]]] = defaultdict(list)
    xs = abscissas(columns)
    for column in columns:
        name, at = axis.places[key_of(column)]
        series[name] += [(x, column.name) for x in ((xs[0], xs[-1]) if at is None else (at,))]
    return {
        "metric": metric,
        "label": without_key(columns[0]),
        "unit": columns[0].info.unit,
        "axis": axis.label,
        "log": axis.log,
        "series": {name: sorted(points) for name, points in sorted(series.items())},
    }
