"""From a request to its runs, and to the records of them in a results folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from bench.plan.expand import DatasetChoice, ModelChoice, expand
from bench.plan.plan import Plan, resolve
from bench.plan.request import Request
from bench.plugins.loading import dataset_checksum, dataset_files, load_model_class, load_source, model_files
from bench.plugins.plugin import Plugin
from bench.plugins.registry import DATASET_REGISTRY, MODEL_REGISTRY
from bench.store.parsing import UnreadableRecord
from bench.store.record import Record
from bench.store.runs import RunStore
from bench.store.spec import RunSpec


def make_plan(
    request: Request, store: RunStore, data_dir: Path, retry_failed: bool = False, force: bool = False
) -> Plan:
    """Resolve names, expand to runs, and look up what is done. Imports the models; reads no data, writes nothing."""
    return plan_of(specs_of(request, data_dir), store, retry_failed, force)


def plan_of(specs: list[RunSpec], store: RunStore, retry_failed: bool = False, force: bool = False) -> Plan:
    """Look up which runs are done."""
    return resolve(specs, load_existing(specs, store), retry_failed, force)


def specs_of(request: Request, data_dir: Path) -> list[RunSpec]:
    """The runs of a request."""
    plugins = [each for plugin in MODEL_REGISTRY.choose(request.models) for each in _replicates(plugin)]
    models = [ModelChoice(plugin, load_model_class(plugin), model_files(plugin)) for plugin in plugins]
    datasets = [_dataset(plugin, data_dir) for plugin in DATASET_REGISTRY.choose(request.datasets)]
    return expand(request, models, datasets)


def _replicates(plugin: Plugin) -> list[Plugin]:
    """A plug-in for each checkpoint that it names; of all else, itself."""
    place = plugin.checkpoint
    return [replace(plugin, replicate=n) for n in range(len(place.replicates))] if place else [plugin]


def _dataset(plugin: Plugin, data_dir: Path) -> DatasetChoice:
    source = load_source(plugin)
    checksum, files = dataset_checksum(plugin, data_dir), dataset_files(plugin)
    return DatasetChoice(plugin, checksum, files, source.min_steps, source.hyperparameters)


def load_existing(specs: list[RunSpec], store: RunStore) -> dict[str, Record | None]:
    """The records that some runs already have; None for one that cannot be read."""
    records: dict[str, Record | None] = {}
    for spec in specs:
        try:
            record = store.load(spec.run_id)
        except UnreadableRecord:
            records[spec.run_id] = None
        else:
            if record:
                records[spec.run_id] = record
    return records
