"""What a metric is: a plain function whose parameter names say what it needs.

Evaluation passes exactly those of
  x, x_hat (N, D); z (N, M); active, gamma_hard (N, M) 0/1; gamma (N, M) in [0, 1]; labels (N,); categories (C,),
  category_names; atoms (M, D); k; training; embed(x), the pixels less the mean training image;
  train_x, train_z, train_labels and so on, the same of 5,000 training samples;
  model; likelihood (the model, where it has one); and the model's functions on dense codes: encode, decode, sample,
  encode_with_budget(x, k), preactivations;
  whatever the data set knows: gates (N, F), values (N, V), measures (N, P), gate_roles, true_atoms, parents, ...
Matrices (N, M) of more than 2^28 entries are CSR if they are sparse: `metrics.matrix` reads both.
A need that a model or data set cannot meet makes the metric n/a. A metric returns a float, a dict of floats (each shown
as `metric.key`; an empty one is n/a), or a tensor (kept for figures).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeVar

if TYPE_CHECKING:
    from torch import Tensor

Direction = Literal["min", "max", "none"]
Function = TypeVar("Function", bound="Callable[..., float | dict[str, float] | Tensor]")


@dataclass(frozen=True)
class MetricInfo:
    """How a metric is read.

    Attributes
    ----------
    label : str
        Column header.
    direction : {"min", "max", "none"}
        What is better; "none" for a description that is not ranked.
    unit : str
        Unit of the value; "" for a pure number.
    range : str
        Possible values, as an interval.
    source : str
        Where the definition comes from.
    headline : bool
        Whether the printed board shows it; the csv has every metric.
    given : str
        The hyperparameter that rows must have in common to be compared by it, as bounds on a likelihood; "" for none.
    """

    label: str
    direction: Direction
    unit: str
    range: str
    source: str
    headline: bool = False
    given: str = ""


def metric(
    *,
    label: str,
    direction: Direction,
    unit: str = "",
    range: str,
    source: str,
    headline: bool = False,
    given: str = "",
) -> Callable[[Function], Function]:
    """Attach a `MetricInfo` to a metric function, as its attribute `info`."""

    def attach(function: Function) -> Function:
        function.info = MetricInfo(label, direction, unit, range, source, headline, given)  # type: ignore[attr-defined]
        return function

    return attach
