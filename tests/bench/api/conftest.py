"""An array of one's own, and runs on it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import bench

REQUEST = {"budget": "smoke", "metrics": "fvu,l0,probe_accuracy,neg_elbo", "verbose": False}
"""A small study, with a metric that does not apply to its models."""


@pytest.fixture(scope="session")
def x() -> np.ndarray:
    """Inputs (300, 6) far from 0."""
    rng = np.random.default_rng(0)
    return 20 + rng.standard_normal((300, 6)) @ rng.normal(scale=5, size=(6, 6))


@pytest.fixture(scope="session")
def labels(x: np.ndarray) -> np.ndarray:
    """Three classes, which the inputs decide."""
    return np.digitize(x[:, 0], np.quantile(x[:, 0], [0.3, 0.6]))


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results folder of `table`."""
    return tmp_path_factory.mktemp("api") / "runs"


@pytest.fixture(scope="session")
def table(x: np.ndarray, labels: np.ndarray, folder: Path) -> pd.DataFrame:
    """Five runs: TopK with two budgets and two seeds, and PCA, which no seed changes."""
    models = {"topk.k": [1, 3], "topk.n_latents": 16}
    return bench.run("topk,pca", {"mine": (x, labels)}, seeds=2, set=models, results=folder, **REQUEST)
