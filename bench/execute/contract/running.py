"""The contract of a model as a whole: a run from end to end."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from bench.execute.contract.checking import place
from bench.execute.contract.subject import Subject
from bench.execute.job import Job
from bench.execute.run import run_one
from bench.plugins.loading import load_source, model_files
from bench.plugins.plugin import Plugin
from bench.plugins.registry import DATASET_REGISTRY
from bench.plugins.sources import digest_of
from bench.store.folder import RunFolder
from bench.store.record import Record
from bench.store.spec import BUDGETS, RunSpec

DATASET = "digits"
"""What models are tried on: always there, and small."""

METRICS = ("all",)
"""What is measured of the run that is tried."""


def runs(subject: Subject) -> str:
    """A run on digits at the smoke budget is done, with every metric and picture."""
    with tempfile.TemporaryDirectory() as folder:
        spec = _spec(subject)
        run_one(spec, Job(Path(folder), subject.data_dir, "cpu", METRICS), lambda event: None)
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
    dataset, files = DATASET_REGISTRY.find(DATASET), model_files(subject.plugin)
    return RunSpec(
        model=subject.plugin.name,
        model_reference=subject.plugin.reference,
        code=digest_of(files) if files else None,
        model_files=files,
        config=subject.cls.Config(**subject.config.model_dump() | epochs).model_dump(mode="json"),
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
