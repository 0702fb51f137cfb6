"""TopK after Gaussian noise: the selected entries of z = mu + sigma eps, and the KL of all units to N(0, I).

mu = ReLU(pre-activations). Noise reaches the loss through the k selected entries alone, so that z is not kept: the
dense gradient is that of the KL, and those of the selected entries are added to it in place.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd import Function

from models.parts.kernels import attempt
from models.parts.largest import top_k
from models.parts.likelihood import gaussian_kl

LEAST, MOST = -6.0, 2.0
"""Range to which log-variances are clamped [released code of arXiv 2509.22994]."""


class NoisyTopK(NamedTuple):
    """A code with noise, and what the noise costs."""

    values: Tensor
    """z of the selected units, (N, k)."""
    indices: Tensor
    """The k units whose z is largest in magnitude, (N, k)."""
    kl: Tensor
    """KL(N(mu, sigma^2) || N(0, I)) in nats of each sample, (N,)."""


def noisy_top_k(pre: Tensor, log_variance: Tensor | None, noise: Tensor | None, k: int) -> NoisyTopK:
    """The k entries of z that are largest in magnitude, from pre-activations, log sigma^2 and eps, (N, M) each.

    Without log-variances sigma is 1, and the KL is up to a constant; without noise z is mu.
    """
    return NoisyTopK(*_NoisyTopK.apply(pre, log_variance, noise, k))


def _clamped(log_variance: Tensor | None) -> Tensor | None:
    return None if log_variance is None else log_variance.clamp(LEAST, MOST)


def _scaled(log_variance: Tensor | None, noise: Tensor) -> Tensor:
    """sigma eps, from clamped log-variances."""
    return noise if log_variance is None else (0.5 * log_variance).exp_().mul_(noise)


def _sizes(pre: Tensor, log_variance: Tensor | None, noise: Tensor | None) -> tuple[Tensor, Tensor]:
    """|z|, (N, M), and the KL of each sample, (N,)."""
    mu, log_variance = pre.relu(), _clamped(log_variance)
    kl = 0.5 * torch.linalg.vecdot(mu, mu) if log_variance is None else gaussian_kl(mu, log_variance).sum(1)
    return (mu if noise is None else mu.add_(_scaled(log_variance, noise)).abs_()), kl


def _kl_gradients(pre: Tensor, log_variance: Tensor | None, grad: Tensor) -> tuple[Tensor, Tensor | None]:
    """Of pre-activations and log-variances, (N, M) each, from the gradient of each sample's KL, (N,)."""
    grad_pre = pre.relu().mul_(grad[:, None])
    if log_variance is None:
        return grad_pre, None
    clamped = log_variance.clamp(LEAST, MOST)
    inside = clamped == log_variance
    return grad_pre, clamped.exp_().sub_(1).mul_(0.5 * grad[:, None]).mul_(inside)


class _NoisyTopK(Function):
    """One pass before the selection and one back where there are kernels; the noise gets no gradient."""

    @staticmethod
    def forward(ctx: Any, pre: Tensor, log_variance: Tensor | None, noise: Tensor | None, k: int) -> tuple[Any, ...]:
        ctx.set_materialize_grads(False)
        sizes = attempt("noisy.sizes", pre, pre, log_variance, noise, LEAST, MOST)
        size, kl = _sizes(pre, log_variance, noise) if sizes is None else sizes
        indices = top_k(size, k)[1]
        ctx.mark_non_differentiable(indices)
        values = pre.gather(1, indices).relu()
        scaled = None
        if noise is not None:
            of_selected = None if log_variance is None else log_variance.gather(1, indices)
            scaled = _scaled(_clamped(of_selected), noise.gather(1, indices))
            values = values + scaled
        ctx.save_for_backward(pre, log_variance, indices, scaled)
        return values, indices, kl

    @staticmethod
    def backward(ctx: Any, grad: Tensor | None, _: None, grad_kl: Tensor | None) -> tuple[Tensor | None, ...]:
        pre, log_variance, indices, scaled = ctx.saved_tensors
        grad_kl = pre.new_zeros(len(pre)) if grad_kl is None else grad_kl
        dense = attempt("noisy.gradients", pre, pre, log_variance, grad_kl, LEAST, MOST)
        grad_pre, grad_log_variance = _kl_gradients(pre, log_variance, grad_kl) if dense is None else dense
        if grad is not None:
            grad_pre.scatter_add_(1, indices, grad * (pre.gather(1, indices) > 0))
        if grad is not None and grad_log_variance is not None:
            of_selected = log_variance.gather(1, indices)
            inside = of_selected == of_selected.clamp(LEAST, MOST)
            grad_log_variance.scatter_add_(1, indices, 0.5 * grad * scaled * inside)
        return grad_pre, grad_log_variance, None, None
