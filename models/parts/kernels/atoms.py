"""Gradients of unit-norm atoms without their radial part, and atoms back at unit norm: a program an atom, in place."""

from __future__ import annotations

import triton
import triton.language as tl
from torch import Tensor


@triton.jit
def _project(gradient, atoms, width, BLOCK: tl.constexpr):
    start = tl.program_id(0).to(tl.int64) * width
    columns = tl.arange(0, BLOCK)
    inside = columns < width
    g = tl.load(gradient + start + columns, mask=inside, other=0.0)
    atom = tl.load(atoms + start + columns, mask=inside, other=0.0)
    tl.store(gradient + start + columns, g - tl.sum(g * atom, axis=0) * atom, mask=inside)


@triton.jit
def _normalise(atoms, least, width, BLOCK: tl.constexpr):
    start = tl.program_id(0).to(tl.int64) * width
    columns = tl.arange(0, BLOCK)
    inside = columns < width
    atom = tl.load(atoms + start + columns, mask=inside, other=0.0)
    norm = tl.maximum(tl.sqrt_rn(tl.sum(atom * atom, axis=0)), least)
    tl.store(atoms + start + columns, tl.div_rn(atom, norm), mask=inside)


def project(gradient: Tensor, atoms: Tensor) -> bool:
    """Remove from each row of gradient (M, D) its component along the row of atoms (M, D); both contiguous."""
    n_atoms, width = atoms.shape
    block = triton.next_power_of_2(width)
    _project[(n_atoms,)](gradient, atoms, width, BLOCK=block, num_warps=_warps(block))
    return True


def normalise(atoms: Tensor, least: float) -> bool:
    """Divide each row of atoms (M, D), contiguous, by its norm, or by `least` where that is smaller."""
    n_atoms, width = atoms.shape
    block = triton.next_power_of_2(width)
    _normalise[(n_atoms,)](atoms, least, width, BLOCK=block, num_warps=_warps(block))
    return True


def _warps(block: int) -> int:
    return max(1, min(16, block // 256))
