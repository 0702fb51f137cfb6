"""k-means clusters in the place of classes, for data without labels."""

from __future__ import annotations

import warnings

import numpy as np
import torch
from sklearn.cluster import KMeans, MiniBatchKMeans
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits
from torch import Tensor, nn

MAX_FITTED = 5000
"""Samples that are enough to fit k-means on."""

BATCH = 2048
"""Samples of a mini-batch."""

RATE = 0.01
"""Share of the way to a sample that the centre of its cluster goes when centres follow a batch [choice]."""

MEMORY = 0.05
"""Weight of the latest batch in the mean that says which share of the samples a cluster has [choice]."""

EMPTY = 0.1
"""Part of an equal share of the samples below which a cluster counts as empty [choice]."""


def centroids(x: np.ndarray, n_clusters: int, seed: int) -> np.ndarray:
    """The centres of k-means (Lloyd's, k-means++) on x (N, D), (K, D), on one thread; on more than `MAX_FITTED`
    samples by mini-batches (Sculley 2010).

    Where there are fewer distinct samples than clusters, the last centres repeat others.
    """
    n, options = min(n_clusters, len(x)), {"n_init": 1, "random_state": seed}
    small = len(x) <= MAX_FITTED
    fitted = KMeans(n, **options) if small else MiniBatchKMeans(n, batch_size=BATCH, **options)
    # The order of the sums, and so the centres, depend on the threads; that samples repeat is no failure.
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        centres: np.ndarray = fitted.fit(x).cluster_centers_
    return np.take(centres, np.arange(n_clusters).clip(max=n - 1), axis=0)


class Clusters(nn.Module):
    """The centres of some clusters of vectors of F numbers.

    Parameters
    ----------
    n_clusters, n_features : int
        K and F.
    """

    centres: Tensor
    """(K, F)."""
    shares: Tensor
    """Share of recent samples that each has, (K,)."""

    def __init__(self, n_clusters: int, n_features: int) -> None:
        super().__init__()
        self.register_buffer("centres", torch.zeros(n_clusters, n_features))
        self.register_buffer("shares", torch.full((n_clusters,), 1 / n_clusters))

    @torch.no_grad()
    def fit(self, features: Tensor) -> None:
        """Place the centres by k-means (Lloyd's, k-means++) on features (N, F), from torch's stream of random numbers.

        Raises ValueError if they are fewer than the clusters.
        """
        if len(features) < len(self.centres):
            raise ValueError(
                f"n_clusters = {len(self.centres)} is more than the {len(features)} training samples; choose fewer"
            )
        seed = int(torch.randint(2**31 - 1, ()))
        self.centres.copy_(torch.from_numpy(centroids(features.double().cpu().numpy(), len(self.centres), seed)))

    @torch.no_grad()
    def of(self, features: Tensor) -> Tensor:
        """The cluster whose centre is nearest to each of the features (N, F): (N,) int64."""
        return self._distances(features).argmin(1)

    @torch.no_grad()
    def follow(self, features: Tensor) -> None:
        """Move the centres with a batch of features (B, F): each towards those nearest to it, by `RATE` for each.

        The emptiest cluster begins anew, where it has less than `EMPTY` of what clusters have on average: at the sample
        that is farthest from its centre. Nothing here waits for a device.
        """
        n, order = len(self.centres), torch.arange(len(self.centres), device=features.device)
        nearest = self._distances(features).min(1)
        member = (nearest.indices == order[:, None]).to(features.dtype)
        sizes = member.sum(1)
        means = member @ features / sizes.clamp_min(1)[:, None]
        self.centres.lerp_(means, 1 - (1 - RATE) ** sizes[:, None])
        self.shares.lerp_(sizes / len(features), MEMORY)
        anew = (order == self.shares.argmin()) & (self.shares < EMPTY / n)
        error = nearest.values + features.square().sum(1)
        self.centres.copy_(torch.where(anew[:, None], features[error.argmax()[None]], self.centres))
        self.shares.masked_fill_(anew, 1 / n)

    def _distances(self, features: Tensor) -> Tensor:
        """Squared distances of features (N, F) from the centres, but for their own squared norm: (N, K)."""
        return self.centres.square().sum(1) - 2 * features @ self.centres.T
