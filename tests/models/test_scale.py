"""What the scale of the inputs changes: nothing where they are normalised."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from bench.datasets.base import Dataset
from bench.datasets.files import FileSource
from bench.datasets.place import Place
from bench.plugins.loading import load_model_class
from bench.plugins.registry import MODEL_REGISTRY
from bench.store.runs import RunStore
from metrics.reconstruction import fvu
from models.gated import Gated
from models.pca import PCA, PCAConfig
from models.relu import ReLU
from tests.bench.execute.helpers import make, run_all

RNG = np.random.default_rng(0)
X = (RNG.random((200, 8)) < 0.3) * RNG.random((200, 8)) @ RNG.standard_normal((8, 6)) - 0.7
SMALL = ("n_latents=6", "k=2", "likelihood=gaussian")


def load(x: np.ndarray, folder: Path, how: str) -> Dataset:
    np.save(folder / "x.npy", x.astype(np.float32))
    return FileSource(Place(folder / "x.npy", {"normalise": how})).load(folder)


@pytest.mark.parametrize("how", ["rms", "standardise"])
@pytest.mark.parametrize("scale", [1e-3, 0.37, 25.0, 1e3])
def test_normalised_inputs_do_not_depend_on_the_scale_of_the_file(tmp_path: Path, how: str, scale: float) -> None:
    first, second = load(X, tmp_path, how), load(X * scale, tmp_path, how)
    torch.testing.assert_close(second.train.x, first.train.x, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(second.test.x, first.test.x, rtol=1e-4, atol=1e-5)


def board(folder: Path, x: np.ndarray, how: str) -> dict[str, dict[str, float]]:
    """What is measured of each model, on a file."""
    folder.mkdir()
    np.save(folder / "x.npy", x)
    np.save(folder / "x.labels.npy", np.arange(len(x)) % 3)
    plan = make(folder, models="all", datasets=f"{folder}/x.npy:normalise={how}", set=SMALL)
    run_all(plan, folder, metrics=("fvu", "mse", "l0"), threads=1)
    records = RunStore(folder).scan().records
    assert {record.status for record in records} == {"done"}, [record.error for record in records]
    assert [record.spec.model for record in records if record.not_applicable] == ["nmf"], "these go below 0"
    return {record.spec.model: dict(record.metrics) for record in records if record.metrics}


@pytest.mark.parametrize(("how", "exponents"), [("rms", (-10, 10)), ("standardise", (10,))])
def test_the_board_of_every_model_is_the_same_for_a_file_and_for_it_rescaled(
    tmp_path: Path, how: str, exponents: Sequence[int]
) -> None:
    """By a power of two, by which float32 scales without rounding: not a digit may differ."""
    plain = board(tmp_path / "plain", X.astype(np.float32), how)
    assert len(plain) > 15
    for exponent in exponents:
        scaled = board(tmp_path / str(exponent), np.ldexp(X.astype(np.float32), exponent), how)
        for model, row in plain.items():
            assert (scaled[model]["fvu"], scaled[model]["l0"]) == (row["fvu"], row["l0"]), model
            assert scaled[model]["mse"] == pytest.approx(row["mse"] * 4.0**exponent, rel=1e-6), model


@pytest.mark.parametrize("name", ["mp", "omp", "topk", "abstopk", "random"])
def test_scaled_inputs_have_scaled_codes(name: str) -> None:
    """Of the same atoms: so that FVU does not depend on the scale where nothing is normalised."""
    cls = load_model_class(MODEL_REGISTRY.find(name))
    model, x = cls(cls.Config(n_latents=6, k=2), 6), torch.from_numpy(X).float()
    expected = fvu(x, model.decode(model.encode(x)))
    for scale in (1e-3, 1e3):
        assert fvu(scale * x, model.decode(model.encode(scale * x))) == pytest.approx(expected, rel=1e-5)


def test_pca_does_not_depend_on_the_scale() -> None:
    found = []
    for scale in (1e-3, 1.0, 1e3):
        model, x = PCA(PCAConfig(n_latents=2), 6), scale * torch.from_numpy(X).float()
        model.fit(x)
        found.append(fvu(x, model.decode(model.encode(x))))
    assert found == pytest.approx(found[:1] * 3, rel=1e-5)


@pytest.mark.parametrize("cls", [ReLU, Gated])
def test_a_penalty_does_not_depend_on_the_scale(cls: type[ReLU | Gated]) -> None:
    found = []
    for scale in (1e-3, 1.0, 1e3):
        torch.manual_seed(0)
        model, x = cls(cls.Config(n_latents=12), 6), scale * torch.from_numpy(X).float()
        model.prepare(x, torch.zeros(len(x)))
        found.append(model.loss(x, torch.zeros(len(x)), 0.5).total.item())
    assert found == pytest.approx(found[:1] * 3, rel=1e-4)
