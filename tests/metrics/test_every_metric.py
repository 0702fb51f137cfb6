"""Properties of every metric: order of samples, dead units, sparse storage, extreme cases, declaration."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array
from torch import Tensor

from metrics.base import Metric, NotApplicable
from metrics.needs import NEEDS, TRAIN, misspelt
from tests.metrics.cases import CODES, METRICS, Samples, assert_same, csr, given, make_world, numbers, value_of

NAMES = list(METRICS)
TAKING_MATRICES = [
    name
    for name, metric in METRICS.items()
    if "Matrix" in {parameter.annotation for parameter in metric.parameters.values()}
]

ORDERED = {
    "gamma_jsd": "between classes the i-th sample meets the i-th",
    "mean_probe": "its batches are drawn",
    "noise_fvu": "the i-th sample gets the i-th row of the noise",
}
"""Metrics that depend on the order of the samples, and why."""

OF_ALL_UNITS = {
    "hoyer": "normalised by M",
    "gini": "normalised by M",
    "dead_fraction": "a share of the units",
    "always_on_fraction": "a share of the units",
    "density": "one row a unit",
    "class_gamma": "one column a unit",
    "class_rates": "one column a unit",
    "unit_tracking": "one row a unit",
    "unit_monosemanticity": "one row a unit",
    "unit_purity": "one row a unit",
    "activity_variance": "a mean over units",
    "gamma_variance": "a mean over units",
    "roles": "counts dead units",
    "class_correlation": "a correlation over units: one that all classes leave off makes them alike",
    "category_gap": "made of class correlations",
    "category_correlations": "made of class correlations",
    "cosine_quantiles": "over all atoms, dead ones as well",
    "tail_ratio": "a mean over all units that are not selected",
}
"""Metrics that change with additional dead units, and why."""


@pytest.mark.parametrize("name", NAMES)
def test_the_order_of_units_does_not_matter(name: str) -> None:
    world = make_world()
    order = torch.randperm(len(world.atoms))
    before, after = (value_of(name, given(w)) for w in (world, replace(world, atoms=world.atoms[order])))
    if isinstance(before, Tensor):
        before = before[order] if len(before) == len(order) else before
        before = before[:, order] if before.ndim == 2 and before.shape[1] == len(order) else before
    assert_same(after, before)


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ORDERED])
def test_the_order_of_samples_does_not_matter(name: str) -> None:
    world = make_world()
    shuffled = replace(world, **{key: _shuffled(getattr(world, key)) for key in ("test", "train")})
    assert_same(value_of(name, given(shuffled)), value_of(name, given(world)))


def _shuffled(samples: Samples) -> Samples:
    return samples.take(torch.randperm(len(samples.x)))


@pytest.mark.parametrize("name", NAMES)
def test_further_dead_units_change_only_what_is_defined_over_all_units(name: str) -> None:
    world = make_world()
    longer = replace(world, atoms=torch.cat([world.atoms, torch.zeros(4, world.atoms.shape[1])]))
    before, after = value_of(name, given(world)), value_of(name, given(longer))
    if name not in OF_ALL_UNITS:
        assert_same(after, before)
    elif OF_ALL_UNITS[name] == "one row a unit":
        dead = torch.full((4, *before.shape[1:]), torch.nan if before.isnan().any() else 0.0)
        assert_same(after, torch.cat([before, dead]))


def test_the_exceptions_are_metrics_and_have_a_reason() -> None:
    assert {*ORDERED, *OF_ALL_UNITS} <= set(NAMES)
    assert all({**ORDERED, **OF_ALL_UNITS}.values())


@pytest.mark.parametrize("name", TAKING_MATRICES)
def test_sparse_storage_gives_the_dense_value(name: str) -> None:
    dense = given(make_world())
    sparse = {key: csr(v) if key.removeprefix("train_") in CODES else v for key, v in dense.items()}
    assert_same(value_of(name, sparse), value_of(name, dense))


@pytest.mark.parametrize("name", NAMES)
def test_the_size_of_the_blocks_does_not_matter(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    have = given(make_world())
    before = value_of(name, have)
    monkeypatch.setattr("metrics.matrix.BLOCK_ENTRIES", 40)
    monkeypatch.setattr("metrics.dictionary.BLOCK", 5)
    assert_same(value_of(name, have), before)


SIZES = {"test": 80, "train": 120}
DEGENERATE = (
    "one sample",
    "one sample of each",
    "one class",
    "all dead",
    "all on",
    "constant",
    "one unit",
    "blank",
    "no image",
)


def degenerate(case: str) -> dict[str, Any]:
    """The world with something taken from it."""
    world = make_world(n_units=1 if case == "one unit" else 12)
    if case == "one class":
        world = replace(
            world, **{key: getattr(world, key)._replace(labels=torch.zeros(n).long()) for key, n in SIZES.items()}
        )
    if case.startswith("one sample"):
        parts = ("test", "train") if case.endswith("each") else ("test",)
        world = replace(world, **{part: getattr(world, part).take(torch.tensor([5])) for part in parts})
    if case == "blank":
        world = replace(world, test=world.test._replace(x=torch.zeros_like(world.test.x)))
    have = given(world)
    if case == "no image":  # every image is the mean training image
        have["embedding"] = have["mean_embedding"].expand(have["embedding"].shape)
    level = {"all dead": 0.0, "all on": 1.0, "constant": 0.7}.get(case)
    if level is not None:
        for key in [key for key in have if key.removeprefix("train_") in CODES]:
            have[key] = torch.full_like(have[key], level)
    return have


@pytest.mark.parametrize("case", DEGENERATE)
def test_degenerate_codes_give_numbers_or_a_reason_from_dense_and_from_sparse_storage(case: str) -> None:
    dense = degenerate(case)
    sparse = {key: csr(v) if key.removeprefix("train_") in CODES else v for key, v in dense.items()}
    for name in NAMES:
        found = value_of(name, dense)
        assert found != {}, name
        if isinstance(found, NotApplicable):
            assert found.reason
            assert found.reason[-1] != ".", "a clause"
        assert not [key for key, number in numbers(found).items() if math.isnan(number)], name
        assert_in_range(name, found, dense)
        if name in TAKING_MATRICES:
            assert_same(value_of(name, sparse), found)


@pytest.mark.parametrize("name", NAMES)
def test_inputs_are_not_changed(name: str) -> None:
    dense = given(make_world())
    sparse = {key: csr(v) if key.removeprefix("train_") in CODES else v for key, v in dense.items()}
    for have in [dense, sparse] if name in TAKING_MATRICES else [dense]:
        before = {key: v.clone() if isinstance(v, Tensor) else v.copy() for key, v in _arrays(have).items()}
        value_of(name, have)
        for key, value in _arrays(have).items():
            now, then = (v.toarray() if isinstance(v, csr_array) else v.numpy() for v in (value, before[key]))
            np.testing.assert_array_equal(now, then, err_msg=key)


def _arrays(have: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in have.items() if isinstance(value, Tensor | csr_array)}


@pytest.mark.parametrize("hostile", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_every_number_is_within_the_stated_range(name: str, hostile: bool) -> None:
    have = given(make_world())
    if hostile:  # test codes that say the opposite of the training codes, and true atoms of another length
        have["z"], have["true_atoms"] = have["z"].max() - have["z"], 3 * have["true_atoms"]
    assert_in_range(name, value_of(name, have), have)


def assert_in_range(name: str, value: Any, have: dict[str, Any]) -> None:
    """Every number is within the stated range, rounding included."""
    text = METRICS[name].info.range
    active = have["active"]
    known = {"inf": math.inf, "M": active.shape[1], "C": 4, "L0": int(active.sum(1).max()), "ln2": math.log(2)}
    for key, number in numbers(value).items():
        scope = known | {"r": int(key) if key.isdigit() else 0}
        low, high = (eval(side, scope) for side in text[1:-1].replace(" ln 2", " * ln2").split(","))
        assert low <= number <= high, f"{name} {key}"


@pytest.mark.parametrize("name", NAMES)
def test_every_metric_says_how_it_is_read(name: str) -> None:
    info = METRICS[name].info
    assert info.label
    assert info.source
    assert info.direction in ("min", "max", "none")
    assert info.range[0] in "[("
    assert info.range[-1] in ")]"
    assert (METRICS[name].__doc__ or "").strip()
    assert info.explanation == (METRICS[name].__doc__ or "").strip().partition("\n")[0]
    assert METRICS[name].__module__ == f"metrics.{info.family.replace(' ', '_')}"


CURVES = {
    "density_quantiles": "quantile [%]",
    "roles": "threshold",
    "unit_correlation": "quantile [%]",
    "coactivation_lift": "quantile [%]",
    "babel": "nearest atoms",
    "cosine_quantiles": "quantile [%]",
    "truncated_probe": "units",
    "sparse_probe": "units",
    "targeted_probe_perturbation": "units removed",
    "spurious_correlation_removal": "units removed",
    "inference_fvu": "k' / k",
}
"""Metrics whose keys are places on an axis -> label of the axis."""

WITHOUT_PLACE = {"inference_fvu": {"k'=1"}, "unit_correlation": {"mean"}, "coactivation_lift": {"mean"}}
"""Keys of these metrics that are only on the board."""


def test_the_metrics_with_an_axis_are_those_whose_keys_are_places_on_one() -> None:
    assert {name: metric.info.curve.label for name, metric in METRICS.items() if metric.info.curve} == CURVES


@pytest.mark.parametrize("name", CURVES)
def test_every_key_of_a_curve_has_a_finite_place_or_is_known_to_have_none(name: str) -> None:
    axis = METRICS[name].info.curve
    assert axis is not None
    found = value_of(name, given(make_world(n_units=60)))
    assert found.keys() == axis.places.keys() | WITHOUT_PLACE.get(name, set()), "of enough units there is every key"
    assert not axis.places.keys() & WITHOUT_PLACE.get(name, set())
    assert value_of(name, given(make_world())).keys() <= found.keys()
    points = [place for place in axis.places.values() if place.at is not None]
    assert len(set(points)) == len(points), "no two keys share a place"
    assert all(math.isfinite(place.at) for place in points)
    assert not axis.log or all(place.at > 0 for place in points)


@pytest.mark.parametrize(
    ("name", "places"),
    [
        ("density_quantiles", {"q10": ("", 10), "q50": ("", 50), "q90": ("", 90)}),
        ("unit_correlation", {"q95": ("", 95)}),
        ("babel", {"1": ("", 1), "2": ("", 2), "5": ("", 5), "10": ("", 10), "50": ("", 50)}),
        ("inference_fvu", {"1/4k": ("", 0.25), "1/2k": ("", 0.5), "1k": ("", 1), "2k": ("", 2), "4k": ("", 4)}),
        (
            "roles",
            {"dead": ("dead", None)}
            | {
                f"{role}@{tau}": (role, tau)
                for role in ("global", "shared", "exclusive")
                for tau in (0.3, 0.5, 0.7, 0.9)
            },
        ),
    ],
)
def test_places_by_hand(name: str, places: dict[str, tuple[str, float | None]]) -> None:
    assert METRICS[name].info.curve.places == places


@pytest.mark.parametrize("name", NAMES)
def test_the_axes_of_a_tensor_are_declared(name: str) -> None:
    found, declared = value_of(name, given(make_world())), METRICS[name].info.dimensions
    sizes = {"class": 4, "unit": 12, "sample": SIZES["test"], "measure": 2}
    if isinstance(found, Tensor):
        assert tuple(found.shape) == tuple(sizes[dimension] for dimension in declared)
    else:
        assert declared == ()


def test_quality_is_drawn_against_the_metrics_of_sparsity_and_of_cost() -> None:
    families = {name for name, metric in METRICS.items() if metric.info.family in ("sparsity", "cost")}
    assert len(families) == 12
    assert {name for name, metric in METRICS.items() if metric.info.price} == families
    have = given(make_world())
    assert all(isinstance(value_of(name, have), float) for name in families)


def test_three_metrics_are_computed_on_the_validation_split_too() -> None:
    assert {name for name, metric in METRICS.items() if metric.validation} == {"fvu", "mse", "l0"}


def test_every_metric_is_one_and_asks_for_words_of_the_vocabulary() -> None:
    assert all(isinstance(metric, Metric) for metric in METRICS.values())
    assert {name: misspelt(metric) for name, metric in METRICS.items() if misspelt(metric)} == {}
    assert not any(metric.own_needs for metric in METRICS.values())


def test_the_world_of_these_tests_has_the_whole_vocabulary() -> None:
    of_training = {f"{TRAIN}{name}" for name, need in NEEDS.items() if need.of_samples}
    assert given(make_world()).keys() == NEEDS.keys() | of_training
