"""Codes by optimisation, beside scikit-learn's pursuit and lasso, scipy's least squares, and their optimality."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, strategies as st
from scipy.optimize import nnls
from sklearn.linear_model import Lasso, orthogonal_mp_gram
from torch import Tensor

from metrics.sparse_coding import lasso, pursuit, refit


def data(n: int, m: int, d: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Inputs (N, D), and atoms (M, D) of unlike norms."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(n, d, generator=generator, dtype=torch.float64)
    atoms = torch.randn(m, d, generator=generator, dtype=torch.float64) * torch.linspace(0.1, 5, m)[:, None]
    return x, atoms


def errors(x: Tensor, atoms: Tensor, z: Tensor) -> Tensor:
    return (x - z @ atoms).square().sum(1)


def test_pursuit_is_scikit_learns() -> None:
    x, atoms = data(12, 30, 20)
    unit = torch.nn.functional.normalize(atoms, dim=1)
    theirs = orthogonal_mp_gram((unit @ unit.T).numpy(), (unit @ x.T).numpy(), n_nonzero_coefs=5).T
    ours = pursuit(x, atoms, torch.full((12,), 5), nonnegative=False) * torch.linalg.vector_norm(atoms, dim=1)
    assert torch.allclose(ours, torch.from_numpy(theirs), atol=1e-8)


def test_each_sample_has_its_own_budget() -> None:
    x, atoms = data(6, 30, 20)
    budgets = torch.tensor([0, 1, 2, 3, 7, 20])
    for search in (pursuit, lasso):
        together = search(x, atoms, budgets, nonnegative=True)
        assert ((together != 0).sum(1) <= budgets).all()
        assert (together >= 0).all()
        for row, budget in enumerate(budgets):
            alone = search(x[row : row + 1], atoms, budget[None], nonnegative=True)
            assert torch.allclose(together[row], alone[0], atol=1e-8)


@pytest.mark.parametrize("scale", [1e-9, 1e9])
def test_the_scale_of_the_inputs_scales_the_codes(scale: float) -> None:
    x, atoms = data(6, 30, 20)
    for search in (pursuit, lasso):
        codes, scaled = (search(each, atoms, torch.full((6,), 12), nonnegative=True) for each in (x, scale * x))
        torch.testing.assert_close(scaled / scale, codes)


def test_refit_is_scipys_non_negative_least_squares() -> None:
    x, atoms = data(40, 15, 20)
    on = torch.rand(40, 15, generator=torch.Generator().manual_seed(1)) < 0.4
    found = refit(x, atoms, on.double(), nonnegative=True)
    assert (found >= 0).all()
    assert not (found[~on] != 0).any()
    for sample, units, code in zip(x, on, found, strict=True):
        _, residual = nnls(atoms[units].T.numpy(), sample.numpy())
        assert errors(sample[None], atoms, code[None]).item() == pytest.approx(residual**2, rel=1e-9)


def test_refit_of_either_sign_is_least_squares() -> None:
    x, atoms = data(10, 15, 20)
    on = torch.rand(10, 15, generator=torch.Generator().manual_seed(1)) < 0.4
    found = refit(x, atoms, on.double(), nonnegative=False)
    for sample, units, code in zip(x, on, found, strict=True):
        theirs = np.linalg.lstsq(atoms[units].T.numpy(), sample.numpy(), rcond=None)[0]
        assert code[units].numpy() == pytest.approx(theirs, abs=1e-7)


@pytest.mark.parametrize("nonnegative", [True, False])
def test_lasso_is_optimal_at_some_penalty(nonnegative: bool) -> None:
    # Where the path stops, the active atoms have one correlation with the residual: the penalty, at which
    # coordinate descent finds the same code.
    x, atoms = data(5, 30, 20)
    norms = torch.linalg.vector_norm(atoms, dim=1)
    for sample, code in zip(x, lasso(x, atoms, torch.full((5,), 6), nonnegative) * norms, strict=True):
        unit = atoms / norms[:, None]
        penalty = ((sample - code @ unit) @ unit.T)[code != 0].abs().mean().item()
        theirs = Lasso(penalty / 20, fit_intercept=False, positive=nonnegative, tol=1e-12, max_iter=100_000)
        theirs.fit(unit.T.numpy(), sample.numpy())
        assert code.numpy() == pytest.approx(theirs.coef_, abs=1e-6)


@given(n=st.integers(1, 4), m=st.integers(1, 6), d=st.integers(1, 5), k=st.integers(0, 8), seed=st.integers(0, 99),
       nonnegative=st.booleans(), twice=st.booleans())  # fmt: skip
def test_no_search_is_worse_than_nothing(
    n: int, m: int, d: int, k: int, seed: int, nonnegative: bool, twice: bool
) -> None:
    # Also with more steps than atoms or features, atoms that are zero or stand twice, and an input of zeros.
    x, atoms = data(n, m, d, seed)
    atoms[0] = 0
    atoms = torch.cat([atoms, atoms]) if twice else atoms
    x[-1] = 0
    for search in (pursuit, lasso):
        codes = search(x, atoms, torch.full((n,), k), nonnegative)
        codes = refit(x, atoms, codes, nonnegative)
        assert codes.isfinite().all()
        assert ((codes != 0).sum(1) <= k).all()
        assert (errors(x, atoms, codes) <= x.square().sum(1) + 1e-9).all()
