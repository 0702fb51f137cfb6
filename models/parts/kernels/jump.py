"""JumpReLU: codes and their numbers of active units in one pass; gradients of pre-activations and theta in one pass."""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from models.parts.kernels.sums import rows_of

ROWS, UNITS = 32, 128
"""Samples and units of the tile of a program that sums over samples."""


@triton.jit
def _jump(pre, theta, z, n_active, n_units, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    units = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    inside = units < n_units
    a = tl.load(pre + row * n_units + units, mask=inside, other=0.0)
    on = inside & (a > tl.load(theta + units, mask=inside, other=0.0))
    tl.store(z + row * n_units + units, tl.where(a <= 0, 0.0, a) * tl.where(on, 1.0, 0.0), mask=inside)
    tl.store(n_active + row * tl.num_programs(1) + tl.program_id(1), tl.sum(tl.where(on, 1.0, 0.0), axis=0))


@triton.jit
def _jump_gradients(pre, theta, grad_z, grad_active, grad_pre, grad_theta, n_rows, n_units, bandwidth,
                    ROWS: tl.constexpr, UNITS: tl.constexpr):  # fmt: skip
    rows = tl.program_id(1) * ROWS + tl.arange(0, ROWS).to(tl.int64)
    units = tl.program_id(0) * UNITS + tl.arange(0, UNITS)
    inside = (rows < n_rows)[:, None] & (units < n_units)[None, :]
    at = rows[:, None] * n_units + units[None, :]
    a = tl.load(pre + at, mask=inside, other=0.0)
    of_z = tl.load(grad_z + at, mask=inside, other=0.0)
    of_active = tl.load(grad_active + rows, mask=rows < n_rows, other=0.0)
    threshold = tl.load(theta + units, mask=units < n_units, other=0.0)[None, :]
    tl.store(grad_pre + at, tl.where(a > threshold, of_z, 0.0), mask=inside)
    near = tl.abs(tl.where(a <= 0, 0.0, a) - threshold) < bandwidth / 2
    of_step = tl.where(inside & near, of_z * threshold + of_active[:, None], 0.0)
    out = grad_theta + tl.program_id(1) * n_units + units
    tl.store(out, tl.sum(of_step, axis=0) / -bandwidth, mask=units < n_units)


def forward(pre: Tensor, theta: Tensor) -> tuple[Tensor, Tensor]:
    """Codes (N, M) and numbers of active units (N,): see `models.parts.jump`."""
    grid, part = rows_of(pre)
    z, n_active = torch.empty_like(pre, memory_format=torch.contiguous_format), pre.new_empty(grid)
    if len(pre):
        _jump[grid](pre.contiguous(), theta.contiguous(), z, n_active, pre.shape[1], BLOCK=part)
    return z, n_active.sum(1)


def backward(
    pre: Tensor, theta: Tensor, grad_z: Tensor, grad_active: Tensor, bandwidth: float
) -> tuple[Tensor, Tensor]:
    """Gradients of pre-activations (N, M) and theta (M,), from those of codes (N, M) and of active units (N,)."""
    n_rows, n_units = pre.shape
    grid = triton.cdiv(n_units, UNITS), triton.cdiv(n_rows, ROWS)
    grad_pre = torch.empty_like(pre, memory_format=torch.contiguous_format)
    grad_theta = pre.new_empty(grid[1], n_units)
    if n_rows:
        tensors = (tensor.contiguous() for tensor in (pre, theta, grad_z, grad_active))
        _jump_gradients[grid](*tensors, grad_pre, grad_theta, n_rows, n_units, bandwidth, ROWS=ROWS, UNITS=UNITS)
    return grad_pre, grad_theta.sum(0)
