"""A metric is a function with a declaration, which can be read without a call."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from metrics.base import Axis, Metric, MetricInfo, NotApplicable, Place, metric


@metric(
    label="share",
    direction="max",
    unit="%",
    range="[0, 100]",
    source="definition",
    headline=True,
    given="likelihood",
    price=True,
    validation=True,
    needs={"angles": "of the strokes"},
)
def share(angles: list[float], above: float = 0.0) -> float | NotApplicable:
    """Share of the angles above a bound.

    n/a without angles.
    """
    return 100 * sum(angle > above for angle in angles) / len(angles) if angles else NotApplicable("there is no angle")


def test_a_metric_is_called_as_its_function_is() -> None:
    assert share([1.0, 2.0], above=1.5) == 50
    assert share(angles=[1.0]) == 100
    assert share([]) == NotApplicable("there is no angle")
    assert isinstance(share, Metric)
    assert share.function.__name__ == share.__name__ == "share"
    assert inspect.getdoc(share) == "Share of the angles above a bound.\n\nn/a without angles."


def test_what_it_declares_is_read_off_it() -> None:
    assert share.info == MetricInfo(
        label="share",
        direction="max",
        unit="%",
        range="[0, 100]",
        source="definition",
        headline=True,
        given="likelihood",
        explanation="Share of the angles above a bound.",
        family="test base",
        price=True,
    )
    assert share.validation
    assert share.own_needs == {"angles": "of the strokes"}
    assert list(share.parameters) == ["angles", "above"]
    assert share.parameters["above"].default == 0


def test_what_is_not_declared_is_off() -> None:
    plain = metric(label="x", direction="none", range="[0, 1]", source="definition")(lambda: 0.0)
    info = plain.info
    assert (info.unit, info.given, info.explanation, info.curve, info.dimensions) == ("", "", "", None, ())
    assert (info.answer, info.caution) == ("", "")
    assert (info.headline, info.price, plain.validation, dict(plain.own_needs)) == (False, False, False, {})


@pytest.mark.parametrize("module", ["__main__", "_bench_plugin_my_metrics_1a2b3c", "package.my_metrics"])
def test_the_family_is_the_file_whatever_the_module_is_called(module: str) -> None:
    text = "from metrics.base import metric\n@metric(label='x', direction='none', range='[0, 1]', source='s')\n"
    scope: dict[str, Any] = {"__name__": module}
    exec(compile(f"{text}def mine(x): return 0.0", "/somewhere/my_metrics.py", "exec"), scope)
    assert scope["mine"].info.family == "my metrics"


def test_one_curve_has_a_place_for_each_key() -> None:
    axis = Axis.single("size", {"1": 1, "half": 0.5}, log=True)
    assert axis == Axis("size", {"1": Place("", 1), "half": Place("", 0.5)}, log=True)
    assert not Axis.single("size", {}).log
