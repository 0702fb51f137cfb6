"""What a trained model is worth: metrics on the test and validation splits, views, and the legend to read them by."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.datasets.base import Dataset, Split
from bench.execute.evaluation import Evaluation, Metrics, evaluate, needs_of
from bench.execute.outputs import Outputs, outputs_of
from bench.execute.seeding import derive_seed
from bench.execute.training import Training
from bench.execute.views import views_of
from bench.plugins.loading import load_metrics
from bench.plugins.plugin import Plugin
from bench.plugins.registry import METRIC_REGISTRY
from bench.store.legend import Legend, MetricEntry
from bench.store.spec import CHECKPOINT, RunSpec
from bench.store.views import Views
from models.base import Model

CODE_DIGITS = 12

Measure = Callable[[Model, Dataset, int | None], Any]
"""From a model, the activations that it is of, and the most rows, to what a metric gets as `downstream`."""


@dataclass(frozen=True)
class Assessment:
    """What there is to say of a trained model."""

    test: Evaluation
    """Every metric on the test split."""
    validation: Evaluation
    """On the validation split, for whoever chooses hyperparameters: the metrics that are declared for it."""
    views: Views
    """What figures draw, of the test split."""
    legend: Legend
    """How to read all this."""
    notes: list[str]
    """What to know of the numbers, a clause each."""


def assess(
    model: Model,
    dataset: Dataset,
    spec: RunSpec,
    metrics: Sequence[str],
    training: Training | None = None,
    downstream: Measure | None = None,
) -> Assessment:
    """Evaluate a model once, at the end. The test split is encoded once, for metrics and views alike.

    Parameters
    ----------
    metrics : sequence of str
        Names or references, `all` for every registered one.
    training : Training, optional
        What training cost; without it the metrics of cost do not apply.
    downstream : Measure, optional
        What the network of the activations makes of the model; without it its metrics do not apply.
    """
    chosen = load_metrics(metrics)
    noise = noise_seed(spec)
    outputs = outputs_of(model, dataset, dataset.test.spread(spec.max_eval), needs_of(chosen))
    if downstream and "downstream" in needs_of(chosen):
        outputs.values["downstream"] = downstream(model, dataset, spec.max_eval)
    test = evaluate(outputs, chosen, noise, training)
    also = {name: metric for name, metric in chosen.items() if metric.validation}
    validation = Evaluation()
    if also:
        split = dataset.validation.spread(spec.max_eval)
        validation = evaluate(outputs_of(model, dataset, split, needs_of(also)), also, noise)
    legend = _legend(model, metrics, chosen, test)
    return Assessment(test, validation, views_of(outputs), legend, _notes(spec, dataset, outputs.split))


def noise_seed(spec: RunSpec) -> int:
    """Root of the noise of a run's stochastic metrics: with it they give the run's own numbers."""
    return derive_seed(spec.seed, spec.dataset, "evaluation noise")


def inapplicable(model: Model, metrics: Sequence[str], reason: str) -> Assessment:
    """What there is to say of a model that means nothing on its data: why each metric is n/a."""
    chosen = load_metrics(metrics)
    nothing = Evaluation(not_applicable=dict.fromkeys(chosen, reason))
    views = Views(missing=np.array([f"pictures: {reason}"]))
    return Assessment(nothing, Evaluation(), views, _legend(model, metrics, chosen, nothing), [])


UNKNOWN_SCALE = (
    "whether this checkpoint was trained on inputs that were normalised alike is not known; if it takes the data as "
    "they are, name them with :normalise=none"
)


def _notes(spec: RunSpec, dataset: Dataset, split: Split) -> list[str]:
    """On how inputs were normalised, what outweighs others, samples that stand for more, and labels that some lack."""
    scaled = f"inputs are normalised ({dataset.scaling}); squared errors are in the data's own units"
    notes = [scaled, *([UNKNOWN_SCALE] if spec.model.startswith(CHECKPOINT) else [])] if dataset.scaling else []
    notes += dataset.notes
    if dataset.whole:
        notes.append(
            f"the data are larger than memory: measured on {len(split):,} of {dataset.whole.n_test:,} test samples, "
            f"initialised or fitted on {len(dataset.train):,} of {len(dataset.whole.train):,} training samples, "
            "each evenly spread"
        )
    counts = [(int((part.labels >= 0).sum()), len(part)) for part in (split, dataset.batched)]
    if not counts[0][0] or all(known in (0, n) for known, n in counts):
        return notes
    tested, trained = (f"{known:,} of {n:,}" for known, n in counts)
    return [*notes, f"metrics of classes are of the samples that have a label: {tested} tested, {trained} in training"]


def assess_cost(
    model: Model, dataset: Dataset, spec: RunSpec, metrics: Sequence[str], training: Training
) -> Assessment:
    """What only training can tell, of a model that cannot be evaluated now: the metrics of cost alone."""
    costs = {name: metric for name, metric in load_metrics(metrics).items() if {*metric.parameters} == {"training"}}
    one = dataset.train.head(1)
    outputs = Outputs(model, dataset, one, {"x": one.x})
    test = evaluate(outputs, costs, spec.seed, training)
    return Assessment(test, Evaluation(), Views(), _legend(model, metrics, costs, test), [])


def code_of(plugin: Plugin) -> str:
    """What identifies the code of a metric: the start of the checksum of its files."""
    return plugin.content()[:CODE_DIGITS]


def _legend(model: Model, asked: Sequence[str], metrics: Metrics, test: Evaluation) -> Legend:
    entries = {
        plugin.name: MetricEntry(
            info=metrics[plugin.name].info,
            code=code_of(plugin),
            not_applicable=test.not_applicable.get(plugin.name, ""),
        )
        for plugin in METRIC_REGISTRY.choose(asked)
        if plugin.name in metrics
    }
    return Legend(family=model.family, metrics=entries)
