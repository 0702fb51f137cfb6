"""What every built-in keeps: the contract of `bench check`, at most k units, the sphere, documented fields."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import ValidationError

from bench.datasets.base import Dataset, Split
from bench.execute.contract import check_object
from bench.execute.training import train
from bench.plugins.loading import load_model_class
from bench.plugins.registry import MODEL_REGISTRY
from models.base import GradientConfig, Model, SparseCodes
from models.capabilities import HasAtoms
from models.topk import TopK
from tests.models.test_capabilities import FITTED

NAMES = list(MODEL_REGISTRY.builtins)
FIXED_K = [
    "topk",
    "topk-l1",
    "topk-l2",
    "topk-hoyer",
    "hierarchical-topk",
    "abstopk",
    "archetypal",
    "vsae",
    "mp",
    "omp",
]
FIXED_K += ["random", "nmf", "ica", "dictionary-learning"]
DICTIONARIES = [*FIXED_K, "relu", "gated", "jumprelu", "batchtopk", "matryoshka"]
TINY: dict[str, Any] = {"n_latents": 20, "hidden": 16, "k": 4, "batch_size": 64, "epochs": 2}


def trained(name: str, data: Split, **fields: Any) -> Model:
    cls = load_model_class(MODEL_REGISTRY.find(name))
    config = cls.Config(**{k: v for k, v in (TINY | fields).items() if k in cls.Config.model_fields})
    model = cls(config, data.x.shape[1])
    train(model, data, batches_seed=0)
    return model.eval()


@pytest.mark.filterwarnings("ignore:the fit had not converged")
@pytest.mark.parametrize("name", NAMES)
def test_every_built_in_keeps_the_contract(name: str) -> None:
    assert [outcome for outcome in check_object(name, Path("data")) if outcome.problem] == []


@pytest.mark.parametrize("name", FIXED_K)
def test_no_more_than_k_units_are_on(name: str, digits: Dataset) -> None:
    model = trained(name, digits.train)
    with torch.no_grad():
        codes = model.encode(digits.test.x)
    assert isinstance(codes, SparseCodes)
    assert ((codes.dense() != 0).sum(1) <= model.config.k).all()


@pytest.mark.parametrize("name", NAMES)
def test_a_budget_of_all_units_survives_constant_and_duplicate_images(name: str) -> None:
    x = torch.cat([torch.zeros(20, 12), torch.ones(20, 12), torch.rand(1, 12).repeat(24, 1)])
    model = trained(name, Split(x, torch.arange(64) % 3), n_latents=8, k=8, batch_size=16)
    with torch.no_grad():
        assert model.decode(model.encode(x)).isfinite().all()


@pytest.mark.parametrize("name", [name for name in DICTIONARIES if name != "archetypal"])
def test_atoms_stay_on_the_unit_sphere(name: str, digits: Dataset) -> None:
    model = trained(name, digits.train)
    assert isinstance(model, HasAtoms)
    torch.testing.assert_close(model.atoms().norm(dim=1), torch.ones(20), atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", [name for name in DICTIONARIES if name not in ("relu", "gated")])
@pytest.mark.parametrize("k", [0, 21])
def test_k_out_of_range_names_the_field(name: str, k: int) -> None:
    cls = load_model_class(MODEL_REGISTRY.find(name))
    with pytest.raises(ValidationError, match="k"):
        cls.Config(n_latents=20, k=k)


@pytest.mark.parametrize("name", NAMES)
def test_every_field_says_where_it_comes_from(name: str) -> None:
    for field, info in load_model_class(MODEL_REGISTRY.find(name)).Config.model_fields.items():
        assert info.description, f"{name}.{field}"


@pytest.mark.parametrize("name", NAMES)
def test_a_model_is_at_most_two_classes_below_the_base(name: str) -> None:
    models = [cls for cls in load_model_class(MODEL_REGISTRY.find(name)).__mro__ if issubclass(cls, Model)]
    assert len(models) <= 3


def test_every_model_declares_its_family() -> None:
    families = {name: load_model_class(MODEL_REGISTRY.find(name)).family for name in NAMES}
    assert {name for name, family in families.items() if family == "VAE family"} == {"vae", "vsc", "vsc-aligned"}
    assert {name for name, family in families.items() if family == "floors"} == FITTED
    assert set(families.values()) == {"VAE family", "SAE family", "floors"}
    assert Model.family == "others"


def test_a_model_whose_config_has_no_type_works() -> None:
    """As in the README: `class MySAE(Model)`, not `class MySAE(Model[GradientConfig])`."""

    class Plain(Model):
        Config = GradientConfig

    assert Plain(GradientConfig(n_latents=3), 5).config.n_latents == 3


def test_auxk_revives_dead_units_and_reaches_the_encoder(digits: Dataset) -> None:
    model = TopK(TopK.Config(n_latents=50, k=2, dead_after_epochs=0.01, batch_size=4), 64)
    model.prepare(digits.train.x, digits.train.labels)
    labels = digits.train.labels[:50]
    first = model.loss(digits.train.x[:50], labels, 0.0)
    assert first.terms["auxk"].item() > 0, "50 samples of silence are more than 0.01 epochs and than 10 batches"
    selected = model.encode(digits.train.x[:50]).indices.unique()
    first.total.backward()
    silent = torch.ones(50, dtype=torch.bool)
    silent[selected] = False
    assert model.encoder.grad is not None
    assert model.encoder.grad[silent].abs().sum() > 0


def test_vsae_without_noise_is_topk_with_half_beta_l2() -> None:
    from models.vsae import VSAE

    model = VSAE(VSAE.Config(n_latents=30, k=30, variance="none", beta=0.7), 10).double()
    x = torch.rand(16, 10, dtype=torch.float64)
    loss = model.loss(x, torch.zeros(16), 1.0).total
    mu = torch.relu((x - model.bias) @ model.encoder.T + model.encoder_bias)
    x_hat = mu @ model.dictionary + model.bias
    expected = ((x - x_hat).square().sum(1) + 0.35 * mu.square().sum(1)).mean()
    torch.testing.assert_close(loss, expected)
    parameters = [model.encoder, model.encoder_bias, model.dictionary, model.bias]
    ours = torch.autograd.grad(loss, parameters)
    torch.testing.assert_close(ours, torch.autograd.grad(expected, parameters), atol=1e-10, rtol=1e-7)
