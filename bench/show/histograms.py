"""A vector as a histogram: how many units have which density, say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

N_BINS = 30
WIDE = 50
"""Largest over smallest positive value from which on bins are even in the logarithm."""
NEGLIGIBLE = 1e-6
"""Spread, relative to the largest value, below which there is one bin."""
HALF_WIDTH = 0.05
"""Of this one bin, relative to the largest value: one that an axis has round ticks around."""
SMALLEST, LARGEST = 1e-300, 1e300
"""Between them a bin has a width that is a number."""


def histogram(values: np.ndarray) -> dict[str, Any]:
    """Edges and counts of bins; with logarithmic ones zeros, which have no place there, are counted apart.

    Values that are infinite, or near it, are left out; values that hardly differ have one bin.
    """
    import numpy as np

    values = values[np.abs(values) <= LARGEST]
    positive = values[values > 0]
    log = bool(len(positive) and values.min() >= 0 and positive.max() >= WIDE * positive.min())
    shown = np.log10(positive) if log else values
    counts, edges = _bins(shown) if len(shown) else (np.empty(0, int), np.empty(0))
    return {
        "log": log,
        "edges": edges.tolist(),
        "counts": counts.tolist(),
        "zeros": len(values) - len(positive) if log else 0,
    }


def _bins(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Counts and edges; one bin around values that rounding alone may tell apart."""
    import numpy as np

    low, high = float(values.min()), float(values.max())
    reach = max(abs(low), abs(high), SMALLEST)
    if high - low > NEGLIGIBLE * reach:
        return np.histogram(values, N_BINS)
    middle, half = (low + high) / 2, HALF_WIDTH * (reach if reach > SMALLEST else 1.0)
    return np.array([len(values)]), np.array([middle - half, middle + half])
