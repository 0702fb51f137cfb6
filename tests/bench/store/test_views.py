"""Views on disk: small, exact enough for a picture, and refused where they are not what they are called."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from bench.store.runs import RunStore
from bench.store.views import Views
from tests.bench.store.helpers import record_of, results
from tests.results import put

GENERATOR = np.random.default_rng(0)


def full() -> Views:
    """Something in every field, all of it of one run: 2 classes, 3 samples of 4 features, 5 units."""

    def numbers(*shape: int) -> np.ndarray:
        return GENERATOR.random(shape).astype(np.float32)

    return Views(
        image_shape=np.array([2, 2]),
        class_names=np.array(["eins", "zwei ü"]),
        categories=np.array(["a", "b"]),
        unit_roles=np.array(["global", "dead", "shared", "exclusive", "no role"]),
        unit_order=np.array([0, 2, 3, 4, 1]),
        inputs=numbers(3, 4),
        input_names=np.array(["eins", "zwei ü", "eins"]),
        outputs=numbers(3, 4),
        atoms=numbers(5, 4),
        varied_units=np.array([0, 2]),
        varied_levels=numbers(2, 3),
        varied_classes=np.array([0]),
        varied_rates=numbers(2, 1),
        varied_inputs=numbers(1, 4),
        varied=numbers(2, 1, 3, 4),
        built_inputs=numbers(2, 4),
        built=numbers(2, 3, 4),
        built_budgets=np.array([1, 2]),
        top_inputs=numbers(2, 3, 4),
        top_names=np.array(["unit 0", "unit 2"]),
        n_units_on=np.array([4, 5]),
        shown_units=np.array([0, 2]),
        unit_tops=np.array([[0, 2], [1, -1]]),
        unit_values=numbers(2, 2),
        unit_counts=np.array([[2, 0, 1], [1, 0, 0]]),
        unit_ranges=numbers(2, 2),
        unit_rates=numbers(2, 2),
        shown_inputs=numbers(3, 6),
        shown_shape=np.array([2, 3]),
        shown_names=np.array(["▁ein", "▁zwei", "drei"]),
        shown_classes=np.array([0, -1, 1]),
        feature_names=np.array(list("abcdef")),
        tokens=np.array(["▁ein", "▁zwei"]),
        contexts=np.array([[0, 1, -1], [-1, 0, 0], [1, 1, 1]]),
        context_values=numbers(2, 2, 3),
        code_points=numbers(3, 2),
        code_classes=np.array([0, 1, -1]),
        atom_points=numbers(5, 2),
        atom_classes=np.array([0, 1, 1, 0, 0]),
        missing=np.array(["traversals: ValueError: no"]),
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("image_shape", np.array([2, -2])),
        ("image_shape", np.array([3, 3])),
        ("unit_order", np.array([0, 2, 3, 4, 99])),
        ("unit_order", np.array([0, 0, 0, 0, 0])),
        ("unit_roles", np.array(["global", "dead", "shared", "exclusive", "king"])),
        ("input_names", np.array(["a", "b"])),
        ("varied_units", np.array([0, 5])),
        ("varied_levels", np.ones((2, 4), np.float32)),
        ("varied_classes", np.array([-1])),
        ("varied_rates", np.ones((1, 2), np.float32)),
        ("varied", np.ones((2, 1, 3, 5), np.float32)),
        ("built_budgets", np.array([1, 2, 3])),
        ("code_classes", np.array([0, 1])),
        ("code_classes", np.array([0, 1, 7])),
        ("code_points", np.full((3, 2), np.nan, np.float32)),
        ("top_inputs", np.ones((2, 3, 5), np.float32)),
        ("n_units_on", np.array([4])),
        ("n_units_on", np.array([1, 5])),
        ("shown_units", np.array([0, 5])),
        ("shown_units", np.array([2, 2])),
        ("unit_tops", np.array([[0, 3], [1, -1]])),
        ("unit_values", np.full((2, 2), np.inf, np.float32)),
        ("unit_ranges", np.ones((2, 3), np.float32)),
        ("unit_rates", np.ones((2, 3), np.float32)),
        ("shown_inputs", np.ones((2, 6), np.float32)),
        ("shown_shape", np.array([2, 2])),
        ("shown_shape", np.array([-2, -3])),
        ("shown_classes", np.array([0, 2, 1])),
        ("feature_names", np.array(["a"])),
        ("contexts", np.array([[0, 1, 2]] * 3)),
        ("context_values", np.ones((2, 2, 2), np.float32)),
    ],
)
def test_parts_that_do_not_fit_each_other_are_refused(name: str, value: np.ndarray) -> None:
    arrays = full().to_arrays() | {name: value}
    with pytest.raises(ValueError, match="do not fit the rest"):
        Views.from_arrays(arrays)


def test_views_come_back_through_the_file(tmp_path: Path) -> None:
    views, store, left = full(), RunStore(tmp_path), results()
    put(store, record_of(), type(left)(left.weights, left.history, {}, views.to_arrays(), left.legend))
    again = Views.from_arrays(store.folder(record_of().run_id).views())
    for each in fields(Views):
        found, expected = getattr(again, each.name), getattr(views, each.name)
        if each.metadata["kind"] == "f":
            assert found.dtype == np.float32
            np.testing.assert_allclose(found, expected, rtol=2**-11)
        else:
            np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    ("largest", "kind"),
    [
        (1.0, np.float16),
        (6e4, np.float16),
        (6.1e4, np.float32),
        (-7e4, np.float32),
        (1e-4, np.float16),
        (1e-6, np.float32),
    ],
)
def test_half_precision_is_for_values_that_it_can_hold(largest: float, kind: type) -> None:
    atoms = np.linspace(0, largest, 256, dtype=np.float32).reshape(2, 128)
    (stored,) = Views(atoms=atoms).to_arrays().values()
    assert stored.dtype == kind
    again = Views.from_arrays({"atoms": stored}).atoms
    np.testing.assert_allclose(again, atoms, atol=abs(largest) / 256)
    assert len(np.unique(again)) > 200, "a picture has 256 steps"


def test_values_that_are_not_finite_stay_what_they_are() -> None:
    atoms = np.array([[np.nan, np.inf, -np.inf, 1.0]], np.float32)
    stored = Views(atoms=atoms).to_arrays()
    np.testing.assert_array_equal(Views.from_arrays(stored).atoms, atoms)


def test_what_there_is_not_is_not_stored() -> None:
    assert Views().to_arrays() == {}
    assert list(Views(inputs=np.ones((1, 2))).to_arrays()) == ["inputs"]
    empty = Views.from_arrays({})
    assert all(getattr(empty, each.name).ndim == each.metadata["ndim"] for each in fields(Views))


@pytest.mark.parametrize(
    ("name", "array", "words"),
    [
        ("inputs", np.zeros(3, np.float32), "inputs is float32 of 1 dimensions, expected 2 of kind 'f'"),
        ("inputs", np.zeros((3, 2), np.int64), "inputs is int64 of 2 dimensions, expected 2 of kind 'f'"),
        ("class_names", np.zeros(3), "class_names is float64 of 1 dimensions, expected 1 of kind 'U'"),
        ("unit_order", np.array(["a"]), "unit_order is <U1 of 1 dimensions, expected 1 of kind 'i'"),
        ("varied", np.zeros((1, 2), np.float16), "varied is float16 of 2 dimensions, expected 4 of kind 'f'"),
    ],
)
def test_an_array_of_another_kind_is_refused(name: str, array: np.ndarray, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Views.from_arrays({name: array})


def test_arrays_of_a_later_version_are_passed_over() -> None:
    assert Views.from_arrays({"smells": np.zeros(3)}).to_arrays() == {}


@pytest.mark.parametrize(
    ("rates", "role", "n_on", "found"),
    [
        ([0.1, 0.9, 0.2], "exclusive", 120, 1),
        ([0.0, 0.05, 0.0], "no role", 5, 1),
        ([0.0, 0.04, 0.0], "no role", 4, -1),
        ([1.0, 0.5, 1.0], "no role", 250, -1),
        ([0.01, 0.02, 0.01], "no role", 40, -1),
        ([0.8, 0.9, 0.7], "global", 240, -1),
    ],
)
def test_a_unit_is_mostly_of_one_class_unless_it_is_of_all_or_of_several_or_hardly_ever_on(
    rates: list[float], role: str, n_on: int, found: int
) -> None:
    views = Views(
        shown_units=np.array([1]),
        unit_roles=np.array(["dead", role]),
        unit_rates=np.array([rates]),
        unit_counts=np.array([[1, n_on - 1]]),
    )
    assert (views.role_of(0), views.class_of(0)) == (role, found)
    assert Views(shown_units=np.array([1])).class_of(0) == -1
