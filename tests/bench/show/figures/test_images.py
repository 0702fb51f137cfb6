"""Sheets of pictures: what is drawn is what was given."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure

from bench.show.figures import images
from bench.show.figures.sheets import mosaic, picture_shape, sheet_figure
from bench.show.figures.style import ONE_COLUMN

SHAPE = (4, 6)


def rows(n: int, d: int = 24, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((n, d))


def drawn(figure: Figure, panel: int = 0) -> np.ndarray:
    """The pixels of a panel."""
    return np.asarray(figure.axes[panel].images[0].get_array().filled(np.nan))


def labels(figure: Figure, axis: str, panel: int = 0) -> list[str]:
    return [text.get_text() for text in getattr(figure.axes[panel], f"get_{axis}ticklabels")()]


def test_a_mosaic_holds_each_picture_and_nothing_else() -> None:
    values = rows(6).reshape(2, 3, 24)
    tiled = mosaic(values, SHAPE)
    assert tiled.pixels.shape == (2 * 4 + 1, 3 * 6 + 2)
    np.testing.assert_array_equal(tiled.pixels[5:9, 7:13], values[1, 1].reshape(SHAPE))
    assert np.isnan(tiled.pixels).sum() == tiled.pixels.size - values.size
    assert tiled.row_centres.tolist() == [1.5, 6.5]
    assert tiled.column_centres.tolist() == [2.5, 9.5, 16.5]


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((4, 6), (4, 6)), ((1, 4, 6), (4, 6)), ((4, 6, 1), (4, 6)), ((24,), None), ((1, 24), None), ((5, 5), None)],
)
def test_what_is_a_picture(shape: tuple[int, ...], expected: tuple[int, int] | None) -> None:
    assert picture_shape(shape, 24) == expected


def test_a_colour_image_is_drawn_as_the_mean_of_its_channels() -> None:
    values = rows(1, 3 * 24)[None]
    first, last = mosaic(values, (3, 4, 6)), mosaic(values, (4, 6, 3))
    np.testing.assert_allclose(first.pixels, values.reshape(3, 4, 6).mean(0))
    np.testing.assert_allclose(last.pixels, values.reshape(4, 6, 3).mean(2))


@pytest.mark.parametrize("n", [1, 3, 20])
def test_reconstructions_are_below_their_inputs(n: int) -> None:
    x, x_hat = rows(n), rows(n, seed=1)
    names = [f"class {i}" for i in range(n)]
    figure = images.reconstructions(x, x_hat, SHAPE, names)
    np.testing.assert_array_equal(drawn(figure), mosaic(np.stack([x, x_hat]), SHAPE).pixels)
    assert labels(figure, "y") == ["input", "output"]
    assert labels(figure, "x") == names
    assert len(figure.axes) == 1
    assert figure.axes[0].images[0].get_clim() == (0.0, x.max())


def test_vectors_are_lines_of_a_heatmap() -> None:
    x, x_hat = rows(3), rows(3, seed=1)
    figure = images.reconstructions(x, x_hat, (24,), ["a", "b", "c"])
    pixels = drawn(figure)
    np.testing.assert_array_equal(pixels[:3], x)
    np.testing.assert_array_equal(pixels[4:], x_hat)
    assert labels(figure, "y") == ["input  a", "b", "c", "output  a", "b", "c"]


def test_atoms_are_sorted_by_use_and_at_most_100() -> None:
    atoms = rows(120) - 0.5
    use = np.arange(120) / 120
    figure = images.atoms(atoms, use, SHAPE)
    np.testing.assert_array_equal(drawn(figure), mosaic(atoms[::-1][:100].reshape(10, 10, 24), SHAPE).pixels)
    assert labels(figure, "y") == [str(1 + 10 * row) for row in range(10)]
    assert len(figure.axes) == 2  # the sheet and its colour bar
    low, high = figure.axes[0].images[0].get_clim()
    assert low == -high < 0
    assert figure.axes[0].images[0].get_cmap().name == "RdBu_r"


def test_atoms_that_are_never_used_are_left_out_unless_all_are() -> None:
    atoms = rows(3)
    figure = images.atoms(atoms, np.array([0.1, 0.0, 0.4]), SHAPE)
    np.testing.assert_array_equal(drawn(figure), mosaic(atoms[None, [2, 0]], SHAPE).pixels)
    assert images.by_use(np.zeros(3)).tolist() == [0, 1, 2]


def test_atoms_that_are_not_signed_are_grey() -> None:
    figure = images.atoms(rows(3), np.zeros(3), SHAPE)
    assert figure.axes[0].images[0].get_cmap().name == "gray"
    assert figure.axes[0].images[0].get_clim()[0] == 0


@pytest.mark.parametrize("shape", [SHAPE, (24,)])
@pytest.mark.parametrize("atoms", [rows(1), np.zeros((1, 24)), rows(13) - 0.5])
def test_few_atoms_and_atoms_of_zeros(atoms: np.ndarray, shape: tuple[int, ...]) -> None:
    figure = images.atoms(atoms, np.zeros(len(atoms)), shape)
    figure.draw_without_rendering()
    known = drawn(figure)
    np.testing.assert_array_equal(np.sort(known[~np.isnan(known)]), np.sort(atoms, axis=None))


@pytest.mark.parametrize("n_units", [1, 3])
def test_traversals_have_a_unit_a_row(n_units: int) -> None:
    x, decoded = rows(n_units), rows(n_units * 5, seed=1).reshape(n_units, 5, 24)
    names, steps = [f"unit {i}\nin 0" for i in range(n_units)], ["off", "5%", "35%", "65%", "95%"]
    figure = images.traversals(x, decoded, SHAPE, names, steps)
    assert labels(figure, "x") == ["input", *steps]
    assert labels(figure, "y") == names
    np.testing.assert_array_equal(drawn(figure)[:4, :6], x[0].reshape(SHAPE))
    np.testing.assert_array_equal(drawn(figure)[:4, -6:], decoded[0, -1].reshape(SHAPE))


@pytest.mark.parametrize("shape", [SHAPE, (24,)])
def test_progressive_shows_what_each_step_adds(shape: tuple[int, ...]) -> None:
    x, decoded = rows(2), rows(6, seed=1).reshape(2, 3, 24)
    added = np.diff(decoded, axis=1, prepend=0)
    figure = images.progressive(x, decoded, added, shape, [1, 2, 4])
    assert [text.get_text() for text in figure.texts] == ["a", "b"]
    assert len(figure.axes) == 3
    blank = np.full((2, 1, 24), np.nan)
    expected = mosaic(np.concatenate([blank, added], axis=1), shape).pixels
    np.testing.assert_array_equal(drawn(figure, 1), expected)


def test_no_label_leaves_the_page() -> None:
    names = ["a class of a long name", "b", "another class"]
    figure = images.reconstructions(rows(3), rows(3), SHAPE, names)
    assert figure.get_figwidth() <= ONE_COLUMN
    figure.draw_without_rendering()
    box = figure.get_tightbbox()
    assert box.x0 >= 0
    assert box.y0 >= 0
    assert box.x1 <= figure.get_figwidth()
    assert box.y1 <= figure.get_figheight()


def test_a_sheet_without_labels_has_none() -> None:
    panel = images.Panel(rows(4).reshape(2, 2, 24), (), (), (0, 1))
    figure = sheet_figure([panel], SHAPE, ONE_COLUMN)
    assert labels(figure, "x") == labels(figure, "y") == []
    assert figure.texts == []
