"""Points in the plane, neighbours beside neighbours: t-SNE, as in Baker & Li 2025 (2509.22994)."""

from __future__ import annotations

import numpy as np
from threadpoolctl import threadpool_limits

MIN_MAPPED, MAX_MAPPED = 30, 500
"""Points below which a map of neighbours shows none, and those that it takes: seconds grow faster than their number."""
STEPS = 500
"""Of gradient descent. A map of so many points hardly moves after them."""


def mappable(points: np.ndarray) -> bool:
    """Whether there are 30 different ones among those that are mapped of (N, P)."""
    return len(points) >= MIN_MAPPED and len(np.unique(points[some(len(points))], axis=0)) >= MIN_MAPPED


def some(n_points: int) -> np.ndarray:
    """Indices of the points that a map of so many shows: evenly spaced ones."""
    return np.unique(np.linspace(0, n_points - 1, MAX_MAPPED).round().astype(int))


def embed(points: np.ndarray) -> np.ndarray:
    """t-SNE of (N, P) into the plane, the same for the same points; they are `mappable`."""
    from sklearn.manifold import TSNE

    points = np.asarray(points, np.float64)
    if points.shape[1] < 2:
        points = np.column_stack([points, np.zeros(len(points))])
    tsne = TSNE(perplexity=min(30.0, (len(points) - 1) / 3), init="pca", random_state=0, max_iter=STEPS)
    with threadpool_limits(1):  # the sums, and so the map, depend on how many threads there are
        flat: np.ndarray = tsne.fit_transform(points)
    return flat
