"""A vector as a histogram: how many units have which density, say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

N_BINS = 30
WIDE = 50
"""Largest over smallest positive value from which on bins are even in the logarithm."""


def histogram(values: np.ndarray) -> dict[str, Any]:
    """Edges and counts of bins; with logarithmic ones zeros, which have no place there, are counted apart.

    Values that are not finite, and values below zero beside logarithmic bins, do not occur: the first are left out, the
    second make the bins linear.
    """
    import numpy as np

    values = np.asarray(values, dtype=np.float64)
    values = values[np.isfinite(values)]
    positive = values[values > 0]
    log = bool(len(positive) and values.min() >= 0 and positive.max() / positive.min() >= WIDE)
    shown = np.log10(positive) if log else values
    counts, edges = np.histogram(shown, N_BINS) if len(shown) else (np.empty(0, int), np.empty(0))
    return {
        "log": log,
        "edges": [float(f"{edge:.5g}") for edge in edges],
        "counts": counts.tolist(),
        "zeros": len(values) - len(positive) if log else 0,
    }
