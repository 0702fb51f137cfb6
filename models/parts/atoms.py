"""Unit-norm atoms: how they are initialised, kept on the unit sphere, and scaled to their data."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.parts.hardware import block
from models.parts.kernels import attempt
from models.parts.samples import spread

CACHED = 2**20
"""Numbers of the dictionary processed at a time on CPU: few enough to stay in cache."""

LEAST = 1e-12
"""The norm by which an atom is divided at least."""

WIDEST = 2**14
"""Features of an atom that a kernel keeps in registers."""


def random_atoms(n_latents: int, n_features: int) -> nn.Parameter:
    """(M, D) unit-norm rows, uniform on the sphere."""
    return nn.Parameter(F.normalize(torch.randn(n_latents, n_features), dim=1))


@torch.no_grad()
def project_gradient(atoms: nn.Parameter) -> None:
    """Remove the component of the gradient along each atom, so that a step rotates atoms and does not stretch them."""
    if atoms.grad is None:
        return
    if _in_registers(atoms) and atoms.grad.is_contiguous() and attempt("atoms.project", atoms, atoms.grad, atoms):
        return
    size = max(1, block(atoms, CACHED) // atoms.shape[1])
    for gradient, part in zip(atoms.grad.split(size), atoms.split(size), strict=True):
        gradient.addcmul_(torch.linalg.vecdot(gradient, part)[:, None], part, value=-1)


@torch.no_grad()
def normalise(atoms: nn.Parameter) -> None:
    """Rescale every atom to unit norm, in place."""
    if not (_in_registers(atoms) and attempt("atoms.normalise", atoms, atoms, LEAST)):
        atoms.div_(torch.linalg.vector_norm(atoms, dim=1, keepdim=True).clamp_min(LEAST))


def _in_registers(atoms: Tensor) -> bool:
    return atoms.shape[1] <= WIDEST and atoms.is_contiguous()


@torch.no_grad()
def geometric_median(x: Tensor, max_samples: int = 8192, iterations: int = 50, tolerance: float = 1e-5) -> Tensor:
    """Geometric median (D,) of x (N, D), of `max_samples` evenly spaced rows at most, by Weiszfeld's iteration.

    Stops when the point moves by less than `tolerance` times its norm.
    """
    x = spread(x, max_samples)
    median = x.mean(0)
    for _ in range(iterations):
        weights = 1 / torch.linalg.vector_norm(x - median, dim=1).clamp_min(1e-8)
        moved = (weights @ x) / weights.sum()
        step = torch.linalg.vector_norm(moved - median)
        median = moved
        if step <= tolerance * torch.linalg.vector_norm(median):
            break
    return median
