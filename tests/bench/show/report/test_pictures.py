"""Pictures as levels in a page."""

from __future__ import annotations

import base64
import gzip
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.show.report.artefacts import Left, gather
from bench.show.report.pictures import LETTERS, LEVELS, MAX_LENGTH, MAX_SIDE, NONE, painted, pictures
from bench.show.report.shown import first_runs
from bench.show.sheets import Sheet, sheets_of
from tests.bench.show.report import factory


def sheet(values: np.ndarray, signed: bool = False, limits: tuple[float, float] = (0, 1), **names: Any) -> Sheet:
    rows, columns = names.get("rows", ()), names.get("columns", ())
    return Sheet("top-samples", "What it shows.", values, rows, columns, limits, signed)


def levels(picture: dict[str, Any]) -> np.ndarray:
    alphabet = LETTERS.tobytes().decode()
    return np.array([alphabet.index(letter) for letter in picture["levels"]]).reshape(picture["shape"])


def unpacked(text: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(gzip.decompress(base64.b64decode(text)))
    return found


def test_names_that_are_left_out_of_lines_are_dots() -> None:
    columns = ["" if rank % 10 else str(rank + 1) for rank in range(23)]
    picture = painted(sheet(np.zeros((1, 23, 9)), columns=columns), (9,))
    assert picture["caption"] == "What it shows. Lines from the top: 1, …, 11, …, 21, …."


def test_levels_are_the_numbers_to_half_a_step() -> None:
    values = np.random.default_rng(0).random((3, 4, 24))
    picture = painted(sheet(values, rows=["a"] * 3, columns=["b"] * 4), (4, 6))
    assert (picture["title"], picture["caption"], picture["lines"]) == ("top samples", "What it shows.", False)
    assert (picture["rows"], picture["columns"], picture["signed"]) == (["a"] * 3, ["b"] * 4, False)
    assert picture["shape"] == [3, 4, 4, 6]
    np.testing.assert_allclose(levels(picture) / (LEVELS - 1), values.reshape(3, 4, 4, 6), atol=0.5001 / (LEVELS - 1))


def test_levels_end_at_the_limits_and_gaps_have_one_of_their_own() -> None:
    values = np.array([-5.0, -1, 0, 1, 9, np.nan, np.inf, -np.inf]).reshape(1, 2, 4)
    picture = painted(sheet(values, signed=True, limits=(-1, 1)), (2, 2))
    top = LEVELS - 1
    assert levels(picture).ravel().tolist() == [0, 0, 15, top, top, NONE, top, 0]
    assert picture["signed"]
    assert top < NONE


def test_a_colour_image_has_the_levels_of_its_channels() -> None:
    values = np.random.default_rng(0).random((1, 2, 72))
    last = np.moveaxis(values.reshape(1, 2, 3, 4, 6), 2, -1)
    expected = np.rint(last * (LEVELS - 1))
    np.testing.assert_array_equal(levels(painted(sheet(values), (3, 4, 6))), expected)
    np.testing.assert_array_equal(levels(painted(sheet(last.reshape(1, 2, 72)), (4, 6, 3))), expected)


def test_vectors_are_one_tile_a_row_and_a_line_each() -> None:
    values = np.random.default_rng(0).random((2, 5, 24))
    picture = painted(sheet(values, rows=["a", "b"], columns=list("vwxyz")), (24,))
    assert (picture["shape"], picture["lines"], picture["columns"]) == ([2, 1, 5, 24], True, [])
    assert picture["caption"] == "What it shows. Lines from the top: v, w, x, y, z."
    np.testing.assert_array_equal(levels(picture)[:, 0], np.rint(values * (LEVELS - 1)))


def test_large_inputs_are_thinned_out() -> None:
    image = painted(sheet(np.zeros((1, 1, 200 * 100))), (200, 100))
    assert image["shape"] == [1, 1, 50, 25]
    assert max(image["shape"]) <= MAX_SIDE
    line = painted(sheet(np.zeros((1, 1, 3000))), (3000,))
    assert line["shape"] == [1, 1, 1, 500]
    assert line["shape"][-1] <= MAX_LENGTH


def test_a_run_has_all_of_its_pictures_while_there_is_room_or_none(tmp_path: Path) -> None:
    boards = factory.boards_of(factory.study(models=("topk", "vae"), datasets=("mnist",), n_seeds=2))
    store = factory.store_of(boards, tmp_path)
    left = gather(store, first_runs(boards))
    first, second = runs = list(left)
    everything = pictures(runs, left, 10**9)
    found = pictures(runs, left, len(everything[first]))
    assert found == {first: everything[first], second: ""}
    shown = unpacked(found[first])
    titles = [picture["title"].split()[0] for picture in shown]
    assert titles == ["reconstructions", "progressive", "traversal", "traversal", "atoms"], (
        "top samples are the browser's"
    )
    assert shown[1]["below"]["shape"] == shown[1]["shape"] == [2, 3, 28, 28]
    assert shown[4]["rows"] == [str(1 + 10 * row) for row in range(5)]
    assert pictures(runs, left, 0) == {first: "", second: ""}


def test_a_run_without_a_browser_of_units_shows_its_top_samples(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    views = factory.views_of(rng, rng.random((10, 16)), (4, 6))
    alone = replace(views, shown_units=np.empty(0, int))
    shown = [unpacked(pictures(["a"], {"a": Left(views=each)}, 10**9)["a"]) for each in (views, alone)]
    assert [sum(picture["title"] == "top samples" for picture in each) for each in shown] == [0, 1]


def test_a_label_is_cut() -> None:
    picture = painted(sheet(np.zeros((1, 1, 4)), rows=["x" * 10_000]), (2, 2))
    assert len(picture["rows"][0]) <= MAX_LENGTH


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_none_cost_no_picture(value: float) -> None:
    rng = np.random.default_rng(0)
    views = factory.views_of(rng, rng.random((10, 16)), (4, 6))
    inputs, atoms = views.inputs.copy(), views.atoms.copy()
    inputs[0, 0] = atoms[0, 0] = value
    for each in sheets_of(replace(views, inputs=inputs, atoms=atoms)):
        assert np.isfinite(each.limits).all()
        assert (levels(painted(each, (4, 6))) < LEVELS).any()
