"""One pass over rows that stay in their files: the moments of the training samples, and whether all are finite."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from bench.datasets.normalising import Moments
from bench.datasets.progress import followed
from bench.datasets.stored import Rows
from bench.datasets.stream import Stream, as_float_rows
from bench.errors import BenchError

CHUNK_BYTES = 2**20
"""Read at once, about: what is made of it stays in a processor's cache."""


def require_finite(x: Tensor, place: Callable[[int], tuple[Path, int]], first: int = 0) -> None:
    """BenchError that names file, row and column of the first NaN or infinity in x (n, D), rows from `first` on.

    `place` tells a row's file and its number there.
    """
    if not x.sum().isfinite() and not x.isfinite().all():  # a sum is fast
        row, column = (~x.isfinite()).nonzero()[0].tolist()
        path, number = place(first + row)
        raise BenchError(
            f"'{path}' has {x[row, column].item():g} at row {number:,}, column {column} (both from 0); leave such "
            "samples out, or fill in a value."
        )


def streamed_moments(stream: Stream) -> Moments:
    """The moments of the samples of a stream.

    By Chan, Golub & LeVeque's update of sums of squares. BenchError for NaN and infinities in any row of its files.
    """
    rows, n, low, high = stream.rows, 0, torch.tensor(torch.inf), torch.tensor(-torch.inf)
    mean = squares = torch.zeros((), dtype=torch.float64)
    size = max(1, CHUNK_BYTES // rows.row_bytes)
    starts = range(0, len(rows), size)
    for start in followed(f"reading {_name(rows)}", starts, len(starts)):
        x = as_float_rows(rows.read(start, min(start + size, len(rows))))
        require_finite(x, rows.place, start)
        begin, end = torch.searchsorted(stream.samples, torch.tensor([start, start + size])).tolist()
        if begin == end:
            continue
        chosen = x[stream.samples[begin:end] - start]
        low, high = torch.minimum(low, chosen.amin(0)), torch.maximum(high, chosen.amax(0))
        centre, variance = _centre_and_variance(chosen)
        share = (end - begin) / (n + end - begin)
        squares = squares + (end - begin) * variance + (centre - mean).square() * n * share
        mean = mean + (centre - mean) * share
        n += end - begin
    return Moments(mean, (squares / n).sqrt(), low.double(), high.double())


def _centre_and_variance(x: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and variance over few rows, as float64: about a centre in float32, and what it misses of the mean."""
    centre = x.mean(0)
    apart = x - centre
    missed = apart.mean(0).double()
    return centre.double() + missed, apart.square().mean(0).double() - missed.square()


def _name(rows: Rows) -> str:
    path: Path = rows.parts[0].path
    return path.name if len(rows.parts) == 1 else path.parent.name
