"""From plug-ins to checked objects: model classes, built models, data sets, metrics."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import torch

from bench.datasets.base import Dataset, DatasetSource
from bench.errors import BenchError
from bench.execute.seeding import seed_everything
from bench.execute.training import require_batch_fits
from bench.plugins.registry import DATASET_REGISTRY, METRIC_REGISTRY, MODEL_REGISTRY, Plugin
from bench.store.runs import RunStore
from bench.store.spec import RunSpec
from bench.store.weights import read_weights, restore
from models.base import GradientConfig, Model, ModelConfig


def load_model_class(plugin: Plugin) -> type[Model]:
    """The class of a model plug-in. BenchError where it is not one, or its config is not."""
    cls = MODEL_REGISTRY.load(plugin)
    if not (isinstance(cls, type) and issubclass(cls, Model)):
        raise BenchError(f"'{plugin.reference}' is not a model: derive it from models.base.Model.")
    needed = ModelConfig if hasattr(cls, "fit") else GradientConfig
    if not (isinstance(cls.Config, type) and issubclass(cls.Config, needed)):
        raise BenchError(f"{plugin.name}.Config is {cls.Config!r}; derive a class from models.base.{needed.__name__}.")
    grid = cls.matched_grid
    if not (isinstance(grid, Mapping) and all(isinstance(values, tuple | list) and values for values in grid.values())):
        raise BenchError(f"{plugin.name}.matched_grid is {grid!r}; map a field to its values, e.g. {{'k': (4, 8)}}.")
    return cls


def build_model(spec: RunSpec, dataset: Dataset) -> Model:
    """The untrained model of a run, on CPU, from the run's own initialisation stream."""
    plugin = Plugin(spec.model, spec.model_reference, spec.code is None)
    if plugin.checksum() != spec.code:
        raise BenchError(f"{spec.model_reference} has changed since this run was planned; issue the command again.")
    cls = load_model_class(plugin)
    config = cls.Config(**spec.config)
    if isinstance(config, GradientConfig):
        require_batch_fits(spec.model, config.batch_size, len(dataset.train))
    seed_everything(spec.seed, spec.dataset, "initialisation")
    return cls(config, dataset.n_features)


def load_trained(store: RunStore, spec: RunSpec, dataset: Dataset) -> Model:
    """The trained model of a finished run, on CPU.

    BenchError where its weights are missing or do not fit, or where the file of a model of your own has changed since.
    """
    with torch.random.fork_rng():
        model = build_model(spec, dataset)
    path = store.weights_path(spec.run_id)
    restore(model, read_weights(path, spec.run_id), f"The weights '{path}'")
    return model.eval()


def load_source(plugin: Plugin) -> DatasetSource:
    """The source of a data-set plug-in. BenchError where it is not one."""
    cls = DATASET_REGISTRY.load(plugin)
    if not (isinstance(cls, type) and issubclass(cls, DatasetSource)):
        raise BenchError(f"'{plugin.reference}' is not a data set: derive it from bench.datasets.base.DatasetSource.")
    return cls()


@cache
def load_dataset(plugin: Plugin, data_dir: Path, device: str = "cpu") -> Dataset:
    """A data set on a device; read once per process."""
    if device != "cpu":
        return load_dataset(plugin, data_dir).to(torch.device(device))
    return load_source(plugin).load(data_dir)


@cache
def all_metrics() -> dict[str, Callable[..., Any]]:
    """Every registered metric function by name. BenchError for one without the `metric` decorator."""
    metrics = {name: METRIC_REGISTRY.load(plugin) for name, plugin in METRIC_REGISTRY.plugins.items()}
    for name, function in metrics.items():
        if not hasattr(function, "info"):
            raise BenchError(f"The metric '{name}' has no description: decorate it with metrics.base.metric(...).")
    return metrics
