"""Sweeps: the rows of a model that differ in the number that sets its sparsity, and in nothing else.

Between the rows of a sweep one may interpolate; between variants that differ otherwise one may not.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from bench.compare.boards import Board, Column, Row
from bench.store.spec import RunSpec

Group = list[Row]


class Sweep(NamedTuple):
    """A curve of one model: quality against price, a point for each row."""

    label: str
    """The model, and the variant that its rows have in common if the model has other sweeps, too."""
    field: str
    """The hyperparameter that sets the sparsity; "" for a row that is alone."""
    rows: Group
    """In the order of that hyperparameter."""

    def seeds(self, metric: str) -> set[int]:
        """The seeds that have a number of a metric in some row."""
        return {seed for row in self.rows for seed in row.values.get(metric, {})}


def main_price(columns: Sequence[Column]) -> Column | None:
    """What quality is read against unless something else is asked for: the first price on the printed board."""
    prices = [column for column in columns if column.info.price]
    return next((column for column in prices if column.info.headline), prices[0] if prices else None)


def sweeps(board: Board) -> list[Sweep]:
    """The sweeps of a board, in the order of its rows. Each row is in one.

    Where the rows of a model differ in several numbers, the one that moves the main price most is swept.
    """
    specs = {record.spec.label: record.spec for record in board.records}
    price = main_price(board.columns)
    models: dict[str, Group] = defaultdict(list)
    for row in board.rows:
        models[row.model].append(row)
    found = [sweep for rows in models.values() for sweep in _of_model(rows, specs, price.name if price else "")]
    names = Counter(sweep.label for sweep in found)
    return [s if names[s.label] == 1 else s._replace(label=f"{s.label} (from {s.rows[0].label})") for s in found]


def _of_model(rows: Group, specs: Mapping[str, RunSpec], price: str) -> list[Sweep]:
    """A model's sweeps: those of the field whose values move the price most, else each row alone."""
    found = [(field, _groups(rows, specs, field)) for field in _numbers(rows, specs)]
    swept = [(field, groups) for field, groups in found if len(groups) < len(rows)]
    if not swept:
        return [Sweep(row.label, "", [row]) for row in rows]
    field, groups = max(swept, key=lambda choice: (_span(choice[1], price), len(rows) / len(choice[1])))
    if len(groups) == 1:
        return [Sweep(rows[0].model, field, groups[0])]
    return [Sweep(_label(group[0], field), field, group) for group in groups]


def _numbers(rows: Group, specs: Mapping[str, RunSpec]) -> list[str]:
    """Fields that are a number in every row, and not the same one."""
    configs = [specs[row.label].config for row in rows]
    return [
        field
        for field in configs[0]
        if all(_is_number(config.get(field)) for config in configs) and len({config[field] for config in configs}) > 1
    ]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _groups(rows: Group, specs: Mapping[str, RunSpec], field: str) -> list[Group]:
    """Rows that differ in a field alone: same precision, code, bounds on the steps and rest."""
    groups: dict[str, Group] = defaultdict(list)
    for row in sorted(rows, key=lambda row: specs[row.label].config[field]):
        spec = specs[row.label]
        rest = sorted((name, repr(value)) for name, value in spec.config.items() if name != field)
        groups[repr((rest, spec.precision, spec.code, spec.min_steps, spec.max_steps))].append(row)
    return list(groups.values())


def _span(groups: Sequence[Group], price: str) -> float:
    """By what factor the price changes along the groups, as the mean of its logarithm."""
    logs = []
    for group in groups:
        paid = [row.intervals[price].mean for row in group if price in row.intervals]
        paid = [value for value in paid if 0 < value < math.inf]
        logs.append(math.log(max(paid) / min(paid)) if paid else 0.0)
    return sum(logs) / len(logs)


def _label(row: Row, field: str) -> str:
    shared = [f"{name}={value}" for name, value in row.variant.items() if name != field]
    return " ".join(" ".join([row.model, *shared]).split())
