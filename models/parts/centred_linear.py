"""A linear layer of centred inputs, W (x - c) + b, whose centre is learned as well.

The gradient of c needs the gradients of the outputs summed over samples, which b needs as well: one product of a vector
with W. Autograd would compute d loss / d (x - c) of all samples first, a whole matrix product.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torch.autograd import Function

from models.parts.hardware import linear


def centred_linear(x: Tensor, weight: Tensor, bias: Tensor, centre: Tensor) -> Tensor:
    """W (x - c) + b of x (N, D), W (M, D), b (M,) and c (D,): (N, M); products as `products_in` says."""
    result: Tensor = _CentredLinear.apply(x, weight, bias, centre)
    return result


class _CentredLinear(Function):
    """The layer, differentiable in all that it is made of."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, centre: Tensor) -> Tensor:
        centred = x - centre
        ctx.save_for_backward(centred, weight)
        return linear(centred, weight, bias)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        centred, weight = ctx.saved_tensors
        grad_bias = grad.sum(0)
        grad_x = linear(grad, weight.T) if ctx.needs_input_grad[0] else None
        return grad_x, linear(grad.T, centred.T), grad_bias, -(grad_bias @ weight)
