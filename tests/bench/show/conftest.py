"""Runs whose figures are drawn: trained ones, a smoke study of models that differ in what can be drawn of them."""

from __future__ import annotations

import pytest

from bench.store.runs import RunStore
from tests.bench.cli.helpers import bench

# Few units, which take little time; those of the VAE family on after 20 steps already.
SETTINGS = ("topk.n_latents=64", "mp.n_latents=64", "vae.beta=0", "vsc-aligned.alpha=0.9")
MODELS = ("vsc-aligned", "topk", "mp", "vae", "pca", "mean")


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> RunStore:
    """One run of each of the models."""
    root = tmp_path_factory.mktemp("runs")
    settings = [word for assignment in SETTINGS for word in ("--set", assignment)]
    command = ("run", "--models", ",".join(MODELS), "--seeds", "1", "--budget", "smoke", *settings)
    done = bench(*command, "--results", str(root))
    assert done.returncode == 0, done.stdout + done.stderr
    return RunStore(root)
