"""Evaluation: one pass over a split, then every metric whose needs are met, each given exactly what it asks for."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from inspect import Parameter
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bench.datasets.base import Dataset, Split
from bench.execute.needs import gather
from bench.execute.seeding import seed_everything
from bench.execute.training import Training
from models.base import Model

BATCH_SIZE = 1000


@dataclass(frozen=True)
class Evaluation:
    """Scalars by name (`metric`, or `metric.key`), arrays by name, and the message of each metric that raised."""

    scalars: dict[str, float] = field(default_factory=dict)
    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)


@torch.no_grad()
def evaluate(
    model: Model,
    dataset: Dataset,
    split: Split,
    metrics: Mapping[str, Callable[..., Any]],
    seed: int,
    training: Training | None = None,
    batch_size: int = BATCH_SIZE,
) -> Evaluation:
    """Compute metrics of a trained model on a split.

    Parameters
    ----------
    metrics : mapping
        Name -> metric function (see `metrics.base`). One that needs what is missing is n/a: absent from the result.
    seed : int
        Root of the noise of stochastic metrics; each draws from a stream of its own.
    batch_size : int
        Samples encoded at a time; the results do not depend on it.
    """
    model.eval()
    needs = {name: inspect.signature(metric).parameters for name, metric in metrics.items()}
    given = gather(model, dataset, split, {need for names in needs.values() for need in names}, batch_size)
    if training:
        given["training"] = training
    lengths = {len(split), model.config.n_latents, len(split.labels.unique())}
    result = Evaluation()
    for name, metric in metrics.items():
        if all(need in given or parameter.default is not Parameter.empty for need, parameter in needs[name].items()):
            seed_everything(seed, "metric", name)
            _compute(result, name, metric, {need: given[need] for need in needs[name] if need in given}, lengths)
    return result


def _compute(
    result: Evaluation, name: str, metric: Callable[..., Any], arguments: dict[str, Any], lengths: set[int]
) -> None:
    """Run one metric and file what it returns; what it raises is its own failed cell, never the run's."""
    try:
        value = metric(**arguments)
        if isinstance(value, Tensor) and value.ndim > 0:
            if len(value) not in lengths:
                raise ValueError(f"an array has one row a sample, unit or class; its shape is {tuple(value.shape)}")
            result.arrays[name] = value.cpu().numpy()
            return
        items = value.items() if isinstance(value, dict) else [("", value)]
        scalars = {name if key == "" else f"{name}.{key}": _scalar(item) for key, item in items}
    except (Exception, SystemExit) as error:  # any metric may be a plug-in
        result.errors[name] = f"{type(error).__name__}: {error}"
    else:
        result.scalars.update(scalars)


def _scalar(value: Any) -> float:
    if isinstance(value, str) or not hasattr(value, "__float__") or getattr(value, "ndim", 0) > 0:
        raise TypeError(
            f"a metric returns a number, a dict of numbers or a tensor, not {type(value).__name__} {value!r:.60}"
        )
    number = float(value)
    if math.isnan(number):
        raise ValueError("the metric is NaN")
    return number
