"""Metrics as evaluation computes them: with any batch size, of a stored model, with errors, and without some labels."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from bench.datasets.base import Dataset, Split
from bench.execute.build import load_trained
from bench.execute.dispatch import Inline
from bench.execute.evaluation import Evaluation, Metrics, evaluate, needs_of
from bench.execute.job import Job
from bench.execute.outputs import outputs_of
from bench.execute.training import train
from bench.plan.request import Request
from bench.plan.runs import make_plan
from bench.plugins.loading import load_model_class
from bench.plugins.registry import MODEL_REGISTRY
from bench.store.runs import RunStore
from metrics.base import metric
from models.base import Model
from tests.metrics.cases import METRICS, needs

own = metric(label="mine", direction="none", range="(-inf, inf)", source="definition")
"""Makes a metric of a function."""


def small(digits: Dataset) -> Dataset:
    return replace(digits, train=digits.train.head(200), test=digits.test.head(120))


def trained(name: str, dataset: Dataset) -> Model:
    cls = load_model_class(MODEL_REGISTRY.find(name))
    fields = {"n_latents": 16, "hidden": 16, "k": 4, "batch_size": 50, "epochs": 5}
    model = cls(cls.Config(**{k: v for k, v in fields.items() if k in cls.Config.model_fields}), dataset.n_features)
    train(model, dataset.train, batches_seed=0)
    return model.eval()


def measured(
    model: Model, dataset: Dataset, metrics: Metrics, split: Split | None = None, batch_size: int = 1000
) -> Evaluation:
    """What some metrics say of a model on a split, the test split by default."""
    return evaluate(outputs_of(model, dataset, split or dataset.test, needs_of(metrics), batch_size), metrics, seed=0)


@pytest.mark.parametrize("name", ["topk", "vsc", "vae", "vsae"])
def test_results_do_not_depend_on_the_batch_size(name: str, digits: Dataset) -> None:
    dataset = replace(small(digits), categories=tuple("odd" if c % 2 else "even" for c in range(10)))
    model = trained(name, dataset)
    first, *others = (measured(model, dataset, METRICS, batch_size=b) for b in (1000, 100, 7))
    assert first.errors == {}
    assert len(first.scalars) > 40
    for other in others:
        assert other.scalars == pytest.approx(first.scalars, rel=1e-5, abs=1e-7)
        assert other.arrays.keys() == first.arrays.keys()
        for key, array in first.arrays.items():
            np.testing.assert_allclose(other.arrays[key], array, rtol=1e-5, atol=1e-7)


def test_the_stored_explained_variance_is_that_of_a_plain_loop_over_the_stored_model(
    tmp_path: Path, digits: Dataset
) -> None:
    store = RunStore(tmp_path)
    plan = make_plan(Request.build(models="topk", seeds="1", budget="smoke"), store, Path("unused"))
    Inline().execute(plan.todo, Job(tmp_path, Path("unused"), "cpu"), lambda event: None)
    (record,) = store.scan().records
    model = load_trained(store.folder(record.run_id), record.spec, digits)
    with torch.no_grad():
        x, x_hat = digits.test.x, model.decode(model.encode(digits.test.x))
    residual = total = 0.0
    for pixel, guess in zip(x.T.tolist(), x_hat.T.tolist(), strict=True):
        mean = math.fsum(pixel) / len(pixel)
        residual += math.fsum((a - b) ** 2 for a, b in zip(pixel, guess, strict=True))
        total += math.fsum((a - mean) ** 2 for a in pixel)
    assert record.metrics["explained_variance"] == pytest.approx(1 - residual / total, abs=1e-6)


def failing(x: Tensor) -> float:
    raise RuntimeError("out of ideas")


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (lambda x: "hello", "not str 'hello'"),
        (lambda x: None, "not NoneType"),
        (lambda x: [1.0, 2.0], "not list"),
        (lambda x: torch.zeros(5, 2), "an array of the shape (5, 2) and does not declare its dimensions"),
        (lambda x: math.nan, "NaN"),
        (lambda x: torch.tensor(math.nan), "NaN"),
        (lambda x: {"fine": 1.0, "not": math.nan}, "NaN"),
        (lambda x: {"a": torch.zeros(3)}, "Error"),
        (lambda x: {"a": np.zeros(3)}, "Error"),
        (lambda x: {"a": {"b": 1.0}}, "not dict"),
        (failing, "RuntimeError: out of ideas"),
    ],
)
def test_a_metric_that_fails_is_named_and_the_others_stand(
    bad: Callable[..., Any], words: str, digits: Dataset
) -> None:
    dataset = small(digits)
    model = trained("topk", dataset)
    chosen = {"first": METRICS["l0"], "bad": own(bad), "last": METRICS["fvu"]}
    found = measured(model, dataset, chosen)
    assert found.errors.keys() == {"bad"}
    assert words in found.errors["bad"]
    assert found.scalars.keys() == {"first", "last"}
    assert found.arrays == {}


def test_a_parameter_with_a_default_is_not_a_need(digits: Dataset) -> None:
    def sharper(x: Tensor, sharpness: float = 3.0) -> dict[Any, float]:
        return {0: sharpness, "": 2 * sharpness}

    dataset = small(digits)
    found = measured(trained("topk", dataset), dataset, {"mine": own(sharper)})
    assert found.scalars == {"mine.0": 3, "mine": 6}


def test_with_some_labels_metrics_of_classes_are_those_of_the_labelled_samples(digits: Dataset) -> None:
    """As if the others were not there, in the test split and in training; metrics of no label are of all samples."""
    whole = small(digits)
    model, known, known_train = trained("topk", whole), torch.arange(120) % 4 > 0, torch.arange(200) % 3 > 0
    test = Split(whole.test.x, torch.where(known, whole.test.labels, -1))
    train = Split(whole.train.x, torch.where(known_train, whole.train.labels, -1))
    found = measured(model, replace(whole, train=train), METRICS, test)
    part = Split(whole.test.x[known], whole.test.labels[known])
    part_train = Split(whole.train.x[known_train], whole.train.labels[known_train])
    expected = measured(model, replace(whole, train=part_train), METRICS, part)
    of_labels = {name for name in METRICS if {"labels", "train_labels"} & {*needs(name)}}
    assert found.errors == {}
    assert found.not_applicable == expected.not_applicable
    for key, value in expected.scalars.items():
        if key.partition(".")[0] in of_labels:
            assert found.scalars[key] == value, key
    for key in of_labels & expected.arrays.keys():
        np.testing.assert_array_equal(found.arrays[key], expected.arrays[key])
    everything = measured(model, whole, METRICS)
    assert {k: v for k, v in found.scalars.items() if k.partition(".")[0] not in of_labels} == {
        k: v for k, v in everything.scalars.items() if k.partition(".")[0] not in of_labels
    }


@pytest.mark.parametrize("case", ["one class", "a class missing", "one sample"])
def test_a_split_without_some_classes_can_be_evaluated(case: str, digits: Dataset) -> None:
    dataset = small(digits)
    x, labels = dataset.test.x, dataset.test.labels
    kept = {"one class": labels == 3, "a class missing": labels != 3, "one sample": torch.arange(len(x)) == 0}[case]
    found = measured(trained("topk", dataset), dataset, METRICS, Split(x[kept], labels[kept]))
    assert found.errors == {}
