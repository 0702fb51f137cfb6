"""Models of several people that have one name: which of them are one, and what those that are not are called."""

from __future__ import annotations

import pytest

from bench.compare.boards import build
from bench.compare.names import told_apart
from bench.show import tables
from bench.show.report.provenance import command
from tests.bench.compare.test_boards import COLUMNS, record

A, B = "/home/ann/sae/my.py:Net", "/home/bob/sae/my.py:Net"


@pytest.mark.parametrize(
    ("makes", "labels"),
    [
        ([("a" * 64, A), ("b" * 64, B)], ["Net (ann/sae/my.py)", "Net (bob/sae/my.py)"]),
        ([("a" * 64, A), ("b" * 64, "/home/ann/sae/other.py:Net")], ["Net (my.py)", "Net (other.py)"]),
        ([("a" * 64, A), ("b" * 64, A)], ["Net"]),
        ([("a" * 64, A), ("a" * 64, B)], ["Net"]),
        ([("a" * 64, A), ("a" * 64, B), ("b" * 64, B)], ["Net"]),
        ([("a" * 64, A), ("b" * 64, "labs.bob:Net"), (None, "models.net:Net")], 3 * ["Net ("]),
        ([("a" * 64, "x" * 99 + "1.py:Net"), ("b" * 64, "x" * 99 + "2.py:Net")], ["Net (aaaaaaaa)", "Net (bbbbbbbb)"]),
    ],
)
def test_two_makers_are_two_rows_and_an_edit_or_a_move_is_none(
    makes: list[tuple[str | None, str]], labels: list[str]
) -> None:
    runs = [
        record("Net", seed, 1.0 + n, end=str(n), code=code, model_reference=reference)
        for n, (code, reference) in enumerate(makes)
        for seed in range(3)
    ]
    (board,) = build(runs, COLUMNS)
    found = sorted(row.label for row in board.rows)
    assert [label[: len(known)] for label, known in zip(found, labels, strict=True)] == labels
    assert all(row.n_done == 3 for row in board.rows)
    assert sorted({row.model for row in board.rows}) == found, "they are models of their own in every figure"


def test_a_run_of_a_lab_has_the_lab_in_its_name_once() -> None:
    named = told_apart([record("Net", 0, 1.0, lab="ann"), record("Net", 1, 1.0)])
    assert [run.spec.model for run in named] == ["Net (ann)", "Net"]
    assert told_apart(named) == named, "as where the records of a board make another"


def test_the_commands_of_both_are_those_of_their_files() -> None:
    variant = {"config": {"k": 4}, "variant": {"k": 4}}
    runs = [record("Net", 0, 1.0, code=n, model_reference=place, **variant) for n, place in (("1", A), ("2", B))]
    (board,) = build([*runs, record("topk", 0, 2.0)], COLUMNS)
    assert [row.label for row in board.rows] == ["Net (ann/sae/my.py) k=4", "Net (bob/sae/my.py) k=4", "topk"]
    commands = [command(run.spec) for run in board.records]
    assert [f"--models {place}" in each for each, place in zip(commands, (A, B), strict=False)] == [True, True]
    assert all("--set Net.k=4" in each for each in commands[:2])
    assert "| Net (bob/sae/my.py) k=4 |" in tables.markdown([board])
