"""Sheets: which pictures a run's views can fill, with which names and colours."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bench.show.sheets import (
    CLIPPED,
    Sheet,
    colours,
    pictures_of,
    sheets_of,
    symmetric_range,
    value_range,
)
from bench.store.views import Views
from tests.bench.show.report.factory import views_of

SHAPE = (4, 6)
ROLES = np.array([*["no role"] * 3, "global", "no role", "shared", *["dead"] * 10])
ALL = ["reconstructions", "progressive", "traversal-global", "traversal-class-specific", "top-samples", "atoms"]


def views(shape: tuple[int, ...] = SHAPE) -> Views:
    rng = np.random.default_rng(0)
    return replace(views_of(rng, rng.random((10, 16)), shape), unit_roles=ROLES)


def sheet_of(found: Views, name: str) -> Sheet:
    (sheet,) = (sheet for sheet in sheets_of(found) if sheet.name == name)
    return sheet


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((4, 6), (4, 6)), ((1, 4, 6), (4, 6)), ((4, 6, 1), (4, 6)), ((24,), None), ((1, 24), None), ((5, 5), None)],
)
def test_what_is_a_picture(shape: tuple[int, ...], expected: tuple[int, int] | None) -> None:
    x = np.arange(48.0).reshape(2, 24)
    pictures = pictures_of(x, shape)
    assert (None if pictures is None else pictures.shape) == (expected and (2, *expected))


def test_a_colour_image_has_its_channels_last() -> None:
    x = np.random.default_rng(0).random((2, 72))
    first, last = pictures_of(x, (3, 4, 6)), pictures_of(x, (4, 6, 3))
    assert first is not None
    assert last is not None
    np.testing.assert_array_equal(first, x.reshape(2, 3, 4, 6).transpose(0, 2, 3, 1))
    np.testing.assert_array_equal(last, x.reshape(2, 4, 6, 3))
    assert pictures_of(x, (72,)) is None
    assert pictures_of(x, (2, 6, 6)) is None


@pytest.mark.parametrize(
    ("x", "limits", "signed"),
    [
        ([0.2, 0.8], (0, 0.8), False),
        ([0.0, 0.0], (0, 1), False),
        ([-1.0, 3.0], (-3, 3), True),
        ([-2.0, -1.0], (-2, 2), True),
        ([0.5, np.nan, np.inf], (0, 0.5), False),
        ([-0.5, np.nan, -np.inf], (-0.5, 0.5), True),
        ([], (0, 1), False),
    ],
)
def test_colours_diverge_from_zero_where_values_go_below_it(
    x: list[float], limits: tuple[float, float], signed: bool
) -> None:
    assert colours(np.array(x)) == (limits, signed)


def test_ranges() -> None:
    assert value_range(np.array([-1.0, 2.0])) == (-1, 2)
    assert symmetric_range(np.array([-1.0, 0.5])) == (-1, 1)
    assert symmetric_range(np.zeros(3)) == (-1, 1)
    bright = np.r_[np.full(999, 0.5), -9]
    assert symmetric_range(bright, CLIPPED) == (-0.5, 0.5)


def test_views_of_everything_fill_all_sheets_in_this_order() -> None:
    found = sheets_of(views())
    assert [sheet.name for sheet in found] == ALL
    for sheet in found:
        assert sheet.caption.endswith(".")
        assert len(sheet.rows) in (0, len(sheet.values))
        assert len(sheet.columns) in (0, sheet.values.shape[1])


def test_views_of_nothing_fill_none() -> None:
    assert sheets_of(Views()) == []


def test_parts_that_do_not_fit_each_other_fill_none() -> None:
    found = replace(views(), outputs=np.zeros((2, 24), np.float32))
    assert [sheet.name for sheet in sheets_of(found)] == ALL[1:]


def test_inputs_are_above_their_outputs() -> None:
    given = views()
    sheet = sheet_of(given, "reconstructions")
    np.testing.assert_array_equal(sheet.values, np.stack([given.inputs, given.outputs]))
    assert (sheet.rows, sheet.columns) == (("input", "output"), given.input_names.tolist())
    assert (sheet.limits, sheet.signed) == ((0, given.inputs.max()), False)


def test_a_traversal_begins_with_its_inputs_and_has_below_it_what_the_unit_adds() -> None:
    given = views()
    given.varied_levels[1, 0] = -0.0  # of a unit whose largest value is below zero
    sheet = sheet_of(given, "traversal-class-specific")
    np.testing.assert_array_equal(sheet.values[:, 0], given.varied_inputs)
    np.testing.assert_array_equal(sheet.values[:, 1:], given.varied[1])
    assert sheet.columns == ("input", "0", "0.25", "0.5")
    assert sheet.rows == [f"{c}  {rate:.0%}" for c, rate in zip("07", given.varied_rates[1], strict=True)]
    assert sheet.caption.startswith("Unit 5, shared, from 0 to its largest value")
    assert sheet.below is not None
    assert np.isnan(sheet.below.values[0, 0]).all()
    added = given.varied[1] - given.varied[1][:, :1]
    np.testing.assert_allclose(sheet.below.values[0, 1:], added.mean(0), atol=1e-6)
    assert sheet.below.signed


def test_top_samples_are_numbered() -> None:
    given = views()
    sheet = sheet_of(given, "top-samples")
    np.testing.assert_array_equal(sheet.values, given.top_inputs)
    assert sheet.columns == [str(rank) for rank in range(1, 10)]


@pytest.mark.parametrize(("n", "shape"), [(1, (1, 1)), (7, (1, 7)), (13, (2, 10)), (100, (10, 10))])
def test_atoms_are_in_rows_of_ten_named_by_the_first(n: int, shape: tuple[int, int]) -> None:
    given = views()
    sheet = sheet_of(replace(given, atoms=given.atoms[:n]), "atoms")
    assert sheet.values.shape == (*shape, 24)
    known = sheet.values[~np.isnan(sheet.values).any(-1)]
    np.testing.assert_array_equal(known, given.atoms[:n])
    assert sheet.rows == [str(1 + 10 * row) for row in range(shape[0])]
    assert sheet.columns == []


@pytest.mark.parametrize(("n", "named"), [(20, 20), (30, 3)])
def test_atoms_that_are_vectors_are_one_block(n: int, named: int) -> None:
    given = views((24,))
    sheet = sheet_of(replace(given, atoms=given.atoms[:n]), "atoms")
    assert sheet.values.shape == (1, n, 24)
    assert sheet.rows == []
    assert len([name for name in sheet.columns if name]) == named
    assert sheet.columns[:1] == ["1"]


def test_atoms_that_are_signed_say_what_their_colours_mean() -> None:
    given = views()
    signed = sheet_of(given, "atoms")
    assert "blue is below zero" in signed.caption
    assert signed.signed
    assert signed.limits[0] == -signed.limits[1] < 0
    plain = sheet_of(replace(given, atoms=np.abs(given.atoms)), "atoms")
    assert "blue" not in plain.caption
    assert (plain.signed, plain.limits[0], plain.bar) == (False, 0, "weight")
