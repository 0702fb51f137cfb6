"""Codes as a matrix (N, M): a tensor, or a scipy CSR array where the dense one would be too large.

Every computation over all samples uses these functions. They work in float64 and in bounded memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
import torch
from scipy.sparse import csr_array
from torch import Tensor

from metrics.base import Axis, Place
from metrics.once import once

Matrix: TypeAlias = Tensor | csr_array
"""Codes, or whether units are on."""

MAX_ENTRIES = 2**28
"""Entries above which codes are kept as CSR: 1 GiB of float32."""

BLOCK_ENTRIES = 2**20
"""Entries of a dense block of rows: a block that stays in cache costs a third of one that does not."""

SPARSE_ROWS = 2**15
"""Rows of a block of a CSR matrix."""

MAX_UNITS = 2048
"""Most units among which pairs are formed; if there are more, evenly spaced ones are used."""

SHRINKAGE = 0.1
"""Share of the identity, at the mean variance, in the covariance of linear discriminants [choice]."""


class ClassMoments(NamedTuple):
    """Moments of the classes that occur, in the order of their labels; float64."""

    sizes: Tensor
    """Samples of each class, (C,)."""
    means: Tensor
    """Mean of each unit in each class, (C, M)."""
    variances: Tensor
    """Variance of each unit in each class, (C, M)."""


def blocks(matrix: Matrix) -> Iterator[Tensor]:
    """The matrix as dense blocks of rows."""
    height = max(1, BLOCK_ENTRIES // max(1, matrix.shape[1]))
    for start in range(0, matrix.shape[0], height):
        yield dense(matrix[start : start + height])


def nonzeros(matrix: Matrix) -> Iterator[tuple[Tensor, Tensor]]:
    """Blocks of rows without their zeros: values (B, K) padded with zeros, and their units (B, K); K varies."""
    height = max(1, BLOCK_ENTRIES // max(1, matrix.shape[1])) if isinstance(matrix, Tensor) else SPARSE_ROWS
    for start in range(0, matrix.shape[0], height):
        part = matrix[start : start + height]
        if isinstance(part, Tensor):
            k = int((part != 0).sum(1).max())
            units = (part != 0).to(torch.uint8).topk(k, dim=1).indices
            yield part.gather(1, units), units
            continue
        counts = np.diff(part.indptr)
        slots = np.arange(counts.max(initial=0)) < counts[:, None]
        packed, indices = np.zeros(slots.shape, part.dtype), np.zeros(slots.shape, np.int64)
        packed[slots], indices[slots] = part.data, part.indices
        yield torch.from_numpy(packed), torch.from_numpy(indices)


def dense(matrix: Matrix) -> Tensor:
    """The matrix as a dense tensor; if a matrix may be large, pass a part of it."""
    return matrix if isinstance(matrix, Tensor) else torch.from_numpy(matrix.toarray())


def entries(matrix: Matrix) -> Tensor:
    """The values of a matrix, in no particular order; only the stored ones for CSR."""
    return matrix if isinstance(matrix, Tensor) else torch.from_numpy(matrix.data)


def device_of(matrix: Matrix) -> torch.device:
    """Where a matrix is, and what is computed of it; CSR is on the CPU."""
    return matrix.device if isinstance(matrix, Tensor) else torch.device("cpu")


def column_sums(matrix: Matrix) -> Tensor:
    """Sum of each unit over the samples, (M,) float64."""
    if isinstance(matrix, Tensor):
        return _sum_of_blocks(matrix, lambda block: block)
    return torch.from_numpy(matrix.astype(np.float64).sum(0))  # scipy's `dtype` argument converts only after summing


def column_squares(matrix: Matrix) -> Tensor:
    """Sum of squares of each unit over the samples, (M,) float64."""
    if not isinstance(matrix, Tensor):
        return column_sums(matrix.astype(np.float64).power(2))
    return _sum_of_blocks(matrix, torch.square)


def _sum_of_blocks(matrix: Tensor, function: Callable[[Tensor], Tensor]) -> Tensor:
    """Sum over the samples of a function of their numbers in float64, (M,): block by block, a fifth of the time."""
    sums = torch.zeros(matrix.shape[1], dtype=torch.float64, device=matrix.device)
    for block in blocks(matrix):
        sums += function(block.double()).sum(0)
    return sums


@once
def class_moments(matrix: Matrix, labels: Tensor) -> ClassMoments:
    """Size, means and variances of each class."""
    classes, members = labels.unique(return_inverse=True)
    members = members.to(device_of(matrix))
    one_hot = members[:, None] == torch.arange(len(classes), device=members.device)
    sums = transposed_product(matrix, one_hot).T
    binary = matrix.dtype in (torch.bool, np.bool_)
    squares = sums if binary else transposed_product(matrix, one_hot, power=2).T
    sizes = torch.bincount(members, minlength=len(classes)).double()
    means = sums / sizes[:, None]
    return ClassMoments(sizes, means, variance(means, squares / sizes[:, None]))


def transposed_product(matrix: Matrix, other: Matrix, power: int = 1) -> Tensor:
    """(matrix ** power)^T @ other: (N, M) and (N, E) -> (M, E) float64."""
    if isinstance(matrix, Tensor) and isinstance(other, Tensor):
        height = max(1, BLOCK_ENTRIES // max(1, matrix.shape[1], other.shape[1]))
        product = torch.zeros(matrix.shape[1], other.shape[1], dtype=torch.float64, device=matrix.device)
        counts = matrix.dtype == other.dtype == torch.bool  # the counts of a block are exact in float32
        dtype = torch.float32 if counts else torch.float64
        for left, right in zip(matrix.split(height), other.split(height), strict=True):
            product += left.to(dtype).pow(power).T @ right.to(dtype)
        return product
    left, right = (m.cpu().double().numpy() if isinstance(m, Tensor) else m.astype(np.float64) for m in (matrix, other))
    product = (left if power == 1 else left**power).T @ right
    return torch.from_numpy(product if isinstance(product, np.ndarray) else product.toarray())


def evenly_spaced(n: int, limit: int) -> Tensor:
    """At most `limit` evenly spaced indices below n; all of them if there are no more than `limit`."""
    # In float32 the last one may be rounded up to n, beyond 2^24.
    return torch.linspace(0, n - 1, limit).round().long().clamp_max(n - 1) if n > limit else torch.arange(n)


def spread(matrix: Matrix, limit: int) -> Matrix:
    """At most `limit` evenly spaced samples of a matrix."""
    return rows(matrix, evenly_spaced(matrix.shape[0], limit))


def live_units(active: Matrix, limit: int | None = None) -> Tensor:
    """Indices of the units that are on for any sample; if they are more than `limit`, evenly spaced ones."""
    live = column_sums(active).nonzero().squeeze(1)
    return live if limit is None else live[evenly_spaced(len(live), limit).to(live.device)]


def rows(matrix: Matrix, samples: Tensor) -> Matrix:
    """The rows of a matrix at the indices `samples`."""
    return matrix[samples.to(matrix.device)] if isinstance(matrix, Tensor) else matrix[samples.cpu().numpy()]


def columns(matrix: Matrix, units: Tensor) -> Matrix:
    """The columns of a matrix at the indices `units`."""
    return matrix[:, units] if isinstance(matrix, Tensor) else matrix[:, units.cpu().numpy()]


def quantiles(values: Tensor, at: Sequence[float]) -> dict[str, float]:
    """Quantiles by name, such as {"q10": ..., "q95": ...}; an empty dict for no values."""
    numbers = values.cpu().numpy()
    return {_quantile_key(q): float(np.quantile(numbers, q)) for q in at} if len(numbers) else {}


def quantile_axis(at: Sequence[float]) -> Axis:
    """The axis for the keys of `quantiles`, in percent."""
    return Axis("quantile [%]", {_quantile_key(q): Place("", _percent(q)) for q in at}, quantiles=True)


def _quantile_key(q: float) -> str:
    return f"q{_percent(q)}"


def _percent(q: float) -> int:
    return round(100 * q)


def upper_triangle(pairs: Tensor) -> Tensor:
    """The entries above the diagonal of a square matrix: each pair once."""
    first, second = torch.triu_indices(len(pairs), len(pairs), offset=1, device=pairs.device)
    return pairs[first, second]


def correlations(matrix: Matrix, other: Matrix) -> Tensor:
    """Pearson correlation of the columns of two matrices, (M, E) float64; 0 where a column is constant."""
    n = matrix.shape[0]
    product = transposed_product(matrix, other) / n
    (mean, deviation), (other_mean, other_deviation) = (
        [moment.to(product.device) for moment in _moments(each)] for each in (matrix, other)
    )
    covariance = product - torch.outer(mean, other_mean)
    scale = torch.outer(deviation, other_deviation)
    return torch.where(scale > 0, covariance / scale.clamp_min(1e-300), 0.0).clamp(-1, 1)


def _moments(matrix: Matrix) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of each column."""
    means, squares = (sums / matrix.shape[0] for sums in (column_sums(matrix), column_squares(matrix)))
    return means, variance(means, squares).sqrt()


def variance(means: Tensor, squares: Tensor) -> Tensor:
    """The variance E[z^2] - E[z]^2; 0 where it is lost in rounding."""
    result = squares - means.square()
    return torch.where(result > 1e-12 * squares, result, 0.0)


def shrunk(covariance: Tensor) -> Tensor:
    """A covariance (D, D) that can be inverted: mixed with the identity at its mean variance, or at 1 if that is 0."""
    level = covariance.diagonal().mean()
    covariance = (1 - SHRINKAGE) * covariance
    covariance.diagonal().add_(SHRINKAGE * level + (level == 0))
    return covariance
