"""From plug-ins to checked objects: model classes, data sets, metrics. What is wrong is said before anything runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import ValidationError

from bench.datasets.base import Dataset, DatasetSource
from bench.datasets.place import place_of
from bench.errors import BenchError, describe_validation, message_of
from bench.plugins.checkpoints import imported_class
from bench.plugins.plugin import Plugin
from bench.plugins.ranges import flaw_of_range
from bench.plugins.registry import DATASET_REGISTRY, METRIC_REGISTRY, MODEL_REGISTRY
from bench.plugins.sources import digest_of
from bench.store.legend import MetricEntry
from metrics.base import Axis, Metric
from metrics.needs import misspelt

if TYPE_CHECKING:
    from models.base import Model

UNDECORATED = (
    'decorate the function with metrics.base.metric(label="...", direction="min", range="[0, 1]", source="...").'
)
"""What makes a metric of a function."""


def load_model_class(plugin: Plugin) -> type[Model]:
    """The class of a model plug-in. BenchError that names everything that is wrong with it."""
    if plugin.checkpoint:
        return imported_class(plugin.reference, plugin.replicate, plugin.content())
    cls = MODEL_REGISTRY.load(plugin)
    from models.base import Model

    if not (isinstance(cls, type) and issubclass(cls, Model)):
        raise BenchError(f"'{plugin.reference}' is not a model: derive it from models.base.Model.")
    _require_none("model", plugin, model_problems(cls))
    return cls


def model_problems(cls: type[Model]) -> list[str]:
    """What is wrong with a model class as it stands, in words; nothing for one that can be used."""
    from models.capabilities import check_capabilities

    problems = check_capabilities(cls)
    grid = cls.matched_grid
    if not (isinstance(grid, Mapping) and all(isinstance(values, tuple | list) and values for values in grid.values())):
        problems.append(f"matched_grid is {grid!r}; map a field to its values, e.g. {{'k': (4, 8)}}.")
    return problems


def model_files(plugin: Plugin) -> dict[str, str]:
    """Path -> SHA-256, of the files that a model is made of: see `Plugin.files`; none for a built-in."""
    return {} if plugin.builtin else plugin.files(_reads(plugin, load_model_class(plugin)))


def dataset_files(plugin: Plugin) -> dict[str, str]:
    """The same of a data set."""
    return {} if plugin.builtin else plugin.files(_reads(plugin, type(load_source(plugin))))


def dataset_checksum(plugin: Plugin, data_dir: Path) -> str:
    """What identifies a data set in a run: its own checksum; with that of its files, unless it is built in.

    How its inputs are normalised is in its name.
    """
    checksum = load_source(plugin).checksum(data_dir)
    files = dataset_files(plugin)
    return digest_of({"": checksum} | files) if files else checksum


def _reads(plugin: Plugin, cls: type[Model] | type[DatasetSource]) -> Sequence[str]:
    """The files that a class declares it reads. BenchError where that is not a tuple of names."""
    reads: object = cls.reads
    if not isinstance(reads, tuple | list) or not all(isinstance(name, str) for name in reads):
        raise BenchError(
            f"{plugin.reference}: reads = {reads!r:.80} is no tuple of file names; write reads = ('weights.npz',), "
            "with the comma."
        )
    return reads


def load_source(plugin: Plugin) -> DatasetSource:
    """The source of a data-set plug-in. BenchError where it is not one."""
    if place := place_of(plugin.reference):
        from bench.datasets.files import FileSource

        return FileSource(place)
    cls = DATASET_REGISTRY.load(plugin)
    if not (isinstance(cls, type) and issubclass(cls, DatasetSource)):
        raise BenchError(f"'{plugin.reference}' is not a data set: derive it from bench.datasets.base.DatasetSource.")
    _require_none("data set", plugin, _source_problems(cls))
    try:
        return cls()
    except TypeError as error:
        raise BenchError(f"The data set '{plugin.reference}' cannot be made: {error}.") from error


def _source_problems(cls: type[DatasetSource]) -> list[str]:
    """What is wrong with what a data set declares, in words."""
    problems = []
    if not (cls.min_steps is None or (type(cls.min_steps) is int and cls.min_steps > 0)):
        problems.append(f"min_steps is {cls.min_steps!r}; give a number of optimiser steps, 1 or more, or None.")
    if not isinstance(cls.hyperparameters, Mapping):
        problems.append(f"hyperparameters is {cls.hyperparameters!r}; map fields to values, e.g. {{'batch_size': 16}}.")
    return problems


class _Held(NamedTuple):
    """A data set that this process has read."""

    checksum: str
    """Of what it was read from."""
    dataset: Dataset
    """The data set."""


_held: dict[tuple[Plugin, Path, str], _Held] = {}
"""Data set, folder and device -> its newest content."""


def load_dataset(plugin: Plugin, data_dir: Path, device: str = "cpu") -> Dataset:
    """A data set on a device, checked; read once per process and content. BenchError where it cannot be used."""
    key, checksum = (plugin, data_dir, device), dataset_checksum(plugin, data_dir)
    if key in _held and _held[key].checksum == checksum:
        return _held[key].dataset
    _held.pop(key, None)  # first: memory may not hold the old content and the new
    if device == "cpu":
        dataset = _read_dataset(plugin, data_dir)
    else:
        import torch

        dataset = load_dataset(plugin, data_dir).to(torch.device(device))
    _held[key] = _Held(checksum, dataset)
    return dataset


def forget_datasets() -> None:
    """Have every data set read again by whoever needs it next."""
    _held.clear()


def _read_dataset(plugin: Plugin, data_dir: Path) -> Dataset:
    from bench.datasets.balance import outweighed
    from bench.datasets.conversion import DataError
    from bench.datasets.normalising import normalised
    from bench.datasets.soundness import require_dataset

    source, it = load_source(plugin), f"The data set '{plugin.name}' of {plugin.target}"
    try:
        dataset = require_dataset(source.load(data_dir))
        if plugin.normalise and not place_of(plugin.reference):  # a file does it as it is read
            dataset = require_dataset(normalised(dataset, plugin.normalise))
        return replace(dataset, notes=(*dataset.notes, *outweighed(dataset)))
    except (BenchError, OSError):
        raise
    except DataError as error:
        raise BenchError(f"{it} cannot be used: {error}") from error
    except (Exception, SystemExit) as error:  # a data set may be anybody's
        raise BenchError(
            f"{it} does not load: {type(error).__name__}: {message_of(error)}. Try `bench check {plugin.reference}`."
        ) from error


def load_metric(plugin: Plugin) -> Metric[..., Any]:
    """A metric. BenchError where it is not declared as one, or asks for what nothing provides."""
    found = METRIC_REGISTRY.load(plugin)
    if not isinstance(found, Metric):
        raise BenchError(f"The metric '{plugin.reference}' has no declaration: {UNDECORATED}")
    _require_none("metric", plugin, metric_problems(found))
    return found


def metric_problems(metric: Metric[..., Any]) -> list[str]:
    """What is wrong with how a metric is declared, in words.

    A legend that it stands in could not be read again, or any value would be in its range.
    """
    info = metric.info
    curve = vars(info.curve) if isinstance(info.curve, Axis) else info.curve
    try:
        MetricEntry.model_validate({"info": {**vars(info), "curve": curve}})
    except ValidationError as error:
        said = [line.removeprefix("info.") for line in describe_validation("", error).splitlines()]
        return [*said, *misspelt(metric)]
    flaw = flaw_of_range(info.range)
    return [*([flaw] if flaw else []), *misspelt(metric)]


def load_metrics(names: Sequence[str] = ("all",)) -> dict[str, Metric[..., Any]]:
    """Metrics by name: of names, of references, and of `all` that are registered."""
    return {plugin.name: load_metric(plugin) for plugin in METRIC_REGISTRY.choose(names)}


def _require_none(kind: str, plugin: Plugin, problems: Sequence[str]) -> None:
    """BenchError that names the file and each problem."""
    if problems:
        file = plugin.source_file or plugin.target
        raise BenchError("\n".join([f"The {kind} '{plugin.name}' of {file} cannot be used:", *problems]))
