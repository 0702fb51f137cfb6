"""The k largest entries of rows: a program keeps a row in registers and halves the range of the k-th largest.

Floats in the order of their bits as integers are in the order of their values, but for the sign. So the search ends
after at most 32 counts, and as soon as k entries are at or above the middle of the range.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor


@triton.jit
def _top_k(scores, groups, values, columns, n_columns, n_entries, n_groups, k, WIDTH: tl.constexpr,
           BLOCK: tl.constexpr):  # fmt: skip
    row = tl.program_id(0).to(tl.int64)
    entry = tl.arange(0, BLOCK)
    inside = entry < n_entries
    if WIDTH == 1:
        column = entry.to(tl.int64)
    else:
        group = tl.load(groups + row * (n_entries // WIDTH) + entry // WIDTH, mask=inside, other=0)
        column = group + n_groups * (entry % WIDTH)
    score = tl.load(scores + row * n_columns + column, mask=inside, other=0.0)
    bits = score.to(tl.int32, bitcast=True)
    key = tl.where(score != score, 0x7FFFFFFF, tl.where(bits < 0, bits ^ 0x7FFFFFFF, bits))  # NaN first, as in torch
    low, high = tl.full((), -(2**31), tl.int64), tl.max(tl.where(inside, key, -(2**31)), axis=0).to(tl.int64) + 1
    count = tl.full((), 0, tl.int32) + n_entries
    while (high - low > 1) & (count != k):  # at least k keys are >= low, fewer are >= high
        middle = (low + high) >> 1
        at_or_above = tl.sum((inside & (key >= middle.to(tl.int32))).to(tl.int32), axis=0)
        enough = at_or_above >= k
        low, high = tl.where(enough, middle, low), tl.where(enough, high, middle)
        count = tl.where(enough, at_or_above, count)
    least = low.to(tl.int32)
    above, equal = inside & (key > least), inside & (key == least)
    wanted = k - tl.sum(above.to(tl.int32), axis=0)
    chosen = above | (equal & (tl.cumsum(equal.to(tl.int32), axis=0) <= wanted))
    place = row * k + tl.cumsum(chosen.to(tl.int32), axis=0) - 1
    tl.store(values + place, score, mask=chosen)
    tl.store(columns + place, column, mask=chosen)


def top_k(scores: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """The k largest of each row of scores (N, M) and their columns, in the order of columns: (N, k), (N, k) int64."""
    return _search(scores, scores, scores.shape[1], 1, k)


def top_k_of_groups(scores: Tensor, groups: Tensor, width: int, k: int) -> tuple[Tensor, Tensor]:
    """The same of some groups of a row alone: groups (N, G) int64, of which g is columns g, g + M / width, ..."""
    return _search(scores, groups.contiguous(), groups.shape[1] * width, width, k)


def _search(scores: Tensor, groups: Tensor, n_entries: int, width: int, k: int) -> tuple[Tensor, Tensor]:
    n_rows, n_columns = scores.shape
    values = scores.new_empty(n_rows, k)
    columns = torch.empty(n_rows, k, dtype=torch.int64, device=scores.device)
    block = triton.next_power_of_2(n_entries)
    if n_rows:
        _top_k[(n_rows,)](
            scores.contiguous(), groups, values, columns, n_columns, n_entries, n_columns // width, k, WIDTH=width,
            BLOCK=block, num_warps=max(1, min(32, block // 1024)),
        )  # fmt: skip
    return values, columns
