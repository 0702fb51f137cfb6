"""Models x data sets x seeds x settings -> a list of RunSpec. Pure."""

from __future__ import annotations

import difflib
import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from pydantic_core import PydanticSerializationError

from bench.errors import BenchError, describe_validation, unknown
from bench.plan.request import Override, Request, require_numbers
from bench.plugins.loading import load_model_class
from bench.plugins.plugin import Plugin
from bench.plugins.registry import MODEL_REGISTRY
from bench.plugins.sources import digest_of
from bench.store.spec import BUDGETS, Budget, RunSpec
from models.base import GradientConfig, Model, ModelConfig

MATCHED = {"n_latents": 256, "batch_size": 128, "learning_rate": 1e-3}
"""Hyperparameters that all models share in the matched setting; each model sweeps its own sparsity grid."""


OF_LISTS = ("list_type", "tuple_type", "set_type", "frozen_set_type")
"""How pydantic calls it where a field that is a list gets something else."""


@dataclass(frozen=True)
class ModelChoice:
    """A requested model."""

    plugin: Plugin
    """Its name, and where its code is."""
    cls: type[Model]
    """Its class."""
    files: Mapping[str, str]
    """Path -> SHA-256 of what it is made of; none for a built-in."""


@dataclass(frozen=True)
class DatasetChoice:
    """A requested data set."""

    plugin: Plugin
    """Its name, and where its code is."""
    checksum: str
    """Checksum that identifies its content."""
    files: Mapping[str, str]
    """The same as a model's."""
    min_steps: int | None
    """Optimiser steps that a run on it takes at least."""
    hyperparameters: Mapping[str, Any]
    """Values that suit it, for every model that has the field."""


def expand(request: Request, models: Sequence[ModelChoice], datasets: Sequence[DatasetChoice]) -> list[RunSpec]:
    """All runs of a request. BenchError for an unknown field or an invalid value, before anything runs."""
    _check_recipes(models)
    _check_suits(datasets, models)
    _check_overrides(request.set, models)
    _check_size(request, models, len(datasets))
    specs = {}
    for settings, choice, dataset in itertools.product(request.settings, models, datasets):
        base = _base(choice, dataset, settings, BUDGETS[request.budget])
        asked = "epochs" in _grid(choice, settings, request.set)  # they stand, however few
        precision = request.precision if issubclass(choice.cls.Config, GradientConfig) else "float32"
        coarse = {} if precision == "float32" else {"precision": precision}
        for config, variant in _configs(choice, settings, base, request.set):
            shorter = {"epochs": config["epochs"]} if asked and dataset.min_steps else {}
            for seed in _seeds(choice, request):
                spec = RunSpec(
                    model=choice.plugin.name,
                    model_reference=choice.plugin.address,
                    code=digest_of(choice.files) if choice.files else None,
                    model_files=dict(choice.files),
                    config=config,
                    variant=variant | shorter | coarse,
                    dataset=dataset.plugin.name,
                    dataset_reference=dataset.plugin.address,
                    dataset_checksum=dataset.checksum,
                    dataset_files=dict(dataset.files),
                    settings=settings,
                    budget=request.budget,
                    min_steps=None if asked else dataset.min_steps,
                    max_steps=BUDGETS[request.budget].max_steps,
                    max_eval=BUDGETS[request.budget].max_eval,
                    precision=precision,
                    seed=seed,
                )
                specs[spec.run_id] = spec
    return sorted(specs.values(), key=lambda spec: (spec.seed, spec.dataset))


def _seeds(choice: ModelChoice, request: Request) -> Sequence[int]:
    """The seeds that a model is run with: 0 alone where none matters; the number of a checkpoint in their place."""
    return (choice.plugin.replicate,) if choice.cls.deterministic or choice.plugin.checkpoint else request.seeds


def _base(choice: ModelChoice, dataset: DatasetChoice, settings: str, budget: Budget) -> dict[str, Any]:
    """The values of a data set, a setting and a budget, the last one winning, for the fields that the model has."""
    if choice.cls.settled is not None:
        return dict(choice.cls.settled)
    wanted = {**dataset.hyperparameters, **(MATCHED if settings == "matched" else {})}
    if budget.epochs is not None:
        wanted["epochs"] = budget.epochs
    return {field: value for field, value in wanted.items() if field in choice.cls.Config.model_fields}


def _configs(
    choice: ModelChoice, settings: str, base: dict[str, Any], overrides: Sequence[Override]
) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Each full config of a model, with its variant: the swept knob, and what differs from the setting."""
    swept = choice.cls.matched_grid if settings == "matched" else {}
    grid = _grid(choice, settings, overrides)
    reference = _dump(choice, base)
    for values in itertools.product(*grid.values()):
        config = _dump(choice, base | dict(zip(grid, values, strict=True)))
        yield (
            config,
            {field: value for field, value in config.items() if field in swept or value != reference.get(field)},
        )


def _check_size(request: Request, models: Sequence[ModelChoice], n_datasets: int) -> None:
    """BenchError where the request comes to more runs than it may, before they are laid out."""
    sizes = [
        (math.prod(len(values) for values in _grid(choice, settings, request.set).values()), choice)
        for settings, choice in itertools.product(request.settings, models)
    ]
    rows = sum(size for size, _ in sizes)
    n_runs = n_datasets * sum(size * len(_seeds(choice, request)) for size, choice in sizes)
    if n_runs > request.max_runs:
        raise BenchError(
            f"This comes to {n_runs:,} runs ({rows:,} variants x {n_datasets} data sets x {len(request.seeds):,} "
            f"seeds), more than --max-runs {request.max_runs}; ask for less, or raise it."
        )


def _grid(choice: ModelChoice, settings: str, overrides: Sequence[Override]) -> dict[str, Sequence[Any]]:
    """Field -> its values: those that the setting sweeps, and those that were asked for."""
    if choice.cls.settled is not None:
        return {}
    grid: dict[str, Sequence[Any]] = dict(choice.cls.matched_grid if settings == "matched" else {})
    for override in sorted(overrides, key=lambda override: override.model is not None):  # the model's own wins
        if override.concerns(choice.plugin.name, choice.cls.Config.model_fields):
            grid[override.field] = override.values
    return grid


def _validate(choice: ModelChoice, values: dict[str, Any]) -> ModelConfig:
    require_numbers(choice.plugin.name, choice.cls.Config, values)
    try:
        return choice.cls.Config(**values)
    except ValidationError as error:
        one_of_a_grid = any(each["type"] in OF_LISTS and len(each["loc"]) == 1 for each in error.errors())
        hint = "\nA list is a grid: for one value that is a list write [[8, 4]]." if one_of_a_grid else ""
        raise BenchError(describe_validation(choice.plugin.name, error) + hint) from error


def _dump(choice: ModelChoice, values: dict[str, Any]) -> dict[str, Any]:
    """A validated config as JSON values. Raises BenchError if a field cannot be written as JSON."""
    try:
        return _validate(choice, values).model_dump(mode="json")
    except PydanticSerializationError as error:
        raise BenchError(f"{choice.plugin.name}.Config has a field that cannot be written as JSON: {error}") from error


def _check_recipes(models: Sequence[ModelChoice]) -> None:
    """BenchError where checkpoints that one reference names, as replicates, differ in more than their tensors."""
    first: dict[str, ModelChoice] = {}
    for choice in models:
        known = first.setdefault(choice.plugin.name, choice).cls.settled or {}
        differs = [
            f"{key} = {known[key]} and {value}"
            for key, value in (choice.cls.settled or {}).items()
            if known[key] != value
        ]
        if differs:
            raise BenchError(
                f"The checkpoints of {choice.plugin.reference} are no replicates of one recipe: number 0 and number "
                f"{choice.plugin.replicate} have {', '.join(differs)}. Name those of each recipe by themselves."
            )


def _check_suits(datasets: Sequence[DatasetChoice], models: Sequence[ModelChoice]) -> None:
    """BenchError for a value that a data set of somebody's own has for a field of no model, chosen or built in."""
    own = [dataset for dataset in datasets if dataset.hyperparameters and not dataset.plugin.builtin]
    builtins = [MODEL_REGISTRY.plugins[name] for name in MODEL_REGISTRY.builtins] if own else []
    classes = [*(choice.cls for choice in models), *map(load_model_class, builtins)]
    known = {field for cls in classes for field in cls.Config.model_fields}
    for choice in own:
        for field in map(str, choice.hyperparameters):
            if field not in known:
                near = difflib.get_close_matches(field, known, 8) or known
                hint = "No model has it: mend it, or name one that does in --models."
                raise unknown(f"field in {choice.plugin.object_name}.hyperparameters", field, near, hint)


def _check_overrides(overrides: Sequence[Override], models: Sequence[ModelChoice]) -> None:
    """Check that every override applies to a requested model, and names a field that the model has."""
    settled = {choice.plugin.name for choice in models if choice.cls.settled is not None}
    fields = {choice.plugin.name: set(choice.cls.Config.model_fields) for choice in models}
    fields |= {name: set() for name in settled}
    for model, field, values in overrides:
        if model is not None and model not in fields:
            owner, _, outer = model.rpartition(".")
            if outer in fields.get(owner, ()):
                raise BenchError(f"--set {model}.{field}: fields in {outer} go together, {model}={{{field}: VALUE}}.")
            raise unknown("model in --set", model, fields, "It must be one of --models.")
        valid = fields[model] if model else set().union(*fields.values())
        if model in settled or len(settled) == len(fields):
            raise BenchError(f"--set {field}: {model or 'each of --models'} is trained already; leave this out.")
        if field not in valid:
            raise unknown(f"field of {model or 'any chosen model'}", field, valid)
        if not values:
            raise BenchError(f"--set {field}=[]: an empty list leaves nothing to run; give one value or more.")
