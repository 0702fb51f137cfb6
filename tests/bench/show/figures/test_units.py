"""Units as a figure: pictures, or words with their shades where the words are."""

from __future__ import annotations

import numpy as np
import pytest

from bench.show.figures.units import LETTER, LETTERS, MARGIN, units
from bench.store.views import Views
from tests.bench.show.figures.drawn import fits, labels, pixels
from tests.bench.show.report import factory
from tests.bench.show.report.test_units import words


def test_pictures_are_a_row_a_unit() -> None:
    rng = np.random.default_rng(0)
    rates = 0.1 * rng.random((10, 256))
    rates[7, 2] = 0.9
    views = factory.views_of(rng, rates, (4, 6))
    figure = units(views)
    assert len(labels(figure, "y")) == 20
    assert labels(figure, "y")[1] == "unit 2 · mostly class 7"
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


@pytest.mark.parametrize("strongest", [0, 11, 23])
def test_of_a_long_context_what_is_around_the_strongest_token_is_shown(strongest: int) -> None:
    tokens = np.array([f"▁token{i:02}" + 10 * "x" for i in range(24)])  # with 432 letters
    values = np.full((1, 1, 24), 0.1)
    values[0, 0, strongest] = 1
    one = {
        "n_units_on": np.array([1, 1]), "shown_units": np.array([0]), "unit_tops": np.array([[0]]),
        "unit_values": np.ones((1, 1)), "unit_counts": np.ones((1, 3), int), "unit_ranges": np.array([[0.0, 1]]),
        "shown_classes": np.array([-1]), "tokens": tokens, "contexts": np.arange(24)[None], "context_values": values,
    }  # fmt: skip
    figure = units(Views(**one))
    line = figure.axes[0].texts[1].get_text()
    assert len(line) == LETTERS
    token = tokens[strongest].replace("▁", " ")
    assert token in line
    assert (line[11] == "…", line[-1] == "…") == (strongest > 0, strongest < 23)
    (boxes,) = figure.axes[0].collections
    place = int(np.argmax(boxes.get_alpha()))
    assert (boxes.get_paths()[place].vertices[:, 0].min() - MARGIN) / LETTER == pytest.approx(line.index(token))
    assert max(path.vertices[:, 0].max() for path in boxes.get_paths()) == pytest.approx(MARGIN + LETTERS * LETTER)
    assert fits(figure)


def test_letters_that_the_font_lacks_take_the_room_of_one(recwarn: pytest.WarningsRecorder) -> None:
    views = words(contexts=True)
    figure = units(Views(**vars(views) | {"tokens": np.array(["中\t🙂e\u0301א", "\n\u202eupon"])}))
    assert [text.get_text() for text in figure.axes[0].texts][1] == "        2  □ □é□↵□upon"
    assert fits(figure)
    assert not recwarn.list


def test_rows_have_their_names_and_values() -> None:
    figure = units(words(contexts=False))
    assert figure.axes[0].texts[1].get_text() == "        2  a, height 0 <u>w 1"
    assert fits(figure)
    longest = units(Views(**vars(words(contexts=False)) | {"shown_names": np.array(["x" * 300, "", "\n"])}))
    lines = [text.get_text() for text in longest.axes[0].texts]
    assert lines[1] == f"        2  {'x' * (LETTERS - 12)}…"
    assert lines[2:] == ["        1  height 4 <u>w 5", "unit 3", "        4  height 2 <u>w 3"]
    assert fits(longest)
