"""Weighted sums of gathered rows, and inner products of gathered rows: what a sparse code costs, and nothing more."""

from __future__ import annotations

import triton
import triton.language as tl
from torch import Tensor

WIDEST = 1024
"""Features of one entry that a program of `products` carries at a time."""

FEW, MANY = (8, 1024), (16, 256)
"""Rows that a program of `sums` has under way at a time, and features of them, where bags have few rows or many: of
the shapes tried on an H100, the fastest for the weight gradients and for the decoding of TopK. A unit that all samples
use has a bag of thousands, which takes as long as all others together."""


@triton.jit
def _sums(weights, rows, starts, dense, out, width, AHEAD: tl.constexpr, BLOCK: tl.constexpr):
    bag = tl.program_id(0).to(tl.int64)
    columns = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    inside = columns < width
    first, end = tl.load(starts + bag), tl.load(starts + bag + 1)
    total = tl.zeros((BLOCK,), tl.float32)
    for start in range(first, end, AHEAD):
        entries = start + tl.arange(0, AHEAD)
        present = entries < end
        row = tl.load(rows + entries, mask=present, other=0)
        weight = tl.load(weights + entries, mask=present, other=0.0)
        part = tl.load(
            dense + row[:, None] * width + columns[None, :], mask=present[:, None] & inside[None, :], other=0.0
        )
        total += tl.sum(weight[:, None] * part, axis=0)
    tl.store(out + bag * width + columns, total, mask=inside)


@triton.jit
def _products(first_rows, second_rows, first, second, out, width, BLOCK: tl.constexpr):
    entry = tl.program_id(0).to(tl.int64)
    one, other = tl.load(first_rows + entry) * width, tl.load(second_rows + entry) * width
    total = tl.zeros((BLOCK,), tl.float32)
    for start in range(0, width, BLOCK):
        columns = start + tl.arange(0, BLOCK)
        inside = columns < width
        left = tl.load(first + one + columns, mask=inside, other=0.0)
        total += left * tl.load(second + other + columns, mask=inside, other=0.0)
    tl.store(out + entry, tl.sum(total, axis=0))


def sums(weights: Tensor, rows: Tensor, starts: Tensor, dense: Tensor) -> Tensor:
    """Of each bag, the weighted sum of its rows of dense (R, D): (B, D).

    Bag b holds the entries starts[b] to starts[b + 1] of `weights` (E,) and `rows` (E,) int64; starts (B + 1,) int64.
    """
    n_bags, width = len(starts) - 1, dense.shape[1]
    out = dense.new_empty(n_bags, width)
    ahead, widest = MANY if len(rows) >= MANY[0] * n_bags else FEW
    block = min(widest, triton.next_power_of_2(width))
    if out.numel():
        _sums[(n_bags, triton.cdiv(width, block))](
            weights.contiguous(), rows.contiguous(), starts, dense.contiguous(), out, width, AHEAD=ahead, BLOCK=block
        )
    return out


def products(first_rows: Tensor, second_rows: Tensor, first: Tensor, second: Tensor) -> Tensor:
    """first[first_rows[e]] . second[second_rows[e]] of each entry e: (E,)."""
    out, width = first.new_empty(len(first_rows)), first.shape[1]
    if len(out):
        block = min(WIDEST, triton.next_power_of_2(width))
        rows = first_rows.contiguous(), second_rows.contiguous()
        _products[(len(out),)](*rows, first.contiguous(), second.contiguous(), out, width, BLOCK=block)
    return out
