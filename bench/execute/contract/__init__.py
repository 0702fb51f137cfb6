"""The contract of plug-ins, as checks of somebody's model, metric or data set."""

from __future__ import annotations

from pathlib import Path
from types import FunctionType
from typing import Any

from bench.datasets.base import DatasetSource
from bench.datasets.place import options_of, place_of
from bench.errors import BenchError, unknown
from bench.execute.contract.checking import Outcome
from bench.execute.contract.datasets import check_source
from bench.execute.contract.metrics import check_metric
from bench.execute.contract.models import check_model
from bench.plugins.plugin import Plugin
from bench.plugins.registry import (
    DATASET_REGISTRY,
    FORMS,
    METRIC_REGISTRY,
    MODEL_REGISTRY,
    Registry,
    by_reference,
    load_object,
)
from bench.store.spec import CHECKPOINT
from metrics.base import Metric
from models.base import Model

__all__ = ["Outcome", "check_object"]

REGISTRIES = (MODEL_REGISTRY, METRIC_REGISTRY, DATASET_REGISTRY)


def check_object(reference: str, data_dir: Path) -> list[Outcome]:
    """Try everything that the harness will ask of a plug-in.

    Parameters
    ----------
    reference : str
        `file.py:Object`, `package.module:Object`, a path of data, or a registered name.
    data_dir : Path
        Where data sets are, for what is tried on one.

    Raises
    ------
    BenchError
        Where there is no such object, or it is none of the three kinds.
    """
    if reference.startswith(CHECKPOINT):
        raise BenchError(f"'{reference}' is trained already: `bench run --models {reference} --dry-run` reads it.")
    plugin = by_reference(reference, "plug-in") or _named(options_of(reference)[0])
    if place_of(plugin.reference):
        return check_source(plugin, data_dir)
    found = load_object(plugin, "plug-in")
    registry = _registry_of(found, plugin)
    plugin = registry.find(reference)
    if registry is MODEL_REGISTRY:
        return check_model(plugin, found, data_dir)
    if registry is METRIC_REGISTRY:
        return check_metric(plugin, found)
    return check_source(plugin, data_dir)


def _named(name: str) -> Plugin:
    """The registered plug-in of a name, of whatever kind. BenchError where there is none, or there are several."""
    plugins = [registry.plugins[name] for registry in REGISTRIES if name in registry.plugins]
    if not plugins:
        names = [known for registry in REGISTRIES for known in registry.plugins]
        raise unknown("model, metric or data set", name, names, FORMS)
    if len(plugins) > 1:
        references = " and ".join(plugin.reference for plugin in plugins)
        raise BenchError(f"'{name}' is the name of {references}; give one of these.")
    return plugins[0]


def _registry_of(found: Any, plugin: Plugin) -> Registry:
    """Where an object belongs; a function is a metric that lacks its decorator. BenchError for anything else."""
    if isinstance(found, type) and issubclass(found, Model):
        return MODEL_REGISTRY
    if isinstance(found, type) and issubclass(found, DatasetSource):
        return DATASET_REGISTRY
    if isinstance(found, Metric | FunctionType):
        return METRIC_REGISTRY
    if isinstance(found, type):
        description = f"the class {found.__name__}({', '.join(base.__name__ for base in found.__bases__)})"
    else:
        description = f"an object of the class {type(found).__name__}"
    raise BenchError(
        f"'{plugin.reference}' is {description}. What can be checked is a model (a subclass of models.base.Model), "
        "a metric (a function decorated with metrics.base.metric) or a data set (a subclass of "
        "bench.datasets.base.DatasetSource)."
    )
