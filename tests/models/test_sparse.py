"""Sparse decode, selected linear layer and matching pursuit against dense autograd and literal loops."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings, strategies as st
from torch import Tensor

from models.pursuit import pursue, pursuit, use_gram
from models.sparse import Selection, decode, selected_preactivations

SHAPES = st.tuples(st.integers(1, 7), st.integers(1, 9), st.integers(1, 6), st.integers(1, 9))


def rand(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, requires_grad=True)


def unit_atoms(m: int, d: int) -> Tensor:
    return torch.nn.functional.normalize(torch.randn(m, d, dtype=torch.float64), dim=1).requires_grad_()


def dense(values: Tensor, indices: Tensor, m: int) -> Tensor:
    return values.new_zeros(len(values), m).scatter_add(1, indices, values)


@settings(deadline=None, max_examples=50)
@given(SHAPES)
def test_decode_and_its_gradients_equal_the_dense_product(shape: tuple[int, int, int, int]) -> None:
    n, m, d, k = shape
    indices = torch.randint(0, m, (n, k))  # repeats included
    values, atoms, weight = rand(n, k), rand(m, d), torch.randn(n, d, dtype=torch.float64)
    sparse = decode(values, Selection(indices, m), atoms)
    reference = dense(values, indices, m) @ atoms
    torch.testing.assert_close(sparse, reference)
    ours = torch.autograd.grad((sparse * weight).sum(), [values, atoms])
    theirs = torch.autograd.grad((reference * weight).sum(), [values, atoms])
    torch.testing.assert_close(ours, theirs, atol=1e-10, rtol=1e-10)


@settings(deadline=None, max_examples=50)
@given(SHAPES)
def test_selected_linear_gradients_equal_dense_autograd(shape: tuple[int, int, int, int]) -> None:
    n, m, d, k = shape
    k = min(k, m)
    x, weight, bias, centre = torch.randn(n, d, dtype=torch.float64), rand(m, d), rand(m), rand(d)
    reference, indices = ((x - centre) @ weight.T + bias).topk(k, dim=1)
    ours = selected_preactivations(x, weight, bias, centre, reference.detach(), Selection(indices, m))
    upstream = torch.randn(n, k, dtype=torch.float64)
    ours_grad = torch.autograd.grad((ours * upstream).sum(), [weight, bias, centre])
    theirs_grad = torch.autograd.grad((reference * upstream).sum(), [weight, bias, centre])
    torch.testing.assert_close(ours_grad, theirs_grad, atol=1e-10, rtol=1e-10)


def unrolled(x: Tensor, centre: Tensor, atoms: Tensor, k: int) -> tuple[Tensor, Tensor, Tensor]:
    """Matching pursuit as written in the paper, for autograd to unroll."""
    residual = x - centre
    values, indices = [], []
    for _ in range(k):
        value, index = (residual @ atoms.T).max(1)
        value = torch.where(value > 1e-14 * (x - centre).norm(dim=1), value, 0.0)  # a rounding error is a zero
        residual = residual - value[:, None] * atoms[index]
        values.append(value)
        indices.append(index)
    return torch.stack(values, 1), torch.stack(indices, 1), x - residual


@pytest.mark.parametrize("by_gram", [True, False])
@pytest.mark.parametrize(("n", "m", "d", "k"), [(64, 30, 12, 10), (3, 200, 12, 6), (5, 40, 8, 1), (40, 12, 30, 12)])
def test_pursuit_equals_the_unrolled_loop_in_value_and_gradient(n: int, m: int, d: int, k: int, by_gram: bool) -> None:
    x, centre, atoms = torch.randn(n, d, dtype=torch.float64), rand(d), unit_atoms(m, d)
    weights, code_weights = torch.randn(n, d, dtype=torch.float64), torch.randn(n, k, dtype=torch.float64)
    values, indices, x_hat = unrolled(x, centre, atoms, k)
    loss = (weights * x_hat).sum() + (code_weights * values).sum() + (x - x_hat).square().sum()
    ours, selection = pursuit(x, centre, atoms, k, by_gram)
    our_x_hat = decode(ours, selection, atoms) + centre
    our_loss = (weights * our_x_hat).sum() + (code_weights * ours).sum() + (x - our_x_hat).square().sum()
    assert (selection.indices == indices).all()
    torch.testing.assert_close(ours, values, atol=1e-12, rtol=0)
    expected = torch.autograd.grad(loss, [centre, atoms])
    torch.testing.assert_close(torch.autograd.grad(our_loss, [centre, atoms]), expected, atol=1e-9, rtol=1e-9)


def test_both_ways_of_pursuit_are_exercised_and_agree() -> None:
    residual, atoms = torch.randn(20, 16, dtype=torch.float64), unit_atoms(50, 16).detach()
    recomputed, by_gram = pursue(residual, atoms, 8), pursue(residual, atoms, 8, atoms @ atoms.T)
    torch.testing.assert_close(recomputed, by_gram)
    assert use_gram(256, 1024, 32)
    assert not use_gram(50, 1000, 10)


def test_pursuit_leaves_the_last_atom_and_never_raises_the_residual() -> None:
    x, atoms = torch.randn(30, 40), torch.nn.functional.normalize(torch.randn(100, 40), dim=1)
    values, indices = pursue(x, atoms, 12)
    norms = [x.norm(dim=1)]
    for step in range(12):
        partial = torch.einsum("nk,nkd->nd", values[:, : step + 1], atoms[indices[:, : step + 1]])
        residual = x - partial
        norms.append(residual.norm(dim=1))
        last = torch.linalg.vecdot(atoms[indices[:, step]], residual).abs()
        assert (last / x.norm(dim=1)).max() < 1e-5
        assert (norms[-1] <= norms[-2] + 1e-5).all()


def test_pursuit_of_zeros_is_zero_with_zero_gradient() -> None:
    atoms = unit_atoms(6, 4)
    values, selection = pursuit(
        torch.zeros(3, 4, dtype=torch.float64), torch.zeros(4, dtype=torch.float64), atoms, 5, False
    )
    assert (values == 0).all()
    (grad,) = torch.autograd.grad(decode(values, selection, atoms).sum(), atoms)
    assert (grad == 0).all()
