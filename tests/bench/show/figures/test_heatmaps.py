"""Heatmaps: what is drawn is what was given."""

from __future__ import annotations

import numpy as np
import pytest

from bench.show.figures import heatmaps
from metrics.dimensions import order_by_role
from tests.bench.show.figures.drawn import entries, fits


def test_units_are_ordered_by_role_then_by_class() -> None:
    means = np.array([[0.9, 0.0, 0.1, 0.9, 0.0], [0.9, 0.7, 0.0, 0.1, 0.0]])
    roles = ["global", "exclusive", "no role", "exclusive", "dead"]
    assert order_by_role(means, roles).tolist() == [0, 3, 1, 2, 4]
    figure = heatmaps.by_class(means, roles, [0, 3, 1, 2, 4], ["boot", "shirt"], "class gamma")
    marks, body = figure.axes[0], figure.axes[1]
    np.testing.assert_array_equal(body.images[0].get_array(), means[:, [0, 3, 1, 2, 4]])
    np.testing.assert_array_equal(marks.images[0].get_array(), [[0, 2, 2, 3, 4]])
    assert [text.get_text() for text in body.get_yticklabels()] == ["boot", "shirt"]
    assert entries(figure) == ["global (1)", "exclusive (2)", "no role (1)", "dead (1)"]
    assert fits(figure)


@pytest.mark.parametrize(("n_classes", "n_units"), [(1, 1), (1, 5), (3, 1), (10, 300)])
@pytest.mark.parametrize("role", ["dead", "global"])
def test_gamma_of_one_class_one_unit_and_units_of_one_role(n_classes: int, n_units: int, role: str) -> None:
    means = np.full((n_classes, n_units), float(role == "global"))
    figure = heatmaps.by_class(means, [role] * n_units, range(n_units), list("0123456789"[:n_classes]), "rate")
    assert entries(figure) == [f"{role} ({n_units})"]
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
