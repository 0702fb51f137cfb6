"""Matching pursuit by the Gram matrix: a program carries one sample through all steps.

Its correlations with all atoms stay in registers. A step is a maximum with its index, and one row of the Gram matrix.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor


@triton.jit
def nan_first(x):
    """NaN as infinity: the largest, as torch has it. Triton's maximum may pass it over, or be past the end."""
    return tl.where(x == x, x, float("inf"))


@triton.jit
def _pursue(correlations, gram, rounding, values, indices, n_atoms, k, ABSOLUTE: tl.constexpr, SIGNED: tl.constexpr,
            BLOCK: tl.constexpr):  # fmt: skip
    sample = tl.program_id(0).to(tl.int64)
    atoms = tl.arange(0, BLOCK)
    inside = atoms < n_atoms
    c = tl.load(correlations + sample * n_atoms + atoms, mask=inside, other=0.0)
    least = tl.load(rounding + sample)
    for step in range(k):
        score = tl.where(inside, nan_first(tl.abs(c) if ABSOLUTE else c), float("-inf"))
        best = tl.argmax(score, axis=0).to(tl.int64)
        value = tl.sum(tl.where(atoms == best, c, 0.0), axis=0)
        size = tl.abs(value) if SIGNED else value
        value = tl.where(size <= least, 0.0, value)
        tl.store(values + sample * k + step, value)
        tl.store(indices + sample * k + step, best)
        c -= value * tl.load(gram + best * n_atoms + atoms, mask=inside, other=0.0)


def pursue(
    residual: Tensor, atoms: Tensor, gram: Tensor, rounding: Tensor, k: int, choice: str
) -> tuple[Tensor, Tensor]:
    """Coefficients and atoms (N, k) of k steps: see `models.parts.pursuit.pursue`, without a threshold.

    residual (N, D), atoms (M, D), gram (M, M) of them, rounding (N,): a coefficient up to this is zero.
    """
    correlations = residual @ atoms.T
    n_samples, n_atoms = correlations.shape
    values = correlations.new_empty(n_samples, k)
    indices = torch.empty(n_samples, k, dtype=torch.int64, device=correlations.device)
    block = triton.next_power_of_2(n_atoms)
    if n_samples:
        _pursue[(n_samples,)](
            correlations.contiguous(), gram.contiguous(), rounding.contiguous(), values, indices, n_atoms, k,
            ABSOLUTE=choice == "absolute", SIGNED=choice != "nonnegative", BLOCK=block,
            num_warps=max(1, min(32, block // 512)),
        )  # fmt: skip
    return values, indices
