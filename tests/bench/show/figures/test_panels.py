"""Mosaics of pictures, and the figures that hold them."""

from __future__ import annotations

import numpy as np
import pytest

from bench.show.figures.panels import Panel, mosaic, sheet_figure
from bench.show.figures.style import ONE_COLUMN, TWO_COLUMNS, styled
from tests.bench.show.figures.drawn import fits, labels, pixels

SHAPE = (4, 6)


def rows(n: int, d: int = 24, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((n, d))


def test_a_mosaic_holds_each_picture_and_nothing_else() -> None:
    values = rows(6).reshape(2, 3, 24)
    tiled = mosaic(values, SHAPE)
    assert tiled.pixels.shape == (2 * 4 + 1, 3 * 6 + 2)
    np.testing.assert_array_equal(tiled.pixels[5:9, 7:13], values[1, 1].reshape(SHAPE))
    assert np.isnan(tiled.pixels).sum() == tiled.pixels.size - values.size
    assert tiled.row_centres.tolist() == [1.5, 6.5]
    assert tiled.column_centres.tolist() == [2.5, 9.5, 16.5]


def test_a_colour_image_is_drawn_in_its_colours() -> None:
    values = rows(2, 3 * 24)[None]
    first = mosaic(values, (3, 4, 6)).pixels
    np.testing.assert_array_equal(first[:, 7:], values[0, 1].reshape(3, 4, 6).transpose(1, 2, 0))
    assert np.isnan(first[:, 6]).all()
    red = np.repeat([1.0, -1.0, 0.0], 24)[None, None]
    panel = Panel(red, (), (), (-1, 1), signed=True, bar="weight")
    figure = styled(sheet_figure)([panel], (3, 4, 6), ONE_COLUMN)
    (axes,) = figure.axes  # no colour bar
    assert np.asarray(axes.images[0].get_array())[0, 0].tolist() == [1, 0, 0.5]


def test_vectors_are_blocks_of_lines() -> None:
    values = rows(6).reshape(2, 3, 24)
    tiled = mosaic(values, (24,))
    assert not tiled.is_image
    np.testing.assert_array_equal(tiled.pixels[:3], values[0])
    np.testing.assert_array_equal(tiled.pixels[4:], values[1])
    assert np.isnan(tiled.pixels[3]).all()


def test_a_sheet_without_labels_has_none() -> None:
    panel = Panel(rows(4).reshape(2, 2, 24), (), (), (0, 1))
    figure = sheet_figure([panel], SHAPE, ONE_COLUMN)
    assert labels(figure, "x") == labels(figure, "y") == []
    assert figure.texts == []


@pytest.mark.parametrize("width", [ONE_COLUMN, TWO_COLUMNS])
@pytest.mark.parametrize("names", [["a class of a long name", "b", "another class"], ["a", "b", "c"]])
def test_no_label_leaves_the_figure(names: list[str], width: float) -> None:
    panel = Panel(rows(6).reshape(2, 3, 24), ["a row\nof two lines", "b"], names, (0, 1), bar="weight")
    figure = styled(sheet_figure)([panel, panel], SHAPE, width)
    assert figure.get_figwidth() <= width + 1e-9
    assert fits(figure)
    assert labels(figure, "x") == names


def test_pictures_are_no_larger_than_half_an_inch() -> None:
    figure = sheet_figure([Panel(rows(2).reshape(1, 2, 24), (), (), (0, 1))], SHAPE, TWO_COLUMNS)
    assert figure.get_figwidth() < 1.3
    assert pixels(figure).shape == (4, 13)
