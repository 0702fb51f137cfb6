"""The largest entries of long rows, by which every k-sparse encoder selects.

The result is exact: columns are split into groups, and the k groups with the largest maxima contain the k largest
entries. On CPU the maxima of groups are computed at the speed of memory, whereas `Tensor.topk` and `Tensor.max` examine
one entry at a time.
"""

from __future__ import annotations

import torch
from torch import Tensor

from models.parts.hardware import block, linear, may_wait
from models.parts.kernels import attempt

CACHED = 2**22
"""Pre-activations computed at a time on CPU: 16 MB, memory that the allocator reuses instead of mapping it anew."""

SHORT = 4096
"""Columns of a row that a GPU searches as they are, in registers. Of longer rows it searches the maxima of groups, and
the groups that are left: measured, twice as fast as a search of 16,384, and twenty times as one of 49,152."""


@torch.no_grad()
def top_k(scores: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """The k largest entries of each row and their columns, unordered: scores (N, M) -> (N, k), (N, k).

    The entries have no gradient, on no device: who needs one gathers them by their columns.
    """
    width = _group_width(scores, 2 * k, (16, 8, 4) if may_wait(scores) else (32, 16, 8, 4))
    if width == 1:
        return _search(scores, k)
    groups = scores.unflatten(1, (width, -1))
    n_groups = groups.shape[2]
    _, best = _search(groups.amax(1), k)
    result = attempt("largest.top_k_of_groups", scores, scores, best, width, k) if k * width <= SHORT else None
    if result is not None:
        return result  # type: ignore[no-any-return]
    columns = (best[:, None, :] + n_groups * torch.arange(width, device=scores.device)[:, None]).flatten(1)
    values, positions = _search(scores.gather(1, columns), k)
    return values, columns.gather(1, positions)


def _search(scores: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """The same of rows that are not grouped."""
    result = attempt("largest.top_k", scores, scores, k) if scores.shape[1] <= SHORT else None
    if result is not None:
        return result  # type: ignore[no-any-return]
    values, columns = scores.topk(k, dim=1, sorted=False)
    return values, columns


def top_k_linear(x: Tensor, weight: Tensor, bias: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """`top_k` of x W^T + b, x (N, D), W (M, D), b (M,), computed in blocks of units: never the whole (N, M)."""
    size = max(k, block(x, CACHED) // max(1, len(x)))
    if size >= len(weight):
        return top_k(linear(x, weight, bias), k)
    blocks = [
        top_k(linear(x, part, part_bias), min(k, len(part)))
        for part, part_bias in zip(weight.split(size), bias.split(size), strict=True)
    ]
    values, positions = torch.cat([values for values, _ in blocks], dim=1).topk(k, dim=1, sorted=False)
    columns = torch.cat([columns + i * size for i, (_, columns) in enumerate(blocks)], dim=1)
    return values, columns.gather(1, positions)


def argmax(scores: Tensor) -> Tensor:
    """Column of the largest entry of each row, (N, M) -> (N,), by the method of `top_k`."""
    width = _group_width(scores, 32, (64, 32, 16, 8, 4))
    if width == 1:
        return scores.argmax(1)
    groups = scores.unflatten(1, (width, -1))
    best = groups.amax(1).argmax(1)
    members = groups.gather(2, best[:, None, None].expand(-1, width, 1)).squeeze(2)
    columns: Tensor = members.argmax(1) * groups.shape[2] + best
    return columns


def _group_width(scores: Tensor, least_groups: int, widths: tuple[int, ...]) -> int:
    """Columns per group: the first of `widths` that makes at least `least_groups` equal groups; 1 if none does."""
    n_columns = scores.shape[1]
    if not may_wait(scores) and n_columns <= SHORT:
        return 1
    return next((w for w in widths if n_columns % w == 0 and n_columns // w >= least_groups), 1)
