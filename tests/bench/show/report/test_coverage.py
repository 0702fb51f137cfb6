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


def test_rows_are_sorted_by_the_size_of_their_numbers() -> None:
    ks = (10, 2, 25, 4, 64)
    records = [factory.record("topk", seed=0, metrics={"fvu": 1.0}, variant={"k": k}) for k in ks]
    records += [factory.record("l1", metrics={"fvu": 1.0}, variant={"l1": l1}) for l1 in (0.5, 1e-5, 0.25)]
    (table,) = coverage(factory.boards_of(records))["tables"]
    labels = [row["label"] for row in table["rows"]]
    assert labels == ["l1 l1=1e-05", "l1 l1=0.25", "l1 l1=0.5", *(f"topk k={k}" for k in sorted(ks))]
