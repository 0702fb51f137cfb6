"""Shared fixtures: small data, a results folder, and the real data sets where they are."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from threadpoolctl import threadpool_limits

from bench.datasets.base import Dataset
from bench.plugins.loading import load_dataset
from bench.plugins.registry import DATASET_REGISTRY
from models.parts import kernels

torch.set_num_threads(1)  # networks and tables are small: threads would wait for each other
threadpool_limits(1)
if not torch.cuda.is_available():  # kernels run on the CPU then; Triton reads this once, when it is imported
    os.environ["TRITON_INTERPRET"] = "1"
os.environ.pop("COLUMNS", None)  # readline sets it in processes that pytest starts: a terminal is what a test says


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """A process more than there are cores: for a third of their time tests wait, for processes, browsers and clocks."""
    return (os.cpu_count() or 1) + 1


@pytest.fixture
def digits() -> Dataset:
    return load_dataset(DATASET_REGISTRY.find("digits"), Path("unused"))


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Folder of MNIST and Fashion-MNIST. Tests that need it do not run where BENCH_DATA_DIR is not set."""
    if "BENCH_DATA_DIR" not in os.environ:
        pytest.skip("BENCH_DATA_DIR is not set: no MNIST and Fashion-MNIST here")
    return Path(os.environ["BENCH_DATA_DIR"])


@pytest.fixture
def no_slurm(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without SLURM's commands."""
    monkeypatch.setenv("PATH", "")


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)
    torch.set_num_threads(1)  # a run inside this process may have set others
    torch.set_flush_denormal(False)  # which it sets, and hypothesis minds
    kernels.problems.clear()  # fake tensors on a GPU give kernels up
