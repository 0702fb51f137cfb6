"""Scalars that belong together: a metric at several thresholds or sizes, a model at several values of one field."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from bench.compare.boards import Board, Column

KEY = re.compile(r"(?:(?P<series>.+)(?P<at>@)|(?P<quantile>q))?(?P<x>\d+(?:\.\d+)?|\d+/\d+)(?P<k>k)?")
"""'global@0.5', 'q90', '10', '1/2k': what a key of a metric looks like where it is a place on an axis."""

FEWEST_POINTS = 3


def curves(columns: Sequence[Column]) -> list[dict[str, Any]]:
    """The metrics whose keys are places on an axis, with the columns that make each of their series."""
    groups: dict[str, list[tuple[str, float, Column]]] = defaultdict(list)
    axes: dict[str, str] = {}
    for column in columns:
        metric, _, key = column.name.partition(".")
        if (found := KEY.fullmatch(key)) and (x := _place(found["x"])) is not None:
            groups[metric].append((found["series"] or "", x, column))
            axes[metric] = _axis(found)
    return [
        {
            "metric": metric,
            "label": _label(points[0][2]),
            "unit": points[0][2].info.unit,
            "axis": axes[metric],
            "series": _series(points),
        }
        for metric, points in groups.items()
        if len({x for _, x, _ in points}) >= FEWEST_POINTS
    ]


def sweeps(board: Board) -> list[dict[str, Any]]:
    """The rows of a model whose hyperparameters differ in one number alone, each sweep in the order of that number.

    Between the rows of a sweep one may interpolate; between variants that differ otherwise one may not.
    """
    configs = {record.spec.label: record.spec.config for record in board.records}
    groups: dict[tuple[str, str, str], list[tuple[float, int]]] = defaultdict(list)
    for index, row in enumerate(board.rows):
        config = configs[row.label]
        for field, value in config.items():
            if isinstance(value, int | float) and not isinstance(value, bool):
                rest = repr(sorted((k, v) for k, v in config.items() if k != field))
                groups[row.model, field, rest].append((value, index))
    return [
        {"model": model, "field": field, "rows": [index for _, index in sorted(points)]}
        for (model, field, _), points in groups.items()
        if len(points) > 1
    ]


def _place(text: str) -> float | None:
    """'0.5', '10' or '1/2' as a number; None for what is none, as '1/0'."""
    try:
        return float(Fraction(text))
    except (ValueError, ArithmeticError):
        return None


def _axis(found: re.Match[str]) -> str:
    if found["at"]:
        return "threshold"
    if found["quantile"]:
        return "quantile [%]"
    return "share of the trained k" if found["k"] else "size"


def _label(column: Column) -> str:
    """The column's label without the key."""
    return column.info.label.removesuffix(f" {column.name.partition('.')[2]}")


def _series(points: Sequence[tuple[str, float, Column]]) -> dict[str, list[tuple[float, str]]]:
    series: dict[str, list[tuple[float, str]]] = defaultdict(list)
    for name, x, column in sorted(points, key=lambda point: point[:2]):
        series[name].append((x, column.name))
    return dict(series)
