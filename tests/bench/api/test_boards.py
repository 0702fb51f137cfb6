"""`bench.leaderboard`: the boards of the command line, as tables that a notebook shows."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import pandas as pd
import pytest

import bench
from tests.bench.cli import helpers


def test_it_is_the_board_of_the_command_line(table: pd.DataFrame, folder: Path) -> None:
    board = bench.leaderboard(folder)
    assert str(board) in helpers.bench("leaderboard", "--results", str(folder)).stdout
    rows = ET.fromstring(board._repr_html_())
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
    assert (
        str(board) in helpers.bench("leaderboard", "--results", str(folder), "--at", "l0=2", "--columns", "fvu").stdout
    )
    (row,) = board.frame()[board.frame().model.str.startswith("topk")].to_dict("records")
    ends = bench.leaderboard(folder).frame().set_index("variant").fvu
    low, high = sorted(ends[ends.index != ""])
    assert low < row["fvu"] < high
    assert "<caption>At L0 2 on mine" in board._repr_html_()
    assert "| model" in board._repr_markdown_()


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
    [({"at": "l00=3"}, "l0"), ({"at": "l0=2", "columns": "fvuu"}, "Did you mean 'fvu'"), ({"at": "l0"}, "l0")],
)
def test_a_price_that_is_none_is_said(folder: Path, table: pd.DataFrame, keys: dict, words: str) -> None:
    with pytest.raises(bench.BenchError, match=words):
        bench.leaderboard(folder, **keys)
