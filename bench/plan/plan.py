"""Models x data sets x seeds x settings -> a list of RunSpec, and what of it is done or missing. Pure."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from pydantic_core import PydanticSerializationError

from bench.errors import BenchError, counted, unknown
from bench.plan.request import Override, Request, describe_validation
from bench.plugins.registry import Plugin
from bench.store.spec import BUDGETS, Budget, Record, RunSpec
from models.base import Model, ModelConfig

MATCHED = {"n_latents": 256, "batch_size": 128, "learning_rate": 1e-3}
"""What every model shares in the matched setting; its sparsity knob runs over the model's own grid."""


@dataclass(frozen=True)
class ModelChoice:
    """A model that was asked for: its plug-in and its class."""

    plugin: Plugin
    cls: type[Model]


@dataclass(frozen=True)
class DatasetChoice:
    """A data set that was asked for: its plug-in and its checksum."""

    plugin: Plugin
    checksum: str


@dataclass(frozen=True)
class Plan:
    """The runs of a request and their state.

    Attributes
    ----------
    specs : list of RunSpec
        All runs, each once.
    todo : list of RunSpec
        Those that will run.
    done, failed, unreadable : list of str
        Run ids that already have a record, or one that cannot be read. `failed` is all that is not done.
    submitted, lost : list of str
        Run ids without a record that a cluster has, or had: see `bench.cluster.states`.
    """

    specs: list[RunSpec]
    todo: list[RunSpec]
    done: list[str]
    failed: list[str]
    unreadable: list[str]
    submitted: Sequence[str] = ()
    lost: Sequence[str] = ()

    @property
    def size(self) -> str:
        """'27 runs = 9 models x 1 dataset x 3 seeds', with the variants if there are more rows than models."""
        counts = {
            "model": len({spec.model for spec in self.specs}),
            "variant": len({(spec.label, spec.settings) for spec in self.specs}),
            "dataset": len({spec.dataset for spec in self.specs}),
            "seed": len({spec.seed for spec in self.specs}),
        }
        rows = "variant" if counts["variant"] > counts["model"] else "model"
        factors = " x ".join(counted(counts[kind], kind) for kind in (rows, "dataset", "seed"))
        return f"{counted(len(self.specs), 'run')} = {factors}"


def expand(request: Request, models: Sequence[ModelChoice], datasets: Sequence[DatasetChoice]) -> list[RunSpec]:
    """All runs of a request. BenchError for an unknown field or an invalid value, before anything runs."""
    _check_overrides(request.set, models)
    specs = {}
    for settings, choice in itertools.product(request.settings, models):
        base = _base(choice, settings, BUDGETS[request.budget])
        for config, variant in _configs(choice, settings, base, request.set):
            for dataset, seed in itertools.product(datasets, request.seeds):
                spec = RunSpec(
                    model=choice.plugin.name,
                    model_reference=choice.plugin.reference,
                    code=choice.plugin.checksum(),
                    config=config,
                    variant=variant,
                    dataset=dataset.plugin.name,
                    dataset_reference=dataset.plugin.reference,
                    dataset_checksum=dataset.checksum,
                    settings=settings,
                    budget=request.budget,
                    max_steps=BUDGETS[request.budget].max_steps,
                    max_eval=BUDGETS[request.budget].max_eval,
                    seed=seed,
                )
                specs[spec.run_id] = spec
    return sorted(specs.values(), key=lambda spec: (spec.seed, spec.dataset))


def resolve(
    specs: list[RunSpec], records: Mapping[str, Record | None], retry_failed: bool = False, force: bool = False
) -> Plan:
    """Sort runs by what the store has; a None in `records` is a record that cannot be read."""
    states = {}
    for spec in specs:
        if spec.run_id in records:
            record = records[spec.run_id]
            states[spec.run_id] = record.status if record else "unreadable"
    ended_badly = {run_id for run_id, state in states.items() if state not in ("done", "unreadable")}
    again = states.keys() if force else ended_badly if retry_failed else set()
    kept = {run_id: state for run_id, state in states.items() if run_id not in again}
    todo = [spec for spec in specs if spec.run_id not in kept]
    done, unreadable = ([i for i, s in kept.items() if s == state] for state in ("done", "unreadable"))
    failed = [run_id for run_id in kept if run_id in ended_badly]
    return Plan(specs, todo, done, failed, unreadable)


def estimates(todo: Sequence[RunSpec], records: Sequence[Record]) -> dict[str, float]:
    """Seconds that runs will take, by run id: the mean of like runs, for those whose like has run."""

    def kind(spec: RunSpec) -> tuple[Any, ...]:
        return spec.model, spec.dataset, spec.settings, spec.budget, str(spec.variant)

    times: dict[tuple[Any, ...], list[float]] = {}
    for record in records:
        if record.status == "done" and "total" in record.timings:
            times.setdefault(kind(record.spec), []).append(record.timings["total"])
    means = {key: sum(seconds) / len(seconds) for key, seconds in times.items()}
    return {spec.run_id: means[kind(spec)] for spec in todo if kind(spec) in means}


def _base(choice: ModelChoice, settings: str, budget: Budget) -> dict[str, Any]:
    """The values that a setting and a budget give to the fields that the model has."""
    wanted: dict[str, Any] = dict(MATCHED) if settings == "matched" else {}
    if budget.epochs is not None:
        wanted["epochs"] = budget.epochs
    return {field: value for field, value in wanted.items() if field in choice.cls.Config.model_fields}


def _configs(
    choice: ModelChoice, settings: str, base: dict[str, Any], overrides: Sequence[Override]
) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Each full config of a model, with its variant: the swept knob, and what differs from the setting."""
    swept = choice.cls.matched_grid if settings == "matched" else {}
    grid = dict(swept)
    for override in sorted(overrides, key=lambda override: override.model is not None):  # the model's own wins
        if override.model in (None, choice.plugin.name) and override.field in choice.cls.Config.model_fields:
            grid[override.field] = override.values
    reference = _dump(choice, base)
    for values in itertools.product(*grid.values()):
        config = _dump(choice, base | dict(zip(grid, values, strict=True)))
        yield config, {field: value for field, value in config.items() if field in swept or value != reference[field]}


def _validate(choice: ModelChoice, values: dict[str, Any]) -> ModelConfig:
    try:
        return choice.cls.Config(**values)
    except ValidationError as error:
        raise BenchError(describe_validation(choice.plugin.name, error)) from error


def _dump(choice: ModelChoice, values: dict[str, Any]) -> dict[str, Any]:
    """A validated config as JSON values. BenchError where a field has none."""
    try:
        return _validate(choice, values).model_dump(mode="json")
    except PydanticSerializationError as error:
        raise BenchError(f"{choice.plugin.name}.Config has a field that cannot be written as JSON: {error}") from error


def _check_overrides(overrides: Sequence[Override], models: Sequence[ModelChoice]) -> None:
    """Every override must reach a model that is part of the request, and name a field that it has."""
    fields = {choice.plugin.name: set(choice.cls.Config.model_fields) for choice in models}
    for model, field, values in overrides:
        if model is not None and model not in fields:
            raise unknown("model in --set", model, fields, "It must be one of --models.")
        valid = fields[model] if model else set().union(*fields.values())
        if field not in valid:
            raise unknown(f"field of {model or 'any chosen model'}", field, valid)
        if not values:
            raise BenchError(f"--set {field}=[]: an empty list leaves nothing to run; give one value or more.")
