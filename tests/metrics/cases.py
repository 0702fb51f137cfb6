"""A small world in which every metric has what it needs: sparse factors, atoms near the true ones, a linear encoder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.sparse import csr_array
from torch import Tensor

from bench.activations.downstream import Effects
from bench.execute.training import Training
from bench.plugins.loading import load_metrics
from metrics.base import Metric, NotApplicable

METRICS: dict[str, Metric[..., Any]] = load_metrics()
ROLES = ("global", "global", "shared", "shared", "exclusive", "exclusive")
CATEGORIES = torch.tensor([0, 0, 1, 1])
CODES = ("z", "active", "gamma", "gamma_hard")
THRESHOLD = 0.3
LOSSES = {
    name: torch.tensor(losses, dtype=torch.float64)
    for name, losses in {
        "original": [0.1, 0.5],
        "reconstructed": [0.3, 0.6],
        "zero": [2, 0.8],
        "mean": [1, 0.7],
    }.items()
}

# Four samples of two classes, three units:        class  unit 0  unit 1  unit 2
#                                                    0      1       0       0
#                                                    0      1       1       0
#                                                    1      1       1       0
#                                                    1      1       1       0
# Unit 0 is always on, unit 2 dead; unit 1 is on for half of class 0 and all of class 1.
ACTIVE = torch.tensor([[1, 0, 0], [1, 1, 0], [1, 1, 0], [1, 1, 0]]).bool()
LABELS = torch.tensor([0, 0, 1, 1])


class Samples(NamedTuple):
    """Inputs with their classes and factors."""

    x: Tensor
    """Inputs (N, 8)."""
    labels: Tensor
    """Classes (N,)."""
    gates: Tensor
    """Which factors are present (N, 6)."""
    values: Tensor
    """Strengths of the first two factors (N, 2), NaN where absent."""
    measures: Tensor
    """Two measures (N, 2)."""

    def take(self, samples: Tensor) -> Samples:
        return Samples(*(field[samples] for field in self))


@dataclass(frozen=True)
class World:
    """Two sets of samples, the atoms that made them, and the atoms of a model."""

    test: Samples
    """Samples that are evaluated."""
    train: Samples
    """Samples on which units are chosen."""
    atoms: Tensor
    """Atoms of the model (M, 8)."""
    true_atoms: Tensor
    """Atoms of the data (6, 8)."""


class Likelihood:
    """Bounds that depend on the inputs alone."""

    def elbo(self, x: Tensor) -> Tensor:
        return -x.square().sum(1)

    def log_likelihood(self, x: Tensor, n_samples: int) -> Tensor:
        return -x.square().sum(1) / n_samples


def make_world(n: int = 80, n_train: int = 120, n_units: int = 12) -> World:
    """Six gates over eight pixels; the first six atoms are noisy copies of the true ones, the others random."""
    true_atoms = torch.nn.functional.normalize(torch.randn(6, 8), dim=1)
    atoms = torch.nn.functional.normalize(torch.randn(n_units, 8), dim=1)
    known = min(6, n_units)
    atoms[:known] = true_atoms[:known] + 0.1 * torch.randn(known, 8)
    return World(_draw(n, true_atoms), _draw(n_train, true_atoms), atoms, true_atoms)


def _draw(n: int, true_atoms: Tensor) -> Samples:
    labels = torch.arange(n) % 4
    rates = torch.full((n, 6), 0.5)
    rates[:, 2:4] = torch.where(labels < 2, 0.8, 0.1)[:, None]
    rates[:, 4], rates[:, 5] = torch.where(labels == 0, 0.9, 0.05), torch.where(labels == 3, 0.9, 0.05)
    gates = torch.rand(n, 6) < rates
    strengths = torch.rand(n, 6) + 0.5
    x = (gates * strengths) @ true_atoms + 0.05 * torch.randn(n, 8)
    values = torch.where(gates, strengths, torch.nan)[:, :2]
    return Samples(x, labels, gates, values, x[:, :2] + labels[:, None])


def given(world: World) -> dict[str, Any]:
    """All inputs of metrics. Codes and functions follow from the atoms, so that moving atoms moves units."""
    atoms = world.atoms
    found: dict[str, Any] = {}
    for prefix, samples in (("", world.test), ("train_", world.train)):
        z = _encode(samples.x, atoms)
        codes = {"z": z, "active": z > 0, "gamma_hard": z > 0, "gamma": z / (1 + z)}
        codes["x_hat"] = z @ atoms
        found |= {f"{prefix}{name}": value for name, value in {**samples._asdict(), **codes}.items()}

    def budgeted(x: Tensor, k: int) -> Tensor:
        codes = _encode(x, atoms)
        kept = codes.topk(k, dim=1).indices
        return torch.zeros_like(codes).scatter(1, kept, codes.gather(1, kept))

    return found | {
        "own_units": lambda x: 3 * x + 1,
        "patch_side": 3,  # of which eight pixels are no patch
        "embedding": world.test.x,
        "train_embedding": world.train.x,
        "mean_embedding": world.train.x.mean(0),
        "categories": CATEGORIES,
        "category_names": ["high", "low"],
        "atoms": atoms,
        "true_atoms": world.true_atoms,
        "parents": torch.tensor([-1, 0, -1, 2, -1, -1]),
        "gate_names": tuple("abcdef"),
        "gate_roles": ROLES,
        "value_names": ("strength of a", "strength of b"),
        "value_gates": (0, 1),
        "measure_names": ("first", "second"),
        "k": min(3, len(atoms)),
        "encode": lambda x: _encode(x, atoms),
        "sample": lambda x: _encode(x, atoms),
        "decode": lambda z: z @ atoms,
        "preactivations": lambda x: x @ atoms.T - THRESHOLD,
        "posterior_mean": lambda x: x @ atoms.T,
        "pseudo_labels": lambda x: (x[:, 0] > 0).long(),
        "encode_with_budget": budgeted,
        "likelihood": Likelihood(),
        "model": torch.nn.Linear(3, 2),
        "downstream": Effects(LOSSES, {name: loss < 1 for name, loss in LOSSES.items()}, torch.tensor([0.2, 0.1])),
        "training": Training(10, 2.0, 0.1, 10**9, 5.0, pd.DataFrame()),
    }


def _encode(x: Tensor, atoms: Tensor) -> Tensor:
    return (x @ atoms.T - THRESHOLD).relu()


def value_of(name: str, have: Mapping[str, Any]) -> Any:
    """The metric's value on the inputs that it asks for."""
    return METRICS[name](**{need: have[need] for need in needs(name)})


def needs(name: str) -> list[str]:
    """The names of its parameters."""
    return list(METRICS[name].parameters)


def csr(matrix: Tensor) -> csr_array:
    """The same codes as a sparse array of float32, as evaluation makes them."""
    return csr_array(matrix.float().numpy())


def numbers(value: Any) -> dict[str, float]:
    """The numbers that a metric returned."""
    if isinstance(value, Tensor | NotApplicable):
        return {}
    items = value.items() if isinstance(value, dict) else [("", value)]
    return {key: float(number) for key, number in items}


def assert_same(found: Any, expected: Any) -> None:
    """Equal except for the order of sums; if there is no value, equal reasons."""
    if isinstance(found, NotApplicable) or isinstance(expected, NotApplicable):
        assert found == expected
    elif isinstance(expected, Tensor):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-7)
    else:
        assert numbers(found) == pytest.approx(numbers(expected), rel=1e-5, abs=1e-7, nan_ok=True)
