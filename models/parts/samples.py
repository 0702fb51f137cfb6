"""Some of many samples."""

from __future__ import annotations

from torch import Tensor


def spread(x: Tensor, most: int) -> Tensor:
    """At most `most` of the samples x (N, D), evenly spaced: files may be in the order of their classes."""
    return x[:: max(1, -(-len(x) // most))]
