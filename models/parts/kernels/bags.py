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
def _sums(rows, starts, dense, weights, order, out, width, LENGTH: tl.constexpr, WEIGHTED: tl.constexpr,
          ORDERED: tl.constexpr, AHEAD: tl.constexpr, BLOCK: tl.constexpr):  # fmt: skip
    bag = tl.program_id(0).to(tl.int64)
    columns = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    inside = columns < width
    if LENGTH:
        first, end = bag * LENGTH, bag * LENGTH + LENGTH
    else:
        first, end = tl.load(starts + bag), tl.load(starts + bag + 1)
    total = tl.zeros((BLOCK,), tl.float32)
    for start in range(first, end, AHEAD):
        entries = start + tl.arange(0, AHEAD)
        present = entries < end
        row = tl.load(rows + entries, mask=present, other=0)
        at = dense + row[:, None] * width + columns[None, :]
        part = tl.load(at, mask=present[:, None] & inside[None, :], other=0.0)
        if WEIGHTED:
            place = tl.load(order + entries, mask=present, other=0) if ORDERED else entries
            part *= tl.load(weights + place, mask=present, other=0.0)[:, None]
        total += tl.sum(part, axis=0)
    tl.store(out + bag * width + columns, total, mask=inside)


@triton.jit
def _products(first_rows, second_rows, first, second, out, width, LENGTH: tl.constexpr, BLOCK: tl.constexpr):
    entry = tl.program_id(0).to(tl.int64)
    one = (entry // LENGTH if LENGTH else tl.load(first_rows + entry)) * width
    other = tl.load(second_rows + entry) * width
    total = tl.zeros((BLOCK,), tl.float32)
    for start in range(0, width, BLOCK):
        columns = start + tl.arange(0, BLOCK)
        inside = columns < width
        left = tl.load(first + one + columns, mask=inside, other=0.0)
        total += left * tl.load(second + other + columns, mask=inside, other=0.0)
    tl.store(out + entry, tl.sum(total, axis=0))


def sums(
    rows: Tensor, bags: Tensor | int, dense: Tensor, weights: Tensor | None = None, order: Tensor | None = None
) -> Tensor:
    """Of each bag, the weighted sum of its rows of dense (R, D): (B, D).

    Bag b holds the entries bags[b] to bags[b + 1] of `rows` (E,) int64, with bags (B + 1,) int64; or, of a number, as
    many entries each. The weight of entry e is weights[e], with an order (E,) weights[order[e]], without weights 1.
    """
    length = bags if isinstance(bags, int) else 0
    starts = rows if isinstance(bags, int) else bags
    n_bags, width = len(rows) // length if length else len(starts) - 1, dense.shape[1]
    out = dense.new_empty(n_bags, width)
    ahead, widest = MANY if len(rows) >= MANY[0] * n_bags else FEW
    block = min(widest, triton.next_power_of_2(width))
    if out.numel():
        rows, dense = rows.contiguous(), dense.contiguous()
        _sums[(n_bags, triton.cdiv(width, block))](
            rows, starts, dense, dense if weights is None else weights.contiguous(), rows if order is None else order,
            out, width, LENGTH=length, WEIGHTED=weights is not None, ORDERED=order is not None, AHEAD=ahead,
            BLOCK=block,
        )  # fmt: skip
    return out


def products(first_rows: Tensor | int, second_rows: Tensor, first: Tensor, second: Tensor) -> Tensor:
    """first[first_rows[e]] . second[second_rows[e]] of each entry e: (E,).

    Of a number, the first row of entry e is e divided by it, rounded down.
    """
    out, width = first.new_empty(len(second_rows)), first.shape[1]
    if len(out):
        length = first_rows if isinstance(first_rows, int) else 0
        rows = (second_rows if isinstance(r, int) else r.contiguous() for r in (first_rows, second_rows))
        block = min(WIDEST, triton.next_power_of_2(width))
        _products[(len(out),)](*rows, first.contiguous(), second.contiguous(), out, width, LENGTH=length, BLOCK=block)
    return out
