"""Autograd for k-sparse codes: the cost of forward and backward grows with the k selected units, not with all M.

A weight gradient is a product with the transposed code matrix, Z^T G: row j is the weighted sum of the rows of G whose
samples use unit j. `embedding_bag` computes it with one bag of samples per unit, faster than a CSR product at every
size tried. No (N, M) tensor is built or kept.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from models.base import SparseCodes


class Selection:
    """The k of M units that each of N samples uses. The transpose is computed once for all gradients of a step.

    Parameters
    ----------
    indices : Tensor, (N, k) int64
        Selected units; repeats within a row are allowed and add up.
    n_latents : int
        M.
    used : Tensor, (N, k) bool, optional
        Which slots hold a unit, if rows have different lengths; the values of the other slots are zero.
    """

    def __init__(self, indices: Tensor, n_latents: int, used: Tensor | None = None) -> None:
        self.indices = indices
        self.n_latents = n_latents
        self.used = used

    @cached_property
    def _transpose(self) -> tuple[Tensor, Tensor, Tensor]:
        """Start of each unit's bag (M,), sample of each entry, and the slots of the entries, sorted by unit."""
        if self.used is None:
            units, slots = self.indices.flatten().sort(stable=True)
        else:
            slots = self.used.flatten().nonzero().squeeze(1)
            units, order = self.indices.flatten()[slots].sort(stable=True)
            slots = slots[order]
        counts = torch.bincount(units, minlength=self.n_latents)
        return counts.cumsum(0) - counts, slots // self.indices.shape[1], slots

    def transposed_product(self, values: Tensor, dense: Tensor) -> Tensor:
        """Z^T @ dense, (M, D), for the code matrix Z of `values` (N, k) and a dense (N, D)."""
        starts, samples, slots = self._transpose
        weights = values.reshape(-1)[slots]
        return F.embedding_bag(samples, dense, offsets=starts, per_sample_weights=weights, mode="sum")

    def sum_by_unit(self, values: Tensor) -> Tensor:
        """Column sums of the code matrix of `values` (N, k): (M,)."""
        return values.new_zeros(self.n_latents).index_add_(0, self.indices.flatten(), values.flatten())


def pack(values: Tensor, rows: Tensor, units: Tensor, n_samples: int, n_latents: int) -> tuple[Tensor, Selection]:
    """Pack entries (E,) of rows of different lengths into (N, k), k the longest; unused slots have the value zero."""
    order = rows.argsort(stable=True)
    rows, units, values = rows[order], units[order], values[order]
    counts = torch.bincount(rows, minlength=n_samples)
    slots = torch.arange(len(rows), device=rows.device) - (counts.cumsum(0) - counts)[rows]
    shape = (n_samples, max(1, int(counts.max())) if n_samples else 1)
    packed = values.new_zeros(shape).index_put_((rows, slots), values)
    indices = units.new_zeros(shape).index_put_((rows, slots), units)
    used = torch.arange(shape[1], device=rows.device) < counts[:, None]
    return packed, Selection(indices, n_latents, used)


def sparse_codes(z: Tensor) -> SparseCodes:
    """Convert codes (N, M) to sparse codes with as many slots as the row with the most active units needs."""
    rows, units = z.nonzero(as_tuple=True)
    values, selection = pack(z[rows, units], rows, units, *z.shape)
    return SparseCodes(values, selection.indices, z.shape[1])


def decode(values: Tensor, selection: Selection, atoms: Tensor) -> Tensor:
    """sum_j values[n, j] atoms[indices[n, j]]: (N, k) codes and (M, D) atoms -> (N, D), differentiable in both."""
    summed = F.embedding_bag(selection.indices, atoms.detach(), per_sample_weights=values, mode="sum")
    result: Tensor = _AtomGradient.apply(summed, atoms, values.detach(), selection)
    return result


def selected_preactivations(
    x: Tensor, weight: Tensor, bias: Tensor, centre: Tensor, values: Tensor, selection: Selection
) -> Tensor:
    """Attach gradients to already computed values[n, j] = weight[i] . (x[n] - centre) + bias[i], i = indices[n, j].

    Shapes: x (N, D), weight (M, D), bias (M,), centre (D,), values (N, k) without gradient. x gets no gradient.
    """
    result: Tensor = _SelectedLinear.apply(weight, bias, centre, x - centre.detach(), values, selection)
    return result


class _AtomGradient(torch.autograd.Function):
    """Identity in x_hat; adds d loss / d atoms = Z^T (d loss / d x_hat)."""

    @staticmethod
    def forward(ctx: Any, x_hat: Tensor, atoms: Tensor, values: Tensor, selection: Selection) -> Tensor:
        ctx.selection = selection
        ctx.save_for_backward(values)
        return x_hat.view_as(x_hat)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        (values,) = ctx.saved_tensors
        grad = grad.contiguous()
        return grad, ctx.selection.transposed_product(values, grad), None, None


class _SelectedLinear(torch.autograd.Function):
    """The selected entries of a linear layer; its weight gradient is one sparse product."""

    @staticmethod
    def forward(
        ctx: Any, weight: Tensor, bias: Tensor, centre: Tensor, centred: Tensor, values: Tensor, selection: Selection
    ) -> Tensor:
        ctx.selection = selection
        ctx.save_for_backward(weight, centred)
        return values.clone()

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        weight, centred = ctx.saved_tensors
        grad_bias = ctx.selection.sum_by_unit(grad)
        return ctx.selection.transposed_product(grad, centred), grad_bias, -(grad_bias @ weight), None, None, None
