"""How figures look, whatever the caller's own style."""

from __future__ import annotations

import matplotlib
import numpy as np

from bench.plugins.registry import MODEL_REGISTRY
from bench.show.figures import curves
from bench.show.figures.style import MARKERS, PALETTE, axis_label, look, looks, render, round_ticks
from metrics.base import MetricInfo


def test_every_model_has_a_look_of_its_own() -> None:
    names = list(MODEL_REGISTRY.plugins)
    assert len({look(name) for name in names}) == len(names)
    assert look("a model of mine") == look("a model of mine")
    assert len(PALETTE) * len(MARKERS) > len(names)


def test_no_two_models_of_a_figure_have_one_colour_as_long_as_there_are_others() -> None:
    names = list(MODEL_REGISTRY.plugins)
    clashing = [name for name in names if look(name).colour == look(names[0]).colour]
    assert len(clashing) > 1
    found = looks(clashing)
    assert len({each.colour for each in found.values()}) == len(clashing)
    assert found[names[0]] == look(names[0]), "the first keeps its own"
    assert [found[name].marker for name in clashing] == [look(name).marker for name in clashing]
    assert len(set(looks([*names, "a model of mine"]).values())) == len(names) + 1, "of many, colour and marker tell"


def test_a_caller_keeps_its_own_style_and_changes_none_of_ours() -> None:
    plain = render(curves.over_units(np.array([0.1, 0.5]), "density"))
    with matplotlib.rc_context({"font.size": 20, "lines.linewidth": 9}):
        other = render(curves.over_units(np.array([0.1, 0.5]), "density"))
        assert matplotlib.rcParams["font.size"] == 20
    assert plain == other


def test_ticks_are_at_round_numbers() -> None:
    assert round_ticks(5).tick_values(0, 5.2).tolist() == [0, 2, 4, 6]
    assert round_ticks(8, integer=True).tick_values(0, 1000).tolist() == [0, 200, 400, 600, 800, 1000]


def test_an_axis_has_its_unit() -> None:
    assert axis_label(MetricInfo("L0", "min", "units", "", "")) == "L0 [units]"
    assert axis_label(MetricInfo("FVU", "min", "", "", "")) == "FVU"
