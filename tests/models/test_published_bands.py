"""Trained on the real data, models land where published logs and measured libraries do. Minutes each: marked slow.

The bands hold the test-set values of a re-implementation of VSC's ICLR version (VAE 104.8 and 243, VSC at alpha 0.5
112.5 and 247 nats at M 16) and of public TopK and matching-pursuit code at M 1024, k 32.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bench.execute.evaluation import evaluate
from bench.execute.outputs import outputs_of
from bench.execute.seeding import seed_everything
from bench.execute.training import train
from bench.plugins.loading import load_dataset, load_metrics, load_model_class
from bench.plugins.registry import DATASET_REGISTRY, MODEL_REGISTRY

pytestmark = pytest.mark.slow


def score(
    model_name: str, dataset_name: str, data_dir: Path, metrics: tuple[str, ...], **config: Any
) -> dict[str, float]:
    dataset = load_dataset(DATASET_REGISTRY.find(dataset_name), data_dir)
    cls = load_model_class(MODEL_REGISTRY.find(model_name))
    seed_everything(0, dataset_name, "initialisation")
    model = cls(cls.Config(**config), dataset.n_features)
    train(model, dataset.train, batches_seed=0)
    scores = evaluate(outputs_of(model, dataset, dataset.test), load_metrics(metrics), seed=0).scalars
    print(model_name, dataset_name, config, scores)
    return scores


@pytest.mark.parametrize(("dataset", "low", "high"), [("mnist", 100, 112), ("fmnist", 238, 246)])
def test_vae_bound(dataset: str, low: float, high: float, data_dir: Path) -> None:
    scores = score("vae", dataset, data_dir, ("neg_elbo", "nll"), n_latents=20, epochs=10, batch_size=64)
    assert low < scores["neg_elbo"] < high
    assert scores["nll"] < scores["neg_elbo"]


@pytest.mark.parametrize(("dataset", "low", "high"), [("mnist", 108, 118), ("fmnist", 243, 253)])
def test_vsc_bound_with_hard_spikes(dataset: str, low: float, high: float, data_dir: Path) -> None:
    config = {"n_latents": 16, "alpha": 0.5, "epochs": 11, "batch_size": 64}
    scores = score("vsc", dataset, data_dir, ("neg_elbo", "nll"), **config)
    assert low < scores["neg_elbo"] < high
    assert scores["nll"] < scores["neg_elbo"]


@pytest.mark.parametrize(("model", "fvu", "dead"), [("mp", 0.12, 0.02), ("topk", 0.16, 0.05)])
def test_dictionary_models_after_two_epochs(model: str, fvu: float, dead: float, data_dir: Path) -> None:
    config = {"n_latents": 1024, "k": 32, "epochs": 2, "batch_size": 256}
    scores = score(model, "mnist", data_dir, ("fvu", "dead_fraction"), **config)
    assert scores["fvu"] <= fvu
    assert scores["dead_fraction"] < dead
