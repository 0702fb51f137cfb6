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
    """Something in every field."""
    made = {}
    for each in fields(Views):
        ndim, kind = each.metadata["ndim"], each.metadata["kind"]
        shape = (2, 3, 4)[:ndim]
        if kind == "U":
            made[each.name] = np.array(["eins", "zwei ü"])
        else:
            values = GENERATOR.random(shape)
            made[each.name] = values.astype(np.float32) if kind == "f" else (100 * values).astype(np.int64)
    return Views(**made)


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
        ("traversals", np.zeros((1, 2), np.float16), "traversals is float16 of 2 dimensions, expected 3 of kind 'f'"),
    ],
)
def test_an_array_of_another_kind_is_refused(name: str, array: np.ndarray, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Views.from_arrays({name: array})


def test_arrays_of_a_later_version_are_passed_over() -> None:
    assert Views.from_arrays({"smells": np.zeros(3)}).to_arrays() == {}
