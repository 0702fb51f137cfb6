"""Points in the plane, neighbours beside neighbours: t-SNE, as in Baker & Li 2025 (2509.22994)."""

from __future__ import annotations

import numpy as np
from threadpoolctl import threadpool_limits

MIN_MAPPED = 30
"""Points below which a map of neighbours shows none."""


def embed(points: np.ndarray) -> np.ndarray | None:
    """t-SNE of (N, P) into the plane, the same for the same points; None of fewer than 30 different ones."""
    from sklearn.manifold import TSNE

    if len(points) < MIN_MAPPED or len(np.unique(points, axis=0)) < MIN_MAPPED:
        return None
    points = np.asarray(points, np.float64)
    if points.shape[1] < 2:
        points = np.column_stack([points, np.zeros(len(points))])
    tsne = TSNE(perplexity=min(30.0, (len(points) - 1) / 3), init="pca", random_state=0)
    with threadpool_limits(1):  # the sums, and so the map, depend on how many threads there are
        flat: np.ndarray = tsne.fit_transform(points)
    return flat
