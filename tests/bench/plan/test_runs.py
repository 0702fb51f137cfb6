"""From names to plug-ins, from those to runs, and what of them a results folder has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bench.errors import BenchError
from bench.plan.plan import Plan
from bench.plan.request import Request
from bench.plan.runs import load_existing, make_plan, plan_of, specs_of
from bench.store.record import Record
from bench.store.runs import RunStore
from bench.store.spec import RunSpec
from models import MODELS
from tests.bench.cli.helpers import model_file
from tests.results import put


def specs(**keys: Any) -> list[RunSpec]:
    return specs_of(Request.build(**keys), Path("unused"))


def plan(root: Path, **how: bool) -> Plan:
    return make_plan(Request.build(models="random,topk", seeds="2"), RunStore(root), Path("unused"), **how)


def test_defaults_are_all_models_on_digits_with_three_seeds() -> None:
    runs = specs()
    assert len({run.model for run in runs}) == len(MODELS)
    assert {run.dataset for run in runs} == {"digits"}
    assert {run.seed for run in runs} == {0, 1, 2}
    assert {(run.settings, run.budget) for run in runs} == {("native", "quick")}
    assert {run.config["epochs"] for run in runs if "epochs" in run.config} == {5}


def test_duplicates_are_one_run() -> None:
    assert len(specs(models="all,topk,topk", seeds="1")) == len(MODELS)


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"models": "topkk"}, ["topkk", "Did you mean 'topk'", "vsae"]),
        ({"datasets": "minst"}, ["minst", "Did you mean 'mnist'", "digits"]),
        ({"models": "no.such.module:Model"}, ["no.such.module", "No module named"]),
        ({"models": "torch:nope"}, ["nope"]),
        ({"models": "torch:Tensor"}, ["not a model", "models.base.Model"]),
        ({"models": "./missing.py:Model"}, ["missing.py"]),
    ],
)
def test_a_name_that_stands_for_nothing_is_one_clear_message(keys: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(BenchError) as caught:
        specs(**keys)
    for word in words:
        assert word in str(caught.value)


def test_a_plugin_file_is_a_model_whose_content_is_part_of_the_run_id(tmp_path: Path) -> None:
    here, there, changed = (tmp_path / name for name in ("here", "there", "changed"))
    runs = []
    for folder, more in ((here, ""), (there, ""), (changed, "# changed")):
        folder.mkdir()
        runs += specs(models=model_file(folder, more=more), seeds="1")
    first, second, third = runs
    assert first.model == "Mine"
    assert str(tmp_path) not in first.run_id
    assert first.run_id == second.run_id, "where it lies does not matter"
    assert first.run_id != third.run_id


def test_a_plugin_that_raises_shows_its_own_traceback_only(tmp_path: Path) -> None:
    file = tmp_path / "broken.py"
    file.write_text("import torch\nvalue = 1 / 0\n", encoding="utf-8")
    with pytest.raises(BenchError) as caught:
        specs(models=f"{file}:Broken")
    assert "value = 1 / 0" in str(caught.value)
    assert "ZeroDivisionError" in str(caught.value)
    assert "importlib" not in str(caught.value)


def test_a_plugin_may_not_take_the_name_of_a_builtin(tmp_path: Path) -> None:
    file = tmp_path / "taken.py"
    file.write_text("class topk: pass\n", encoding="utf-8")
    with pytest.raises(BenchError, match="has the name of one that is there already"):
        specs(models=f"{file}:topk")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("raise SystemExit(0)", ["ends the process when it is imported"]),
        ("from models.base import Model\nclass M(Model):\n    Config = None", ["has the Config None", "ModelConfig"]),
        (
            "from models.base import *\nclass M(Model):\n    Config = GradientConfig\n    matched_grid = None",
            ["matched_grid", "defines no encode(x)", "defines no decode(codes)"],
        ),
        ("def M(): pass", ["not a model"]),
    ],
)
def test_plugins_that_are_no_models(tmp_path: Path, body: str, words: list[str]) -> None:
    (tmp_path / "mine.py").write_text(body, encoding="utf-8")
    with pytest.raises(BenchError) as caught:
        specs(models=f"{tmp_path / 'mine.py'}:M")
    for word in words:
        assert word in str(caught.value)


def test_a_plan_is_made_of_what_the_results_folder_has(tmp_path: Path) -> None:
    first, second, third, _ = plan(tmp_path).todo
    store = RunStore(tmp_path)
    put(store, Record(run_id=first.run_id, spec=first, status="done"))
    put(store, Record(run_id=second.run_id, spec=second, status="timeout"))
    store.folder(third.run_id).path.mkdir()
    store.folder(third.run_id).record_path.write_text("{", encoding="utf-8")
    found = plan(tmp_path)
    assert (found.done, found.failed, found.unreadable) == ([first.run_id], [second.run_id], [third.run_id])
    assert len(found.todo) == 1
    assert plan(tmp_path, retry_failed=True).todo[0] == second
    assert len(plan(tmp_path, force=True).todo) == 4
    assert load_existing([third], store) == {third.run_id: None}
    assert plan_of([first], store).todo == []


def test_a_plan_writes_nothing(tmp_path: Path) -> None:
    plan(tmp_path / "runs")
    assert list(tmp_path.iterdir()) == []
