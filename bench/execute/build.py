"""From a RunSpec to its model: untrained, or with the weights that the run left."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from pydantic import ValidationError

from bench.datasets.base import Dataset
from bench.errors import BenchError, describe_validation
from bench.execute.seeding import random_numbers_kept, seed_everything
from bench.execute.training import require_batch_fits
from bench.plugins.checkpoints import MODEL, PURSUIT
from bench.plugins.loading import dataset_checksum, dataset_files, load_dataset, load_model_class, model_files
from bench.plugins.plugin import Plugin
from bench.plugins.registry import DATASET_REGISTRY, MODEL_REGISTRY
from bench.plugins.sources import digest_of
from bench.store.folder import RunFolder
from bench.store.record import Record
from bench.store.spec import RunSpec
from bench.store.weights import restore
from models.base import GradientConfig, Model


def dataset_plugin(spec: RunSpec) -> Plugin:
    """The data set of a run. BenchError where its code has changed since the run was planned."""
    plugin = Plugin(spec.dataset, spec.dataset_reference, not spec.dataset_files)
    if not plugin.builtin:
        _require_unchanged(plugin, spec.dataset_files, digest_of(spec.dataset_files), dataset_files)
    return plugin


def load_data(spec: RunSpec, data_dir: Path, device: str = "cpu") -> Dataset:
    """The data set of a run. BenchError where its content or its code is not what the run was planned on."""
    plugin = dataset_plugin(spec)
    if dataset_checksum(plugin, data_dir) != spec.dataset_checksum:
        raise BenchError(
            f"The data '{spec.dataset}' are not those that {spec.run_id} was planned on. Restore them, name theirs "
            "with --data-dir, or plan new runs by issuing `bench run` again."
        )
    return load_dataset(plugin, data_dir, device)


def model_plugin(spec: RunSpec) -> Plugin:
    """The model of a run. BenchError where its code has changed since the run was planned."""
    plugin = Plugin(spec.model, spec.model_reference, spec.code is None, spec.seed if spec.imported else 0)
    if spec.code is not None and spec.model_reference not in (MODEL, PURSUIT):
        _require_unchanged(plugin, spec.model_files, spec.code, model_files)
    return plugin


def _require_unchanged(
    plugin: Plugin, planned: Mapping[str, str], digest: str, files_of: Callable[[Plugin], dict[str, str]]
) -> None:
    """BenchError that names what has changed: of the code, before it is imported; then of what it declares to read.

    Earlier versions told the digest alone.
    """
    for files in (plugin.files, lambda: files_of(plugin)):
        now = files()
        changed = sorted(name for name in now if planned and now[name] != planned.get(name))
        if changed:
            break
    if changed or digest_of(now) != digest:
        raise BenchError(
            f"{', '.join(changed) or 'The code'} of {plugin.reference} has changed since this run was planned. "
            "Restore it, or plan a new run of it by issuing `bench run` again."
        )


def trusted_spec(spec: RunSpec, models: Sequence[Plugin], datasets: Sequence[Plugin]) -> RunSpec:
    """The spec of somebody's record with references to code that this command trusts, in place of those it names.

    Trusted are built-ins, what is installed, and the plug-ins given. BenchError where there is none of its name.
    """
    references = {}
    for kind, registry, name, given in (
        ("model", MODEL_REGISTRY, spec.model, models),
        ("dataset", DATASET_REGISTRY, spec.dataset, datasets),
    ):
        known = next((plugin for plugin in given if plugin.name == name), None) or registry.of_name(name)
        if kind == "model" and spec.imported:  # its weights are beside the record, and its class is ours
            known = Plugin(name, PURSUIT if spec.config.get("selection") == "pursuit" else MODEL, True)
        if known is None:
            reference = getattr(spec, f"{kind}_reference")
            file = f"FILE.py:{name}" if ".py:" in reference else shlex.quote(reference)
            raise BenchError(
                f"The {kind} '{name}' of {spec.run_id} is neither built in nor installed, and what a record names is "
                f"not read or run unless you name it too: --{kind}s {file}"
            )
        references[f"{kind}_reference"] = known.reference
    return spec.model_copy(update=references)


def build_model(spec: RunSpec, dataset: Dataset) -> Model:
    """The untrained model of a run, on CPU, from the run's own initialisation stream."""
    cls = load_model_class(model_plugin(spec))
    try:
        config = cls.Config(**spec.config)
    except ValidationError as error:
        problems = describe_validation("", error).replace("\n", "; ")
        raise BenchError(
            f"The hyperparameters of {spec.run_id} do not fit {spec.model} any more: {problems}. Its code is not what "
            "it was when this run was planned. Plan a new run of it by issuing `bench run` again."
        ) from error
    if isinstance(config, GradientConfig):
        require_batch_fits(spec.model, config.batch_size, len(dataset.batched))
    seed_everything(spec.seed, spec.dataset, "initialisation")
    return cls(config, dataset.n_features)


def departures(spec: RunSpec, model: Model) -> list[str]:
    """What a model has in place of the hyperparameters that were asked for, as the data allow no more."""
    has = model.config.model_dump(mode="json")
    return [
        f"{field} is {has[field]}, not {asked}: these data allow no other"
        for field, asked in spec.config.items()
        if has.get(field, asked) != asked
    ]


def require_trained(record: Record) -> None:
    """BenchError where a run left no trained model, evaluated or not."""
    if record.not_applicable or not (record.status == "done" or record.trained):
        raise BenchError(f"{record.run_id} is not trained ({record.not_applicable or record.status}).")


def load_trained(folder: RunFolder, spec: RunSpec, dataset: Dataset) -> Model:
    """The trained model of a run that is done, on CPU.

    BenchError where its weights are missing or do not fit, or where the code of its model has changed since.
    """
    with random_numbers_kept():
        model = build_model(spec, dataset)
    restore(model, folder.weights(), f"The weights in '{folder.path}'")
    return model.eval()
