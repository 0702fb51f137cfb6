"""The jump of JumpReLU, z = a H(a - theta) with a = ReLU(pre-activations), and its estimated gradients.

The step H has no gradient in a. Its gradient in theta is estimated by a rectangle: -1 / bandwidth where a lies within
half a bandwidth of theta, else 0. Where a unit switches on, z jumps from 0 to theta: the gradient of z in theta is that
of the step, scaled by theta (Rajamanoharan et al. 2024, arXiv 2407.14435, Eqs. 11, 12).
"""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torch.autograd import Function

from models.parts.hardware import where_above
from models.parts.kernels import attempt


def jump(pre: Tensor, theta: Tensor, bandwidth: float) -> tuple[Tensor, Tensor]:
    """Codes z (N, M) and the number of active units of each sample (N,), from pre-activations and theta > 0 (M,)."""
    z, n_active = _Jump.apply(pre, theta, bandwidth)
    return z, n_active


class _Jump(Function):
    """One pass forward and one back where there are kernels."""

    @staticmethod
    def forward(ctx: Any, pre: Tensor, theta: Tensor, bandwidth: float) -> tuple[Tensor, Tensor]:
        ctx.save_for_backward(pre, theta)
        ctx.bandwidth = bandwidth
        result = attempt("jump.forward", pre, pre, theta)
        if result is not None:
            return result  # type: ignore[no-any-return]
        z = where_above(pre, pre - theta)
        return z, (z > 0).sum(1).to(pre.dtype)

    @staticmethod
    def backward(ctx: Any, grad_z: Tensor, grad_active: Tensor) -> tuple[Tensor | None, ...]:
        pre, theta = ctx.saved_tensors
        result = attempt("jump.backward", pre, pre, theta, grad_z, grad_active, ctx.bandwidth)
        if result is not None:
            return *result, None
        nearness = (pre.relu() - theta).abs_().neg_()
        of_step = where_above((grad_z * theta).add_(grad_active[:, None]), nearness, -ctx.bandwidth / 2)
        return where_above(grad_z, pre - theta), of_step.sum(0) / -ctx.bandwidth, None
