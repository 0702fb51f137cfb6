"""A request -> its plan -> its execution: what the `run` verb does between reading flags and printing."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Literal

from bench.errors import BenchError
from bench.execute import inline, pool
from bench.execute.job import Event, Job
from bench.execute.run import settle_process
from bench.execute.training import require_batch_fits
from bench.plan.plan import DatasetChoice, ModelChoice, Plan, expand, resolve
from bench.plan.request import Request
from bench.plugins.loading import load_dataset, load_model_class, load_source
from bench.plugins.registry import DATASET_REGISTRY, MODEL_REGISTRY, Plugin
from bench.store.runs import RunStore, UnreadableRecord
from bench.store.spec import Record, RunSpec

Executor = Literal["inline", "pool"]


def make_plan(
    request: Request, store: RunStore, data_dir: Path, retry_failed: bool = False, force: bool = False
) -> Plan:
    """Resolve names, expand to runs, and look up what is done. Imports the models; reads no data, writes nothing."""
    return plan_of(specs_of(request, data_dir), store, retry_failed, force)


def plan_of(specs: list[RunSpec], store: RunStore, retry_failed: bool = False, force: bool = False) -> Plan:
    """Look up what of some runs is done."""
    return resolve(specs, load_existing(specs, store), retry_failed, force)


def specs_of(request: Request, data_dir: Path) -> list[RunSpec]:
    """The runs of a request."""
    models = [ModelChoice(plugin, load_model_class(plugin)) for plugin in _expand_all(request.models)]
    plugins = [DATASET_REGISTRY.find(name) for name in request.datasets]
    datasets = [DatasetChoice(plugin, load_source(plugin).checksum(data_dir)) for plugin in plugins]
    return expand(request, models, datasets)


def load_existing(specs: list[RunSpec], store: RunStore) -> dict[str, Record | None]:
    """The records that some runs already have; None for one that cannot be read."""
    records: dict[str, Record | None] = {}
    for spec in specs:
        try:
            record = store.load(spec.run_id)
        except UnreadableRecord:
            records[spec.run_id] = None
        else:
            if record:
                records[spec.run_id] = record
    return records


def require_data(specs: list[RunSpec], job: Job) -> None:
    """Load every data set once, on CPU, before any training. BenchError where one is absent, corrupt or too small."""
    settle_process(job)
    for spec in specs:
        dataset = load_dataset(Plugin(spec.dataset, spec.dataset_reference, True), job.data_dir)
        if isinstance(spec.config.get("batch_size"), int):
            require_batch_fits(spec.model, spec.config["batch_size"], len(dataset.train))


def execute(plan: Plan, job: Job, executor: Executor, workers: int, on_event: Callable[[Event], None]) -> None:
    """Carry out what is to do."""
    if not plan.todo:
        return
    run = inline.execute if executor == "inline" else partial(pool.execute, n_workers=workers)
    run(plan.todo, job, on_event)


def choose_device(device: str) -> str:
    """The device meant: for "auto" the GPU where there is one. BenchError for a GPU that is not there."""
    import torch

    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cuda" and not torch.cuda.is_available():
        raise BenchError("--device cuda: torch finds no GPU here; use --device cpu, or auto.")
    return device


def _expand_all(names: tuple[str, ...]) -> list[Plugin]:
    """Plug-ins of a list in which `all` stands for every named model; each once."""
    plugins: dict[str, Plugin] = {}
    for name in names:
        found = MODEL_REGISTRY.plugins.values() if name == "all" else [MODEL_REGISTRY.find(name)]
        for plugin in found:
            known = plugins.setdefault(plugin.name, plugin)
            if known.reference != plugin.reference:
                raise BenchError(
                    f"Two models are called '{plugin.name}': {known.reference} and {plugin.reference}; rename one."
                )
    return list(plugins.values())
