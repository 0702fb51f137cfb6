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

from models.base import Codes, DenseCodes, SparseCodes
from models.parts.hardware import may_wait
from models.parts.kernels import attempt

BY_BYTES = 2**15
"""So many numbers torch sorts by bytes on CPU; fewer it merges, which takes five times as long as numpy, by bytes."""


class Selection:
    """The units that each of N samples uses. The transpose is computed once for all gradients of a step.

    Parameters
    ----------
    indices : Tensor, (N, k) or (E,) int64
        Selected units: k for each sample, or a list for all of them; repeats within a sample add up.
    n_latents : int
        M.
    used : Tensor, bool, optional
        Which slots hold a unit, if not all do; the values of the other slots are zero.
    samples : Tensor, (E,) int64, optional
        The sample of each unit of a list, in ascending order.
    n_samples : int, optional
        N of a list.
    """

    def __init__(
        self,
        indices: Tensor,
        n_latents: int,
        used: Tensor | None = None,
        samples: Tensor | None = None,
        n_samples: int = 0,
    ) -> None:
        self.indices = indices
        self.n_latents = n_latents
        self.used = used
        self.samples = samples
        self.n_samples = n_samples

    @cached_property
    def _transpose(self) -> tuple[Tensor, Tensor, Tensor]:
        """Start of each unit's bag and end of the last (M + 1,), sample of each entry, and its slot, sorted by unit."""
        units, slots = self.indices.flatten(), None
        if self.used is not None and may_wait(units):
            slots = self.used.flatten().nonzero().squeeze(1)
            units = units[slots]
        # On a GPU a slot that holds no unit stays in the bag of its index: its value is zero.
        units, order = sort_numbers(units, self.n_latents)
        slots = order if slots is None else slots[order]
        starts = torch.searchsorted(units, torch.arange(self.n_latents + 1, device=units.device, dtype=units.dtype))
        return starts, slots // self.indices.shape[1] if self.samples is None else self.samples[slots], slots

    def transposed_product(self, values: Tensor, dense: Tensor) -> Tensor:
        """Z^T @ dense, (M, D), for the code matrix Z of `values`, shaped as the indices, and a dense (N, D)."""
        starts, samples, slots = self._transpose
        return _sums(samples, starts, dense, values.reshape(-1), slots)

    def product(self, values: Tensor, dense: Tensor) -> Tensor:
        """Z @ dense, (N, D), for the code matrix Z of `values` and a dense (M, D); differentiable in the values."""
        if not may_wait(dense):
            result: Tensor = _Product.apply(values.flatten(), dense, self)
            return result
        if self.samples is None:
            return F.embedding_bag(self.indices, dense, per_sample_weights=values, mode="sum")
        return _sums(self.indices, self.bags, dense, values)

    @cached_property
    def bags(self) -> Tensor | int:
        """Entries of each sample: k; of a list, start of each sample's and end of the last, (N + 1,)."""
        if self.samples is None:
            return self.indices.shape[1]
        return torch.searchsorted(self.samples, torch.arange(self.n_samples + 1, device=self.samples.device))

    def sum_rows(self, rows: Tensor) -> Tensor:
        """Of each unit, the sum of the rows (N, k, D) of its slots: (M, D)."""
        starts, _, slots = self._transpose
        return _sums(slots, starts, rows.flatten(0, -2))

    def sum_by_unit(self, values: Tensor) -> Tensor:
        """Column sums of the code matrix of `values`: (M,)."""
        if not may_wait(values):  # in a fixed order, and so the same each time
            return self.sum_rows(values[..., None]).squeeze(1)
        return values.new_zeros(self.n_latents).index_add_(0, self.indices.flatten(), values.flatten())


def sparse_codes(z: Tensor) -> SparseCodes:
    """Convert codes (N, M) to sparse codes with as many slots as the row with the most active units needs.

    Unused slots have the value zero.
    """
    n_samples = len(z)
    rows, units = z.nonzero(as_tuple=True)
    counts = torch.bincount(rows, minlength=n_samples)
    slots = torch.arange(len(rows), device=rows.device) - (counts.cumsum(0) - counts)[rows]
    shape = (n_samples, max(1, int(counts.max())) if n_samples else 1)
    values = z.new_zeros(shape).index_put_((rows, slots), z[rows, units])
    indices = units.new_zeros(shape).index_put_((rows, slots), units)
    return SparseCodes(values, indices, z.shape[1])


def codes_like(codes: Codes, z: Tensor) -> Codes:
    """Codes (N, M) in the form of others: what a model whose codes those are takes to decode."""
    return DenseCodes(z) if isinstance(codes, DenseCodes) else sparse_codes(z)


def decode(values: Tensor, selection: Selection, atoms: Tensor) -> Tensor:
    """The sum of each sample's atoms, weighted by its values: atoms (M, D) -> (N, D), differentiable in both."""
    summed = selection.product(values, atoms.detach())
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


def sort_numbers(numbers: Tensor, end: int) -> tuple[Tensor, Tensor]:
    """Numbers (E,) int64 in [0, end) in ascending order, equal ones in theirs, and where each was."""
    # Sorted one byte after the other: as the fewest bytes that hold them.
    short = numbers.to(torch.int16 if end <= 2**15 - 1 else torch.int32)
    if may_wait(numbers) and short.dtype == torch.int16 and len(short) < BY_BYTES:
        order = torch.from_numpy(short.numpy().argsort(kind="stable"))
        return short[order], order
    return short.sort(stable=True)


def _sums(
    rows: Tensor, bags: Tensor | int, dense: Tensor, weights: Tensor | None = None, order: Tensor | None = None
) -> Tensor:
    """Of each bag, the weighted sum of its rows of dense (R, D): (B, D); see `models.parts.kernels.bags.sums`."""
    result = attempt("bags.sums", dense, rows, bags, dense, weights, order)
    if result is not None:
        return result  # type: ignore[no-any-return]
    if weights is not None and order is not None:
        weights = weights[order]
    if isinstance(bags, int):
        weights = weights if weights is None else weights.view(-1, bags)
        return F.embedding_bag(rows.view(-1, bags), dense, per_sample_weights=weights, mode="sum")
    return F.embedding_bag(rows, dense, offsets=bags, per_sample_weights=weights, mode="sum", include_last_offset=True)


class _Product(torch.autograd.Function):
    """Z @ dense, differentiable in the values (E,) of Z; the dense matrix gets no gradient."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, dense: Tensor, selection: Selection) -> Tensor:
        ctx.selection = selection
        ctx.save_for_backward(dense)
        return _sums(selection.indices.flatten(), selection.bags, dense, values)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        (dense,) = ctx.saved_tensors
        units, samples = ctx.selection.indices.flatten(), ctx.selection.samples
        of_sample = ctx.selection.bags if samples is None else samples
        result = attempt("bags.products", dense, of_sample, units, grad, dense)
        if result is None:
            rows = grad.repeat_interleave(of_sample, 0) if samples is None else grad[samples]
            result = (rows * dense[units]).sum(1)
        return result, None, None


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
        return values.view_as(values)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        weight, centred = ctx.saved_tensors
        grad_bias = ctx.selection.sum_by_unit(grad)
        return ctx.selection.transposed_product(grad, centred), grad_bias, -(grad_bias @ weight), None, None, None
