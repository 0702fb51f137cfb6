"""Tables for a paper."""

from __future__ import annotations

import io

import pandas as pd
import pytest

from bench.compare.answers import answering
from bench.compare.prices import Price
from bench.compare.readings import read
from bench.errors import BenchError
from bench.show.papers import paper
from tests.bench.compare.test_readings import L0_10, board_of, line, runs

BOARD = board_of([*runs("a_b", (4, 32), line(1.0, -0.2)), *runs("mp", (4, 16), line(1.2, -0.2))])
READINGS = [read(BOARD, price, answering(BOARD)[:2], ()) for price in (L0_10, Price("l0", 20, 20))]


def test_latex_has_caption_label_bold_and_escapes() -> None:
    told = paper(READINGS, ["mp", "a_b"], "latex", "At 10 & 20.", "tab:x")
    assert r"\caption{At 10 \& 20.}" in told
    assert told.count(r"\begin{table}") == told.count(r"\end{table}") == 2
    assert (r"\label{tab:x}" in told, r"\label{tab:x-2}" in told) == (True, True)
    rows = [line for line in told.splitlines() if line.endswith(r"\\") and "5/5" in line]
    assert rows[0].startswith("mp & 5/5 & 0.7395 $")
    assert rows[1] == r"a\_b & 5/5 & \textbf{0.5395 $\pm$ 0.0097} \\"
    assert r"mp & 0/5 & not reached \\" in told


def test_markdown_says_what_it_is_of() -> None:
    told = paper(READINGS[:1], [], "markdown")
    assert told.startswith(
        "At L0 10 on mnist (native setting, quick budget). Mean over seeds ± half-width of the 95% t interval. "
        "Bold: the best, and what t tests cannot tell apart from it (5%).\n\n| model"
    )
    assert "| **0.5395 ± 0.0097** |" in told


def test_the_caption_explains_the_signs_that_the_table_has_and_no_others() -> None:
    """Of 20 units mp, a floor here, falls short; alone it has no number."""
    reading = read(BOARD, Price("l0", 20, 20), answering(BOARD)[:2], {"mp"})
    told = paper([reading], [], "latex")
    assert told.startswith("% needs \\usepackage{booktabs}\n")
    assert r"Seeds: those that reach L0 20, of all. $\dagger$: a floor, not ranked.}" in told
    assert r"mp $\dagger$ & 0/5 & not reached \\" in told
    alone = paper([reading], ["mp"], "markdown")
    assert "budget). Seeds: those that reach L0 20, of all. †: a floor, not ranked.\n" in alone
    assert "Seeds:" not in paper([reading], ["a_b"], "markdown")
    assert paper([reading], [], "latex", "Mine.").count("Mine.") == 1


def test_csv_has_the_numbers_and_nothing_where_there_are_none() -> None:
    table = pd.read_csv(io.StringIO(paper(READINGS, [], "csv"))).set_index(["model", "at"])
    assert table.loc[("a_b", 10), "fvu"] == READINGS[0].board.rows[0].intervals["fvu"].mean
    assert table.loc[("mp", 20), "seeds"] == 0
    assert table.loc[("mp", 20), ["fvu", "fvu_ci95"]].isna().all()


def test_a_row_that_is_not_there_is_named() -> None:
    with pytest.raises(BenchError, match=r"Unknown row in --rows 'ab'\. Did you mean 'a_b'"):
        paper(READINGS, ["ab"], "latex")
