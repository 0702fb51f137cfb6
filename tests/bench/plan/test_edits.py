"""What is said of runs that are new since a file was edited."""

from __future__ import annotations

from typing import Any

import pytest

from bench.plan.edits import edits
from tests.bench.plan.test_plan import record, spec

BEFORE: dict[str, Any] = {"code": "1", "model_files": {"my.py": "a", "helper.py": "a", "old.py": "a"}}
DATA: dict[str, Any] = {"dataset_checksum": "1", "dataset_files": {"data.py": "a"}}


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        (
            BEFORE,
            BEFORE | {"code": "2", "model_files": BEFORE["model_files"] | {"helper.py": "b"}},
            ["helper.py changed"],
        ),
        (
            BEFORE,
            {"code": "2", "model_files": {"my.py": "b", "helper.py": "a", "new.py": "a"}},
            ["my.py changed", "new.py was added", "old.py was left out"],
        ),
        (DATA, DATA | {"dataset_checksum": "2", "dataset_files": {"data.py": "b"}}, ["data.py changed"]),
        (DATA, DATA | {"dataset_checksum": "2"}, ["the data of d changed"]),
        (BEFORE, BEFORE | {"code": "2", "model_reference": "another"}, []),
        ({"code": "1"}, BEFORE | {"code": "2"}, []),
        (BEFORE, BEFORE | {"config": {"k": 3}}, []),
        (BEFORE, BEFORE, []),
    ],
)
def test_each_file_is_named_with_what_became_of_it(
    before: dict[str, Any], now: dict[str, Any], expected: list[str]
) -> None:
    """Only where the run is otherwise the same; nothing where an earlier version did not record its files."""
    records = [record(spec(seed, **before)) for seed in range(2)]
    said = edits([spec(seed, **now) for seed in range(3)], records)
    assert said == [f"{words} since 2 of these runs were made" for words in expected]


def test_it_is_the_newest_run_that_counts_and_a_run_that_has_a_record_is_not_new() -> None:
    one, two, three = (spec(0, code=n, model_files={"my.py": n}) for n in "123")
    records = [record(one), record(two)]
    for moment, run in enumerate(records):
        run.provenance.end = str(moment)
    three = three.model_copy(update={"model_files": {"my.py": "2", "helper.py": "3"}})
    assert edits([three], records) == ["helper.py was added since 1 of these runs was made"]
    assert edits([one], records) == []


def test_of_many_files_a_few_are_named() -> None:
    files = [{f"{n}.py": state for n in range(9)} for state in "ab"]
    before, now = (spec(0, code=str(n), model_files=each) for n, each in enumerate(files))
    said = edits([now], [record(before)])
    assert (len(said), said[0], said[-1]) == (6, "0.py changed since 1 of these runs was made", "and 4 more changes")
