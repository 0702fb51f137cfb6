"""Heatmaps, curves and points: what is drawn is what was given."""

from __future__ import annotations

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure

from bench.plugins.registry import MODEL_REGISTRY
from bench.show.figures import curves, heatmaps, scatter
from bench.show.figures.curves import Curve
from bench.show.figures.style import MARKERS, PALETTE, look, render
from metrics.roles import order_by_role


def legend(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.legends[0].get_texts()] if figure.legends else []


def fits(figure: Figure) -> bool:
    """Whether nothing that is drawn leaves the page, to a hundredth of an inch."""
    figure.draw_without_rendering()
    box = figure.get_tightbbox()
    width, height = figure.get_size_inches()
    return bool(min(box.x0, box.y0) > -0.01 and box.x1 < width + 0.01 and box.y1 < height + 0.01)


def test_units_are_ordered_by_role_then_by_class() -> None:
    means = np.array([[0.9, 0.0, 0.1, 0.9, 0.0], [0.9, 0.7, 0.0, 0.1, 0.0]])
    roles = ["global", "exclusive", "no role", "exclusive", "dead"]
    assert order_by_role(means, roles).tolist() == [0, 3, 1, 2, 4]
    figure = heatmaps.gamma_by_class(means, roles, ["boot", "shirt"])
    marks, body = figure.axes[0], figure.axes[1]
    np.testing.assert_array_equal(body.images[0].get_array(), means[:, [0, 3, 1, 2, 4]])
    np.testing.assert_array_equal(marks.images[0].get_array(), [[0, 2, 2, 3, 4]])
    assert [text.get_text() for text in body.get_yticklabels()] == ["boot", "shirt"]
    assert legend(figure) == ["global (1)", "exclusive (2)", "no role (1)", "dead (1)"]
    assert fits(figure)


@pytest.mark.parametrize(("n_classes", "n_units"), [(1, 1), (1, 5), (3, 1), (10, 300)])
@pytest.mark.parametrize("role", ["dead", "global"])
def test_gamma_of_one_class_one_unit_and_units_of_one_role(n_classes: int, n_units: int, role: str) -> None:
    means = np.full((n_classes, n_units), float(role == "global"))
    figure = heatmaps.gamma_by_class(means, [role] * n_units, [str(i) for i in range(n_classes)])
    assert legend(figure) == [f"{role} ({n_units})"]
    assert figure.axes[1].images[0].get_array().shape == (n_classes, n_units)
    assert fits(figure)


def test_classes_of_one_category_stand_together() -> None:
    correlation = np.array([[1.0, 0.1, 0.8], [0.1, 1.0, np.nan], [0.8, np.nan, 1.0]])
    figure = heatmaps.class_correlation(correlation, ["boot", "shirt", "sandal"], ["feet", "tops", "feet"])
    axes = figure.axes[0]
    assert [text.get_text() for text in axes.get_yticklabels()] == ["boot", "sandal", "shirt"]
    assert axes.images[0].get_clim() == (-1, 1)
    shown = axes.images[0].get_array().filled(np.nan)
    np.testing.assert_array_equal(shown, correlation[np.ix_([0, 2, 1], [0, 2, 1])])
    assert len(axes.patches) == 1  # a frame around the one category of several classes
    assert fits(figure)


@pytest.mark.parametrize("n", [1, 2, 10, 40])
def test_class_correlation_of_few_and_of_many(n: int) -> None:
    figure = heatmaps.class_correlation(np.eye(n), [f"class {i}" for i in range(n)])
    assert figure.axes[0].images[0].get_array().shape == (n, n)
    assert fits(figure)


def test_roles_over_tau_draws_a_line_a_role_and_the_dead() -> None:
    counts = {"global": [3, 1], "shared": [2, 2], "exclusive": [0, 5]}
    figure = curves.roles_over_tau([0.3, 0.5], counts, dead=7)
    lines = figure.axes[0].lines
    assert [list(line.get_ydata()) for line in lines] == [[3, 1], [2, 2], [0, 5], [7, 7]]
    assert legend(figure) == ["global", "shared", "exclusive", "dead"]
    assert fits(figure)


@pytest.mark.parametrize("rates", [[0.0, 0.0], [1.0], [0.001, 0.1, 1.0, 0.0], [1.0, 1.0]])
def test_density_counts_every_unit_once(rates: list[float]) -> None:
    figure = curves.density(np.array(rates))
    heights = [patch.get_height() for patch in figure.axes[0].patches]
    assert sum(heights) == len(rates)
    assert sum(int(text.split("(")[1][:-1]) for text in legend(figure)) == len(rates)
    assert fits(figure)


def test_the_budget_curve_of_several_models() -> None:
    rows = [
        Curve("mp", "mp", [0.1, 1, 4], [0.5, 0.2, 0.1]),
        Curve("topk", "topk k=5", [0.2, 1, 4], [0.6, 0.3, 0.4]),
        Curve("topk", "topk k=10", [0.1, 1], [0.6, 0.3]),
    ]
    figure = curves.inference_budget(rows)
    lines = figure.axes[0].lines[1:]  # the first marks the trained k
    assert [list(line.get_ydata()) for line in lines] == [list(row.y) for row in rows]
    assert [line.get_linestyle() for line in lines] == ["-", "-", "--"]
    assert lines[1].get_color() == lines[2].get_color() != lines[0].get_color()
    assert legend(figure) == ["mp", "topk k=5", "topk k=10"]
    assert fits(figure)


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


def test_maps_colour_points_by_class() -> None:
    codes, atoms = np.arange(8.0).reshape(4, 2), np.ones((2, 2))
    figure = scatter.maps(["a", "b", "c"], codes, np.array([0, 1, 0, -1]), atoms, np.array([1, 1]))
    assert [axes.get_title() for axes in figure.axes] == ["codes (4)", "atoms (2)"]
    np.testing.assert_array_equal(figure.axes[0].collections[0].get_offsets(), codes)
    assert legend(figure) == ["a", "b"]
    assert fits(figure)
    assert len(scatter.maps([], codes, np.full(4, -1)).axes) == 1


def test_the_front_is_what_no_other_beats() -> None:
    l0, fvu = np.array([1.0, 2, 2, 3, 4]), np.array([0.9, 0.5, 0.6, 0.55, 0.1])
    assert scatter.front(l0, fvu).tolist() == [0, 1, 4]
    assert scatter.front(l0, -fvu, maximise=True).tolist() == [0, 1, 4]
    assert scatter.front(l0[:1], fvu[:1]).tolist() == [0]


def test_pareto_marks_every_run_of_a_model_alike() -> None:
    l0, fvu = np.array([1.0, 20, 5]), np.array([0.9, 0.1, 0.3])
    figure = scatter.pareto(["mp", "topk", "mp"], l0, fvu, "FVU")
    axes = figure.axes[0]
    points = {cloud.get_label(): np.asarray(cloud.get_offsets()).tolist() for cloud in axes.collections}
    assert points == {"mp": [[1.0, 0.9], [5.0, 0.3]], "topk": [[20.0, 0.1]]}
    assert list(axes.lines[0].get_ydata()) == [0.9, 0.3, 0.1]
    assert axes.get_ylabel() == "FVU"
    assert axes.get_xscale() == "log"
    assert fits(figure)


def test_every_model_has_a_look_of_its_own() -> None:
    names = list(MODEL_REGISTRY.plugins)
    assert len({look(name) for name in names}) == len(names)
    assert look("a model of mine") == look("a model of mine")
    assert len(PALETTE) * len(MARKERS) > len(names)


def test_a_caller_keeps_its_own_style_and_changes_none_of_ours() -> None:
    plain = render(curves.density(np.array([0.1, 0.5])))
    with matplotlib.rc_context({"font.size": 20, "lines.linewidth": 9}):
        other = render(curves.density(np.array([0.1, 0.5])))
        assert matplotlib.rcParams["font.size"] == 20
    assert plain == other
