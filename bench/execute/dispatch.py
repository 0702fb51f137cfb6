"""Executors: ways to carry out a list of runs; those of one machine.

A new one is a subclass of `Executor` in a file of its own, and a line in the table of `bench.cli.executors`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple, Self

from bench.datasets.base import Dataset
from bench.errors import BenchError, message_of
from bench.execute import pool
from bench.execute.build import dataset_plugin
from bench.execute.job import Job, OnEvent
from bench.execute.machine import n_at_a_time
from bench.execute.preflight import require_models
from bench.execute.run import run_one, settle_process
from bench.execute.training import require_batch_fits
from bench.plugins.loading import load_dataset
from bench.store.runs import RunStore
from bench.store.spec import RunSpec


@dataclass(frozen=True)
class Survey:
    """Some runs, by what an executor has of them already."""

    todo: list[RunSpec]
    """Those that are to be carried out."""
    submitted: Sequence[str] = ()
    """Ids of those that are on their way."""
    lost: Sequence[str] = ()
    """Ids of those that were on their way and will not come; they are left alone."""
    held: Sequence[str] = ()
    """Ids of jobs that wait for ever with runs that are to be carried out."""


class Batch(NamedTuple):
    """Runs that are ready to be carried out."""

    follow: Callable[[OnEvent], str]
    """Carries them out, or follows them to their end; what there is to say, "" for nothing."""
    hand_over: Callable[[], str] = str
    """Before that, hands them to whoever carries them out; what there is to say. Called alone: see `Executor.alone`."""
    pending: Sequence[str] = ()
    """Ids of the runs that are on their way once they are handed over."""
    description: str = ""
    """How they are laid out, for people; "" where there is nothing to say."""
    script: str = ""
    """What a scheduler would be given; "" where there is none."""


class Executor(ABC):
    """A way to carry out runs."""

    follows = True
    """Whether a command waits until its runs have ended."""
    interrupted = "{n} finished runs are kept. Issue the same command to resume."
    """What Ctrl-C means."""

    @classmethod
    def from_options(cls, options: Any) -> Self:
        """The executor that the options of a command ask for: see `bench.cli.options.Execution`."""
        return cls()

    @abstractmethod
    def place(self, job: Job, n_runs: int) -> str:
        """Where some runs are carried out, for people: 'pool of 2 workers on cpu'."""

    @abstractmethod
    def execute(self, specs: Sequence[RunSpec], job: Job, on_event: OnEvent) -> None:
        """Carry out runs, and return when all have ended."""

    def choose_device(self, wanted: str) -> str:
        """The device that "auto", "cpu" or "cuda" means. BenchError for a GPU that is not there."""
        return choose_device(wanted)

    def require(self, specs: Sequence[RunSpec], job: Job) -> None:
        """BenchError where runs cannot succeed: their data are absent, say, or a model does not decode."""
        require_runnable(specs, replace(job, device="cpu"))  # a GPU may be for one process alone: a worker

    def alone(self, results: Path) -> AbstractContextManager[object]:
        """A context in which no other command dispatches runs of the same results folder."""
        return nullcontext()

    def survey(self, specs: Sequence[RunSpec], store: RunStore, retry_failed: bool) -> Survey:
        """What of these runs is already on its way."""
        return Survey(list(specs))

    def lay_out(self, survey: Survey, job: Job, seconds: Mapping[str, float]) -> Batch:
        """Make ready what is to do; `seconds` are the durations that are known, by run id."""

        def follow(on_event: OnEvent) -> str:
            if survey.todo:
                self.execute(survey.todo, job, on_event)
            return ""

        return Batch(follow)


class Inline(Executor):
    """One run after the other, in this process."""

    def place(self, job: Job, n_runs: int) -> str:
        return f"inline on {job.device}"

    def require(self, specs: Sequence[RunSpec], job: Job) -> None:
        require_runnable(specs, job)

    def execute(self, specs: Sequence[RunSpec], job: Job, on_event: OnEvent) -> None:
        for spec in specs:
            run_one(spec, job, on_event)


class Pool(Executor):
    """Several runs at a time, in worker processes of this machine.

    Parameters
    ----------
    n_workers : int, optional
        By default one a GPU, or on CPU as many as it is good for; where that is one run at a time, in this process.
    """

    def __init__(self, n_workers: int | None = None) -> None:
        self.n_workers = n_workers

    @classmethod
    def from_options(cls, options: Any) -> Self:
        return cls(options.workers)

    def place(self, job: Job, n_runs: int) -> str:
        n_workers = self._count(job, n_runs)
        return f"pool of {n_workers} workers on {job.device}" if n_workers > 1 else Inline().place(job, n_runs)

    def execute(self, specs: Sequence[RunSpec], job: Job, on_event: OnEvent) -> None:
        n_workers = self._count(job, len(specs))
        if n_workers > 1 or self.n_workers:
            pool.execute(specs, job, on_event, n_workers)
        else:
            Inline().execute(specs, job, on_event)

    def _count(self, job: Job, n_runs: int) -> int:
        if self.n_workers or job.device == "cpu":
            return min(n_runs, self.n_workers or n_at_a_time())
        import torch

        return min(n_runs, torch.cuda.device_count())


def require_runnable(specs: Sequence[RunSpec], job: Job) -> None:
    """Load every data set once, on CPU, and try every model on a batch where the job runs, before any training.

    BenchError where data are absent, corrupt or too small, or where a model does not do what will be asked of it.
    """
    settle_process(job)
    runs = [(spec, _load(spec, job)) for spec in specs]
    for spec, dataset in runs:
        if isinstance(spec.config.get("batch_size"), int):
            require_batch_fits(spec.model, spec.config["batch_size"], len(dataset.train))
    require_models(runs, job)


def _load(spec: RunSpec, job: Job) -> Dataset:
    plugin = dataset_plugin(spec)
    try:
        dataset = load_dataset(plugin, job.data_dir)
    except (BenchError, OSError):
        raise
    except (Exception, SystemExit) as error:  # a data set may be anybody's
        raise BenchError(
            f"The data set '{spec.dataset}' of {plugin.target} does not load: {type(error).__name__}: "
            f"{message_of(error)}. Try `bench check {plugin.reference}`."
        ) from error
    if not isinstance(dataset, Dataset):
        raise BenchError(
            f"load() of the data set '{spec.dataset}' of {plugin.target} returned {type(dataset).__name__}, not a "
            f"Dataset. Try `bench check {plugin.reference}`."
        )
    return dataset


def choose_device(device: str) -> str:
    """The device meant: for "auto" the GPU where there is one. BenchError for a GPU that is not there."""
    import torch

    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cuda" and not torch.cuda.is_available():
        raise BenchError("--device cuda: torch finds no GPU here; use --device cpu, or auto.")
    return device
