"""`bench.run`: what the command line does with `bench run`, from Python.

>>> import bench, numpy
>>> x = numpy.random.default_rng(0).standard_normal((300, 8))
>>> request = dict(seeds=2, budget="smoke", metrics="fvu,l0", results="own", verbose=False)
>>> table = bench.run("topk,pca", {"mine": x}, set={"topk.k": [2, 4]}, **request)
>>> table[table.metric == "l0"].groupby(["model", "variant"]).value.mean().loc["topk"].round(1).to_dict()
{'k=2': 2.0, 'k=4': 4.0}
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any, TypedDict, Unpack

import numpy as np
import pandas as pd
from torch import Tensor

from bench import RESULTS
from bench.api.arguments import data_folder, names_in, require, results_folder
from bench.api.arrays import Arrays, kept, settings_restored
from bench.api.records import tidy
from bench.errors import BenchError, printable
from bench.execute.console import Reporter, following_data
from bench.execute.dispatch import Executor, Inline, Pool
from bench.execute.job import Job, OnEvent
from bench.plan.plan import Plan
from bench.plan.request import Request
from bench.plan.runs import load_existing, make_plan
from bench.plugins.loading import load_metrics
from bench.show.printing import make_console, print_raw
from bench.store.runs import RunStore


class Study(TypedDict, total=False):
    """What else a study may say: the keys of a study file."""

    metrics: str | Sequence[str]
    """"all", names, or "my_metric.py:function"."""
    settings: str | Sequence[str]
    """"native", each model's own; "matched", shared sizes and a swept sparsity; or both."""
    budget: str
    """"smoke" (seconds), "quick" (5 epochs, the default) or "full" (the papers')."""
    set: Mapping[str, Any]
    """Hyperparameters, {"topk.k": 8} or {"n_latents": [64, 128]}: a list, a range or an array is a grid."""
    max_runs: int
    """How many runs it may come to."""


def run(
    models: str | Path | Sequence[str | Path] = "all",
    datasets: str | Path | Sequence[str | Path] | Arrays = "digits",
    seeds: int | Sequence[int] = 3,
    *,
    results: Path | str = RESULTS,
    data_dir: Path | str | None = None,
    device: str = "auto",
    workers: int = 1,
    retry_failed: bool = False,
    force: bool = False,
    verbose: bool = True,
    **study: Unpack[Study],
) -> pd.DataFrame:
    """Train and evaluate what is missing, and return all that was asked for. The same call resumes.

    Parameters
    ----------
    models, datasets : str, Path or sequence of them
        As on the command line: "all", names, "my_model.py:MySAE", paths of data. `datasets` may also map names to
        arrays (N, ...), to pairs of an array and labels (N,), or to {"x": ..., "labels": ...} as an .npz has them,
        which are kept in `results`/arrays.
    seeds : int or sequence of int
        How many, or which.
    results, data_dir : path
        Folder of the runs; folder of data sets, by default BENCH_DATA_DIR, else `data`.
    device : str
        "auto", "cpu" or "cuda".
    workers : int
        Runs at a time. More than one are processes of their own: a script then needs `if __name__ == "__main__"`.
    retry_failed, force, verbose : bool
        Run again what failed; run everything again; print a line for each run.
    **study
        metrics, settings, budget, set, max_runs: see `Study`.

    Returns
    -------
    DataFrame
        The numbers of these runs, as `bench.results` describes them. Runs that failed are rows that say why.

    Raises
    ------
    BenchError
        The request cannot be carried out: nothing was run then.
    """
    store, data = RunStore(results_folder(results)), data_folder(data_dir)
    if isinstance(datasets, np.ndarray | pd.DataFrame | Tensor):
        raise BenchError("datasets is an array: give it a name, {'mine': x}, or {'mine': (x, labels)}.")
    names = kept(datasets, store) if isinstance(datasets, Mapping) else names_in(datasets)
    wanted = {key: _of_python(value) for key, value in {"seeds": seeds, **study}.items()}
    request = Request.build(models=names_in(models), datasets=names, **wanted)
    plan = make_plan(request, store, data, retry_failed, force)
    load_metrics(request.metrics)  # what is wrong with one is said before anything runs
    executor = _executor(workers)
    device = executor.choose_device(str(device))
    job = Job(store.root, data, device, request.metrics, force=force, command=_command(request))
    with settings_restored():
        _carry_out(plan, store, job, executor, verbose)
    return tidy([record for record in load_existing(plan.specs, store).values() if record], store)


def _of_python(value: Any) -> Any:
    """The same without numbers and arrays of numpy and torch, which no record holds; a range is a list."""
    if isinstance(value, np.generic | np.ndarray | Tensor):
        return value.tolist()
    if isinstance(value, range):
        return list(value)
    if isinstance(value, Mapping):
        return {key: _of_python(item) for key, item in value.items()}
    return type(value)(map(_of_python, value)) if isinstance(value, list | tuple) else value


def _executor(workers: int) -> Executor:
    valid = "a number of runs at a time, 1 or more"
    require("workers", workers, (int, np.integer), valid)
    if workers < 1:
        raise BenchError(f"workers = {workers}: give {valid}.")
    return Pool(workers) if workers > 1 else Inline()


def _command(request: Request) -> str:
    """The call, for provenance."""
    asked = request.model_dump(mode="json", exclude_defaults=True)
    return printable(f"bench.run({', '.join(f'{key}={value!r}' for key, value in asked.items())})")


def _carry_out(plan: Plan, store: RunStore, job: Job, executor: Executor, verbose: bool) -> None:
    """Carry out what is to do; BenchError before anything runs where it cannot be."""
    store.require_writable()
    console = make_console()
    with following_data(console) if verbose else nullcontext():
        notes = executor.require(plan.todo, job)
    for note in notes if verbose else ():
        print_raw(console, note)
    reporter = Reporter(len(plan.todo), store.root, console) if verbose else None
    with reporter.showing() if reporter else nullcontext():
        on_event: OnEvent = reporter or (lambda event: None)
        if plan.todo:
            executor.execute(plan.todo, job, on_event)
