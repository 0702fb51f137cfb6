"""Legends: how every metric is read comes back from the file."""

from __future__ import annotations

import json
import math

import pytest

from bench.plugins.loading import load_metrics
from bench.store.legend import Legend, MetricEntry
from metrics.base import Axis, MetricInfo, Place


def test_every_metric_comes_back_as_it_was_declared() -> None:
    entries = {name: MetricEntry(info=metric.info, code="0123") for name, metric in load_metrics().items()}
    legend = Legend(family="SAE family", metrics=entries)
    again = Legend.model_validate_json(legend.model_dump_json(indent=1))
    assert again == legend
    assert list(again.metrics) == list(entries)
    for name, metric in load_metrics().items():
        assert again.metrics[name].info == metric.info


def test_curves_and_dimensions_come_back() -> None:
    curve = Axis("budget", {"a": Place("upper", 1.5), "b": Place("", None)}, log=True)
    info = MetricInfo(
        "mine", "max", "nats", "R", "a test", True, "k", "paid", "What it is.", "mine", True, curve, ("class", "unit")
    )
    entry = MetricEntry(info=info, not_applicable="it rains")
    again = MetricEntry.model_validate_json(entry.model_dump_json())
    assert again == entry
    assert isinstance(again.info.curve, Axis)
    assert again.info.curve.places["a"] == Place("upper", 1.5)


def test_quantiles_of_an_earlier_run_are_told_by_the_label() -> None:
    axis = Axis("quantile [%]", {}, quantiles=True)
    entry = MetricEntry(info=MetricInfo("mine", "max", "", "R", "a test", curve=axis))
    content = json.loads(entry.model_dump_json())
    del content["info"]["curve"]["quantiles"]
    assert MetricEntry.model_validate_json(json.dumps(content)) == entry
    content["info"]["curve"]["label"] = "threshold"
    again = MetricEntry.model_validate_json(json.dumps(content)).info.curve
    assert again is not None
    assert not again.quantiles


def test_fields_of_a_later_version_are_passed_over() -> None:
    entry = MetricEntry(info=MetricInfo("mine", "max", "", "R", "a test"))
    content = json.loads(entry.model_dump_json())
    content["info"]["colour"] = content["colour"] = "red"
    assert MetricEntry.model_validate(content) == entry


@pytest.mark.parametrize("at", [0.0, -1.5, 1e300, math.pi])
def test_abscissas_are_exact(at: float) -> None:
    info = MetricInfo("mine", "max", "", "R", "a test", curve=Axis.single("at", {"a": at}))
    again = MetricEntry.model_validate_json(MetricEntry(info=info).model_dump_json()).info.curve
    assert again is not None
    assert again.places["a"].at == at
