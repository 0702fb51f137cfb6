"""Maps and fronts: what is drawn is what was given."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.collections import LineCollection, PolyCollection

from bench.show.figures import scatter
from bench.show.figures.style import looks
from metrics.base import MetricInfo
from tests.bench.show.figures.drawn import entries, fits


def test_maps_colour_points_by_class() -> None:
    codes, atoms = np.arange(8.0).reshape(4, 2), np.ones((2, 2))
    figure = scatter.maps(["a", "b", "c"], codes, np.array([0, 1, 0, -1]), atoms, np.array([1, 1]))
    assert [axes.get_title() for axes in figure.axes] == ["codes (4)", "atoms (2)"]
    np.testing.assert_array_equal(figure.axes[0].collections[0].get_offsets(), codes)
    assert entries(figure) == ["a", "b"]
    assert fits(figure)
    assert len(scatter.maps([], codes, np.full(4, -1)).axes) == 1


def test_the_front_is_what_no_other_beats() -> None:
    l0, fvu = np.array([1.0, 2, 2, 3, 4]), np.array([0.9, 0.5, 0.6, 0.55, 0.1])
    models = list("abcde")
    assert scatter.front(models, l0, fvu).tolist() == [0, 1, 4]
    assert scatter.front(models, l0, -fvu, maximise=True).tolist() == [0, 1, 4]
    assert scatter.front(models[:1], l0[:1], fvu[:1]).tolist() == [0]
    assert scatter.front(models[:2], np.array([2, 2.05]), np.array([0.5, 0.4])).tolist() == [0, 1]
    assert scatter.front(models[:2], np.array([2, 2.03]), np.array([0.5, 0.4])).tolist() == [1], "alike"


def test_a_line_beats_what_lies_between_two_of_its_points() -> None:
    """mp's line is at 0.5 where topk pays 4; of topk's own three, the middle one is on the front where mp is not."""
    l0, fvu = np.array([2.0, 8, 4]), np.array([0.8, 0.2, 0.6])
    assert scatter.front(["mp", "mp", "topk"], l0, fvu).tolist() == [0, 1]
    assert scatter.front(["mp", "mp", "topk"], l0, np.array([0.8, 0.2, 0.4])).tolist() == [0, 2, 1]
    assert scatter.front(["mp", "mp", "mp"], l0, fvu).tolist() == [0, 2, 1]


def test_a_front_marks_every_run_of_a_model_alike() -> None:
    l0, fvu = np.array([1.0, 20, 5]), np.array([0.9, 0.1, 0.3])
    price, quality = (MetricInfo(label, "min", unit, "", "") for label, unit in (("L0", "units"), ("FVU", "")))
    figure = scatter.front_figure(["mp", "topk", "mp"], looks(["mp", "topk", "mp"]), l0, fvu, price, quality)
    axes = figure.axes[0]
    points = {cloud.get_label(): np.asarray(cloud.get_offsets()).tolist() for cloud in axes.collections}
    assert points == {"mp": [[1.0, 0.9], [5.0, 0.3]], "topk": [[20.0, 0.1]]}
    assert list(axes.lines[-1].get_ydata()) == [0.9, 0.3, 0.1]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("L0 [units]", "FVU")
    assert entries(figure) == ["mp", "topk", "front"]
    assert axes.get_xscale() == "log"
    assert fits(figure)


def test_rows_of_a_model_are_joined_within_the_band_of_their_seeds() -> None:
    l0, fvu, spread = np.array([5.0, 1, 20]), np.array([0.3, 0.9, 0.1]), np.array([0.02, np.nan, 0.05])
    price, quality = (MetricInfo(label, "min", unit, "", "") for label, unit in (("L0", "units"), ("FVU", "")))
    figure = scatter.front_figure(["mp", "mp", "topk"], looks(["mp", "mp", "topk"]), l0, fvu, price, quality, spread)
    axes = figure.axes[0]
    line = axes.lines[0]
    assert (list(line.get_xdata()), list(line.get_ydata())) == ([1.0, 5.0], [0.9, 0.3])
    (band,) = [each for each in axes.collections if isinstance(each, PolyCollection)]
    heights = np.concatenate([path.vertices[:, 1] for path in band.get_paths()])
    np.testing.assert_allclose([heights.min(), heights.max()], [0.28, 0.32])
    (bar,) = [each for each in axes.collections if isinstance(each, LineCollection)]
    np.testing.assert_allclose(bar.get_segments()[0][:, 1], [0.05, 0.15])
    assert fits(figure)


def test_floors_are_grey_and_neither_of_the_front_nor_of_the_scale() -> None:
    l0, fvu = np.array([1.0, 20, 5, 1000, 10]), np.array([0.9, 0.1, 0.3, 0.01, 7.0])
    price, quality = (MetricInfo(label, "min", unit, "", "") for label, unit in (("L0", "units"), ("FVU", "")))
    models = ["mp", "topk", "mp", "identity", "random"]
    figure = scatter.front_figure(models, looks(models), l0, fvu, price, quality, floors={"identity", "random"})
    axes = figure.axes[0]
    lines = {line.get_label(): line for line in axes.lines}
    assert list(lines["front"].get_ydata()) == [0.9, 0.3, 0.1]
    assert entries(figure) == ["mp", "topk", "front", "floors"]
    assert axes.get_ylim()[1] < 2
    assert axes.get_xlim()[1] < 40
    assert axes.get_yscale() == "log"
    alone = scatter.front_figure(["random"], looks(["random"]), l0[:1], fvu[:1], price, quality, floors={"random"})
    assert entries(alone) == ["random"], "one point makes no front"


def test_more_models_than_colours_have_a_panel_each_and_the_others_in_grey() -> None:
    models = [f"model {i}" for i in range(9) for _ in range(2)]
    l0, fvu = np.tile([2.0, 20], 9), np.linspace(0.9, 0.1, 18)
    price, quality = (MetricInfo(label, "min", unit, "", "") for label, unit in (("L0", "units"), ("FVU", "")))
    figure = scatter.front_figure(
        [*models, "random"], looks([*models, "random"]), np.array([*l0, 5]), np.array([*fvu, 0.5]), price, quality,
        np.full(19, 0.01), floors={"random"},
    )  # fmt: skip
    panels = [axes for axes in figure.axes if axes.get_title()]
    assert [axes.get_title() for axes in panels] == [f"model {i}" for i in range(9)]
    own = {axes.get_title(): axes.collections[0].get_offsets()[:, 1].tolist() for axes in panels}
    assert own == {f"model {i}": fvu[2 * i : 2 * i + 2].tolist() for i in range(9)}
    assert all(sum(line.get_label() == "all others" for line in axes.lines) == 8 for axes in panels)
    assert {axes.axis() for axes in panels} == {panels[0].axis()}, "one scale"
    assert entries(figure) == ["all others", "front", "floors"]
    assert fits(figure)
    eight = scatter.front_figure(models[:16], looks(models[:16]), l0[:16], fvu[:16], price, quality)
    assert len(eight.axes) == 1


@pytest.mark.parametrize("n_models", [2, 18])
@pytest.mark.parametrize("decades", range(1, 9))
def test_each_axis_has_numbers_whatever_it_spans(n_models: int, decades: int) -> None:
    """In a small panel and a large one. Over many powers of ten, matplotlib draws no multiples, and so none at all."""
    models = [f"model {i}" for i in range(n_models) for _ in range(2)]
    l0, fvu = np.tile([2.0, 20], n_models), np.geomspace(0.9, 0.9 / 10**decades, 2 * n_models)
    price, quality = (MetricInfo(label, "min", unit, "", "") for label, unit in (("L0", "units"), ("FVU", "")))
    figure = scatter.front_figure(models, looks(models), l0, fvu, price, quality)
    figure.draw_without_rendering()
    axes = figure.axes[0]
    for axis, (low, high) in ((axes.xaxis, axes.get_xlim()), (axes.yaxis, axes.get_ylim())):
        shown = [place for place in axis.get_majorticklocs() if low <= place <= high]
        assert 2 <= len(shown) <= 1.5 * axis.get_tick_space() + 1, shown


def test_prices_that_are_all_but_one_do_not_fill_the_width() -> None:
    l0, fvu = np.array([9.9975, 10, 9.9999]), np.array([0.1, 0.2, 0.3])
    price, quality = (MetricInfo(label, "min", unit, "", "") for label, unit in (("L0", "units"), ("FVU", "")))
    low, high = (
        scatter.front_figure(["mp", "topk", "vae"], looks(["mp", "topk", "vae"]), l0, fvu, price, quality)
        .axes[0]
        .get_xlim()
    )
    assert (low, high) == pytest.approx((9.75, 10.25), abs=0.01)


def test_a_rounding_error_is_not_of_the_scale() -> None:
    """64 units of 64 inputs: no error but that of rounding, beside which no other would be told apart."""
    l0, fvu = np.array([2.0, 10, 64, 2, 64]), np.array([0.3, 0.05, 1e-13, 0.4, 0.02])
    price, quality = (MetricInfo(label, "min", unit, "", "") for label, unit in (("L0", "units"), ("FVU", "")))
    axes = scatter.front_figure(["omp"] * 3 + ["topk"] * 2, looks(["omp", "topk"]), l0, fvu, price, quality).axes[0]
    low, high = axes.get_ylim()
    assert low == pytest.approx(0.4e-4)
    assert 0.4 < high < 0.8
    assert len([tick for tick in axes.get_yticks() if low <= tick <= high]) > 5
