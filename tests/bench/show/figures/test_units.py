"""Units as a figure: pictures, or words with their shades where the words are."""

from __future__ import annotations

import numpy as np
import pytest

from bench.show.figures.units import LETTER, MARGIN, units
from bench.store.views import Views
from tests.bench.show.figures.drawn import fits, labels, pixels
from tests.bench.show.report import factory
from tests.bench.show.report.test_units import words


def test_pictures_are_a_row_a_unit() -> None:
    rng = np.random.default_rng(0)
    views = factory.views_of(rng, rng.random((10, 256)), (4, 6))
    figure = units(views)
    assert len(labels(figure, "y")) == 20
    assert labels(figure, "y")[1] == f"unit 2, {views.unit_rates[1].argmax()}"
    np.testing.assert_allclose(pixels(figure)[5:9, :6], views.shown_inputs[1].reshape(4, 6), rtol=1e-5)
    assert fits(figure)


def test_shades_lie_where_their_tokens_are() -> None:
    figure = units(words(contexts=True))
    lines = [text.get_text() for text in figure.axes[0].texts]
    assert lines == [
        "unit 1",
        "        2  <b>once upon",
        "        1   upon<b>once upon",
        "unit 3",
        "        4  <b>once upon upon",
    ]
    (boxes,) = figure.axes[0].collections
    starts = [(path.vertices[:, 0].min() - MARGIN) / LETTER for path in boxes.get_paths()]
    assert starts == pytest.approx(
        [lines[1].index("<b>"), lines[1].index(" upon"), lines[2].index("<b>"), lines[4].index(" upon")]
    )
    assert list(boxes.get_alpha()) == [1.0, 0.5, 0.5, 1.0]
    assert fits(figure)


def test_rows_have_their_names_and_values() -> None:
    figure = units(words(contexts=False))
    assert figure.axes[0].texts[1].get_text() == "        2  a, height 0 <u>w 1"
    assert fits(figure)
    longest = Views(**vars(words(contexts=False)) | {"shown_names": np.array(["x" * 300] * 3)})
    assert fits(units(longest))
