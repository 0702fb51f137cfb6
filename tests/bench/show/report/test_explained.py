"""What the page says of a name that is pointed at."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bench.compare.boards import Column
from bench.plugins.registry import METRIC_REGISTRY
from bench.show.report.explained import glossary, of_column, of_models
from metrics.base import MetricInfo
from tests.bench.show.report import factory

ROOT = Path(__file__).parents[4]
INFO = MetricInfo("FVU", "min", "", "[0, inf)", "Gao et al. 2024 (2406.04093)", explanation="What is not explained.")


def code_of(tip: str) -> Path:
    found = re.search(r" Code: (\S+)\.$", tip)
    assert found
    return ROOT / found[1]


def test_every_metric_of_this_package_leads_to_its_code() -> None:
    files = {name: code_of(of_column(Column(name, INFO))) for name in METRIC_REGISTRY.builtins}
    assert all(path.is_file() for path in files.values())
    assert files["fvu"] == ROOT / "metrics" / "reconstruction.py"
    assert "Code" not in of_column(Column("mine", INFO))


def test_words_are_those_that_a_reader_meets_and_say_what_is_better() -> None:
    boards = factory.boards_of(
        [*factory.study(models=("topk",), n_seeds=1), factory.record("mp", metrics={"mcc": 0.5})]
    )
    groups = {group["family"]: group for group in glossary(boards)}
    words = {name: told for group in groups.values() for name, told in group["words"]}
    assert {"FVU ↓", "L0 [units]", "dead ↓", "always on ↓", "probe ↑", "MCC ↑"} <= words.keys()
    assert "mse" not in " ".join(words.values()), "what no table shows at first is left to its header"
    assert words["FVU ↓"] == of_column(next(column for column in boards[0].columns if column.name == "fvu"))
    assert "The answer says of the best: reconstructs best." in words["FVU ↓"]
    assert groups["units"]["about"] == "How many units are used, and how often."


@pytest.mark.parametrize(("reference", "is_known"), [("models.topk:TopK", True), ("./topk.py:TopK", False)])
def test_a_model_of_this_package_is_explained_and_no_other_of_its_name(reference: str, is_known: bool) -> None:
    record = factory.record("topk", metrics={"fvu": 0.1})
    record.spec = record.spec.model_copy(update={"model_reference": reference})
    tips = of_models(factory.boards_of([record]))
    assert list(tips) == (["topk"] if is_known else [])
    if is_known:
        assert "2406.04093" in tips["topk"]
        assert code_of(tips["topk"]) == ROOT / "models" / "topk.py"
