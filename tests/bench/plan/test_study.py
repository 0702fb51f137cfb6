"""A study file with flags beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bench.errors import BenchError
from bench.plan.request import Override
from bench.plan.runs import specs_of
from bench.plan.study import request_of

STUDY = """
models: [topk, topk-l1, vae]
seeds: [0]
settings: matched
set: {n_latents: 32, k: [2, 4], topk.k: [8], topk-l1.penalty_weight: 0.01, vae.n_latents: 8, likelihood: gaussian}
"""


@pytest.fixture
def study(tmp_path: Path) -> Path:
    path = tmp_path / "study.yaml"
    path.write_text(STUDY, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ({}, {"n_latents": 32, "k": 8}),
        ({"set": ["topk.k=16"]}, {"n_latents": 32, "k": 16}),
        ({"set": ["k=16"]}, {"n_latents": 32, "k": 16}),
        ({"set": ["epochs=2"]}, {"n_latents": 32, "k": 8, "epochs": 2}),
    ],
)
def test_what_is_set_beside_a_study_leaves_the_rest_of_it(
    study: Path, flags: dict[str, Any], expected: dict[str, Any]
) -> None:
    specs = specs_of(request_of(study, {"datasets": "digits", **flags}), study.parent)
    (config,) = {str(spec.config): spec.config for spec in specs if spec.model == "topk"}.values()
    assert {field: config[field] for field in expected} == expected


def test_a_flag_for_all_models_wins_over_a_value_of_one(study: Path) -> None:
    assert request_of(study, {"set": ["k=[3]"]}).set[-1] == Override(None, "k", (3,))
    assert not [each for each in request_of(study, {"set": ["k=[3]"]}).set[:-1] if each.field == "k"]
    assert Override(None, "k", (2, 4)) in request_of(study, {"set": ["topk.k=3"]}).set


def test_fewer_models_than_the_study_has(study: Path) -> None:
    request = request_of(study, {"models": "topk-l1", "datasets": "digits"})
    assert {each.field for each in request.set} == {"n_latents", "k", "penalty_weight"}
    specs = specs_of(request, study.parent)
    assert {(spec.model, spec.config["k"], spec.config["n_latents"]) for spec in specs} == {
        ("topk-l1", 2, 32),
        ("topk-l1", 4, 32),
    }


@pytest.mark.parametrize(("right", "wrong"), [("topk.k", "topk.kk"), ("vae.n_latents", "vea.n_latents")])
def test_a_mistake_in_the_file_is_said_with_fewer_models_too(study: Path, right: str, wrong: str) -> None:
    study.write_text(STUDY.replace(right, wrong), encoding="utf-8")
    with pytest.raises(BenchError, match=r"'(kk|vea)'"):
        specs_of(request_of(study, {"models": "topk", "datasets": "digits"}), study.parent)
