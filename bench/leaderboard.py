"""Records -> boards: one per data set, setting and budget; a row per model and variant, a column per metric."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.spec import Record
from bench.stats import Interval, best_and_ties, t_interval
from metrics.base import MetricInfo

GroupKey = tuple[str, str, str]


@dataclass(frozen=True)
class Column:
    """A metric as a column: its name in records, how it is read, and one line of explanation."""

    name: str
    info: MetricInfo
    explanation: str

    @property
    def header(self) -> str:
        """Label with the unit and an arrow for what is better, e.g. 'FVU ↓'."""
        arrow = {"min": " ↓", "max": " ↑", "none": ""}[self.info.direction]
        unit = f" [{self.info.unit}]" if self.info.unit else ""
        return f"{self.info.label}{unit}{arrow}"


@dataclass(frozen=True)
class Row:
    """A model and variant: its runs by seed, latest first if repeated, and what it scored.

    Attributes
    ----------
    values : dict
        Metric -> seed -> value.
    intervals : dict
        Metric -> mean and interval over seeds.
    failures : dict
        Seed -> message of a failed run.
    """

    model: str
    variant: dict[str, Any]
    label: str
    n_done: int
    values: dict[str, dict[int, float]]
    intervals: dict[str, Interval]
    failures: dict[int, str]
    metric_errors: dict[str, str]


@dataclass(frozen=True)
class Board:
    """The rows of one data set, setting and budget, best first by the first ranked column.

    Attributes
    ----------
    columns : list of Column
        Every metric that some row has, in the registry's order.
    ties : dict
        Ranked metric -> labels of the best row and of those not separable from it; absent below three seeds.
    """

    dataset: str
    settings: str
    budget: str
    columns: list[Column]
    rows: list[Row]
    ties: dict[str, set[str]]
    records: list[Record]

    @property
    def title(self) -> str:
        """'mnist, native setting, quick budget'."""
        return f"{self.dataset}, {self.settings} setting, {self.budget} budget"

    @property
    def headline(self) -> list[Column]:
        """The columns that a printed board shows."""
        return [column for column in self.columns if column.info.headline]


def build(records: Sequence[Record], columns: Sequence[Column]) -> list[Board]:
    """All boards of some records. Of two records with the same row and seed, the one that ended last counts."""
    groups: dict[GroupKey, list[Record]] = defaultdict(list)
    for record in records:
        groups[record.spec.dataset, record.spec.settings, record.spec.budget].append(record)
    return [_board(key, group, columns) for key, group in sorted(groups.items())]


def _board(key: GroupKey, records: list[Record], columns: Sequence[Column]) -> Board:
    by_row: dict[str, dict[int, Record]] = defaultdict(dict)
    for record in sorted(records, key=lambda record: str(record.provenance.get("end", ""))):
        by_row[record.spec.label][record.spec.seed] = record
    rows = [_row(label, runs) for label, runs in by_row.items()]
    found = {name for row in rows for name in row.values}
    shown = [column for column in columns if column.name in found]
    ranked = [column for column in shown if column.info.direction != "none"]
    ties = {}
    for column in ranked:
        values = {row.label: row.values.get(column.name, {}) for row in rows}
        best = best_and_ties(values, column.info.direction == "max")
        if best is not None:
            ties[column.name] = best
    latest = [record for runs in by_row.values() for record in runs.values()]
    return Board(*key, shown, _sorted(rows, ranked), ties, latest)


def _row(label: str, runs: Mapping[int, Record]) -> Row:
    values: dict[str, dict[int, float]] = defaultdict(dict)
    errors: dict[str, str] = {}
    for seed, record in sorted(runs.items()):
        for name, value in record.metrics.items():
            values[name][seed] = value
        errors.update(record.metric_errors)
    first = next(iter(runs.values())).spec
    failures = {seed: record.error.message for seed, record in sorted(runs.items()) if record.error}
    intervals = {name: t_interval(list(by_seed.values())) for name, by_seed in values.items()}
    return Row(first.model, first.variant, label, len(runs) - len(failures), dict(values), intervals, failures, errors)


def _sorted(rows: list[Row], ranked: Sequence[Column]) -> list[Row]:
    """Best first by the first ranked column; rows without it last."""
    if not ranked:
        return sorted(rows, key=lambda row: row.label)
    sign = 1 if ranked[0].info.direction == "min" else -1

    def key(row: Row) -> tuple[bool, float, str]:
        interval = row.intervals.get(ranked[0].name)
        return interval is None, sign * interval.mean if interval else 0.0, row.label

    return sorted(rows, key=key)
