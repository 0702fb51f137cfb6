"""Whether two records of one run have the same numbers, and how far they are apart."""

from __future__ import annotations

import math
from functools import cache
from typing import NamedTuple

from bench.plugins.registry import METRIC_REGISTRY
from bench.store.record import Record, metric_of

COST = "cost"
"""The family of the metrics that differ from machine to machine, and say nothing of a model's code."""

ALIKE = 1e-3
"""Relative difference up to which numbers agree: other processors and threads move last digits, and training spreads
them, while a board shows three digits or four."""


class Difference(NamedTuple):
    """The number in which two records differ most."""

    name: str
    """Its name in records; "every number" where one run is done and the other is not."""
    relative: float
    """|a - b| over the larger of |a| and |b|; infinite where only one has the number."""

    def __str__(self) -> str:
        return (
            f"{self.name}, by {self.relative:.2g} of its size"
            if math.isfinite(self.relative)
            else f"{self.name}, which one of them lacks"
        )


def numbers(record: Record) -> dict[str, float]:
    """The numbers of a record that its spec determines: of all metrics but the built-in ones of cost."""
    return {name: value for name, value in record.metrics.items() if not is_cost(name)}


@cache
def is_cost(name: str) -> bool:
    """Whether a number is of a built-in metric of cost."""
    plugin = METRIC_REGISTRY.plugins.get(metric_of(name))
    return plugin is not None and plugin.builtin and plugin.family == COST


def furthest(a: Record, b: Record, of: Record | None = None) -> Difference | None:
    """Where two records differ most; None where all numbers are the same, bit for bit.

    Parameters
    ----------
    of : Record, optional
        Compare the metrics alone that this record has.
    """
    if a.status != b.status:
        return Difference("every number", math.inf)
    metrics = set(map(metric_of, of.metrics)) if of else None
    left, right = (
        {name: value for name, value in numbers(each).items() if metrics is None or metric_of(name) in metrics}
        for each in (a, b)
    )
    differences = [Difference(name, math.inf) for name in left.keys() ^ right.keys()]
    shared = [name for name in left.keys() & right.keys() if left[name] != right[name]]
    differences += [Difference(name, _relative(left[name], right[name])) for name in shared]
    return max(differences, key=lambda each: (each.relative, each.name), default=None)


def _relative(a: float, b: float) -> float:
    return abs(a - b) / max(abs(a), abs(b)) if math.isfinite(a - b) else math.inf
