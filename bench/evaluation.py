"""Evaluation: one pass over a split, then every metric whose needs are met, each given exactly what it asks for."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bench.datasets.base import Dataset, Split
from bench.seeding import seed_everything
from bench.training import Training
from models.base import DenseCodes, LikelihoodModel, Model, SparseCodes

BATCH_SIZE = 1000
SPIKE_ON = 0.5


class InvalidOutputError(Exception):
    """A model's codes or reconstructions cannot be measured."""


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
    given = gather(model, split, batch_size)
    if dataset.categories:
        names = sorted(set(dataset.categories))
        given["categories"] = torch.tensor([names.index(name) for name in dataset.categories], device=split.x.device)
    if training:
        given["training"] = training
    result = Evaluation()
    for name, metric in metrics.items():
        needs = list(inspect.signature(metric).parameters)
        if all(need in given for need in needs):
            seed_everything(seed, "metric", name)
            _compute(result, name, metric, {need: given[need] for need in needs})
    return result


def gather(model: Model, split: Split, batch_size: int = BATCH_SIZE) -> dict[str, Any]:
    """What metrics may ask for, by parameter name: x, labels, x_hat, z, active and so on."""
    model.require_inputs(split.x)
    codes = [model.encode(x) for x in split.x.split(batch_size)]
    z = torch.cat([code.dense() for code in codes])
    _require("encode", z, (len(split), model.config.n_latents))
    x_hat = torch.cat([model.decode(code) for code in codes])
    _require("decode", x_hat, tuple(split.x.shape))
    given: dict[str, Any] = {"x": split.x, "labels": split.labels, "x_hat": x_hat, "z": z, "model": model}
    gammas = [code.gamma for code in codes if isinstance(code, DenseCodes) and code.gamma is not None]
    if gammas:
        given["gamma"] = torch.cat(gammas)
        _require("encode (its gamma)", given["gamma"], tuple(z.shape), low=0.0, high=1.0)
        given["active"] = given["gamma"] > SPIKE_ON
    else:
        given["active"] = (z != 0) & (z.var(0, correction=0) >= model.dead_variance)
        if isinstance(codes[0], SparseCodes):
            given["gamma"] = given["active"].float()
    if "gamma" in given:
        given["gamma_hard"] = given["active"]
    if isinstance(model, LikelihoodModel):
        given["likelihood"] = model
    atoms = getattr(model, "atoms", None)
    if callable(atoms):
        given["atoms"] = atoms()
    return given


def _require(what: str, tensor: Tensor, shape: tuple[int, ...], low: float = -math.inf, high: float = math.inf) -> None:
    """InvalidOutputError where a model returns another shape, NaN, an infinity, or values out of range."""
    if tuple(tensor.shape) != shape:
        raise InvalidOutputError(f"{what} returned the shape {tuple(tensor.shape)}, expected {shape}")
    bad = ~tensor.isfinite()
    if bad.any():
        raise InvalidOutputError(f"{what} returned {int(bad.sum())} values that are NaN or infinite, of {bad.numel()}")
    if tensor.numel() and (tensor.min() < low or tensor.max() > high):
        raise InvalidOutputError(f"{what} returned values outside [{low}, {high}]")


def _compute(result: Evaluation, name: str, metric: Callable[..., Any], arguments: dict[str, Any]) -> None:
    """Run one metric and file what it returns; what it raises is its own failed cell, never the run's."""
    try:
        value = metric(**arguments)
        if isinstance(value, Tensor) and value.ndim > 0:
            result.arrays[name] = value.cpu().numpy()
            return
        items = value.items() if isinstance(value, dict) else [("", value)]
        scalars = {f"{name}.{key}" if key else name: _scalar(item) for key, item in items}
    except Exception as error:  # any metric may be a plug-in
        result.errors[name] = f"{type(error).__name__}: {error}"
    else:
        result.scalars.update(scalars)


def _scalar(value: Any) -> float:
    if isinstance(value, str) or not hasattr(value, "__float__"):
        raise TypeError(
            f"a metric returns a number, a dict of numbers or a tensor, not {type(value).__name__} {value!r:.60}"
        )
    number = float(value)
    if math.isnan(number):
        raise ValueError("the metric is NaN")
    return number
