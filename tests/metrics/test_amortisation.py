"""The amortisation gap by hand, of codes that no search betters, and beside the best of all codes."""

from __future__ import annotations

from itertools import combinations

import pytest
import torch
from scipy.optimize import nnls
from torch import Tensor

from metrics.amortisation import amortisation_gap
from metrics.base import NotApplicable
from models.omp import OMP
from models.parts.dictionary import TrainedKSparseConfig
from tests.metrics.cases import csr


def test_by_hand() -> None:
    # Atoms (1, 0), (0, 1), (0.8, 0.6). x = (4, 3) is 5 times the third; the encoder takes 2 of the first: error 4 + 9 =
    # 13, of which a coefficient of 4 leaves 9. x = (-4, -3) has the empty code, and cannot have a better one. Total 50.
    x = torch.tensor([[4.0, 3.0], [-4.0, -3.0]])
    atoms = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.8, 0.6]])
    z = torch.tensor([[2.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    gap = amortisation_gap(x, z, atoms, lambda codes: codes @ atoms)
    assert gap == pytest.approx({"coefficients": 4 / 50, "omp": 13 / 50, "lasso": 13 / 50, "best": 13 / 50})
    assert amortisation_gap(x, csr(z), atoms, lambda codes: codes @ atoms) == gap


def random_case(seed: int = 0) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Inputs, non-negative codes of up to three units, atoms and a bias."""
    generator = torch.Generator().manual_seed(seed)
    atoms = torch.nn.functional.normalize(torch.randn(7, 5, generator=generator), dim=1)
    x, bias = torch.randn(20, 5, generator=generator), torch.randn(5, generator=generator)
    values, indices = ((x - bias) @ atoms.T).topk(3)
    return x, torch.zeros(20, 7).scatter(1, indices, values.relu()), atoms, bias


def test_the_best_is_between_nothing_and_the_best_of_all_codes() -> None:
    x, z, atoms, bias = random_case()
    gap = amortisation_gap(x, z, atoms, lambda codes: codes @ atoms + bias)
    assert isinstance(gap, dict)
    own = (z @ atoms + bias - x).square().sum()
    least = 0.0
    for sample, code in zip((x - bias).double().numpy(), z, strict=True):
        sets = combinations(range(7), int((code > 0).sum()))
        least += min(nnls(atoms[list(units)].T.double().numpy(), sample)[1] ** 2 if units else sample @ sample
                     for units in sets)  # fmt: skip
    total = (x - x.mean(0)).square().sum()
    assert 0 < gap["coefficients"] <= gap["best"] <= float((own - least) / total) + 1e-6
    assert gap["best"] >= 0.9 * float((own - least) / total)
    assert gap["best"] >= max(gap["omp"], gap["lasso"])


def test_a_code_that_is_pursuits_own_has_no_gap_to_it() -> None:
    torch.manual_seed(0)
    model = OMP(TrainedKSparseConfig(n_latents=12, k=3), 8)
    x = torch.rand(30, 8)
    codes = model.encode(x)
    with torch.no_grad():
        gap = amortisation_gap(x, codes.dense(), model.atoms(), lambda z: z @ model.dictionary + model.bias)
    assert isinstance(gap, dict)
    assert (gap["coefficients"], gap["omp"]) == pytest.approx((0, 0), abs=1e-6)


def test_where_it_does_not_apply() -> None:
    x, z, atoms, bias = random_case()
    refused = {
        "not linear": (x, z, atoms, lambda codes: (codes @ atoms + bias).sigmoid()),
        "5,000 atoms": (x, torch.zeros(20, 5000), torch.zeros(5000, 5), lambda codes: codes @ torch.zeros(5000, 5)),
        "300 active": (x, torch.ones(20, 300), torch.ones(300, 5), lambda codes: codes @ torch.ones(300, 5)),
        "the same": (x[:1].expand(20, 5), z, atoms, lambda codes: codes @ atoms + bias),
    }
    for reason, arguments in refused.items():
        found = amortisation_gap(*arguments)
        assert isinstance(found, NotApplicable)
        assert reason in found.reason


def test_empty_codes_have_no_gap() -> None:
    x, z, atoms, bias = random_case()
    gap = amortisation_gap(x, torch.zeros_like(z), atoms, lambda codes: codes @ atoms + bias)
    assert gap == dict.fromkeys(("coefficients", "omp", "lasso", "best"), 0)
