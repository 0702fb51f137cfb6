"""Evaluation: a number, an array, a reason or an error for every metric, each of them by itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from bench.datasets.base import Dataset, Split
from bench.execute.evaluation import Evaluation, evaluate, needs_of
from bench.execute.outputs import outputs_of
from bench.plugins.loading import load_metrics
from metrics.base import Dimension, Metric, NotApplicable, metric
from models.topk import TopK


def own(function: Callable[..., Any], *dimensions: Dimension, **needs: str) -> Metric[..., Any]:
    """A metric of a function."""
    declare = metric(label="mine", direction="none", range="R", source="a test", dimensions=dimensions, needs=needs)
    return declare(function)


@pytest.fixture
def dataset(digits: Dataset) -> Dataset:
    return replace(digits, train=digits.train.head(100), test=digits.test.head(60))


@pytest.fixture
def model(dataset: Dataset) -> TopK:
    return TopK(TopK.Config(n_latents=16, k=4), dataset.n_features)


def measured(model: TopK, dataset: Dataset, metrics: Mapping[str, Metric[..., Any]], seed: int = 0) -> Evaluation:
    return evaluate(outputs_of(model, dataset, dataset.test, needs_of(metrics)), metrics, seed)


def test_every_kind_of_value_has_its_place(model: TopK, dataset: Dataset) -> None:
    def fails(x: Tensor) -> float:
        raise RuntimeError("out of ideas")

    metrics = {
        "number": own(lambda x: torch.tensor(2.0)),
        "numbers": own(lambda x: {"a": 1, 2: 2.0, "": 3.0}),
        "array": own(lambda x: x.sum(1), "sample"),
        "reason": own(lambda x: NotApplicable("it rains")),
        "error": own(fails),
    }
    found = measured(model, dataset, metrics)
    assert found.scalars == {"number": 2, "numbers.a": 1, "numbers.2": 2, "numbers": 3}
    np.testing.assert_array_equal(found.arrays["array"], dataset.test.x.sum(1))
    assert found.arrays.keys() == {"array"}
    assert found.not_applicable == {"reason": "it rains"}
    assert found.errors == {"error": "RuntimeError: out of ideas"}


def test_a_bad_metric_is_a_failed_cell_and_the_others_stand(model: TopK, dataset: Dataset) -> None:
    chosen = {"bad": own(lambda x: "high"), "nan": own(lambda x: float("nan")), **load_metrics(["fvu"])}
    result = measured(model, dataset, chosen)
    assert result.scalars.keys() == {"fvu"}
    assert "not str 'high'" in result.errors["bad"]
    assert "NaN" in result.errors["nan"]


def test_complex_numbers_and_endless_reasons_are_not_kept(model: TopK, dataset: Dataset) -> None:
    """A run's legend, which could not be read with a longer text, would cost its numbers."""
    chosen = {
        "complex": own(lambda x: torch.complex(x, x)[:, 0], "sample"),
        "long": own(lambda x: NotApplicable("it rains" * 1000)),
    }
    result = measured(model, dataset, chosen)
    assert result.errors == {"complex": "TypeError: it returns complex numbers; return real ones"}
    assert len(result.not_applicable["long"]) < 400


@pytest.mark.parametrize(
    ("dimensions", "shape", "words"),
    [
        ((), (16,), "an array of the shape (16,) and does not declare its dimensions"),
        (("unit",), (15,), "the shape (15,), expected (unit: 16)"),
        (("unit",), (16, 2), "the shape (16, 2), expected (unit: 16)"),
        (("unit", "sample"), (16,), "the shape (16,), expected (unit: 16, sample: 60)"),
        (("class", "unit"), (16, 10), "the shape (16, 10), expected (class: 10, unit: 16)"),
        (("unit", "measure"), (15, 3), "the shape (15, 3), expected (unit: 16, measure: any)"),
    ],
)
def test_an_array_that_is_not_as_declared_is_a_failed_cell(
    model: TopK, dataset: Dataset, dimensions: tuple[Dimension, ...], shape: tuple[int, ...], words: str
) -> None:
    found = measured(model, dataset, {"mine": own(lambda x: torch.zeros(shape), *dimensions)})
    assert words in found.errors["mine"]
    assert found.arrays == {}


@pytest.mark.parametrize(
    ("interval", "value", "words"),
    [
        ("[0, 1]", 7.0, "the value is 7; the declared range is [0, 1]"),
        ("[0, 1]", {"a": 0.5, "b": -0.25}, "'b' is -0.25; the declared range is [0, 1]"),
        ("[0, inf)", -1e-3, "the value is -0.001; the declared range is [0, inf)"),
        ("[-inf, 1e6]", 1e6 + 10, "the value is 1.00001e+06; the declared range is [-inf, 1e6]"),
        ("[0, 1]", torch.tensor([0.0, torch.nan, 2.0]), "a value of its array is 2; the declared range is [0, 1]"),
        ("[0, 1]", 1 + 1e-9, ""),
        ("[0, 1e6]", 1e6 + 0.1, ""),
        ("[0, M]", 1e9, ""),
        ("(-inf, inf]", torch.inf, ""),
        ("in percent", -3.0, ""),
    ],
)
def test_a_value_out_of_its_range_is_a_failed_cell(
    model: TopK, dataset: Dataset, interval: str, value: Any, words: str
) -> None:
    dimensions: tuple[Dimension, ...] = ("measure",) if isinstance(value, Tensor) else ()
    declare = metric(label="mine", direction="none", range=interval, source="a test", dimensions=dimensions)
    found = measured(model, dataset, {"mine": declare(lambda x: value)})
    assert found.errors == ({"mine": f"ValueError: {words}"} if words else {})
    assert not words or not (found.scalars or found.arrays)


def test_arrays_as_declared_are_kept(model: TopK, dataset: Dataset) -> None:
    metrics = {
        "classes": own(lambda x: torch.zeros(10, 16), "class", "unit"),
        "measures": own(lambda x: torch.zeros(16, 3), "unit", "measure"),
    }
    found = measured(model, dataset, metrics)
    assert {name: array.shape for name, array in found.arrays.items()} == {"classes": (10, 16), "measures": (16, 3)}


@pytest.mark.parametrize(
    ("ask", "needs", "reason"),
    [
        (lambda likelihood: 0.0, {}, "the model has no likelihood"),
        (lambda training: 0.0, {}, "training is not at hand: only weights were loaded"),
        (lambda x, gates, values: 0.0, {}, "the data set has no known factors"),
        (lambda train_gates: 0.0, {}, "the data set has no known factors"),
        (lambda angles: 0.0, {"angles": "of the strokes"}, "the data set does not know 'angles'"),
    ],
)
def test_what_is_missing_is_the_reason(
    model: TopK, dataset: Dataset, ask: Callable[..., float], needs: dict[str, str], reason: str
) -> None:
    found = measured(model, dataset, {"mine": own(ask, **needs)})
    assert found.not_applicable == {"mine": reason}
    assert (found.scalars, found.arrays, found.errors) == ({}, {}, {})


def test_metrics_of_labels_get_the_samples_that_have_one_and_others_get_all(model: TopK, dataset: Dataset) -> None:
    labels = torch.where(torch.arange(60) % 4 == 0, -1, dataset.test.labels)
    factors = {"gates": torch.arange(60.0)[:, None], "angles": torch.arange(60.0)}
    train = Split(dataset.train.x, torch.where(torch.arange(100) < 30, -1, dataset.train.labels))
    dataset = replace(dataset, train=train, test=Split(dataset.test.x, labels, factors))
    metrics = {
        "all": own(
            lambda x, angles, train_z: {"n": len(x), "angles": len(angles), "train": len(train_z)}, angles="rad"
        ),
        "some": own(lambda x, z, gates, angles, labels: angles + 0 * (x.sum(1) + z.sum(1)), "sample", angles="rad"),
        "trained": own(
            lambda z, train_z, train_labels: {"n": len(z), "train": len(train_z), "low": train_labels.min()}
        ),
    }
    found = measured(model, dataset, metrics)
    assert found.errors == {}
    assert found.arrays["some"].tolist() == [i for i in range(60) if i % 4]
    assert found.scalars == {
        "all.n": 60, "all.angles": 60, "all.train": 100, "trained.n": 60, "trained.train": 70, "trained.low": 0
    }  # fmt: skip


def test_without_any_label_no_metric_of_labels_applies(model: TopK, dataset: Dataset) -> None:
    dataset = replace(dataset, test=Split(dataset.test.x, torch.full((60,), -1)))
    found = measured(model, dataset, load_metrics(["class_rates", "selectivity", "fvu"]))
    assert found.not_applicable == dict.fromkeys(["class_rates", "selectivity"], "no sample has a label")
    assert found.scalars.keys() == {"fvu"}


def test_what_a_data_set_of_ones_own_knows_is_passed(model: TopK, dataset: Dataset) -> None:
    angles = torch.arange(60.0)
    dataset = replace(dataset, test=Split(dataset.test.x, dataset.test.labels, {"angles": angles}))
    assert (
        measured(model, dataset, {"mine": own(lambda angles: angles.sum(), angles="degrees")}).scalars["mine"] == 1770
    )


def test_each_metric_draws_from_a_stream_of_its_own(model: TopK, dataset: Dataset) -> None:
    draw = own(lambda x: torch.rand(()))
    alone = measured(model, dataset, {"last": draw}).scalars
    beside = measured(model, dataset, {"first": draw, "last": draw}).scalars
    assert beside["last"] == alone["last"] != beside["first"]
    assert measured(model, dataset, {"last": draw}, seed=1).scalars != alone


def test_needs_are_those_of_all() -> None:
    metrics = {"a": own(lambda x, z: 0.0), "b": own(lambda z, labels=None: 0.0)}
    assert needs_of(metrics) == {"x", "z", "labels"}
