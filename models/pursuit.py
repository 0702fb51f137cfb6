"""Matching pursuit with a closed-form backward pass.

Given the selected atoms, pursuit is linear: with A the (k, D) selected atoms of a sample, L = tril(A A^T) and
v its coefficients, L v = A r_0. Hence, for g = d loss / d v: u = L^-T g, d loss / d r_0 = A^T u, and the atoms get
U^T R_0 - (P + P^T) D, where P sums u_t v_s over all pairs s < t at [i_t, i_s]. Exact, with nothing unrolled.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from models.sparse import Selection


def use_gram(n_samples: int, n_latents: int, k: int) -> bool:
    """Whether D D^T pays in a step: k correlations with all atoms cost 2 k N M D flops, D D^T and its use 4 M^2 D."""
    return n_latents <= k * n_samples / 2


@torch.no_grad()
def pursue(residual: Tensor, atoms: Tensor, k: int, gram: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Select k atoms greedily: i_t = argmax_j D_j . r, v_t = max(0, D_i . r), r <- r - v_t D_i.

    Parameters
    ----------
    residual : Tensor, (N, D)
        Centred inputs.
    atoms : Tensor, (M, D)
        Unit-norm dictionary.
    k : int
        Steps.
    gram : Tensor, (M, M), optional
        atoms @ atoms.T; with it, correlations are updated instead of recomputed.

    Returns
    -------
    values, indices : Tensor, (N, k)
        Coefficients >= 0 and the atoms they belong to, in the order of selection.
    """
    correlations = residual @ atoms.T
    # Once no atom correlates, the best is the one just removed, at rounding error of either sign: that is a zero.
    rounding = 10 * torch.finfo(residual.dtype).eps * torch.linalg.vector_norm(residual, dim=1)
    values, indices = [], []
    for step in range(k):
        value, index = correlations.max(dim=1)
        value = torch.where(value > rounding, value, 0.0)
        values.append(value)
        indices.append(index)
        if step == k - 1:
            break
        if gram is not None:
            correlations.addcmul_(value[:, None], gram[index], value=-1)
        else:
            residual = torch.addcmul(residual, value[:, None], atoms[index], value=-1)
            torch.mm(residual, atoms.T, out=correlations)
    return torch.stack(values, 1), torch.stack(indices, 1)


def pursuit(x: Tensor, centre: Tensor, atoms: Tensor, k: int, by_gram: bool) -> tuple[Tensor, Selection]:
    """Pursuit of x - centre in k steps, x (N, D); differentiable in centre (D,) and atoms (M, D).

    `by_gram` updates correlations by D D^T instead of recomputing them: equal but for rounding.
    """
    with torch.no_grad():
        gram = atoms @ atoms.T if by_gram else None
        values, indices = pursue(x - centre, atoms, k, gram)
    selection = Selection(indices, len(atoms))
    result: Tensor = _Pursuit.apply(centre, atoms, x, values, selection, gram)
    return result, selection


class _Pursuit(torch.autograd.Function):
    """Coefficients of a finished pursuit, with the gradient derived above."""

    @staticmethod
    def forward(
        ctx: Any, centre: Tensor, atoms: Tensor, x: Tensor, values: Tensor, selection: Selection, gram: Tensor | None
    ) -> Tensor:
        ctx.selection, ctx.gram = selection, gram
        ctx.save_for_backward(centre, atoms, x, values)
        return values.clone()

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        centre, atoms, x, values = ctx.saved_tensors
        selection, indices = ctx.selection, ctx.selection.indices
        selected = None if ctx.gram is not None else atoms[indices]
        inner = selected @ selected.mT if selected is not None else ctx.gram[indices[:, :, None], indices[:, None, :]]
        # A coefficient clipped to zero ends its row's pursuit: it and all after it carry no gradient.
        grad = torch.where(values > 0, grad, 0.0)[..., None]
        u = torch.linalg.solve_triangular(inner.mT, grad, upper=True, unitriangular=True).squeeze(-1)

        pairs = torch.tril(u[:, :, None] * values[:, None, :], diagonal=-1)
        pairs = pairs + pairs.mT
        u_by_unit = selection.sum_by_unit(u)
        grad_atoms = selection.transposed_product(u, x) - torch.outer(u_by_unit, centre)
        if selected is not None:
            grad_atoms.index_add_(0, indices.flatten(), (pairs @ selected).flatten(0, 1), alpha=-1)
        else:
            flat = (indices[:, :, None] * len(atoms) + indices[:, None, :]).flatten()
            coupling = atoms.new_zeros(len(atoms) ** 2).index_add_(0, flat, pairs.flatten())
            grad_atoms = torch.addmm(grad_atoms, coupling.view(len(atoms), -1), atoms, alpha=-1)
        return -(u_by_unit @ atoms), grad_atoms, None, None, None, None
