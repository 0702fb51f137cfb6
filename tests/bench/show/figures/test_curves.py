"""Lines and bars: what is drawn is what was given."""

from __future__ import annotations

import numpy as np
import pytest

from bench.show.figures import curves
from bench.show.figures.curves import Curve
from bench.show.figures.style import look
from tests.bench.show.figures.drawn import entries, fits


def test_a_metric_of_several_series_and_a_level() -> None:
    counts = {"global": [3.0, 1], "shared": [2, 2], "exclusive": [0, 5]}
    series = [Curve(role, [0.3, 0.5], values) for role, values in counts.items()]
    figure = curves.along_axis(series, {"dead": 7}, "threshold", "roles [units]")
    axes = figure.axes[0]
    assert [list(line.get_ydata()) for line in axes.lines] == [[3, 1], [2, 2], [0, 5], [7, 7]]
    assert entries(figure) == ["global", "shared", "exclusive", "dead"]
    assert list(axes.get_xticks()) == [0.3, 0.5]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("threshold", "roles [units]")
    assert all(float(tick).is_integer() for tick in axes.get_yticks())
    assert fits(figure)


def test_a_metric_of_several_models() -> None:
    rows = [
        Curve("mp", [0.25, 1, 4], [0.5, 0.2, 0.1], look("mp")),
        Curve("topk k=5", [0.5, 1, 4], [0.6, 0.3, 0.4], look("topk")),
        Curve("topk k=10", [0.25, 1], [0.6, 0.3], look("topk")),
    ]
    figure = curves.along_axis(rows, {}, "k' / k", "FVU", log=True)
    axes = figure.axes[0]
    lines = axes.lines
    assert [list(line.get_ydata()) for line in lines] == [list(row.y) for row in rows]
    assert [line.get_linestyle() for line in lines] == ["-", "-", "--"]
    assert lines[1].get_color() == lines[2].get_color() != lines[0].get_color()
    assert entries(figure) == ["mp", "topk k=5", "topk k=10"]
    assert axes.get_xscale() == "log"
    figure.draw_without_rendering()
    assert [text.get_text() for text in axes.get_xticklabels()] == ["1/4", "1/2", "1", "4"]
    assert fits(figure)


def test_more_curves_than_colours_have_a_panel_each_and_the_others_in_grey() -> None:
    rows = [Curve(f"model {i}", [0.25, 1, 4], [0.5, 0.2, 0.1 * i], look(f"model {i}")) for i in range(9)]
    figure = curves.along_axis(rows, {}, "k' / k", "FVU", log=True)
    panels = {axes.get_title(): axes for axes in figure.axes if axes.get_title()}
    assert list(panels) == [row.label for row in rows]
    for row in rows:
        (own,) = [line for line in panels[row.label].lines if line.get_label() != "all others"]
        assert (list(own.get_ydata()), own.get_color()) == (list(row.y), look(row.label).colour)
        assert len(panels[row.label].lines) == 9
    assert entries(figure) == ["all others"]
    assert fits(figure)
    assert len(curves.along_axis(rows[:8], {}, "k' / k", "FVU").axes) == 1


@pytest.mark.parametrize(("y", "from_zero"), [([0.1, 0.9], True), ([0.7, 0.9], False), ([-0.5, 0.5], False)])
def test_a_curve_is_drawn_from_zero_where_zero_is_near(y: list[float], from_zero: bool) -> None:
    axes = curves.along_axis([Curve("", [1, 2], y)], {}, "size", "probe").axes[0]
    assert (axes.get_ylim()[0] == 0) == from_zero
    assert axes.get_ylim()[0] <= min(y)
    assert axes.get_ylim()[1] >= max(y)


def test_a_curve_of_zeros() -> None:
    figure = curves.along_axis([Curve("", [1, 2, 5], [0, 0, 0])], {}, "size", "Babel")
    assert entries(figure) == []
    assert fits(figure)


@pytest.mark.parametrize("rates", [[0.0, 0.0], [1.0], [0.001, 0.1, 1.0, 0.0], [1.0, 1.0]])
def test_density_counts_every_unit_once(rates: list[float]) -> None:
    figure = curves.over_units(np.array(rates), "density")
    heights = [patch.get_height() for patch in figure.axes[0].patches]
    assert sum(heights) == len(rates)
    assert sum(int(text.split("(")[1][:-1]) for text in entries(figure)) == len(rates)
    assert fits(figure)


@pytest.mark.parametrize(
    ("rates", "ticks"),
    [
        ([0.0, 0.015, 0.8], ["0", "0.02", "0.05", "0.1", "0.2", "0.5"]),
        ([1e-4, 1.0], ["$10^{-4}$", "$10^{-3}$", "$10^{-2}$", "$10^{-1}$", "1"]),
    ],
)
def test_a_logarithmic_axis_has_more_ticks_than_one(rates: list[float], ticks: list[str]) -> None:
    axes = curves.over_units(np.array(rates), "density").axes[0]
    assert [text.get_text() for text in axes.get_xticklabels()] == ticks


def test_units_that_are_alike_have_ticks_around_them() -> None:
    figure = curves.over_units(np.full(7, 0.3), "density")
    figure.draw_without_rendering()
    low, high = figure.axes[0].get_xlim()
    inside = [tick for tick in figure.axes[0].get_xticks() if low <= tick <= high]
    assert 2 < len(inside) <= 6
    assert high - low > 0.01


@pytest.mark.parametrize("n_terms", [1, 2, 3, 5])
@pytest.mark.parametrize("n_steps", [1, 40])
def test_training_has_a_panel_a_term(n_terms: int, n_steps: int) -> None:
    terms = {f"term_{i}": np.linspace(100, 1, n_steps) * 10.0**-i for i in range(n_terms)}
    figure = curves.training(np.arange(n_steps) * 50, terms)
    shown = [axes for axes in figure.axes if axes.lines]
    assert [axes.get_title("left") for axes in shown] == [name.replace("_", " ") for name in terms]
    for axes, values in zip(shown, terms.values(), strict=True):
        np.testing.assert_array_equal(axes.lines[0].get_ydata(), values)
    assert fits(figure)
