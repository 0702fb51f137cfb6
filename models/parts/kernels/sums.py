"""Sums of rectified pre-activations and of their squares, sample by sample, and their gradient: one pass each.

A program carries a part of a row, and the parts' sums are added in torch: always in the same order.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

WIDEST = 2048
"""Units that a program carries at a time."""


@triton.jit
def _row_sums(pre, mask, l1, squares, n_units, MASKED: tl.constexpr, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    units = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    inside = units < n_units
    a = tl.load(pre + row * n_units + units, mask=inside, other=0.0)
    a = tl.where(a <= 0, 0.0, a)  # NaN stays, unlike in tl.maximum
    if MASKED:
        a *= tl.load(mask + units, mask=inside, other=0.0)
    part = row * tl.num_programs(1) + tl.program_id(1)
    tl.store(l1 + part, tl.sum(a, axis=0))
    tl.store(squares + part, tl.sum(a * a, axis=0))


@triton.jit
def _row_sums_gradient(pre, mask, grad_l1, grad_squares, grad, n_units, MASKED: tl.constexpr, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    units = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    inside = units < n_units
    a = tl.load(pre + row * n_units + units, mask=inside, other=0.0)
    g = tl.load(grad_l1 + row) + 2 * tl.load(grad_squares + row) * a
    if MASKED:
        g *= tl.load(mask + units, mask=inside, other=0.0)
    tl.store(grad + row * n_units + units, tl.where(a > 0, g, 0.0), mask=inside)


def rows_of(x: Tensor) -> tuple[tuple[int, int], int]:
    """Programs for x (N, M), N times the parts of a row, and the units of a part."""
    part = min(WIDEST, triton.next_power_of_2(x.shape[1]))
    return (len(x), triton.cdiv(x.shape[1], part)), part


def forward(pre: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor]:
    """Sums over the penalised units, (N,) each: see `models.parts.activation_sums`."""
    grid, part = rows_of(pre)
    l1, squares = pre.new_empty(grid), pre.new_empty(grid)
    if len(pre):
        pre = pre.contiguous()
        _row_sums[grid](
            pre, pre if mask is None else mask, l1, squares, pre.shape[1], MASKED=mask is not None, BLOCK=part
        )
    return l1.sum(1), squares.sum(1)


def backward(pre: Tensor, mask: Tensor | None, grad_l1: Tensor, grad_squares: Tensor) -> Tensor:
    """The gradient of the pre-activations, (N, M), from those of the sums, (N,) each."""
    grid, part = rows_of(pre)
    grad = torch.empty_like(pre, memory_format=torch.contiguous_format)
    if len(pre):
        pre = pre.contiguous()
        _row_sums_gradient[grid](
            pre, pre if mask is None else mask, grad_l1.contiguous(), grad_squares.contiguous(), grad, pre.shape[1],
            MASKED=mask is not None, BLOCK=part,
        )  # fmt: skip
    return grad
