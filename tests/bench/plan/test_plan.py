"""From flags to runs: parsing, grids, identity of runs, and every way to get them wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bench.errors import BenchError
from bench.plan.plan import Plan
from bench.plan.request import Request, parse_assignment, read_study
from bench.plan.runs import make_plan
from bench.store.runs import RunStore
from bench.store.spec import RunSpec


def plan(tmp_path: Path, **keys: Any) -> Plan:
    return make_plan(Request.build(**keys), RunStore(tmp_path), Path("unused"))


def specs(tmp_path: Path, **keys: Any) -> list[RunSpec]:
    return plan(tmp_path, **keys).specs


def test_defaults_are_all_models_on_digits_with_three_seeds(tmp_path: Path) -> None:
    runs = specs(tmp_path)
    assert len({run.model for run in runs}) == 17
    assert {run.dataset for run in runs} == {"digits"}
    assert {run.seed for run in runs} == {0, 1, 2}
    assert {(run.settings, run.budget) for run in runs} == {("native", "quick")}
    assert {run.config["epochs"] for run in runs if "epochs" in run.config} == {5}


@pytest.mark.parametrize(("text", "expected"), [("2", (0, 1)), ("0,5,7", (0, 5, 7)), (3, (0, 1, 2)), ([4, 9], (4, 9))])
def test_seeds(text: Any, expected: tuple[int, ...]) -> None:
    assert Request.build(seeds=text).seeds == expected


def test_an_explicit_value_wins_over_the_budget(tmp_path: Path) -> None:
    (run,) = specs(tmp_path, models="topk", seeds="1", set=["topk.epochs=2", "k=4"])
    assert (run.config["epochs"], run.config["k"]) == (2, 4)
    assert run.label == "topk k=4 epochs=2"


def test_a_models_own_value_wins_over_one_for_all(tmp_path: Path) -> None:
    for order in (["topk.k=3", "k=4"], ["k=4", "topk.k=3"]):
        runs = specs(tmp_path, models="topk,mp", seeds="1", set=order)
        assert {run.model: run.config["k"] for run in runs} == {"topk": 3, "mp": 4}


def test_lists_become_grids_and_a_default_value_is_no_variant(tmp_path: Path) -> None:
    runs = specs(tmp_path, models="topk", seeds="1", set={"topk.k": [5, 10]})
    assert sorted(run.label for run in runs) == ["topk", "topk k=5"]


def test_matched_shares_sizes_and_sweeps_the_knob(tmp_path: Path) -> None:
    runs = specs(tmp_path, models="topk,mp,vsc,vae", seeds="1", settings="matched")
    assert {run.config["n_latents"] for run in runs} == {256}
    assert {run.config["batch_size"] for run in runs} == {128}
    assert {run.config["k"] for run in runs if run.model == "mp"} == {4, 8, 16, 32}
    assert len({run.config["alpha"] for run in runs if run.model == "vsc"}) > 1
    assert all("alpha" in run.variant for run in runs if run.model == "vsc"), "the knob is part of every row's name"


def test_run_ids_depend_on_everything_that_changes_numbers_and_on_nothing_else(tmp_path: Path) -> None:
    (base,) = specs(tmp_path, models="topk", seeds="1")
    assert specs(tmp_path, models="vae,topk", seeds="2")[1].run_id == base.run_id
    changed = [
        base.model_copy(update=update)
        for update in (
            {"seed": 1},
            {"budget": "full"},
            {"dataset_checksum": "0"},
            {"config": {"k": 1}},
            {"max_eval": 1},
        )
    ]
    assert len({run.run_id for run in [base, *changed]}) == 6
    assert base.model_copy(update={"model_reference": "elsewhere"}).run_id == base.run_id


def test_duplicates_are_one_run(tmp_path: Path) -> None:
    assert len(specs(tmp_path, models="all,topk,topk", seeds="1")) == 17


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"models": "topkk"}, ["topkk", "Did you mean 'topk'", "vsae"]),
        ({"datasets": "minst"}, ["minst", "Did you mean 'mnist'", "digits"]),
        ({"models": "topk", "set": ["topk.kk=3"]}, ["kk", "Did you mean 'k'", "n_latents"]),
        ({"models": "topk", "set": ["vae.beta=3"]}, ["vae", "topk", "--models"]),
        ({"models": "topk", "set": ["k=2000"]}, ["k = 2000", "n_latents = 1000"]),
        ({"models": "topk", "set": ["k=0"]}, ["topk.k = 0", "greater than or equal to 1"]),
        ({"models": "vsc", "set": ["alpha=1.0"]}, ["vsc.alpha = 1.0", "less than 1"]),
        ({"models": "vsc", "set": ["alpha=abc"]}, ["vsc.alpha = 'abc'", "number"]),
        ({"models": "vae", "set": ["likelihood=poisson"]}, ["likelihood = 'poisson'", "bernoulli"]),
        ({"models": "topk", "set": ["k"]}, ["--set 'k'", "MODEL.FIELD=VALUE"]),
        ({"models": "topk", "set": ["k=[]"]}, ["k=[]", "empty"]),
        ({"seeds": "zero"}, ["seeds = 'zero'", "0,1,2"]),
        ({"seeds": "0"}, ["seeds = '0'", "at least 1"]),
        ({"seeds": "-1,2"}, ["seeds"]),
        ({"budget": "huge"}, ["budget = 'huge'", "smoke, quick, full"]),
        ({"settings": "paired"}, ["settings", "'native' or 'matched'"]),
        ({"models": ""}, ["models", "at least one"]),
        ({"dataset": "mnist"}, ["dataset", "Did you mean 'datasets'"]),
        ({"models": "no.such.module:Model"}, ["no.such.module", "No module named"]),
        ({"models": "torch:nope"}, ["nope"]),
        ({"models": "torch:Tensor"}, ["not a model", "models.base.Model"]),
        ({"models": "./missing.py:Model"}, ["missing.py"]),
        ({"seeds": 2.5}, ["seeds = 2.5"]),
        ({"seeds": True}, ["seeds = True"]),
        ({"set": None}, ["set = None", "MODEL.FIELD"]),
        ({"set": {1: 2}}, ["set", "MODEL.FIELD"]),
        ({"budget": ["smoke"]}, ["budget = ['smoke']"]),
        ({"models": "topk", "set": ["topk.k=" + "[" * 5000]}, ["YAML"]),
    ],
)
def test_bad_input_is_one_clear_message(tmp_path: Path, keys: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(BenchError) as caught:
        specs(tmp_path, **keys)
    for word in words:
        assert word in str(caught.value)


def test_study_files(tmp_path: Path) -> None:
    study = tmp_path / "study.yaml"
    study.write_text("models: [topk, mp]\nseeds: [3]\nset:\n  topk.k: [2, 4]\n  n_latents: 50\n", encoding="utf-8")
    runs = specs(tmp_path, **read_study(study))
    assert sorted((run.model, run.config["k"], run.config["n_latents"]) for run in runs) == [
        ("mp", 10, 50),
        ("topk", 2, 50),
        ("topk", 4, 50),
    ]
    study.write_text("- just\n- a list\n", encoding="utf-8")
    with pytest.raises(BenchError, match="not a mapping"):
        read_study(study)
    with pytest.raises(BenchError, match="cannot be read"):
        read_study(tmp_path / "absent.yaml")


def test_assignment_values_are_yaml() -> None:
    assert parse_assignment("vsc.alpha=0.1") == ("vsc", "alpha", (0.1,))
    assert parse_assignment("k=[4, 8]") == (None, "k", (4, 8))
    assert parse_assignment("MySAE.name=a=b") == ("MySAE", "name", ("a=b",))


PLUGIN = '''
import torch
from models.base import DenseCodes, Losses, GradientConfig, Model
class {name}(Model):
    """Identity with a bias."""
    Config = GradientConfig
    def __init__(self, config, n_features):
        super().__init__(config, n_features)
        self.bias = torch.nn.Parameter(torch.zeros(n_features))
    def loss(self, x, labels, progress):
        {loss}
        return Losses(total, {{"total_again": total}})
    def encode(self, x):
        return DenseCodes(x)
    def decode(self, codes):
        return codes.dense() + self.bias
'''


def test_a_plugin_file_is_a_model_whose_content_is_part_of_the_run_id(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(PLUGIN.format(name="Mine", loss="total = self.bias.square().sum()"), encoding="utf-8")
    (first,) = specs(tmp_path, models=f"{file}:Mine", seeds="1")
    assert first.model == "Mine"
    assert str(tmp_path) not in first.run_id
    file.write_text(file.read_text(encoding="utf-8") + "# changed\n", encoding="utf-8")
    (second,) = specs(tmp_path, models=f"{file}:Mine", seeds="1")
    assert second.run_id != first.run_id


def test_a_plugin_that_raises_shows_its_own_traceback_only(tmp_path: Path) -> None:
    file = tmp_path / "broken.py"
    file.write_text("import torch\nvalue = 1 / 0\n", encoding="utf-8")
    with pytest.raises(BenchError) as caught:
        specs(tmp_path, models=f"{file}:Broken")
    assert "value = 1 / 0" in str(caught.value)
    assert "ZeroDivisionError" in str(caught.value)
    assert "importlib" not in str(caught.value)


def test_a_plugin_may_not_take_the_name_of_a_builtin(tmp_path: Path) -> None:
    file = tmp_path / "taken.py"
    file.write_text("class topk: pass\n", encoding="utf-8")
    with pytest.raises(BenchError, match="built-in model 'topk'"):
        specs(tmp_path, models=f"{file}:topk")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("raise SystemExit(0)", ["does not import", "SystemExit"]),
        ("from models.base import Model\nclass M(Model):\n    Config = None", ["M.Config is None", "GradientConfig"]),
        (
            "from models.base import *\nclass M(Model):\n    Config = GradientConfig\n    matched_grid = None",
            ["matched_grid"],
        ),
        ("def M(): pass", ["not a model"]),
    ],
)
def test_plugins_that_are_no_models(tmp_path: Path, body: str, words: list[str]) -> None:
    (tmp_path / "mine.py").write_text(body, encoding="utf-8")
    with pytest.raises(BenchError) as caught:
        specs(tmp_path, models=f"{tmp_path / 'mine.py'}:M")
    for word in words:
        assert word in str(caught.value)
