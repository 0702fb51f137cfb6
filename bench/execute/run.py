"""One RunSpec -> one run folder: load, train, evaluate, record."""

from __future__ import annotations

import itertools
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pandas as pd
import torch
from threadpoolctl import threadpool_limits
from torch import Tensor

from bench.datasets.base import Dataset
from bench.errors import printable
from bench.execute.assess import Assessment, assess, assess_cost, inapplicable
from bench.execute.build import build_model, load_data
from bench.execute.checkpoint import Checkpoints, StopRequestedError
from bench.execute.environment import provenance
from bench.execute.intact import intact
from bench.execute.job import Event, Job
from bench.execute.memory import sizes_told
from bench.execute.precision import require_precision
from bench.execute.recording import assessed
from bench.execute.seeding import derive_seed, seed_everything
from bench.execute.training import Training, train
from bench.store.failure import failed_record
from bench.store.folder import ClaimedRun, Results
from bench.store.lock import LockLostError
from bench.store.parsing import UnreadableRecord
from bench.store.record import Record
from bench.store.runs import RunStore
from bench.store.spec import RunSpec
from models.base import DoesNotApplyError, Model
from models.parts.hardware import products_in

HELD = "another command is running it"
KEPT = "it is trained and its weights are kept: `python -m bench evaluate {run_id}` finishes it"
TO_RESUME = "it goes on from its last checkpoint when it is started again"


def run_one(spec: RunSpec, job: Job, report: Callable[[Event], None], stop: Callable[[], bool] = lambda: False) -> None:
    """Carry out one run and record it, whatever happens in it, unless another process holds it.

    Training leaves a checkpoint and ends where `stop` says so. On a cluster a run that another process holds is waited
    for: it may be an earlier copy of the same job, on a node that does not answer any more.
    """
    store = RunStore(job.results)
    name, wait = (job.cluster.job, stop) if job.cluster else ("", None)
    try:
        with store.claim(spec.run_id, name, wait) as run:
            report(_Attempt(spec, job, run, report, stop).carry_out() if run else _not_claimed(spec, stop))
    except UnreadableRecord as error:
        report(Event("skipped", spec.run_id, note=f"its record cannot be read ({error})"))
    except LockLostError as error:
        report(Event("skipped", spec.run_id, note=str(error)))
    except OSError as error:  # the results folder itself fails, by a full disk for instance: nowhere to record it
        report(Event("finished", spec.run_id, 1.0, failed_record(spec, error)))


def _not_claimed(spec: RunSpec, stop: Callable[[], bool]) -> Event:
    return Event("stopped", spec.run_id, note=TO_RESUME) if stop() else Event("skipped", spec.run_id, note=HELD)


def settle_process(job: Job) -> None:
    """Give this process its threads, and flush denormals: relaxed spikes underflow, and a denormal costs 100 cycles.

    Worker threads inherit the flag when they are made, so this comes before the first tensor operation.
    """
    torch.set_flush_denormal(True)
    if job.threads:
        torch.set_num_threads(job.threads)
        threadpool_limits(job.threads)  # numpy's, which metrics use, has threads of its own
    device = torch.device(job.device)
    if device.index is not None:
        torch.cuda.set_device(device)  # what names no device goes by the current one
    if device.type == "cuda" and job.gpu_share < 1:
        torch.cuda.set_per_process_memory_fraction(job.gpu_share, device)


@dataclass(frozen=True)
class _Attempt:
    """One attempt at a run whose folder this process has claimed."""

    spec: RunSpec
    job: Job
    run: ClaimedRun
    report: Callable[[Event], None]
    stop: Callable[[], bool]

    def carry_out(self) -> Event:
        """Do what is not done yet; what came of it."""
        existing = self._existing()
        if self.job.settles(existing):
            return Event("finished", self.spec.run_id, 1.0, existing)
        self.report(Event("started", self.spec.run_id))
        start = datetime.now(UTC)
        try:
            record = self._execute()
        except (KeyboardInterrupt, LockLostError):
            raise
        except StopRequestedError:
            return Event("stopped", self.spec.run_id, note=TO_RESUME)
        except BaseException as error:  # a failure, sys.exit() included, is a record, and never stops the other runs
            record = failed_record(self.spec, error)
            self.run.discard()
        record.provenance = provenance(self.job, start, record.provenance.resumed)
        record.timings_shared = self.job.shared
        self.run.write_record(record)
        return Event("finished", self.spec.run_id, 1.0, record)

    def _existing(self) -> Record | None:
        """The run's record. Raises UnreadableRecord, unless that is to be replaced anyway."""
        try:
            return self.run.record()
        except UnreadableRecord:
            if self.job.force:
                return None
            raise

    def _execute(self) -> Record:
        """Load, train, evaluate, record."""
        settle_process(self.job)
        require_precision(self.spec.precision, self.job.device)
        clock = [time.perf_counter()]
        with sizes_told(self.spec, "loading", self.job.device):
            dataset, model = self._load()
        clock.append(time.perf_counter())
        try:
            with sizes_told(self.spec, "training", self.job.device, model):
                training = self._train(model, dataset)
        except DoesNotApplyError as error:
            return self._inapplicable(model, printable(str(error)), clock)
        clock.append(time.perf_counter())
        try:
            with sizes_told(self.spec, "evaluation", self.job.device, model):
                record = self._measure(model, dataset, training)
        except (KeyboardInterrupt, LockLostError):
            raise
        except BaseException as error:
            record = self._keep(model, dataset, training, error)
        clock.append(time.perf_counter())
        record.timings = _timings(clock, training)
        record.provenance.resumed = training.resumed
        return record

    def _measure(self, model: Model, dataset: Dataset, training: Training) -> Record:
        """Evaluate a model that is trained, and leave what came of it."""
        assessment = assess(model, dataset, self.spec, self.job.metrics, training)
        self._leave(model.state_dict(), training.history, assessment)
        return assessed(self._done(notes=_noted(training)), model, assessment)

    def _keep(self, model: Model, dataset: Dataset, training: Training, error: BaseException) -> Record:
        """Leave a model whose evaluation failed to `bench evaluate`. Raises the error where it cannot be evaluated."""
        if self.run.done or not all(values.isfinite().all() for values in model.state_dict().values()):
            raise error
        self.run.discard()  # it may be what fills the disk
        try:
            cost = assess_cost(model, dataset, self.spec, self.job.metrics, training)
            self._leave(model.state_dict(), training.history, cost)
        except LockLostError:
            raise
        except Exception:
            raise error from None
        record = failed_record(self.spec, error)
        record.notes = [KEPT.format(run_id=self.spec.run_id), *_noted(training)]
        return assessed(record, model, cost)

    def _inapplicable(self, model: Model, reason: str, clock: list[float]) -> Record:
        """The record of a model that means nothing on these data: every metric is n/a with the reason."""
        assessment = inapplicable(model, self.job.metrics, reason)
        self._leave({}, pd.DataFrame(), assessment)
        timings = {"total": time.perf_counter() - clock[0]}
        return assessed(self._done(not_applicable=reason, timings=timings), model, assessment)

    def _done(self, **fields: Any) -> Record:
        return Record(run_id=self.spec.run_id, spec=self.spec, status="done", **fields)

    def _load(self) -> tuple[Dataset, Model]:
        dataset = load_data(self.spec, self.job.data_dir, self.job.device)
        return dataset, build_model(self.spec, dataset).to(self.job.device)

    def _train(self, model: Model, dataset: Dataset) -> Training:
        run_id = self.spec.run_id

        def progressed(progress: float) -> None:
            self.run.note(progress)
            self.report(Event("progress", run_id, progress))

        seed_everything(self.spec.seed, self.spec.dataset, "training noise")
        checkpoints = Checkpoints(
            self.run.checkpoint_path,
            self._maker(),
            write=self.run.write,
            stop=lambda: self.stop() or self.run.lost,
            saved=lambda progress: self.report(Event("checkpoint", run_id, progress)),
        )
        batches_seed = derive_seed(self.spec.seed, self.spec.dataset, "batches")
        with intact(f"The model '{self.spec.model}'", {"x": dataset.train.x, "labels": dataset.train.labels}):
            steps = self.spec.min_steps, self.spec.max_steps
            with products_in(self.spec.precision):
                return train(model, dataset.train, batches_seed, *steps, progressed, checkpoints, dataset.batched)

    def _maker(self) -> str:
        """Whose checkpoints may be taken up: anybody's, but where a record is replaced those of this submission."""
        return (self.job.submission or str(uuid.uuid4())) if self.job.force else ""

    def _leave(self, weights: Mapping[str, Tensor], history: pd.DataFrame, assessment: Assessment) -> None:
        arrays, views = assessment.test.arrays, assessment.views.to_arrays()
        self.run.write_results(Results(weights, history, arrays, views, assessment.legend))


def _noted(training: Training) -> list[str]:
    return [training.note] if training.note else []


def _timings(clock: list[float], training: Training) -> dict[str, float]:
    """Seconds of each phase and of all; of training also what came before it was resumed, in another process."""
    load, train_here, evaluate = (end - start for start, end in itertools.pairwise(clock))
    seconds = {"load": load, "train": max(train_here, training.seconds), "evaluate": evaluate}
    return seconds | {"total": sum(seconds.values())}
