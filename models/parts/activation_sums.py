"""What penalties on activations are made of: the sum of each sample's activations, and of their squares.

Beside them the activations of the selected units. All are differentiable in the pre-activations, whose one gradient is
dense: that of a selected activation is added to it in place.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd import Function

from models.parts.hardware import where_above
from models.parts.kernels import attempt


class ActivationSums(NamedTuple):
    """Of each sample, with activations a = ReLU(pre-activations)."""

    l1: Tensor
    """Sum of a over the penalised units, (N,)."""
    squares: Tensor
    """Sum of a^2 over the penalised units, (N,)."""
    selected: Tensor
    """a of the selected units, penalised or not, (N, k)."""


def activation_sums(pre: Tensor, indices: Tensor, mask: Tensor | None) -> ActivationSums:
    """Sums of the pre-activations (N, M), of the selected units (N, k), distinct in a sample.

    mask, (M,) of 0 and 1 or None: the penalised units; all if None.
    """
    return ActivationSums(*_Sums.apply(pre, indices, mask))


class _Sums(Function):
    """Sums and selected activations; one pass forward and one back where there is a kernel."""

    @staticmethod
    def forward(ctx: Any, pre: Tensor, indices: Tensor, mask: Tensor | None) -> tuple[Tensor, ...]:
        ctx.set_materialize_grads(False)
        selected = pre.gather(1, indices).relu()
        ctx.save_for_backward(pre, indices, mask, selected)
        sums = attempt("sums.forward", pre, pre, mask)
        if sums is None:
            activations = pre.relu() if mask is None else pre.relu().mul_(mask)
            sums = activations.sum(1), torch.linalg.vecdot(activations, activations)
        return *sums, selected

    @staticmethod
    def backward(
        ctx: Any, grad_l1: Tensor | None, grad_squares: Tensor | None, grad_selected: Tensor | None
    ) -> tuple[Tensor | None, ...]:
        pre, indices, mask, selected = ctx.saved_tensors
        zeros = pre.new_zeros(len(pre))
        grad_l1 = zeros if grad_l1 is None else grad_l1
        grad_squares = zeros if grad_squares is None else grad_squares
        grad = attempt("sums.backward", pre, pre, mask, grad_l1, grad_squares)
        if grad is None:
            slope = (pre * (2 * grad_squares[:, None])).add_(grad_l1[:, None])
            grad = where_above(slope, pre)
            grad = grad if mask is None else grad.mul_(mask)
        if grad_selected is not None:
            grad.scatter_add_(1, indices, grad_selected * (selected > 0))
        return grad, None, None
