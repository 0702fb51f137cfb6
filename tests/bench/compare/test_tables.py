"""Boards as markdown, csv, json, LaTeX and text, on a study small enough to check by hand."""

from __future__ import annotations

import io
import json

import pandas as pd
import pytest

from bench.compare.boards import build
from bench.compare.stats import Interval
from bench.show import tables
from tests.bench.compare.test_boards import COLUMNS, board, record


def test_failed_and_inapplicable_cells_are_told_apart() -> None:
    table = tables.markdown([board()])
    lines = {line.split("|")[1].strip(): line for line in table.splitlines() if line.startswith("|")}
    assert "n/a" in lines["same"]
    assert "1/3 failed" in lines["broken"]
    everything_failed = build([record("x", 0, None), record("y", 0, 1.0)], COLUMNS)
    assert "failed" in tables.markdown(everything_failed).split("| x ")[1].splitlines()[0]
    assert "broke \\| badly &lt;b&gt;" in table


def test_csv_has_a_row_per_model_and_the_numbers_of_the_board() -> None:
    frame = pd.read_csv(io.StringIO(tables.frame([board()]).to_csv(index=False)))
    assert list(frame.columns[:2]) == ["model", "dataset"]
    assert list(frame["model"]) == ["good", "same", "broken", "bad"]
    for row, (_, line) in zip(board().rows, frame.iterrows(), strict=True):
        assert line["loss"] == row.intervals["loss"].mean
    assert frame["loss_ci95"].isna().tolist() == [False, False, True, False]
    assert frame["failed"].tolist() == [0, 0, 2, 0]


def test_json_parses_and_carries_every_seed() -> None:
    content = json.loads(json.dumps(tables.as_dict([board()]), allow_nan=False))
    (only,) = content["boards"]
    assert only["rows"][0]["metrics"]["loss"]["by_seed"] == {"0": 1.0, "1": 1.1, "2": 1.2}
    assert len(only["runs"]) == 12


def test_latex_escapes_and_is_rectangular() -> None:
    text = tables.latex(build([record("a_b & c", 0, 1.0)], COLUMNS))
    assert r"a\_b \& c" in text
    rows = [line for line in text.splitlines() if line.endswith(r"\\")]
    assert len({line.count(" & ") for line in rows}) == 1


def test_text_marks_ties_and_keeps_columns_aligned() -> None:
    lines = tables.text(board()).splitlines()
    assert "1.10 ± 0.25 *" in tables.text(board())
    assert len({len(line) for line in lines[-4:]}) == 1


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
        (Interval(3e-9, None), "3.000e-09"),
        (Interval(1e20, 3.0), "1.000e+20 ± 3.0e+00"),
        (Interval(815080.0, 0.0), "815,080 ± 0"),
    ],
)
def test_number_format(interval: Interval, expected: str) -> None:
    assert tables.format_interval(interval) == expected
