"""`bench.leaderboard`: the boards of the command line, as tables that a notebook shows."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import pandas as pd
import pytest

import bench
from bench.api.boards import Leaderboard
from bench.compare.answers import answering
from bench.compare.prices import Price
from bench.compare.readings import read
from tests.bench.cli import helpers
from tests.bench.show.report import factory


def test_it_is_the_board_of_the_command_line(table: pd.DataFrame, folder: Path) -> None:
    board = bench.leaderboard(folder)
    assert str(board) in helpers.bench("leaderboard", "--results", str(folder)).stdout
    page = ET.fromstring(board._repr_html_())
    (rows,) = page.findall("table")
    assert rows.findtext("caption") == "mine, native setting, smoke budget"
    cells = [["".join(cell.itertext()) for cell in row] for row in rows.findall("tr")]
    assert {row[0] for row in cells[1:]} == {"pca", "topk n_latents=16 k=3", "topk n_latents=16 k=1"}
    lines = board._repr_markdown_().splitlines()
    assert [cell.strip() for cell in lines[2].strip("|").split("|")] == cells[0]
    frame = board.frame().set_index("variant")
    mean = table[(table.metric == "fvu") & (table.variant == "n_latents=16 k=3")].value.mean()
    assert frame.fvu["n_latents=16 k=3"] == pytest.approx(mean)


def test_at_a_price(table: pd.DataFrame, folder: Path) -> None:
    board = bench.leaderboard(folder, at="l0=2", columns=["fvu"])
    shown = helpers.bench("leaderboard", "--results", str(folder), "--at", "l0=2", "--columns", "fvu").stdout
    assert all(part in shown for part in str(board).split("\n\n"))
    (row,) = board.frame()[board.frame().model.str.startswith("topk")].to_dict("records")
    ends = bench.leaderboard(folder).frame().set_index("variant").fvu
    low, high = sorted(ends[ends.index != ""])
    assert low < row["fvu"] < high
    assert "<caption>At L0 2 on mine" in board._repr_html_()
    assert "| model" in board._repr_markdown_()


def test_what_a_notebook_shows_has_ranks_and_says_how_it_is_read() -> None:
    """Bold where the terminal has a star; of boards also why nothing is marked."""
    boards = factory.boards_of([*factory.sweep("topk"), *factory.sweep("mp", offset=-0.1)])
    reading = read(boards[0], Price("l0", 8, 8), answering(boards[0]))
    at_a_price, plain = Leaderboard(boards, [reading]), Leaderboard(boards)
    for shown in (at_a_price._repr_html_(), at_a_price._repr_markdown_(), str(at_a_price)):
        assert "[1]" in shown.partition("± 95% t interval")[0]
        assert "[1-3]: the ranks that paired tests allow" in shown
    for shown in (plain._repr_html_(), plain._repr_markdown_(), str(plain)):
        assert "± 95% t interval over seeds." in shown
        assert "nothing is marked, as a mark takes 5 seeds" in shown
    five = Leaderboard(factory.boards_of(factory.study(n_seeds=5)))
    assert "; bold: best, or not told apart from it" in five._repr_html_()
    assert "; * best, or not told apart from it" in str(five)


def test_rows_of_a_table_choose_the_runs(table: pd.DataFrame) -> None:
    board = bench.leaderboard(table[table.model == "topk"])
    assert set(board.frame().model) == {"topk"}
    with pytest.raises(bench.BenchError, match="no longer one of"):
        bench.leaderboard(table[["metric", "value"]])


def test_what_a_page_would_obey_is_shown(table: pd.DataFrame, folder: Path) -> None:
    """Names come from other people's records."""
    board = bench.leaderboard(folder)
    object.__setattr__(board.boards[0].rows[0], "label", "<script>x</script>|a\x1b[2J")
    assert "<script>" not in board._repr_html_()
    assert "&lt;script&gt;x&lt;/script&gt;|a\\x1b[2J" in board._repr_html_()
    assert r"&lt;script&gt;x&lt;/script&gt;\|a\x1b[2J" in board._repr_markdown_()


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"at": 8}, "at = 8: give prices"),
        ({"columns": 3}, "columns = 3: give names"),
        ({"columns": "fuv"}, "Unknown metric in --columns 'fuv'. Did you mean 'fvu'"),
        ({"results": None}, "results = None: give the path"),
    ],
)
def test_what_is_no_argument_is_said(folder: Path, table: pd.DataFrame, keys: dict, words: str) -> None:
    with pytest.raises(bench.BenchError, match=words):
        bench.leaderboard(**{"results": folder, **keys})


def test_columns_are_chosen_with_a_price_and_without(folder: Path, table: pd.DataFrame) -> None:
    """By their names, or by their headings."""
    board = bench.leaderboard(folder, columns=["probe", "l0"])
    header = str(board).splitlines()[1]
    assert "FVU" not in header
    assert header.index("probe") < header.index("L0")
    assert "FVU" in str(bench.leaderboard(folder, columns="fvu,L0"))
    assert "probe" in str(bench.leaderboard(folder, at="l0=2", columns="probe"))


@pytest.mark.parametrize(
    ("keys", "words"),
    [({"at": "l00=3"}, "l0"), ({"at": "l0=2", "columns": "fvuu"}, "Did you mean 'fvu'"), ({"at": "l0"}, "l0")],
)
def test_a_price_that_is_none_is_said(folder: Path, table: pd.DataFrame, keys: dict, words: str) -> None:
    with pytest.raises(bench.BenchError, match=words):
        bench.leaderboard(folder, **keys)
