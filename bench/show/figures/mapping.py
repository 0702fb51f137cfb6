"""Codes and atoms in the plane, neighbours beside neighbours: t-SNE, as in Baker & Li 2025 (2509.22994)."""

from __future__ import annotations

import numpy as np
from threadpoolctl import threadpool_limits

from bench.execute.views import View, numbers, rates, use
from metrics.matrix import dense, evenly_spaced, rows

MAPPED = 1000
MIN_MAPPED = 30
"""Points below which a map of neighbours shows none."""


def code_map(view: View) -> tuple[np.ndarray, np.ndarray] | None:
    """t-SNE of the codes of 1,000 evenly spaced samples, (N, 2), and the index of each one's class, -1 without."""
    chosen = evenly_spaced(len(view.split), MAPPED)
    points = embed(numbers(dense(rows(view.z, chosen)).double()))
    if points is None:
        return None
    if not view.classes:
        return points, np.full(len(points), -1)
    return points, np.searchsorted(view.classes, numbers(view.split.labels[chosen]))


def atom_map(view: View) -> tuple[np.ndarray, np.ndarray] | None:
    """t-SNE of the 1,000 most used atoms that are ever on, (M, 2), and the index of the class each is on in most."""
    if "atoms" not in view.given or not view.classes:
        return None
    used = use(view)
    units = np.argsort(-used, kind="stable")[:MAPPED]
    units = units[used[units] > 0]
    points = embed(numbers(view.given["atoms"]).astype(np.float64)[units])
    return None if points is None else (points, numbers(rates(view).argmax(0))[units])


def embed(points: np.ndarray) -> np.ndarray | None:
    """t-SNE into the plane, the same for the same points; None of fewer than 30 different ones."""
    from sklearn.manifold import TSNE

    if len(np.unique(points, axis=0)) < MIN_MAPPED:
        return None
    centred = points - points.mean(0)
    perplexity = min(30.0, (len(points) - 1) / 3)
    n_components = min(50, *points.shape)
    if points.shape[1] > n_components:  # as its author advises: distances in 1,000 dimensions cost, and say no more
        u, s, _ = np.linalg.svd(centred, full_matrices=False)
        centred = u[:, :n_components] * s[:n_components]
    if centred.shape[1] < 2:
        centred = np.column_stack([centred, np.zeros(len(centred))])
    tsne = TSNE(perplexity=perplexity, init="pca", random_state=0)
    with threadpool_limits(1):  # the sums, and so the map, depend on how many threads there are
        flat: np.ndarray = tsne.fit_transform(centred)
    return flat
