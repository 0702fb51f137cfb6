"""Which runs there are."""

from __future__ import annotations

from bench.show.report.coverage import coverage
from tests.bench.show.report import factory


def test_coverage_tells_missing_from_not_run() -> None:
    records = [
        factory.record("a", "mnist", 0, {"fvu": 1.0}),
        factory.record("a", "mnist", 1, status="timeout", error="too\nlong"),
        factory.record("b", "mnist", 0, status="cancelled"),
        factory.record("b", "fmnist", 0, {"fvu": 1.0}),
    ]
    found = coverage(factory.boards_of(records))
    (table,) = found["tables"]
    assert table["heads"] == [("fmnist", [0]), ("mnist", [0, 1])]
    states = {row["label"]: [cell["status"] for cell in row["cells"]] for row in table["rows"]}
    assert states == {"a": ["not run", "done", "timeout"], "b": ["done", "cancelled", "missing"]}
    assert [error["error"] for error in found["errors"]] == ["ValueError: too"]
