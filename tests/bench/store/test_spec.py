"""Specs: the same numbers, the same id; other numbers, another one."""

from __future__ import annotations

import re
from typing import Any

import pytest
from pydantic import ValidationError

from bench.store.spec import BUDGETS, RunSpec
from tests.bench.store.helpers import spec_of


@pytest.mark.parametrize(
    "changes",
    [
        {"config": {"k": 5}},
        {"seed": 1},
        {"code": "abc"},
        {"dataset_checksum": "abd"},
        {"settings": "matched"},
        {"budget": "full"},
        {"min_steps": 5},
        {"max_steps": 5},
        {"max_eval": 5},
    ],
)
def test_what_determines_numbers_is_part_of_the_id(changes: dict[str, Any]) -> None:
    assert spec_of(**changes).run_id != spec_of().run_id


@pytest.mark.parametrize(
    "changes",
    [
        {"model_reference": "elsewhere:M"},
        {"dataset_reference": "elsewhere:T"},
        {"variant": {"k": 4}},
        {"model_files": {"my.py": "0"}, "dataset_files": {"data.py": "0"}},
    ],
)
def test_paths_of_one_machine_and_what_other_fields_imply_are_not(changes: dict[str, Any]) -> None:
    assert spec_of(**changes).run_id == spec_of().run_id


def test_the_id_of_a_run_never_changes() -> None:
    """Runs that are done keep their folders from one version to the next."""
    assert spec_of().run_id == "m-toy-s0-ec6b161b22"
    assert spec_of(config={"b": 1, "a": 2}).run_id == spec_of(config={"a": 2, "b": 1}).run_id


def test_an_id_is_a_name_of_a_folder() -> None:
    run_id = spec_of(model="../ümlaut and/space", dataset="folder:/data/" + 100 * "x").run_id
    assert re.fullmatch(r"\w+-\w+-s0-[0-9a-f]{10}", run_id)
    assert len(run_id) < 110


def test_a_row_is_a_model_and_its_variant() -> None:
    assert spec_of().label == "m"
    assert spec_of(variant={"k": 8, "mode": "a  b"}).label == "m k=8 mode=a b"


def test_a_field_that_is_not_known_is_refused() -> None:
    with pytest.raises(ValidationError, match="colour"):
        RunSpec.model_validate(spec_of().model_dump() | {"colour": "red"})


def test_budgets_grow() -> None:
    assert list(BUDGETS) == ["smoke", "quick", "full"]
    assert all(name == budget.name for name, budget in BUDGETS.items())
    full = BUDGETS["full"]
    assert (full.epochs, full.max_steps, full.max_eval) == (None, None, None)
