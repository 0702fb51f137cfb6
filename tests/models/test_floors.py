"""Floors that scikit-learn fits, beside scikit-learn's own codes and reconstructions where none is cut away."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from scipy.optimize import linear_sum_assignment, nnls
from sklearn.cluster import KMeans as ScikitKMeans
from sklearn.decomposition import NMF as ScikitNMF, sparse_encode
from sklearn.exceptions import ConvergenceWarning
from torch import Tensor

from bench.datasets.base import Dataset, Split
from bench.execute.training import train
from bench.plugins.loading import load_model_class
from bench.plugins.registry import MODEL_REGISTRY
from models.base import DoesNotApplyError, Model
from models.kmeans import KMeans

CUT = ["nmf", "ica", "dictionary-learning"]
FLOORS = [*CUT, "kmeans"]


def fitted(name: str, x: Tensor, **fields: Any) -> Any:
    cls = load_model_class(MODEL_REGISTRY.find(name))
    fields = {"n_latents": 6, "k": 6} | fields
    model: Model = cls(cls.Config(**{k: v for k, v in fields.items() if k in cls.Config.model_fields}), x.shape[1])
    train(model, Split(x, torch.zeros(len(x))), 0)
    return model


def fvu(model: Any, x: Tensor, k: int = 0) -> float:
    x_hat = model.decode(model.encode_with_budget(x, k) if k else model.encode(x))
    return float((x - x_hat).square().sum() / (x - x.mean(0)).square().sum())


def mixed(n: int = 600) -> tuple[Tensor, Tensor]:
    """Inputs (n, 6) far from 0 that are mixtures of 6 independent sources of unit variance, and these."""
    sources = torch.from_numpy(np.random.default_rng(0).laplace(size=(n, 6))).float() / 2**0.5
    return 5 + sources @ torch.randn(6, 6, generator=torch.Generator().manual_seed(3)), sources


def test_nmf_codes_are_least_squares_solutions_of_scikit_learns_atoms(digits: Dataset) -> None:
    """On atoms of unit norm; codes are those of Lawson & Hanson's active sets, and scikit-learn's to its tolerance."""
    x = digits.train.x[:200]
    torch.manual_seed(0)
    seed = int(torch.randint(2**31 - 1, ()))
    theirs = ScikitNMF(6, max_iter=50, random_state=seed)
    torch.manual_seed(0)
    model = fitted("nmf", x)
    with pytest.warns(ConvergenceWarning):
        theirs.fit(x.double().numpy())
    norms = np.linalg.norm(theirs.components_, axis=1)
    np.testing.assert_allclose(model.atoms(), theirs.components_ / norms[:, None], atol=1e-5)
    ours = model.encode(x[:20]).dense().numpy()
    best = [nnls(model.atoms().double().numpy().T, row)[0] for row in x[:20].double().numpy()]
    np.testing.assert_allclose(ours, best, atol=2e-4)
    codes = model.encode(x).dense().numpy()
    np.testing.assert_allclose(codes, theirs.transform(x.double().numpy()) * norms, atol=0.02)
    assert (codes >= 0).all()
    assert (model.atoms() >= 0).all()


def test_ica_finds_independent_sources_and_gives_all_back() -> None:
    x, sources = mixed()
    model = fitted("ica", x)
    codes = model.encode(x).dense()
    found = np.abs(np.corrcoef(codes.numpy().T, sources.numpy().T)[:6, 6:])
    assert found[linear_sum_assignment(-found)].min() > 0.97
    assert fvu(model, x) < 1e-9
    torch.testing.assert_close(model.filters @ model.atoms().T, torch.eye(6), atol=1e-3, rtol=0)


def test_ica_has_no_more_components_than_the_rank() -> None:
    x = mixed()[0] @ torch.randn(6, 20)
    model = fitted("ica", x, n_latents=50, k=50)
    assert (model.config.n_latents, model.config.k) == (20, 20), "no more than features"
    assert int((model.encode(x).dense() != 0).any(0).sum()) == 6
    assert fvu(model, x) < 1e-6


def test_codes_of_dictionary_learning_are_scikit_learns_omp(digits: Dataset) -> None:
    x = digits.train.x[:300]
    model = fitted("dictionary-learning", x, n_latents=40, k=5)
    centred, atoms = (x - model.bias).double().numpy(), model.atoms().double().numpy()
    theirs = sparse_encode(centred, atoms, algorithm="omp", n_nonzero_coefs=5)
    np.testing.assert_allclose(model.encode(x).dense(), theirs, atol=1e-4)
    assert fvu(model, x) < fvu(fitted("random", x, n_latents=40, k=5), x) / 3


def test_kmeans_codes_are_scikit_learns_clusters(digits: Dataset) -> None:
    x = digits.train.x[:300]
    torch.manual_seed(0)
    seed = int(torch.randint(2**31 - 1, ()))
    theirs = ScikitKMeans(12, n_init=1, random_state=seed).fit(x.double().numpy())
    torch.manual_seed(0)
    model = KMeans(KMeans.Config(n_latents=12), 64)
    model.fit(x)
    codes = model.encode(x)
    assert codes.indices.squeeze(1).tolist() == theirs.labels_.tolist()
    assert (codes.dense().sum(1) == 1).all()
    assert (codes.dense() != 0).sum() == 300
    torch.testing.assert_close((x - model.decode(codes)).square().sum().item(), theirs.inertia_, rtol=1e-5, atol=0)


@pytest.mark.parametrize("name", CUT)
def test_the_largest_contributions_are_kept(name: str, digits: Dataset) -> None:
    """k of them, those of the largest norm; more of them leave less; all of them are the method's own code."""
    x = digits.train.x[:300]
    model = fitted(name, x, n_latents=16, k=16)
    full, two = model.encode(x).dense(), model.encode_with_budget(x, 2).dense()
    assert (two != 0).sum(1).max() <= 2
    assert fvu(model, x) < fvu(model, x, 4) < fvu(model, x, 1)
    kept = full.abs() >= full.abs().topk(2).values[:, -1:]
    if name == "ica":
        torch.testing.assert_close(two, full * kept)
    if name == "nmf":
        atoms = model.atoms().double().numpy()
        for row, mask, code in zip(x[:20].double().numpy(), kept[:20].numpy(), two[:20].numpy(), strict=True):
            np.testing.assert_allclose(code[mask], nnls(atoms[mask].T, row)[0], atol=1e-4)


@pytest.mark.parametrize("name", FLOORS)
def test_one_seed_gives_one_floor(name: str, digits: Dataset) -> None:
    found = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        found.append(fitted(name, digits.train.x[:200]).atoms())
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0], found[2]) or name == "nmf"  # which starts at singular vectors


@pytest.mark.parametrize("name", FLOORS)
@pytest.mark.parametrize(("n", "m"), [(1, 3), (30, 1), (5, 12), (40, 12)])
def test_odd_sizes(name: str, n: int, m: int) -> None:
    """One sample, one unit, more units than samples, more units than features; some features are constant."""
    x = torch.rand(n, 8)
    x[:, 3:5] = 0.5
    model = fitted(name, x, n_latents=m, k=m)
    assert model.atoms().isfinite().all()
    assert model.decode(model.encode(x)).isfinite().all()
    if n > m > 1 or n == 1:
        assert (x - model.decode(model.encode(x))).square().sum() < (x - x.mean(0)).square().sum() + 1e-3


def test_nmf_says_that_it_does_not_apply_to_values_below_zero() -> None:
    with pytest.raises(
        DoesNotApplyError, match=r"Negative values in data: x goes down to -1, and NMF .*dictionary-learning"
    ):
        fitted("nmf", torch.linspace(-1, 1, 60).view(20, 3))


def test_a_fit_that_did_not_converge_says_so() -> None:
    model = load_model_class(MODEL_REGISTRY.find("nmf"))
    trained = train(model(model.Config(n_latents=8, k=2), 20), Split(torch.rand(200, 20), torch.zeros(200)), 0)
    assert trained.note == "the fit had not converged when it reached its bound on steps"
