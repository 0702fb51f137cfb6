"""Runs sorted by what the store has, and what they may take."""

from __future__ import annotations

from typing import Any

import pytest

from bench.plan.plan import Plan, estimates, resolve
from bench.store.record import Record, RunError
from bench.store.spec import RunSpec

STATES = ("done", "failed", "timeout", "cancelled")


def spec(seed: int, **fields: Any) -> RunSpec:
    base = {"model": "m", "model_reference": "m", "config": {}, "dataset": "d", "dataset_reference": "d"}
    rest = {"dataset_checksum": "c", "settings": "native", "budget": "quick", "seed": seed}
    return RunSpec(**(base | rest | fields))


def record(run: RunSpec, status: Any = "done", seconds: float = 1.0) -> Record:
    error = None if status == "done" else RunError(type="ValueError", message="no", traceback="...")
    return Record(run_id=run.run_id, spec=run, status=status, timings={"total": seconds}, error=error)


SPECS = [spec(seed) for seed in range(len(STATES) + 2)]
"""One for each way to end, one whose record cannot be read, one without a record."""


def resolved(**how: bool) -> Plan:
    records: dict[str, Record | None] = {
        run.run_id: record(run, status) for run, status in zip(SPECS, STATES, strict=False)
    }
    records[SPECS[len(STATES)].run_id] = None
    return resolve(SPECS, records, **how)


def seeds(plan: Plan, run_ids: list[str]) -> list[int]:
    return [run.seed for run in plan.specs if run.run_id in run_ids]


@pytest.mark.parametrize(
    ("how", "todo", "failed", "unreadable"),
    [
        ({}, [5], [1, 2, 3], [4]),
        ({"retry_failed": True}, [1, 2, 3, 5], [], [4]),
        ({"force": True}, [0, 1, 2, 3, 4, 5], [], []),
        ({"force": True, "retry_failed": True}, [0, 1, 2, 3, 4, 5], [], []),
    ],
)
def test_what_is_to_do(how: dict[str, bool], todo: list[int], failed: list[int], unreadable: list[int]) -> None:
    plan = resolved(**how)
    assert [run.seed for run in plan.todo] == todo
    assert seeds(plan, plan.failed) == failed
    assert seeds(plan, plan.unreadable) == unreadable
    assert seeds(plan, plan.done) == ([] if how.get("force") else [0])
    assert plan.specs == SPECS


def test_a_plan_says_how_its_size_comes_about() -> None:
    assert resolve([spec(0)], {}).size == "1 run = 1 model x 1 dataset x 1 seed"
    many = [spec(seed, model=model) for seed in range(3) for model in "ab"]
    assert resolve(many, {}).size == "6 runs = 2 models x 1 dataset x 3 seeds"
    once = [*many, spec(0, model="c")]
    assert resolve(once, {}).size == "7 runs = 3 models x 1 dataset x 3 seeds, one seed of c"
    grid = [spec(0, config={"k": k}, variant={"k": k}) for k in (4, 8)]
    assert resolve(grid, {}).size == "2 runs = 2 variants x 1 dataset x 1 seed"
    some = [*many, *(spec(seed, model="a", dataset="other") for seed in range(3))]
    assert resolve(some, {}).size == "9 runs = 3 pairs of 2 models and 2 datasets x 3 seeds"


def test_a_run_takes_what_runs_like_it_took() -> None:
    todo = [spec(8), spec(9), spec(8, dataset="other")]
    records = [record(spec(0), seconds=1.0), record(spec(1), seconds=3.0), record(spec(2), "failed", 99.0)]
    assert estimates(todo, records) == {todo[0].run_id: 2.0, todo[1].run_id: 2.0}
    assert estimates(todo, [record(spec(0, budget="full"))]) == {}
