"""One RunSpec -> one record: load, train, evaluate, record."""

from __future__ import annotations

import itertools
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import torch
from threadpoolctl import threadpool_limits

from bench.datasets.base import Dataset
from bench.environment import hardware, software
from bench.errors import printable
from bench.evaluation import Evaluation, evaluate
from bench.loading import all_metrics, build_model, load_dataset
from bench.registry import Plugin
from bench.seeding import derive_seed, seed_everything
from bench.spec import Record, RunError, RunSpec
from bench.store import RunStore, UnreadableRecord
from bench.training import Training, train
from models.base import Model

VALIDATION_METRICS = ("fvu", "mse", "l0")
HELD = "another command is running it"


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
    """What happened to a run: "started", "progress" in [0, 1], "finished" with its record, or "skipped" with a note."""

    kind: str
    run_id: str
    progress: float = 0.0
    record: Record | None = None
    note: str = ""


def run_one(spec: RunSpec, job: Job, report: Callable[[Event], None]) -> None:
    """Carry out one run and record it, whatever happens in it; a run that another process holds is left to it."""
    settle_process(job)
    store = RunStore(job.results)
    try:
        with store.claim(spec.run_id) as mine:
            report(_run_claimed(spec, job, store, report) if mine else Event("skipped", spec.run_id, note=HELD))
    except UnreadableRecord as error:
        report(Event("skipped", spec.run_id, note=f"its record cannot be read ({error})"))
    except OSError as error:  # the results folder itself fails, by a full disk for instance: nowhere to record it
        report(Event("finished", spec.run_id, 1.0, failed_record(spec, error)))


def _run_claimed(spec: RunSpec, job: Job, store: RunStore, report: Callable[[Event], None]) -> Event:
    if existing := finished_record(spec, job, store):
        return Event("finished", spec.run_id, 1.0, existing)
    report(Event("started", spec.run_id))
    start = datetime.now(UTC)
    try:
        record = _carry_out(spec, job, store, lambda progress: report(Event("progress", spec.run_id, progress)))
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a failure, sys.exit() included, is a record, and never stops the other runs
        record = failed_record(spec, error)
    record.provenance = _provenance(job, start)
    record.timings_shared = job.shared
    store.write_record(record)
    return Event("finished", spec.run_id, 1.0, record)


def finished_record(spec: RunSpec, job: Job, store: RunStore) -> Record | None:
    """The record of a run that is done already, unless it is to be replaced. Raises UnreadableRecord."""
    existing = None if job.force else store.load(spec.run_id)
    return existing if existing and existing.status == "done" else None


def settle_process(job: Job) -> None:
    """Give this process its threads, and flush denormals: relaxed spikes underflow, and a denormal costs 100 cycles.

    Worker threads inherit the flag when they are made, so this comes before the first tensor operation.
    """
    torch.set_flush_denormal(True)
    if job.threads:
        torch.set_num_threads(job.threads)
        threadpool_limits(job.threads)  # numpy's, which metrics use, has threads of its own


def failed_record(spec: RunSpec, error: BaseException) -> Record:
    """The record of a run that raised."""
    trace = printable("".join(traceback.format_exception(error)))
    try:
        message = printable(str(error))
    except Exception:  # an exception of a plug-in may not even print
        message = "(its message cannot be printed)"
    details = RunError(type=type(error).__name__, message=message, traceback=trace)
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
