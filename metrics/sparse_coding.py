"""Codes of a fixed dictionary by optimisation, sample by sample: what an encoder that takes one pass is compared with.

Inputs are centred, in float64, and atoms need no unit norm. Codes are of either sign or, with `nonnegative`, at least
0. All search with the Gram matrix of the dictionary, (M, M).
"""

from __future__ import annotations

import warnings

import numpy as np
import torch
from scipy.optimize import nnls
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import lars_path_gram
from torch import Tensor

RIDGE = 1e-10
"""Added to the diagonal of the Gram matrix of active atoms, at unit norm: two of them may be the same."""


def refit(x: Tensor, atoms: Tensor, codes: Tensor, nonnegative: bool) -> Tensor:
    """Codes (N, M) of least squared error on the units that `codes` (N, M) has on.

    With `nonnegative` by the active sets of Lawson & Hanson (1974), of which scipy's are used.
    """
    if nonnegative:
        return _refit_nonnegative(x, atoms, codes)
    gram, correlations, norms = _normalised(x, atoms)
    n_active = int((codes != 0).sum(1).max())
    on, chosen = (codes != 0).int().topk(n_active, dim=1)
    values = _fitted(gram, correlations, chosen, on.bool(), nonnegative=False)
    return torch.zeros_like(codes).scatter(1, chosen, values) / norms


def _refit_nonnegative(x: Tensor, atoms: Tensor, codes: Tensor) -> Tensor:
    found = np.zeros(codes.shape)
    rows, columns = x.cpu().numpy(), atoms.T.cpu().numpy()
    for code, sample, units in zip(found, rows, (codes != 0).cpu().numpy(), strict=True):
        if units.any():
            code[units], _ = nnls(columns[:, units], sample)
    return torch.from_numpy(found).to(x)


def pursuit(x: Tensor, atoms: Tensor, budgets: Tensor, nonnegative: bool) -> Tensor:
    """Orthogonal matching pursuit (Pati et al. 1993): codes (N, M) of at most `budgets` (N,) units each.

    Each step adds the atom of the largest |correlation| with the residual, or of the largest correlation with
    `nonnegative`, and fits all coefficients again (Bruckstein et al. 2008). Those that would be negative are then left
    out, and the others fitted again: nearly always the non-negative least squares, which `refit` gives.
    """
    gram, correlations, norms = _normalised(x, atoms)
    least = 1e-12 * torch.linalg.vector_norm(x, dim=1)
    chosen = torch.zeros(len(x), 0, dtype=torch.long, device=x.device)
    on = torch.zeros(len(x), 0, dtype=torch.bool, device=x.device)
    codes = torch.zeros_like(correlations)
    for step in range(min(int(budgets.max()), len(atoms))):
        left = correlations - codes @ gram
        best, unit = (left if nonnegative else left.abs()).scatter(1, chosen, -torch.inf).max(1)
        chosen = torch.cat([chosen, unit[:, None]], 1)
        on = torch.cat([on, ((best > least) & (step < budgets))[:, None]], 1)
        codes.scatter_(1, chosen, _fitted(gram, correlations, chosen, on, nonnegative))
    return codes / norms


def lasso(x: Tensor, atoms: Tensor, budgets: Tensor, nonnegative: bool) -> Tensor:
    """Codes (N, M) of the lasso, min ||x - z D||^2 / 2 + penalty |z|, of at most `budgets` (N,) units each.

    Each sample at the smallest penalty that its steps along the path reach: one for each unit of its budget, by least
    angle regression (Efron et al. 2004), of which scikit-learn's is used. The penalty is of atoms at unit norm. Each
    path is of correlations that are 1 at most: scikit-learn's ends below a penalty of 1e-7, whatever the data's scale.
    """
    gram, correlations, norms = _normalised(x, atoms)
    codes, atom_products = torch.zeros_like(correlations), gram.cpu().numpy()
    most = correlations.abs().amax(1, keepdim=True)
    scale = torch.where(most > 0, most, 1.0)
    samples = (correlations / scale).cpu().numpy()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # two atoms that are the same: the path ends there
        for row, (sample, steps) in enumerate(zip(samples, budgets.tolist(), strict=True)):
            if steps:
                *_, values = lars_path_gram(
                    sample, atom_products, n_samples=1, max_iter=steps, method="lasso", positive=nonnegative,
                    return_path=False,
                )  # fmt: skip
                codes[row] = torch.from_numpy(values)
    return codes * scale / norms


def _normalised(x: Tensor, atoms: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Gram matrix (M, M) of the atoms at unit norm, their correlations with x (N, M), and their norms (M,)."""
    norms = torch.linalg.vector_norm(atoms, dim=1).clamp_min(torch.finfo(atoms.dtype).tiny)
    unit = atoms / norms[:, None]
    return unit @ unit.T, x @ unit.T, norms


def _fitted(gram: Tensor, correlations: Tensor, chosen: Tensor, on: Tensor, nonnegative: bool) -> Tensor:
    """Least-squares coefficients (N, S) of the `chosen` units (N, S) that are `on`; 0 for the others."""
    part, right = gram[chosen[:, :, None], chosen[:, None, :]], correlations.gather(1, chosen)
    while True:
        both = on[:, :, None] & on[:, None, :]
        system = torch.where(both, part, 0.0) + torch.diag_embed(torch.where(on, RIDGE, 1.0).to(part))
        values: Tensor = torch.linalg.solve(system, torch.where(on, right, 0.0))
        if not nonnegative or bool((values >= 0).all()):
            return values
        on = on & (values > 0)
