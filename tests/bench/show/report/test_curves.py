"""Columns that make a curve, and rows that make a sweep."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bench.compare.boards import Column
from bench.show.report.curves import curves
from metrics.base import Axis, MetricInfo, Place
from metrics.matrix import quantile_axis
from tests.bench.show.report import factory


def test_keys_on_an_axis_become_curves() -> None:
    board = factory.boards_of(factory.study(models=("topk",)))[0]
    found = {curve["metric"]: curve for curve in curves(board.columns)}
    assert set(found) == {"roles", "inference_fvu"}
    assert found["roles"]["series"]["global"][0] == (0.3, "roles.global@0.3")
    assert [x for x, _ in found["inference_fvu"]["series"][""]] == [0.5, 1.0, 2.0, 4.0]
    assert (found["roles"]["axis"], found["roles"]["log"]) == ("threshold", False)
    assert found["inference_fvu"]["log"]
    level = found["roles"]["series"]["dead"]
    assert level == [(0.3, "roles.dead"), (0.9, "roles.dead")]


@pytest.mark.parametrize(("n_points", "n_curves"), [(2, 0), (3, 1)])
def test_a_curve_needs_three_places(n_points: int, n_curves: int) -> None:
    axis = Axis("size", {"all": Place("level", None), **{str(i): Place("", float(i)) for i in range(n_points)}})
    info = MetricInfo("probe", "max", "", "", "", curve=axis)
    assert len(curves([Column(f"probe.{key}", info) for key in (*axis.places, "elsewhere")])) == n_curves


def test_quantiles_are_no_curve() -> None:
    axis = replace(quantile_axis((0.1, 0.5, 0.9)), label="share of units")  # what it is called tells nothing
    info = MetricInfo("density", "none", "", "", "", curve=axis)
    assert info.curve is not None
    assert curves([Column(f"density.{key}", info) for key in info.curve.places]) == []
