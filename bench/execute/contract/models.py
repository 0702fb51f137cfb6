"""The contract of a model: its class, its config, and from its loss to a run from end to end."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import torch

from bench.execute.contract.checking import Check, Outcome, place, run_checks
from bench.execute.contract.codes import CODES
from bench.execute.contract.losses import LOSSES
from bench.execute.contract.subject import Subject
from bench.execute.job import Job
from bench.execute.run import run_one
from bench.plugins.loading import load_dataset, load_source, model_problems
from bench.plugins.plugin import Plugin
from bench.plugins.registry import DATASET_REGISTRY
from bench.store.folder import RunFolder
from bench.store.record import Record
from bench.store.spec import BUDGETS, RunSpec
from models.base import Model

DATASET = "digits"
"""What models are tried on: always there, and small."""

CLASS = "Its methods and its Config are what the harness calls"


def check_model(plugin: Plugin, cls: type[Model]) -> list[Outcome]:
    """Try everything that the harness asks of a model."""
    problems = model_problems(cls)
    if problems:
        return [Outcome(CLASS, problem) for problem in problems]
    data_dir = Path("data")
    subject = Subject(plugin, cls, load_dataset(DATASET_REGISTRY.find(DATASET), data_dir), data_dir)
    with torch.random.fork_rng():
        return [Outcome(CLASS), *run_checks(MODEL, subject, plugin)]


def makes(subject: Subject) -> str:
    """The default config is valid and makes a model."""
    model = subject.fresh()
    if getattr(model, "config", None) is not subject.config or getattr(model, "n_features", None) is None:
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


def trains(subject: Subject) -> str:
    """A short training by the harness keeps its loss and its weights finite."""
    state = subject.trained.state_dict()
    bad = [name for name, values in state.items() if not values.isfinite().all()]
    return f"NaN or infinite after training: {', '.join(bad)}." if bad else ""


@torch.no_grad()
def is_saved(subject: Subject) -> str:
    """Its state_dict, loaded into a new model, gives the same codes."""
    twin = subject.fresh().eval()
    twin.load_state_dict(subject.trained.state_dict())
    ours, theirs = (model.encode(subject.inputs).dense() for model in (subject.trained, twin))
    if torch.equal(ours, theirs):
        return ""
    return (
        f"codes differ by up to {(ours - theirs).abs().max().item():.3g}: something that encode() needs is neither a "
        "parameter nor a buffer; keep it with register_buffer()."
    )


def runs(subject: Subject) -> str:
    """A run on digits at the smoke budget is done, with every metric and picture."""
    with tempfile.TemporaryDirectory() as folder:
        spec = _spec(subject)
        run_one(spec, Job(Path(folder), subject.data_dir, "cpu"), lambda event: None)
        run = RunFolder(Path(folder), spec.run_id)
        record = run.record()
        if record is None:
            return "the run left no record."
        if record.status != "done":
            return _failure(record, subject.plugin)
        failed = [f"{name} ({error})" for name, error in record.metric_errors.items()]
        missing = [str(each) for each in run.views().get("missing", ())]
    problems = [f"metrics failed: {'; '.join(failed)}."] if failed else []
    problems += [f"pictures cannot be drawn: {'; '.join(missing)}."] if missing else []
    return " ".join(problems)


def _spec(subject: Subject) -> RunSpec:
    """The run that is tried."""
    budget = BUDGETS["smoke"]
    epochs: dict[str, Any] = {"epochs": budget.epochs} if "epochs" in subject.cls.Config.model_fields else {}
    dataset = DATASET_REGISTRY.find(DATASET)
    return RunSpec(
        model=subject.plugin.name,
        model_reference=subject.plugin.reference,
        code=subject.plugin.checksum(),
        config=subject.cls.Config(**epochs).model_dump(mode="json"),
        dataset=dataset.name,
        dataset_reference=dataset.reference,
        dataset_checksum=load_source(dataset).checksum(subject.data_dir),
        settings="native",
        budget=budget.name,
        max_steps=budget.max_steps,
        max_eval=budget.max_eval,
        seed=0,
    )


def _failure(record: Record, plugin: Plugin) -> str:
    if record.error is None:
        return f"the run is {record.status}."
    return f"{record.error.type}: {record.error.message}{place(record.error.traceback, plugin)}"


MODEL = (
    Check(has_a_grid),
    Check(
        makes,
        then=(
            *LOSSES,
            Check(trains, then=(*CODES, Check(is_saved), Check(runs))),
        ),
    ),
)
"""What is tried of a model whose class is sound."""
