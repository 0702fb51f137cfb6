"""From an assessment to the record of its run: one way for runs that end, that fail, and that are evaluated again."""

from __future__ import annotations

from collections.abc import Mapping, Set as AbstractSet
from typing import TypeVar

from bench.execute.assess import Assessment
from bench.execute.build import departures
from bench.plugins.registry import METRIC_REGISTRY
from bench.store.legend import Legend
from bench.store.record import Record, metric_of
from models.base import Model

Value = TypeVar("Value")


def assessed(record: Record, model: Model, new: Assessment) -> Record:
    """A record with what an assessment of its model says. Other metrics, and other notes, stay as they are."""
    names = new.legend.metrics.keys()
    notes = [*new.notes, *record.notes, *departures(record.spec, model)]
    return record.model_copy(
        update={
            "metrics": without(record.metrics, names) | new.test.scalars,
            "validation": without(record.validation, names) | new.validation.scalars,
            "metric_errors": without(record.metric_errors, names) | new.test.errors,
            "metric_code": record.metric_code | _own_code(new.legend),
            "notes": list(dict.fromkeys(notes)),
            "deterministic": model.deterministic,
        }
    )


def without(values: Mapping[str, Value], metrics: AbstractSet[str]) -> dict[str, Value]:
    """What is not of these metrics; `metric.key` is of the metric."""
    return {name: value for name, value in values.items() if metric_of(name) not in metrics}


def _own_code(legend: Legend) -> dict[str, str]:
    """Metric -> its code, of those that are not built in."""
    return {name: entry.code for name, entry in legend.metrics.items() if name not in METRIC_REGISTRY.builtins}
