"""Gaussian codes before their selection: magnitudes and KL in one pass, and the gradients of the KL in one pass."""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from models.parts.kernels.sums import rows_of


@triton.jit
def _clamp(x, least, most):
    """NaN stays."""
    return tl.where(x < least, least, tl.where(x > most, most, x))


@triton.jit
def _noisy_sizes(pre, log_variance, noise, size, kl, n_units, least, most, LEARNED: tl.constexpr, NOISY: tl.constexpr,
           BLOCK: tl.constexpr):  # fmt: skip
    row = tl.program_id(0).to(tl.int64)
    units = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    inside = units < n_units
    at = row * n_units + units
    z = tl.load(pre + at, mask=inside, other=0.0)
    z = tl.where(z <= 0, 0.0, z)
    each = z * z
    if NOISY:
        eps = tl.load(noise + at, mask=inside, other=0.0)
        if LEARNED:
            log = _clamp(tl.load(log_variance + at, mask=inside, other=0.0), least, most)
            each += tl.exp(log) - 1 - log
            eps *= tl.exp(0.5 * log)
        z += eps
    tl.store(size + at, tl.abs(z), mask=inside)
    tl.store(kl + row * tl.num_programs(1) + tl.program_id(1), 0.5 * tl.sum(each, axis=0))


@triton.jit
def _kl_gradients(pre, log_variance, grad_kl, grad_pre, grad_log_variance, n_units, least, most, LEARNED: tl.constexpr,
               BLOCK: tl.constexpr):  # fmt: skip
    row = tl.program_id(0).to(tl.int64)
    units = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    inside = units < n_units
    at = row * n_units + units
    grad = tl.load(grad_kl + row)
    mu = tl.load(pre + at, mask=inside, other=0.0)
    tl.store(grad_pre + at, grad * tl.where(mu <= 0, 0.0, mu), mask=inside)
    if LEARNED:
        log = tl.load(log_variance + at, mask=inside, other=0.0)
        slope = tl.where((log < least) | (log > most), 0.0, 0.5 * (tl.exp(log) - 1))
        tl.store(grad_log_variance + at, grad * slope, mask=inside)


def sizes(
    pre: Tensor, log_variance: Tensor | None, noise: Tensor | None, least: float, most: float
) -> tuple[Tensor, Tensor]:
    """|z|, (N, M), and the KL of each sample, (N,): see `models.parts.noisy_topk`. Log-variances come with noise."""
    grid, part = rows_of(pre)
    size, kl = torch.empty_like(pre, memory_format=torch.contiguous_format), pre.new_empty(grid)
    if len(pre):
        pre = pre.contiguous()
        others = [pre if other is None else other.contiguous() for other in (log_variance, noise)]
        _noisy_sizes[grid](
            pre, *others, size, kl, pre.shape[1], least, most,
            LEARNED=log_variance is not None, NOISY=noise is not None, BLOCK=part,
        )  # fmt: skip
    return size, kl.sum(1)


def gradients(
    pre: Tensor, log_variance: Tensor | None, grad_kl: Tensor, least: float, most: float
) -> tuple[Tensor, Tensor | None]:
    """Gradients of pre-activations and log-variances, (N, M) each, from that of each sample's KL, (N,)."""
    grid, part = rows_of(pre)
    grad_pre = torch.empty_like(pre, memory_format=torch.contiguous_format)
    grad_log_variance = None if log_variance is None else torch.empty_like(grad_pre)
    if len(pre):
        pre = pre.contiguous()
        logs = pre if log_variance is None else log_variance.contiguous()
        out = grad_pre if grad_log_variance is None else grad_log_variance
        _kl_gradients[grid](
            pre, logs, grad_kl.contiguous(), grad_pre, out, pre.shape[1], least, most,
            LEARNED=log_variance is not None, BLOCK=part,
        )  # fmt: skip
    return grad_pre, grad_log_variance
