"""Boards as markdown, csv, json, LaTeX and text, on a study small enough to check by hand."""

from __future__ import annotations

import io
import json
import math
import re

import pandas as pd
import pytest

from bench.compare.boards import Board, Column, build
from bench.compare.stats import Interval
from bench.show import tables
from metrics.base import MetricInfo
from tests.bench.compare.test_boards import COLUMNS, board, record


def test_failed_and_inapplicable_cells_are_told_apart() -> None:
    table = tables.markdown([board()])
    lines = {line.split("|")[1].strip(): line for line in table.splitlines() if line.startswith("|")}
    assert "n/a" in lines["same"]
    assert "1/5 failed" in lines["broken"]
    everything_failed = build([record("x", 0, None), record("y", 0, 1.0)], COLUMNS)
    assert "failed" in tables.markdown(everything_failed).split("| x ")[1].splitlines()[0]
    assert "broke \\| badly &lt;b&gt;" in table


def test_csv_has_a_row_per_model_and_the_numbers_of_the_board() -> None:
    frame = pd.read_csv(io.StringIO(tables.frame([board()]).to_csv(index=False)))
    assert list(frame.columns[:2]) == ["model", "dataset"]
    assert list(frame["model"]) == ["good", "same", "broken", "bad"]
    for row, (_, line) in zip(board().rows, frame.iterrows(), strict=True):
        assert line["loss"] == pytest.approx(row.intervals["loss"].mean, rel=1e-15)
    assert frame["loss_ci95"].isna().tolist() == [False, False, True, False]
    assert frame["failed"].tolist() == [0, 0, 4, 0]


def test_csv_has_what_pandas_writes_of_the_same_rows() -> None:
    strange = [*board().records, record('a "quoted", name\nof two lines', 0, math.inf), record("-1+2", 0, 1e-300)]
    boards = build(strange, COLUMNS)
    frame = tables.frame(boards).replace("-1+2", "'-1+2")
    assert tables.csv_text(*tables._lines(boards)) == frame.to_csv(index=False)
    assert tables.csv_text([{"mean": math.nan, "of": None, "=1": 0.1}]) == "mean,of,'=1\n,,0.1\n"


def test_json_parses_and_carries_every_seed() -> None:
    content = json.loads(json.dumps(tables.as_dict([board()]), allow_nan=False))
    (only,) = content["boards"]
    assert only["rows"][0]["metrics"]["loss"]["by_seed"] == {"0": 1.0, "1": 1.1, "2": 1.2, "3": 1.0, "4": 1.2}
    assert len(only["runs"]) == 20


def test_what_records_note_stands_below_the_board_once() -> None:
    runs = [record("pca", seed, 1.0) for seed in (0, 1)]
    for run in runs:
        run.notes = ["n_latents is 64, not 100: these data allow no other"]
    text = tables.markdown(build(runs, COLUMNS))
    assert text.count("- pca on toy: n_latents is 64, not 100: these data allow no other") == 1


def test_latex_escapes_and_is_rectangular() -> None:
    text = tables.latex(build([record("a_b & c", 0, 1.0)], COLUMNS))
    assert r"a\_b \& c" in text
    rows = [line for line in text.splitlines() if line.endswith(r"\\")]
    assert len({line.count(" & ") for line in rows}) == 1


def test_text_marks_ties_and_keeps_columns_aligned() -> None:
    lines = tables.text(board()).splitlines()[-4:]
    assert "1.10 ± 0.12 *" in tables.text(board())
    ends = [re.search(r"[\d.]+( ± [\d.]+)?(?= \*|  )", line[len("broken  1/5 failed") :]) for line in lines]
    assert len({found.end() for found in ends if found}) == 1, "numbers end below each other, with a star or without"


def many_columns() -> Board:
    """Two rows; a column that one of four rows has, a description, a price and two that are ranked."""
    kinds = {"first": "min", "rare": "min", "described": "none", "price": "none", "last": "max"}
    columns = [
        Column(name, MetricInfo(name, direction, "", "", "", headline=True, price=name == "price"))  # type: ignore[arg-type]
        for name, direction in kinds.items()
    ]
    records = [record(model, 0, 1.0) for model in "abcd"]
    for i, each in enumerate(records):
        each.metrics.update({name: 0.125 + i for name in kinds if name != "rare" or i == 0})
    return build(records, columns)[0]


@pytest.mark.parametrize(
    ("width", "shown"),
    [
        (None, ["first ↓", "rare ↓", "described", "price", "last ↑"]),
        (48, ["first ↓", "described", "price", "last ↑"]),
        (37, ["first ↓", "price", "last ↑"]),
        (29, ["first ↓", "price"]),
        (9, ["first ↓"]),
    ],
)
def test_in_a_narrow_terminal_a_board_keeps_what_says_most(width: int | None, shown: list[str]) -> None:
    title, header, _, *rest = tables.text(many_columns(), width).splitlines()
    assert title == many_columns().title
    assert header.split()[2:] == " ".join(shown).split()
    others = [column.header for column in many_columns().headline if column.header not in shown]
    more = f"also measured: {', '.join(others)}; all in leaderboard.md" if others else ""
    assert "".join(rest[4:]).replace(" ", "") == more.replace(" ", "")


def test_latex_sets_exponents_as_a_paper_has_them() -> None:
    small = tables.escape_latex(tables.format_interval(Interval(-3.823e-05, 1.2e-06)))
    assert small == r"-3.823$\times$10$^{-5}$ $\pm$ 1.2$\times$10$^{-6}$"
    assert tables.escape_latex("1.000e+20") == r"1.000$\times$10$^{20}$"
    assert tables.escape_latex("s1e-05 0.1235") == "s1e-05 0.1235"


@pytest.mark.parametrize(
    ("interval", "expected"),
    [
        (Interval(0.123456, 0.00123), "0.1235 ± 0.0012"),
        (Interval(1234.5, 21.0), "1,234 ± 21"),
        (Interval(0.123456, None), "0.1235"),
        (Interval(12.0, 0.0), "12 ± 0"),
        (Interval(0.0, None), "0"),
        (Interval(float("inf"), None), "inf"),
        (Interval(0.5, 0.0996), "0.50 ± 0.10"),
        (Interval(-0.0001, 0.05), "0.000 ± 0.050"),
        (Interval(1e-9, 1e-10), "1.000e-09 ± 1.0e-10"),
        (Interval(0.13061, 1.2e-9), "0.1306 ± 1.2e-09"),
        (Interval(3e-9, None), "3.000e-09"),
        (Interval(1e20, 3.0), "1.000e+20 ± 3.0e+00"),
        (Interval(815080.0, 0.0), "815,080 ± 0"),
    ],
)
def test_number_format(interval: Interval, expected: str) -> None:
    assert tables.format_interval(interval) == expected
