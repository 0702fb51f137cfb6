"""What a metric is: a plain function whose parameter names say what it needs, and a declaration of how to read it.

Evaluation passes exactly the inputs that the names ask for; `metrics.needs` lists the names. A metric returns a float,
a dict of floats (each shown as `metric.key`), a tensor (kept for figures), or `NotApplicable` with the reason.

    @metric(label="dead", direction="min", range="[0, 1]", source="Gao et al. 2024", headline=True)
    def dead_fraction(active: Matrix) -> float:
        \"""Share of units that are active on no evaluation sample.\"""
        return 1 - (column_sums(active) > 0).double().mean().item()
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import update_wrapper
from pathlib import Path
from types import MappingProxyType
from typing import Generic, Literal, NamedTuple, ParamSpec, TypeVar

Direction = Literal["min", "max", "none"]
"""Which values are better: small, large, or neither."""

Dimension = Literal["class", "unit", "sample", "measure"]
"""What an axis of a tensor runs over."""

P = ParamSpec("P")
"""Parameters of a metric's function."""

R = TypeVar("R")
"""Return type of a metric's function."""


class NotApplicable(NamedTuple):
    """Returned by a metric that has no value for a model or a data set, instead of 0 or NaN."""

    reason: str
    """The reason, as a clause: 'fewer than two classes occur'."""


class Place(NamedTuple):
    """The position of one key of a metric on its axis."""

    series: str
    """Name of the curve that the point is on; "" if there is only one."""
    at: float | None
    """The abscissa; None for a constant, drawn as a horizontal line."""


@dataclass(frozen=True)
class Axis:
    """The abscissa of a metric that returns a number at each of several thresholds, sizes or budgets."""

    label: str
    """What the abscissa is, such as "threshold"."""
    places: Mapping[str, Place]
    """Key -> place. A key without a place is on the board, but not on the curve."""
    log: bool = False
    """Whether the axis is logarithmic."""
    quantiles: bool = False
    """Whether the places are quantiles: a few of them joined by a line are no picture of a distribution."""

    @classmethod
    def single(cls, label: str, values: Mapping[str, float], log: bool = False) -> Axis:
        """The axis of a single curve, from the abscissa of each key."""
        return cls(label, {key: Place("", float(at)) for key, at in values.items()}, log)


@dataclass(frozen=True)
class MetricInfo:
    """How to read a metric. Plain data: it is stored beside the numbers, and figures need nothing else."""

    label: str
    """Column header."""
    direction: Direction
    """Which values are better; "none" for a description, which is not ranked."""
    unit: str
    """Unit of the value; "" for a pure number."""
    range: str
    """Possible values, as an interval."""
    source: str
    """Where the definition comes from."""
    headline: bool = False
    """Whether the printed board shows it; the csv has every metric."""
    given: str = ""
    """The hyperparameter that must be the same in all rows that the metric compares; "" for none."""
    against: str = ""
    """The metric that it is bought with, such as "l0": rows are ranked only among those that pay alike or less."""
    explanation: str = ""
    """What it measures: the first line of its docstring."""
    family: str = ""
    """The group that it is shown in: the name of its file, in words."""
    price: bool = False
    """Whether figures plot quality against it, as against L0 or seconds."""
    curve: Axis | None = None
    """For a metric that returns a dict of numbers: the axis of its keys."""
    dimensions: tuple[Dimension, ...] = ()
    """For a metric that returns a tensor: what its axes run over. It is drawn as a heatmap or as a histogram."""
    answer: str = ""
    """What its best row does, as "reconstructs best": such metrics make the answer that a page begins with."""
    caution: str = ""
    """Of a share: what a large one says to who reads other metrics of the row, as "of its units are dead"."""
    caution_above: float = 1.0
    """From where on a share is large enough to be said."""


class Metric(Generic[P, R]):
    """A metric: a function with its declaration. Calling the metric calls the function."""

    function: Callable[P, R]
    """The function that computes it."""
    info: MetricInfo
    """How to read it."""
    validation: bool
    """Whether it is computed on the validation split as well."""
    own_needs: Mapping[str, str]
    """Name -> meaning of the inputs that it needs beyond `metrics.needs.NEEDS`."""

    def __init__(self, function: Callable[P, R], info: MetricInfo, validation: bool, needs: Mapping[str, str]) -> None:
        update_wrapper(self, function)
        self.function = function
        self.info = info
        self.validation = validation
        self.own_needs = needs

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        return self.function(*args, **kwargs)

    @property
    def parameters(self) -> Mapping[str, inspect.Parameter]:
        """Parameters of its function, by name."""
        return inspect.signature(self.function).parameters


def metric(
    *,
    label: str,
    direction: Direction,
    range: str,
    source: str,
    unit: str = "",
    headline: bool = False,
    given: str = "",
    against: str = "",
    price: bool = False,
    curve: Axis | None = None,
    dimensions: tuple[Dimension, ...] = (),
    answer: str = "",
    caution: str = "",
    caution_above: float = 1.0,
    validation: bool = False,
    needs: Mapping[str, str] = MappingProxyType({}),
) -> Callable[[Callable[P, R]], Metric[P, R]]:
    """Declare a function to be a metric. `MetricInfo` explains the other parameters.

    Parameters
    ----------
    validation : bool
        Whether it is computed on the validation split as well, for the choice of hyperparameters.
    needs : mapping
        Name -> meaning of the inputs that it needs beyond `metrics.needs.NEEDS`: those that only your own data set has.
    """

    def declare(function: Callable[P, R]) -> Metric[P, R]:
        explanation = (inspect.getdoc(function) or "").partition("\n")[0]
        family = Path(inspect.getfile(inspect.unwrap(function))).stem.replace("_", " ")
        info = MetricInfo(
            label,
            direction,
            unit,
            range,
            source,
            headline,
            given,
            against,
            explanation,
            family,
            price,
            curve,
            dimensions,
            answer,
            caution,
            caution_above,
        )
        return Metric(function, info, validation, needs)

    return declare
