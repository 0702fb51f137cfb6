"""The choice of learning rates: by a geometric mean over the runs that all rates have; and the studies are valid."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from bench.plan.request import Request, read_study
from bench.plan.runs import specs_of
from bench.store.record import Record
from tests.bench.store.helpers import spec_of
from tests.learning_rates import STUDY, lines

RATES = (0.0003, 0.001, 0.003)
MATCHED = STUDY.with_name("matched.yaml")


def record(rate: float, fvu: float, dataset: str = "toy", model: str = "m", settings: str = "matched") -> Record:
    spec = spec_of(model=model, dataset=dataset, config={"learning_rate": rate}, settings=settings)
    return Record(run_id=spec.run_id, spec=spec, status="done", validation={"fvu": fvu}, metrics={"fvu": 1 - fvu})


def chosen(records: list[Record]) -> dict[str, float]:
    return yaml.safe_load("\n".join(lines(records, RATES)))


def test_the_geometric_mean_over_data_sets_decides() -> None:
    values = {0.0003: (0.10, 0.8), 0.001: (0.05, 0.9), 0.003: (0.20, 0.7)}  # means 0.45, 0.475, 0.45
    records = [record(rate, fvu, name) for rate, both in values.items() for name, fvu in zip("ab", both, strict=True)]
    assert chosen(records) == {"m.learning_rate": 0.001}
    assert "0.2121 at 0.001" in next(iter(lines(records, RATES)))


def test_only_what_all_rates_have_is_compared_and_the_test_split_has_no_say() -> None:
    records = [record(0.001, 0.3), record(0.003, 0.2), record(0.001, 0.001, "only here")]
    assert chosen(records) == {"m.learning_rate": 0.003}
    assert "failed one, at 0.0003" in next(iter(lines(records, RATES)))


@pytest.mark.parametrize("odd", [record(0.01, 0.0), record(0.001, 0.0, settings="native")])
def test_runs_of_other_studies_have_no_say(odd: Record) -> None:
    assert chosen([record(0.001, 0.3), record(0.003, 0.2), odd]) == {"m.learning_rate": 0.003}


def test_a_rate_at_which_a_run_failed_is_not_chosen() -> None:
    failed = record(0.003, 0.2, "b").model_copy(update={"status": "failed", "validation": {}})
    assert chosen([record(0.001, 0.3), record(0.003, 0.2), failed]) == {"m.learning_rate": 0.001}


def test_rates_without_a_run_in_common_are_not_chosen_from() -> None:
    assert chosen([record(0.001, 0.3, "a"), record(0.003, 0.2, "b")]) is None


def test_the_studies_are_of_models_fields_and_data_that_exist(tmp_path: Path) -> None:
    runs = {path: specs_of(Request.build(**read_study(path)), tmp_path) for path in (STUDY, MATCHED)}
    trained = {spec.model for spec in runs[MATCHED] if "learning_rate" in spec.config}
    assert {spec.model for spec in runs[STUDY]} == trained, "each model that learns has its rate chosen"
    for model in trained:
        rows = {spec.label for spec in runs[STUDY] if spec.model == model}
        assert len(rows) == 3, "grids of equal size"
        assert len({spec.label for spec in runs[MATCHED] if spec.model == model}) >= 5
