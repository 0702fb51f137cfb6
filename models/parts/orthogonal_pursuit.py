"""Orthogonal matching pursuit of a batch (Pati et al. 1993), adding one direction per step.

Gram-Schmidt writes the selected atoms as A = L Q, where the rows of Q are orthonormal directions. Each step removes the
component c_t = q_t . r of the residual along the new direction. At the end, L^T v = c gives the least-squares
coefficients v of A. With a Gram matrix, a direction is stored as its correlations with all atoms, D q_t, and no
residual is needed: this is Batch-OMP (Rubinstein et al. 2008) without its k solves.
"""

from __future__ import annotations

import torch
from torch import Tensor

from models.parts.hardware import block, may_wait, products_are_exact
from models.parts.kernels import attempt
from models.parts.largest import argmax
from models.parts.pursuit import CACHED, MOST_ATOMS, use_gram

DEPENDENT = 100
"""An atom at most this many rounding errors (squared distance) from the span of the selected atoms is dependent."""

SMALL = 2**26
"""Numbers in k directions of M for each sample up to which a GPU goes by the Gram matrix: it reads them k / 2 times,
which takes longer than k products from about 256 MB."""


def use_gram_orthogonally(x: Tensor, n_latents: int, k: int) -> bool:
    """Whether D D^T saves time for x (N, D): as `use_gram`, and on a GPU where directions are few.

    There only in float32: coarser rounding would take a duplicate farther from the span than `DEPENDENT`.
    """
    few = may_wait(x) or (products_are_exact() and len(x) * k * n_latents <= SMALL)
    return few and use_gram(x, n_latents, k)


@torch.no_grad()
def orthogonal_pursue(residual: Tensor, atoms: Tensor, k: int, gram: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Select at most k atoms greedily by |D_j . r|, where r is the least-squares residual on the atoms selected so far.

    Parameters
    ----------
    residual : Tensor, (N, D)
        Centred inputs.
    atoms : Tensor, (M, D)
        Unit-norm dictionary.
    k : int
        Number of steps.
    gram : Tensor, (M, M), optional
        atoms @ atoms.T; with it, correlations are updated instead of recomputed.

    Returns
    -------
    values, indices : Tensor, (N, k)
        Least-squares coefficients, of either sign, and their atoms. A coefficient is zero if its atom lies in the span
        of the earlier ones, or does not correlate with the residual.
    """
    size = max(1, block(atoms, 4 * CACHED) // (k * (atoms if gram is None else gram).shape[1]))
    parts = [_pursue_block(part, atoms, k, gram) for part in residual.split(size)]
    values, indices = (torch.cat(part) for part in zip(*parts, strict=True))
    return values, indices


def _pursue_block(residual: Tensor, atoms: Tensor, k: int, gram: Tensor | None) -> tuple[Tensor, Tensor]:
    epsilon = torch.finfo(residual.dtype).eps
    limits = 10 * epsilon * torch.linalg.vector_norm(residual, dim=1), DEPENDENT * epsilon
    result = None
    if gram is None and atoms.shape[1] <= MOST_ATOMS:
        result = attempt("orthogonal.by_residual", atoms, residual, atoms, *limits, k)
    elif gram is not None and len(gram) <= MOST_ATOMS:
        result = attempt("orthogonal.by_gram", atoms, residual, atoms, gram, *limits, k)
    lower, along, indices = result or _factors(residual, atoms, gram, *limits, k)
    values = torch.linalg.solve_triangular(lower.mT, along[:, :, None], upper=True).squeeze(2)
    return values, indices


def _factors(
    residual: Tensor, atoms: Tensor, gram: Tensor | None, rounding: Tensor, dependent: float, k: int
) -> tuple[Tensor, Tensor, Tensor]:
    """L (N, k, k), c (N, k) and the atoms (N, k); a correlation up to rounding (N,) is none, and so is a squared
    distance up to `dependent`."""
    n_samples = len(residual)
    correlations = residual @ atoms.T
    rows = atoms if gram is None else gram
    directions = residual.new_empty(n_samples, k, rows.shape[1])
    lower = torch.eye(k, dtype=residual.dtype, device=residual.device).repeat(n_samples, 1, 1)
    along = residual.new_zeros(n_samples, k)
    indices = torch.zeros(n_samples, k, dtype=torch.int64, device=residual.device)
    for step in range(k):
        correlations.scatter_(1, indices[:, :step], 0.0)  # no atom is tried twice
        index = argmax(correlations.abs())
        earlier = directions[:, :step]
        new = rows.index_select(0, index)
        if gram is None:
            overlaps = (earlier @ new[:, :, None]).squeeze(2)
        else:
            overlaps = earlier.gather(2, index[:, None, None].expand(-1, step, 1)).squeeze(2)
        distance = 1 - overlaps.square().sum(1)
        correlation = correlations.gather(1, index[:, None]).squeeze(1)
        lowers = ~((correlation.abs() <= rounding) | (distance <= dependent))
        length = torch.where(lowers, distance, 1.0).sqrt()
        rest = (new - (overlaps[:, None, :] @ earlier).squeeze(1)) / length[:, None]
        direction = torch.where(lowers[:, None], rest, 0.0)
        part = torch.where(lowers, correlation / length, 0.0)
        directions[:, step], along[:, step], indices[:, step] = direction, part, index
        lower[:, step, :step] = torch.where(lowers[:, None], overlaps, 0.0)
        lower[:, step, step] = length
        if gram is None:
            residual = residual - part[:, None] * direction
            correlations = residual @ atoms.T
        else:
            correlations.addcmul_(part[:, None], direction, value=-1)
    return lower, along, indices
