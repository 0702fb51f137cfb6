"""Matching pursuit and its orthogonal form against literal loops, autograd through them, and scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings, strategies as st
from sklearn.linear_model import orthogonal_mp
from torch import Tensor

from models.mp import MatchingPursuit
from models.omp import OMP
from models.parts.hardware import products_in
from models.parts.orthogonal_pursuit import orthogonal_pursue, use_gram_orthogonally
from models.parts.pursuit import Choice, gram_matrix, pursue, pursuit, use_gram
from models.parts.sparse import decode

CHOICES: list[Choice] = ["nonnegative", "signed", "absolute"]


def unit_atoms(m: int, d: int) -> Tensor:
    return torch.nn.functional.normalize(torch.randn(m, d, dtype=torch.float64), dim=1).requires_grad_()


def unrolled(
    x: Tensor, centre: Tensor, atoms: Tensor, k: int, choice: Choice = "nonnegative", threshold: float = 0.0
) -> tuple[Tensor, Tensor, Tensor]:
    """Matching pursuit as written in the papers, for autograd to unroll."""
    residual = x - centre
    values, indices = [], []
    for _ in range(k):
        correlations = residual @ atoms.T
        index = (correlations.abs() if choice == "absolute" else correlations).argmax(1)
        value = correlations.gather(1, index[:, None]).squeeze(1)
        size = value if choice == "nonnegative" else value.abs()
        goes_on = (size > 1e-14 * (x - centre).norm(dim=1)) & (residual.norm(dim=1) > threshold)
        value = torch.where(goes_on, value, 0.0)  # a rounding error is a zero
        residual = residual - value[:, None] * atoms[index]
        values.append(value)
        indices.append(torch.where(goes_on, index, 0))
    return torch.stack(values, 1), torch.stack(indices, 1), x - residual


@pytest.mark.parametrize("threshold", [0.0, 1.5])
@pytest.mark.parametrize("choice", CHOICES)
@pytest.mark.parametrize("by_gram", [True, False])
@pytest.mark.parametrize(("n", "m", "d", "k"), [(64, 30, 12, 10), (3, 200, 12, 6), (5, 40, 8, 1), (40, 12, 30, 12)])
def test_pursuit_equals_the_unrolled_loop_in_value_and_gradient(
    n: int, m: int, d: int, k: int, by_gram: bool, choice: Choice, threshold: float
) -> None:
    x, atoms = torch.randn(n, d, dtype=torch.float64), unit_atoms(m, d)
    centre = torch.randn(d, dtype=torch.float64, requires_grad=True)
    weights, code_weights = torch.randn(n, d, dtype=torch.float64), torch.randn(n, k, dtype=torch.float64)
    values, indices, x_hat = unrolled(x, centre, atoms, k, choice, threshold)
    loss = (weights * x_hat).sum() + (code_weights * values).sum() + (x - x_hat).square().sum()
    ours, selection = pursuit(x, centre, atoms, k, by_gram, choice, threshold)
    our_x_hat = decode(ours, selection, atoms) + centre
    our_loss = (weights * our_x_hat).sum() + (code_weights * ours).sum() + (x - our_x_hat).square().sum()
    assert ((selection.indices == indices) | (values == 0)).all()
    torch.testing.assert_close(ours, values, atol=1e-12, rtol=0)
    expected = torch.autograd.grad(loss, [centre, atoms])
    torch.testing.assert_close(torch.autograd.grad(our_loss, [centre, atoms]), expected, atol=1e-9, rtol=1e-9)


def test_the_rule_for_the_gram_matrix() -> None:
    assert use_gram(torch.empty(256, 1), 1024, 32)
    assert not use_gram(torch.empty(50, 1), 1000, 10)


@pytest.mark.parametrize("precision", ["float32", "tf32", "bf16"])
def test_the_rule_for_the_gram_matrix_of_orthogonal_pursuit(precision: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a GPU: few atoms, few samples, and products that leave a duplicate atom in the span of the other."""
    x = torch.empty(50, 784)
    assert not use_gram_orthogonally(x, 1000, 10)
    for module in ("orthogonal_pursuit", "pursuit"):
        monkeypatch.setattr(f"models.parts.{module}.may_wait", lambda _: False)
    with products_in(precision):
        assert use_gram_orthogonally(x, 1000, 10) == (precision == "float32")
        assert not use_gram_orthogonally(x, 16384, 10)
        assert not use_gram_orthogonally(torch.empty(4096, 784), 1000, 32)


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 40), st.integers(1, 5))
def test_the_gram_matrix_from_half_its_blocks(m: int, d: int) -> None:
    atoms = unit_atoms(m, d).detach()
    torch.testing.assert_close(gram_matrix(atoms), atoms @ atoms.T)


@pytest.mark.parametrize("choice", CHOICES)
def test_pursuit_leaves_the_last_atom_and_never_raises_the_residual(choice: Choice) -> None:
    x, atoms = torch.randn(30, 40), torch.nn.functional.normalize(torch.randn(100, 40), dim=1)
    values, indices = pursue(x, atoms, 12, choice=choice)
    norms = [x.norm(dim=1)]
    for step in range(12):
        partial = torch.einsum("nk,nkd->nd", values[:, : step + 1], atoms[indices[:, : step + 1]])
        residual = x - partial
        norms.append(residual.norm(dim=1))
        last = torch.linalg.vecdot(atoms[indices[:, step]], residual).abs()
        assert (last / x.norm(dim=1)).max() < 1e-5
        assert (norms[-1] <= norms[-2] + 1e-5).all()


def test_pursuit_of_zeros_is_zero_with_zero_gradient() -> None:
    atoms, zeros = unit_atoms(6, 4), torch.zeros(3, 4, dtype=torch.float64)
    values, selection = pursuit(zeros, zeros[0], atoms, 5, False)
    assert (values == 0).all()
    (grad,) = torch.autograd.grad(decode(values, selection, atoms).sum(), atoms)
    assert (grad == 0).all()


def test_a_threshold_stops_each_image_where_its_residual_is_small_enough() -> None:
    model = MatchingPursuit(MatchingPursuit.Config(n_latents=60, k=40, threshold=0.8), 16)
    x = torch.rand(50, 16)
    with torch.no_grad():
        codes = model.encode(x)
        norms = (x - model.decode(codes)).norm(dim=1)
        steps = (codes.values != 0).sum(1)
        shorter = model.encode_with_budget(x, max(1, int(steps.max()) - 1))
        assert (norms <= 0.8 + 1e-5).all()
        assert steps.min() < steps.max() < 40
        one_less = torch.stack([(codes.values[i] != 0).cumsum(0) < steps[i] for i in range(50)])
        before = torch.einsum("nk,nkd->nd", codes.values * one_less, model.dictionary[codes.indices]) + model.bias
        assert ((x - before).norm(dim=1) > 0.8 - 1e-5).all()
    torch.testing.assert_close(shorter.values, codes.values[:, : shorter.values.shape[1]])


def test_orthogonal_pursuit_agrees_with_scikit_learn() -> None:
    x, atoms = torch.randn(40, 25, dtype=torch.float64), unit_atoms(70, 25).detach()
    for k in (1, 5, 20):
        expected = torch.tensor(orthogonal_mp(atoms.numpy().T, x.numpy().T, n_nonzero_coefs=k).T)
        for gram in (None, gram_matrix(atoms)):
            values, indices = orthogonal_pursue(x, atoms, k, gram)
            codes = torch.zeros(40, 70, dtype=torch.float64).scatter_add_(1, indices, values)
            torch.testing.assert_close(codes, expected, atol=1e-10, rtol=1e-10)


@pytest.mark.parametrize("by_gram", [True, False])
@pytest.mark.parametrize("noise", [1.0, 0.1, 0.03])
def test_nearly_parallel_atoms_cost_orthogonal_pursuit_no_accuracy(noise: float, by_gram: bool) -> None:
    """Atoms in eight bundles: in single precision it explains what it does in double, though it may pick a twin."""
    bundles = F.normalize(torch.randn(8, 128), dim=1)
    atoms = F.normalize(bundles.repeat(64, 1) + noise * torch.randn(512, 128) / 128**0.5, dim=1)
    x = torch.randn(100, 128)
    unexplained = []
    for dtype in (torch.float32, torch.float64):
        gram = gram_matrix(atoms.to(dtype)) if by_gram else None
        values, indices = orthogonal_pursue(x.to(dtype), atoms.to(dtype), 24, gram)
        x_hat = torch.einsum("nk,nkd->nd", values.double(), atoms.double()[indices])
        unexplained.append(float((x - x_hat).square().sum() / x.square().sum()))
    assert unexplained[0] == pytest.approx(unexplained[1], rel=2e-3)


@pytest.mark.parametrize("by_gram", [True, False])
def test_orthogonal_pursuit_stops_where_no_atom_helps(by_gram: bool) -> None:
    """Duplicate atoms, inputs in the span of two atoms, zero inputs: codes are finite, and no atom is useless."""
    atoms = unit_atoms(4, 6).detach()
    atoms = torch.cat([atoms, atoms])
    x = torch.stack([2 * atoms[0] - atoms[1], torch.zeros(6, dtype=torch.float64), atoms[2]])
    values, indices = orthogonal_pursue(x, atoms, 8, gram_matrix(atoms) if by_gram else None)
    torch.testing.assert_close(torch.einsum("nk,nkd->nd", values, atoms[indices]), x, atol=1e-9, rtol=0)
    assert (values != 0).sum(1).tolist()[1:] == [0, 1]


@pytest.mark.parametrize("by_gram", [True, False])
def test_orthogonal_pursuit_goes_on_past_an_atom_that_does_not_help(by_gram: bool) -> None:
    """Atoms 0 and 1 differ by 1e-9: once one is selected, the other is refused and atom 2 is tried."""
    atoms = torch.tensor([[1, 0, 0], [1, 1e-9, 0], [0, 0, 1]], dtype=torch.float64)
    x = torch.tensor([[1, 1, 1e-10]], dtype=torch.float64)
    values, indices = orthogonal_pursue(x, atoms, 3, gram_matrix(atoms) if by_gram else None)
    assert sorted(indices[0].tolist()) == [0, 1, 2]
    assert (values != 0).sum() == 2


def test_omp_gradient_is_that_of_the_least_squares_solution() -> None:
    """Codes are held fixed in our gradient; autograd through the k x k solve gives the same."""
    model = OMP(OMP.Config(n_latents=30, k=6), 12).double()
    model.after_step()  # unit norm in float64
    x = torch.rand(20, 12, dtype=torch.float64)
    ours = torch.autograd.grad(model.loss(x, torch.zeros(20), 1.0).total, [model.dictionary, model.bias])
    selected = model.dictionary[model.encode(x).indices]
    centred = (x - model.bias)[:, :, None]
    values = torch.linalg.solve(selected @ selected.mT, selected @ centred)
    loss = (centred - selected.mT @ values).square().sum((1, 2)).mean()
    torch.testing.assert_close(ours, torch.autograd.grad(loss, [model.dictionary, model.bias]), atol=1e-9, rtol=1e-9)


def test_orthogonal_pursuit_never_reconstructs_worse_than_matching_pursuit() -> None:
    x, atoms = torch.randn(50, 20, dtype=torch.float64), unit_atoms(60, 20).detach()
    errors = []
    for method in (orthogonal_pursue, lambda *a: pursue(*a, choice="absolute")):
        values, indices = method(x, atoms, 8)
        errors.append(np.asarray((x - torch.einsum("nk,nkd->nd", values, atoms[indices])).norm(dim=1)))
    assert errors[0].mean() < errors[1].mean()
