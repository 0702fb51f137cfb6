"""Evaluation of runs from the weights they left: metrics that are new or have changed, and views.

A run whose evaluation failed when it was trained is done with it.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from bench.execute.assess import Measure, assess, code_of, inapplicable
from bench.execute.build import build_model, load_data, load_trained
from bench.execute.job import Job
from bench.execute.recording import assessed, without
from bench.execute.run import KEPT, settle_process
from bench.plugins.loading import load_metric
from bench.plugins.registry import METRIC_REGISTRY
from bench.store.folder import WEIGHTS, ClaimedRun, DamagedFile, RunFolder
from bench.store.legend import Legend, MetricEntry
from bench.store.record import SCHEMA_VERSION, Record, metric_of
from bench.store.spec import RunSpec
from bench.store.views import Views
from metrics.needs import NEEDS

LATER = {"training", "downstream"}
"""What metrics may ask for that weights and data alone do not give."""


def outdated(folder: RunFolder, metrics: Sequence[str], downstream: bool = False) -> list[str]:
    """Of some metrics, by names and references, those that a run has not, or has by other code, or whose array is lost.

    Those of cost are left out: only training can tell them. So are those that ask for the network whose activations the
    inputs are, unless it is at hand: with `downstream`.
    """
    record = folder.record()
    sealed = record is None or not any(
        folder.is_changed(name, record) for name in (WEIGHTS, "arrays.npz", "legend.json")
    )
    entries = folder.legend().metrics if sealed else {}  # what wrote the files was cut short before it wrote the record
    lost = _lost_arrays(entries, accounted=_accounted(folder, record))
    return [
        plugin.name if plugin.name in METRIC_REGISTRY.plugins else plugin.reference
        for plugin in METRIC_REGISTRY.choose(metrics)
        if not (needs := load_metric(plugin).parameters.keys() & LATER) or (downstream and needs == {"downstream"})
        if plugin.name not in entries
        or entries[plugin.name].code != code_of(plugin)
        or plugin.name in lost
        or (needs and entries[plugin.name].not_applicable == NEEDS["downstream"].absent)
    ]


def has_metrics(folder: RunFolder, metrics: Sequence[str]) -> bool:
    """Whether a run has what was named, `all` aside: a number, an array, an error, or why it does not apply."""
    named = [name for name in metrics if name != "all"]
    entries = folder.legend().metrics if named else {}
    chosen = METRIC_REGISTRY.choose(named)
    return all(plugin.name in entries and entries[plugin.name].code == code_of(plugin) for plugin in chosen)


def _accounted(folder: RunFolder, record: Record | None) -> set[str]:
    """Metrics of which a run has a number, an error, or an array that can be read."""
    numbers = (*record.metrics, *record.metric_errors) if record else ()
    return {*_arrays(folder), *map(metric_of, numbers)}


def _lost_arrays(entries: Mapping[str, MetricEntry], accounted: set[str]) -> set[str]:
    """Metrics of which a run that is done once had an array, and has none that can be read."""
    return {
        name
        for name, entry in entries.items()
        if entry.info.dimensions and not entry.not_applicable and name not in accounted
    }


def lacks_views(folder: RunFolder) -> bool:
    """Whether a run has nothing to draw, or nothing that can be read, or what an earlier version or attempt drew."""
    record = folder.record()
    if record and folder.is_changed("views.npz", record):
        return True
    try:
        views = folder.views()
        return not views or Views.from_arrays(views).unvaried
    except (DamagedFile, ValueError):
        return True


def reassess(
    run: ClaimedRun,
    record: Record,
    spec: RunSpec,
    job: Job,
    metrics: Sequence[str],
    downstream: Measure | None = None,
) -> Record:
    """Compute metrics and views of a run that is trained, and write its record anew. Other metrics stay as they are.

    Parameters
    ----------
    spec : RunSpec
        The record's, with references to code that may be run: see `bench.execute.build.trusted_spec`.
    downstream : Measure, optional
        What the network of the activations makes of the model, where it is at hand.

    Raises
    ------
    BenchError
        Where its weights are missing, or its data or its model's code are not what they were.
    """
    settle_process(replace(job, threads=record.provenance.threads))  # they decide the last digits
    dataset = load_data(spec, job.data_dir, job.device)
    start = time.perf_counter()
    if record.not_applicable:
        model = build_model(spec, dataset)
        new = inapplicable(model, metrics, record.not_applicable)
    else:
        model = load_trained(run, spec, dataset).to(job.device)
        new = assess(model, dataset, spec, metrics, downstream=downstream)
    seconds = time.perf_counter() - start
    names = set(new.legend.metrics)
    run.write_arrays(without(_arrays(run), names) | new.test.arrays, new.views.to_arrays())
    updated = assessed(_completed(record, seconds) if record.trained else record, model, new)
    updated.schema_version = SCHEMA_VERSION
    run.write_legend(Legend(family=model.family, metrics=run.legend().metrics | new.legend.metrics))
    run.write_record(updated)
    return updated


def _completed(record: Record, seconds: float) -> Record:
    """The record of a run whose evaluation had failed, now that it is done."""
    timings = record.timings | {"evaluate": seconds}
    timings["total"] = sum(value for name, value in timings.items() if name != "total")
    notes = [note for note in record.notes if note != KEPT.format(run_id=record.run_id)]
    return record.model_copy(update={"status": "done", "error": None, "timings": timings, "notes": notes})


def _arrays(run: RunFolder) -> dict[str, np.ndarray]:
    try:
        return dict(run.arrays())
    except DamagedFile:
        return {}
