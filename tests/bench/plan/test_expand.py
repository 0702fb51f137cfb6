"""From a request to runs: settings, budgets, grids and overrides."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from bench.errors import BenchError
from bench.plan.expand import DatasetChoice, ModelChoice, expand
from bench.plan.request import Request
from bench.plugins.loading import load_model_class
from bench.plugins.registry import DATASET_REGISTRY, MODEL_REGISTRY
from bench.store.spec import RunSpec


def specs(
    models: str, min_steps: int | None = None, hyperparameters: dict[str, Any] | None = None, **keys: Any
) -> list[RunSpec]:
    request = Request.build(**{"models": models, "seeds": "1"} | keys)
    chosen = [ModelChoice(plugin, load_model_class(plugin), {}) for plugin in MODEL_REGISTRY.choose(request.models)]
    plugins = DATASET_REGISTRY.choose(request.datasets)
    suits = hyperparameters or {}
    return expand(request, chosen, [DatasetChoice(plugin, "c", {}, min_steps, suits) for plugin in plugins])


def test_an_explicit_value_wins_over_the_budget() -> None:
    (run,) = specs("topk", set=["topk.epochs=2", "k=4"])
    assert (run.config["epochs"], run.config["k"]) == (2, 4)
    assert run.label == "topk k=4 epochs=2"


@pytest.mark.parametrize("keys", [{}, {"budget": "full"}, {"settings": "matched", "set": ["vsc.alpha=0.2"]}])
def test_the_least_steps_of_a_data_set_hold_where_no_epochs_are_asked_for(keys: dict[str, Any]) -> None:
    overrides = keys.pop("set", [])
    (run,) = specs("vsc", 4000, set=overrides, **keys)
    assert run.min_steps == 4000
    (asked,) = specs("vsc", 4000, set=[*overrides, "epochs=2"], **keys)
    assert (asked.min_steps, asked.config["epochs"]) == (None, 2)
    assert len({run.run_id, asked.run_id, specs("vsc", set=overrides, **keys)[0].run_id}) == 3


def test_epochs_that_do_away_with_the_least_steps_are_a_row_of_their_own() -> None:
    """Also where they are those of the budget, and the least steps alone make the default longer."""
    assert [run.label for run in specs("topk,pca", 4000, set=["epochs=5"])] == ["topk epochs=5", "pca"]
    assert [run.label for run in specs("topk", set=["epochs=5"])] == ["topk"]


def test_what_suits_a_data_set_gives_way_to_a_setting_and_to_what_is_asked_for() -> None:
    suits = {"kl_warmup": 0.5, "batch_size": 16}
    vsc, topk = specs("vsc,topk", hyperparameters=suits)
    assert (vsc.config["kl_warmup"], vsc.config["batch_size"], vsc.label) == (0.5, 16, "vsc")
    assert ("kl_warmup" in topk.config, topk.config["batch_size"]) == (False, 16)
    (asked,) = specs("vsc", hyperparameters=suits, settings="matched", set=["kl_warmup=0.1", "alpha=0.2"])
    assert (asked.config["kl_warmup"], asked.config["batch_size"]) == (0.1, 128)
    with pytest.raises(BenchError, match=r"vsc\.kl_warmup = 2"):
        specs("vsc", hyperparameters={"kl_warmup": 2})


def test_a_value_that_suits_no_model_is_refused(tmp_path: Path) -> None:
    text = "from bench.datasets.digits import Digits\n\n\nclass Mine(Digits):\n    hyperparameters = {}\n"
    (tmp_path / "mine.py").write_text(text, encoding="utf-8")
    mine = f"{tmp_path}/mine.py:Mine"
    (run,) = specs("topk", hyperparameters={"kl_warmup": 0.5, "batch_size": 16}, datasets=mine)  # VSC has the first
    assert run.config["batch_size"] == 16
    said = r"field in Mine.hyperparameters 'batchsize'. Did you mean 'batch_size'\?.*No model has it"
    with pytest.raises(BenchError, match=said):
        specs("topk", hyperparameters={"batchsize": 16}, datasets=mine)


def test_a_models_own_value_wins_over_one_for_all() -> None:
    for order in (["topk.k=3", "k=4"], ["k=4", "topk.k=3"]):
        assert {run.model: run.config["k"] for run in specs("topk,mp", set=order)} == {"topk": 3, "mp": 4}


def test_lists_become_grids_and_a_default_value_is_no_variant() -> None:
    runs = specs("topk", set={"topk.k": [5, 10]})
    assert sorted(run.label for run in runs) == ["topk", "topk k=5"]


def test_a_grid_reaches_the_models_that_have_its_field() -> None:
    runs = specs("topk,mp", seeds=[3], set={"topk.k": [2, 4], "n_latents": 50})
    assert sorted((run.model, run.config["k"], run.config["n_latents"]) for run in runs) == [
        ("mp", 10, 50),
        ("topk", 2, 50),
        ("topk", 4, 50),
    ]


def test_matched_shares_sizes_and_sweeps_the_knob() -> None:
    runs = specs("topk,mp,vsc,vae", settings="matched")
    assert {run.config["n_latents"] for run in runs if run.model != "vae"} == {256}
    assert {run.config["n_latents"] for run in runs if run.model == "vae"} == {2, 4, 10, 25, 64}, "all are on"
    assert {run.config["batch_size"] for run in runs} == {128}
    assert {run.config["k"] for run in runs if run.model == "mp"} == {2, 4, 10, 25, 64}
    assert len({run.config["alpha"] for run in runs if run.model == "vsc"}) > 1
    assert all("alpha" in run.variant for run in runs if run.model == "vsc"), "the knob is part of every row's name"


def test_true_and_false_are_for_fields_that_take_them() -> None:
    assert [run.config["mask"] for run in specs("topk-l1", set=["mask=[true, false]"])] == [True, False]


def test_runs_are_ordered_by_seed_so_that_an_interrupted_study_has_whole_seeds() -> None:
    runs = specs("topk,mean", datasets="mnist,digits", seeds="2")
    assert [(run.seed, run.dataset) for run in runs] == sorted((run.seed, run.dataset) for run in runs)
    assert len(runs) == 6, "mean is run once on each data set"


def test_a_deterministic_model_is_run_once_with_seed_0_whatever_the_seeds() -> None:
    assert [(run.model, run.seed) for run in specs("topk,pca", seeds=[3, 5])] == [("pca", 0), ("topk", 3), ("topk", 5)]
    (alone,) = specs("pca", seeds="1")
    assert [run.run_id for run in specs("pca", seeds="4")] == [alone.run_id]
    assert len(specs("mean,topk", seeds="9", max_runs=10)) == 10


def test_run_ids_depend_on_everything_that_changes_numbers_and_on_nothing_else() -> None:
    (base,) = specs("topk")
    assert specs("vae,topk", seeds="2")[1].run_id == base.run_id
    assert specs("topk", metrics="fvu")[0].run_id == base.run_id, "metrics may be added later"
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


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"models": "topk", "set": ["topk.kk=3"]}, ["kk", "Did you mean 'k'", "n_latents"]),
        ({"models": "topk", "set": ["vae.beta=3"]}, ["vae", "topk", "--models"]),
        ({"models": "topk", "set": ["k=2000"]}, ["k = 2000", "n_latents = 1000"]),
        ({"models": "topk", "set": ["k=0"]}, ["topk.k = 0", "greater than or equal to 1"]),
        ({"models": "vsc", "set": ["alpha=1.0"]}, ["vsc.alpha = 1.0", "less than 1"]),
        ({"models": "vsc", "set": ["alpha=abc"]}, ["vsc.alpha = 'abc'", "number"]),
        ({"models": "vae", "set": ["likelihood=poisson"]}, ["likelihood = 'poisson'", "bernoulli"]),
        ({"models": "topk", "set": ["k=[]"]}, ["k=[]", "empty"]),
        ({"models": "topk", "set": ["k=[8, true]"]}, ["topk.k = True", "a number"]),
        ({"models": "vsc", "set": ["alpha=false"]}, ["vsc.alpha = False", "a number"]),
        ({"models": "mp", "set": ["threshold=true"]}, ["mp.threshold = True", "a number"]),
    ],
)
def test_a_value_that_a_model_cannot_have_is_one_clear_message(keys: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(BenchError) as caught:
        specs(**keys)
    for word in words:
        assert word in str(caught.value)


NESTED = """\
from pydantic import BaseModel
from models.topk import TopK, TopKConfig

class Part(BaseModel):
    gain: float = 1.0

class MineConfig(TopKConfig):
    sizes: tuple[int, ...] = (32, 16)
    part: Part = Part()

class Mine(TopK):
    Config = MineConfig
"""


@pytest.mark.parametrize(
    ("override", "words"),
    [
        (
            "sizes=[8, 4]",
            "Mine.sizes = 8: Input should be a valid tuple\nA list is a grid: for one value that is a list write [[",
        ),
        ("Mine.part.gain=2", "--set Mine.part.gain: fields in part go together, Mine.part={gain: VALUE}."),
    ],
)
def test_fields_that_hold_several_values_are_told_how_to_be_set(tmp_path: Path, override: str, words: str) -> None:
    (tmp_path / "mine.py").write_text(NESTED, encoding="utf-8")
    own = f"{tmp_path / 'mine.py'}:Mine"
    with pytest.raises(BenchError, match=re.escape(words)):
        specs(own, set=[override])
    (run,) = specs(own, set=["sizes=[[8, 4]]", "part={gain: 2}"])
    assert (run.config["sizes"], run.config["part"]) == ([8, 4], {"gain": 2.0})
