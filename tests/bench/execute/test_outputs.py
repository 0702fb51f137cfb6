"""What a model makes of a split: the same dense and sparse, in batches or at once, and only what is asked for."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from scipy.sparse import csr_array
from torch import Tensor

from bench.datasets.base import Dataset, Split
from bench.execute.outputs import InvalidOutputError, outputs_of
from metrics import matrix
from metrics.matrix import dense
from models.base import DenseCodes, Model, ModelConfig, SparseCodes
from models.parts.sparse import sparse_codes
from models.pca import PCA
from models.topk import TopK
from models.vae import VAE


@pytest.fixture
def dataset(digits: Dataset) -> Dataset:
    return replace(digits, train=digits.train.head(100), test=digits.test.head(60))


def topk(dataset: Dataset) -> TopK:
    return TopK(TopK.Config(n_latents=16, k=4), dataset.n_features)


def test_codes_and_reconstructions_are_those_of_the_model(dataset: Dataset) -> None:
    model, x = topk(dataset), dataset.test.x
    values = outputs_of(model, dataset, dataset.test, batch_size=7).values
    with torch.no_grad():
        codes = model.encode(x)
        torch.testing.assert_close(values["z"], codes.dense())
        torch.testing.assert_close(values["x_hat"], model.decode(codes))
        torch.testing.assert_close(values["decode"](codes.dense()), model.decode(codes))
    assert torch.equal(values["active"], values["z"] != 0)
    assert torch.equal(values["gamma"], values["active"].float())
    assert torch.equal(values["atoms"], model.atoms())
    assert values["k"] == 4
    assert not model.training
    assert not values["x_hat"].requires_grad


def test_large_codes_are_sparse_and_the_same(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    model = topk(dataset)
    plain = outputs_of(model, dataset, dataset.test).values
    monkeypatch.setattr(matrix, "MAX_ENTRIES", 10)
    large = outputs_of(model, dataset, dataset.test, batch_size=7).values
    for name in ("z", "active", "gamma", "gamma_hard"):
        assert isinstance(large[name], csr_array)
        torch.testing.assert_close(dense(large[name]).to(plain[name].dtype), plain[name])
    torch.testing.assert_close(large["x_hat"], plain["x_hat"])


def test_training_samples_and_their_mean_are_made_where_they_are_asked_for(dataset: Dataset) -> None:
    model = topk(dataset)
    plain = outputs_of(model, dataset, dataset.test).values
    assert "mean_embedding" not in plain
    assert not [name for name in plain if name.startswith("train_")]
    asked = outputs_of(model, dataset, dataset.test, {"train_z", "mean_embedding"}).values
    assert torch.equal(asked["train_x"], dataset.train.x)
    assert torch.equal(asked["train_labels"], dataset.train.labels)
    assert asked["train_z"].shape == (100, 16)
    torch.testing.assert_close(asked["mean_embedding"], dataset.train.x.mean(0))
    assert torch.equal(asked["embedding"], dataset.test.x)
    assert torch.equal(asked["train_embedding"], dataset.train.x)


def test_an_embedding_of_the_samples_is_passed_in_the_place_of_the_inputs(dataset: Dataset) -> None:
    def embedded(split: Split) -> Split:
        return replace(split, factors={"embedding": split.x[:, :3] + 1})

    other = dataset.with_splits(embedded)
    values = outputs_of(topk(dataset), other, other.test, {"train_z", "mean_embedding"}).values
    assert torch.equal(values["embedding"], dataset.test.x[:, :3] + 1)
    assert torch.equal(values["train_embedding"], dataset.train.x[:, :3] + 1)
    torch.testing.assert_close(values["mean_embedding"], dataset.train.x[:, :3].mean(0) + 1)
    of_inputs = outputs_of(topk(dataset), other, dataset.test, {"mean_embedding"}).values
    assert of_inputs["mean_embedding"].shape == (64,), "of the kind that the measured split has"


def test_a_vae_has_no_gamma_and_a_unit_that_says_nothing_is_off(dataset: Dataset) -> None:
    model = VAE(VAE.Config(n_latents=8, hidden=8), dataset.n_features)
    values = outputs_of(model, dataset, dataset.test).values
    assert "gamma" not in values
    assert torch.equal(values["active"].any(0), values["z"].var(0, correction=0) >= model.dead_variance)


class Dense(TopK):
    """The same codes, stored dense."""

    def encode(self, x: Tensor) -> DenseCodes:  # type: ignore[override]
        return DenseCodes(super().encode(x).dense())

    def decode(self, codes: DenseCodes | SparseCodes) -> Tensor:
        return super().decode(sparse_codes(codes.dense()))


def test_activity_does_not_depend_on_how_sparse_codes_are_stored(dataset: Dataset) -> None:
    torch.manual_seed(0)
    sparse = topk(dataset)
    dense_codes = Dense(sparse.config, dataset.n_features)
    dense_codes.load_state_dict(sparse.state_dict())
    ours, theirs = (outputs_of(model, dataset, dataset.test).values for model in (dense_codes, sparse))
    for name in ("z", "active", "gamma", "gamma_hard"):
        assert torch.equal(ours[name], theirs[name]), name


def test_codes_without_a_single_zero_and_codes_declared_dense_have_no_gamma(dataset: Dataset) -> None:
    model = Bad(ModelConfig(n_latents=4), 64)
    model.codes, model.decoded = DenseCodes(torch.ones(60, 4)), dataset.test.x
    assert "gamma" not in outputs_of(model, dataset, dataset.test).values
    pca = PCA(PCA.Config(n_latents=64), 64)  # pixels that are always black have components of exact zeros
    pca.fit(dataset.train.x)
    values = outputs_of(pca, dataset, dataset.test).values
    assert bool((values["z"] == 0).any())
    assert "gamma" not in values


def test_what_a_data_set_knows_does_not_stand_in_for_inputs_or_codes(dataset: Dataset) -> None:
    n, wrong = len(dataset.test), torch.zeros(60, 2)
    factors = dict.fromkeys(["x", "z", "x_hat", "gates"], wrong)
    dataset = replace(dataset, truth={"model": "wrong", "gate_names": ("a", "b")})
    values = outputs_of(topk(dataset), dataset, Split(dataset.test.x, dataset.test.labels, factors)).values
    assert values["x"].shape == values["x_hat"].shape == (n, 64)
    assert values["z"].shape == (n, 16)
    assert isinstance(values["model"], TopK)
    assert values["gates"] is wrong
    assert values["gate_names"] == ("a", "b")


class Bad(Model[ModelConfig]):
    """Returns what a test tells it to."""

    codes: DenseCodes | SparseCodes
    decoded: Tensor

    def encode(self, x: Tensor) -> DenseCodes | SparseCodes:
        return self.codes

    def decode(self, codes: DenseCodes | SparseCodes) -> Tensor:
        return self.decoded


GOOD = DenseCodes(torch.zeros(60, 4))


@pytest.mark.parametrize(
    ("codes", "decoded", "words"),
    [
        (
            DenseCodes(torch.zeros(60, 5)),
            torch.zeros(60, 64),
            r"encode returned the shape \(60, 5\), expected \(60, 4\)",
        ),
        (DenseCodes(torch.full((60, 4), torch.inf)), torch.zeros(60, 64), "encode returned 240 values that are NaN or"),
        (GOOD, torch.zeros(60, 63), r"decode returned the shape \(60, 63\), expected \(60, 64\)"),
        (GOOD, torch.full((60, 64), torch.nan), "decode returned 3840 values that are NaN"),
        (DenseCodes(GOOD.z, GOOD.z - 1), torch.zeros(60, 64), r"gamma\) returned values outside \[0.0, 1.0\]"),
    ],
)
def test_outputs_that_cannot_be_measured_are_named(
    dataset: Dataset, codes: DenseCodes, decoded: Tensor, words: str
) -> None:
    model = Bad(ModelConfig(n_latents=4), 64)
    model.codes, model.decoded = codes, decoded
    with pytest.raises(InvalidOutputError, match=words):
        outputs_of(model, dataset, dataset.test)
