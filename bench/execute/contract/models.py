"""The contract of a model: its class, its config, and from its loss to a run from end to end."""

from __future__ import annotations

from pathlib import Path

from bench.execute.contract.checking import Check, Outcome, run_checks
from bench.execute.contract.codes import (
    decodes,
    decodes_dense_codes,
    decodes_nothing,
    encodes,
    encodes_one_sample,
    has_a_likelihood,
    has_a_posterior,
    has_atoms,
    has_preactivations,
    ignores_the_batch,
    ignores_the_order,
    is_saved,
    keeps_a_budget,
    leaves_inputs_alone,
    repeats,
    samples,
    survives_constant_inputs,
)
from bench.execute.contract.losses import (
    is_a_loss,
    leaves_batches_alone,
    reaches_parameters,
    takes_a_last_sample,
    takes_unlabelled,
)
from bench.execute.contract.running import DATASET, runs
from bench.execute.contract.subject import Subject
from bench.execute.contract.unseen import flaw_of_layers
from bench.execute.seeding import random_numbers_kept
from bench.plugins.loading import load_dataset, model_problems
from bench.plugins.plugin import Plugin
from bench.plugins.registry import DATASET_REGISTRY
from models.base import Model

CLASS = "Its methods and its Config are what the harness calls"


def check_model(plugin: Plugin, cls: type[Model], data_dir: Path) -> list[Outcome]:
    """Try everything that the harness asks of a model."""
    problems = model_problems(cls)
    if problems:
        return [Outcome(CLASS, problem) for problem in problems]
    subject = Subject(plugin, cls, load_dataset(DATASET_REGISTRY.find(DATASET), data_dir), data_dir)
    with random_numbers_kept():
        return [Outcome(CLASS), *run_checks(MODEL, subject, plugin)]


def makes(subject: Subject) -> str:
    """The default config is valid and makes a model."""
    model = subject.fresh()
    if not isinstance(getattr(model, "config", None), subject.cls.Config) or getattr(model, "n_features", None) is None:
        return "the model has no config or n_features: call super().__init__(config, n_features)."
    return ""


def has_a_grid(subject: Subject) -> str:
    """Its matched_grid gives fields of the Config values that are valid."""
    fields = subject.cls.Config.model_fields
    for field, values in subject.cls.matched_grid.items():
        if field not in fields:
            return f"matched_grid names '{field}', which {subject.cls.Config.__name__} does not have."
        for value in values:
            subject.cls.Config(**{field: value})
    return ""


def registers(subject: Subject) -> str | None:
    """Torch sees every layer and tensor that is to be trained."""
    return flaw_of_layers(subject.fresh()) if subject.by_gradient else None


def trains(subject: Subject) -> str:
    """A short training by the harness keeps its loss and its weights finite."""
    state = subject.trained.state_dict()
    bad = [name for name, values in state.items() if not values.isfinite().all()]
    return f"NaN or infinite after training: {', '.join(bad)}." if bad else ""


DECODED = (
    Check(decodes_dense_codes),
    Check(decodes_nothing),
    Check(survives_constant_inputs),
    Check(leaves_inputs_alone),
    Check(runs),
)
"""What is tried of a model that encodes and decodes."""

REPEATED = (Check(ignores_the_batch), Check(ignores_the_order), Check(is_saved))
"""What is tried of a model whose codes are always the same."""

ENCODED = (
    Check(encodes_one_sample, then=(Check(repeats, then=REPEATED),)),
    *(
        Check(each)
        for each in (has_atoms, keeps_a_budget, samples, has_preactivations, has_a_posterior, has_a_likelihood)
    ),
    Check(decodes, then=DECODED),
)
"""What is tried of a model that encodes."""

LOSS = (
    *(Check(each) for each in (reaches_parameters, takes_a_last_sample, takes_unlabelled, leaves_batches_alone)),
    Check(trains, then=(Check(encodes, then=ENCODED),)),
)
"""What is tried of a model whose loss is one, or that is fitted."""

MODEL = (Check(has_a_grid), Check(makes, then=(Check(registers, then=(Check(is_a_loss, then=LOSS),)),)))
"""What is tried of a model whose class is sound."""
