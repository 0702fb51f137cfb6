"""One RunSpec -> one record: load, train, evaluate, record."""

from __future__ import annotations

import itertools
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import torch
from threadpoolctl import threadpool_limits

from bench.datasets.base import Dataset
from bench.errors import first_line
from bench.execute.checkpoint import Checkpoints, StopRequestedError
from bench.execute.environment import hardware, software, timestamp
from bench.execute.evaluation import Evaluation, evaluate
from bench.execute.job import Event, Job
from bench.execute.seeding import derive_seed, seed_everything
from bench.execute.training import Training, train
from bench.plugins.loading import all_metrics, build_model, load_dataset
from bench.plugins.registry import Plugin
from bench.show.figures.pictures import pictures
from bench.store.failure import failed_record
from bench.store.lock import Lock, LockLostError
from bench.store.runs import RunStore, UnreadableRecord
from bench.store.spec import Record, RunSpec
from models.base import Model

VALIDATION_METRICS = ("fvu", "mse", "l0")
HELD = "another command is running it"
TO_RESUME = "it goes on from its last checkpoint when it is started again"


def run_one(spec: RunSpec, job: Job, report: Callable[[Event], None], stop: Callable[[], bool] = lambda: False) -> None:
    """Carry out one run and record it, whatever happens in it, unless another process holds it.

    Training leaves a checkpoint and ends where `stop` says so. On a cluster a run that another process holds is waited
    for: it may be an earlier copy of the same job, on a node that does not answer any more.
    """
    store = RunStore(job.results)
    wait = stop if job.cluster else None
    try:
        with store.hold(spec.run_id, str(job.cluster.get("job", "")), wait) as lock:
            report(_run_held(spec, job, store, lock, report, stop) if lock else _not_held(spec, stop))
    except UnreadableRecord as error:
        report(Event("skipped", spec.run_id, note=f"its record cannot be read ({error})"))
    except LockLostError as error:
        report(Event("skipped", spec.run_id, note=str(error)))
    except OSError as error:  # the results folder itself fails, by a full disk for instance: nowhere to record it
        report(Event("finished", spec.run_id, 1.0, failed_record(spec, error)))


def _not_held(spec: RunSpec, stop: Callable[[], bool]) -> Event:
    return Event("stopped", spec.run_id, note=TO_RESUME) if stop() else Event("skipped", spec.run_id, note=HELD)


def _run_held(
    spec: RunSpec,
    job: Job,
    store: RunStore,
    lock: Lock,
    report: Callable[[Event], None],
    stop: Callable[[], bool],
) -> Event:
    existing = _existing(spec, job, store)
    if job.settles(existing):
        return Event("finished", spec.run_id, 1.0, existing)
    report(Event("started", spec.run_id))
    start = datetime.now(UTC)
    try:
        record = _carry_out(spec, job, store, lock, report, stop)
    except (KeyboardInterrupt, LockLostError):
        raise
    except StopRequestedError:
        lock.require()  # to have lost it is a reason to stop, too
        return Event("stopped", spec.run_id, note=TO_RESUME)
    except BaseException as error:  # a failure, sys.exit() included, is a record, and never stops the other runs
        record = failed_record(spec, error)
    record.provenance |= provenance(job, start)
    record.timings_shared = job.shared
    lock.require()
    if record.error:
        store.discard_artefacts(spec.run_id)  # what is half there; it may be what fills the disk
    store.write_record(record)
    return Event("finished", spec.run_id, 1.0, record)


def _existing(spec: RunSpec, job: Job, store: RunStore) -> Record | None:
    """The run's record. Raises UnreadableRecord, unless that is to be replaced anyway."""
    try:
        return store.load(spec.run_id)
    except UnreadableRecord:
        if job.force:
            return None
        raise


def settle_process(job: Job) -> None:
    """Give this process its threads, and flush denormals: relaxed spikes underflow, and a denormal costs 100 cycles.

    Worker threads inherit the flag when they are made, so this comes before the first tensor operation.
    """
    torch.set_flush_denormal(True)
    if job.threads:
        torch.set_num_threads(job.threads)
        threadpool_limits(job.threads)  # numpy's, which metrics use, has threads of its own
    if job.device.startswith("cuda") and job.gpu_share < 1:
        torch.cuda.set_per_process_memory_fraction(job.gpu_share, job.device)


def _carry_out(
    spec: RunSpec,
    job: Job,
    store: RunStore,
    lock: Lock,
    report: Callable[[Event], None],
    stop: Callable[[], bool],
) -> Record:
    def progressed(progress: float) -> None:
        lock.note(progress)
        report(Event("progress", spec.run_id, progress))

    def saved(progress: float) -> None:
        report(Event("checkpoint", spec.run_id, progress))

    settle_process(job)
    clock = [time.perf_counter()]
    dataset = load_dataset(Plugin(spec.dataset, spec.dataset_reference, True), job.data_dir, job.device)
    model = build_model(spec, dataset).to(job.device)
    clock.append(time.perf_counter())
    seed_everything(spec.seed, spec.dataset, "training noise")
    batches_seed = derive_seed(spec.seed, spec.dataset, "batches")
    path = store.checkpoint_path(spec.run_id)
    checkpoints = Checkpoints(path, _maker(job), stop=lambda: stop() or lock.lost, lost=lambda: lock.lost, saved=saved)
    training = train(model, dataset.train, batches_seed, spec.max_steps, progressed, checkpoints)
    clock.append(time.perf_counter())
    evaluation, validation = _evaluate(spec, model, dataset, training)
    clock.append(time.perf_counter())
    lock.require()
    store.write_artefacts(spec.run_id, model.state_dict(), training.history, evaluation.arrays)
    undrawn = _draw(spec, store, model, dataset)
    return Record(
        run_id=spec.run_id,
        spec=spec,
        status="done",
        metrics=evaluation.scalars,
        validation=validation.scalars,
        metric_errors=evaluation.errors,
        timings=_timings(clock, training),
        provenance={"resumed": training.resumed, **undrawn},
    )


def _maker(job: Job) -> str:
    """Whose checkpoints may be taken up: anybody's, but where a record is to be replaced those of this submission."""
    return str(job.cluster.get("submission", uuid.uuid4())) if job.force else ""


def _timings(clock: list[float], training: Training) -> dict[str, float]:
    """Seconds of each phase and of all; of training also what came before it was resumed, in another process."""
    load, train_here, evaluate = (end - start for start, end in itertools.pairwise(clock))
    seconds = {"load": load, "train": max(train_here, training.seconds), "evaluate": evaluate}
    return seconds | {"total": sum(seconds.values())}


def _evaluate(spec: RunSpec, model: Model, dataset: Dataset, training: Training) -> tuple[Evaluation, Evaluation]:
    """Every metric on the test split, and a few on the validation split for whoever chooses hyperparameters."""
    metrics = all_metrics()
    validation = {name: metrics[name] for name in VALIDATION_METRICS}
    noise = derive_seed(spec.seed, spec.dataset, "evaluation noise")
    test = evaluate(model, dataset, dataset.test.head(spec.max_eval), metrics, noise, training)
    return test, evaluate(model, dataset, dataset.validation.head(spec.max_eval), validation, noise)


def _draw(spec: RunSpec, store: RunStore, model: Model, dataset: Dataset) -> dict[str, Any]:
    """Leave pictures for the page; why some are missing, where a plug-in cannot be drawn: its numbers stand."""
    try:
        drawn, failed = pictures(model, dataset, dataset.test.head(spec.max_eval))
    except (Exception, SystemExit) as error:
        drawn, failed = {}, {"all": f"{type(error).__name__}: {first_line(str(error))}"}
    store.write_pictures(spec.run_id, drawn)
    return {"undrawn": failed} if failed else {}


def provenance(job: Job, start: datetime) -> dict[str, Any]:
    """What a record says of how it was made."""
    return {
        "software": software(),
        "hardware": hardware(),
        "device": job.device,
        "threads": torch.get_num_threads(),
        "command": job.command,
        **({"cluster": job.cluster} if job.cluster else {}),
        "start": timestamp(start),
        "end": timestamp(),
    }
