"""Evaluation: every metric whose needs are met, each given exactly what it asks for."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from inspect import Parameter
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bench.errors import clipped, message_of, printable
from bench.execute.intact import intact
from bench.execute.outputs import Outputs
from bench.execute.seeding import seed_everything
from bench.execute.training import Training
from bench.plugins.ranges import require_in
from metrics.base import Dimension, Metric, NotApplicable
from metrics.needs import why_absent
from models.parts.hardware import products_in

Metrics = Mapping[str, Metric[..., Any]]


@dataclass(frozen=True)
class Evaluation:
    """What some metrics say of the outputs of a model."""

    scalars: dict[str, float] = field(default_factory=dict)
    """By name: `metric`, or `metric.key`; the key "" stands for the metric itself."""
    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    """By name."""
    errors: dict[str, str] = field(default_factory=dict)
    """The message of each metric that raised."""
    not_applicable: dict[str, str] = field(default_factory=dict)
    """Why each of the others has no value."""


def needs_of(metrics: Metrics) -> set[str]:
    """All that some metrics ask for."""
    return {name for metric in metrics.values() for name in metric.parameters}


@torch.no_grad()
@products_in("float32")
def evaluate(outputs: Outputs, metrics: Metrics, seed: int, training: Training | None = None) -> Evaluation:
    """Compute metrics of a model's outputs.

    Parameters
    ----------
    outputs : Outputs
        Made with all the needs of the metrics.
    metrics : mapping
        By name. One whose needs are not met does not apply; one that asks for labels gets the samples that have one.
    seed : int
        Root of the noise of stochastic metrics; each draws from a stream of its own.
    training : Training, optional
        What training cost, for the metrics that ask for it.
    """
    labels = outputs.split.labels
    lengths: dict[Dimension, int] = {"unit": outputs.model.config.n_latents, "class": len(labels[labels >= 0].unique())}
    result = Evaluation()
    for name, metric in metrics.items():
        if lacking := [need for need in metric.parameters if need in outputs.failed]:
            result.errors[name] = f"{lacking[0]}: {outputs.failed[lacking[0]]}"
            continue
        values = outputs.given(metric.parameters) | ({"training": training} if training else {})
        absent = [
            need
            for need, parameter in metric.parameters.items()
            if need not in values and parameter.default is Parameter.empty
        ]
        if absent:
            result.not_applicable[name] = why_absent(metric, absent[0])
            continue
        seed_everything(seed, "metric", name)
        arguments = {need: values[need] for need in metric.parameters if need in values}
        with intact(f"The metric '{name}'", values):
            _compute(result, name, metric, arguments, {**lengths, "sample": len(values["x"])})
    return result


def _compute(
    result: Evaluation,
    name: str,
    metric: Metric[..., Any],
    arguments: dict[str, Any],
    lengths: Mapping[Dimension, int],
) -> None:
    """Run one metric and file what it returns; what it raises is its own failed cell, never the run's."""
    try:
        value = metric(**arguments)
        if isinstance(value, NotApplicable):
            result.not_applicable[name] = _reason(value)
        elif isinstance(value, Tensor) and value.ndim > 0:
            _require_dimensions(value, metric, lengths)
            array = value.cpu().numpy()
            require_in(metric.info.range, {"": array})
            result.arrays[name] = array
        else:
            numbers = {key: _scalar(v) for key, v in (value if isinstance(value, dict) else {"": value}).items()}
            require_in(metric.info.range, numbers)
            result.scalars.update({f"{name}.{key}" if key != "" else name: v for key, v in numbers.items()})
    except (Exception, SystemExit) as error:  # any metric may be a plug-in
        result.errors[name] = f"{type(error).__name__}: {message_of(error)}"


def _require_dimensions(value: Tensor, metric: Metric[..., Any], lengths: Mapping[Dimension, int]) -> None:
    """ValueError where an array is not of the dimensions that its metric declares; TypeError for complex numbers."""
    shape = tuple(value.shape)
    if value.is_complex():
        raise TypeError("it returns complex numbers; return real ones")
    if not metric.info.dimensions:
        raise ValueError(
            f"it returns an array of the shape {shape} and does not declare its dimensions: say "
            "metric(..., dimensions=('unit',)), for instance"
        )
    expected = [(each, lengths.get(each)) for each in metric.info.dimensions]  # of measures there is any number
    fits = len(shape) == len(expected) and all(n in (None, size) for size, (_, n) in zip(shape, expected, strict=True))
    if not fits:
        words = ", ".join(f"{each}: {n or 'any'}" for each, n in expected)
        raise ValueError(f"its array has the shape {shape}, expected ({words})")


def _reason(value: NotApplicable) -> str:
    if not isinstance(value.reason, str) or not value.reason.strip():
        raise TypeError(f"NotApplicable takes the reason as words, not {value.reason!r:.60}")
    return clipped(printable(value.reason))


def _scalar(value: Any) -> float:
    if isinstance(value, str | complex) or not hasattr(value, "__float__") or getattr(value, "ndim", 0) > 0:
        raise TypeError(
            f"a metric returns a number, a dict of numbers or a tensor, not {type(value).__name__} {value!r:.60}"
        )
    number = float(value)
    if math.isnan(number):
        raise ValueError("the metric is NaN")
    return number
