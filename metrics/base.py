"""What a metric is: a plain function whose parameter names say what it needs, and a declaration of how it is read.

Evaluation passes exactly what the names ask for; `metrics.needs` lists them. A metric returns a float, a dict of floats
(each shown as `metric.key`), a tensor (kept for figures), or `NotApplicable` with the reason.

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
"""What is better."""

Dimension = Literal["class", "unit", "sample", "measure"]
"""What a tensor has a row, or a column, for."""

P = ParamSpec("P")
"""Parameters of a metric's function."""

R = TypeVar("R")
"""What a metric's function returns."""


class NotApplicable(NamedTuple):
    """What a metric returns where it has no value: never 0, never NaN."""

    reason: str
    """Why, as a clause that a reader can follow: 'fewer than two classes occur'."""


class Place(NamedTuple):
    """Where one key of a metric stands on its axis."""

    series: str
    """Name of the curve that it is a point of; "" where there is one only."""
    at: float | None
    """Its abscissa; None for a level that holds everywhere, drawn as a line across."""


@dataclass(frozen=True)
class Axis:
    """The abscissa of a metric that returns a number at each of several thresholds, sizes or budgets."""

    label: str
    """What the abscissa is, such as "threshold"."""
    places: Mapping[str, Place]
    """Key -> place. A key without a place is on the board and not on the curve."""
    log: bool = False
    """Whether its values are spread evenly in the logarithm."""

    @classmethod
    def single(cls, label: str, values: Mapping[str, float], log: bool = False) -> Axis:
        """The axis of one curve, by the abscissa of each key."""
        return cls(label, {key: Place("", float(at)) for key, at in values.items()}, log)


@dataclass(frozen=True)
class MetricInfo:
    """How a metric is read. Plain data: it is stored beside the numbers, and drawing needs nothing else."""

    label: str
    """Column header."""
    direction: Direction
    """What is better; "none" for a description that is not ranked."""
    unit: str
    """Unit of the value; "" for a pure number."""
    range: str
    """Possible values, as an interval."""
    source: str
    """Where the definition comes from."""
    headline: bool = False
    """Whether the printed board shows it; the csv has every metric."""
    given: str = ""
    """The hyperparameter that rows must have in common to be compared by it; "" for none."""
    explanation: str = ""
    """What it measures, in one line: the first of its docstring."""
    family: str = ""
    """What it is grouped with: the words of its file's name."""
    price: bool = False
    """Whether quality is drawn against it, as against L0 and seconds."""
    curve: Axis | None = None
    """For a dict of numbers: the axis that its keys are places on."""
    dimensions: tuple[Dimension, ...] = ()
    """For a tensor: what its axes are. It is drawn as a heatmap, or as a histogram."""


class Metric(Generic[P, R]):
    """A metric: the function, called as it is, with its declaration."""

    function: Callable[P, R]
    """What computes it."""
    info: MetricInfo
    """How it is read."""
    validation: bool
    """Whether it is computed on the validation split as well."""
    own_needs: Mapping[str, str]
    """Name -> meaning of what it asks for beyond the common vocabulary."""

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
    price: bool = False,
    curve: Axis | None = None,
    dimensions: tuple[Dimension, ...] = (),
    validation: bool = False,
    needs: Mapping[str, str] = MappingProxyType({}),
) -> Callable[[Callable[P, R]], Metric[P, R]]:
    """Declare a function to be a metric: see `MetricInfo` for the words.

    Parameters
    ----------
    validation : bool
        Whether it is computed on the validation split as well, for whoever chooses hyperparameters.
    needs : mapping
        Name -> meaning of what it asks for beyond `metrics.needs.NEEDS`: what only a data set of your own knows.
    """

    def declare(function: Callable[P, R]) -> Metric[P, R]:
        explanation = (inspect.getdoc(function) or "").partition("\n")[0]
        family = Path(inspect.getfile(inspect.unwrap(function))).stem.replace("_", " ")
        info = MetricInfo(
            label, direction, unit, range, source, headline, given, explanation, family, price, curve, dimensions
        )
        return Metric(function, info, validation, needs)

    return declare
