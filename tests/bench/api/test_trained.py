"""`bench.load` and `bench.evaluate`: a model takes and returns the data's own units, and its numbers are the run's."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

import bench
from bench.store.runs import RunStore
from tests.bench.api.conftest import REQUEST
from tests.bench.execute.helpers import MODEL


@pytest.fixture
def model(table: pd.DataFrame, folder: Path):
    """TopK with three units, trained on inputs far from 0."""
    return bench.load(table[table.variant.str.endswith("k=3")].run.iloc[0], folder)


def test_codes_are_those_of_the_normalised_inputs(model, x: np.ndarray) -> None:
    scaled = (torch.from_numpy(x).float() - model.scaling.shift) * model.scaling.scale
    assert scaled.abs().mean() < 2 < x.mean()
    with torch.no_grad():
        codes = model.model.encode(scaled)
        x_hat = model.scaling.undone(model.model.decode(codes))
    np.testing.assert_array_equal(model.encode(x), codes.dense())
    np.testing.assert_allclose(model.decode(model.encode(x)), x_hat, atol=1e-4)
    assert model.encode(x.reshape(300, 2, 3)).shape == (300, model.n_latents) == (300, 16)
    assert repr(model).startswith("<topk n_latents=16 k=3: 6 features, 16 latents, inputs rms:")


def test_it_is_measured_again_as_its_run_was(model, folder: Path, table: pd.DataFrame) -> None:
    again = bench.evaluate(model, str(folder / "arrays" / "mine.npz"), metrics="fvu,l0,probe_accuracy,neg_elbo")
    known = table[table.run == table[table.variant.str.endswith("k=3")].run.iloc[0]]
    values = again.set_index("metric").value.dropna()
    assert values.to_dict() == known.set_index("metric").value.dropna().to_dict()
    assert again.set_index("metric").reason["neg_elbo"] == known.set_index("metric").reason["neg_elbo"]
    assert again.attrs["directions"]["fvu"] == "min"


def test_fvu_of_an_array_is_that_of_its_reconstructions(model, x: np.ndarray, labels: np.ndarray) -> None:
    some = x[:50] * 1.1
    left = np.square(some - model.decode(model.encode(some))).sum()
    values = bench.evaluate(model, some, labels[:50], metrics=["fvu", "probe_accuracy"]).set_index("metric").value
    assert values["fvu"] == pytest.approx(left / np.square(some - some.mean(0)).sum(), rel=1e-4)
    assert 0.3 < values["probe_accuracy"] <= 1
    unlabelled = bench.evaluate(model, some, metrics="probe_accuracy")
    assert unlabelled.reason.item().startswith("n/a: ")


def test_an_estimator_is_measured_without_its_training_data(x: np.ndarray, labels: np.ndarray) -> None:
    coder = bench.SparseCoder("pca", n_latents=2).fit(x)
    values = bench.evaluate(coder, x, labels, metrics="fvu,probe_accuracy").set_index("metric")
    assert values.value["fvu"] == pytest.approx(1 - coder.score(x), rel=1e-4)
    assert values.reason["probe_accuracy"].startswith("n/a: training samples are not at hand")


def test_another_data_set_is_taken_in_its_own_units(x: np.ndarray, model, tmp_path: Path) -> None:
    """Here the same numbers, normalised in another way: the model undoes that, and does what it was trained with."""
    np.save(tmp_path / "other.npy", x)
    path = str(tmp_path / "other.npy")
    other, plain = (bench.evaluate(model, each, metrics="fvu") for each in (f"{path}:normalise=standardise", path))
    assert other.value.item() == pytest.approx(plain.value.item(), rel=1e-4)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (np.zeros((3, 5)), r"does not take these inputs: x has the shape \(3, 5\); expected \(N, 6\)"),
        (np.full((3, 6), np.nan), "18 values that are NaN"),
        (np.zeros(6), r"shape \(6,\); expected \(N, D\)"),
        (np.zeros((0, 6)), r"shape \(0, 6\); expected \(N, D\)"),
        ([["a", "b"]], "has words"),
    ],
)
def test_other_inputs_are_refused(model, values: object, words: str) -> None:
    with pytest.raises(bench.BenchError, match=words):
        model.encode(values)
    with pytest.raises(bench.BenchError, match=words):
        bench.evaluate(model, values, metrics="fvu")


def test_codes_of_another_width_and_wrong_labels_are_refused(model, x: np.ndarray) -> None:
    with pytest.raises(bench.BenchError, match=r"expected finite numbers \(N, 16\)"):
        model.decode(np.zeros((2, 15)))
    with pytest.raises(bench.BenchError, match="labels has 2 rows for 300 samples"):
        bench.evaluate(model, x, [0, 1], metrics="fvu")
    with pytest.raises(bench.BenchError, match="has its own"):
        bench.evaluate(model, "digits", [0, 1], metrics="fvu")


def test_what_is_no_trained_model_is_said(x: np.ndarray, folder: Path, table: pd.DataFrame) -> None:
    for model in (table.run[0], bench.SparseCoder(), None):
        with pytest.raises(bench.BenchError, match=r"give what bench.load returned, or a SparseCoder after fit"):
            bench.evaluate(model, x)
    with pytest.raises(bench.BenchError, match=r"run is Series: give the id of one"):
        bench.load(table.run, folder)


def test_labels_are_named_as_in_the_data_of_the_model(x: np.ndarray, labels: np.ndarray, tmp_path: Path) -> None:
    """Classes that are called 1, 2, 3 and words: the numbers are those of the run's own test split."""
    for name, called in {"numbers": labels + 1, "words": np.array(["a", "b", "c"])[labels]}.items():
        run = bench.run("pca", {name: (x, called)}, 1, results=tmp_path, **REQUEST)
        model = bench.load(run.run[0], tmp_path)
        accuracy = bench.evaluate(model, x, called, metrics="probe_accuracy").value.item()
        assert accuracy > 0.8
        lacking = pd.Series(called).mask(labels == 2)
        assert bench.evaluate(model, x, lacking, metrics="probe_accuracy").value.item() > 0.7
        with pytest.raises(bench.BenchError, match=r"labels has '9', which is not among the classes"):
            bench.evaluate(model, x, np.where(labels == 2, "9", called.astype(str)), metrics="fvu")


def test_code_of_somebody_is_run_only_where_it_is_named(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        MODEL.format(name="Mine", loss="total = self.bias.square().sum()", more=""), encoding="utf-8"
    )
    own, results = f"{tmp_path / 'mine.py'}:Mine", tmp_path / "runs"
    bench.run(own, seeds=1, results=results, **REQUEST)
    with pytest.raises(bench.BenchError, match="neither built in nor installed"):
        bench.load("Mine", results)
    assert bench.load("Mine", results, models=own).encode(np.zeros((2, 64))).shape[0] == 2


def test_a_folder_that_was_moved_has_its_arrays_with_it(table: pd.DataFrame, folder: Path, tmp_path: Path) -> None:
    moved = tmp_path / "moved"
    shutil.copytree(folder, moved)
    assert bench.load("pca", moved).n_features == 6
    (moved / "arrays" / "mine.npz").unlink()
    with pytest.raises(bench.BenchError, match="--datasets"):
        bench.load("pca", moved)
    with pytest.raises(bench.BenchError, match="Unknown run 'vae'"):
        bench.load("vae", moved)
    assert RunStore(moved).recorded()
