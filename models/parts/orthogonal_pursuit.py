"""Orthogonal matching pursuit of a batch (Pati et al. 1993), adding one direction per step.

Gram-Schmidt writes the selected atoms as A = L Q, where the rows of Q are orthonormal directions. Each step removes the
component c_t = q_t . r of the residual along the new direction. At the end, L^T v = c gives the least-squares
coefficients v of A. With a Gram matrix neither directions nor residuals are needed, only the correlations with all
atoms: D q_t is the sum of its rows at the selected atoms, weighted by row t of L^-1, which grows by a row a step. This
is Batch-OMP (Rubinstein et al. 2008) without its k solves.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
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
    # A sample keeps k directions; on CPU, by the Gram matrix, its correlations alone.
    width, cached = (atoms.shape[1], 4 * CACHED) if gram is None else (len(gram), k * CACHED)
    size = max(1, block(atoms, cached) // (k * width))
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
    lower, along, indices = result or factors(residual, atoms, gram, *limits, k)
    values = torch.linalg.solve_triangular(lower.mT, along[:, :, None], upper=True).squeeze(2)
    return values, indices


def factors(
    residual: Tensor, atoms: Tensor, gram: Tensor | None, rounding: Tensor, dependent: float, k: int
) -> tuple[Tensor, Tensor, Tensor]:
    """L (N, k, k), c (N, k) and the atoms (N, k); a correlation up to rounding (N,) is none, and so is a squared
    distance up to `dependent`."""
    grown = _Factors(residual, rounding, dependent, k)
    if gram is None:
        _by_residual(grown, residual, atoms, k)
    else:
        _by_gram(grown, residual @ atoms.T, gram, k)
    return grown.lower, grown.along, grown.indices


class _Factors:
    """L, c and the atoms, a row more with each step."""

    def __init__(self, residual: Tensor, rounding: Tensor, dependent: float, k: int) -> None:
        n_samples = len(residual)
        self.rounding, self.dependent = rounding, dependent
        self.lower = torch.eye(k, dtype=residual.dtype, device=residual.device).repeat(n_samples, 1, 1)
        self.along = residual.new_zeros(n_samples, k)
        self.indices = torch.zeros(n_samples, k, dtype=torch.int64, device=residual.device)

    def best(self, step: int, correlations: Tensor) -> Tensor:
        """The atom of each sample that correlates most, (N,); those of earlier steps get the correlation zero."""
        correlations.scatter_(1, self.indices[:, :step], 0.0)  # no atom is tried twice
        return argmax(correlations.abs())

    def grow(self, step: int, index: Tensor, correlations: Tensor, overlaps: Tensor) -> Tensor:
        """Take atoms (N,) whose overlaps with the earlier directions are (N, step).

        Returns the length of each atom's part outside the span of these, (N,); infinite where the atom is refused.
        """
        distance = 1 - overlaps.square().sum(1)
        correlation = correlations.gather(1, index[:, None]).squeeze(1)
        lowers = ~((correlation.abs() <= self.rounding) | (distance <= self.dependent))
        length = torch.where(lowers, distance, torch.inf).sqrt()
        self.lower[:, step, :step] = torch.where(lowers[:, None], overlaps, 0.0)
        self.lower[:, step, step] = torch.where(lowers, length, 1.0)
        self.along[:, step], self.indices[:, step] = correlation / length, index
        return length


def _by_residual(grown: _Factors, residual: Tensor, atoms: Tensor, k: int) -> None:
    """Keep the directions q_t, and the residual without them."""
    directions = residual.new_empty(len(residual), k, atoms.shape[1])
    for step in range(k):
        correlations = residual @ atoms.T
        index = grown.best(step, correlations)
        new, earlier = atoms.index_select(0, index), directions[:, :step]
        overlaps = (earlier @ new[:, :, None]).squeeze(2)
        length = grown.grow(step, index, correlations, overlaps)
        if step == k - 1:
            break
        directions[:, step] = (new - (overlaps[:, None, :] @ earlier).squeeze(1)) / length[:, None]
        residual = residual - grown.along[:, step, None] * directions[:, step]


def _by_gram(grown: _Factors, correlations: Tensor, gram: Tensor, k: int) -> None:
    """Keep L^-1, whose rows make directions of the atoms: D q_t is a sum of rows of the Gram matrix."""
    inverse = correlations.new_zeros(len(correlations), k, k)
    for step in range(k):
        index = grown.best(step, correlations)
        earlier = inverse[:, :step, :step]
        inner = gram[grown.indices[:, :step], index[:, None]]
        overlaps = (earlier @ inner[:, :, None]).squeeze(2)
        length = grown.grow(step, index, correlations, overlaps)
        if step == k - 1:
            break
        inverse[:, step, :step] = -(overlaps[:, None, :] @ earlier).squeeze(1) / length[:, None]
        inverse[:, step, step] = 1 / length
        weights = inverse[:, step, : step + 1] * grown.along[:, step, None]
        correlations.sub_(F.embedding_bag(grown.indices[:, : step + 1], gram, per_sample_weights=weights, mode="sum"))
