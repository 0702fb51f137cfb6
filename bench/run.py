"""One RunSpec -> one record: load, train, evaluate, record."""

from __future__ import annotations

import itertools
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import torch

from bench.datasets.base import Dataset, DatasetSource
from bench.environment import hardware, software
from bench.errors import BenchError
from bench.evaluation import Evaluation, evaluate
from bench.registry import DATASET_REGISTRY, METRIC_REGISTRY, MODEL_REGISTRY, Plugin
from bench.seeding import derive_seed, seed_everything
from bench.spec import Record, RunError, RunSpec
from bench.store import RunStore
from bench.training import Training, require_batch_fits, train
from models.base import Model

VALIDATION_METRICS = ("fvu", "mse", "l0")


@dataclass(frozen=True)
class Job:
    """How and where runs are carried out. `threads` may change the last digits of a number; `device` the noise as well.

    Attributes
    ----------
    results, data_dir : Path
        Root of the store; where data sets are.
    device : str
        "cpu", "cuda" or "cuda:N".
    threads : int, optional
        CPU threads of a run; None leaves torch's own choice.
    shared : bool
        Whether other runs share the machine: marks timings.
    force : bool
        Whether a record that exists is replaced.
    command : str
        The command line, for provenance.
    """

    results: Path
    data_dir: Path
    device: str
    threads: int | None = None
    shared: bool = False
    force: bool = False
    command: str = ""


class Event(NamedTuple):
    """What happened to a run: "started", "progress" (in [0, 1]), "finished" (with its record) or "busy" elsewhere."""

    kind: str
    run_id: str
    progress: float = 0.0
    record: Record | None = None


def run_one(spec: RunSpec, job: Job, report: Callable[[Event], None]) -> None:
    """Carry out one run and record it, whatever happens in it; a run that another process holds is left to it."""
    settle_process(job)
    store = RunStore(job.results)
    with store.claim(spec.run_id) as mine:
        if not mine:
            report(Event("busy", spec.run_id))
            return
        finished_meanwhile = store.load(spec.run_id)
        if finished_meanwhile and finished_meanwhile.status == "done" and not job.force:
            report(Event("finished", spec.run_id, 1.0, finished_meanwhile))
            return
        report(Event("started", spec.run_id))
        start = datetime.now(UTC)
        try:
            record = _carry_out(spec, job, store, lambda progress: report(Event("progress", spec.run_id, progress)))
        except Exception as error:  # a failure is a record, and never stops the other runs
            record = failed_record(spec, error)
        record.provenance = _provenance(job, start)
        record.timings_shared = job.shared
        store.write_record(record)
    report(Event("finished", spec.run_id, 1.0, record))


def settle_process(job: Job) -> None:
    """Give this process its threads, and flush denormals: relaxed spikes underflow, and a denormal costs 100 cycles.

    Worker threads inherit the flag when they are made, so this comes before the first tensor operation.
    """
    torch.set_flush_denormal(True)
    if job.threads:
        torch.set_num_threads(job.threads)


def failed_record(spec: RunSpec, error: Exception) -> Record:
    """The record of a run that raised."""
    details = RunError(
        type=type(error).__name__, message=str(error), traceback="".join(traceback.format_exception(error))
    )
    return Record(run_id=spec.run_id, spec=spec, status="failed", error=details)


def _carry_out(spec: RunSpec, job: Job, store: RunStore, report: Callable[[float], None]) -> Record:
    clock = [time.perf_counter()]
    dataset = load_dataset(Plugin(spec.dataset, spec.dataset_reference, True), job.data_dir, job.device)
    model = build_model(spec, dataset).to(job.device)
    clock.append(time.perf_counter())
    seed_everything(spec.seed, spec.dataset, "training noise")
    training = train(model, dataset.train, derive_seed(spec.seed, spec.dataset, "batches"), spec.max_steps, report)
    clock.append(time.perf_counter())
    evaluation, validation = _evaluate(spec, model, dataset, training)
    clock.append(time.perf_counter())
    store.write_artefacts(spec.run_id, model.state_dict(), training.history, evaluation.arrays)
    phases = zip(("load", "train", "evaluate"), itertools.pairwise(clock), strict=True)
    seconds = {name: end - start for name, (start, end) in phases}
    return Record(
        run_id=spec.run_id,
        spec=spec,
        status="done",
        metrics=evaluation.scalars,
        validation=validation.scalars,
        metric_errors=evaluation.errors,
        timings=seconds | {"total": clock[-1] - clock[0]},
    )


def _evaluate(spec: RunSpec, model: Model, dataset: Dataset, training: Training) -> tuple[Evaluation, Evaluation]:
    """Every metric on the test split, and a few on the validation split for whoever chooses hyperparameters."""
    metrics = all_metrics()
    validation = {name: metrics[name] for name in VALIDATION_METRICS}
    noise = derive_seed(spec.seed, spec.dataset, "evaluation noise")
    test = evaluate(model, dataset, dataset.test.head(spec.max_eval), metrics, noise, training)
    return test, evaluate(model, dataset, dataset.validation.head(spec.max_eval), validation, noise)


def build_model(spec: RunSpec, dataset: Dataset) -> Model:
    """The untrained model of a run, on CPU, from the run's own initialisation stream."""
    cls = load_model_class(Plugin(spec.model, spec.model_reference, spec.code is None))
    config = cls.Config(**spec.config)
    batch_size = getattr(config, "batch_size", None)
    if batch_size is not None:
        require_batch_fits(spec.model, batch_size, len(dataset.train))
    seed_everything(spec.seed, spec.dataset, "initialisation")
    return cls(config, dataset.n_features)


@cache
def load_dataset(plugin: Plugin, data_dir: Path, device: str = "cpu") -> Dataset:
    """A data set on a device; read once per process."""
    if device != "cpu":
        return load_dataset(plugin, data_dir).to(torch.device(device))
    return load_source(plugin).load(data_dir)


def load_source(plugin: Plugin) -> DatasetSource:
    """The source of a data-set plug-in. BenchError where it is not one."""
    cls = DATASET_REGISTRY.load(plugin)
    if not (isinstance(cls, type) and issubclass(cls, DatasetSource)):
        raise BenchError(f"'{plugin.reference}' is not a data set: derive it from bench.datasets.base.DatasetSource.")
    return cls()


def load_model_class(plugin: Plugin) -> type[Model]:
    """The class of a model plug-in. BenchError where it is not one."""
    cls = MODEL_REGISTRY.load(plugin)
    if not (isinstance(cls, type) and issubclass(cls, Model)):
        raise BenchError(f"'{plugin.reference}' is not a model: derive it from models.base.Model.")
    return cls


@cache
def all_metrics() -> dict[str, Callable[..., Any]]:
    """Every registered metric function by name. BenchError for one without the `metric` decorator."""
    metrics = {name: METRIC_REGISTRY.load(plugin) for name, plugin in METRIC_REGISTRY.plugins.items()}
    for name, function in metrics.items():
        if not hasattr(function, "info"):
            raise BenchError(f"The metric '{name}' has no description: decorate it with metrics.base.metric(...).")
    return metrics


def _provenance(job: Job, start: datetime) -> dict[str, Any]:
    return {
        "software": software(),
        "hardware": hardware(),
        "device": job.device,
        "threads": torch.get_num_threads(),
        "command": job.command,
        "start": start.isoformat(timespec="seconds"),
        "end": datetime.now(UTC).isoformat(timespec="seconds"),
    }
