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

import torch

from bench.datasets.base import Dataset
from bench.datasets.place import options_of
from bench.errors import BenchError, counted
from bench.execute import pool
from bench.execute.build import build_model, load_data
from bench.execute.job import Job, OnEvent
from bench.execute.machine import n_at_a_time, require_device
from bench.execute.preflight import require_models
from bench.execute.run import run_one, settle_process
from bench.execute.seeding import random_numbers_kept
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
    interrupted = "Finished, and kept: {runs}. Issue the same command to resume."
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

    def require(self, specs: Sequence[RunSpec], job: Job) -> list[str]:
        """BenchError where runs cannot succeed: their data are absent, say, or a model does not decode.

        Returns what to know of their data, a sentence each.
        """
        return require_runnable(specs, replace(job, device="cpu"))  # a GPU may be for one process alone: a worker

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

    def require(self, specs: Sequence[RunSpec], job: Job) -> list[str]:
        return require_runnable(specs, job)

    def execute(self, specs: Sequence[RunSpec], job: Job, on_event: OnEvent) -> None:
        for spec in specs:
            run_one(spec, job, on_event)


class Pool(Executor):
    """Several runs at a time, in worker processes of this machine.

    Parameters
    ----------
    n_workers : int, optional
        By default one a GPU, or on CPU as many as it is good for; where that is one run at a time, in this process.
        Runs that share a GPU take turns: measured on an H200, two at a time save a tenth, and their times say nothing
        of a model's cost. A GPU's runs have a process of their own: if the GPU fails, it is replaced.
    """

    def __init__(self, n_workers: int | None = None) -> None:
        self.n_workers = n_workers

    @classmethod
    def from_options(cls, options: Any) -> Self:
        return cls(options.workers)

    def place(self, job: Job, n_runs: int) -> str:
        n_workers = self._count(job, n_runs)
        if n_workers == 1 and job.device == "cpu":
            return Inline().place(job, n_runs)
        why = "" if job.device == "cpu" or self.n_workers else ", one a GPU: runs that share one take turns"
        return f"pool of {counted(n_workers, 'worker')} on {job.device}{why}"

    def execute(self, specs: Sequence[RunSpec], job: Job, on_event: OnEvent) -> None:
        n_workers = self._count(job, len(specs))
        if n_workers > 1 or self.n_workers or job.device != "cpu":
            pool.execute(specs, job, on_event, n_workers)
        else:
            Inline().execute(specs, job, on_event)

    def _count(self, job: Job, n_runs: int) -> int:
        if self.n_workers or job.device == "cpu":
            return min(n_runs, self.n_workers or n_at_a_time())
        return min(n_runs, torch.cuda.device_count())


def require_runnable(specs: Sequence[RunSpec], job: Job) -> list[str]:
    """Load every data set once, on CPU, and try every model on a batch where the job runs, before any training.

    Returns what to know of the data, a sentence each.

    BenchError where data are absent, unsound or too small, where a model refuses their values, or does not do what
    will be asked of it.
    """
    settle_process(job)
    distinct = {_kind(spec): spec for spec in specs}.values()
    runs = [(spec, load_data(spec, job.data_dir)) for spec in distinct]
    if refusals := [words for spec, dataset in runs for words in _refusals(spec, dataset)]:
        raise BenchError("\n".join(refusals))
    require_models(runs, job)
    return list(dict.fromkeys(f"{spec.dataset}: {note}." for spec, dataset in runs for note in dataset.notes))


def _kind(spec: RunSpec) -> tuple[str, ...]:
    """What tells runs apart but for their seed."""
    return spec.model, spec.model_reference, str(spec.code), str(spec.config), spec.dataset, spec.dataset_reference


def _refusals(spec: RunSpec, dataset: Dataset) -> list[str]:
    """Why a model refuses the inputs of a data set, in a sentence; nothing for one that takes them."""
    try:
        with random_numbers_kept():
            model = build_model(spec, dataset)
    except BenchError:
        raise
    except Exception:  # a model may be anybody's: its run says what is wrong
        return []
    if model.takes_raw and dataset.scaling:
        named, options = options_of(spec.dataset_reference)
        raw = ":".join([named, *(f"{key}={value}" for key, value in (options | {"normalise": "none"}).items())])
        why = f"it takes the data as they are, and these are normalised ({dataset.scaling})"
        return [f"{spec.label} cannot run on {spec.dataset}: {why}. Name them as {raw}"]
    inputs = {name: split.x for name, split in dataset.splits.items()}
    if dataset.whole and dataset.whole.train.bounds is not None:
        inputs["train"] = dataset.whole.train.bounds
    for name, x in inputs.items():
        try:
            model.require_inputs(x)
        except ValueError as error:
            return [f"{spec.label} cannot run on {spec.dataset} ({name} split): {error}."]
    return []


def choose_device(device: str) -> str:
    """The device meant: for "auto" the GPU where there is one. BenchError for one that is not there."""
    require_device(device)
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cuda" and not torch.cuda.is_available():
        raise BenchError("--device cuda: torch finds no GPU here; use --device cpu, or auto.")
    return device
