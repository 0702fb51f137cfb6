"""Figures made of inputs: what is drawn is what was given."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.figure import Figure

from bench.show.figures import images
from bench.show.figures.panels import mosaic
from bench.show.figures.style import ONE_COLUMN, TWO_COLUMNS
from bench.show.sheets import sheets_of
from bench.store.views import Views
from tests.bench.show.figures.drawn import fits, labels, pixels

SHAPE = (4, 6)


def rows(n: int, d: int = 24, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((n, d))


def drawn(views: Views, shape: tuple[int, ...] = SHAPE) -> Figure:
    """The figure of the one sheet that these views fill."""
    views = replace(views, image_shape=np.array(shape))
    (sheet,) = sheets_of(views)
    return images.sheet(sheet, shape)


def reconstructions(n: int, shape: tuple[int, ...] = SHAPE, below: float = 0.0) -> tuple[Views, Figure]:
    names = np.array([f"class {i}" for i in range(n)])
    views = Views(inputs=rows(n) - below, outputs=rows(n, seed=1), input_names=names)
    return views, drawn(views, shape)


@pytest.mark.parametrize("n", [1, 3, 20])
def test_reconstructions_are_below_their_inputs(n: int) -> None:
    views, figure = reconstructions(n)
    np.testing.assert_array_equal(pixels(figure), mosaic(np.stack([views.inputs, views.outputs]), SHAPE).pixels)
    assert labels(figure, "y") == ["input", "output"]
    assert labels(figure, "x") == views.input_names.tolist()
    assert len(figure.axes) == 1
    assert figure.axes[0].images[0].get_clim() == (0.0, views.inputs.max())
    assert figure.get_figwidth() <= (ONE_COLUMN if n <= 10 else TWO_COLUMNS)
    assert fits(figure)


def test_inputs_below_zero_are_drawn_from_zero_on() -> None:
    views, figure = reconstructions(3, below=0.4)
    image = figure.axes[0].images[0]
    assert image.get_cmap().name == "RdBu_r"
    assert image.get_clim() == (-np.abs(views.inputs).max(), np.abs(views.inputs).max())


def test_vectors_are_lines_of_a_heatmap() -> None:
    views, figure = reconstructions(3, (24,))
    found = pixels(figure)
    np.testing.assert_array_equal(found[:3], views.inputs)
    np.testing.assert_array_equal(found[4:], views.outputs)
    rest = ["class 1", "class 2"]
    assert labels(figure, "y") == ["input  class 0", *rest, "output  class 0", *rest]
    assert fits(figure)


def test_atoms_have_a_colour_bar_and_the_rank_of_each_row() -> None:
    atoms = rows(100) - 0.5
    figure = drawn(Views(atoms=atoms))
    np.testing.assert_array_equal(pixels(figure), mosaic(atoms.reshape(10, 10, 24), SHAPE).pixels)
    assert labels(figure, "y") == [str(1 + 10 * row) for row in range(10)]
    assert len(figure.axes) == 2  # the sheet and its colour bar
    low, high = figure.axes[0].images[0].get_clim()
    assert low == -high < 0
    assert figure.axes[0].images[0].get_cmap().name == "RdBu_r"


def test_atoms_that_are_not_signed_are_grey() -> None:
    figure = drawn(Views(atoms=rows(3)))
    assert figure.axes[0].images[0].get_cmap().name == "gray"
    assert figure.axes[0].images[0].get_clim()[0] == 0


@pytest.mark.parametrize("shape", [SHAPE, (24,)])
@pytest.mark.parametrize("atoms", [rows(1), np.zeros((1, 24)), rows(13) - 0.5])
def test_few_atoms_and_atoms_of_zeros(atoms: np.ndarray, shape: tuple[int, ...]) -> None:
    figure = drawn(Views(atoms=atoms), shape)
    figure.draw_without_rendering()
    known = pixels(figure)
    np.testing.assert_array_equal(np.sort(known[~np.isnan(known)]), np.sort(atoms, axis=None))


def test_top_samples_have_a_unit_a_row() -> None:
    top = rows(6).reshape(2, 3, 24)
    figure = drawn(Views(top_inputs=top, top_names=np.array(["unit 1, global", "unit 2, dead"])))
    assert labels(figure, "x") == ["1", "2", "3"]
    assert labels(figure, "y") == ["unit 1, global", "unit 2, dead"]
    np.testing.assert_array_equal(pixels(figure), mosaic(top, SHAPE).pixels)


@pytest.mark.parametrize("below", [0.0, 0.5])
@pytest.mark.parametrize("shape", [SHAPE, (24,)])
def test_progressive_shows_what_each_step_adds(shape: tuple[int, ...], below: float) -> None:
    x, built = rows(2) - below, rows(8, seed=1).reshape(2, 4, 24)
    figure = drawn(Views(built_inputs=x, built=built, built_budgets=np.array([1, 2, 4])), shape)
    assert [text.get_text() for text in figure.texts] == ["a", "b"]
    assert len(figure.axes) == 3
    blank = np.full((2, 1, 24), np.nan)
    np.testing.assert_array_equal(pixels(figure), mosaic(np.concatenate([x[:, None], built[:, 1:]], 1), shape).pixels)
    expected = mosaic(np.concatenate([blank, np.diff(built, axis=1)], axis=1), shape).pixels
    np.testing.assert_array_equal(pixels(figure, 1), expected)
    assert figure.axes[0].images[0].get_cmap().name == ("RdBu_r" if below else "gray")
