"""Every model as an estimator of scikit-learn: its contract, and what comes out of it."""

from __future__ import annotations

import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import chdir
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.decomposition import PCA
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

import bench
from models import MODELS
from tests.bench.execute.helpers import MODEL
from tests.exchange.made import MADE

ANY_NUMBERS = {name: {"likelihood": "gaussian"} for name in ("vae", "vsc", "vsc-aligned")}
"""Hyperparameters of models whose inputs are in [0, 1] unless they are told otherwise."""
OWN: dict[str, dict[str, Any]] = {name: {"hyperparameters": given} for name, given in ANY_NUMBERS.items()}
OWN["nmf"] = {"n_latents": 3, "hyperparameters": {"k": 2}, "normalise": "none"}
"""What else models need to be checked: NMF data from 0 on, and no more atoms than features, or codes are not unique."""


@pytest.fixture
def x() -> np.ndarray:
    """Inputs (200, 6) far from 0, whose dimensions are correlated."""
    rng = np.random.default_rng(0)
    return 50 + rng.standard_normal((200, 6)) @ rng.normal(scale=10, size=(6, 6))


@pytest.mark.parametrize("model", MODELS)
def test_it_keeps_the_contract_of_scikit_learn(model: str) -> None:
    check_estimator(bench.SparseCoder(model, **{"n_latents": 16, **OWN.get(model, {}), "max_steps": 3}), on_skip=None)


def test_all_of_the_directions_give_back_the_data_in_their_units(x: np.ndarray) -> None:
    coder = bench.SparseCoder("pca", n_latents=6).fit(x)
    np.testing.assert_allclose(coder.inverse_transform(coder.transform(x)), x, atol=1e-4)
    assert coder.score(x) == pytest.approx(1)


def test_nmf_takes_what_is_not_below_zero(x: np.ndarray) -> None:
    coder = bench.SparseCoder("nmf", 6, hyperparameters={"k": 6}, normalise="none").fit(abs(x))
    assert coder.transform(abs(x)).min() >= 0
    assert coder.score(abs(x)) > 0.9


def test_the_score_is_the_explained_variance(x: np.ndarray) -> None:
    theirs = PCA(2).fit(x[:100])
    left = x[100:] - theirs.inverse_transform(theirs.transform(x[100:]))
    expected = 1 - np.square(left).sum() / np.square(x[100:] - x[100:].mean(0)).sum()
    assert bench.SparseCoder("pca", n_latents=2).fit(x[:100]).score(x[100:]) == pytest.approx(expected, rel=1e-4)


def test_it_searches_in_a_pipeline(x: np.ndarray) -> None:
    """Two units a sample code more than one; the names of the codes are those of the step."""
    coder = bench.SparseCoder("topk", n_latents=12, max_steps=200)
    grid = {"sparsecoder__hyperparameters": [{"k": 1}, {"k": 6}]}
    search = GridSearchCV(make_pipeline(StandardScaler(), coder), grid, cv=2).fit(x)
    assert search.best_params_["sparsecoder__hyperparameters"] == {"k": 6}
    codes = search.best_estimator_.transform(x)
    assert list(search.best_estimator_.get_feature_names_out()) == [f"sparsecoder{i}" for i in range(12)]
    assert 0 < (codes != 0).sum(axis=1).max() <= 6


def test_one_seed_gives_one_model_and_leaves_the_caller_his_numbers(x: np.ndarray) -> None:
    torch.manual_seed(7)
    expected = torch.rand(1)
    torch.manual_seed(7)
    codes = [bench.SparseCoder("relu", 8, max_steps=5, random_state=s).fit_transform(x) for s in (3, 3, 4)]
    assert torch.rand(1) == expected
    np.testing.assert_array_equal(codes[0], codes[1])
    assert not np.array_equal(codes[0], codes[2])


def test_fits_in_threads_are_those_of_one_after_the_other(x: np.ndarray) -> None:
    """All draw their noise from the generator of the whole process."""

    def codes(seed: int) -> np.ndarray:
        fields = {"likelihood": "gaussian", "epochs": 20}
        return bench.SparseCoder("vae", 8, hyperparameters=fields, random_state=seed).fit_transform(x)

    with ThreadPoolExecutor(2) as threads:
        np.testing.assert_array_equal(list(threads.map(codes, (1, 2))), [codes(1), codes(2)])


def test_a_pickle_of_a_model_of_ones_own_is_read_by_another_process(x: np.ndarray, tmp_path: Path) -> None:
    text = MODEL.format(name="Mine", loss="total = self.bias.square().sum()", more="")
    (tmp_path / "mine.py").write_text(text, encoding="utf-8")
    with chdir(tmp_path):
        coder = bench.SparseCoder("./mine.py:Mine", 8, max_steps=1).fit(x)
    (tmp_path / "coder.pickle").write_bytes(pickle.dumps(coder))
    read = f"import pickle; print(pickle.load(open({str(tmp_path / 'coder.pickle')!r}, 'rb')).trained_.n_latents)"
    done = subprocess.run([sys.executable, "-c", read], capture_output=True, text=True)
    assert done.stdout == "8\n", done.stderr
    np.testing.assert_array_equal(deepcopy(coder).transform(x), coder.transform(x))


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"model": "topkk"}, bench.BenchError, "Did you mean 'topk'"),
        ({"hyperparameters": {"kk": 3}}, bench.BenchError, "Unknown hyperparameter of topk 'kk'. Did you mean 'k'"),
        ({"hyperparameters": {"k": -1}}, bench.BenchError, "topk.k = -1: Input should be greater"),
        ({"hyperparameters": {"k": True}}, bench.BenchError, "give a number, not true or false"),
        ({"normalise": "rmss"}, bench.BenchError, "Did you mean 'rms'"),
        ({"device": "tpu"}, bench.BenchError, "auto, cpu, cuda"),
        ({"model": "vae", "normalise": "none"}, ValueError, "likelihood"),
        ({"model": "nmf"}, ValueError, "values of 0 or more"),
        ({"max_steps": 0}, bench.BenchError, "max_steps = 0: give 1 or more"),
        ({"max_steps": "10"}, bench.BenchError, "max_steps = '10': give 1 or more"),
        ({"model": None}, bench.BenchError, "model = None: give a name"),
        ({"model": bench.SparseCoder}, bench.BenchError, "model = <class .*: give a name"),
        ({"hyperparameters": ["k=4"]}, bench.BenchError, "hyperparameters = .'k=4'.: give a mapping"),
        ({"model": "vsc"}, ValueError, "choose another with hyperparameters={'likelihood': 'gaussian'}$"),
        ({"model": f"sae:{MADE / 'saelens-topk'}"}, bench.BenchError, "is trained already"),
        ({"model": "vsc-aligned", **{"hyperparameters": ANY_NUMBERS["vsc"]}}, ValueError, "label"),
    ],
)
def test_what_cannot_be_fitted_is_said(x: np.ndarray, options: dict, error: type, words: str) -> None:
    with pytest.raises(error, match=words):
        bench.SparseCoder(**options).fit(x)


def test_numbers_that_float32_would_round_off_are_refused(x: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"column 0 has a mean of 1e\+10 .*Subtract the mean first"):
        bench.SparseCoder("pca", 2).fit(x + 1e10)


def test_a_sample_may_lack_its_class(x: np.ndarray) -> None:
    """As a column of a table has it; the class of the others is what it was."""
    aligned = bench.SparseCoder("vsc-aligned", 8, hyperparameters=ANY_NUMBERS["vsc"], max_steps=2)
    words = pd.Series(np.where(x[:, 0] > 50, "high", "low"))
    numbers = np.where(x[:, 0] > 50, 0, 1)
    lacking = np.arange(200) < 30
    codes = [aligned.fit(x, y).transform(x) for y in (words.mask(lacking), words, numbers)]
    np.testing.assert_array_equal(codes[1], codes[2])
    assert not np.array_equal(codes[0], codes[1])


def test_classes_are_for_models_that_use_them(x: np.ndarray) -> None:
    """Whatever they are called; a target of a regression is none."""
    aligned = bench.SparseCoder("vsc-aligned", 8, hyperparameters=ANY_NUMBERS["vsc"], max_steps=2)
    assert aligned.fit(x, np.where(x[:, 0] > 50, "high", "low")).transform(x).shape == (200, 8)
    with pytest.raises(ValueError, match="label"):
        aligned.fit(x, x[:, 0])
