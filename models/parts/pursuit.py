"""Matching pursuit with a closed-form backward pass.

Given the selected atoms, pursuit is linear. Let A be the (k, D) selected atoms of a sample, v its coefficients and
L = tril(A A^T); then L v = A r_0. With g = d loss / d v and u = L^-T g, the gradients are d loss / d r_0 = A^T u and
d loss / d D = U^T R_0 - (P + P^T) D. The rows of U (N, M) and R_0 (N, D) are the u and r_0 of the samples, and P (M, M)
sums u_t v_s over all pairs s < t at [i_t, i_s]. This is exact for unit-norm atoms, and no step is unrolled.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import torch
from torch import Tensor

from models.parts.hardware import block, linear, may_wait
from models.parts.kernels import attempt
from models.parts.largest import argmax
from models.parts.sparse import Selection

Choice = Literal["nonnegative", "signed", "absolute"]
"""Which atom a step takes, and with which sign: see `pursue`."""

CACHED = 2**20
"""Numbers processed at a time on CPU: a block of samples that stays in cache through all steps."""

GRAM_BLOCKS, GRAM_ROWS = 8, 256
"""Least number of blocks of rows of D D^T on CPU, and most rows of one."""


MOST_ATOMS = 16384
"""Atoms of which a GPU keeps D D^T, 1 GiB, and whose correlations fit the registers of one program."""


FLOPS_OF_A_STEP = 10**9
"""What a GPU computes of D D^T in the time of the dozen kernels that a step of pursuit takes without it."""


def use_gram(x: Tensor, n_latents: int, k: int) -> bool:
    """Whether D D^T saves time for x (N, D): k correlations with all atoms cost 2 k N M D flops, D D^T and its use
    4 M^2 D. On a GPU one kernel then takes all steps, which saves time in small problems as well."""
    cheaper = n_latents <= k * len(x) / 2
    if may_wait(x):
        return cheaper
    return n_latents <= MOST_ATOMS and (cheaper or 2 * n_latents**2 * x.shape[1] <= k * FLOPS_OF_A_STEP)


@torch.no_grad()
def pursue(
    residual: Tensor,
    atoms: Tensor,
    k: int,
    gram: Tensor | None = None,
    choice: Choice = "nonnegative",
    threshold: float = 0.0,
) -> tuple[Tensor, Tensor]:
    """Select at most k atoms greedily: i_t by `choice`, v_t = D_i . r, r <- r - v_t D_i.

    Parameters
    ----------
    residual : Tensor, (N, D)
        Centred inputs.
    atoms : Tensor, (M, D)
        Unit-norm dictionary.
    k : int
        Largest number of steps for a sample.
    gram : Tensor, (M, M), optional
        atoms @ atoms.T; with it, correlations are updated instead of recomputed.
    choice : str
        ``nonnegative``: the atom of the largest D_j . r, with v_t >= 0. ``signed``: the same atom, with v_t of either
        sign. ``absolute``: the atom of the largest |D_j . r|.
    threshold : float
        The pursuit of a sample stops when ||r|| is at most this.

    Returns
    -------
    values, indices : Tensor, (N, k)
        Coefficients and the atoms they belong to, in the order of selection; zeros after the pursuit has stopped.
    """
    if gram is not None and threshold == 0 and len(gram) <= MOST_ATOMS and not may_wait(atoms):
        result = attempt("pursuit.pursue", atoms, residual, atoms, gram, _rounding(residual), k, choice)
        if result is not None:
            return result  # type: ignore[no-any-return]
    size = max(1, block(atoms, CACHED) // len(atoms)) if gram is not None else max(1, len(residual))
    parts = [_pursue_block(part, atoms, k, gram, choice, threshold) for part in residual.split(size)]
    values, indices = (torch.cat(part) for part in zip(*parts, strict=True))
    return values, indices


def _pursue_block(
    residual: Tensor, atoms: Tensor, k: int, gram: Tensor | None, choice: Choice, threshold: float
) -> tuple[Tensor, Tensor]:
    values = residual.new_zeros(len(residual), k)
    indices = torch.zeros(len(residual), k, dtype=torch.int64, device=residual.device)
    correlations = residual @ atoms.T
    rounding = _rounding(residual)
    rows = torch.arange(len(residual), device=residual.device)
    for step in range(k):
        if threshold > 0:
            running = torch.linalg.vector_norm(residual, dim=1) > threshold
            rounding = torch.where(running, rounding, torch.inf)
            if may_wait(residual) and not running.all():  # finished samples cost nothing more
                rows, rounding = rows[running], rounding[running]
                residual, correlations = residual[running], correlations[running]
        index = argmax(correlations.abs() if choice == "absolute" else correlations)
        value = correlations.gather(1, index[:, None]).squeeze(1)
        size = value if choice == "nonnegative" else value.abs()
        value = torch.where(size <= rounding, 0.0, value)
        values[rows, step], indices[rows, step] = value, index
        if step == k - 1:
            break
        if gram is None or threshold > 0:
            residual = torch.addcmul(residual, value[:, None], atoms.index_select(0, index), value=-1)
        if gram is not None:
            correlations.addcmul_(value[:, None], gram.index_select(0, index), value=-1)
        else:
            correlations = residual @ atoms.T
    return values, indices


def _rounding(residual: Tensor) -> Tensor:
    """The coefficient up to which an atom does not correlate with a residual (N, D): (N,).

    Once none does, the best is the one just removed, with a rounding error as its value.
    """
    norm: Tensor = torch.linalg.vector_norm(residual, dim=1)
    return 10 * torch.finfo(residual.dtype).eps * norm


def pursuit(
    x: Tensor,
    centre: Tensor,
    atoms: Tensor,
    k: int,
    by_gram: bool,
    choice: Choice = "nonnegative",
    threshold: float = 0.0,
) -> tuple[Tensor, Selection]:
    """Matching pursuit of x - centre in at most k steps, x (N, D); differentiable in centre (D,) and atoms (M, D).

    `by_gram` updates the correlations with D D^T instead of recomputing them; only rounding differs.
    """
    with torch.no_grad():
        gram = gram_matrix(atoms) if by_gram else None
        centred = x - centre
        values, indices = pursue(centred, atoms, k, gram, choice, threshold)
    selection = Selection(indices, len(atoms), values != 0 if threshold > 0 else None)
    result: Tensor = _Pursuit.apply(centre, atoms, centred, values, selection, gram)
    return result, selection


def gram_matrix(atoms: Tensor) -> Tensor:
    """atoms @ atoms.T, (M, M).

    On a CPU from the blocks on and above its diagonal, with little more than half the flops; to mirror the other half
    takes a GPU longer than to compute it.
    """
    if not may_wait(atoms):
        return linear(atoms, atoms)
    gram = atoms.new_empty(len(atoms), len(atoms))
    size = min(-(-len(atoms) // GRAM_BLOCKS), GRAM_ROWS)
    blocks = [slice(start, start + size) for start in range(0, len(atoms), size)]
    for i, rows in enumerate(blocks):
        gram[rows, rows.start :] = linear(atoms[rows], atoms[rows.start :])
        # Tile by tile where a whole column of the matrix does not stay in cache.
        for others in blocks[i + 1 :] if gram.numel() > CACHED else [slice(rows.stop, None)]:
            gram[others, rows] = gram[rows, others].T
    return gram


class _Pursuit(torch.autograd.Function):
    """Coefficients of a finished pursuit, with the gradient derived above."""

    @staticmethod
    def forward(
        ctx: Any,
        centre: Tensor,
        atoms: Tensor,
        centred: Tensor,
        values: Tensor,
        selection: Selection,
        gram: Tensor | None,
    ) -> Tensor:
        ctx.selection, ctx.gram = selection, gram
        ctx.save_for_backward(atoms, centred, values)
        return values.clone()

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        atoms, centred, values = ctx.saved_tensors
        selection: Selection = ctx.selection
        inner = inner_products(atoms, selection.indices, ctx.gram)
        # A coefficient of zero ends the pursuit of its sample: it and all later ones have no gradient.
        grad = torch.where(values != 0, grad, 0.0)[..., None]
        u = torch.linalg.solve_triangular(inner.mT, grad, upper=True, unitriangular=True).squeeze(-1)
        pairs = torch.tril(u[:, :, None] * values[:, None, :], diagonal=-1)
        coupled = coupling(atoms, selection, pairs + pairs.mT)
        grad_atoms = selection.transposed_product(u, centred).sub_(coupled)
        return -(selection.sum_by_unit(u) @ atoms), grad_atoms, None, None, None, None


def sample_blocks(indices: Tensor, n_features: int) -> Iterator[slice]:
    """Slices of samples whose selected atoms, k rows of D each, stay in cache."""
    size = max(1, block(indices, CACHED) // (indices.shape[1] * n_features))
    return (slice(start, start + size) for start in range(0, len(indices), size))


def selected_atoms(atoms: Tensor, indices: Tensor) -> Tensor:
    """The atoms of each sample: (M, D) and (N, k) -> (N, k, D)."""
    return atoms.index_select(0, indices.flatten()).unflatten(0, indices.shape)  # type: ignore[no-any-return]


def _pair_positions(indices: Tensor, n_latents: int) -> Tensor:
    """Position of [i_t, i_s] in a flat (M, M) matrix, for all pairs of all samples: (N, k) -> (N k k,)."""
    return (indices[:, :, None] * n_latents + indices[:, None, :]).flatten()


def inner_products(atoms: Tensor, indices: Tensor, gram: Tensor | None) -> Tensor:
    """A A^T of each sample's selected atoms, (N, k, k)."""
    if gram is not None:
        pairs = gram.flatten().index_select(0, _pair_positions(indices, len(atoms)))
        return pairs.view(*indices.shape, -1)
    blocks = (selected_atoms(atoms, indices[rows]) for rows in sample_blocks(indices, atoms.shape[1]))
    return torch.cat([part @ part.mT for part in blocks])


def coupling(atoms: Tensor, selection: Selection, pairs: Tensor) -> Tensor:
    """P D, (M, D), where P sums pairs[n, t, s] at [i_t, i_s]. A large P is not built."""
    indices = selection.indices
    blocks = list(sample_blocks(indices, atoms.shape[1]))
    if len(blocks) == 1 and not may_wait(atoms):  # in a fixed order, and so the same each time
        return selection.sum_rows(pairs @ selected_atoms(atoms, indices))
    if len(atoms) ** 2 <= 32 * indices.numel():  # measured: equal near here
        positions = _pair_positions(indices, len(atoms))
        matrix = atoms.new_zeros(len(atoms) ** 2).index_add_(0, positions, pairs.flatten())
        return matrix.view(len(atoms), -1) @ atoms
    summed = torch.zeros_like(atoms)
    for rows in blocks:
        summed.index_add_(
            0, indices[rows].flatten(), (pairs[rows] @ selected_atoms(atoms, indices[rows])).flatten(0, 1)
        )
    return summed
